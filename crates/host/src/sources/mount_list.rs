//! The mounts of the host, read no more often than that is worth.
//!
//! The kernel writes all of `mountinfo` for each reading. It also announces changes of the table
//! (proc(5): a poll of the file reports `POLLPRI`), so that one that stays as it is costs nothing. On
//! hosts with many containers it is long and changes every second; there it is read as often as keeps
//! within a hundredth of a core.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::time::ClockId;

use super::Reread;
use super::mountinfo::{self, Mount, Table};
use crate::{CollectError, HostRoots};

/// How often it is read without an announcement: a file system that turns read-only because of a
/// fault announces nothing.
const UNANNOUNCED: Duration = Duration::from_secs(10);
/// After a reading that took this much processor time or more, the next one waits.
const EXPENSIVE: Duration = Duration::from_millis(2);
/// For so many times what it took.
const PAUSE_FACTOR: u32 = 100;
/// But no longer than this.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The file systems that hold files, as of the last reading of the table.
pub(crate) struct MountList {
    rootfs: PathBuf,
    /// Of the host's first process: our own may be of a container or a sandbox.
    host: Reread,
    own: Reread,
    /// What the file said when `mounts` was made of it.
    text: Vec<u8>,
    mounts: Vec<Mount>,
    last: Option<Reading>,
}

/// A reading of the table.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    /// Processor time, the kernel's included.
    cost: Duration,
    /// Whether the table was the host's and not our own.
    is_host: bool,
}

impl fmt::Debug for MountList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountList")
            .field("mounts", &self.mounts.len())
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl MountList {
    pub(crate) fn new(roots: &HostRoots) -> Self {
        Self {
            rootfs: roots.rootfs.clone(),
            host: Reread::new(roots.procfs.join("1/mountinfo")),
            own: Reread::new(roots.procfs.join("self/mountinfo")),
            text: Vec::new(),
            mounts: Vec::new(),
            last: None,
        }
    }

    /// The file systems as of the last reading.
    pub(crate) fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The table that the list was made of, for what else it says.
    pub(super) fn table(&self) -> Table<'_> {
        let is_host = self.last.is_some_and(|last| last.is_host);
        let has_prefix = !is_host && self.rootfs != Path::new("/");
        Table {
            text: &self.text,
            below: has_prefix.then_some(self.rootfs.as_path()),
            is_host,
        }
    }

    /// Reads the table again when it is due; whether the list may have changed.
    ///
    /// # Errors
    /// When the table can't be read.
    pub(crate) fn refresh(&mut self, now: Instant) -> Result<bool, CollectError> {
        if !self.is_due(now) {
            return Ok(false);
        }
        self.last = None;
        let before = processor_time();
        let (is_host, has_changed) = self.read()?;
        self.last = Some(Reading {
            at: now,
            cost: processor_time().saturating_sub(before),
            is_host,
        });
        Ok(has_changed)
    }

    fn is_due(&self, now: Instant) -> bool {
        let Some(last) = self.last else { return true };
        let age = now.saturating_duration_since(last.at);
        // An announcement is taken by looking for it, so it is left until it can be acted on.
        if age < last.pause() {
            return false;
        }
        let file = if last.is_host { &self.host } else { &self.own };
        age >= UNANNOUNCED || file.is_announced().unwrap_or(true)
    }

    fn read(&mut self) -> Result<(bool, bool), CollectError> {
        let is_host = self.host.bytes().is_ok_and(|bytes| !bytes.is_empty());
        let file = if is_host {
            &mut self.host
        } else {
            &mut self.own
        };
        // For the host's, what was just read: a second reading would cost as much again.
        let text = if is_host {
            file.last_bytes()
        } else {
            file.bytes()?
        };
        if text == self.text {
            return Ok((is_host, false));
        }
        self.text.clear();
        self.text.extend_from_slice(text);
        let has_prefix = !is_host && self.rootfs != Path::new("/");
        let rootfs = has_prefix.then_some(self.rootfs.as_path());
        let is_file = |point: &Path| below(&self.rootfs, point).is_file();
        self.mounts = mountinfo::file_systems(&self.text, rootfs, &self.mounts, is_file);
        Ok((is_host, true))
    }
}

impl Reading {
    /// For how long the next one waits.
    fn pause(self) -> Duration {
        if self.cost < EXPENSIVE {
            return Duration::ZERO;
        }
        self.cost.saturating_mul(PAUSE_FACTOR).min(PAUSE_MAX)
    }
}

/// What this thread has used of a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// A path of the host as this process sees it.
pub(crate) fn below(rootfs: &Path, path: &Path) -> PathBuf {
    rootfs.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    const ROOT: &str = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
    const DATA: &str = "22 21 8:2 / /data rw - ext4 /dev/sda2 rw\n";

    fn list(tree: &Tree) -> MountList {
        MountList::new(&HostRoots {
            procfs: tree.path("proc"),
            sysfs: tree.path("sys"),
            rootfs: PathBuf::from("/"),
        })
    }

    #[test]
    fn an_expensive_reading_is_repeated_later() {
        let pause = |cost| {
            Reading {
                at: Instant::now(),
                cost,
                is_host: true,
            }
            .pause()
        };
        assert_eq!(pause(Duration::from_micros(1_999)), Duration::ZERO);
        assert_eq!(pause(Duration::from_millis(30)), Duration::from_secs(3));
        assert_eq!(pause(Duration::from_secs(2)), PAUSE_MAX);
    }

    #[test]
    fn a_change_is_seen_once_the_pause_is_over() {
        let tree = Tree::new();
        tree.write("proc/1/mountinfo", ROOT);
        let mut list = list(&tree);
        let start = Instant::now();
        assert!(list.refresh(start).unwrap());
        assert_eq!(list.mounts().len(), 1);
        let expensive = Duration::from_millis(40);
        list.last = list.last.map(|last| Reading {
            cost: expensive,
            ..last
        });
        tree.write("proc/1/mountinfo", format!("{ROOT}{DATA}"));
        let pause = expensive * PAUSE_FACTOR;
        assert!(!list.refresh(start + pause.mul_f64(0.99)).unwrap());
        assert_eq!(list.mounts().len(), 1);
        // A file that announces nothing, as this one, is read whenever it may be.
        assert!(list.refresh(start + pause).unwrap());
        assert_eq!(list.mounts().len(), 2);
    }

    #[test]
    fn an_error_is_followed_by_another_try() {
        let tree = Tree::new();
        let mut list = list(&tree);
        let now = Instant::now();
        assert!(list.refresh(now).is_err());
        tree.write("proc/self/mountinfo", ROOT);
        assert!(list.refresh(now).unwrap());
    }

    #[test]
    fn the_table_of_a_kernel_that_stays_as_it_is_is_left_alone() {
        let mut list = MountList::new(&HostRoots::default());
        let now = Instant::now();
        // Whatever else runs on this machine may mount something once in a while.
        let is_left_alone = (0..20).any(|_| {
            list.refresh(now).unwrap();
            !list.is_due(now + UNANNOUNCED.mul_f64(0.99))
        });
        assert!(is_left_alone);
        assert!(list.is_due(now + UNANNOUNCED));
    }
}
