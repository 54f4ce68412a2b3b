//! A transaction on a connection of its own: for what takes longer than any call may.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::audit::{Entry, insert_audit};
use super::migrations::SchemaError;
use super::pools::Pool;
use super::{Engine, Options, StoreError};
use linux_api_wire::time::Timestamp;

/// Any number will do, as long as no other program on the same database uses it.
const ADVISORY_LOCK: &str = "select pg_advisory_xact_lock(5212908460211)";

/// A transaction; dropping it takes everything back.
pub(crate) struct Session {
    pub(super) open: Open,
    /// Of the session's own connection; none when that is the store's.
    own: Option<OwnPool>,
}

pub(super) enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

enum OwnPool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl OwnPool {
    /// Waits until the connection is closed, which a dropped pool does at some later time. An
    /// SQLite connection that is closed late would remove the log of the file's successor.
    async fn close(self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Runs one expression on whichever transaction is open.
macro_rules! in_session {
    ($session:expr, |$tx:ident| $body:expr) => {
        match &mut ($session).open {
            $crate::session::Open::Sqlite(transaction) => {
                let mut $tx = $crate::Tx::<sqlx::Sqlite>::new(&mut **transaction, false);
                $body
            }
            $crate::session::Open::Postgres(transaction) => {
                let mut $tx = $crate::Tx::<sqlx::Postgres>::new(&mut **transaction, false);
                $body
            }
        }
    };
}

pub(crate) use in_session;

impl Session {
    /// A view of the database that stands still while others go on writing.
    pub(super) async fn reading(options: &Options) -> Result<Self, StoreError> {
        match options.engine()? {
            Engine::Sqlite => {
                let connect = options.sqlite()?;
                let pool = SqlitePoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(options.deadline)
                    .connect_lazy_with(connect.read_only(true));
                Self::on_sqlite(pool).await
            }
            Engine::Postgres => {
                // One round trip; the settings are for a pooler's session, which has none of ours.
                const BEGIN: &str = "
                    begin isolation level repeatable read, read only;
                    set local search_path = linux_api;
                    set local statement_timeout = 0";
                let pool = Self::one_connection(options, options.postgres(true)?);
                let transaction = pool.begin_with(BEGIN).await?;
                Ok(Self::on_postgres(transaction, pool))
            }
        }
    }

    /// For migrations. On PostgreSQL it takes the lock that lives as long as the transaction does;
    /// on SQLite the caller holds the one on the file.
    pub(super) async fn migrating(pool: &Pool, options: &Options) -> Result<Self, StoreError> {
        match pool {
            // Other writers wait only from the first change on.
            Pool::Sqlite(files) => Ok(Self {
                open: Open::Sqlite(files.writer.begin().await?),
                own: None,
            }),
            Pool::Postgres(_) => Self::alone_on_postgres(options).await,
        }
    }

    /// A transaction on PostgreSQL as the owner of the schema.
    pub(super) async fn owning(options: &Options) -> Result<Self, StoreError> {
        let pool = Self::one_connection(options, options.owner()?);
        let transaction = pool.begin().await?;
        Ok(Self::on_postgres(transaction, pool))
    }

    /// A transaction on PostgreSQL that holds the lock of migrations; the schema exists after it.
    pub(super) async fn alone_on_postgres(options: &Options) -> Result<Self, StoreError> {
        // Not from the pool: its calls have deadlines, and may go through a pooler.
        let pool = Self::one_connection(options, options.owner()?);
        let mut transaction = pool.begin().await?;
        let take = sqlx::raw_sql(ADVISORY_LOCK).execute(&mut *transaction);
        tokio::time::timeout(options.lock_timeout, take)
            .await
            .map_err(|_| SchemaError::Locked(options.lock_timeout))??;
        let schema = sqlx::query("select 1 from pg_namespace where nspname = 'linux_api'")
            .fetch_optional(&mut *transaction)
            .await?;
        // Queried first: "if not exists" needs the privilege to create even when it exists.
        if schema.is_none() {
            sqlx::raw_sql("create schema linux_api")
                .execute(&mut *transaction)
                .await?;
        }
        // Behind a pooler the session has no search path of ours.
        sqlx::raw_sql("set local search_path = linux_api")
            .execute(&mut *transaction)
            .await?;
        Ok(Self::on_postgres(transaction, pool))
    }

    /// A transaction in a schema that no one else sees and that goes away with it.
    pub(super) async fn scratch_on_postgres(options: &Options) -> Result<Self, StoreError> {
        let pool = Self::one_connection(options, options.owner()?);
        let mut transaction = pool.begin().await?;
        let name = format!("linux_api_scratch_{}", uuid::Uuid::new_v4().simple());
        // Safe: a name of our own.
        let sql = format!("create schema {name}; set local search_path = {name}");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *transaction)
            .await?;
        Ok(Self::on_postgres(transaction, pool))
    }

    /// A transaction in a new file, which is of no worth until it is committed and synced.
    pub(super) async fn in_new_file(path: &std::path::Path) -> Result<Self, StoreError> {
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Memory)
            .synchronous(SqliteSynchronous::Off)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(connect);
        Self::on_sqlite(pool).await
    }

