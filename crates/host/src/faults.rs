//! What is wrong with a host and is in no snapshot: read on demand, for alerts.
//!
//! What is wrong with the mounts comes from [`crate::MountWatch`], because the table of mounts is read for
//! snapshots anyway.

use std::path::PathBuf;

use crate::sources::{self, FaultyArray, Source, vmstat};
use crate::{CollectError, HostRoots};

/// Reads a few small files that never block.
#[derive(Debug)]
pub struct FaultReader {
    oom_kills: Source<u64>,
    sysfs: PathBuf,
}

impl FaultReader {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(roots: &HostRoots) -> Self {
        Self {
            oom_kills: vmstat::source(roots),
            sysfs: roots.sysfs.clone(),
        }
    }

    /// How many processes the kernel has killed for want of memory since the host started.
    ///
    /// # Errors
    /// When the counter can't be read; kernels before 4.13 have none.
    pub fn oom_kills(&mut self) -> Result<u64, CollectError> {
        self.oom_kills.read()
    }

    /// The arrays of disks (md) that miss disks or don't run, by name.
    ///
    /// # Errors
    /// When the devices can't be listed.
    pub fn faulty_arrays(&self) -> Result<Vec<FaultyArray>, CollectError> {
        sources::faulty_arrays(&self.sysfs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the machine that runs the tests; it may have no arrays.
    #[test]
    fn this_machine_is_read() {
        let mut reader = FaultReader::new(&HostRoots::default());
        let first = reader.oom_kills().unwrap();
        assert!(reader.oom_kills().unwrap() >= first);
        for array in reader.faulty_arrays().unwrap() {
            assert!(array.name.starts_with("md"), "{array:?}");
        }
    }
}
