//! Whole disks and what they do.

use std::time::{Duration, Instant};

use super::rate::{mean, per_second, rounded};
use crate::carryover::Carryover;
use crate::sources::{DeviceKind, DiskCounters, Disks};
use crate::{CollectError, HostRoots};
use linux_api_wire::snapshot::Disk;

/// Makes the rates of the disks from one reading to the next.
#[derive(Debug)]
pub(super) struct DiskReader {
    source: Disks,
    /// The reading before, by the device's name.
    previous: Carryover<String, (Instant, DiskCounters)>,
}

impl DiskReader {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            source: Disks::new(roots),
            previous: Carryover::default(),
        }
    }

    /// All disks that were there at the reading before: only they have a rate.
    ///
    /// # Errors
    /// When the file can't be read or holds something else.
    pub(super) fn read(&mut self, now: Instant) -> Result<Vec<Disk>, CollectError> {
        let mut shown = Vec::new();
        for disk in self.source.read(&[DeviceKind::Disk])? {
            let previous = self.previous.take(&disk.device.name);
            shown.extend(previous.and_then(|(then, before)| {
                let passed = now.saturating_duration_since(then);
                rated(&before, &disk, passed)
            }));
            self.previous.keep(disk.device.name.clone(), (now, disk));
        }
        self.previous.finish();
        Ok(shown)
    }
}

/// A disk with what happened since the reading before; `None` when a counter fell.
fn rated(before: &DiskCounters, disk: &DiskCounters, passed: Duration) -> Option<Disk> {
    let count = |place: usize| per_second(before.counters[place], disk.counters[place], passed);
    let bytes = |place| per_second(before.bytes(place), disk.bytes(place), passed);
    let busy = DiskCounters::BUSY_MS;
    let busy = disk.counters[busy].checked_sub(before.counters[busy])?;
    let busy = Duration::from_millis(busy).as_secs_f64();
    let more = |places: [usize; 2]| {
        let more = places.map(|place| disk.counters[place].checked_sub(before.counters[place]));
        more[0]?.checked_add(more[1]?)
    };
    let finished = more([DiskCounters::READS, DiskCounters::WRITES])?;
    // These two wrap around at 32 bits on some kernels.
    let took = more([DiskCounters::READ_MS, DiskCounters::WRITE_MS]);
    Some(Disk {
        device: disk.device.name.clone(),
        read_bytes_per_second: bytes(DiskCounters::SECTORS_READ)?,
        written_bytes_per_second: bytes(DiskCounters::SECTORS_WRITTEN)?,
        reads_per_second: count(DiskCounters::READS)?,
        writes_per_second: count(DiskCounters::WRITES)?,
        // The counter moves in ticks of the kernel and may run ahead of the clock by one.
        busy_percent: rounded(100.0 * busy / passed.as_secs_f64()).min(100.0),
        await_ms: took.and_then(|took| mean(took, finished)),
        read_bytes: disk.bytes(DiskCounters::SECTORS_READ),
        written_bytes: disk.bytes(DiskCounters::SECTORS_WRITTEN),
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the figures are exact")]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn only_disks_are_shown_and_only_with_a_rate() {
        let tree = Tree::new();
        for disk in ["sda", "nvme0n1", "dm-0", "loop0", "sr0", "cciss!c0d0"] {
            std::fs::create_dir_all(tree.path("sys/block").join(disk)).unwrap();
        }
        let mut reader = DiskReader::new(&tree.roots());
        let names = [
            "sda",
            "sda1",
            "nvme0n1",
            "nvme0n1p1",
            "dm-0",
            "loop0",
            "sr0",
            "cciss/c0d0",
        ];
        let write = |factor: u64| {
            let line = |name: &&str| {
                let [reads, sectors, ms] = [factor, 8 * factor, 100 * factor];
                let took = 3 * factor;
                format!("   8  0 {name} {reads} 0 {sectors} {took} 0 0 {sectors} 0 0 {ms} 0\n")
            };
            tree.write("proc/diskstats", names.iter().map(line).collect::<String>());
        };
        let start = Instant::now();
        write(1);
        assert_eq!(reader.read(start).unwrap(), []);
        write(5);
        let disks = reader.read(start + Duration::from_secs(1)).unwrap();
        let shown: Vec<&str> = disks.iter().map(|disk| disk.device.as_str()).collect();
        assert_eq!(shown, ["sda", "nvme0n1", "dm-0", "cciss/c0d0"]);
        assert_eq!(disks[0].read_bytes_per_second, 4.0 * 4096.0);
        assert_eq!(
            (disks[0].reads_per_second, disks[0].writes_per_second),
            (4.0, 0.0)
        );
        assert_eq!(disks[0].busy_percent, 40.0);
        assert_eq!(disks[0].await_ms, Some(3.0));
        // A disk that was taken out and put in again starts again.
        write(2);
        assert_eq!(reader.read(start + Duration::from_secs(2)).unwrap(), []);
        write(100);
        let disks = reader.read(start + Duration::from_secs(3)).unwrap();
        assert_eq!(disks[0].busy_percent, 100.0);
        // Nothing finished, so nothing took any time.
        let disks = reader.read(start + Duration::from_secs(4)).unwrap();
        assert_eq!(disks[0].await_ms, None);
    }
}
