//! Putting a backup in the place of a database, on either engine, or only trying to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::read::send_lines;
use super::temporary::Temporary;
use super::{
    BackupError, BackupInfo, BackupOrder, BackupScope, Manifest, Reason, TableFile, check, create,
};
use crate::dump::{Column, CopyError, Lines, Table};
use crate::load::{RowSum, parse};
use crate::replace::{Note, Replacement};
use crate::{Engine, Options, SoleUse, Store, StoreError};
use linux_api_wire::audit::Actor;
use linux_api_wire::progress::Progress;
use linux_api_wire::time::Clock;

/// Which backup goes where.
pub struct RestoreOrder<'a> {
    /// The directory of the backup.
    pub backup: &'a Path,
    /// The database that it replaces.
    pub target: Options,
    /// Below which directory the safety copy is made.
    pub copies: &'a Path,
    /// Who requested it.
    pub actor: &'a Actor,
    /// What rows are stamped with.
    pub clock: &'a Clock,
    /// Receives the number of rows in place.
    pub progress: &'a dyn Progress,
}

/// What was done.
#[derive(Debug)]
pub struct RestoreOutcome {
    /// What the database holds now.
    pub manifest: Manifest,
    /// What it held before; nothing when that was empty or could not be read.
    pub safety: Option<BackupInfo>,
    /// Where what could not be read is kept.
    pub kept: Option<String>,
}

/// Replaces the content of a database by that of a backup, after a backup of the database. All
/// rows are read back and compared first; then it is done in one step.
///
/// A backup of users and keys only leaves the other tables as they are.
///
/// # Errors
/// When the backup is damaged, does not fit, or the database is in use or fails: then it is left
/// as it was.
pub async fn restore(order: RestoreOrder<'_>) -> Result<RestoreOutcome, BackupError> {
    if order.target.memory_name().is_some() {
        // What replaces it would be a file.
        return Err(BackupError::NotRestored(StoreError::BadUrl(
            "a database in memory can't be restored into".to_owned(),
        )));
    }
    let manifest = checked(order.backup).await?;
    let sole = SoleUse::of(&order.target)
        .await
        .map_err(BackupError::NotRestored)?;
    let old = OldDatabase::open(&order, sole.as_ref()).await?;
    let begun = Replacement::begin(&order.target, sole, order.clock).await;
    let mut replacement = match begun {
        Ok(replacement) => replacement,
        Err(error) => {
            old.close().await;
            return Err(BackupError::NotRestored(error));
        }
    };
    replacement.go_on_after(old.auth_revision);
    let safety = old.copy(&order).await;
    let is_empty = old.revision == 0;
    let old_revision = old.revision;
    old.close().await;
    let safety = safety?;
    if manifest.scope == BackupScope::Security && !is_empty && safety.is_none() {
        return Err(BackupError::Unfit(
            "the backup holds users and keys only, and the rest of the database can't be read: \
             restore a whole backup"
                .to_owned(),
        ));
    }
    if manifest.scope == BackupScope::Security
        && !is_empty
        && old_revision != manifest.schema_revision
    {
        return Err(BackupError::Unfit(format!(
            "the backup holds users and keys only and has schema revision {}, the database has \
             {old_revision}: bring the database there first with: linux-api db {} --to {0}",
            manifest.schema_revision,
            if old_revision < manifest.schema_revision {
                "migrate"
            } else {
                "rollback"
            }
        )));
    }
    let mut sources = vec![Source::of(order.backup, &manifest)];
    let others = safety
        .as_ref()
        .filter(|_| manifest.scope == BackupScope::Security && !replacement.leaves_other_tables());
    if let Some(safety) = others {
        sources.push(Source::of(&safety.path, &safety.manifest));
    }
    let tried = fill(&mut replacement, &sources, order.clock, order.progress).await;
    if let Err(error) = tried {
        // What it had begun is taken back anyway.
        let _ = replacement.discard().await;
        return Err(error);
    }
    let name = order.backup.file_name().unwrap_or_default();
    let note = Note {
        actor: order.actor,
        target: format!("backup:{}", name.to_string_lossy()),
        detail: match &safety {
            Some(safety) => format!("previous content saved as: {}", safety.path.display()),
            None => String::new(),
        },
        clock: order.clock,
    };
    let kept = replacement.commit(note, safety.is_some() || is_empty).await;
    Ok(RestoreOutcome {
        manifest,
        safety,
        kept: kept.map_err(BackupError::NotRestored)?,
    })
}

