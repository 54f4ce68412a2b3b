//! The files of `/proc` and `/sys`, one parser for each format.
//!
//! What is read here are raw counters, as the kernel keeps them. [`crate::families`] makes the rates and
//! values of a snapshot of them, [`crate::counters`] hands them on to `/metrics` as they are. Both list
//! the same things by the same names: what is a disk, an interface or a file system is decided here.

mod arrays;
mod block_devices;
pub(crate) mod clocks;
pub(crate) mod cpuinfo;
mod disks;
mod fstab;
pub(crate) mod loadavg;
pub(crate) mod meminfo;
mod mount_list;
mod mount_watch;
mod mountinfo;
mod net_dev;
mod pressure;
mod reread;
pub(crate) mod stat;
pub(crate) mod uptime;
pub(crate) mod vmstat;

use std::path::PathBuf;

use crate::CollectError;

pub(crate) use arrays::faulty_arrays;
pub use arrays::{ArrayTrouble, FaultyArray};
pub use block_devices::{BlockDevice, DeviceKind};
pub use disks::DiskCounters;
pub(crate) use disks::Disks;
pub(crate) use mount_list::{MountList, below};
pub(crate) use mount_watch::MountLook;
pub use mount_watch::MountWatch;
pub(crate) use mountinfo::Mount;
pub use mountinfo::MountFaults;
pub use net_dev::InterfaceCounters;
pub(crate) use net_dev::Interfaces;
pub(crate) use pressure::PressureFiles;
pub(crate) use reread::{Reread, read_number};

/// A file that is read again and again, and the parser of its format.
#[derive(Debug)]
pub(crate) struct Source<T> {
    file: Reread,
    /// What the file should hold, for errors.
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> Source<T> {
    /// Opens nothing yet.
    fn new(path: impl Into<PathBuf>, expected: &'static str, parse: fn(&str) -> Option<T>) -> Self {
        Self {
            file: Reread::new(path),
            expected,
            parse,
        }
    }

    /// What the file holds now.
    ///
    /// # Errors
    /// When it can't be read, or does not hold what it should.
    pub(crate) fn read(&mut self) -> Result<T, CollectError> {
        let parsed = (self.parse)(&self.file.text()?);
        parsed.ok_or_else(|| self.malformed())
    }

    /// The error for a file that does not hold what it should.
    pub(crate) fn malformed(&self) -> CollectError {
        self.file.malformed(self.expected)
    }
}
