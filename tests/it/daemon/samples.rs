//! What was measured across a stop.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use crate::daemon::process::{Daemon, eventually};

/// A number from the database.
fn stored(database: &Path, sql: &'static str) -> i64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(database);
        let mut connection = options.connect().await.unwrap();
        sqlx::query_scalar(sql)
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
    let readings = "select coalesce(sum(t.samples), 0) from host_samples t \
        join host_series s on s.id = t.series_id where s.name = 'load.one'";
    assert!(stored(&database, readings) >= 2);
}

#[test]
fn a_request_that_is_cut_off_at_a_stop_is_counted() {
    let home = TempDir::new().unwrap();
    let database = home.path().join("requests.db");
    let url = format!("sqlite://{}", database.display());
    let variables = [
        ("LINUX_API__DATABASE__URL", url.as_str()),
        ("LINUX_API__SERVER__SHUTDOWN_TIMEOUT", "200ms"),
    ];
    let daemon = Daemon::start(home.path(), &[], &variables);
    let (address, key) = (&daemon.address, daemon.key.clone().unwrap());
    let mut client = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /api/v1/user/register HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    );
    client.write_all(head.as_bytes()).unwrap();
    // The body never comes.
    assert!(daemon.end(Signal::TERM).success());
    let cut_off = "select coalesce(sum(count), 0) from request_status \
        where route = '/api/v1/user/register' and status = 499";
    assert_eq!(stored(&database, cut_off), 1);
}
