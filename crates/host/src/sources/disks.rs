//! `diskstats`: what the block devices have done.

use std::collections::HashSet;
use std::sync::Arc;

use super::block_devices::{BlockDevice, BlockDevices};
use super::{DeviceKind, Source};
use crate::{CollectError, HostRoots};

/// The counters of one block device since the host started, see
/// Documentation/admin-guide/iostats.rst of the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// What it is.
    pub device: Arc<BlockDevice>,
    /// Reads finished, reads merged, sectors of 512 bytes read, milliseconds spent reading, the
    /// same four of writing, requests under way, milliseconds with something to do, milliseconds
    /// weighted by requests; since 4.18 discards like reads; since 5.5 flushes finished and
    /// milliseconds spent flushing. An older kernel has fewer, at least eleven.
    pub counters: Vec<u64>,
}

impl DiskCounters {
    pub(crate) const READS: usize = 0;
    pub(crate) const SECTORS_READ: usize = 2;
    pub(crate) const READ_MS: usize = 3;
    pub(crate) const WRITES: usize = 4;
    pub(crate) const SECTORS_WRITTEN: usize = 6;
    pub(crate) const WRITE_MS: usize = 7;
    pub(crate) const BUSY_MS: usize = 9;
    /// Fewer are no line of `diskstats`.
    const COUNTERS_MIN: usize = 11;
    const COUNTERS_MAX: usize = 17;
    /// The unit of the kernel's counters, whatever the disk's own is.
    const SECTOR_BYTES: u64 = 512;

    /// A counter of sectors in bytes.
    #[must_use]
    pub fn bytes(&self, place: usize) -> u64 {
        self.counters[place].saturating_mul(Self::SECTOR_BYTES)
    }
}

/// Reads `diskstats` of the process file system.
#[derive(Debug)]
pub(crate) struct Disks {
    file: Source<Vec<Line>>,
    devices: BlockDevices,
}

#[derive(Debug, PartialEq, Eq)]
struct Line {
    name: String,
    major: u32,
    minor: u32,
    counters: Vec<u64>,
}

impl Disks {
    pub(crate) fn new(roots: &HostRoots) -> Self {
        let file = roots.procfs.join("diskstats");
        Self {
            file: Source::new(file, "counters of disks", parse),
            devices: BlockDevices::new(roots),
        }
    }

    /// The devices of these kinds, in the order of the file.
    ///
    /// # Errors
    /// When the file can't be read or holds something else.
    pub(crate) fn read(&mut self, kinds: &[DeviceKind]) -> Result<Vec<DiskCounters>, CollectError> {
        let lines = self.file.read()?;
        let mut disks = Vec::with_capacity(lines.len());
        for line in lines {
            let device = self.devices.get(line.name, line.major, line.minor);
            if kinds.contains(&device.kind) {
                let counters = line.counters;
                disks.push(DiskCounters { device, counters });
            }
        }
        self.devices.finish();
        Ok(disks)
    }
}

/// Lines of `MAJOR MINOR NAME` and at least eleven counters; a line that is anything else is passed
/// over, and so is a second one of a device. `None` when there are lines and none of them is good.
fn parse(text: &str) -> Option<Vec<Line>> {
    let mut seen = HashSet::new();
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (major, minor) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let name = words.next()?;
        let counters = words.take(DiskCounters::COUNTERS_MAX).map(str::parse);
        let counters: Vec<u64> = counters.collect::<Result<_, _>>().ok()?;
        let is_good = counters.len() >= DiskCounters::COUNTERS_MIN && seen.insert(name);
        is_good.then(|| Line {
            name: name.to_owned(),
            major,
            minor,
            counters,
        })
    });
    let lines: Vec<Line> = lines.collect();
    (!lines.is_empty() || text.trim().is_empty()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn only_devices_of_the_kinds_that_are_wanted_are_read() {
        let tree = Tree::new();
        let counters = "1 2 3 4 5 6 7 8 9 10 11";
        let line = |name: &str| format!("8 0 {name} {counters}\n");
        let names = ["sda", "sda1", "sr0", "loop0"];
        tree.write("proc/diskstats", names.map(line).concat());
        let mut source = Disks::new(&tree.roots());
        let mut names = |kinds: &[DeviceKind]| -> Vec<String> {
            let disks = source.read(kinds).unwrap();
            assert_eq!(disks[0].counters, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
            disks.iter().map(|one| one.device.name.clone()).collect()
        };
        assert_eq!(names(&[DeviceKind::Disk]), ["sda"]);
        assert_eq!(
            names(&[DeviceKind::Auxiliary, DeviceKind::Disk]),
            ["sda", "sr0"]
        );
        for text in ["8 0 sda 1 2 3\n", "8 0 sda 1 0 x 0 0 0 0 0 0 0 0\n"] {
            tree.write("proc/diskstats", text);
            let error = source.read(&[DeviceKind::Disk]).unwrap_err();
            assert!(error.to_string().contains("diskstats"), "{error}");
        }
    }

    #[test]
    fn an_odd_line_costs_its_device_and_no_other() {
        let good = |name: &str, reads: u64| format!("8 0 {name} {reads} 2 3 4 5 6 7 8 9 10 11\n");
        let text = [
            good("sda", 1),
            "8 16 sdb 1 2 3\n".to_owned(),
            "\n8 32 sdc 1 2 x 4 5 6 7 8 9 10 11\n".to_owned(),
            good("sda", 99),
            good("sdd", 2),
        ];
        let lines = parse(&text.concat()).unwrap();
        let shown = lines
            .iter()
            .map(|line| (line.name.as_str(), line.counters[0]));
        assert_eq!(shown.collect::<Vec<_>>(), [("sda", 1), ("sdd", 2)]);
    }
}
