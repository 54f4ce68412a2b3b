//! Which mounts are not as they should be: read-only though they should not be, or missing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{Line, PSEUDO, inside, split_lines, text};
use crate::sources::fstab::Entry;

/// Words of a file system that has met errors beside, or in place of, `ro`: ext4 writes them.
const AFTER_ERRORS: [&[u8]; 2] = [b"emergency_ro", b"shutdown"];

/// What is wrong with the mounts of a host; mount points as the host itself sees them, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountFaults {
    /// Where file systems can only be read that should be written: `/etc/fstab` says so, or they were mounted
    /// so and the kernel stopped writing them after an error.
    pub turned_read_only: Vec<String>,
    /// Where nothing is mounted though `/etc/fstab` says so, without `noauto`, `nofail` and automount.
    pub missing: Vec<String>,
}

/// Whose table of mounts it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    /// The table's text.
    pub(crate) text: &'a [u8],
    /// Below which of its paths the host's files are, where that is not the root.
    pub(crate) below: Option<&'a Path>,
    /// Whether it is that of the host's first process. In our own, parts may be mounted read-only by the sandbox
    /// of this process alone.
    pub(crate) is_host: bool,
}

/// Compares the table with what `/etc/fstab` says. `resolve` gives the path of a mount point without symbolic
/// links, where it has some; it is only called for what would be missing otherwise.
pub(crate) fn faults(
    table: Table<'_>,
    entries: &[Entry],
    resolve: impl Fn(&Path) -> Option<PathBuf>,
) -> MountFaults {
    let lines = topmost(table);
    let mut turned: BTreeSet<String> = BTreeSet::new();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    let mut reported: BTreeSet<&[u8]> = BTreeSet::new();
    for entry in entries {
        let at = |point: &Path| lines.get(point.as_os_str().as_bytes());
        let line = at(&entry.point).or_else(|| at(&resolve(&entry.point)?));
        match line {
            None => {
                // Another table than the host's may not have what was mounted after this process started.
                let is_known = table.is_host || table.below.is_none();
                if entry.is_required && is_known && entry.point != Path::new("/") {
                    missing.insert(entry.point.to_string_lossy().into_owned());
                }
            }
            Some(line) => {
                let is_read_only =
                    line.is_stopped() || (table.is_host && contains(line.options, b"ro"));
                if is_read_only && !entry.is_read_only && !line.is_of_pseudo_kind() {
                    reported.insert(line.device);
                    turned.insert(entry.point.to_string_lossy().into_owned());
                }
            }
        }
    }
    turned.extend(stopped(&lines, &reported));
    MountFaults {
        turned_read_only: turned.into_iter().collect(),
        missing: missing.into_iter().collect(),
    }
}

/// The mounts that are seen: each point once, what was mounted there last.
fn topmost(table: Table<'_>) -> HashMap<Cow<'_, [u8]>, Line<'_>> {
    let mut lines = HashMap::new();
    for mut line in split_lines(table.text).filter_map(Line::parse) {
        if let Some(rootfs) = table.below {
            match inside(&line.point, rootfs) {
                Some(point) => line.point = point,
                None => continue,
            }
        }
        lines.insert(line.point.clone(), line);
    }
    lines
}

/// Where file systems of disks are mounted to be written, and are not written any more; the shortest path of each
/// device that was not reported yet.
fn stopped(
    lines: &HashMap<Cow<'_, [u8]>, Line<'_>>,
    reported: &BTreeSet<&[u8]>,
) -> impl Iterator<Item = String> {
    let mut found: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
    for line in lines.values() {
        // A mount that was meant to be read only says so itself; the kernel changes the file system alone.
        let is_meant = contains(line.options, b"ro");
        let is_other = line.is_remote() || line.is_of_pseudo_kind();
        if is_meant || is_other || !line.is_stopped() || reported.contains(line.device) {
            continue;
        }
        let shortest = found.entry(line.device).or_insert(&line.point);
        if (line.point.len(), &*line.point) < (shortest.len(), *shortest) {
            *shortest = &line.point;
        }
    }
    let points: Vec<String> = found
        .into_values()
        .map(|point| String::from_utf8_lossy(point).into_owned())
        .collect();
    points.into_iter()
}

fn contains(options: &[u8], wanted: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|one| one == wanted)
}

