//! A daemon whose database is away, full, replaced or too new: it starts, lives and says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::daemon::outage::Server;
use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, eventually, linux_api, post};

const UPTIME: &str = "/api/v1/system/info/uptime";
const ME: &str = "/api/v1/user/me";
const KEYS: &str = "/api/v1/user/keys";

fn on(url: &str) -> [(&str, &str); 1] {
    [("LINUX_API__DATABASE__URL", url)]
}

fn readiness(daemon: &Daemon) -> Value {
    let (_, body) = daemon.get("/readyz", None);
    serde_json::from_str(&body).unwrap_or_default()
}

fn is_ready(daemon: &Daemon) -> bool {
    daemon.get("/readyz", None).0 == 200
}

fn log(home: &Path) -> String {
    fs::read_to_string(home.join("log")).unwrap()
}

/// Waits for a line of the log: it is written by a thread of its own, perhaps after the response.
fn logged(home: &Path, words: &str) {
    eventually(|| log(home).contains(words));
}

fn sqlite_file(home: &Path) -> PathBuf {
    home.join(".local/share/linux-api/linux-api.db")
}

/// The one text that a statement returns.
fn sql(url: &str, statement: &'static str, value: Option<&str>) -> String {
    let work = async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let query = sqlx::query_scalar(statement);
        let query = match value {
            Some(value) => query.bind(value),
            None => query,
        };
        query.fetch_one(&mut connection).await.unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(work)
}

/// A request on the Unix socket, by this process' account and without a key.
fn over_unix(socket: &Path, path: &str) -> u16 {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn without_its_database_the_daemon_starts_waits_and_is_whole_later() {
    let server = Server::start_new();
    server.stop();
    let home = TempDir::new().unwrap();
    let socket = home.path().join("api.sock");
    let url = server.url();
    let arguments = ["--unix", socket.to_str().unwrap()];
    let daemon = Daemon::start(home.path(), &arguments, &on(&url));
    assert_eq!(daemon.key, None);
    assert_eq!(daemon.get("/livez", None).0, 200);
    let found = readiness(&daemon);
    assert_eq!(found["code"], "database_away", "{found}");
    let detail = found["checks"]["database"]["detail"].as_str().unwrap();
    assert!(detail.contains("refused"), "{detail}");
    // A key that can't be checked is no wrong key.
    let unknown = format!("lapi_{}", "a".repeat(60));
    assert!([401, 503].contains(&daemon.get(UPTIME, Some(&unknown)).0));
    assert_eq!(daemon.get(UPTIME, Some("one-of-the-python-program")).0, 503);
    if rustix::process::geteuid().is_root() {
        eventually(|| over_unix(&socket, "/api/v1/system/snapshot") == 200);
        assert_eq!(over_unix(&socket, ME), 403);
    }
    let status = linux_api(home.path(), &["status"])
        .env("LINUX_API__SERVER__LISTEN", &daemon.address)
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&status.stdout).into_owned();
    assert_eq!(status.status.code(), Some(1), "{shown}");
    assert!(shown.contains("refused"), "{shown}");

    server.start();
    let begin = Instant::now();
    eventually(|| is_ready(&daemon));
    assert!(
        begin.elapsed() < Duration::from_secs(15),
        "{:?}",
        begin.elapsed()
    );
    let key = daemon.next_key();
    assert_eq!(daemon.get(ME, Some(&key)).0, 200);
    assert_eq!(log(home.path()).matches("the database is away").count(), 1);
    assert!(daemon.end(Signal::TERM).success());
}

#[test]
fn requests_with_a_known_key_stay_fast_when_the_database_goes_right_after_a_change() {
    let server = Server::start_new();
    let home = TempDir::new().unwrap();
    let url = server.url();
    let variables = [on(&url)[0], ("LINUX_API__RATE_LIMIT__ENABLED", "false")];
    let daemon = Daemon::start(home.path(), &[], &variables);
    let key = daemon.key.clone().unwrap();
    assert_eq!(daemon.get(UPTIME, Some(&key)).0, 200);
    let (status, _) = post(&daemon.address, KEYS, &key, &json!({"name": "another"}));
    assert_eq!(status, 201);
    server.stop();
    let (mut slow, begin) = (0, Instant::now());
    while begin.elapsed() < Duration::from_secs(4) {
        let sent = Instant::now();
        assert_eq!(daemon.get(UPTIME, Some(&key)).0, 200);
        // Far more than it takes, so that a busy machine is no failure; far less than the driver's
        // own attempts.
        slow += usize::from(sent.elapsed() > Duration::from_secs(1));
    }
    assert_eq!(slow, 0);
    let sent = Instant::now();
    assert_eq!(daemon.get(ME, Some(&key)).0, 503);
    assert!(sent.elapsed() < Duration::from_secs(1));
    let said = log(home.path());
    let loud = |line: &&str| line.contains("WARN") || line.contains("ERROR");
    assert!(said.lines().filter(loud).count() < 8, "{said}");
    server.start();
    eventually(|| is_ready(&daemon));
    assert_eq!(daemon.get(ME, Some(&key)).0, 200);
}

