//! Packets on their way through the host: ARP, the work of each processor, connection tracking, load balancing.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::attributes::number;
use super::{Collect, Families, MetricKind, NetFile};
use crate::{CollectError, HostRoots};

/// `net/arp`, see arp(7).
#[derive(Debug)]
pub(super) struct Arp(NetFile);

impl Arp {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(NetFile::new(roots, "arp"))
    }
}

impl Collect for Arp {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?;
        let mut devices: BTreeMap<&str, u64> = BTreeMap::new();
        for line in text.lines().skip(1) {
            let device = line.split_whitespace().nth(5);
            let device = device.ok_or_else(|| self.0.malformed("table of ARP entries"))?;
            *devices.entry(device).or_default() += 1;
        }
        for (device, entries) in devices {
            let help = "Neighbours in the ARP table, by interface.";
            families.gauge("node_arp_entries", help, &[("device", device)], entries);
        }
        Ok(())
    }
}

/// Counters of `net/softnet_stat`: name, kind, what it counts, column. The columns are those of
/// `softnet_seq_show` in net/core/net-procfs.c of the kernel; older ones have fewer.
const SOFTNET: [(&str, MetricKind, &str, usize); 7] = [
    (
        "node_softnet_processed_total",
        MetricKind::Counter,
        "Packets that a processor took from its queue.",
        0,
    ),
    (
        "node_softnet_dropped_total",
        MetricKind::Counter,
        "Packets dropped because the queue of a processor was full.",
        1,
    ),
    (
        "node_softnet_times_squeezed_total",
        MetricKind::Counter,
        "How often a processor stopped taking packets with some left, for want of time or budget.",
        2,
    ),
    (
        "node_softnet_cpu_collision_total",
        MetricKind::Counter,
        "How often a processor found the lock of a sending device taken.",
        8,
    ),
    (
        "node_softnet_received_rps_total",
        MetricKind::Counter,
        "How often another processor woke this one to take packets.",
        9,
    ),
    (
        "node_softnet_flow_limit_count_total",
        MetricKind::Counter,
        "Packets of busy flows that were dropped to spare others.",
        10,
    ),
    (
        "node_softnet_backlog_len",
        MetricKind::Gauge,
        "Packets that wait in the queue of a processor.",
        11,
    ),
];
/// The column with the number of the processor, since Linux 5.14.
const SOFTNET_CPU: usize = 12;
const SOFTNET_LEAST: usize = 9;

/// `net/softnet_stat`: a line of hexadecimal numbers for each processor that is online.
#[derive(Debug)]
pub(super) struct Softnet(NetFile);

impl Softnet {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(NetFile::new(roots, "softnet_stat"))
    }
}

impl Collect for Softnet {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?;
        let rows: Option<Vec<Vec<u64>>> = text
            .lines()
            .map(|line| hexadecimal(line).filter(|row| row.len() >= SOFTNET_LEAST))
            .collect();
        let rows = rows.filter(|rows| !rows.is_empty());
        let rows = rows.ok_or_else(|| self.0.malformed("counters of packets"))?;
        for (name, kind, help, column) in SOFTNET {
            for (place, row) in rows.iter().enumerate() {
                let cpu = row
                    .get(SOFTNET_CPU)
                    .map_or(place.to_string(), u64::to_string);
                // Kernels that do not count it have 0, as node_exporter does.
                let value = row.get(column).copied().unwrap_or_default();
                let labels = [("cpu", cpu.as_str())];
                match kind {
                    MetricKind::Gauge => families.gauge(name, help, &labels, value),
                    _ => families.counter(name, help, &labels, value),
                }
            }
        }
        Ok(())
    }
}

/// The hexadecimal numbers of a line; `None` when one is none.
fn hexadecimal(line: &str) -> Option<Vec<u64>> {
    line.split_whitespace()
        .map(|word| u64::from_str_radix(word, 16).ok())
        .collect()
}

/// Columns of `net/stat/nf_conntrack` that node_exporter shows, and what they count.
const TRACKED: [(&str, &str, &str); 8] = [
    (
        "found",
        "node_nf_conntrack_stat_found",
        "Look-ups of a connection that found one.",
    ),
    (
        "invalid",
        "node_nf_conntrack_stat_invalid",
        "Packets that can't be tracked.",
    ),
    (
        "ignore",
        "node_nf_conntrack_stat_ignore",
        "Packets that were tracked already.",
    ),
    (
        "insert",
        "node_nf_conntrack_stat_insert",
        "Connections added to the table.",
    ),
    (
        "insert_failed",
        "node_nf_conntrack_stat_insert_failed",
        "Connections that could not be added, because they were there already.",
    ),
    (
        "drop",
        "node_nf_conntrack_stat_drop",
        "Packets dropped because tracking failed.",
    ),
    (
        "early_drop",
        "node_nf_conntrack_stat_early_drop",
        "Connections removed from a full table to make room.",
    ),
    (
        "search_restart",
        "node_nf_conntrack_stat_search_restart",
        "Look-ups that began again because the table changed its size.",
    ),
];

/// Connection tracking of the packet filter, see Documentation/networking/nf_conntrack-sysctl.rst of the kernel.
#[derive(Debug)]
pub(super) struct Conntrack {
    /// Of the reader's own network.
    directory: PathBuf,
    counters: NetFile,
}

impl Conntrack {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            directory: roots.procfs.join("sys/net/netfilter"),
            counters: NetFile::new(roots, "stat/nf_conntrack"),
        }
    }
}

