//! The database that is played on: a private server and its pooler, or those of a URL.

use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, FromRow};
use tempfile::TempDir;

use super::Fleet;
use super::pooler::Pooler;
use crate::postgres::Postgres;
use linux_api_config::Config;
use linux_api_store::{Options, Store};
use linux_api_wire::time::Clock;

/// What `docs/fleet.md` recommends for the server of a fleet, as far as it matters here.
const SETTINGS: [&str; 4] = [
    "shared_buffers=1GB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "wal_compression=on",
];
/// The database of the daemons; figures are read from another, so that reading them is not counted.
const DATABASE: &str = "linux_api";
/// What is made up in large transactions may take longer than any call of a daemon.
const PATIENCE: Duration = Duration::from_mins(5);

/// A database, and how daemons reach it.
pub(super) struct Site {
    /// None when the server is not ours.
    pub(super) postgres: Option<Postgres>,
    pub(super) pooler: Option<Pooler>,
    /// How a daemon opens the database.
    pub(super) options: Options,
    /// Of the server itself.
    direct: PgConnectOptions,
    /// The name of the database there.
    database: String,
    pub(super) config: Config,
    with_timescale: bool,
    directory: TempDir,
}

impl Site {
    /// Starts what is needed and makes the schema of an empty database.
    pub(super) async fn prepare(fleet: &Fleet) -> anyhow::Result<Self> {
        // PostgreSQL and PgBouncer enter it as other users.
        let directory = tempfile::Builder::new()
            .prefix("linux-api-fleet-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in("/tmp")?;
        let private = match &fleet.url {
            Some(_) => None,
            None => Some(Private::start(fleet, directory.path()).await?),
        };
        let (url, direct_url) = match (&private, &fleet.url) {
            (Some(private), _) => private.urls(),
            (None, url) => (url.clone().unwrap_or_default(), fleet.direct_url.clone()),
        };
        let (postgres, pooler) = private.map_or((None, None), |private| {
            (Some(private.server), private.pooler)
        });
        let direct: PgConnectOptions = direct_url.as_ref().unwrap_or(&url).parse()?;
        let database = direct.get_database().context("the URL names no database")?;
        let config = Config::default();
        let site = Self {
            options: Options {
                pooler: direct_url.is_some(),
                direct_url: direct_url.map(Into::into),
                pool_size: config.database.pool_size,
                deadline: config.database.deadline,
                lock_timeout: config.database.lock_timeout,
                ..Options::new(url)
            },
            database: database.to_owned(),
            direct,
            postgres,
            pooler,
            config,
            with_timescale: fleet.timescaledb,
            directory,
        };
        site.make_schema().await?;
        Ok(site)
    }

    async fn make_schema(&self) -> anyhow::Result<()> {
        let sql = "select count(*) from pg_namespace where nspname = 'linux_api'";
        let (schemas,): (i64,) = self.row_of_daemons(sql).await?;
        ensure!(
            schemas == 0,
            "the database has a schema linux_api: it is not empty"
        );
        if self.with_timescale {
            execute(
                &self.direct,
                "create extension if not exists timescaledb".to_owned(),
            )
            .await?;
        }
        let store = self.open(Clock::system()).await?;
        let no_backup = async |_: &Store| Ok::<(), std::convert::Infallible>(());
        store.migrate(no_backup).await?;
        if self.with_timescale {
            let found = store.use_timescaledb().await?;
            ensure!(found.is_used(), "TimescaleDB is not used");
        }
        store.close().await;
        Ok(())
    }

    /// A store past the pooler, whose calls may take long.
    pub(super) async fn open(&self, clock: Clock) -> anyhow::Result<Store> {
        let direct_url = self.options.direct_url.clone();
        let options = Options {
            url: direct_url.unwrap_or_else(|| self.options.url.clone()),
            direct_url: None,
            pooler: false,
            pool_size: 1,
            deadline: PATIENCE,
            ..self.options.clone()
        };
        Ok(Store::open(options, clock).await?)
    }

    /// What runs here, for people.
    pub(super) fn describe(&self) -> String {
        let server = match &self.postgres {
            Some(_) => format!("a private PostgreSQL with {}", SETTINGS.join(", ")),
            None => format!("the database {} of the URL", self.database),
        };
        let pooler = match (&self.pooler, self.options.pooler) {
            (Some(_), _) => "PgBouncer with packaging/examples/pgbouncer.ini",
            (None, true) => "the pooler of the URL",
            (None, false) => "no pooler",
        };
        let timescale = if self.with_timescale {
            ", TimescaleDB"
        } else {
            ""
        };
        format!("on {server}{timescale}; {pooler}")
    }

    /// A path in the directory of this run.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Reads one row from the database of the daemons, which counts as a transaction there.
    pub(super) async fn row_of_daemons<R>(&self, sql: &str) -> anyhow::Result<R>
    where
        R: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        row(&self.direct, sql.to_owned()).await
    }

