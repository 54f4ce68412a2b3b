//! Backups: one directory each, in a format that both engines read and write.
//!
//! A directory holds `manifest.json` and one zstd-compressed file of JSON lines per table. It gets
//! its final name only after all of it was written, synced, read back and compared, so that every
//! directory with such a name is whole. This module knows nothing of HTTP and of the schedule.

mod error;
mod list;
mod manifest;
mod read;
mod restore;
mod retention;
mod temporary;
mod write;

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::dump::{CopyError, Table};
use crate::{Session, Store};
use linux_api_wire::progress::Progress;

pub use error::BackupError;
pub use list::{backup_directories, list};
pub use manifest::{FORMAT_VERSION, Manifest, Reason, TableFile};
pub use read::check;
pub use restore::{RestoreOrder, RestoreOutcome, restore, try_restore};
pub use retention::{PrunePlan, Rule, delete, surplus};

pub use crate::dump::{Column, Kind};

use manifest::Draft;
use write::{Message, Writer};

/// Which tables a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupScope {
    /// Every table.
    All,
    /// Users, keys, the audit log and the settings.
    Security,
}

impl BackupScope {
    /// The word in the configuration and in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Security => "security",
        }
    }

    fn holds(self, table: &str) -> bool {
        const SECURITY: [&str; 5] = [
            "users",
            "api_keys",
            "audit_log",
            "settings",
            "imported_users",
        ];
        self == Self::All || SECURITY.contains(&table)
    }
}

/// A finished backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupInfo {
    /// Its directory.
    pub path: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
}

/// Which backup to make, and where.
#[derive(Clone, Copy)]
pub struct BackupOrder<'a> {
    /// Below which directory, which is made when it is missing.
    pub folder: &'a Path,
    /// Of which tables.
    pub scope: BackupScope,
    /// Why.
    pub reason: Reason,
    /// Receives the number of rows read.
    pub progress: &'a dyn Progress,
}

/// Writes a backup into a new directory.
///
/// All tables are read in one snapshot, a few rows at a time, while others go on writing. Dropping
/// the future stops the backup and removes what was written.
///
/// # Errors
/// When the database fails, has no schema or a newer one than this program knows, or when the
/// files can't be written or don't read back as they were written; then no directory is left behind.
pub async fn create(store: &Store, order: BackupOrder<'_>) -> Result<BackupInfo, BackupError> {
    let mut snapshot = store.snapshot().await?;
    let made = create_from(&mut snapshot, store, order).await;
    // Not left to be closed at some later time: the file may be about to be replaced.
    let closed = snapshot.rollback().await;
    let made = made?;
    closed?;
    Ok(made)
}

async fn create_from(
    snapshot: &mut Session,
    store: &Store,
    order: BackupOrder<'_>,
) -> Result<BackupInfo, BackupError> {
    let BackupOrder { scope, .. } = order;
    let revision = snapshot.revision().await?;
    let known = store.known_revision();
    if revision == 0 {
        return Err(BackupError::Empty);
    }
    if revision > known {
        return Err(BackupError::TooNew {
            found: revision,
            known,
        });
    }
    let draft = Draft {
        time: store.clock().now(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: store.engine().as_str().to_owned(),
        engine_version: snapshot.engine_version().await?,
        timescaledb: snapshot.timescaledb().await?,
        schema_revision: revision,
        scope,
        reason: order.reason,
    };
    let mut tables = snapshot.tables().await?;
    tables.retain(|table| scope.holds(&table.name));

    let total = snapshot.count(&tables).await?;
    order.progress.begin("backup", Some(total));
    let (to_writer, messages) = mpsc::channel(2);
    let folder = order.folder.to_owned();
    let writer = tokio::task::spawn_blocking(move || Writer::run(&folder, draft, messages));
    let copied = copy(snapshot, &tables, to_writer, order.progress).await;
    let written = writer
        .await
        .map_err(|error| BackupError::Stopped(error.to_string()))?;
    match copied {
        Err(CopyError::Store(error)) => Err(error.into()),
        // The writer gave up and says why.
        Err(CopyError::Closed) | Ok(()) => {
            order.progress.end();
            written
        }
    }
}

/// Hands the tables to the writer. It finishes only on request: an error here closes the
/// channel early, and then the writer removes what it wrote.
async fn copy(
    snapshot: &mut Session,
    tables: &[Table],
    to_writer: mpsc::Sender<Message>,
    progress: &dyn Progress,
) -> Result<(), CopyError> {
    for table in tables {
        let (lines, take) = mpsc::channel(2);
        let message = Message::Table(table.clone(), take);
        send(&to_writer, message).await?;
        snapshot.copy(table, &lines, progress).await?;
        drop(lines);
    }
    send(&to_writer, Message::Finish).await
}

async fn send(to_writer: &mpsc::Sender<Message>, message: Message) -> Result<(), CopyError> {
    let sent = to_writer.send(message).await;
    sent.map_err(|_| CopyError::Closed)
}
