//! Daemons of a fleet, whose role on the shared database may not change users, and the hosts that a user is
//! limited to by a file of configuration.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use crate::daemon::process::{Daemon, eventually, linux_api, patch, post};
use crate::executor::{OPEN, Place, Sleeper};
use crate::support::accounts::{Accounts, execute};

const ME: &str = "/api/v1/user/me";
const REGISTER: &str = "/api/v1/user/register";

/// Runs a command with these settings of the database; its output.
#[track_caller]
fn run(home: &Path, database: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = linux_api(home, arguments);
    let output = with(&mut command, database).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}

fn with<'a>(
    command: &'a mut std::process::Command,
    database: &[(&str, &str)],
) -> &'a mut std::process::Command {
    for (name, url) in database {
        command.env(format!("LINUX_API__DATABASE__{name}"), url);
    }
    command
}

fn start(home: &Path, database: &[(&str, &str)]) -> Daemon {
    let mut command = linux_api(home, &["serve", "--listen", "127.0.0.1:0"]);
    with(&mut command, database).env("LINUX_API__FLUSHER__INTERVAL", "200ms");
    Daemon::start_command(command)
}

/// A migrated database whose roles have their rights, with an admin; its key.
fn prepare(home: &Path, accounts: &Accounts) -> String {
    let owner = [
        ("URL", accounts.daemon.as_str()),
        ("OWNER_URL", &accounts.owner),
    ];
    run(home, &owner, &["db", "migrate"]);
    run(home, &owner, &["db", "grant", "--role", "linux_api_daemon"]);
    let arguments = ["db", "grant", "--role", "linux_api_admin", "--admin"];
    run(home, &owner, &arguments);
    let rows = run(
        home,
        &owner,
        &["audit", "list", "--action", "db.grant", "--json"],
    );
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    let targets: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["target"].as_str())
        .collect();
    assert_eq!(targets, ["role:linux_api_daemon", "role:linux_api_admin"]);
    let admin = [
        ("URL", accounts.daemon.as_str()),
        ("ADMIN_URL", &accounts.admin),
    ];
    let made = run(home, &admin, &["user", "add", "boss", "--admin"]);
    let key = made.lines().find(|line| line.starts_with("lapi_"));
    key.unwrap().trim().to_owned()
}

