//! Network interfaces.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use super::CollectError;
use super::rate::per_second;
use super::reread::Reread;
use crate::model::snapshot::Network;

/// Reads `net/dev` of the process file system, see proc(5).
#[derive(Debug)]
pub(super) struct NetworkReader {
    /// Of the host's first process, which in a container sees the host's interfaces.
    host: Reread,
    own: Reread,
    previous: HashMap<String, (Instant, u64, u64)>,
}

impl NetworkReader {
    pub(super) fn new(procfs: &Path) -> Self {
        Self {
            host: Reread::new(procfs.join("1/net/dev")),
            own: Reread::new(procfs.join("net/dev")),
            previous: HashMap::new(),
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
        let networks = parse(&file.text()?);
        let mut networks = networks.ok_or_else(|| file.malformed("counters of interfaces"))?;
        let mut seen = HashMap::with_capacity(networks.len());
        networks.retain_mut(|network| {
            let (received, sent) = (network.received_bytes, network.sent_bytes);
            let before = self.previous.remove(&network.interface);
            seen.insert(network.interface.clone(), (now, received, sent));
            let rates = before.and_then(|(then, old_received, old_sent)| {
                let passed = now.saturating_duration_since(then);
                let received = per_second(old_received, received, passed)?;
                Some((received, per_second(old_sent, sent, passed)?))
            });
            if let Some((received, sent)) = rates {
                network.received_bytes_per_second = received;
                network.sent_bytes_per_second = sent;
            }
            rates.is_some()
        });
        self.previous = seen;
        Ok(networks)
    }
}

/// Two lines of headings, then `NAME: ` and sixteen counters, eight for each direction.
fn parse(text: &str) -> Option<Vec<Network>> {
    text.lines()
        .skip(2)
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            // Old kernels write no space behind the colon, and a name may hold one.
            let (name, counters) = line.rsplit_once(':')?;
            let mut all = [0_u64; 16];
            let mut words = counters.split_whitespace();
            for counter in &mut all {
                *counter = words.next()?.parse().ok()?;
            }
            let [
                received,
                received_packets,
                receive_errors,
                receive_drops,
                ..,
            ] = all;
            let [sent, sent_packets, send_errors, send_drops, ..] = all[8..] else {
                return None;
            };
            Some(Network {
                interface: name.trim().to_owned(),
                errors: receive_errors.saturating_add(send_errors),
                drops: receive_drops.saturating_add(send_drops),
                received_bytes: received,
                sent_bytes: sent,
                received_packets,
                sent_packets,
                receive_errors,
                send_errors,
                receive_drops,
                send_drops,
                ..Network::default()
            })
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the figures are exact")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::collector::testing::Tree;

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
        let mut reader = NetworkReader::new(&tree.path("proc"));
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
    fn the_hosts_interfaces_go_before_the_containers() {
        let tree = Tree::new();
        write(&tree, "proc/net/dev", &[("eth0", 1, 1)]);
        write(&tree, "proc/1/net/dev", &[("wan", 1, 1)]);
        let mut reader = NetworkReader::new(&tree.path("proc"));
        let now = Instant::now();
        reader.read(now).unwrap();
        let networks = reader.read(now + Duration::from_secs(1)).unwrap();
        assert_eq!(networks[0].interface, "wan");
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        let mut reader = NetworkReader::new(&tree.path("proc"));
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