impl Collect for Conntrack {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let entries = number(&self.directory.join("nf_conntrack_count"))?;
        let help = "Connections that are tracked now.";
        families.gauge("node_nf_conntrack_entries", help, &[], entries);
        let limit = number(&self.directory.join("nf_conntrack_max"))?;
        let help = "The most connections that the table holds.";
        families.gauge("node_nf_conntrack_entries_limit", help, &[], limit);
        let text = self.counters.text()?;
        let mut lines = text.lines();
        let columns: Vec<&str> = lines
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let rows: Option<Vec<Vec<u64>>> = lines.map(hexadecimal).collect();
        let rows = rows.filter(|rows| rows.iter().all(|row| row.len() == columns.len()));
        let rows = rows.ok_or_else(|| self.counters.malformed("counters of connections"))?;
        for (column, name, help) in TRACKED {
            let Some(place) = columns.iter().position(|one| *one == column) else {
                continue;
            };
            let sum = rows.iter().map(|row| row[place]);
            families.gauge(name, help, &[], sum.fold(0, u64::wrapping_add));
        }
        Ok(())
    }
}

const BALANCED: [(&str, &str); 5] = [
    (
        "node_ipvs_connections_total",
        "Connections that were balanced.",
    ),
    ("node_ipvs_incoming_packets_total", "Packets from clients."),
    ("node_ipvs_outgoing_packets_total", "Packets to clients."),
    ("node_ipvs_incoming_bytes_total", "Bytes from clients."),
    ("node_ipvs_outgoing_bytes_total", "Bytes to clients."),
];

/// The kernel's load balancer: `net/ip_vs_stats` and `net/ip_vs`.
#[derive(Debug)]
pub(super) struct Ipvs {
    totals: NetFile,
    services: NetFile,
}

impl Ipvs {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            totals: NetFile::new(roots, "ip_vs_stats"),
            services: NetFile::new(roots, "ip_vs"),
        }
    }
}

impl Collect for Ipvs {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.totals.text()?;
        // Two lines of headings.
        let row = text.lines().nth(2).and_then(hexadecimal);
        let row = row.filter(|row| row.len() == BALANCED.len());
        let row = row.ok_or_else(|| self.totals.malformed("totals of the load balancer"))?;
        for ((name, help), value) in BALANCED.into_iter().zip(row) {
            families.counter(name, help, &[], value);
        }
        let text = self.services.text()?;
        let backends = backends(&text);
        let backends = backends.ok_or_else(|| self.services.malformed("list of services"))?;
        for (backend, [weight, active, inactive]) in &backends {
            let labels = backend.labels();
            let help = "Connections of a backend that carry data.";
            families.gauge(
                "node_ipvs_backend_connections_active",
                help,
                &labels,
                *active,
            );
            let help = "Connections of a backend that are over or idle.";
            families.gauge(
                "node_ipvs_backend_connections_inactive",
                help,
                &labels,
                *inactive,
            );
            let help = "Weight of a backend among those of its service.";
            families.gauge("node_ipvs_backend_weight", help, &labels, *weight);
        }
        Ok(())
    }
}

/// A server behind a service of the load balancer.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Backend {
    protocol: String,
    local_address: String,
    local_port: String,
    local_mark: String,
    remote_address: String,
    remote_port: String,
}

impl Backend {
    fn labels(&self) -> [(&'static str, &str); 6] {
        [
            ("local_address", &self.local_address),
            ("local_mark", &self.local_mark),
            ("local_port", &self.local_port),
            ("proto", &self.protocol),
            ("remote_address", &self.remote_address),
            ("remote_port", &self.remote_port),
        ]
    }
}

/// Backends with their weight and counts of connections. A service is a line of its own, such as
/// `TCP  C0A80016:0CEA wlc` or `FWM  10001000 wlc`; the lines of its backends begin with an arrow.
fn backends(text: &str) -> Option<BTreeMap<Backend, [u64; 3]>> {
    let mut found: BTreeMap<Backend, [u64; 3]> = BTreeMap::new();
    let mut service = Backend::default();
    // Three lines of headings.
    for line in text.lines().skip(3) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.as_slice() {
            ["->", remote, _, weight, active, inactive] => {
                let (address, port) = endpoint(remote)?;
                let backend = Backend {
                    remote_address: address,
                    remote_port: port,
                    ..service.clone()
                };
                let sum = found.entry(backend).or_default();
                for (sum, word) in sum.iter_mut().zip([weight, active, inactive]) {
                    *sum = sum.wrapping_add(word.parse().ok()?);
                }
            }
            ["FWM", mark, ..] => {
                service = Backend {
                    protocol: "FWM".to_owned(),
                    local_mark: mark.to_owned(),
                    local_port: "0".to_owned(),
                    ..Backend::default()
                };
            }
            [protocol @ ("TCP" | "UDP" | "SCTP"), local, ..] => {
                let (address, port) = endpoint(local)?;
                service = Backend {
                    protocol: protocol.to_owned(),
                    local_address: address,
                    local_port: port,
                    ..Backend::default()
                };
            }
            [] => {}
            _ => return None,
        }
    }
    Some(found)
}

/// `C0A80016:0CEA` or `[2001:0db8:…]:0050`.
fn endpoint(text: &str) -> Option<(String, String)> {
    let (address, port) = text.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address: IpAddr = match address
        .strip_prefix('[')
        .and_then(|one| one.strip_suffix(']'))
    {
        Some(address) => address.parse::<Ipv6Addr>().ok()?.into(),
        None => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?).into(),
    };
    Some((address.to_string(), port.to_string()))
}