fn readiness(daemon: &Daemon) -> Value {
    serde_json::from_str(&daemon.get("/readyz", None).1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_changed_by_the_daemon_that_has_the_admin_url() {
    let accounts = Accounts::new().await;
    let home = TempDir::new().unwrap();
    let key = prepare(home.path(), &accounts);
    let plain = start(home.path(), &[("URL", &accounts.daemon)]);
    assert_eq!(readiness(&plain)["status"], "ready");
    assert_eq!(plain.get(ME, Some(&key)).0, 200);
    let body = json!({"username": "alice1", "activate": true});
    let (status, text) = post(&plain.address, REGISTER, &key, &body);
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("\"admin_database_required\""), "{text}");

    let second = TempDir::new().unwrap();
    let database = [
        ("URL", accounts.daemon.as_str()),
        ("ADMIN_URL", &accounts.admin),
    ];
    let admin = start(second.path(), &database);
    let (status, text) = post(&admin.address, REGISTER, &key, &body);
    assert_eq!(status, 200, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let alice = made["api_key"].as_str().unwrap();
    assert_eq!(plain.get(ME, Some(alice)).0, 200);
    // What the one changes the other sees.
    let path = format!(
        "/api/v1/admin/users/{}/hosts",
        made["user_id"].as_str().unwrap()
    );
    let (status, text) = patch(&admin.address, &path, &key, &json!({"hosts": "env=dev"}));
    assert_eq!(status, 200, "{text}");
    let changed = Instant::now();
    eventually(|| plain.get(ME, Some(alice)).0 == 403);
    assert!(changed.elapsed() < Duration::from_secs(5));
    // Its measurements are in the database.
    eventually(|| {
        let (_, text) = plain.get("/api/v1/fleet/hosts", Some(&key));
        serde_json::from_str::<Value>(&text).unwrap()["items"]
            .as_array()
            .is_some_and(|hosts| !hosts.is_empty())
    });
    assert!(plain.end(Signal::TERM).success());
    assert!(admin.end(Signal::TERM).success());
}

/// What would give a stranger rights on other hosts.
const FORBIDDEN: [&str; 9] = [
    "insert into users (id, name, role, active, immutable, created_at) \
     values (gen_random_uuid(), 'mallory', 'admin', true, false, now())",
    "update users set role = 'operator'",
    "delete from users",
    "insert into api_keys (id, user_id, name, hash, scopes, created_at) \
     select 'mallory', id, 'mallory', 'x', '', now() from users limit 1",
    "update api_keys set scopes = '', hash = 'x'",
    "update api_keys set revoked_at = null",
    "update settings set value = '0'",
    "insert into settings (name, value) values ('acts', 'open')",
    "update audit_log set result = 'done'",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credentials_of_one_host_make_no_other_host_act() {
    let accounts = Accounts::new().await;
    let home = TempDir::new().unwrap();
    let key = prepare(home.path(), &accounts);
    let place = Place::new(OPEN);
    let _executor = place.start();
    let mut command = linux_api(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    with(&mut command, &[("URL", &accounts.daemon)])
        .env("LINUX_API__FLUSHER__INTERVAL", "200ms")
        .env("LINUX_API__ACTS__SOCKET", place.path("executor.sock"));
    let other = Daemon::start_command(command);
    let mut sleeper = Sleeper::start();
    let acts = || fs::read_to_string(place.path("acts.jsonl")).unwrap_or_default();

    let mut taken = PgConnection::connect(&accounts.daemon).await.unwrap();
    execute(&mut taken, "set search_path to linux_api")
        .await
        .unwrap();
    for sql in FORBIDDEN {
        let refused = execute(&mut taken, sql).await.unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: {refused}");
    }
    // What it may write: rows like those of an act that was requested of the other host, and all of its row.
    let host = "select id, last_seen::text as seen from hosts";
    let seen =
        async |taken: &mut PgConnection| sqlx::query(host).fetch_optional(taken).await.unwrap();
    while seen(&mut taken).await.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let target = format!("process:{}@{}", sleeper.pid(), sleeper.start_ticks());
    for result in ["begun", "failed"] {
        let sql = format!(
            "insert into audit_log (time, actor, via, action, target, result, detail, host_id, act_id) \
             select now(), 'boss', 'api', 'process.signal', '{target}', '{result}', 'KILL', id, \
             gen_random_uuid()::text from hosts"
        );
        execute(&mut taken, &sql).await.unwrap();
    }
    execute(
        &mut taken,
        "update hosts set acts_copied = null, labels = 'role=victim'",
    )
    .await
    .unwrap();
    // The other host has written and read twice since.
    for _ in 0..2 {
        let before: String = seen(&mut taken).await.unwrap().get("seen");
        while seen(&mut taken).await.unwrap().get::<String, _>("seen") == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(sleeper.lives());
    assert!(!acts().contains("\"event\":\"act\""), "{}", acts());

    // By a key that it accepts it acts.
    let path = format!("/api/v1/system/processes/{}/signal", sleeper.pid());
    let body = json!({"signal": "KILL", "start_ticks": sleeper.start_ticks()});
    let (status, text) = post(&other.address, &path, &key, &body);
    assert_eq!(status, 200, "{text}");
    assert!(!sleeper.lives());
    assert!(acts().contains("\"event\":\"act\""), "{}", acts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_waits_for_the_owner_to_migrate() {
    let accounts = Accounts::new().await;
    let home = TempDir::new().unwrap();
    // Of an earlier release.
    let owner = [("URL", accounts.owner.as_str())];
    run(home.path(), &owner, &["db", "migrate", "--to", "5"]);
    run(
        home.path(),
        &owner,
        &["db", "grant", "--role", "linux_api_daemon"],
    );
    let daemon = start(home.path(), &[("URL", &accounts.daemon)]);
    let found = readiness(&daemon);
    assert_eq!(found["code"], "migrations_pending", "{found}");
    let detail = found["checks"]["migrations"]["detail"].as_str().unwrap();
    for words in [
        "linux_api_daemon",
        "linux-api db migrate",
        "database.owner_url",
    ] {
        assert!(detail.contains(words), "{detail}");
    }
    assert_eq!(daemon.get("/livez", None).0, 200);
    run(home.path(), &owner, &["db", "migrate"]);
    daemon.signal(Signal::HUP);
    eventually(|| readiness(&daemon)["status"] == "ready");
    // There is no user yet, which this daemon can't create.
    assert!(daemon.key.is_none());
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.contains("linux-api user add NAME --admin"), "{log}");
    assert!(daemon.end(Signal::TERM).success());
}

#[test]
fn a_reload_of_the_labels_lets_limited_users_in_or_out() {
    let home = TempDir::new().unwrap();
    let config = home.path().join("config.toml");
    fs::write(&config, "[host]\nlabels = { env = 'dev' }\n").unwrap();
    let arguments = [
        "--config",
        "config.toml",
        "serve",
        "--listen",
        "127.0.0.1:0",
    ];
    let daemon = Daemon::start_command(linux_api(home.path(), &arguments));
    let key = daemon.key.clone().unwrap();
    let body = json!({"username": "alice1", "activate": true, "hosts": "env=dev"});
    let (status, text) = post(&daemon.address, REGISTER, &key, &body);
    assert_eq!(status, 200, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let alice = made["api_key"].as_str().unwrap();
    assert_eq!(daemon.get(ME, Some(alice)).0, 200);
    fs::write(&config, "[host]\nlabels = { env = 'prod' }\n").unwrap();
    daemon.signal(Signal::HUP);
    eventually(|| daemon.get(ME, Some(alice)).0 == 403);
    assert_eq!(daemon.get(ME, Some(&key)).0, 200);
    fs::write(&config, "[host]\nlabels = { env = 'dev' }\n").unwrap();
    daemon.signal(Signal::HUP);
    eventually(|| daemon.get(ME, Some(alice)).0 == 200);
}
