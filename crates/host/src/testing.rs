//! Recorded trees for the tests of this module.

use std::path::{Path, PathBuf};

use super::{Collector, HostRoots};

/// A host made of files, gone with this value.
pub(crate) struct Tree(tempfile::TempDir);

impl Tree {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file below the tree, with the directories it needs.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Adds a process with this name and state that started with the machine; makes it a machine
    /// of 1 GiB that has been up for 1000 seconds.
    pub(crate) fn write_process(&self, pid: u32, name: &[u8], state: char) {
        self.write("proc/uptime", "1000.00 2000.00\n");
        self.write("proc/meminfo", "MemTotal: 1048576 kB\n");
        self.write(
            &format!("proc/{pid}/stat"),
            stat_line(pid, name, state, 0, 0),
        );
    }

    pub(crate) fn roots(&self) -> HostRoots {
        HostRoots {
            procfs: self.path("proc"),
            sysfs: self.path("sys"),
            rootfs: self.0.path().to_owned(),
        }
    }

    pub(crate) fn collector(&self) -> Collector {
        Collector::new(self.roots())
    }
}

/// A line of `/proc/PID/stat` with these numbers of ticks, 1 MiB of virtual memory and 16 pages of
/// resident memory.
pub(crate) fn stat_line(pid: u32, name: &[u8], state: char, used: u64, started: u64) -> Vec<u8> {
    let after = format!(
        ") {state} 1 {pid} {pid} 34816 -1 4194560 0 0 0 0 {used} 0 0 0 20 0 2 0 {started} 1048576 16 \
         18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 4096 4128 0 0 0\n"
    );
    [format!("{pid} (").as_bytes(), name, after.as_bytes()].concat()
}
