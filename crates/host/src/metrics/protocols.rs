//! Counters of the protocols: `net/netstat`, `net/snmp` and `net/snmp6`.

use super::attributes::if_there;
use super::{Collect, Families, MetricValue, NetFile};
use crate::{CollectError, HostRoots};

/// The files have about 400 counters. Those that node_exporter shows are shown here.
#[derive(Debug)]
pub(super) struct Netstat {
    extended: NetFile,
    snmp: NetFile,
    snmp6: NetFile,
}

impl Netstat {
    pub(super) fn new(roots: &HostRoots) -> Self {
        let file = |name| NetFile::new(roots, name);
        Self {
            extended: file("netstat"),
            snmp: file("snmp"),
            snmp6: file("snmp6"),
        }
    }
}

impl Collect for Netstat {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for file in [&mut self.extended, &mut self.snmp] {
            let text = file.text()?;
            paired(&text, families).ok_or_else(|| file.malformed("counters of protocols"))?;
        }
        // There is none where IPv6 is switched off.
        if let Some(text) = if_there(self.snmp6.text())? {
            named(&text, families).ok_or_else(|| self.snmp6.malformed("counters of protocols"))?;
        }
        Ok(())
    }
}

/// Pairs of lines, `Tcp: NAME…` and `Tcp: VALUE…`.
fn paired(text: &str, families: &mut Families) -> Option<()> {
    let mut lines = text.lines();
    while let Some(names) = lines.next() {
        let (protocol, names) = names.split_once(':')?;
        let (same, values) = lines.next()?.split_once(':')?;
        let (mut names, mut values) = (names.split_whitespace(), values.split_whitespace());
        (protocol == same).then_some(())?;
        loop {
            match (names.next(), values.next()) {
                (Some(name), Some(value)) => add(protocol, name, value, families)?,
                (None, None) => break,
                _ => return None,
            }
        }
    }
    Some(())
}

/// Lines such as `Ip6InReceives 5`; those of single ICMP types and of groups without a 6 are others.
fn named(text: &str, families: &mut Families) -> Option<()> {
    for line in text.lines() {
        let (name, value) = line.split_once(char::is_whitespace)?;
        if let Some(place) = name.find('6') {
            let (protocol, name) = name.split_at(place + 1);
            add(protocol, name, value.trim(), families)?;
        }
    }
    Some(())
}

/// Adds a counter if it is one that is shown; `None` when that has no value.
fn add(protocol: &str, name: &str, value: &str, families: &mut Families) -> Option<()> {
    if is_shown(protocol, name) {
        // A few are -1 for "no limit".
        let value: MetricValue = value
            .parse::<u64>()
            .map_or_else(
                |_| value.parse::<i64>().map(MetricValue::from),
                |value| Ok(value.into()),
            )
            .ok()?;
        let help = format!("{name} of {protocol} in the kernel's table of protocols.");
        families.unknown(format!("node_netstat_{protocol}_{name}"), help, &[], value);
    }
    Some(())
}

/// Whether node_exporter shows it.
fn is_shown(protocol: &str, name: &str) -> bool {
    if matches!(name, "InErrors" | "InErrs") {
        return true;
    }
    match protocol {
        "Ip" => name == "Forwarding",
        "IpExt" | "Ip6" => matches!(name, "InOctets" | "OutOctets"),
        "Icmp" | "Icmp6" => matches!(name, "InMsgs" | "OutMsgs"),
        "Tcp" => matches!(
            name,
            "ActiveOpens"
                | "CurrEstab"
                | "InSegs"
                | "OutRsts"
                | "OutSegs"
                | "PassiveOpens"
                | "RetransSegs"
        ),
        "TcpExt" => {
            name.starts_with("Listen")
                || name.starts_with("Syncookies")
                || matches!(
                    name,
                    "TCPOFOQueue" | "TCPRcvQDrop" | "TCPSynRetrans" | "TCPTimeouts"
                )
        }
        "Udp" | "Udp6" => matches!(
            name,
            "InDatagrams" | "NoPorts" | "OutDatagrams" | "RcvbufErrors" | "SndbufErrors"
        ),
        _ => false,
    }
}
