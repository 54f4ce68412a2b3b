//! Making an SQLite database: private from its first byte, and whole when it gets its name.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::StoreError;

pub(super) fn cannot_create(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.display().to_string();
    move |error| StoreError::Unusable(format!("can't create the database {path}: {error}"))
}

/// Makes the directory (0700) of the database.
pub(super) fn create_private_directory(path: &Path) -> Result<(), StoreError> {
    let parent = path.parent();
    let Some(folder) = parent.filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(cannot_create(path))
}

/// Makes a new database: filled under another name, synced, and only then linked to its own, so
/// that a file of this name always is a whole database.
///
/// # Errors
/// [`StoreError::EmptyFile`] when there is an empty file: that is never one of ours, and to begin
/// again in it could be to overlook a loss.
pub(super) async fn create_database(path: &Path) -> Result<(), StoreError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() == 0 => {
            return Err(StoreError::EmptyFile(path.display().to_string()));
        }
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot_create(path)(error)),
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".new-{}", uuid::Uuid::new_v4().simple()));
    let unfinished = PathBuf::from(unfinished);
    let done = fill_new(&unfinished).await.and_then(|()| {
        match std::fs::hard_link(&unfinished, path) {
            // Another process was faster; its file is as good.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
        .and_then(|()| sync_directory(path))
        .map_err(cannot_create(path))
    });
    let _ = std::fs::remove_file(&unfinished);
    done
}

/// Writes an empty database, which SQLite otherwise leaves to the first change.
async fn fill_new(path: &Path) -> Result<(), StoreError> {
    create_private_file(path)?;
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = connect.connect().await?;
    sqlx::raw_sql("create table made (made integer); drop table made; vacuum")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    std::fs::File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(cannot_create(path))
}

/// Puts the names in the directory of `path` on disk.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes the file (0600) before SQLite would make it readable by others. SQLite gives its `-wal`
/// and `-shm` files the mode of the database.
pub(super) fn create_private_file(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(cannot_create(path)(error)),
    }
}
