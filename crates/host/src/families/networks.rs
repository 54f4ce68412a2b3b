//! Network interfaces and what they carry.

use std::time::Instant;

use super::rate::per_second;
use crate::carryover::Carryover;
use crate::sources::{InterfaceCounters, Interfaces};
use crate::{CollectError, HostRoots};
use linux_api_wire::snapshot::Network;

/// Makes the rates of the interfaces from one reading to the next.
#[derive(Debug)]
pub(super) struct NetworkReader {
    source: Interfaces,
    /// The reading before, by the interface's name.
    previous: Carryover<String, Previous>,
}

#[derive(Debug)]
struct Previous {
    read_at: Instant,
    received: u64,
    sent: u64,
    has_device: bool,
}

impl NetworkReader {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            source: Interfaces::new(roots),
            previous: Carryover::default(),
        }
    }

    /// All interfaces that were there at the reading before: only they have a rate.
    ///
    /// # Errors
    /// When the file can't be read or holds something else.
    pub(super) fn read(&mut self, now: Instant) -> Result<Vec<Network>, CollectError> {
        let interfaces = self.source.read()?;
        let mut shown = Vec::with_capacity(interfaces.len());
        for mut network in interfaces.into_iter().map(network) {
            let previous = self.previous.take(&network.interface);
            // Counters that start again are those of another interface of this name.
            let rated = previous.filter(|previous| rate(&mut network, previous, now).is_some());
            network.has_device = match &rated {
                Some(previous) => previous.has_device,
                None => self.source.has_device(&network.interface),
            };
            let reading = Previous {
                read_at: now,
                received: network.received_bytes,
                sent: network.sent_bytes,
                has_device: network.has_device,
            };
            self.previous.keep(network.interface.clone(), reading);
            if rated.is_some() {
                shown.push(network);
            }
        }
        self.previous.finish();
        Ok(shown)
    }
}

/// Fills in what happened since the reading before.
fn rate(network: &mut Network, previous: &Previous, now: Instant) -> Option<()> {
    let passed = now.saturating_duration_since(previous.read_at);
    network.received_bytes_per_second =
        per_second(previous.received, network.received_bytes, passed)?;
    network.sent_bytes_per_second = per_second(previous.sent, network.sent_bytes, passed)?;
    Some(())
}

fn network(line: InterfaceCounters) -> Network {
    let [
        received_bytes,
        received_packets,
        receive_errors,
        receive_drops,
        ..,
    ] = line.receive;
    let [sent_bytes, sent_packets, send_errors, send_drops, ..] = line.transmit;
    Network {
        interface: line.name,
        errors: receive_errors.saturating_add(send_errors),
        drops: receive_drops.saturating_add(send_drops),
        received_bytes,
        sent_bytes,
        received_packets,
        sent_packets,
        receive_errors,
        send_errors,
        receive_drops,
        send_drops,
        ..Network::default()
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the figures are exact")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::Tree;

    fn write(tree: &Tree, file: &str, lines: &[(&str, u64, u64)]) {
        let line = |(name, received, sent): &(&str, u64, u64)| {
            format!("{name:>6}:{received} 1 2 3 0 0 0 0 {sent} 4 5 6 0 0 0 0\n")
        };
        let lines: String = lines.iter().map(line).collect();
        tree.write(file, format!("Inter-|   Receive\n face |bytes\n{lines}"));
    }

    #[test]
    fn rates_need_two_readings_and_counters_that_do_not_go_back() {
        let tree = Tree::new();
        let mut reader = NetworkReader::new(&tree.roots());
        let start = Instant::now();
        write(
            &tree,
            "proc/net/dev",
            &[("eth0", 1_000, 500), ("veth:1", 9, 9)],
        );
        assert_eq!(reader.read(start).unwrap(), []);

        write(
            &tree,
            "proc/net/dev",
            &[("eth0", 3_000, 600), ("veth:1", 8, 9), ("new", 1, 1)],
        );
        let networks = reader.read(start + Duration::from_secs(2)).unwrap();
        assert_eq!(networks.len(), 1);
        let eth0 = &networks[0];
        assert_eq!(
            (eth0.interface.as_str(), eth0.errors, eth0.drops),
            ("eth0", 7, 9)
        );
        assert_eq!(
            (eth0.received_bytes_per_second, eth0.sent_bytes_per_second),
            (1_000.0, 50.0)
        );

        let networks = reader.read(start + Duration::from_secs(3)).unwrap();
        let names: Vec<&str> = networks.iter().map(|one| one.interface.as_str()).collect();
        assert_eq!(names, ["eth0", "veth:1", "new"]);
        assert_eq!(networks[0].received_bytes_per_second, 0.0);
    }

    #[test]
    fn interfaces_with_a_device_are_told_from_those_without() {
        let tree = Tree::new();
        write(&tree, "proc/net/dev", &[("eth0", 1, 1), ("bond0", 1, 1)]);
        std::fs::create_dir_all(tree.path("sys/class/net/eth0/device")).unwrap();
        std::fs::create_dir_all(tree.path("sys/class/net/bond0")).unwrap();
        let mut reader = NetworkReader::new(&tree.roots());
        let now = Instant::now();
        reader.read(now).unwrap();
        let networks = reader.read(now + Duration::from_secs(1)).unwrap();
        let found: Vec<bool> = networks.iter().map(|one| one.has_device).collect();
        assert_eq!(found, [true, false]);
    }

    #[test]
    fn the_hosts_interfaces_go_before_the_containers() {
        let tree = Tree::new();
        write(&tree, "proc/net/dev", &[("eth0", 1, 1)]);
        write(&tree, "proc/1/net/dev", &[("wan", 1, 1)]);
        let mut reader = NetworkReader::new(&tree.roots());
        let now = Instant::now();
        reader.read(now).unwrap();
        let networks = reader.read(now + Duration::from_secs(1)).unwrap();
        assert_eq!(networks[0].interface, "wan");
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        let mut reader = NetworkReader::new(&tree.roots());
        for line in [
            "eth0 1 2",
            "eth0: 1 2 3",
            "eth0: 1 2 3 x 5 6 7 8 9 10 11 12 13 14 15 16",
        ] {
            tree.write("proc/net/dev", format!("a\nb\n{line}\n"));
            let error = reader.read(Instant::now()).unwrap_err();
            assert!(error.to_string().contains("net/dev"), "{error}");
        }
    }
}
