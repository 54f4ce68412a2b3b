//! Disks with everything that `diskstats` tells of them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use crate::reread::Reread;
use crate::{CollectError, HostRoots, read_text};

/// The counters of one block device since the host started, see
/// Documentation/admin-guide/iostats.rst of the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// What it is.
    pub identity: DiskIdentity,
    /// Reads finished, reads merged, sectors of 512 bytes read, milliseconds spent reading, the
    /// same four of writing, requests under way, milliseconds with something to do, milliseconds
    /// weighted by requests; since 4.18 discards like reads; since 5.5 flushes finished and
    /// milliseconds spent flushing. An older kernel tells fewer.
    pub counters: Vec<u64>,
}

/// What is known of a block device itself; empty where udev does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskIdentity {
    /// The kernel's name for it.
    pub device: String,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Where it is plugged in.
    pub path: String,
    /// World-wide name.
    pub wwn: String,
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Revision of its firmware.
    pub revision: String,
}

/// Fewer are no line of `diskstats`.
const COUNTERS_MIN: usize = 11;
const COUNTERS_MAX: usize = 17;

/// Reads `diskstats` of the process file system, and once per device what udev knows of it.
#[derive(Debug)]
pub(super) struct DiskCounterReader {
    file: Reread,
    udev: PathBuf,
    known: HashMap<(u32, u32), DiskIdentity>,
}

impl DiskCounterReader {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            file: Reread::new(roots.procfs.join("diskstats")),
            udev: roots.rootfs.join("run/udev/data"),
            known: HashMap::new(),
        }
    }

    /// All devices but partitions, loop devices, RAM disks and floppies.
    pub(super) fn read(&mut self) -> Result<Vec<DiskCounters>, CollectError> {
        let disks = parse(&self.file.text()?);
        let mut disks = disks.ok_or_else(|| self.file.malformed("counters of disks"))?;
        disks.retain(|disk| !is_left_out(&disk.identity.device));
        let mut seen = HashMap::with_capacity(disks.len());
        for disk in &mut disks {
            let number = (disk.identity.major, disk.identity.minor);
            let known = self.known.remove(&number);
            let known = known.filter(|known| known.device == disk.identity.device);
            if let Some(known) = known {
                disk.identity = known;
            } else {
                let path = self.udev.join(format!("b{}:{}", number.0, number.1));
                describe(&mut disk.identity, &read_text(&path).unwrap_or_default());
            }
            seen.insert(number, disk.identity.clone());
        }
        self.known = seen;
        Ok(disks)
    }
}

/// The devices that node_exporter leaves out too: `ram0`, `loop0`, `fd0`, `sda1`, `hda1`, `vda1`,
/// `xvda1`, `nvme0n1p1`.
fn is_left_out(device: &str) -> bool {
    let stem = device.trim_end_matches(|one: char| one.is_ascii_digit());
    if stem.len() == device.len() {
        return false;
    }
    if ["ram", "loop", "fd"].contains(&stem) {
        return true;
    }
    let of_letter = ["hd", "sd", "vd", "xvd"].iter().any(|prefix| {
        let letter = stem.strip_prefix(prefix).unwrap_or_default().as_bytes();
        matches!(letter, [b'a'..=b'z'])
    });
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let of_nvme = stem
        .strip_prefix("nvme")
        .and_then(|rest| rest.strip_suffix('p'))
        .and_then(|rest| rest.split_once('n'))
        .is_some_and(|(controller, namespace)| digits(controller) && digits(namespace));
    of_letter || of_nvme
}

/// Lines of `MAJOR MINOR NAME` and at least eleven counters; a line that is anything else is passed
/// over, and so is a second one of a device. `None` when there are lines and none of them is good.
pub(crate) fn parse(text: &str) -> Option<Vec<DiskCounters>> {
    let mut seen = HashSet::new();
    let disks: Vec<DiskCounters> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (major, minor) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let device = words.next()?;
            let counters: Result<Vec<u64>, _> = words.take(COUNTERS_MAX).map(str::parse).collect();
            let counters = counters.ok().filter(|all| all.len() >= COUNTERS_MIN)?;
            let identity = DiskIdentity {
                device: device.to_owned(),
                major,
                minor,
                ..DiskIdentity::default()
            };
            seen.insert(device)
                .then_some(DiskCounters { identity, counters })
        })
        .collect();
    (!disks.is_empty() || text.trim().is_empty()).then_some(disks)
}

/// Fills in what a file of udev's says: lines such as `E:ID_MODEL=…`.
fn describe(identity: &mut DiskIdentity, udev: &str) {
    for line in udev.lines() {
        let Some((key, value)) = line
            .strip_prefix("E:")
            .and_then(|line| line.split_once('='))
        else {
            continue;
        };
        let field = match key {
            "ID_PATH" => &mut identity.path,
            "ID_WWN" => &mut identity.wwn,
            "ID_MODEL" => &mut identity.model,
            "ID_SERIAL_SHORT" => &mut identity.serial,
            "ID_REVISION" => &mut identity.revision,
            _ => continue,
        };
        value.clone_into(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn partitions_and_devices_in_disguise_are_left_out() {
        let left_out = [
            "ram0",
            "loop12",
            "fd0",
            "sda1",
            "hdb2",
            "vdz10",
            "xvda3",
            "nvme0n1p1",
        ];
        for device in left_out {
            assert!(is_left_out(device), "{device}");
        }
        for device in [
            "sda",
            "vda",
            "nvme0n1",
            "dm-0",
            "md0",
            "sr0",
            "mmcblk0p1",
            "zram0",
            "sdaa1",
            "ram",
        ] {
            assert!(!is_left_out(device), "{device}");
        }
    }

    #[test]
    fn a_device_keeps_its_description_until_another_has_its_number() {
        let tree = Tree::new();
        let line = |name: &str| {
            format!("8 0 {name} 1 2 3 4 5 6 7 8 9 10 11\n8 1 {name}1 1 2 3 4 5 6 7 8 9 10 11\n")
        };
        tree.write("proc/diskstats", line("sda"));
        tree.write(
            "run/udev/data/b8:0",
            "S:disk/by-id/x\nE:ID_MODEL=Fast_one\nE:ID_SERIAL_SHORT=77\n",
        );
        let mut reader = DiskCounterReader::new(&tree.roots());
        let disks = reader.read().unwrap();
        assert_eq!(disks.len(), 1);
        let identity = &disks[0].identity;
        assert_eq!(
            (identity.model.as_str(), identity.serial.as_str()),
            ("Fast_one", "77")
        );
        assert_eq!(disks[0].counters, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        tree.write("run/udev/data/b8:0", "E:ID_MODEL=Other\n");
        assert_eq!(reader.read().unwrap()[0].identity.model, "Fast_one");
        tree.write("proc/diskstats", line("sdb"));
        assert_eq!(reader.read().unwrap()[0].identity.model, "Other");
        tree.write("proc/diskstats", "8 0 sda 1 2\n");
        assert!(reader.read().unwrap_err().to_string().contains("diskstats"));
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
        let disks = parse(&text.concat()).unwrap();
        let shown: Vec<(&str, u64)> = disks
            .iter()
            .map(|disk| (disk.identity.device.as_str(), disk.counters[0]))
            .collect();
        assert_eq!(shown, [("sda", 1), ("sdd", 2)]);
    }
}
