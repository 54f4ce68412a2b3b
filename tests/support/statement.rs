//! Statements of a test that go past the store.

use linux_api::store::Engine;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};

/// Runs statements on the database with this URL.
pub(crate) async fn execute(engine: Engine, url: &str, sql: String) {
    let sql = raw_sql(AssertSqlSafe(sql));
    match engine {
        Engine::Sqlite => {
            let path = url.trim_start_matches("sqlite://");
            let options = SqliteConnectOptions::new().filename(path);
            let mut connection = options.connect().await.unwrap();
            sql.execute(&mut connection).await.unwrap();
        }
        Engine::Postgres => {
            let options: PgConnectOptions = url.parse().unwrap();
            let options = options.options([("search_path", "linux_api")]);
            let mut connection = options.connect().await.unwrap();
            sql.execute(&mut connection).await.unwrap();
        }
    }
}
