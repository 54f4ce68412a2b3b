//! What the guides say that a test can't do on any machine, each with its reason and with what is
//! looked at all the same. `scripts/try-on-debian` runs the installation and the preparation of a
//! server as they stand there, `scripts/try-image` the image.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use linux_api_config::{Config, Section};

use crate::guides::pages::root;

/// Commands that begin alike and are not run.
pub(crate) struct UnrunCommand {
    /// How they begin, past `sudo`.
    pub(crate) begins: &'static str,
    /// Why they are not run.
    pub(crate) reason: &'static str,
    /// What must be so beyond what [`look_at`] sees to; says what is wrong.
    check: fn(&str) -> Result<(), String>,
}

const fn listed(
    begins: &'static str,
    reason: &'static str,
    check: fn(&str) -> Result<(), String>,
) -> UnrunCommand {
    UnrunCommand {
        begins,
        reason,
        check,
    }
}

const PACKAGES: &str = "changes the packages of this machine";
const ROOT: &str = "writes where only root may";
const SYSTEMD: &str = "needs a booted systemd";
const ENGINE: &str = "needs a container engine";
const SERVER: &str = "needs the accounts of a PostgreSQL server";
const ACCOUNTS: &str = "changes the accounts of this machine";
const HOST: &str = "changes this host";
const FLEET: &str = "plays for minutes, with servers of its own";
const ALERT: &str = "needs an alert, a silence or a host of that name";
const CLIENT: &str = "scripts/check-openapi runs it";
const RELEASE: &str = "needs or builds a release";
const SSH: &str = "needs a host behind ssh";

pub(crate) const LISTED: &[UnrunCommand] = &[
    listed("linux-api tui ssh://", SSH, nothing),
    listed("linux-api remote import ~/.ssh/config", SSH, nothing),
    listed("linux-api remote add --push", SSH, nothing),
    listed("linux-api remote clean", SSH, nothing),
    listed("apt-get ", PACKAGES, names_our_package),
    listed("curl --proto '=https'", "installs a compiler", names_rustup),
    listed(". \"$HOME/.cargo/env\"", "installs a compiler", nothing),
    listed("cargo install ", PACKAGES, nothing),
    listed("pip install ziglang ", PACKAGES, nothing),
    listed("pip install ", PACKAGES, is_of_check_openapi),
    listed("openapi-python-client ", CLIENT, nothing),
    listed("npm install ", PACKAGES, is_of_check_openapi),
    listed("npx ", CLIENT, nothing),
    listed("chmod +x linux-api", "needs a release", nothing),
    listed("curl -fsSL -o /etc/apt/", ROOT, is_in_a_repository),
    listed("sh install.sh", RELEASE, is_a_path),
    listed(
        "TARGET=aarch64-unknown-linux-musl ",
        RELEASE,
        names_a_script,
    ),
    listed("SIGNING_KEY_ID=", RELEASE, names_a_script),
    listed("minisign -G ", "makes the release key", nothing),
    listed(
        "gpg --quick-generate-key ",
        "makes the release key",
        nothing,
    ),
    listed(
        "sed -i \"s|^",
        "changes install.sh",
        sets_a_line_of_install_sh,
    ),
    listed("ansible-playbook ", "changes other hosts", names_a_playbook),
    listed("kubectl ", "needs a cluster", nothing),
    listed("make ", "builds the program", names_a_target),
    listed("fleet --hosts ", FLEET, nothing),
    listed("cargo xtask fleet ", FLEET, nothing),
    listed("podman ", ENGINE, nothing),
    listed("docker compose ", ENGINE, nothing),
    listed("cd packaging/container", ENGINE, is_a_path),
    listed("mkdir -p state", ENGINE, nothing),
    listed("./secrets.sh", "belongs to the engine", is_beside_compose),
    listed("tar -xzf linux-api-", "needs a release", nothing),
    listed("cd linux-api-", "needs a release", nothing),
    listed("install ", ROOT, nothing),
    listed("sed 's|/usr/bin/linux-api|", ROOT, replaces_in_the_unit),
    listed("systemd-sysusers ", ACCOUNTS, nothing),
    listed("systemd-tmpfiles ", ROOT, nothing),
    listed("systemctl ", SYSTEMD, nothing),
    listed("linux-api setup --logs", SYSTEMD, nothing),
    listed("linux-api policy ", ROOT, nothing),
    listed("linux-api audit verify", ROOT, nothing),
    listed("linux-api process signal ", "acts on this host", nothing),
    listed("linux-api process renice ", "acts on this host", nothing),
    listed("linux-api unit ", SYSTEMD, nothing),
    listed("linux-api logs", "reads the journal", nothing),
    listed("linux-api executor ", "acts on this host", nothing),
    listed("linux-api alert ack ", ALERT, nothing),
    listed("linux-api alert release ", ALERT, nothing),
    listed("linux-api alert silence end ", ALERT, nothing),
    listed("linux-api alert history --since 1d --host ", ALERT, nothing),
    listed("linux-api alert test ", "needs a receiver", nothing),
    listed(
        "linux-api alert rule delete ",
        "waits for a confirmation",
        nothing,
    ),
    listed("curl -X POST ", "acts on this host", nothing),
    listed(
        "cat /var/lib/linux-api/first-admin-key",
        ROOT,
        names_the_first_key,
    ),
    listed(
        "rm /var/lib/linux-api/first-admin-key",
        ROOT,
        names_the_first_key,
    ),
    listed("-u postgres ", SERVER, nothing),
    listed("linux-api db grant ", SERVER, nothing),
    listed("printf 'postgres://", ROOT, names_the_url_file),
    listed("editor ", "wants a person", nothing),
    listed("timedatectl ", HOST, nothing),
    listed("hostnamectl ", HOST, nothing),
    listed(
        "cat > /etc/linux-api-firewall.nft",
        HOST,
        opens_ssh_and_https_alone,
    ),
    listed(
        "cat > /etc/systemd/system/linux-api-firewall.service",
        HOST,
        loads_the_rules,
    ),
    listed("nft --check ", "needs the rights of root", nothing),
    listed("adduser ", ACCOUNTS, nothing),
    listed("usermod ", ACCOUNTS, names_our_group),
];

