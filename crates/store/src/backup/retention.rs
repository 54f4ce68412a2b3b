//! Which backups are kept, and deleting the others.

use std::path::Path;
use std::time::Duration;

use super::{BackupError, BackupInfo, BackupScope, check, list, temporary};
use linux_api_wire::time::Timestamp;

/// Which backups are kept. One goes when either limit says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How many of the newest to keep.
    pub keep: Option<usize>,
    /// How old one may be.
    pub max_age: Option<Duration>,
    /// Look only at those that the daemon made by itself.
    pub automatic_only: bool,
}

/// What goes, and what is damaged.
#[derive(Debug, Default)]
pub struct PrunePlan {
    /// Backups beyond the rule, newest first. Never the newest whole one.
    pub surplus: Vec<BackupInfo>,
    /// Backups that were read to find a whole one, and are not.
    pub damaged: Vec<(BackupInfo, BackupError)>,
}

/// The backups below `folder` that the rule gives up. When there are any, backups are read, the
/// newest first, until one is whole: that one and the newest whole one of all tables are never
/// among them. Takes as long as reading takes, so call it where blocking is allowed.
///
/// # Errors
/// When the directory can't be read.
pub fn surplus(folder: &Path, rule: Rule, now: Timestamp) -> Result<PrunePlan, BackupError> {
    let all = list(folder)?;
    let concerned = |info: &BackupInfo| !rule.automatic_only || info.manifest.reason.is_automatic();
    let mut surplus = Vec::new();
    for (place, info) in all.iter().filter(|info| concerned(info)).enumerate() {
        let is_too_many = rule.keep.is_some_and(|keep| place >= keep);
        let age = now.since(info.manifest.time);
        if is_too_many || rule.max_age.is_some_and(|max| age > max) {
            surplus.push(info.clone());
        }
    }
    let mut damaged = Vec::new();
    if !surplus.is_empty() {
        let (mut any, mut whole) = (false, false);
        for info in all {
            let is_whole = info.manifest.scope == BackupScope::All;
            if any && (whole || !is_whole) {
                continue;
            }
            match check(&info.path) {
                Ok(_) => {
                    any = true;
                    whole |= is_whole;
                    surplus.retain(|one| one.path != info.path);
                }
                Err(error) => damaged.push((info, error)),
            }
            if any && whole {
                break;
            }
        }
    }
    Ok(PrunePlan { surplus, damaged })
}

/// Deletes one backup. From the first moment on it is listed no more.
///
/// # Errors
/// When it can't be deleted.
pub fn delete(backup: &BackupInfo) -> Result<(), BackupError> {
    temporary::remove(&backup.path)
}
