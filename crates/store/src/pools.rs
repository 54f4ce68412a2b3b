//! The connections of a store: to one SQLite database, or to PostgreSQL.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, SqlitePool};

use super::availability::DATABASE_REPLACED;
use super::memory::Anchor;
use super::{PoolState, StoreError};

/// How long an additional connection to PostgreSQL stays open without use.
const IDLE: Duration = Duration::from_secs(30);
/// How long to wait at least and at most for the standing connection before another one is opened: most calls
/// are done with it sooner, and a server that is slow to connect is not helped by more connections.
const PATIENCE: Duration = Duration::from_millis(25);
const PATIENCE_MAX: Duration = Duration::from_secs(1);
/// That patience, in times of what the last new connection took.
const PATIENCE_FACTOR: u32 = 4;
/// How long work in the background waits for the standing connection before another one is opened.
const BACKGROUND_PATIENCE: Duration = Duration::from_millis(500);
/// How long a connection that should be free may take to be had.
const SLOW: Duration = Duration::from_millis(250);

tokio::task_local! {
    /// Set in work that no client waits for.
    static BACKGROUND: ();
}

/// Marks `work` as such that no client waits for: its calls to a store wait for each other and for those of
/// clients, rather than have the server keep another connection for them. Tasks that `work` spawns are not marked.
pub async fn in_background<T>(work: impl Future<Output = T>) -> T {
    BACKGROUND.scope((), work).await
}

/// The connections of a store.
#[derive(Debug)]
pub(crate) enum Pool {
    /// To a file.
    Sqlite(Box<SqlitePools>),
    /// To a server.
    Postgres(Box<PostgresPools>),
}

/// One writer, so that writes queue here and not inside SQLite, and a few readers.
#[derive(Debug)]
pub(crate) struct SqlitePools {
    pub(crate) writer: SqlitePool,
    pub(crate) reader: SqlitePool,
    pub(super) content: SqliteContent,
}

/// What the connections to an SQLite database lead to.
#[derive(Debug)]
pub(super) enum SqliteContent {
    /// A file.
    File {
        path: PathBuf,
        file: FileId,
        /// Shows others that the database is open here.
        _in_use: Arc<File>,
    },
    /// Memory of this process, which lasts as long as this connection to it.
    Memory(Arc<Anchor>),
}

impl SqlitePools {
    /// Whether the file that is open still lies at its path.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] with the code [`DATABASE_REPLACED`].
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let SqliteContent::File { path, file, .. } = &self.content else {
            return Ok(());
        };
        let what = match FileId::of(path) {
            Ok(found) if found == *file => return Ok(()),
            Ok(_) => "was replaced by another file",
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "was deleted or moved",
            Err(error) => {
                let reason = format!("can't look at the database {}: {error}", path.display());
                return Err(StoreError::Unusable(reason));
            }
        };
        let reason = format!(
            "the database {} {what} while it was open; restore the old file, or restart the daemon \
             to use the new one",
            path.display()
        );
        Err(StoreError::NotReady {
            code: DATABASE_REPLACED,
            reason: reason.into(),
        })
    }

    /// What keeps the content of a database in memory.
    pub(super) fn anchor(&self) -> Option<Arc<Anchor>> {
        match &self.content {
            SqliteContent::Memory(anchor) => Some(Arc::clone(anchor)),
            SqliteContent::File { .. } => None,
        }
    }
}

/// Which file lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file at `path` now. By name and not by a descriptor: closing any descriptor of an open
    /// SQLite file drops the locks that SQLite holds on it.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let found = std::fs::metadata(path)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
        })
    }
}

/// One connection that stands, and more while there is work for them.
///
/// The driver hands out idle connections first in, first out, so that a pool of several which is
/// used once a second never shrinks. An idle daemon keeps the standing connection alone.
#[derive(Debug)]
pub(crate) struct PostgresPools {
    standing: PgPool,
    /// None when only one connection is allowed.
    additional: Option<PgPool>,
    pub(super) connect: PgConnectOptions,
    /// Milliseconds that the last new connection of `additional` took.
    connecting: Arc<AtomicU64>,
    /// For changes of users, keys and settings, when those take another account.
    pub(super) administration: Option<PgPool>,
}

