//! Migrations up and down, under a lock that holds on both engines, each attempt noted in
//! `migration_log`.
//!
//! All pending migrations run in one transaction: the next start finds the old revision or the
//! new one. sqlx's own runner is not used because it takes no lock on SQLite and keeps a session
//! lock after an error on PostgreSQL.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Postgres, Sqlite, Transaction};

use super::{Engine, Options, Pool, Store, StoreError, in_write, on_read};
use crate::model::time::Timestamp;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
const TABLE: &str = "_sqlx_migrations";
/// Any number will do, as long as no other program on the same database uses it.
const ADVISORY_LOCK: &str = "select pg_advisory_xact_lock(5212908460211)";

/// A schema that this program can't use; a restart can't mend it.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database was migrated by a newer program that left no way back.
    #[error(
        "the database has schema revision {found}, this program knows {known} and the database \
         asks for at least {min_compatible}: install the newer program"
    )]
    TooNew {
        /// Revision of the database.
        found: i64,
        /// Newest revision that this program knows.
        known: i64,
        /// Oldest revision that a program must know to use the database.
        min_compatible: i64,
    },
    /// Migrations are pending and were not allowed to run.
    #[error("{0} migration(s) pending and migrations are switched off")]
    Pending(usize),
    /// A migration that was applied is not the one that this program holds.
    #[error("migration {0} was applied in another form than this program holds")]
    Altered(i64),
    /// A migration failed and was rolled back.
    #[error("migration {revision} failed and was rolled back: {message}")]
    Failed {
        /// Which one.
        revision: i64,
        /// What the database answered.
        message: String,
    },
    /// Another program held the migration lock for too long.
    #[error("another program has been migrating this database for more than {0:?}")]
    Locked(Duration),
    /// The backup that must come first did not succeed.
    #[error(
        "the backup before the migration failed, so nothing was migrated: {0}; mend that, or set \
         backup.before_migration = \"off\" to go on without one"
    )]
    Backup(String),
}

impl SchemaError {
    /// Whether a restart of the same program can't mend it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::TooNew { .. } | Self::Altered(_) | Self::Pending(_)
        )
    }
}

/// What is applied and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaState {
    /// Revision of the database, 0 when it is empty.
    pub current: i64,
    /// Newest revision that this program knows.
    pub known: i64,
    /// Revisions that this program would apply.
    pub pending: Vec<i64>,
}

/// What a migration run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrated {
    /// Nothing was pending, or another program was faster.
    Nothing,
    /// The schema went from one revision to another.
    From(i64, i64),
}

/// One line of `migration_log`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MigrationLogRow {
    /// Which migration.
    pub revision: i64,
    /// `up` or `down`.
    pub direction: String,
    /// `done` or `failed`.
    pub status: String,
    /// What went wrong.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Version of the program that ran it.
    pub program_version: String,
}

