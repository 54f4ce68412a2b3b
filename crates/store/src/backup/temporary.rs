//! Directories that are no backups: not yet, or no longer.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use uuid::Uuid;

use super::BackupError;
use super::error::files;
use super::manifest::is_backup_name;

pub(super) const CANNOT_WRITE: &str = "can't write";
/// Starts the name of a directory that is no backup.
const PREFIX: &str = ".tmp-";

/// A directory that is removed unless it was given its final name.
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    pub(super) keep: bool,
    /// Shows other programs that it is in use; ends with this process.
    _lock: Option<File>,
}

impl Temporary {
    /// A new directory below `parent`, for the backup of this name. What others left there that were
    /// killed is removed.
    pub(super) fn begin(parent: &Path, name: &str) -> Result<Self, BackupError> {
        let private = |path: &Path, recursive| {
            DirBuilder::new()
                .recursive(recursive)
                .mode(0o700)
                .create(path)
                .map_err(files("can't create the directory", path))
        };
        private(parent, true)?;
        // Held until our own directory is locked, so that it is not taken for an abandoned one. Some
        // network file systems can't lock directories; there, abandoned ones stay.
        let sweeping = lock(parent, FlockOperation::LockExclusive);
        if sweeping.is_some() {
            remove_abandoned(parent);
        }
        let path = temporary_path(parent, name);
        private(&path, false)?;
        Ok(Self {
            _lock: lock(&path, FlockOperation::NonBlockingLockExclusive),
            path,
            keep: false,
        })
    }

    /// A directory that is there already.
    fn of(path: PathBuf) -> Self {
        Self {
            path,
            keep: false,
            _lock: None,
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            let path = self.path.display();
            tracing::warn!(%error, "could not remove the unfinished backup {path}");
        }
    }
}

/// Deletes a backup. From the first moment on it is none; what a kill leaves of it is removed by
/// the next backup.
pub(super) fn remove(backup: &Path) -> Result<(), BackupError> {
    let cannot = || files("can't delete", backup);
    let (Some(parent), Some(name)) = (backup.parent(), backup.file_name()) else {
        return Ok(());
    };
    let path = temporary_path(parent, &name.to_string_lossy());
    fs::rename(backup, &path).map_err(cannot())?;
    sync_directory(parent)?;
    fs::remove_dir_all(&path).map_err(cannot())
}

fn temporary_path(parent: &Path, name: &str) -> PathBuf {
    parent.join(format!("{PREFIX}{name}-{}", Uuid::new_v4().simple()))
}

fn lock(folder: &Path, how: FlockOperation) -> Option<File> {
    let file = File::open(folder).ok()?;
    rustix::fs::flock(&file, how).ok()?;
    Some(file)
}

/// Removes what backups left that were killed: directories of ours that are not locked.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.rsplit_once('-'))
            .is_some_and(|(name, _)| is_backup_name(name))
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = entry.path();
        if is_ours && lock(&path, FlockOperation::NonBlockingLockExclusive).is_some() {
            drop(Temporary::of(path));
        }
    }
}

/// A file's name lasts only when its directory is written as well.
pub(super) fn sync_directory(path: &Path) -> Result<(), BackupError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(files(CANNOT_WRITE, path))
}