    /// Reads one row of figures, from another database of the server where there is one of ours;
    /// `{database}` in the text is the name of the daemons' database, as a literal.
    pub(super) async fn row<R>(&self, sql: &str) -> anyhow::Result<R>
    where
        R: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let sql = sql.replace("{database}", &format!("'{}'", self.database));
        row(&self.figures(), sql).await
    }

    /// A figure that is read again and again, over one connection; see [`Self::row`].
    pub(super) async fn looks(&self, sql: &str) -> anyhow::Result<Looks> {
        Ok(Looks {
            connection: self.figures().connect().await?,
            sql: sql.to_owned(),
        })
    }

    fn figures(&self) -> PgConnectOptions {
        match &self.postgres {
            Some(_) => self.direct.clone().database("postgres"),
            None => self.direct.clone(),
        }
    }

    /// Runs statements on the database of the daemons.
    pub(super) async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        execute(&self.direct, sql.to_owned()).await
    }

    /// Gives the planner what it would know of tables that grew over days.
    pub(super) async fn analyze(&self) -> anyhow::Result<()> {
        self.execute("vacuum analyze").await
    }
}

/// One figure, read many times.
pub(super) struct Looks {
    connection: PgConnection,
    sql: String,
}

impl Looks {
    pub(super) async fn next(&mut self) -> anyhow::Result<f64> {
        let query = sqlx::query_scalar(AssertSqlSafe(self.sql.clone()));
        Ok(query.fetch_one(&mut self.connection).await?)
    }
}

/// Servers of this run.
struct Private {
    server: Postgres,
    pooler: Option<Pooler>,
}

impl Private {
    async fn start(fleet: &Fleet, directory: &Path) -> anyhow::Result<Self> {
        let server = start_server(fleet, directory.join("postgres"))?;
        let sql = format!("create database {DATABASE} template template0");
        execute(&server.url().parse()?, sql).await?;
        let folder = directory.join("pgbouncer");
        let pooler = if fleet.direct {
            None
        } else {
            Some(Pooler::start(&folder, free_port()?, server.port())?)
        };
        Ok(Self { server, pooler })
    }

    /// How a daemon reaches the database, and how past the pooler.
    fn urls(&self) -> (String, Option<String>) {
        let port = self.server.port();
        let direct = format!("postgres://postgres@127.0.0.1:{port}/{DATABASE}");
        match &self.pooler {
            Some(pooler) => (pooler.url(DATABASE), Some(direct)),
            None => (direct, None),
        }
    }
}

fn start_server(fleet: &Fleet, directory: PathBuf) -> anyhow::Result<Postgres> {
    let connections = if fleet.direct {
        2 * fleet.hosts + 50
    } else {
        100
    };
    let mut settings: Vec<String> = SETTINGS.map(str::to_owned).into();
    settings.push(format!("max_connections={connections}"));
    if fleet.timescaledb {
        settings.push("shared_preload_libraries=timescaledb".to_owned());
        settings.push("timescaledb.telemetry_level=off".to_owned());
    }
    Postgres::start(directory, free_port()?, settings)
}

/// A port of loopback that nothing listens on.
pub(super) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

async fn execute(options: &PgConnectOptions, sql: String) -> anyhow::Result<()> {
    let mut connection = options.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await?;
    Ok(())
}

async fn row<R>(options: &PgConnectOptions, sql: String) -> anyhow::Result<R>
where
    R: Send + Unpin + for<'r> FromRow<'r, PgRow>,
{
    let mut connection = options.connect().await?;
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.fetch_one(&mut connection).await?)
}
