//! Which mounted file systems hold files of their own.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// File systems that show the kernel, hold memory or pictures of disks, or stand for others.
const PSEUDO: &[&str] = &[
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "fuse.squashfuse",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "udf",
];

/// File systems that another machine serves, so that they may not answer.
const NETWORK: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "smb3",
    "smbfs",
    "virtiofs",
];

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Major and minor number of its device, which tell file systems apart.
    pub(super) device_number: String,
    /// Where it is mounted on the host.
    pub(super) point: PathBuf,
    pub(super) kind: String,
    pub(super) source: String,
    pub(super) read_only: bool,
    /// Whether another machine or a program serves it.
    pub(super) is_remote: bool,
    /// Whether its own root is mounted, not a part of it.
    is_whole: bool,
}

/// The file systems that hold files, each once, in the order in which they were mounted.
///
/// `mountinfo` is described in proc(5). Paths are below `rootfs` when `below` says so, as a process
/// in a container sees them; what lies elsewhere is then not of the host. `is_file` says whether
/// a mount point of the host is a file: containers get single files of the host mounted, which are
/// no file systems to watch. It is not asked of remote ones, which may not answer.
pub(super) fn file_systems(
    mountinfo: &[u8],
    below: Option<&Path>,
    is_file: impl Fn(&Path) -> bool,
) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in mountinfo.split(|byte| *byte == b'\n') {
        let Some(mut mount) = parse(line) else {
            continue;
        };
        if let Some(rootfs) = below {
            match mount.point.strip_prefix(rootfs) {
                Ok(inside) => mount.point = Path::new("/").join(inside),
                Err(_) => continue,
            }
        }
        // What is mounted later hides what was there, pseudo file systems too.
        mounts.retain(|earlier| earlier.point != mount.point);
        mounts.push(mount);
    }
    mounts.retain(|mount| !is_pseudo(mount) && (mount.is_remote || !is_file(&mount.point)));
    without_binds(mounts)
}

fn is_pseudo(mount: &Mount) -> bool {
    // The root of a container lies on an overlay, and is all that it has.
    let is_container_root = mount.kind == "overlay" && mount.point == Path::new("/");
    PSEUDO.contains(&mount.kind.as_str()) && !is_container_root
}

/// Leaves the best of the mounts of each device: its whole, else the first.
fn without_binds(mounts: Vec<Mount>) -> Vec<Mount> {
    let mut best: HashMap<String, usize> = HashMap::new();
    for (index, mount) in mounts.iter().enumerate() {
        best.entry(mount.device_number.clone())
            .and_modify(|chosen| {
                if mount.is_whole && !mounts[*chosen].is_whole {
                    *chosen = index;
                }
            })
            .or_insert(index);
    }
    let mut chosen: Vec<usize> = best.into_values().collect();
    chosen.sort_unstable();
    let mut all: Vec<Option<Mount>> = mounts.into_iter().map(Some).collect();
    chosen
        .into_iter()
        .filter_map(|index| all[index].take())
        .collect()
}

