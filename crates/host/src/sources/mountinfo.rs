//! Which mounted file systems hold files of their own.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::ffi::OsStr;
use std::io::BufRead as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

mod faults;

pub use faults::MountFaults;
pub(super) use faults::{Table, faults};

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
    "fuse.archivemount",
    "fuse.bindfs",
    "fuse.erofsfuse",
    "fuse.fuse-archive",
    "fuse.fuse-overlayfs",
    "fuse.fuse-zip",
    "fuse.fuseiso",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "fuse.squashfuse",
    "fuse.squashfuse_ll",
    "fuse.unionfs",
    "fuse.unionfs-fuse",
    "fuse.vmware-vmblock",
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

/// File systems that another machine serves, and on which calls may block.
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
pub(crate) struct Mount {
    /// Major and minor number of its device, which identify file systems.
    pub(crate) device_number: String,
    /// Where it is mounted on the host.
    pub(crate) point: PathBuf,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) read_only: bool,
    /// Whether another machine or a program serves it.
    pub(crate) is_remote: bool,
}

/// The file systems that hold files, each once, in the order in which they were mounted.
///
/// `mountinfo` is described in proc(5). Paths are below `rootfs` when `below` says so, as a process
/// in a container sees them; what lies elsewhere is then not of the host. `before` is what an
/// earlier call returned: a file system keeps the mount point by which it was listed. `is_file` says
/// whether a mount point of the host is a file: containers get single files of the host mounted,
/// which are no file systems to watch. It is called for few mounts, and never for remote ones, on
/// which it may block.
///
/// Hosts with many containers have tens of thousands of mounts, and a change every second: the time
/// grows with the number of mounts, and only what is listed is copied.
pub(crate) fn file_systems(
    mountinfo: &[u8],
    below: Option<&Path>,
    before: &[Mount],
    is_file: impl Fn(&Path) -> bool,
) -> Vec<Mount> {
    let count = mountinfo.len() / LINE_BYTES;
    let mut lines: Vec<Line<'_>> = Vec::with_capacity(count);
    // What is mounted later hides what was there, pseudo file systems too.
    let mut newest: HashMap<Cow<'_, [u8]>, usize> = HashMap::with_capacity(count);
    for line in split_lines(mountinfo) {
        let Some(mut line) = Line::parse(line) else {
            continue;
        };
        if let Some(rootfs) = below {
            match inside(&line.point, rootfs) {
                Some(point) => line.point = point,
                None => continue,
            }
        }
        newest.insert(line.point.clone(), lines.len());
        lines.push(line);
    }
    let named: HashMap<&[u8], &Path> = before
        .iter()
        .map(|mount| (mount.device_number.as_bytes(), mount.point.as_path()))
        .collect();
    let mut candidates: HashMap<&[u8], Candidates> = HashMap::new();
    for index in newest.into_values() {
        let line = &lines[index];
        if !line.is_pseudo() {
            let was_named = named
                .get(line.device)
                .is_some_and(|point| point.as_os_str().as_bytes() == &*line.point);
            let rank = line.rank(index, was_named);
            match candidates.entry(line.device) {
                Entry::Vacant(entry) => {
                    entry.insert(Candidates::new(rank));
                }
                Entry::Occupied(mut entry) => entry.get_mut().add(rank),
            }
        }
    }
    let is_good = |index: &usize| lines[*index].is_remote() || !is_file(lines[*index].path());
    let mut chosen: Vec<usize> = candidates
        .into_values()
        .filter_map(|candidates| candidates.best_first().find(is_good))
        .collect();
    chosen.sort_unstable();
    chosen
        .into_iter()
        .map(|index| lines[index].to_mount())
        .collect()
}

/// About how long a line is, to make room once.
const LINE_BYTES: usize = 100;

/// The lines of a text, found many bytes at a time.
fn split_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let line = rest;
        // Memory has no errors.
        let length = rest.skip_until(b'\n').ok().filter(|length| *length > 0)?;
        let line = &line[..length];
        Some(line.strip_suffix(b"\n").unwrap_or(line))
    })
}

/// The mounts of one file system: the best of them, and the rest, which is rarely looked at.
#[derive(Debug)]
struct Candidates {
    best: Rank,
    rest: Vec<Reverse<Rank>>,
}

impl Candidates {
    fn new(best: Rank) -> Self {
        Self {
            best,
            rest: Vec::new(),
        }
    }

    fn add(&mut self, mut rank: Rank) {
        if rank < self.best {
            std::mem::swap(&mut rank, &mut self.best);
        }
        self.rest.push(Reverse(rank));
    }

