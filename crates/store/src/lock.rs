//! Locks on files beside an SQLite database. The kernel gives them back however a process ends.
//!
//! `DATABASE.lock` is held while migrating, `DATABASE.in-use` is shared by all who have the
//! database open, so that a restore can check that no process has.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::migrations::SchemaError;
use super::new_file::create_private_directory;
use super::{Options, StoreError};

/// No other process has the SQLite database open, for as long as this lives.
#[derive(Debug, Clone)]
pub(crate) struct SoleUse {
    pub(super) file: Arc<File>,
}

impl SoleUse {
    /// Takes it, or fails when another process has the database open.
    ///
    /// A lock of a process that has just let go of it may last some milliseconds longer: a child that
    /// was being started at that moment has a copy of the file until it executes its program.
    pub(crate) async fn of(options: &Options) -> Result<Option<Self>, StoreError> {
        const LINGERING: Duration = Duration::from_millis(300);
        let Some(path) = options.sqlite_path()? else {
            return Ok(None);
        };
        create_private_directory(&path)?;
        let how = FlockOperation::NonBlockingLockExclusive;
        match take(&path, "in-use", LINGERING, how).await {
            Ok(file) => Ok(Some(Self {
                file: Arc::new(file),
            })),
            Err(StoreError::Schema(SchemaError::Locked(_))) => Err(StoreError::InUse(format!(
                "the database {} is open in the daemon or in another command",
                path.display()
            ))),
            Err(error) => Err(error),
        }
    }
}

/// Shares the use of the database; waits while it is being replaced.
pub(super) async fn shared(database: &Path, timeout: Duration) -> Result<Arc<File>, StoreError> {
    let how = FlockOperation::NonBlockingLockShared;
    let file = take(database, "in-use", timeout, how).await?;
    Ok(Arc::new(file))
}

/// Takes the lock of migrations.
pub(super) async fn migrating(database: &Path, timeout: Duration) -> Result<File, StoreError> {
    let how = FlockOperation::NonBlockingLockExclusive;
    take(database, "lock", timeout, how).await
}

async fn take(
    database: &Path,
    suffix: &str,
    timeout: Duration,
    how: FlockOperation,
) -> Result<File, StoreError> {
    const RETRY: Duration = Duration::from_millis(25);
    let (file, cannot) = open(database, suffix)?;
    let take = async {
        loop {
            match rustix::fs::flock(&file, how) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(RETRY).await,
                Err(error) => return Err(cannot(error.into())),
            }
        }
    };
    tokio::time::timeout(timeout, take)
        .await
        .unwrap_or(Err(SchemaError::Locked(timeout).into()))?;
    Ok(file)
}

/// The file to lock, and how to say that it can't be.
fn open(
    database: &Path,
    suffix: &str,
) -> Result<(File, impl Fn(std::io::Error) -> StoreError), StoreError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".");
    path.push(suffix);
    let path = PathBuf::from(path);
    let named = path.clone();
    let cannot = move |error: std::io::Error| {
        StoreError::Unusable(format!("can't lock {}: {error}", named.display()))
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(&cannot)?;
    Ok((file, cannot))
}
