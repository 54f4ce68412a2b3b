//! Which backups there are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::files;
use super::manifest::is_backup_name;
use super::read::read_manifest;
use super::{BackupError, BackupInfo};

/// The finished backups below `folder`, newest first. Whatever else lies there is passed over, and
/// so is a backup whose manifest is damaged. The tables are not read: [`super::check`] does that.
///
/// # Errors
/// When the directory can't be read. One that does not exist holds no backups.
pub fn list(folder: &Path) -> Result<Vec<BackupInfo>, BackupError> {
    let mut found = Vec::new();
    for path in backup_directories(folder)? {
        if let Ok(manifest) = read_manifest(&path) {
            found.push(BackupInfo { path, manifest });
        }
    }
    found.sort_by(|a, b| (b.manifest.time, &b.path).cmp(&(a.manifest.time, &a.path)));
    Ok(found)
}

/// Every directory below `folder` whose name is that of a backup, whatever it holds, newest first.
///
/// # Errors
/// When the directory can't be read. One that does not exist holds no backups.
pub fn backup_directories(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let cannot = || files("can't read", folder);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(cannot())?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(cannot())?;
        let is_ours = entry.file_name().to_str().is_some_and(is_backup_name)
            // Of the entry itself, so that a link is none.
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_ours {
            found.push(entry.path());
        }
    }
    found.sort();
    found.reverse();
    Ok(found)
}
