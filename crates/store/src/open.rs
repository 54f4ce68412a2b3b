//! Opening a database: which engine, which settings, and whether this program may use it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlitePool};
use tokio::sync::watch;

use super::availability::{Availability, Tracker};
use super::error::is_busy;
use super::lock::{self, SoleUse};
use super::memory::{self, MemoryName};
use super::new_file::{cannot_create, create_database, create_private_directory};
use super::pools::{FileId, Pool, PostgresPools, SqliteContent, SqlitePools};
use super::{Inner, Store, StoreError};
use linux_api_wire::time::Clock;

/// SQLite before 3.51.3 can lose committed transactions when two connections write and checkpoint
/// a WAL file at the same instant.
const SQLITE_MIN: (u32, u32, u32) = (3, 51, 3);
/// How long it may take to find out why the database is away.
const EXPLAIN: Duration = Duration::from_secs(1);
/// A server that does not respond within this is treated as away.
const PROBE: Duration = Duration::from_secs(2);
/// The oldest PostgreSQL that the statements are written for.
const POSTGRES_MIN: u32 = 15;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one: a file, or the memory of this process.
    Sqlite,
    /// A PostgreSQL server, with or without TimescaleDB.
    Postgres,
}

impl Engine {
    /// The word shown to people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// `sqlite:///path` or `postgres://…`, or what [`Options::in_memory`] makes.
    pub url: SecretString,
    /// Where migrations connect to when `url` leads to a pooler.
    pub direct_url: Option<SecretString>,
    /// Which account changes users, keys and settings, when that of `url` may not.
    pub admin_url: Option<SecretString>,
    /// Which account migrates and restores, when that of `direct_url` or `url` may not.
    pub owner_url: Option<SecretString>,
    /// `url` leads to a transaction-pooling proxy such as `PgBouncer` or Pgpool-II.
    pub pooler: bool,
    /// The most connections to PostgreSQL, at least 1.
    pub pool_size: u32,
    /// After how long a call gives up.
    pub deadline: Duration,
    /// After how long waiting for another program's migration gives up.
    pub lock_timeout: Duration,
}

impl Options {
    /// Options with the defaults of the configuration.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            direct_url: None,
            admin_url: None,
            owner_url: None,
            pooler: false,
            pool_size: 5,
            deadline: Duration::from_secs(5),
            lock_timeout: Duration::from_mins(5),
        }
    }

    /// Options of a new SQLite database in the memory of this process: nothing is written to a disk,
    /// and it ends with the last [`Store`] that was made of these options.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(MemoryName::random().to_url())
    }

    /// The name of a database in memory; nothing for the others.
    pub(super) fn memory_name(&self) -> Option<MemoryName> {
        MemoryName::of_url(self.url.expose_secret())
    }

    /// The engine that the URL's scheme names.
    ///
    /// # Errors
    /// When it names none.
    pub fn engine(&self) -> Result<Engine, StoreError> {
        match self.url.expose_secret().split_once(':') {
            Some(("sqlite", _)) => Ok(Engine::Sqlite),
            _ if self.memory_name().is_some() => Ok(Engine::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Engine::Postgres),
            _ => Err(StoreError::BadUrl(
                "the database URL must start with sqlite:// or postgres://".to_owned(),
            )),
        }
    }

    /// The file of an SQLite database; nothing for PostgreSQL and for a database in memory.
    ///
    /// # Errors
    /// When the URL is wrong.
    pub fn sqlite_path(&self) -> Result<Option<PathBuf>, StoreError> {
        match self.engine()? {
            Engine::Sqlite if self.memory_name().is_some() => Ok(None),
            Engine::Sqlite => Ok(Some(self.sqlite_file()?.0)),
            Engine::Postgres => Ok(None),
        }
    }

    /// Connection options for SQLite.
    pub(super) fn sqlite(&self) -> Result<SqliteConnectOptions, StoreError> {
        match self.memory_name() {
            Some(name) => Ok(name.connect_options(self.deadline)),
            None => Ok(self.sqlite_file()?.1),
        }
    }

    fn sqlite_file(&self) -> Result<(PathBuf, SqliteConnectOptions), StoreError> {
        let url = self.url.expose_secret();
        let wrong = || {
            StoreError::BadUrl("the SQLite URL must be sqlite:///PATH without options".to_owned())
        };
        let named = url.trim_start_matches("sqlite:").trim_start_matches("//");
        if named.is_empty() || named.contains('?') {
            return Err(wrong());
        }
        let options = SqliteConnectOptions::from_str(url).map_err(|_| wrong())?;
        let path = options.get_filename().to_path_buf();
        let options = options
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            // Less than FULL loses acknowledged keys and audit rows at a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // A page of statistics; with fewer, two threads wait for each other in turns.
            .row_buffer_size(1_000)
            .busy_timeout(self.deadline);
        Ok((path, options))
    }
}