    /// An empty database of its own in memory.
    pub(super) async fn in_memory() -> Result<Self, StoreError> {
        let connect = SqliteConnectOptions::new().in_memory(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(connect);
        Self::on_sqlite(pool).await
    }

    async fn on_sqlite(pool: SqlitePool) -> Result<Self, StoreError> {
        Ok(Self {
            open: Open::Sqlite(pool.begin().await?),
            own: Some(OwnPool::Sqlite(pool)),
        })
    }

    fn on_postgres(transaction: Transaction<'static, Postgres>, pool: PgPool) -> Self {
        Self {
            open: Open::Postgres(transaction),
            own: Some(OwnPool::Postgres(pool)),
        }
    }

    pub(super) fn engine(&self) -> Engine {
        match self.open {
            Open::Sqlite(_) => Engine::Sqlite,
            Open::Postgres(_) => Engine::Postgres,
        }
    }

    /// The connection, on PostgreSQL.
    pub(super) fn postgres(&mut self) -> Option<&mut PgConnection> {
        match &mut self.open {
            Open::Sqlite(_) => None,
            Open::Postgres(transaction) => Some(transaction),
        }
    }

    fn one_connection(options: &Options, connect: PgConnectOptions) -> PgPool {
        PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(options.deadline)
            .connect_lazy_with(connect)
    }

    /// Runs statements that return nothing. The text holds nothing but names from the catalog,
    /// quoted, and words of our own.
    pub(super) async fn run(&mut self, sql: String) -> Result<(), StoreError> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        match &mut self.open {
            Open::Sqlite(transaction) => query.execute(&mut **transaction).await.map(drop)?,
            Open::Postgres(transaction) => query.execute(&mut **transaction).await.map(drop)?,
        }
        Ok(())
    }

    /// A number that each engine has its own query for.
    pub(super) async fn number(
        &mut self,
        sqlite: &'static str,
        postgres: &'static str,
    ) -> Result<i64, StoreError> {
        let sql = match self.engine() {
            Engine::Sqlite => sqlite,
            Engine::Postgres => postgres,
        };
        in_session!(self, |tx| Ok(tx
            .fetch_scalar(sqlx::query_scalar(sql))
            .await?))
    }

    /// Whether the schema has this table.
    pub(super) async fn has_table(&mut self, name: &str) -> Result<bool, StoreError> {
        const SQLITE: &str =
            "select count(*) from sqlite_master where type = 'table' and name = $1";
        const POSTGRES: &str = "
            select count(*) from pg_catalog.pg_tables
            where schemaname = current_schema() and tablename = $1";
        let sql = match self.engine() {
            Engine::Sqlite => SQLITE,
            Engine::Postgres => POSTGRES,
        };
        let found: i64 = in_session!(self, |tx| tx
            .fetch_scalar(sqlx::query_scalar(sql).bind(name))
            .await?);
        Ok(found > 0)
    }

    /// Notes in the audit log what was done, where there is such a log.
    pub(super) async fn audit(
        &mut self,
        now: Timestamp,
        entry: &Entry<'_>,
    ) -> Result<(), StoreError> {
        if self.has_table("audit_log").await? {
            in_session!(self, |tx| insert_audit!(tx, now, entry, "done"));
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let done = match self.open {
            Open::Sqlite(transaction) => transaction.commit().await,
            Open::Postgres(transaction) => transaction.commit().await,
        };
        if let Some(own) = self.own {
            own.close().await;
        }
        Ok(done?)
    }

    /// Takes everything back; also what ends a session that only read.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        let done = match self.open {
            Open::Sqlite(transaction) => transaction.rollback().await,
            Open::Postgres(transaction) => transaction.rollback().await,
        };
        if let Some(own) = self.own {
            own.close().await;
        }
        Ok(done?)
    }
}