impl Store {
    fn migrator(&self) -> &'static Migrator {
        match self.engine() {
            Engine::Sqlite => &SQLITE,
            Engine::Postgres => &POSTGRES,
        }
    }

    /// Newest schema revision that this program knows.
    #[must_use]
    pub fn known_revision(&self) -> i64 {
        let versions = self.migrator().iter().map(|one| one.version);
        versions.max().unwrap_or(0)
    }

    /// Compares the database with what this program knows, without a lock and without a change.
    ///
    /// # Errors
    /// [`SchemaError::TooNew`], [`SchemaError::Altered`], or when the database can't be reached.
    pub async fn schema_state(&self) -> Result<SchemaState, StoreError> {
        const APPLIED: &str = "select version, checksum from _sqlx_migrations order by version";
        const EXISTS_SQLITE: &str =
            "select count(*) from sqlite_master where name = '_sqlx_migrations'";
        const EXISTS_POSTGRES: &str = "
            select count(*) from pg_tables
            where schemaname = 'linux_api' and tablename = '_sqlx_migrations'";
        const MIN_COMPATIBLE: &str = "select value from settings where name = 'min_compatible'";
        let exists = match self.engine() {
            Engine::Sqlite => EXISTS_SQLITE,
            Engine::Postgres => EXISTS_POSTGRES,
        };
        let (applied, min_compatible): (Vec<(i64, Vec<u8>)>, i64) = on_read!(self, |tx| {
            let tables: i64 = tx.fetch_scalar(sqlx::query_scalar(exists)).await?;
            if tables == 0 {
                return Ok((Vec::new(), 0));
            }
            let applied = tx.fetch_all(sqlx::query_as(APPLIED)).await?;
            let text: Option<(String,)> = if applied.is_empty() {
                None
            } else {
                tx.fetch_optional(sqlx::query_as(MIN_COMPATIBLE)).await?
            };
            let min_compatible = text.and_then(|(text,)| text.parse().ok()).unwrap_or(0);
            Ok((applied, min_compatible))
        })?;
        Ok(compare(self.migrator(), &applied, min_compatible)?)
    }

    /// Applies every pending migration, after `backup` succeeded. `backup` runs under the lock,
    /// and only when there is both something pending and something to lose.
    ///
    /// # Errors
    /// A [`SchemaError`], or when the database fails; then nothing was changed.
    pub async fn migrate<F, E>(&self, backup: F) -> Result<Migrated, StoreError>
    where
        F: AsyncFnOnce(&Self) -> Result<(), E>,
        E: std::fmt::Display,
    {
        if self.schema_state().await?.pending.is_empty() {
            return Ok(Migrated::Nothing);
        }
        let _lock = match &self.inner.pool {
            Pool::Sqlite { path, .. } => {
                Some(lock_file(path, self.inner.options.lock_timeout).await?)
            }
            Pool::Postgres(_) => None,
        };
        let session = Session::begin(&self.inner.pool, &self.inner.options).await?;
        let state = self.schema_state().await?;
        if state.pending.is_empty() {
            return Ok(Migrated::Nothing);
        }
        if state.current > 0 {
            backup(self)
                .await
                .map_err(|error| SchemaError::Backup(format!("{error:#}")))?;
        }
        self.run(session, Direction::Up, &state.pending).await?;
        Ok(Migrated::From(state.current, state.known))
    }

    /// Takes back every migration above `target`, newest first, after `backup` succeeded.
    ///
    /// # Errors
    /// A [`SchemaError`], or when the database fails; then nothing was changed.
    pub async fn rollback<F, E>(&self, target: i64, backup: F) -> Result<Migrated, StoreError>
    where
        F: AsyncFnOnce(&Self) -> Result<(), E>,
        E: std::fmt::Display,
    {
        let _lock = match &self.inner.pool {
            Pool::Sqlite { path, .. } => {
                Some(lock_file(path, self.inner.options.lock_timeout).await?)
            }
            Pool::Postgres(_) => None,
        };
        let session = Session::begin(&self.inner.pool, &self.inner.options).await?;
        let state = self.schema_state().await?;
        let revisions: Vec<i64> = (target.max(0) + 1..=state.current.min(state.known))
            .rev()
            .collect();
        if revisions.is_empty() {
            return Ok(Migrated::Nothing);
        }
        backup(self)
            .await
            .map_err(|error| SchemaError::Backup(format!("{error:#}")))?;
        self.run(session, Direction::Down, &revisions).await?;
        Ok(Migrated::From(state.current, target.max(0)))
    }

    async fn run(
        &self,
        mut session: Session,
        direction: Direction,
        revisions: &[i64],
    ) -> Result<(), StoreError> {
        let mut log = Vec::new();
        let mut failure = None;
        for &revision in revisions {
            let migration = find(self.migrator(), revision, direction);
            let started_at = self.clock().now();
            let outcome = match migration {
                Some(migration) => session.step(direction, migration).await,
                None => Err("this program has no such migration".to_owned()),
            };
            log.push(MigrationLogRow {
                revision,
                direction: direction.as_str().to_owned(),
                status: if outcome.is_ok() { "done" } else { "failed" }.to_owned(),
                error: outcome.as_ref().err().cloned(),
                started_at,
                finished_at: self.clock().now(),
                program_version: env!("CARGO_PKG_VERSION").to_owned(),
            });
            if let Err(message) = outcome {
                failure = Some(SchemaError::Failed { revision, message });
                break;
            }
        }
        if let Some(failure) = failure {
            session.rollback().await?;
            // What the transaction did before the failure is gone with it.
            log.retain(|row| row.status == "failed");
            self.write_migration_log(&log).await;
            return Err(failure.into());
        }
        session.commit().await?;
        self.write_migration_log(&log).await;
        Ok(())
    }

    /// Outside of the migration's transaction, so that a failed row survives it.
    async fn write_migration_log(&self, rows: &[MigrationLogRow]) {
        const SQL: &str = "
            insert into migration_log
                (revision, direction, status, error, started_at, finished_at, program_version)
            values ($1, $2, $3, $4, $5, $6, $7)";
        let written: Result<(), StoreError> = in_write!(self, |tx| {
            for row in rows {
                tx.execute(
                    sqlx::query(SQL)
                        .bind(row.revision)
                        .bind(row.direction.as_str())
                        .bind(row.status.as_str())
                        .bind(row.error.as_deref())
                        .bind(row.started_at)
                        .bind(row.finished_at)
                        .bind(row.program_version.as_str()),
                )
                .await?;
            }
            Ok(())
        });
        if let Err(error) = written {
            // The table itself is missing before the first migration and after the last rollback.
            tracing::debug!(%error, "could not write to migration_log");
        }
    }

    /// The newest attempts first.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_migration_log(&self, limit: u32) -> Result<Vec<MigrationLogRow>, StoreError> {
        const SQL: &str = "
            select revision, direction, status, error, started_at, finished_at, program_version
            from migration_log order by id desc limit $1";
        on_read!(self, |tx| Ok(tx
            .fetch_all(sqlx::query_as(SQL).bind(i64::from(limit)))
            .await?))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

