//! Units that no policy opens: without them the host is lost to its administrator, or taken over.

use wildmatch::WildMatch;

use linux_api_acts::names::unit_type;
use linux_api_acts::protocol::UnitVerb;

/// Never acted on: systemd itself, logins, the bus, shells without a login, the end of the system, and
/// ourselves.
const NEVER: &str = "\
    systemd-* linux-api* dbus* user@* user-runtime-dir@* getty@* serial-getty@* \
    console-getty* container-getty@* autovt@* debug-shell* emergency* rescue* initrd-* \
    dracut-* sulogin* single halt poweroff reboot kexec*";

/// Never stopped, disabled or limited: the ways to the host, its protection, its record, and the
/// database that the daemon may need. They can be restarted where the policy allows it, by people.
const NEVER_STOPPED: &str = "\
    ssh* dropbear* polkit* NetworkManager* networking* network wicked* connman* dhcpcd* \
    dhclient* wpa_supplicant* iwd* netplan* cloud-init* firewalld* nftables* iptables* \
    ip6tables* ebtables* ipset* ufw* shorewall* netfilter-persistent* openvpn* wg-quick@* \
    wireguard* strongswan* ipsec* libreswan* tailscaled* zerotier-one* nebula* netbird* \
    cloudflared* audit* apparmor* selinux* postgresql*";

/// Whether the verb ends, disables or starves a unit.
const fn is_stopping(verb: UnitVerb) -> bool {
    matches!(verb, UnitVerb::Stop | UnitVerb::Disable | UnitVerb::Limits)
}

/// The built-in pattern that forbids the verb for a unit of this name; to rules of alerts more than to people.
pub(super) fn forbids(verb: UnitVerb, name: &str, is_automatic: bool) -> Option<String> {
    let never = match (is_stopping(verb), is_automatic) {
        (true, _) => "stopped, disabled or limited",
        (false, true) => "acted on automatically",
        (false, false) => return forbids_touching(name),
    };
    forbids_touching(name).or_else(|| {
        let found = find(NEVER_STOPPED, name);
        found.map(|pattern| format!("built in: {pattern} is never {never}"))
    })
}

/// The built-in pattern that forbids every verb.
fn forbids_touching(name: &str) -> Option<String> {
    find(NEVER, name).map(|pattern| format!("built in: {pattern} is never acted on"))
}

/// The built-in pattern that forbids signals to the processes of a unit. Those of a user's own manager
/// are the user's.
pub(super) fn forbids_processes_of(unit: &str) -> Option<String> {
    if unit.starts_with("user@") {
        return None;
    }
    let found = find(NEVER, unit).or_else(|| find(NEVER_STOPPED, unit));
    found.map(|pattern| format!("built in: processes of {pattern} get no signals"))
}

/// Which of the patterns matches a name without its type.
fn find(patterns: &'static str, name: &str) -> Option<&'static str> {
    let stem = unit_type(name).and_then(|kind| name.strip_suffix(kind));
    let stem = stem.unwrap_or(name);
    patterns
        .split_whitespace()
        .find(|pattern| WildMatch::new(pattern).matches(stem))
}
