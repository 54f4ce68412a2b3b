//! The network of a host on the wire: interfaces, connections by state, and who listens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::snapshot::Network;

/// The network of a host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "time": "2026-11-23T07:02:10Z",
    "interfaces": [{
        "interface": "eth0", "has_device": true,
        "received_bytes_per_second": 18_240.0, "sent_bytes_per_second": 3_512.5,
        "errors": 0, "drops": 2, "received_bytes": 81_204_112_u64, "sent_bytes": 9_310_244_u64,
        "received_packets": 71_204, "sent_packets": 50_112,
        "receive_errors": 0, "send_errors": 0, "receive_drops": 2, "send_drops": 0,
        "state": "up", "addresses": ["192.0.2.10/24", "2001:db8::10/64"],
        "hardware_address": "52:54:00:12:34:56", "mtu": 1500, "speed_mbit": 1000
    }],
    "interfaces_error": null,
    "other_addresses": [],
    "sockets": {
        "tcp": {
            "established": 42, "syn_sent": 0, "syn_received": 0, "fin_wait1": 0, "fin_wait2": 1,
            "time_wait": 17, "close": 0, "close_wait": 0, "last_ack": 0, "listen": 9, "closing": 0
        },
        "udp": 6,
        "complete": true
    },
    "sockets_error": null,
    "total": 1,
    "left_out": 0,
    "listening": [{
        "protocol": "tcp", "address": "0.0.0.0", "port": 22, "sockets": 1, "uid": 0, "user": "root",
        "pid": null, "process": null, "process_error": "permission_denied"
    }],
    "next_cursor": null
}))]
pub struct NetworkDetail {
    /// When the sockets were read.
    #[schema(format = DateTime)]
    pub time: String,
    /// The interfaces that carried something between the last two readings of the host, or could have; in the
    /// order of the kernel. Empty while they can't be read.
    pub interfaces: Vec<NetworkInterface>,
    /// Why the interfaces, or their addresses, can't be read.
    pub interfaces_error: Option<String>,
    /// Addresses of the host of which the kernel's tables do not say on which interface they are, such as an
    /// IPv4 address without a network.
    pub other_addresses: Vec<String>,
    /// How many sockets there are; `null` while they can't be counted.
    pub sockets: Option<SocketCounts>,
    /// Why the sockets can't be read.
    pub sockets_error: Option<String>,
    /// How many rows of listening sockets there are on all pages.
    pub total: usize,
    /// How many listening sockets are in no row, because there are more than 10 000.
    pub left_out: u64,
    /// The listening sockets of this page, by port, protocol and address.
    pub listening: Vec<ListeningSocket>,
    /// Where the next page of listening sockets starts; `null` on the last.
    pub next_cursor: Option<String>,
}

/// An interface: what it carries, and what it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct NetworkInterface {
    /// What it carries.
    #[serde(flatten)]
    pub traffic: Network,
    /// Its state as the kernel says: `up`, `down`, `lowerlayerdown`, `dormant`, `testing`, `notpresent`, or
    /// `unknown` for those that have none, such as `lo`.
    pub state: Option<String>,
    /// Its addresses with the length of their networks.
    pub addresses: Vec<String>,
    /// Its hardware address.
    pub hardware_address: Option<String>,
    /// The longest packet in bytes.
    pub mtu: Option<u32>,
    /// Its speed in megabits a second; `null` for those that have none.
    pub speed_mbit: Option<u32>,
}

/// How many sockets there are, of IPv4 and IPv6 together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SocketCounts {
    /// Of TCP, by state.
    pub tcp: TcpStates,
    /// Of UDP.
    pub udp: u64,
    /// Whether all were counted; `false` when that took more than two seconds.
    pub complete: bool,
}

/// Sockets of TCP by their states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the states of TCP, by their names")]
pub struct TcpStates {
    pub established: u64,
    pub syn_sent: u64,
    pub syn_received: u64,
    pub fin_wait1: u64,
    pub fin_wait2: u64,
    pub time_wait: u64,
    pub close: u64,
    pub close_wait: u64,
    pub last_ack: u64,
    pub listen: u64,
    pub closing: u64,
}

impl TcpStates {
    /// Each state by its name, in the order of the kernel's numbers from 1.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 11] {
        [
            ("established", self.established),
            ("syn_sent", self.syn_sent),
            ("syn_received", self.syn_received),
            ("fin_wait1", self.fin_wait1),
            ("fin_wait2", self.fin_wait2),
            ("time_wait", self.time_wait),
            ("close", self.close),
            ("close_wait", self.close_wait),
            ("last_ack", self.last_ack),
            ("listen", self.listen),
            ("closing", self.closing),
        ]
    }

    /// Counts one of the kernel's number of a state, see `tcp_states.h`; false for one that is none.
    pub const fn count(&mut self, state: u8) -> bool {
        let place = match state {
            1 => &mut self.established,
            2 => &mut self.syn_sent,
            // A request for a connection that is not there yet is in a state of its own, 12.
            3 | 12 => &mut self.syn_received,
            4 => &mut self.fin_wait1,
            5 => &mut self.fin_wait2,
            6 => &mut self.time_wait,
            7 => &mut self.close,
            8 => &mut self.close_wait,
            9 => &mut self.last_ack,
            10 => &mut self.listen,
            11 => &mut self.closing,
            _ => return false,
        };
        *place += 1;
        true
    }
}

/// Sockets that listen at one address for one process, or where the process is not known, one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ListeningSocket {
    /// `tcp`, or `udp` for a socket without a peer.
    pub protocol: String,
    /// The address; `0.0.0.0` and `::` are all addresses of the host.
    pub address: String,
    /// The port.
    pub port: u16,
    /// How many sockets listen there together; more than one share the port.
    pub sockets: u32,
    /// Number of the account that made it.
    pub uid: Option<u32>,
    /// Name of that account.
    pub user: Option<String>,
    /// The process that holds it, of several the one with the smallest number; `null` when it is not known.
    pub pid: Option<u32>,
    /// Name of that process: any characters.
    pub process: Option<String>,
    /// Why the process is not known: `permission_denied` when the daemon may not see which files other accounts'
    /// processes have open, `not_found` when no process of this host holds it, `out_of_time` when looking
    /// through the open files took more than a second.
    pub process_error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_counted_by_the_numbers_of_the_kernel() {
        let mut states = TcpStates::default();
        for state in 1..=12 {
            assert!(states.count(state), "{state}");
        }
        assert!(!states.count(0) && !states.count(13));
        let named = states.named();
        assert_eq!(named.map(|(_, count)| count).iter().sum::<u64>(), 12);
        assert_eq!((states.syn_received, states.listen), (2, 1));
    }

    #[test]
    fn a_body_of_another_version_is_read() {
        let read: NetworkDetail =
            serde_json::from_str("{\"listening\": [{\"port\": 22}]}").unwrap();
        assert_eq!(read.listening[0].port, 22);
        assert!(read.sockets.is_none());
    }
}