/// Restores a backup into a database that only exists for this, and compares every row. On SQLite
/// that is a file below `folder`, on PostgreSQL a schema in a transaction that is taken back.
///
/// # Errors
/// When the backup is damaged or does not come back as it is.
pub async fn try_restore(
    backup: &Path,
    target: &Options,
    folder: &Path,
    clock: &Clock,
    progress: &dyn Progress,
) -> Result<Manifest, BackupError> {
    let manifest = checked(backup).await?;
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    let temporary = Temporary::begin(folder, &name)?;
    let path = temporary.path.join("scratch.db");
    let mut scratch = Replacement::scratch(target, path).await?;
    let source = Source::of(backup, &manifest);
    let tried = fill(&mut scratch, &[source], clock, progress).await;
    scratch.discard().await?;
    tried?;
    Ok(manifest)
}

/// Reads all of the backup and returns whether this program can restore it.
async fn checked(backup: &Path) -> Result<Manifest, BackupError> {
    let path = backup.to_owned();
    let manifest = tokio::task::spawn_blocking(move || check(&path))
        .await
        .map_err(|error| BackupError::Stopped(error.to_string()))??;
    let known = Store::newest_revision(Engine::Sqlite);
    if manifest.schema_revision > known {
        return Err(BackupError::Newer {
            found: manifest.schema_revision,
            known,
        });
    }
    Ok(manifest)
}

/// The database before.
struct OldDatabase {
    /// Nothing when there is none, or a file that is no database any more.
    store: Option<Store>,
    revision: i64,
    auth_revision: i64,
}

impl OldDatabase {
    async fn open(order: &RestoreOrder<'_>, sole: Option<&SoleUse>) -> Result<Self, BackupError> {
        let mut old = Self {
            store: None,
            revision: 0,
            auth_revision: 0,
        };
        let path = order.target.sqlite_path()?;
        if path.as_ref().is_some_and(|path| !path.exists()) {
            return Ok(old);
        }
        let opened = Store::open_in(order.target.clone(), order.clock.clone(), sole).await;
        match opened {
            Ok(store) => old.store = Some(store),
            // A restore is how a broken file is repaired.
            Err(error) if path.is_some() => {
                tracing::warn!(%error, "the database can't be opened");
                old.revision = -1;
                return Ok(old);
            }
            Err(error) => return Err(BackupError::NotRestored(error)),
        }
        if let Some(store) = &old.store {
            old.revision = match store.schema_state().await {
                Ok(state) => state.current,
                Err(error) if error.is_outage() => return Err(BackupError::NotRestored(error)),
                Err(_) => -1,
            };
            if old.revision != 0 {
                old.auth_revision = store.refresh_auth_revision().await.unwrap_or(0);
            }
        }
        Ok(old)
    }

