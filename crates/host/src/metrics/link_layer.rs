//! Network interfaces as the system file system describes them, and bonds of them.

use std::path::PathBuf;

use super::attributes::{names, text, word};
use super::{Collect, Families, MetricKind, malformed};
use crate::sources::read_number;
use crate::{CollectError, HostRoots, read_text};

/// Files of an interface that hold a number: name of the family, kind, file, what it is.
const PROPERTIES: [(&str, MetricKind, &str, &str); 16] = [
    (
        "node_network_address_assign_type",
        MetricKind::Gauge,
        "addr_assign_type",
        "Where the address came from: 0 device, 1 random, 2 copied, 3 set.",
    ),
    (
        "node_network_carrier",
        MetricKind::Gauge,
        "carrier",
        "Whether the interface has a link.",
    ),
    (
        "node_network_carrier_changes_total",
        MetricKind::Counter,
        "carrier_changes",
        "How often the link came or went.",
    ),
    (
        "node_network_carrier_up_changes_total",
        MetricKind::Counter,
        "carrier_up_count",
        "How often the link came.",
    ),
    (
        "node_network_carrier_down_changes_total",
        MetricKind::Counter,
        "carrier_down_count",
        "How often the link went.",
    ),
    (
        "node_network_device_id",
        MetricKind::Gauge,
        "dev_id",
        "Distinguishes interfaces that share an address.",
    ),
    (
        "node_network_dormant",
        MetricKind::Gauge,
        "dormant",
        "Whether the interface waits for something else, such as a login.",
    ),
    (
        "node_network_flags",
        MetricKind::Gauge,
        "flags",
        "Bits of the interface, see netdevice(7).",
    ),
    (
        "node_network_iface_id",
        MetricKind::Gauge,
        "ifindex",
        "Number of the interface.",
    ),
    (
        "node_network_iface_link",
        MetricKind::Gauge,
        "iflink",
        "Number of the interface below it; its own where there is none.",
    ),
    (
        "node_network_iface_link_mode",
        MetricKind::Gauge,
        "link_mode",
        "0 by default, 1 where the interface is dormant when its link comes.",
    ),
    (
        "node_network_mtu_bytes",
        MetricKind::Gauge,
        "mtu",
        "The largest packet.",
    ),
    (
        "node_network_name_assign_type",
        MetricKind::Gauge,
        "name_assign_type",
        "Where the name came from: 1 kernel, 2 predictable, 3 user, 4 renamed.",
    ),
    (
        "node_network_net_dev_group",
        MetricKind::Gauge,
        "netdev_group",
        "Group of the interface.",
    ),
    (
        "node_network_transmit_queue_length",
        MetricKind::Gauge,
        "tx_queue_len",
        "How many packets may wait to be sent.",
    ),
    (
        "node_network_protocol_type",
        MetricKind::Gauge,
        "type",
        "Kind of hardware, by the numbers of ARP.",
    ),
];
const FLAGS: &str = "flags";
const IS_UP: i64 = 1;
/// Bytes a second of a megabit a second.
const MEGABIT_BYTES: i64 = 125_000;

/// `class/net`, see Documentation/ABI/testing/sysfs-class-net of the kernel.
#[derive(Debug)]
pub(super) struct Netclass(PathBuf);

impl Netclass {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("class/net"))
    }
}

impl Collect for Netclass {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for name in names(&self.0)? {
            let directory = self.0.join(&name);
            // A file beside them lists the bonds.
            if !directory.is_dir() {
                continue;
            }
            let device = [("device", name.as_str())];
            let mut flags = None;
            for (family, kind, file, help) in PROPERTIES {
                let Some(value) = text(&directory.join(file)).and_then(|text| integer(&text))
                else {
                    continue;
                };
                if file == FLAGS {
                    flags = Some(value);
                }
                match kind {
                    MetricKind::Counter => families.counter(family, help, &device, value.max(0)),
                    _ => families.gauge(family, help, &device, value),
                }
            }
            // -1 where it is not known.
            if let Some(speed) = read_number::<i64>(&directory.join("speed")) {
                let help = "Speed of the link in bytes a second; below zero where it is not known.";
                let bytes = speed.saturating_mul(MEGABIT_BYTES);
                families.gauge("node_network_speed_bytes", help, &device, bytes);
            }
            let state = text(&directory.join("operstate")).unwrap_or_default();
            let help = "Whether the interface is up.";
            families.gauge("node_network_up", help, &device, state == "up");
            let admin_state = match flags {
                None => "unknown",
                Some(flags) if flags & IS_UP != 0 => "up",
                Some(_) => "down",
            };
            let attribute = |file| text(&directory.join(file)).unwrap_or_default();
            let labels = [
                ("address", &*attribute("address")),
                ("adminstate", admin_state),
                ("broadcast", &attribute("broadcast")),
                ("device", &name),
                ("duplex", &attribute("duplex")),
                ("ifalias", &attribute("ifalias")),
                ("operstate", &state),
            ];
            let help = "Addresses and states of an interface; always 1.";
            families.gauge("node_network_info", help, &labels, 1_u64);
        }
        Ok(())
    }
}

/// A decimal number, or a hexadecimal one with `0x` before it.
fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Bonds of interfaces, see Documentation/networking/bonding.rst of the kernel.
#[derive(Debug)]
pub(super) struct Bonding(PathBuf);

impl Bonding {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("class/net"))
    }
}

impl Collect for Bonding {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let masters = read_text(&self.0.join("bonding_masters"))?;
        for master in masters.split_whitespace() {
            let directory = self.0.join(master);
            let members = read_text(&directory.join("bonding/slaves"))?;
            let (mut count, mut active) = (0_u64, 0_u64);
            for member in members.split_whitespace() {
                // Old kernels name the link otherwise.
                let status = ["lower_", "slave_"].iter().find_map(|prefix| {
                    word(&directory.join(format!("{prefix}{member}/bonding_slave/mii_status")))
                });
                let status = status.ok_or_else(|| malformed(&directory, "bond"))?;
                count += 1;
                active += u64::from(status == "up");
            }
            let labels = [("master", master)];
            let help = "Interfaces of a bond.";
            families.gauge("node_bonding_slaves", help, &labels, count);
            let help = "Interfaces of a bond that have a link.";
            families.gauge("node_bonding_active", help, &labels, active);
        }
        Ok(())
    }
}
