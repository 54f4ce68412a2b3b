//! The host's series across a stop.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use crate::process::{Daemon, eventually};

/// How many readings of the load the database holds.
fn stored(database: PathBuf) -> i64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(database);
        let mut connection = options.connect().await.unwrap();
        sqlx::query_scalar(
            "select coalesce(sum(t.samples), 0) from host_samples t \
             join host_series s on s.id = t.series_id where s.name = 'load.one'",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap()
    })
}

#[test]
fn a_stop_in_the_middle_of_a_minute_keeps_what_was_read_of_it() {
    let home = TempDir::new().unwrap();
    let database = home.path().join("samples.db");
    let url = format!("sqlite://{}", database.display());
    let variables = [
        ("LINUX_API__DATABASE__URL", url.as_str()),
        ("LINUX_API__SAMPLER__INTERVAL", "100ms"),
    ];
    let daemon = Daemon::start(home.path(), &[], &variables);
    let key = daemon.key.clone().unwrap();
    let health = || -> Value {
        let (status, body) = daemon.get("/api/v1/health/metrics", Some(&key));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    // The first reading only begins the rates; the second and later ones count.
    let mut last = Value::Null;
    let mut readings = 0;
    eventually(|| {
        let reading = health()["sampler"]["last_reading"].clone();
        readings += i32::from(reading != last);
        last = reading;
        readings > 3
    });
    let age = &health()["sampler"]["families"]["load"]["age_ms"];
    assert!(age.as_u64().is_some_and(|age| age < 10_000), "{age}");
    assert!(daemon.end(Signal::TERM).success());
    assert!(stored(database) >= 2);
}
