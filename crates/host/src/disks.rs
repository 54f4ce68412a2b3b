//! Whole disks and what they do.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::CollectError;
use super::counters::disks::{DiskCounters, parse};
use super::rate::{per_second, rounded};
use super::reread::Reread;
use linux_api_wire::snapshot::Disk;

/// The unit of the kernel's counters, whatever the disk's own is.
const SECTOR_BYTES: u64 = 512;
/// Devices that are no disks: files and memory in disguise, and removable media.
const NO_DISKS: [&str; 5] = ["loop", "ram", "zram", "fd", "sr"];

/// Reads `diskstats` of the process file system, see Documentation/admin-guide/iostats.rst of the
/// kernel.
#[derive(Debug)]
pub(super) struct DiskReader {
    file: Reread,
    blocks: PathBuf,
    known: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    /// A partition has no directory of its own among the block devices.
    is_disk: bool,
    read_at: Instant,
    disk: Disk,
}

impl DiskReader {
    pub(super) fn new(procfs: &Path, sysfs: &Path) -> Self {
        Self {
            file: Reread::new(procfs.join("diskstats")),
            blocks: sysfs.join("block"),
            known: HashMap::new(),
        }
    }

    /// All disks that were there at the reading before: only they have a rate.
    ///
    /// # Errors
    /// When the file can't be read or says something else.
    pub(super) fn read(&mut self, now: Instant) -> Result<Vec<Disk>, CollectError> {
        let disks = parse(&self.file.text()?);
        let disks = disks.ok_or_else(|| self.file.malformed("counters of disks"))?;
        let disks = disks.into_iter().filter_map(disk);
        let mut seen = HashMap::with_capacity(self.known.len());
        let mut shown = Vec::new();
        for mut disk in disks {
            let before = self.known.remove(&disk.device);
            let is_disk = match &before {
                Some(before) => before.is_disk,
                None => is_disk(&self.blocks, &disk.device),
            };
            let rated = before
                .as_ref()
                .filter(|_| is_disk)
                .and_then(|before| rate(&mut disk, before, now));
            if rated.is_some() {
                shown.push(disk.clone());
            }
            let known = Known {
                is_disk,
                read_at: now,
                disk,
            };
            seen.insert(known.disk.device.clone(), known);
        }
        self.known = seen;
        Ok(shown)
    }
}

/// Fills in what happened since the reading before.
fn rate(disk: &mut Disk, before: &Known, now: Instant) -> Option<()> {
    let (passed, old) = (now.saturating_duration_since(before.read_at), &before.disk);
    disk.read_bytes_per_second = per_second(old.read_bytes, disk.read_bytes, passed)?;
    disk.written_bytes_per_second = per_second(old.written_bytes, disk.written_bytes, passed)?;
    disk.reads_per_second = per_second(old.reads, disk.reads, passed)?;
    disk.writes_per_second = per_second(old.writes, disk.writes, passed)?;
    let busy = Duration::from_millis(disk.busy_ms.checked_sub(old.busy_ms)?);
    // The counter moves in ticks of the kernel and may run ahead of the clock by one.
    disk.busy_percent = rounded(100.0 * busy.as_secs_f64() / passed.as_secs_f64()).min(100.0);
    Some(())
}

fn is_disk(blocks: &Path, device: &str) -> bool {
    let is_number = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    if NO_DISKS
        .iter()
        .any(|kind| device.strip_prefix(kind).is_some_and(is_number))
    {
        return false;
    }
    // sysfs writes an exclamation mark for a slash. Without sysfs partitions are shown too.
    !blocks.is_dir() || blocks.join(device.replace('/', "!")).exists()
}

fn disk(line: DiskCounters) -> Option<Disk> {
    let [
        reads,
        _,
        sectors_read,
        _,
        writes,
        _,
        sectors_written,
        _,
        _,
        busy_ms,
        ..,
    ] = line.counters[..]
    else {
        return None;
    };
    Some(Disk {
        device: line.identity.device,
        read_bytes: sectors_read.saturating_mul(SECTOR_BYTES),
        written_bytes: sectors_written.saturating_mul(SECTOR_BYTES),
        reads,
        writes,
        busy_ms,
        ..Disk::default()
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
        let mut reader = DiskReader::new(&tree.path("proc"), &tree.path("sys"));
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
                format!("   8  0 {name} {reads} 0 {sectors} 0 0 0 {sectors} 0 0 {ms} 0\n")
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
        // A disk that was taken out and put in again starts anew.
        write(2);
        assert_eq!(reader.read(start + Duration::from_secs(2)).unwrap(), []);
        write(100);
        let disks = reader.read(start + Duration::from_secs(3)).unwrap();
        assert_eq!(disks[0].busy_percent, 100.0);
    }

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        let mut reader = DiskReader::new(&tree.path("proc"), &tree.path("sys"));
        for text in ["8 0 sda 1 2 3\n", "8 0 sda 1 0 x 0 0 0 0 0 0 0 0\n"] {
            tree.write("proc/diskstats", text);
            let error = reader.read(Instant::now()).unwrap_err();
            assert!(error.to_string().contains("diskstats"), "{error}");
        }
    }
}
