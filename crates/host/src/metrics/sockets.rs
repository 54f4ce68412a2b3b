//! Sockets: how many there are, what waits in them, in which state they are.

use std::collections::BTreeMap;

use super::attributes::if_there;
use super::{Collect, Families, NetFile};
use crate::{CollectError, HostRoots};

/// `net/sockstat` and `net/sockstat6`: lines such as `TCP: inuse 4 orphan 0`.
#[derive(Debug)]
pub(super) struct Sockstat {
    four: NetFile,
    six: NetFile,
}

impl Sockstat {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            four: NetFile::new(roots, "sockstat"),
            six: NetFile::new(roots, "sockstat6"),
        }
    }
}

impl Collect for Sockstat {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let mut is_there = false;
        for file in [&mut self.four, &mut self.six] {
            // Either is missing where its protocol is switched off.
            let Some(text) = if_there(file.text())? else {
                continue;
            };
            is_there = true;
            sockets(&text, families).ok_or_else(|| file.malformed("counts of sockets"))?;
        }
        if is_there {
            return Ok(());
        }
        self.four.text().map(|_| ())
    }
}

fn sockets(text: &str, families: &mut Families) -> Option<()> {
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    for line in text.lines() {
        let (group, counts) = line.split_once(':')?;
        let mut words = counts.split_whitespace();
        while let Some(name) = words.next() {
            let value: i64 = words.next()?.parse().ok()?;
            if group == "sockets" {
                if name == "used" {
                    let help = "Sockets of all kinds in use.";
                    families.gauge("node_sockstat_sockets_used", help, &[], value);
                }
                continue;
            }
            let help = match name {
                "mem" => format!("Pages of memory that sockets of {group} take."),
                "memory" => format!("Bytes of memory that fragments of {group} take."),
                _ => format!("Sockets of {group} that are counted as {name}."),
            };
            families.gauge(format!("node_sockstat_{group}_{name}"), help, &[], value);
            if name == "mem" {
                let help = format!("Bytes of memory that sockets of {group} take.");
                let bytes = u64::try_from(value).ok()?.checked_mul(page)?;
                families.gauge(format!("node_sockstat_{group}_mem_bytes"), help, &[], bytes);
            }
        }
    }
    Some(())
}

/// What a table of sockets has in a line: state, and bytes that wait to be sent and to be read.
type Waiting = (u8, u64, u64);

/// The lines of a table of sockets such as `net/tcp`, see proc(5); `None` when one is malformed.
fn table(text: &str) -> Option<Vec<Waiting>> {
    let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
    let lines = text.lines().skip(1);
    let rows = lines.map(|line| {
        let mut words = line.split_whitespace().skip(3);
        let state = u8::from_str_radix(words.next()?, 16).ok()?;
        let (transmit, receive) = words.next()?.split_once(':')?;
        Some((state, hexadecimal(transmit)?, hexadecimal(receive)?))
    });
    rows.collect()
}

/// The two tables of a protocol, of which one may be missing.
#[derive(Debug)]
struct Tables(Vec<(&'static str, NetFile)>);

impl Tables {
    fn new(roots: &HostRoots, names: [&'static str; 2]) -> Self {
        let versions = ["v4", "v6"].into_iter().zip(names);
        Self(
            versions
                .map(|(version, name)| (version, NetFile::new(roots, name)))
                .collect(),
        )
    }

    /// # Errors
    /// When none is there, or one is malformed.
    fn read(&mut self) -> Result<Vec<(&'static str, Vec<Waiting>)>, CollectError> {
        let mut tables = Vec::new();
        for (version, file) in &mut self.0 {
            if let Some(text) = if_there(file.text())? {
                let rows = table(&text).ok_or_else(|| file.malformed("table of sockets"))?;
                tables.push((*version, rows));
            }
        }
        if tables.is_empty() {
            self.0[0].1.text()?;
        }
        Ok(tables)
    }
}

/// What waits in UDP sockets: `net/udp` and `net/udp6`.
#[derive(Debug)]
pub(super) struct UdpQueues(Tables);

impl UdpQueues {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(Tables::new(roots, ["udp", "udp6"]))
    }
}

impl Collect for UdpQueues {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for (version, rows) in self.0.read()? {
            let sum = |part: fn(&Waiting) -> u64| rows.iter().map(part).sum::<u64>();
            for (queue, bytes) in [("tx", sum(|row| row.1)), ("rx", sum(|row| row.2))] {
                let labels = [("ip", version), ("queue", queue)];
                let help = "Bytes that wait in UDP sockets.";
                families.gauge("node_udp_queues", help, &labels, bytes);
            }
        }
        Ok(())
    }
}

/// States of a TCP socket, from 1 on, as `include/net/tcp_states.h` of the kernel numbers them.
const STATES: [&str; 12] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    // A connection that is being set up; node_exporter has no name for it.
    "unknown",
];

/// TCP sockets by state: `net/tcp` and `net/tcp6`.
#[derive(Debug)]
pub(super) struct TcpStates(Tables);

impl TcpStates {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(Tables::new(roots, ["tcp", "tcp6"]))
    }
}

impl Collect for TcpStates {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        for (state, transmit, receive) in self.0.read()?.into_iter().flat_map(|(_, rows)| rows) {
            let place = usize::from(state).wrapping_sub(1);
            let name = STATES.get(place).copied().unwrap_or("unknown");
            *states.entry(name).or_default() += 1;
            *states.entry("tx_queued_bytes").or_default() += transmit;
            *states.entry("rx_queued_bytes").or_default() += receive;
        }
        for (state, count) in states {
            let help = "TCP sockets by state, and the bytes that wait in all of them.";
            families.gauge(
                "node_tcp_connection_states",
                help,
                &[("state", state)],
                count,
            );
        }
        Ok(())
    }
}