/// The entry of a command, when it has one.
pub(crate) fn entry(command: &str) -> Option<&'static UnrunCommand> {
    let command = command.strip_prefix("sudo ").unwrap_or(command);
    LISTED
        .iter()
        .find(|entry| command.starts_with(entry.begins))
}

impl UnrunCommand {
    /// What can be said without running it.
    pub(crate) fn check(&self, command: &str, place: &str) {
        let seen = look_at(command).and_then(|()| (self.check)(command));
        if let Err(fault) = seen {
            panic!("{place}: {command}: {fault}");
        }
    }
}

/// Files of the repository, units, variables and profiles that a command names are there.
fn look_at(command: &str) -> Result<(), String> {
    let words = command.split(|it: char| it.is_whitespace() || "|'\"".contains(it));
    let compose = command.starts_with("docker compose ");
    let mut before = "";
    for word in words {
        let is_ours = ["packaging/", "completions/", "man/"]
            .iter()
            .any(|folder| word.starts_with(folder));
        if is_ours && !exists(word) {
            return Err(format!("there is no {word}"));
        }
        let is_unit = [".service", ".socket"]
            .iter()
            .any(|end| word.ends_with(end));
        if is_unit && !word.contains('/') && !is_known_unit(word) {
            return Err(format!("{word} is neither ours nor expected"));
        }
        if let Some((name, _)) = word.split_once('=')
            && let Some(option) = name.strip_prefix("LINUX_API__")
        {
            let option = option.to_lowercase().replace("__", ".");
            if !OPTIONS.contains(&option) {
                return Err(format!("there is no option {option}"));
            }
        }
        if compose && before == "--profile" && !has_profile(word) {
            return Err(format!("compose.yaml has no profile {word}"));
        }
        before = word;
    }
    Ok(())
}

/// Every option of the configuration, `section.key`.
pub(crate) static OPTIONS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let config = Config::default();
    let sections = config.sections().into_iter();
    sections
        .flat_map(Section::keys)
        .map(|key| key.path())
        .collect()
});

fn has_profile(name: &str) -> bool {
    let compose = fs::read_to_string(root().join("packaging/container/compose.yaml")).unwrap();
    let mut lines = compose.lines().map(str::trim);
    lines.any(|line| {
        let profiles = line.strip_prefix("profiles: [");
        profiles.is_some_and(|profiles| {
            profiles
                .trim_end_matches(']')
                .split(", ")
                .any(|it| it == name)
        })
    })
}

/// Whether a file of the repository is there; its last part may have a star.
fn exists(path: &str) -> bool {
    let Some((folder, end)) = path.split_once("/*") else {
        return root().join(path).exists();
    };
    let mut entries = fs::read_dir(root().join(folder)).unwrap();
    entries.any(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.ends_with(end)
    })
}

fn is_known_unit(unit: &str) -> bool {
    let others = [
        "postgresql.service",
        "linux-api-firewall.service",
        "nginx.service",
        "grafana-server.service",
        "app-*.service",
        "app-db.service",
    ];
    others.contains(&unit) || root().join("packaging/systemd").join(unit).exists()
}

fn require(is_so: bool, fault: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(fault.to_owned()) }
}

#[expect(clippy::unnecessary_wraps, reason = "one check among others")]
fn nothing(_: &str) -> Result<(), String> {
    Ok(())
}

fn names_our_package(command: &str) -> Result<(), String> {
    let ours = format!("linux-api_{}-1_amd64.deb", env!("CARGO_PKG_VERSION"));
    let is_ours = !command.contains(".deb") || command.contains(&ours);
    require(is_ours, "the package is called otherwise")
}

