//! The database: one set of statements for SQLite and PostgreSQL.
//!
//! Queries never touch a pool: `on_read!` and `in_write!` hand them a `Tx`, which is how a
//! connection pooler, deadlines and write locks are right everywhere. This module knows nothing of
//! HTTP.

pub mod api_keys;
pub mod audit;
mod change;
mod codec;
pub mod describe;
pub(crate) mod dump;
pub mod error;
pub mod flush;
pub mod host_samples;
mod hosts;
mod imported_keys;
pub mod imports;
mod leases;
pub(crate) mod load;
mod lock;
pub mod migrations;
mod open;
pub mod refusals;
pub(crate) mod replace;
mod request_offsets;
pub mod request_queries;
pub mod request_routes;
mod request_stats;
mod request_windows;
pub mod retention;
mod session;
pub mod timescale;
mod tx;
pub mod users;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgPool, SqlitePool};
use tokio::sync::watch;

use crate::model::time::Clock;

pub use error::{Refusal, StoreError};
pub(crate) use lock::SoleUse;
pub use open::{Engine, Options};
pub(crate) use session::Session;
pub(crate) use tx::{Tx, in_write, on_read};

/// The database of one daemon or command. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Pool,
    options: Options,
    clock: Clock,
    /// The newest `auth_revision` that this process has seen or made.
    auth_revision: watch::Sender<i64>,
    refusals: refusals::Refusals,
}

#[derive(Debug)]
enum Pool {
    /// One writer, so that writes queue here and not inside SQLite, and a few readers.
    Sqlite {
        writer: SqlitePool,
        reader: SqlitePool,
        path: PathBuf,
        /// Tells others that the database is open here.
        _in_use: Arc<File>,
    },
    Postgres(PgPool),
}

/// How busy the connection pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Open connections.
    pub open: u32,
    /// Open connections that nobody uses just now.
    pub idle: usize,
    /// The most that may be open.
    pub max: u32,
}

impl Store {
    /// Which database this is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.inner.pool {
            Pool::Sqlite { .. } => Engine::Sqlite,
            Pool::Postgres(_) => Engine::Postgres,
        }
    }

    /// The clock that rows are stamped with.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// How many connections are open, idle and allowed.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        match &self.inner.pool {
            Pool::Sqlite { writer, reader, .. } => PoolState {
                open: writer.size() + reader.size(),
                idle: writer.num_idle() + reader.num_idle(),
                max: writer.options().get_max_connections()
                    + reader.options().get_max_connections(),
            },
            Pool::Postgres(pool) => PoolState {
                open: pool.size(),
                idle: pool.num_idle(),
                max: pool.options().get_max_connections(),
            },
        }
    }

    /// Answers when the database does.
    ///
    /// # Errors
    /// When it can't be reached within the deadline.
    pub async fn ping(&self) -> Result<(), StoreError> {
        const SQL: &str = "select 1 as one";
        on_read!(self, |tx| {
            tx.fetch_scalar::<i32>(sqlx::query_scalar(SQL)).await?;
            Ok(())
        })
    }

    /// The newest revision of users and keys known to this process, and a way to wait for the next.
    #[must_use]
    pub fn auth_revision(&self) -> watch::Receiver<i64> {
        self.inner.auth_revision.subscribe()
    }

    /// The newest revision of users and keys known to this process.
    #[must_use]
    pub fn known_auth_revision(&self) -> i64 {
        *self.inner.auth_revision.borrow()
    }

    /// Reads the revision of users and keys, which grows when any process changes one.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn refresh_auth_revision(&self) -> Result<i64, StoreError> {
        // The mark keeps a query-caching proxy from answering with an old revision.
        const SQL: &str =
            "/*NO QUERY CACHE*/ select value from settings where name = 'auth_revision'";
        let text = on_read!(self, |tx| Ok(tx
            .fetch_scalar::<String>(sqlx::query_scalar(SQL))
            .await?))?;
        let revision = text.parse().map_err(|_| StoreError::Corrupt {
            table: "settings",
            column: "auth_revision",
        })?;
        self.announce_auth_revision(revision);
        Ok(revision)
    }

    fn announce_auth_revision(&self, revision: i64) {
        self.inner.auth_revision.send_if_modified(|known| {
            let newer = revision > *known;
            *known = revision.max(*known);
            newer
        });
    }

    /// Closes every connection; later calls fail.
    pub async fn close(&self) {
        match &self.inner.pool {
            Pool::Sqlite { writer, reader, .. } => {
                reader.close().await;
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    fn deadline(&self) -> Duration {
        self.inner.options.deadline
    }
}
