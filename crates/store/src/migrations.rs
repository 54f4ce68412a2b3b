//! Migrations up and down, under a lock that holds on both engines, each attempt noted in
//! `migration_log`.
//!
//! All pending migrations run in one transaction: the next start finds the old revision or the
//! new one. sqlx's own runner is not used because it takes no lock on SQLite and keeps a session
//! lock after an error on PostgreSQL.

mod embedded;
mod known;

use crate::codec::stored_row;
use std::time::Duration;

use sqlx::migrate::Migrator;

use super::audit::Entry;
use super::session::{Session, in_session};
use super::{Engine, Store, StoreError, in_write, lock, on_read};
use linux_api_wire::audit::Actor;
use linux_api_wire::progress::{NoProgress, Progress};
use linux_api_wire::time::Timestamp;

use embedded::migrator;
pub(super) use known::{Direction, newest_revision, revisions};
use known::{compare, is, upward};

const INSERT_LOG: &str = "
    insert into migration_log
        (revision, direction, status, error, started_at, finished_at, program_version)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// A schema that this program can't use; a restart can't fix it.
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
    /// Migrations are pending, and the account of this program may not make them.
    #[error(
        "{pending} migration(s) pending, and the database account {role} may not make them: run \
         `linux-api db migrate` where database.owner_url is the owner of the schema"
    )]
    NotOwner {
        /// How many.
        pending: usize,
        /// The account.
        role: String,
    },
    /// The revision to go to is none.
    #[error("there is no revision {asked}: {why}")]
    NoSuchRevision {
        /// The requested revision.
        asked: i64,
        /// Which ones there are.
        why: String,
    },
    /// A migration that was applied is not the one that this program holds.
    #[error("migration {0} was applied in another version than this program's")]
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
        "the backup before the migration failed, so nothing was migrated: {0}; fix that, or set \
         backup.before_migration = \"off\" to go on without one"
    )]
    Backup(String),
}

impl SchemaError {
    /// Whether a restart of the same program can't fix it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::TooNew { .. } | Self::Altered(_) | Self::Pending(_) | Self::NotOwner { .. }
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
pub enum MigrationOutcome {
    /// Nothing was pending, or another program was faster.
    Nothing,
    /// The schema went from one revision to another.
    From(i64, i64),
}

/// One line of `migration_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
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

stored_row!(MigrationLogRow { revision, direction, status, error, program_version; db started_at: Timestamp, finished_at: Timestamp });

/// How far to migrate, for whom, and who watches.
pub struct Run<'a> {
    /// The revision to stop at. Without it, the newest when migrating, and one less when taking
    /// back.
    pub target: Option<i64>,
    /// Who requested it, for the audit log; `None` when the daemon does it at its start.
    pub actor: Option<&'a Actor>,
    /// Receives the migration that runs.
    pub progress: &'a dyn Progress,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self {
            target: None,
            actor: None,
            progress: &NoProgress,
        }
    }
}

/// From where to where a run goes.
#[derive(Clone, Copy)]
struct Way {
    direction: Direction,
    from: i64,
    to: i64,
}

/// Adds rows to the log; a macro because the bound types differ per engine.
macro_rules! insert_log {
    ($tx:expr, $rows:expr) => {
        for row in $rows {
            $tx.execute(
                sqlx::query(INSERT_LOG)
                    .bind(row.revision)
                    .bind(row.direction.as_str())
                    .bind(row.status.as_str())
                    .bind(row.error.as_deref())
                    .bind($crate::codec::Db(row.started_at))
                    .bind($crate::codec::Db(row.finished_at))
                    .bind(row.program_version.as_str()),
            )
            .await?;
        }
    };
}

