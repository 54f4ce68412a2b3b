//! What the block devices are: which of them are disks, and what udev knows of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::carryover::Carryover;
use crate::{HostRoots, read_text};

/// A block device; the texts are empty where udev does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockDevice {
    /// The kernel's name for it.
    pub name: String,
    /// Whether it is a disk.
    pub kind: DeviceKind,
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

/// Which block devices are disks: the only place that decides it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceKind {
    /// A whole disk, or what stands for one: RAID, LVM, multipath.
    #[default]
    Disk,
    /// A part of a disk, whose traffic the disk counts already.
    Partition,
    /// An optical drive or compressed memory: `/metrics` has them, as `node_exporter` does, snapshots
    /// and history don't.
    Auxiliary,
    /// A file or memory in disguise, or a floppy: shown nowhere.
    Hidden,
}

impl DeviceKind {
    /// The kind of the device of this name; `blocks` is the directory of whole devices in sysfs.
    fn of(device: &str, blocks: &Path) -> Self {
        let stem = device.trim_end_matches(|one: char| one.is_ascii_digit());
        match stem {
            _ if stem.len() == device.len() => Self::Disk,
            "loop" | "ram" | "fd" => Self::Hidden,
            "sr" | "zram" => Self::Auxiliary,
            // sysfs writes an exclamation mark for a slash.
            _ if blocks.join(device.replace('/', "!")).exists() => Self::Disk,
            _ if blocks.is_dir() || is_partition_name(stem) => Self::Partition,
            _ => Self::Disk,
        }
    }
}

/// Whether a name without its last number is that of a partition: `sda1`, `hda1`, `vda1`, `xvda1`,
/// `nvme0n1p1`. Only looked at without sysfs: there are disks named `xvda1`.
fn is_partition_name(stem: &str) -> bool {
    let is_lettered = ["hd", "sd", "vd", "xvd"].iter().any(|prefix| {
        let letter = stem.strip_prefix(prefix).unwrap_or_default().as_bytes();
        matches!(letter, [b'a'..=b'z'])
    });
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_nvme = stem
        .strip_prefix("nvme")
        .and_then(|rest| rest.strip_suffix('p'))
        .and_then(|rest| rest.split_once('n'))
        .is_some_and(|(controller, namespace)| digits(controller) && digits(namespace));
    is_lettered || is_nvme
}

/// The block devices of a host, each looked at once.
#[derive(Debug)]
pub(super) struct BlockDevices {
    blocks: PathBuf,
    udev: PathBuf,
    devices: Carryover<String, Arc<BlockDevice>>,
}

impl BlockDevices {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            blocks: roots.sysfs.join("block"),
            udev: roots.rootfs.join("run/udev/data"),
            devices: Carryover::default(),
        }
    }

    /// The device of this name and these numbers.
    pub(super) fn get(&mut self, name: String, major: u32, minor: u32) -> Arc<BlockDevice> {
        let known = self.devices.take(&name);
        let known = known.filter(|device| (device.major, device.minor) == (major, minor));
        let device = known.unwrap_or_else(|| {
            let mut device = BlockDevice {
                kind: DeviceKind::of(&name, &self.blocks),
                name: name.clone(),
                major,
                minor,
                ..BlockDevice::default()
            };
            if matches!(device.kind, DeviceKind::Disk | DeviceKind::Auxiliary) {
                let path = self.udev.join(format!("b{major}:{minor}"));
                describe(&mut device, &read_text(&path).unwrap_or_default());
            }
            Arc::new(device)
        });
        self.devices.keep(name, Arc::clone(&device));
        device
    }

    /// Forgets the devices that were not looked at since the last call.
    pub(super) fn finish(&mut self) {
        self.devices.finish();
    }
}

/// Fills in what a file of udev's says: lines such as `E:ID_MODEL=…`.
fn describe(device: &mut BlockDevice, udev: &str) {
    for line in udev.lines() {
        let Some((key, value)) = line
            .strip_prefix("E:")
            .and_then(|line| line.split_once('='))
        else {
            continue;
        };
        let field = match key {
            "ID_PATH" => &mut device.path,
            "ID_WWN" => &mut device.wwn,
            "ID_MODEL" => &mut device.model,
            "ID_SERIAL_SHORT" => &mut device.serial,
            "ID_REVISION" => &mut device.revision,
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
    fn the_kernel_says_what_is_a_partition_and_without_it_the_name() {
        use DeviceKind::{Auxiliary, Disk, Hidden, Partition};
        let tree = Tree::new();
        let blocks = tree.path("sys/block");
        let check = |devices: &[(&str, DeviceKind)]| {
            for (device, kind) in devices {
                assert_eq!(DeviceKind::of(device, &blocks), *kind, "{device}");
            }
        };
        let by_name = [
            ("ram0", Hidden),
            ("loop12", Hidden),
            ("fd0", Hidden),
            ("sr0", Auxiliary),
            ("zram0", Auxiliary),
            ("sda", Disk),
        ];
        check(&by_name);
        let without_sysfs = [
            ("sda1", Partition),
            ("hdb2", Partition),
            ("vdz10", Partition),
            ("xvda3", Partition),
            ("nvme0n1p1", Partition),
            ("nvme0n1", Disk),
            ("mmcblk0p1", Disk),
            ("dm-0", Disk),
            ("md0", Disk),
        ];
        check(&without_sysfs);
        for disk in ["sda", "xvda3", "nvme0n1", "cciss!c0d0"] {
            std::fs::create_dir_all(blocks.join(disk)).unwrap();
        }
        let with_sysfs = [
            ("sdaa1", Partition),
            ("mmcblk0p1", Partition),
            ("nvme0n1", Disk),
            ("xvda3", Disk),
            ("cciss/c0d0", Disk),
            ("cciss/c0d0p1", Partition),
        ];
        check(&by_name);
        check(&with_sysfs);
    }

    #[test]
    fn a_device_keeps_its_description_until_another_has_its_number() {
        let tree = Tree::new();
        let mut devices = BlockDevices::new(&tree.roots());
        let mut model = |name: &str| {
            let device = devices.get(name.to_owned(), 8, 0);
            devices.finish();
            device.model.clone()
        };
        let udev = "run/udev/data/b8:0";
        tree.write(
            udev,
            "S:disk/by-id/x\nE:ID_MODEL=Fast_one\nE:ID_SERIAL_SHORT=77\n",
        );
        assert_eq!(model("sda"), "Fast_one");
        tree.write(udev, "E:ID_MODEL=Other\n");
        assert_eq!(model("sda"), "Fast_one");
        assert_eq!(model("sdb"), "Other");
    }
}
