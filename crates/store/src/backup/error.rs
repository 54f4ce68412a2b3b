//! Why a backup was not made, or is none.

use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Why a backup was not made, or is none.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database did not give its rows.
    #[error("can't read the database for the backup: {0}")]
    Store(#[from] StoreError),
    /// The database has no tables yet.
    #[error("the database is empty: there is nothing to back up")]
    Empty,
    /// A newer program may have added what this one would read wrongly.
    #[error(
        "the database has schema revision {found} and this program knows {known}: make the backup \
         with the newer program"
    )]
    TooNew {
        /// Revision of the database.
        found: i64,
        /// Newest revision that this program knows.
        known: i64,
    },
    /// A file or directory can't be written or read.
    #[error("{doing} {}: {source}{}", path.display(), remedy(source))]
    Files {
        /// What was tried, for instance `can't write`.
        doing: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// The backup is not what was written.
    #[error("the backup is damaged: {}: {what}; use another backup", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The format is of a newer program.
    #[error(
        "{} has format {found} and this program knows {known}: use the newer program",
        path.display()
    )]
    Format {
        /// Which manifest.
        path: PathBuf,
        /// Format of the backup.
        found: u32,
        /// Newest format that this program knows.
        known: u32,
    },
    /// The backup was made by a newer program.
    #[error(
        "the backup has schema revision {found} and this program knows {known}: restore it with \
         the newer program"
    )]
    Newer {
        /// Revision of the backup.
        found: i64,
        /// Newest revision that this program knows.
        known: i64,
    },
    /// The backup does not fit the database.
    #[error("{0}")]
    Unfit(String),
    /// The database did not take the rows.
    #[error("the database was left as it was: {0}")]
    NotRestored(#[source] StoreError),
    /// What the database took is not what the backup holds.
    #[error(
        "the database was left as it was: the rows of {0} did not come back as they are in the \
         backup"
    )]
    Differs(String),
    /// The backup was interrupted.
    #[error("the backup was aborted: {0}")]
    Stopped(String),
}

impl BackupError {
    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}

/// Adds to an I/O error what was tried on which path.
pub(super) fn files(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Files {
        doing,
        path,
        source,
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free space there, or choose another directory for backups"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; give this program's account the right to write there, or choose another directory for \
             backups"
        }
        io::ErrorKind::NotADirectory => "; choose a directory for backups",
        _ => "",
    }
}