impl Store {
    /// A store that is not connected yet, and never connects by itself: see [`Store::connect`].
    ///
    /// # Errors
    /// [`StoreError::BadUrl`].
    pub fn new(options: Options, clock: Clock) -> Result<Self, StoreError> {
        let engine = options.engine()?;
        match engine {
            Engine::Sqlite => drop(options.sqlite()?),
            Engine::Postgres => {
                options.postgres(false)?;
                options.postgres(true)?;
                options.owner()?;
                options.administration()?;
            }
        }
        let (auth_revision, _) = watch::channel(-1);
        let tracker = Tracker::new(clock.now());
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                pool: RwLock::default(),
                options,
                clock,
                auth_revision,
                refusals: super::refusals::Refusals::default(),
                presence: super::leases::OwnPresence::default(),
                alert_leader: super::alerts::outbox::SeenLeader::default(),
                tracker,
                own_labels: RwLock::default(),
                own_host: RwLock::default(),
            }),
            is_preparing: false,
        })
    }

    /// Opens the database. An SQLite file is made when it is missing; nothing else is changed.
    ///
    /// # Errors
    /// When the URL is wrong, the engine is too old, or the database can't be reached.
    pub async fn open(options: Options, clock: Clock) -> Result<Self, StoreError> {
        Self::open_in(options, clock, None).await
    }

    /// Opens the database for a change that no one else may be about.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a daemon or, on SQLite, another command has it open, and as for
    /// [`Store::open`].
    pub async fn open_alone(options: Options, clock: Clock) -> Result<Self, StoreError> {
        let sole = SoleUse::of(&options).await?;
        let store = Self::open_in(options, clock, sole.as_ref()).await?;
        store.refuse_beside_daemons().await?;
        Ok(store)
    }

    pub(crate) async fn open_in(
        options: Options,
        clock: Clock,
        sole: Option<&SoleUse>,
    ) -> Result<Self, StoreError> {
        let store = Self::new(options, clock)?;
        store.connect_in(sole).await?;
        store.set_availability(Availability::Ready);
        Ok(store)
    }

    /// Connects once, or once more after an outage, on new connections. The availability stays as
    /// it is: the caller decides when the database is ready.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, can't be written, or is too old;
    /// [`StoreError::NotReady`] when another file lies where the open SQLite database was.
    pub async fn connect(&self) -> Result<(), StoreError> {
        self.connect_in(None).await
    }

    async fn connect_in(&self, sole: Option<&SoleUse>) -> Result<(), StoreError> {
        let old = self.current_pool();
        let options = &self.inner.options;
        let pool = match self.engine() {
            Engine::Sqlite => {
                let mut anchor = None;
                if let Some(Pool::Sqlite(files)) = old.as_deref() {
                    files.check()?;
                    anchor = files.anchor();
                    // What it has open is not trusted any more, and must be closed before SQLite
                    // opens the same file again.
                    files.reader.close().await;
                    files.writer.close().await;
                }
                let pools = match options.memory_name() {
                    Some(name) => memory::open(options, &name, anchor).await?,
                    None => open_sqlite(options, sole).await?,
                };
                Pool::Sqlite(Box::new(pools))
            }
            Engine::Postgres => Pool::Postgres(Box::new(open_postgres(options).await?)),
        };
        let mut place = self
            .inner
            .pool
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(Arc::new(pool));
        drop(place);
        if let Some(old) = old {
            // A server that hangs would be waited for.
            tokio::spawn(async move { old.close().await });
        }
        Ok(())
    }

    /// Whether the database still responds, in a call of its own beside all others.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let Some(pool) = self.current_pool() else {
            return Ok(());
        };
        match &*pool {
            Pool::Sqlite(files) => files.check(),
            Pool::Postgres(pools) => {
                let check = async {
                    let mut connection = pools.connect.connect().await?;
                    sqlx::raw_sql("select 1").execute(&mut connection).await?;
                    connection.close().await
                };
                let outcome = match tokio::time::timeout(PROBE, check).await {
                    Ok(outcome) => outcome.map_err(StoreError::from),
                    Err(_) => Err(StoreError::DeadlineExceeded(PROBE)),
                };
                match outcome {
                    // The server is there, and what it gave this process before still stands.
                    Err(error) if error.is_crowded() && pools.has_connection() => Ok(()),
                    outcome => outcome,
                }
            }
        }
    }

    /// The reason for an outage, where the pool only says that it waited for nothing: what a
    /// connection of its own meets.
    pub async fn explain(&self, error: StoreError) -> StoreError {
        let pool = self.current_pool();
        let (Some(Pool::Postgres(pools)), StoreError::Unavailable(sqlx::Error::PoolTimedOut)) =
            (pool.as_deref(), &error)
        else {
            return error;
        };
        match tokio::time::timeout(EXPLAIN, pools.connect.connect()).await {
            Ok(Err(cause)) => cause.into(),
            // The server is there, and it is the pool that is used up; or it does not respond.
            Ok(Ok(_)) | Err(_) => error,
        }
    }
}