fn names_rustup(command: &str) -> Result<(), String> {
    let is_so = command.contains("https://sh.rustup.rs") && exists("rust-toolchain.toml");
    require(is_so, "rustup is somewhere else")
}

fn names_a_target(command: &str) -> Result<(), String> {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let target = command.split_whitespace().nth(1).unwrap();
    require(
        makefile.contains(&format!("\n{target}: ")),
        "the Makefile has no such target",
    )
}

fn is_of_check_openapi(command: &str) -> Result<(), String> {
    let script = fs::read_to_string(root().join("scripts/check-openapi")).unwrap();
    let mut packages = command.split_whitespace().skip(2);
    require(
        packages.all(|package| script.contains(package)),
        "scripts/check-openapi has another version",
    )
}

fn is_a_path(command: &str) -> Result<(), String> {
    let path = command.split_whitespace().nth(1).unwrap();
    require(exists(path), "there is no such folder")
}

/// What the page has a host download is among the files that the repository offers.
fn is_in_a_repository(command: &str) -> Result<(), String> {
    let script = fs::read_to_string(root().join("scripts/make-repository")).unwrap();
    let file = command.rsplit('/').next().unwrap();
    require(
        script.contains(&format!(">\"$new/{file}\"")),
        "the repository has no such file",
    )
}

fn names_a_script(command: &str) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let script = words.find(|word| word.starts_with("scripts/"));
    require(script.is_some_and(exists), "there is no such script")
}

fn names_a_playbook(command: &str) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let playbook = words.find(|word| word.starts_with("packaging/"));
    require(playbook.is_some_and(exists), "there is no such playbook")
}

/// The line of the script that the command replaces is there, once.
fn sets_a_line_of_install_sh(command: &str) -> Result<(), String> {
    let script = fs::read_to_string(root().join("install.sh")).unwrap();
    let line = command.split("s|^").nth(1).unwrap();
    let start = line.split(".*").next().unwrap();
    let lines = script.lines().filter(|line| line.starts_with(start));
    require(lines.count() == 1, "install.sh has no such line")
}

fn is_beside_compose(command: &str) -> Result<(), String> {
    let path = format!("packaging/container/{}", command.trim_start_matches("./"));
    require(exists(&path), "there is no such script")
}

fn replaces_in_the_unit(command: &str) -> Result<(), String> {
    let unit = fs::read_to_string(root().join("packaging/systemd/linux-api.service")).unwrap();
    let (old, _) = command.split_once('|').unwrap().1.split_once('|').unwrap();
    require(unit.contains(old), "the unit has nothing to replace")
}

fn names_the_first_key(_: &str) -> Result<(), String> {
    let source = fs::read_to_string(root().join("src/cli/remotes.rs")).unwrap();
    require(
        source.contains("\"first-admin-key\""),
        "the file is called otherwise",
    )
}

fn names_the_url_file(command: &str) -> Result<(), String> {
    let is_so = command.ends_with(" /etc/linux-api/database_url");
    require(is_so, "the file is called otherwise")
}

fn opens_ssh_and_https_alone(command: &str) -> Result<(), String> {
    let is_so =
        command.contains("policy drop;") && command.contains("tcp dport { 22, 443 } accept");
    require(is_so, "other ports are open")?;
    // The host may have rules of containers, VPNs or an administrator.
    require(
        !command.contains("flush ruleset")
            && command.matches("table inet linux_api_firewall").count() == 3,
        "it touches rules that are not its own",
    )
}

fn loads_the_rules(command: &str) -> Result<(), String> {
    let is_so = command.contains("nft --file /etc/linux-api-firewall.nft\n")
        && command.contains("nft delete table inet linux_api_firewall\n");
    require(is_so, "it loads other rules")
}

fn names_our_group(command: &str) -> Result<(), String> {
    let accounts = fs::read_to_string(root().join("packaging/systemd/sysusers.conf")).unwrap();
    let drop_in =
        fs::read_to_string(root().join("packaging/systemd/linux-api-journal.conf")).unwrap();
    let accounts = format!("{accounts}{drop_in}");
    let group = command.split_once("--groups ").map(|(_, rest)| rest);
    let group = group.and_then(|rest| rest.split_whitespace().next());
    require(
        group.is_some_and(|group| accounts.contains(group)),
        "sysusers.conf makes no such group",
    )
}

#[test]
fn what_a_listed_command_names_must_be_there() {
    for wrong in [
        "install -m 0644 packaging/systemd/other.conf /etc",
        "systemctl enable linux-apis.service",
        "podman run --env LINUX_API__SERVER__LISTENS=1",
        "docker compose --profile other up",
    ] {
        assert!(look_at(wrong).is_err(), "{wrong}");
    }
    assert!(look_at("install -t /usr man/*.1").is_ok());
    assert!(entry("rm -rf /").is_none());
}
