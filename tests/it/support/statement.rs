//! Statements of a test that go past the store.

use linux_api_store::Engine;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, SqliteConnection, raw_sql};

/// A connection of a test's own, past the store.
pub(crate) enum Direct {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Direct {
    /// To the database with this URL.
    pub(crate) async fn to(engine: Engine, url: &str) -> Self {
        match engine {
            Engine::Sqlite => {
                let path = url.trim_start_matches("sqlite://");
                let options = SqliteConnectOptions::new().filename(path);
                Self::Sqlite(options.connect().await.unwrap())
            }
            Engine::Postgres => {
                let options: PgConnectOptions = url.parse().unwrap();
                let options = options.options([("search_path", "linux_api")]);
                Self::Postgres(options.connect().await.unwrap())
            }
        }
    }

    pub(crate) async fn execute(&mut self, sql: String) {
        let sql = raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Sqlite(connection) => drop(sql.execute(connection).await.unwrap()),
            Self::Postgres(connection) => drop(sql.execute(connection).await.unwrap()),
        }
    }
}

/// Runs statements on the database with this URL.
pub(crate) async fn execute(engine: Engine, url: &str, sql: String) {
    Direct::to(engine, url).await.execute(sql).await;
}
