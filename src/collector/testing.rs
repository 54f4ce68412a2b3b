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
