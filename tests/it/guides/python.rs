//! An installation of the Python Linux-API, as `docs/upgrading.md` finds one.

use std::fs;
use std::path::PathBuf;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::guides::pages::root;
use crate::guides::postgres::fresh_database;
use crate::guides::stage::Stage;

/// A key that the Python program gave out.
pub(crate) const OLD_KEY: &str = "WEmLce1Qps8u4YCM_bop9N8Q2vS_rJPiwJBrJAoFAzM";

/// Puts it where the page says that it is.
pub(crate) fn install(stage: &mut Stage) {
    let url = fresh_database();
    let fixture =
        |name: &str| -> PathBuf { root().join("tests/fixtures/python-linux-api").join(name) };
    let sql = fs::read_to_string(fixture("postgres.sql")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let sql = AssertSqlSafe(sql);
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let folder = stage.path("python");
    fs::create_dir(&folder).unwrap();
    fs::copy(fixture("users.db"), folder.join("users.db")).unwrap();
    let env = fs::read_to_string(fixture("env")).unwrap();
    fs::write(
        folder.join(".env"),
        format!("{env}DATABASE_URL=\"{url}\"\n"),
    )
    .unwrap();
    stage.stand_in("/opt/Linux-API", folder.to_str().unwrap());
}