impl Store {
    fn migrator(&self) -> &'static Migrator {
        migrator(self.engine())
    }

    /// Newest schema revision that this program knows.
    #[must_use]
    pub fn known_revision(&self) -> i64 {
        newest_revision(self.engine())
    }

    /// The same without a database; both engines have the same revisions.
    #[must_use]
    pub fn newest_revision(engine: Engine) -> i64 {
        newest_revision(engine)
    }

    /// Compares the database with what this program knows, without a lock and without a change.
    ///
    /// # Errors
    /// [`SchemaError::TooNew`], [`SchemaError::Altered`], or when the database can't be reached.
    pub async fn schema_state(&self) -> Result<SchemaState, StoreError> {
        const APPLIED: &str = "\
            /*NO QUERY CACHE*/ select version, checksum from _sqlx_migrations order by version";
        const EXISTS_SQLITE: &str =
            "select count(*) from sqlite_master where name = '_sqlx_migrations'";
        // Pgpool-II takes a view of the catalogue for a table, and caches what is said of it.
        const EXISTS_POSTGRES: &str = "\
            /*NO QUERY CACHE*/ select count(*) from pg_tables
            where schemaname = 'linux_api' and tablename = '_sqlx_migrations'";
        const MIN_COMPATIBLE: &str =
            "/*NO QUERY CACHE*/ select value from settings where name = 'min_compatible'";
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

    /// Revisions that this program knows, each with its name.
    #[must_use]
    pub fn known_migrations(&self) -> Vec<(i64, String)> {
        let ups = self.migrator().iter().filter(|one| is(one, Direction::Up));
        ups.map(|one| (one.version, one.description.to_string()))
            .collect()
    }

    /// The pending revisions up to the target, or all.
    ///
    /// # Errors
    /// When there is no such revision or the database is above it.
    pub fn pending_up_to(
        &self,
        state: &SchemaState,
        target: Option<i64>,
    ) -> Result<Vec<i64>, StoreError> {
        Ok(upward(state, target)?)
    }

    /// Applies every pending migration, after `backup` succeeded. `backup` runs under the lock,
    /// and only when there is both something pending and something to lose.
    ///
    /// # Errors
    /// A [`SchemaError`], or when the database fails; then nothing was changed.
    pub async fn migrate<F, E>(&self, backup: F) -> Result<MigrationOutcome, StoreError>
    where
        F: AsyncFnOnce(&Self) -> Result<(), E>,
        E: std::fmt::Display,
    {
        self.migrate_as(&Run::default(), backup).await
    }

    /// The same up to a chosen revision, on behalf of an actor.
    ///
    /// # Errors
    /// As for [`Store::migrate`], and when there is no such revision or the database is above it.
    pub async fn migrate_as<F, E>(
        &self,
        run: &Run<'_>,
        backup: F,
    ) -> Result<MigrationOutcome, StoreError>
    where
        F: AsyncFnOnce(&Self) -> Result<(), E>,
        E: std::fmt::Display,
    {
        let pending = upward(&self.schema_state().await?, run.target)?.len();
        if pending == 0 {
            return Ok(MigrationOutcome::Nothing);
        }
        self.require_owner(pending).await?;
        let _lock = self.lock_migrations().await?;
        let session = Session::migrating(&*self.pool()?, &self.inner.options).await?;
        let state = self.schema_state().await?;
        let revisions = upward(&state, run.target)?;
        let Some(&last) = revisions.last() else {
            return Ok(MigrationOutcome::Nothing);
        };
        if state.current > 0 {
            backup(self)
                .await
                .map_err(|error| SchemaError::Backup(format!("{error:#}")))?;
        }
        let way = Way {
            direction: Direction::Up,
            from: state.current,
            to: last,
        };
        self.run(session, way, &revisions, run).await?;
        Ok(MigrationOutcome::From(way.from, way.to))
    }

    /// Takes back every migration above `target`, newest first, after `backup` succeeded.
    ///
    /// # Errors
    /// A [`SchemaError`], or when the database fails; then nothing was changed.
    pub async fn rollback<F, E>(
        &self,
        target: i64,
        backup: F,
    ) -> Result<MigrationOutcome, StoreError>
    where
        F: AsyncFnOnce(&Self) -> Result<(), E>,
        E: std::fmt::Display,
    {
        let run = Run {
            target: Some(target),
            ..Run::default()
        };
        self.rollback_as(&run, backup).await
    }

    /// The same on behalf of an actor; without a target, the newest migration.
    ///
    /// # Errors
    /// As for [`Store::rollback`].
    pub async fn rollback_as<F, E>(
        &self,
        run: &Run<'_>,
        backup: F,
    ) -> Result<MigrationOutcome, StoreError>
    where
        F: AsyncFnOnce(&Self) -> Result<(), E>,
        E: std::fmt::Display,
    {
        let _lock = self.lock_migrations().await?;
        let session = Session::migrating(&*self.pool()?, &self.inner.options).await?;
        let state = self.schema_state().await?;
        let target = run.target.unwrap_or(state.current - 1).max(0);
        if state.current > state.known {
            // It can't take back what it does not know, and the rest lies below that.
            return Err(SchemaError::NoSuchRevision {
                asked: target,
                why: format!(
                    "the database has revision {} and this program knows {}; take it back with the \
                     newer program",
                    state.current, state.known
                ),
            }
            .into());
        }
        let mut revisions = known::revisions(self.engine());
        revisions.retain(|revision| (target + 1..=state.current).contains(revision));
        revisions.reverse();
        if revisions.is_empty() {
            return Ok(MigrationOutcome::Nothing);
        }
        backup(self)
            .await
            .map_err(|error| SchemaError::Backup(format!("{error:#}")))?;
        let way = Way {
            direction: Direction::Down,
            from: state.current,
            to: target,
        };
        self.run(session, way, &revisions, run).await?;
        Ok(MigrationOutcome::From(way.from, way.to))
    }

    /// Nothing on PostgreSQL, where the session takes a lock of its own.
    async fn lock_migrations(&self) -> Result<Option<std::fs::File>, StoreError> {
        match self.inner.options.sqlite_path()? {
            Some(path) => {
                let timeout = self.inner.options.lock_timeout;
                Ok(Some(lock::migrating(&path, timeout).await?))
            }
            None => Ok(None),
        }
    }

    async fn run(
        &self,
        mut session: Session,
        way: Way,
        revisions: &[i64],
        run: &Run<'_>,
    ) -> Result<(), StoreError> {
        let roles = session.granted_roles().await?;
        let mut log = Vec::new();
        for &revision in revisions {
            run.progress.begin(&format!("migration {revision}"), None);
            let started_at = self.clock().now();
            let outcome = session.step(way.direction, revision).await;
            log.push(MigrationLogRow {
                revision,
                direction: way.direction.as_str().to_owned(),
                status: if outcome.is_ok() { "done" } else { "failed" }.to_owned(),
                error: outcome.as_ref().err().cloned(),
                started_at,
                finished_at: self.clock().now(),
                program_version: env!("CARGO_PKG_VERSION").to_owned(),
            });
            if let Err(message) = outcome {
                session.rollback().await?;
                // What the transaction did before the failure is gone with it.
                log.retain(|row| row.status == "failed");
                self.note_failed(&log).await;
                return Err(SchemaError::Failed { revision, message }.into());
            }
            run.progress.end();
        }
        // Tables that a migration made have no rights yet.
        session.grant_again(&roles).await?;
        // The table is missing after the last rollback.
        if session.has_table("migration_log").await? {
            in_session!(&mut session, |tx| insert_log!(tx, &log));
        }
        let entry = run.actor.map(|actor| Entry {
            origin: &actor.origin,
            action: way.direction.action(),
            target: format!("revision:{}", way.to),
            detail: format!("from revision {}", way.from),
        });
        if let Some(entry) = &entry {
            session.audit(self.clock().now(), entry).await?;
        }
        session.commit().await?;
        if let Some(entry) = entry {
            entry.log("done");
        }
        Ok(())
    }

    /// Outside of the migration's transaction, so that the rows survive it.
    async fn note_failed(&self, rows: &[MigrationLogRow]) {
        let written: Result<(), StoreError> = in_write!(self, |tx| {
            insert_log!(tx, rows);
            Ok(())
        });
        if let Err(error) = written {
            // The table itself is missing before the first migration.
            tracing::debug!(%error, "could not write to migration_log");
        }
    }

    /// The newest attempts first.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_migration_log(&self, limit: u32) -> Result<Vec<MigrationLogRow>, StoreError> {
        const SQL: &str = "\
            /*NO QUERY CACHE*/ select revision, direction, status, error, started_at, finished_at,
                program_version
            from migration_log order by id desc limit $1";
        on_read!(self, |tx| Ok(tx
            .fetch_all(sqlx::query_as(SQL).bind(i64::from(limit)))
            .await?))
    }
}
