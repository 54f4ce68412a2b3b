//! Statements on the database of a daemon, whatever its engine.

use std::path::PathBuf;

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, FromRow};

/// Each call has a connection of its own, so that none is left of a database that was down meanwhile.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Database {
    /// The database behind a URL of PostgreSQL.
    pub(super) fn postgres(url: &str) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("search_path", "linux_api")]);
        Ok(Self::Postgres(Box::new(options)))
    }

    /// The engine's name for people.
    pub(super) fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    pub(super) async fn execute(&self, sql: String) -> anyhow::Result<()> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Sqlite(path) => {
                let mut connection = sqlite(path).connect().await?;
                statement.execute(&mut connection).await?;
            }
            Self::Postgres(options) => {
                let mut connection = options.connect().await?;
                statement.execute(&mut connection).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn rows<R>(&self, sql: &str) -> anyhow::Result<Vec<R>>
    where
        R: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        let sql = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Self::Sqlite(path) => {
                let mut connection = sqlite(path).connect().await?;
                sqlx::query_as(sql).fetch_all(&mut connection).await?
            }
            Self::Postgres(options) => {
                let mut connection = options.connect().await?;
                sqlx::query_as(sql).fetch_all(&mut connection).await?
            }
        })
    }

    pub(super) async fn row<R>(&self, sql: &str) -> anyhow::Result<R>
    where
        R: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        let rows = self.rows(sql).await?;
        rows.into_iter().next().context("the query has no row")
    }

    /// How many requests of this route are stored.
    pub(super) async fn stored(&self, route: &str) -> anyhow::Result<i64> {
        let sql = format!(
            "select cast(coalesce(sum(count), 0) as bigint) from request_status where route = '{route}'"
        );
        let (stored,) = self.row(&sql).await?;
        Ok(stored)
    }
}

fn sqlite(path: &PathBuf) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path)
}
