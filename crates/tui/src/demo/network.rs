//! The network of the hosts of the demonstration.

use std::collections::BTreeMap;
use std::time::Duration;

use super::DemoScript;
use super::fleet::seconds;
use crate::screens::network::query::{SPAN, STEP};
use linux_api_wire::api::history::{History, HistorySeries};
use linux_api_wire::api::network::{
    ListeningSocket, NetworkDetail, NetworkInterface, SocketCounts, TcpStates,
};
use linux_api_wire::snapshot::Network;
use linux_api_wire::time::Timestamp;

/// Who listens on each host: protocol, address, port, account, process, its number.
type Listener = (
    &'static str,
    &'static str,
    u16,
    &'static str,
    Option<(&'static str, u32)>,
);

const LISTENING: [Listener; 11] = [
    ("tcp", "0.0.0.0", 22, "root", None),
    ("tcp", "::", 22, "root", None),
    ("tcp", "127.0.0.1", 25, "root", None),
    ("udp", "127.0.0.53", 53, "systemd-resolve", None),
    ("udp", "0.0.0.0", 68, "root", None),
    ("tcp", "0.0.0.0", 80, "root", None),
    ("tcp", "0.0.0.0", 443, "root", None),
    ("tcp", "::", 443, "root", None),
    ("tcp", "127.0.0.1", 5432, "postgres", None),
    ("tcp", "127.0.0.1", 6379, "redis", None),
    (
        "tcp",
        "0.0.0.0",
        8443,
        "linux-api",
        Some(("linux-api", 398)),
    ),
];

/// A rate in whole packets of a usual size.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "scripted figures of moderate size"
)]
fn counted(rate: f64, seconds: f64) -> u64 {
    (rate * seconds) as u64
}

impl DemoScript {
    /// The network at this moment.
    pub(crate) fn network(&self) -> NetworkDetail {
        let [received, sent] = self.traffic();
        let established = 40 + counted(received, 1.0) / 60_000;
        let interface = |name: &str, state: &str, rates: [f64; 2], addresses: &[String]| {
            let is_device = name.starts_with("eth");
            let total = |rate: f64| counted(rate, 86_400.0);
            NetworkInterface {
                traffic: Network {
                    interface: name.to_owned(),
                    has_device: is_device,
                    received_bytes_per_second: rates[0],
                    sent_bytes_per_second: rates[1],
                    received_bytes: total(rates[0]),
                    sent_bytes: total(rates[1]),
                    received_packets: total(rates[0]) / 900,
                    sent_packets: total(rates[1]) / 900,
                    drops: if is_device { 3 } else { 0 },
                    receive_drops: if is_device { 3 } else { 0 },
                    ..Network::default()
                },
                state: Some(state.to_owned()),
                addresses: addresses.to_vec(),
                hardware_address: is_device.then(|| "52:54:00:12:34:56".to_owned()),
                mtu: Some(if name == "lo" { 65_536 } else { 1_500 }),
                speed_mbit: (name == "eth0").then_some(10_000),
            }
        };
        let last = 10 + self.number();
        let listening = LISTENING
            .iter()
            .map(|(protocol, address, port, user, process)| ListeningSocket {
                protocol: (*protocol).to_owned(),
                address: (*address).to_owned(),
                port: *port,
                sockets: if *port == 443 { 4 } else { 1 },
                uid: Some(u32::from(*user != "root") * 105),
                user: Some((*user).to_owned()),
                pid: process.map(|(_, pid)| pid),
                process: process.map(|(name, _)| name.to_owned()),
                process_error: process.is_none().then(|| "permission_denied".to_owned()),
            });
        NetworkDetail {
            time: self.now().to_string(),
            interfaces: vec![
                interface(
                    "lo",
                    "unknown",
                    [received / 40.0; 2],
                    &["127.0.0.1/8".to_owned(), "::1/128".to_owned()],
                ),
                interface(
                    "eth0",
                    "up",
                    [received, sent],
                    &[format!("192.0.2.{last}/24"), format!("2001:db8::{last}/64")],
                ),
                interface("eth1", "down", [0.0; 2], &[]),
                interface(
                    "docker0",
                    "up",
                    [received / 9.0, sent / 11.0],
                    &["172.17.0.1/16".to_owned()],
                ),
            ],
            sockets: Some(SocketCounts {
                tcp: TcpStates {
                    established,
                    time_wait: established / 3,
                    close_wait: u64::from(self.number() == 2) * 4,
                    listen: 16,
                    fin_wait2: 1,
                    ..TcpStates::default()
                },
                udp: 4,
                complete: true,
            }),
            total: LISTENING.len(),
            listening: listening.collect(),
            ..NetworkDetail::default()
        }
    }

    /// What the interfaces carried before a moment.
    pub(crate) fn rates(&self, until: Timestamp) -> History {
        let from = until.saturating_sub(SPAN);
        let series = |name: &str, interface: &str, part: f64, way: usize| {
            let mut points = Vec::new();
            let mut time = from;
            while time < until.min(self.now()) {
                let then = Self::new(self.name(), self.number(), time);
                let value = then.traffic()[way] * part;
                points.push([seconds(time), value, value]);
                time = time.saturating_add(Duration::from_secs(STEP));
            }
            HistorySeries {
                name: format!("network.{name}_bytes_per_second"),
                labels: BTreeMap::from([("interface".to_owned(), interface.to_owned())]),
                unit: "bytes_per_second".to_owned(),
                points,
                ..HistorySeries::default()
            }
        };
        History {
            from: from.to_string(),
            to: until.to_string(),
            history_since: None,
            step: STEP,
            series: vec![
                series("received", "eth0", 1.0, 0),
                series("received", "docker0", 1.0 / 9.0, 0),
                series("received", "eth1", 0.0, 0),
                series("received", "lo", 1.0 / 40.0, 0),
                series("sent", "docker0", 1.0 / 11.0, 1),
                series("sent", "eth0", 1.0, 1),
                series("sent", "eth1", 0.0, 1),
                series("sent", "lo", 1.0 / 40.0, 0),
            ],
            next_cursor: None,
        }
    }
}