#[test]
fn an_account_that_the_server_refuses_is_named_and_waited_for() {
    let url = fresh_database();
    let wrong = url.replacen("postgres://postgres", "postgres://nobody_of_this_name", 1);
    assert_ne!(url, wrong);
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &on(&wrong));
    let found = readiness(&daemon);
    assert_eq!(found["code"], "database_away");
    let detail = found["checks"]["database"]["detail"].as_str().unwrap();
    assert!(detail.contains("nobody_of_this_name"), "{detail}");
    logged(home.path(), "a restart does not help");
}

#[test]
fn a_daemon_whose_schema_became_too_new_writes_no_more_and_lives_on() {
    let url = fresh_database();
    let home = TempDir::new().unwrap();
    let variables = [
        ("LINUX_API__DATABASE__URL", url.as_str()),
        ("LINUX_API__FLUSHER__INTERVAL", "200ms"),
    ];
    let daemon = Daemon::start(home.path(), &[], &variables);
    let key = daemon.key.clone().unwrap();
    assert_eq!(daemon.get(UPTIME, Some(&key)).0, 200);
    let set = |value: &str| {
        let change = "update linux_api.settings set value = $1 \
            where name = 'min_compatible' returning value";
        assert_eq!(sql(&url, change, Some(value)), value);
    };
    set("9999");
    eventually(|| readiness(&daemon)["code"] == "schema_too_new");
    assert_eq!(daemon.get("/livez", None).0, 200);
    let (status, _) = post(&daemon.address, KEYS, &key, &json!({"name": "late"}));
    assert_eq!(status, 503);
    assert_eq!(daemon.get(UPTIME, Some(&key)).0, 200);
    set("1");
    daemon.signal(Signal::HUP);
    eventually(|| is_ready(&daemon));
    assert_eq!(daemon.get(ME, Some(&key)).0, 200);
    assert!(daemon.end(Signal::TERM).success());
}

#[test]
fn a_database_file_that_was_replaced_is_not_used_on() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &[]);
    let key = daemon.key.clone().unwrap();
    assert_eq!(daemon.get(ME, Some(&key)).0, 200);
    let (file, aside) = (sqlite_file(home.path()), home.path().join("aside.db"));
    fs::rename(&file, &aside).unwrap();
    fs::copy(&aside, &file).unwrap();
    let (status, _) = post(&daemon.address, KEYS, &key, &json!({"name": "lost"}));
    assert_eq!(status, 503);
    let found = readiness(&daemon);
    assert_eq!(found["code"], "database_replaced", "{found}");
    assert_eq!(daemon.get(UPTIME, Some(&key)).0, 503);
    logged(home.path(), "was replaced by another file");
    fs::rename(&aside, &file).unwrap();
    eventually(|| is_ready(&daemon));
    assert_eq!(daemon.get(ME, Some(&key)).0, 200);

    fs::rename(&file, &aside).unwrap();
    assert_eq!(daemon.get(ME, Some(&key)).0, 503);
    assert!(
        !file.exists(),
        "nothing is made in the place of a lost file"
    );
}

#[test]
fn an_empty_database_file_is_refused() {
    let home = TempDir::new().unwrap();
    let file = sqlite_file(home.path());
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "").unwrap();
    let output = linux_api(home.path(), &["serve", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("exists and is empty; remove it"), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().len(), 0);
}

#[test]
fn a_taken_port_is_noticed_before_the_database_is_touched() {
    let home = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = linux_api(home.path(), &["serve", "--listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!sqlite_file(home.path()).exists());
}

/// Sixty daemons and more share a server of a hundred connections, so an idle one keeps one.
#[test]
fn an_idle_daemon_keeps_one_connection() {
    let url = fresh_database();
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &on(&url));
    let key = daemon.key.clone().unwrap();
    for _ in 0..20 {
        assert_eq!(daemon.get(ME, Some(&key)).0, 200);
    }
    let connections = "select count(*)::text from pg_stat_activity \
        where datname = current_database() and application_name = 'linux-api'";
    // What the start needed more of is closed after half a minute of rest, when the pool looks.
    let begin = Instant::now();
    while sql(&url, connections, None) != "1" {
        assert!(begin.elapsed() < Duration::from_secs(150));
        std::thread::sleep(Duration::from_millis(200));
    }
}