async fn open_sqlite(options: &Options, sole: Option<&SoleUse>) -> Result<SqlitePools, StoreError> {
    let (path, connect) = options.sqlite_file()?;
    create_private_directory(&path)?;
    let in_use = match sole {
        Some(sole) => Arc::clone(&sole.file),
        None => lock::shared(&path, options.lock_timeout).await?,
    };
    create_database(&path).await?;
    let file = FileId::of(&path).map_err(cannot_create(&path))?;
    let pools = SqlitePools {
        writer: writer_pool(options).connect_lazy_with(connect.clone()),
        reader: SqlitePoolOptions::new()
            .max_connections(2)
            .acquire_timeout(options.deadline)
            .connect_lazy_with(connect.read_only(true)),
        content: SqliteContent::File {
            path: path.clone(),
            file,
            _in_use: in_use,
        },
    };
    first_connection(&pools.writer, options.deadline)
        .await
        .map_err(|error| unusable_file(&path, error))?;
    check_version(&pools.writer).await?;
    // The connection that was opened is to the file that was looked at.
    pools.check()?;
    Ok(pools)
}

pub(super) fn writer_pool(options: &Options) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(options.deadline)
        // SQLite itself rolls back when the disk is full, and the driver then takes the connection
        // for one inside a transaction, forever. The response to a ping comes after the rollback.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
}

pub(super) async fn check_version(writer: &SqlitePool) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("select sqlite_version()")
        .fetch_one(writer)
        .await?;
    if parse_version(&version) < SQLITE_MIN {
        return Err(StoreError::Unusable(format!(
            "this program is linked with SQLite {version}, which can lose committed changes; \
             {SQLITE_MIN:?} or newer is needed"
        )));
    }
    Ok(())
}

/// Switching a new file to WAL fails with "busy" at once, whatever the busy timeout, while another
/// program does the same.
async fn first_connection(writer: &SqlitePool, deadline: Duration) -> Result<(), sqlx::Error> {
    const RETRY: Duration = Duration::from_millis(10);
    let give_up = tokio::time::Instant::now() + deadline;
    loop {
        match writer.acquire().await {
            Ok(_) => return Ok(()),
            Err(error) if is_busy(&error) && tokio::time::Instant::now() < give_up => {
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn open_postgres(options: &Options) -> Result<PostgresPools, StoreError> {
    const SQL: &str = "\
        select current_setting('server_version_num') || ' ' || current_setting('transaction_read_only')";
    let connect = options.postgres(false)?;
    // Past the pool, which tries again until its time is over and does not say why it failed.
    let check = async {
        let mut connection = connect.connect().await?;
        let mut transaction = connection.begin().await?;
        let found: String = sqlx::query_scalar(SQL)
            .persistent(false)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        connection.close().await?;
        Ok::<_, StoreError>(found)
    };
    let found = tokio::time::timeout(options.deadline, check)
        .await
        .unwrap_or(Err(StoreError::DeadlineExceeded(options.deadline)))?;
    let (version, is_read_only) = found.split_once(' ').unwrap_or((&found, "off"));
    // The number is the major version times ten thousand plus the minor one.
    let major = version.parse::<u32>().unwrap_or(0) / 10_000;
    if major < POSTGRES_MIN {
        return Err(StoreError::Unusable(format!(
            "PostgreSQL {major} is too old: {POSTGRES_MIN} or newer is needed"
        )));
    }
    if is_read_only == "on" {
        return Err(StoreError::ReadOnly);
    }
    // Before the deadline of the call, which knows less of what is wrong.
    let acquire_timeout = options.deadline * 9 / 10;
    Ok(PostgresPools::new(
        connect,
        options.administration()?,
        options.pool_size.max(1),
        acquire_timeout,
    ))
}

fn unusable_file(path: &Path, error: sqlx::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Unavailable(source) | StoreError::Query(source) => StoreError::Unusable(
            format!("can't open the database {}: {source}", path.display()),
        ),
        other => other,
    }
}

fn parse_version(text: &str) -> (u32, u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(parse_version("3.51.3") >= SQLITE_MIN);
        assert!(parse_version("3.100.0") > SQLITE_MIN);
        assert!(parse_version("3.9.99") < SQLITE_MIN);
    }

    #[tokio::test]
    async fn bad_urls_say_what_is_wrong() {
        for (url, expected) in [
            ("mysql://x", "must start with sqlite:// or postgres://"),
            ("sqlite://", "must be sqlite:///PATH"),
            ("sqlite:///tmp/x?mode=ro", "must be sqlite:///PATH"),
            ("postgres://user@host:port/db", "bad PostgreSQL URL"),
        ] {
            let error = Store::open(Options::new(url), Clock::system())
                .await
                .unwrap_err();
            assert!(error.to_string().contains(expected), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "x".repeat(4096)).unwrap();
        let options = Options::new(format!("sqlite://{}", path.display()));
        let error = Store::open(options, Clock::system()).await.unwrap_err();
        assert!(error.to_string().contains("notes.txt"), "{error}");
    }
}
