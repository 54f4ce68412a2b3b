//! Network interfaces.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::CollectError;
use super::counters::interfaces::{InterfaceCounters, parse};
use super::rate::per_second;
use super::reread::Reread;
use linux_api_wire::snapshot::Network;

/// Reads `net/dev` of the process file system, see proc(5).
#[derive(Debug)]
pub(super) struct NetworkReader {
    /// Of the host's first process, which in a container sees the host's interfaces.
    host: Reread,
    own: Reread,
    /// Where the system file system tells of each interface.
    folder: PathBuf,
    known: HashMap<String, Known>,
}

/// What was found at the reading before.
#[derive(Debug)]
struct Known {
    read_at: Instant,
    received: u64,
    sent: u64,
    has_device: bool,
}

impl NetworkReader {
    pub(super) fn new(procfs: &Path, sysfs: &Path) -> Self {
        Self {
            host: Reread::new(procfs.join("1/net/dev")),
            own: Reread::new(procfs.join("net/dev")),
            folder: sysfs.join("class/net"),
            known: HashMap::new(),
        }
    }

    /// All interfaces that were there at the reading before: only they have a rate.
    ///
    /// # Errors
    /// When the file can't be read or says something else.
    pub(super) fn read(&mut self, now: Instant) -> Result<Vec<Network>, CollectError> {
        // A container without the host's processes has no such file, nor a reason to fail.
        let file = if self.host.bytes().is_ok() {
            &mut self.host
        } else {
            &mut self.own
        };
        let lines = parse(&file.text()?);
        let lines = lines.ok_or_else(|| file.malformed("counters of interfaces"))?;
        let mut seen = HashMap::with_capacity(lines.len());
        let mut shown = Vec::with_capacity(self.known.len());
        for mut network in lines.into_iter().map(network) {
            let before = self.known.remove(&network.interface);
            let rates = before.as_ref().and_then(|before| {
                let passed = now.saturating_duration_since(before.read_at);
                let received = per_second(before.received, network.received_bytes, passed)?;
                Some((
                    received,
                    per_second(before.sent, network.sent_bytes, passed)?,
                ))
            });
            // Counters that start again are those of another interface of this name.
            let has_device = before
                .filter(|_| rates.is_some())
                .map(|before| before.has_device);
            network.has_device = has_device
                .unwrap_or_else(|| self.folder.join(&network.interface).join("device").exists());
            let known = Known {
                read_at: now,
                received: network.received_bytes,
                sent: network.sent_bytes,
                has_device: network.has_device,
            };
            seen.insert(network.interface.clone(), known);
            if let Some((received, sent)) = rates {
                network.received_bytes_per_second = received;
                network.sent_bytes_per_second = sent;
                shown.push(network);
            }
        }
        self.known = seen;
        Ok(shown)
    }
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
        let mut reader = NetworkReader::new(&tree.path("proc"), &tree.path("sys"));
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
        let mut reader = NetworkReader::new(&tree.path("proc"), &tree.path("sys"));
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
        let mut reader = NetworkReader::new(&tree.path("proc"), &tree.path("sys"));
        let now = Instant::now();
        reader.read(now).unwrap();
        let networks = reader.read(now + Duration::from_secs(1)).unwrap();
        assert_eq!(networks[0].interface, "wan");
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        let mut reader = NetworkReader::new(&tree.path("proc"), &tree.path("sys"));
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