impl PostgresPools {
    /// Connects when a connection is first needed. `size` is the most in all, at least 1, without the
    /// one of `administration`.
    pub(super) fn new(
        connect: PgConnectOptions,
        administration: Option<PgConnectOptions>,
        size: u32,
        acquire_timeout: Duration,
    ) -> Self {
        let pool = |size: u32| {
            PgPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(acquire_timeout)
        };
        let standing = pool(1)
            .idle_timeout(None)
            .connect_lazy_with(connect.clone());
        let additional = (size > 1).then(|| {
            pool(size - 1)
                .idle_timeout(IDLE)
                .connect_lazy_with(connect.clone())
        });
        // One: such changes wait for each other anyway.
        let administration =
            administration.map(|connect| pool(1).idle_timeout(IDLE).connect_lazy_with(connect));
        Self {
            standing,
            additional,
            connect,
            connecting: Arc::default(),
            administration,
        }
    }

    /// Whether the server has given this process a connection that still stands.
    pub(super) fn has_connection(&self) -> bool {
        self.standing.size() > 0
    }

    /// The standing connection when it is free, else an additional one that is, else the first to be
    /// had: the standing one, or after a moment a new one, unless the server gives no more of those.
    /// Work in the background ([`in_background`]) waits longer for the standing one.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let Some(additional) = &self.additional else {
            return self.standing.acquire().await;
        };
        let took = Duration::from_millis(self.connecting.load(Ordering::Relaxed));
        let patience = (took * PATIENCE_FACTOR).clamp(PATIENCE, PATIENCE_MAX);
        let standing_is_free = self.standing.num_idle() > 0 || self.standing.size() == 0;
        let (first, second, patience) = if BACKGROUND.try_with(|()| ()).is_ok() {
            // Also when an additional one is idle: it is to be closed when only such work is left.
            (
                &self.standing,
                additional,
                patience.max(BACKGROUND_PATIENCE),
            )
        } else if standing_is_free {
            (&self.standing, additional, SLOW)
        } else if additional.num_idle() > 0 {
            (additional, &self.standing, SLOW)
        } else {
            (&self.standing, additional, patience)
        };
        let later = async {
            tokio::time::sleep(patience).await;
            // In a task of its own: what is half connected when the first is free is of use to the next call,
            // and a thousand daemons that begin again and again keep a pooler from all other work.
            let (pool, took) = (second.clone(), Arc::clone(&self.connecting));
            let task = tokio::spawn(async move {
                let is_full = pool.size() >= pool.options().get_max_connections();
                let is_new = pool.num_idle() == 0 && !is_full;
                let begin = Instant::now();
                let acquired = pool.acquire().await;
                if is_new {
                    let millis = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
                    took.store(millis, Ordering::Relaxed);
                }
                acquired
            });
            task.await.unwrap_or(Err(sqlx::Error::PoolClosed))
        };
        tokio::select! {
            biased;
            connection = first.acquire() => connection,
            connection = later => connection,
        }
    }

    async fn close(&self) {
        for pool in self.additional.iter().chain(&self.administration) {
            pool.close().await;
        }
        self.standing.close().await;
    }

    fn state(&self) -> PoolState {
        let pools = std::iter::once(&self.standing)
            .chain(&self.additional)
            .chain(&self.administration);
        pools.fold(PoolState::default(), |sum, pool| PoolState {
            open: sum.open + pool.size(),
            idle: sum.idle + pool.num_idle(),
            max: sum.max + pool.options().get_max_connections(),
        })
    }
}

impl Pool {
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(files) => {
                files.reader.close().await;
                files.writer.close().await;
                if let SqliteContent::Memory(anchor) = &files.content {
                    anchor.close().await;
                }
            }
            Self::Postgres(pools) => pools.close().await,
        }
    }

    pub(super) fn state(&self) -> PoolState {
        match self {
            Self::Sqlite(files) => PoolState {
                open: files.writer.size() + files.reader.size(),
                idle: files.writer.num_idle() + files.reader.num_idle(),
                max: files.writer.options().get_max_connections()
                    + files.reader.options().get_max_connections(),
            },
            Self::Postgres(pools) => pools.state(),
        }
    }
}