/// Reads `ID PARENT MAJOR:MINOR ROOT MOUNT_POINT OPTIONS TAG… - TYPE SOURCE SUPER_OPTIONS`.
fn parse(line: &[u8]) -> Option<Mount> {
    let separator = line.windows(3).position(|bytes| bytes == b" - ")?;
    let mut first = line[..separator].split(|byte| *byte == b' ').skip(2);
    let device_number = text(first.next()?);
    let root = first.next()?;
    let point = PathBuf::from(OsString::from_vec(unescape(first.next()?)));
    let options = first.next()?;
    let mut last = line[separator + 3..].split(|byte| *byte == b' ');
    let kind = text(last.next()?);
    let source = text(last.next()?);
    let super_options = last.next().unwrap_or_default();
    let is_ro = |options: &[u8]| options.split(|byte| *byte == b',').any(|one| one == b"ro");
    let is_fuse = kind == "fuse" || kind == "fuseblk" || kind.starts_with("fuse.");
    Some(Mount {
        is_remote: is_fuse || NETWORK.contains(&kind.as_str()),
        read_only: is_ro(options) || is_ro(super_options),
        is_whole: root == b"/",
        device_number,
        point,
        kind,
        source,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(bytes)).into_owned()
}

/// The kernel writes blanks, tabs, line ends and backslashes as three octal digits.
fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, others @ ..] = rest {
        let code = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        plain.push(code.unwrap_or(*first));
        rest = if code.is_some() { &rest[4..] } else { others };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_file(path: &Path) -> bool {
        path.ends_with("hosts")
    }

    fn listed(mountinfo: &str, below: Option<&str>) -> Vec<(String, String)> {
        file_systems(mountinfo.as_bytes(), below.map(Path::new), is_file)
            .into_iter()
            .map(|mount| (mount.point.display().to_string(), mount.kind))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn bind_mounts_and_subvolumes_are_shown_once() {
        let info = "\
20 1 8:1 /etc /mnt/etc rw - ext4 /dev/sda1 rw
21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
22 21 8:1 /srv /var/srv rw - ext4 /dev/sda1 rw
23 21 0:30 /@home /home rw - btrfs /dev/sdb rw
24 21 0:30 /@var /var rw - btrfs /dev/sdb rw
25 21 0:31 / /tank rw - zfs tank rw
";
        let expected = [("/", "ext4"), ("/home", "btrfs"), ("/tank", "zfs")];
        assert_eq!(listed(info, None), pairs(&expected));
    }

    #[test]
    fn what_is_mounted_over_is_hidden_also_by_pseudo_file_systems() {
        let info = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw
21 20 8:2 / /data rw - xfs /dev/sda2 rw
22 21 8:3 / /data rw - xfs /dev/sda3 rw
23 20 8:4 / /hidden rw - xfs /dev/sda4 rw
24 23 0:5 / /hidden rw - tmpfs tmpfs rw
";
        let mounts = file_systems(info.as_bytes(), None, is_file);
        let devices: Vec<&str> = mounts.iter().map(|mount| mount.source.as_str()).collect();
        assert_eq!(devices, ["/dev/sda1", "/dev/sda3"]);
    }

    #[test]
    fn names_are_unescaped_and_options_read() {
        let info = "\
30 1 0:40 / /mnt/a\\040b\\134 ro,noatime master:1 - nfs4 nas:/my\\040share rw,vers=4.2
31 1 0:41 / /mnt/c rw - fuse.sshfs me@host:/ rw
32 1 8:9 / /mnt/d\\777 rw - ext4 /dev/sdc ro
";
        let mounts = file_systems(info.as_bytes(), None, is_file);
        assert_eq!(mounts[0].point, Path::new("/mnt/a b\\"));
        assert_eq!(mounts[0].source, "nas:/my share");
        assert!(mounts[0].read_only && mounts[0].is_remote);
        assert!(mounts[1].is_remote && !mounts[1].read_only);
        assert_eq!(mounts[2].point, Path::new("/mnt/d\\777"));
        assert!(mounts[2].read_only && !mounts[2].is_remote);
    }

    #[test]
    fn only_what_lies_below_the_hosts_root_is_the_hosts() {
        let info = "\
20 1 0:50 / / rw - overlay overlay rw
21 20 8:1 / /host ro - ext4 /dev/sda1 rw
22 21 8:2 / /host/data ro - xfs /dev/sda2 rw
23 20 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw
";
        let expected = [("/", "ext4"), ("/data", "xfs")];
        assert_eq!(listed(info, Some("/host")), pairs(&expected));
        let own = [("/", "overlay"), ("/host", "ext4"), ("/host/data", "xfs")];
        assert_eq!(listed(info, None), pairs(&own));
    }

    #[test]
    fn a_volume_is_not_lost_for_a_file_of_the_same_device() {
        let info = "\
20 1 8:1 /containers/1/hosts /etc/hosts rw - ext4 /dev/sda1 rw
21 1 8:1 /volumes/1 /data rw - ext4 /dev/sda1 rw
";
        assert_eq!(listed(info, None), pairs(&[("/data", "ext4")]));
    }

    #[test]
    fn lines_that_are_no_mounts_are_passed_over() {
        assert_eq!(
            listed("\n20 1 8:1 /\n x - y\n - \n20 1 8:1 / / rw - ext4\n", None),
            []
        );
    }
}