impl Line<'_> {
    /// Whether the file system as a whole can't be written, whatever the mount says.
    fn is_stopped(&self) -> bool {
        let has_failed = |word: &&[u8]| contains(self.super_options, word);
        contains(self.super_options, b"ro") || AFTER_ERRORS.iter().any(has_failed)
    }

    /// Whether it is of a kind that is made by the kernel, in memory or never written.
    fn is_of_pseudo_kind(&self) -> bool {
        PSEUDO.contains(&&*text(self.kind))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::fstab::entries;

    /// The table of a host of which `/data` has met an error and `/boot` was forgotten after a rescue.
    const RECORDED: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
30 22 8:2 / /boot ro,relatime shared:30 - ext4 /dev/sda2 rw
40 22 8:16 / /data rw,relatime shared:40 - xfs /dev/sdb ro,attr2
41 22 8:16 /x /srv/export/x rw,relatime shared:41 - xfs /dev/sdb ro,attr2
42 22 8:32 / /srv/my\\040logs rw,relatime shared:42 - ext4 /dev/sdc rw,emergency_ro
43 22 8:48 / /archive ro,relatime shared:43 - ext4 /dev/sdd ro
44 22 7:1 / /snap/core/1 ro,nodev shared:44 - squashfs /dev/loop1 ro
45 22 7:2 / /image rw,nodev shared:45 - squashfs /dev/loop2 ro
46 22 0:50 / /mnt/nas rw,relatime shared:46 - nfs4 nas:/export ro
47 22 0:60 / /late rw - autofs systemd-1 rw
48 22 0:61 / /run/log rw - tmpfs tmpfs rw
";
    const FSTAB: &[u8] = b"\
UUID=1 / ext4 errors=remount-ro 0 1
UUID=2 /boot ext4 defaults 0 2
UUID=3 /data xfs defaults 0 2
UUID=4 /archive ext4 ro 0 2
UUID=5 /late ext4 defaults 0 2
UUID=6 /gone/ ext4 defaults 0 2
UUID=7 /usb ext4 nofail 0 2
tmpfs /var/run/log tmpfs defaults 0 0
";

    fn table(text: &str) -> Table<'_> {
        Table {
            text: text.as_bytes(),
            below: None,
            is_host: true,
        }
    }

    /// `/var/run` leads to `/run` on most hosts.
    fn resolve(point: &Path) -> Option<PathBuf> {
        let rest = point.strip_prefix("/var/run").ok()?;
        Some(Path::new("/run").join(rest))
    }

    #[test]
    fn what_turned_read_only_and_what_is_missing_are_found() {
        let found = faults(table(RECORDED), &entries(FSTAB), resolve);
        let expected = MountFaults {
            turned_read_only: ["/boot", "/data", "/srv/my logs"].map(str::to_owned).into(),
            missing: vec!["/gone".to_owned()],
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn without_fstab_the_kernel_says_what_it_stopped_writing() {
        let found = faults(table(RECORDED), &[], |_| None);
        assert_eq!(found.turned_read_only, ["/data", "/srv/my logs"]);
        assert_eq!(found.missing, [""; 0]);
    }

    #[test]
    fn what_is_mounted_last_counts() {
        let again = "50 22 8:99 / /data rw - ext4 /dev/sdz rw\n";
        let text = format!("{RECORDED}{again}");
        let found = faults(table(&text), &entries(FSTAB), resolve);
        // The device is still seen elsewhere.
        assert_eq!(
            found.turned_read_only,
            ["/boot", "/srv/export/x", "/srv/my logs"]
        );
    }

    #[test]
    fn the_sandbox_of_this_process_is_no_fault_of_the_host() {
        let own = Table {
            is_host: false,
            ..table(RECORDED)
        };
        let found = faults(own, &entries(FSTAB), resolve);
        assert_eq!(found.turned_read_only, ["/data", "/srv/my logs"]);
        assert_eq!(found.missing, ["/gone"]);
    }

    #[test]
    fn in_a_container_only_what_is_seen_of_the_host_counts() {
        let text = "\
            1 0 0:9 / / rw - overlay overlay rw\n\
            2 1 8:1 / /host ro - ext4 /dev/sda1 rw\n\
            3 2 8:16 / /host/data rw - xfs /dev/sdb ro\n";
        let own = Table {
            text: text.as_bytes(),
            below: Some(Path::new("/host")),
            is_host: false,
        };
        let found = faults(own, &entries(FSTAB), |_| None);
        assert_eq!(found.turned_read_only, ["/data"]);
        assert_eq!(found.missing, [""; 0]);
    }

    proptest! {
        #[test]
        fn any_table_and_any_fstab_are_compared(
            text in "([0-9: /a-z\\\\,-]{0,60}\n){0,5}",
            fstab in "([a-z /,\\\\0-9]{0,40}\n){0,5}",
        ) {
            let entries = entries(fstab.as_bytes());
            let found = faults(table(&text), &entries, |_| None);
            prop_assert!(found.missing.len() <= entries.len());
        }
    }
}