    /// Their indices.
    fn best_first(self) -> impl Iterator<Item = usize> {
        let mut rest = Some(self.rest);
        let mut heap = BinaryHeap::new();
        let others = std::iter::from_fn(move || {
            if let Some(rest) = rest.take() {
                heap = BinaryHeap::from(rest);
            }
            heap.pop().map(|Reverse(rank)| rank.index)
        });
        std::iter::once(self.best.index).chain(others)
    }
}

/// A mount point of the host as the host itself sees it.
fn inside<'a>(point: &[u8], rootfs: &Path) -> Option<Cow<'a, [u8]>> {
    let point = Path::new(OsStr::from_bytes(point));
    let inside = Path::new("/").join(point.strip_prefix(rootfs).ok()?);
    Some(Cow::Owned(inside.into_os_string().into_vec()))
}

/// How well a mount stands for its file system; the least is the best.
///
/// The root always does. Then the one that was listed before, so that a series does not change its
/// name when a backup program mounts the file system elsewhere for a while. Then one that can be
/// written, the shortest path, and the part nearest to the root of the file system: image-based
/// hosts mount `/var` and `/etc` from one file system, of which `/etc` is a small part.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_not_root: bool,
    is_new: bool,
    read_only: bool,
    depth: u32,
    depth_within: u32,
    length: usize,
    index: usize,
}

/// A line of `mountinfo`:
/// `ID PARENT MAJOR:MINOR ROOT MOUNT_POINT OPTIONS TAG… - TYPE SOURCE SUPER_OPTIONS`.
#[derive(Debug)]
struct Line<'a> {
    device: &'a [u8],
    /// What of the file system is mounted.
    root: &'a [u8],
    /// Where, without escapes.
    point: Cow<'a, [u8]>,
    options: &'a [u8],
    kind: &'a [u8],
    source: &'a [u8],
    super_options: &'a [u8],
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = line.split(|byte| *byte == b' ').skip(2);
        let device = words.next()?;
        let root = words.next()?;
        let point = unescape(words.next()?);
        let options = words.next()?;
        words.find(|word| *word == b"-")?;
        Some(Self {
            device,
            root,
            point,
            options,
            kind: words.next()?,
            source: words.next()?,
            super_options: words.next().unwrap_or_default(),
        })
    }

    fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.point))
    }

    fn is_fuse(&self) -> bool {
        matches!(self.kind, b"fuse" | b"fuseblk") || self.kind.starts_with(b"fuse.")
    }

    fn is_remote(&self) -> bool {
        self.is_fuse() || NETWORK.iter().any(|kind| kind.as_bytes() == self.kind)
    }

    fn is_read_only(&self) -> bool {
        let is_ro = |options: &[u8]| options.split(|byte| *byte == b',').any(|one| one == b"ro");
        is_ro(self.options) || is_ro(self.super_options)
    }

    /// Whether it holds no files of its own. What the host starts from is listed whatever it is: a
    /// container lies on an overlay, a host without disks in memory.
    fn is_pseudo(&self) -> bool {
        *self.point != *b"/"
            && (PSEUDO.iter().any(|kind| kind.as_bytes() == self.kind) || self.is_app_image())
    }

    /// Whether it is the picture within a program that is one file (AppImage): its type is the name
    /// of that file, which can be any.
    fn is_app_image(&self) -> bool {
        const MARK: &[u8] = b".appimage";
        let end = self.kind.len().saturating_sub(MARK.len());
        let name = self.point.rsplit(|byte| *byte == b'/').next();
        self.is_fuse()
            && (self.kind[end..].eq_ignore_ascii_case(MARK)
                || name.is_some_and(|name| name.starts_with(b".mount_")))
    }

    fn rank(&self, index: usize, was_named: bool) -> Rank {
        // The kernel writes no slash that is not needed, and counting bytes is quick.
        let depth = |path: &[u8]| {
            let slash = |byte: &u8| u32::from(*byte == b'/');
            match path {
                b"/" => 0,
                path => path.iter().map(slash).sum::<u32>(),
            }
        };
        Rank {
            is_not_root: *self.point != *b"/",
            is_new: !was_named,
            read_only: self.is_read_only(),
            depth: depth(&self.point),
            depth_within: depth(self.root),
            length: self.point.len(),
            index,
        }
    }

    fn to_mount(&self) -> Mount {
        Mount {
            device_number: text(self.device),
            point: self.path().to_owned(),
            kind: text(self.kind),
            source: text(self.source),
            read_only: self.is_read_only(),
            is_remote: self.is_remote(),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(bytes)).into_owned()
}

/// The kernel writes blanks, tabs, line ends and backslashes as three octal digits.
pub(super) fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\\') {
        return Cow::Borrowed(bytes);
    }
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
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests;