    /// A backup of it, where there is something to save that can be read.
    async fn copy(&self, order: &RestoreOrder<'_>) -> Result<Option<BackupInfo>, BackupError> {
        let Some(store) = self.store.as_ref().filter(|_| self.revision != 0) else {
            return Ok(None);
        };
        let made = create(
            store,
            BackupOrder {
                folder: order.copies,
                scope: BackupScope::All,
                reason: Reason::Restore,
                progress: order.progress,
            },
        );
        match made.await {
            Ok(info) => Ok(Some(info)),
            // It is kept as it is.
            Err(BackupError::TooNew { .. }) => Ok(None),
            Err(BackupError::Store(error))
                if store.engine() == Engine::Sqlite && !error.is_outage() =>
            {
                tracing::warn!(%error, "the database can't be read");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Lets go of the file, with all of its log written into it.
    async fn close(self) {
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}

/// Where tables come from.
struct Source {
    folder: PathBuf,
    tables: BTreeMap<String, TableFile>,
    revision: i64,
}

impl Source {
    fn of(folder: &Path, manifest: &Manifest) -> Self {
        let tables = manifest.tables.iter();
        Self {
            folder: folder.to_owned(),
            tables: tables
                .map(|table| (table.name.clone(), table.clone()))
                .collect(),
            revision: manifest.schema_revision,
        }
    }
}

/// Fills a database from the first source that has each table, and compares every row.
async fn fill(
    replacement: &mut Replacement,
    sources: &[Source],
    clock: &Clock,
    progress: &dyn Progress,
) -> Result<(), BackupError> {
    let failed = BackupError::NotRestored;
    let revision = sources.first().map_or(0, |source| source.revision);
    let tables = replacement.prepare(revision, clock).await.map_err(failed)?;
    let mut chosen: Vec<(Table, &Source, &TableFile)> = Vec::new();
    for table in tables {
        let has = sources
            .iter()
            .find_map(|source| Some((source, source.tables.get(&table.name)?)));
        if let Some((source, file)) = has {
            if !are_same(&file.columns, &table.columns) {
                return Err(BackupError::Unfit(format!(
                    "the backup's table {} has other columns than revision {revision} of this \
                     program",
                    table.name
                )));
            }
            chosen.push((table, source, file));
        }
    }
    let to_clear: Vec<Table> = chosen.iter().map(|(table, ..)| table.clone()).collect();
    replacement.clear(&to_clear).await.map_err(failed)?;

    let total = chosen.iter().map(|(_, _, file)| file.rows).sum();
    progress.begin("restore", Some(total));
    let mut sums = Vec::new();
    for (table, source, file) in &chosen {
        sums.push(load(replacement, table, source, file, progress).await?);
    }
    replacement.finish_loading().await.map_err(failed)?;
    progress.end();
    progress.begin("compare", Some(total));
    for ((table, ..), sum) in chosen.iter().zip(sums) {
        if read_back(replacement, table, progress).await? != sum {
            return Err(BackupError::Differs(table.name.clone()));
        }
    }
    progress.end();
    Ok(())
}

/// Whether they are the same in any order: rows name them, and what takes the place of a changed column stands
/// last on SQLite.
fn are_same(one: &[Column], other: &[Column]) -> bool {
    one.len() == other.len() && one.iter().all(|column| other.contains(column))
}

async fn load(
    replacement: &mut Replacement,
    table: &Table,
    source: &Source,
    file: &TableFile,
    progress: &dyn Progress,
) -> Result<RowSum, BackupError> {
    let (to, mut lines) = mpsc::channel(2);
    let (folder, own) = (source.folder.clone(), file.clone());
    let reader = tokio::task::spawn_blocking(move || send_lines(&folder, &own, &to));
    let mut sum = RowSum::default();
    let path = source.folder.join(&file.file);
    while let Some(some) = lines.recv().await {
        let rows =
            parse(&table.columns, &some.bytes).map_err(|what| BackupError::damaged(&path, what))?;
        sum.add(&rows);
        let loaded = replacement.session().load(table, &some, &rows).await;
        loaded.map_err(|error| in_table(error, table))?;
        progress.advance(some.rows);
    }
    reader
        .await
        .map_err(|error| BackupError::Stopped(error.to_string()))??;
    if sum.rows() != file.rows {
        return Err(BackupError::damaged(&path, "rows are missing"));
    }
    Ok(sum)
}

/// Says which table it was.
fn in_table(error: StoreError, table: &Table) -> BackupError {
    match error {
        StoreError::Query(error) => BackupError::Unfit(format!(
            "the database was left as it was: it does not take the rows of {}: {error}",
            table.name
        )),
        other => BackupError::NotRestored(other),
    }
}

async fn read_back(
    replacement: &mut Replacement,
    table: &Table,
    progress: &dyn Progress,
) -> Result<RowSum, BackupError> {
    let (to, mut lines) = mpsc::channel::<Lines>(2);
    let columns = Arc::new(table.columns.clone());
    let add_up = tokio::spawn(async move {
        let mut sum = RowSum::default();
        while let Some(some) = lines.recv().await {
            sum.add(&parse(&columns, &some.bytes)?);
        }
        Ok::<_, String>(sum)
    });
    let copied = replacement.session().copy(table, &to, progress).await;
    drop(to);
    let sum = add_up
        .await
        .map_err(|error| BackupError::Stopped(error.to_string()))?;
    match copied {
        Err(CopyError::Store(error)) => Err(BackupError::NotRestored(error)),
        Err(CopyError::Closed) | Ok(()) => {
            sum.map_err(|_| BackupError::Differs(table.name.clone()))
        }
    }
}