fn is(migration: &Migration, direction: Direction) -> bool {
    match direction {
        Direction::Up => migration.migration_type.is_up_migration(),
        Direction::Down => matches!(migration.migration_type, MigrationType::ReversibleDown),
    }
}

fn find(migrator: &'static Migrator, revision: i64, way: Direction) -> Option<&'static Migration> {
    migrator
        .iter()
        .find(|migration| migration.version == revision && is(migration, way))
}

fn compare(
    migrator: &'static Migrator,
    applied: &[(i64, Vec<u8>)],
    min_compatible: i64,
) -> Result<SchemaState, SchemaError> {
    let ups: Vec<&Migration> = migrator
        .iter()
        .filter(|one| is(one, Direction::Up))
        .collect();
    let known = ups.iter().map(|one| one.version).max().unwrap_or(0);
    let current = applied
        .iter()
        .map(|(version, _)| *version)
        .max()
        .unwrap_or(0);
    if current > known && min_compatible > known {
        return Err(SchemaError::TooNew {
            found: current,
            known,
            min_compatible,
        });
    }
    for (version, checksum) in applied {
        let Some(own) = ups.iter().find(|one| one.version == *version) else {
            continue;
        };
        if own.checksum.as_ref() != checksum.as_slice() {
            return Err(SchemaError::Altered(*version));
        }
    }
    let pending = if current > known {
        Vec::new()
    } else {
        let is_applied = |version| applied.iter().any(|(one, _)| *one == version);
        ups.iter()
            .map(|one| one.version)
            .filter(|version| !is_applied(*version))
            .collect()
    };
    Ok(SchemaState {
        current,
        known,
        pending,
    })
}

/// The transaction that a migration runs in.
pub(super) enum Session {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Session {
    /// Opens the transaction and, on PostgreSQL, takes the lock that lives as long as it does.
    pub(super) async fn begin(pool: &Pool, options: &Options) -> Result<Self, StoreError> {
        match pool {
            // The file lock is held already; other writers wait only from the first change on.
            Pool::Sqlite { writer, .. } => Ok(Self::Sqlite(writer.begin().await?)),
            Pool::Postgres(_) => {
                // Not from the pool: its calls have deadlines, and may go through a pooler.
                let pool = PgPoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(options.deadline)
                    .connect_lazy_with(options.postgres(true)?);
                let mut transaction = pool.begin().await?;
                let take = sqlx::raw_sql(ADVISORY_LOCK).execute(&mut *transaction);
                tokio::time::timeout(options.lock_timeout, take)
                    .await
                    .map_err(|_| SchemaError::Locked(options.lock_timeout))??;
                let schema = sqlx::query("select 1 from pg_namespace where nspname = 'linux_api'")
                    .fetch_optional(&mut *transaction)
                    .await?;
                // Asked first: "if not exists" needs the right to create even when it exists.
                if schema.is_none() {
                    sqlx::raw_sql("create schema linux_api")
                        .execute(&mut *transaction)
                        .await?;
                }
                // Behind a pooler the session has no search path of ours.
                sqlx::raw_sql("set local search_path = linux_api")
                    .execute(&mut *transaction)
                    .await?;
                Ok(Self::Postgres(transaction))
            }
        }
    }

    async fn step(&mut self, way: Direction, migration: &Migration) -> Result<(), String> {
        let done = match self {
            Self::Sqlite(transaction) => step(&mut **transaction, way, migration).await,
            Self::Postgres(transaction) => step(&mut **transaction, way, migration).await,
        };
        done.map_err(|error| error.to_string())
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await?,
            Self::Postgres(transaction) => transaction.rollback().await?,
        }
        Ok(())
    }
}

async fn step<C: Migrate>(
    connection: &mut C,
    way: Direction,
    migration: &Migration,
) -> Result<(), sqlx::migrate::MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    match way {
        Direction::Up => connection.apply(TABLE, migration).await?,
        Direction::Down => connection.revert(TABLE, migration).await?,
    };
    Ok(())
}

/// Takes an exclusive lock on `DATABASE.lock`; it ends with the file handle, however that ends.
async fn lock_file(database: &Path, timeout: Duration) -> Result<File, StoreError> {
    const RETRY: Duration = Duration::from_millis(25);
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let cannot = |error: std::io::Error| {
        StoreError::Unusable(format!("can't lock {}: {error}", path.display()))
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(cannot)?;
    let take = async {
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
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
