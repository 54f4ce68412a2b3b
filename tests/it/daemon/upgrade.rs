//! From the Python Linux-API to this program: databases as it wrote them, `db import`, and then its
//! users go on as if nothing had happened.
//!
//! `tests/fixtures/python-linux-api` holds what the real program wrote while it answered some
//! thousand requests, and the keys that it gave out then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, eventually, linux_api};

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures/python-linux-api").join(name)
}

/// An installation of the Python program, and a home with nothing of this program in it yet.
struct Upgrade {
    home: TempDir,
    python_url: String,
    target_url: Option<String>,
    keys: Value,
}

/// What a command said.
struct CommandOutput {
    ok: bool,
    out: String,
    err: String,
}

impl Upgrade {
    async fn new(target_url: Option<String>) -> Self {
        let python_url = fresh_database();
        let mut connection = PgConnection::connect(&python_url).await.unwrap();
        let sql = std::fs::read_to_string(fixture("postgres.sql")).unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
        // The rows are as old as the fixture, and minutes are not kept forever. The newest is to be
        // two hours old.
        sqlx::raw_sql(
            "create temp table shift as
                select date_trunc('hour', now() at time zone 'utc') - interval '2 hours'
                    - date_trunc('hour', max(time)) as by from metrics.route_metrics;
            update metrics.route_metrics set time = time + (select by from shift);
            update metrics.route_status_codes set time = time + (select by from shift);
            update metrics.global_metrics set time = time + (select by from shift)",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
        let home = TempDir::new().unwrap();
        // A copy, because SQLite puts files beside the one that it reads.
        std::fs::copy(fixture("users.db"), home.path().join("users.db")).unwrap();
        let env = std::fs::read_to_string(fixture("env")).unwrap();
        let env = format!("{env}DATABASE_URL=\"{python_url}\"\n");
        std::fs::write(home.path().join(".env"), env).unwrap();
        let keys = std::fs::read_to_string(fixture("keys.json")).unwrap();
        Self {
            home,
            python_url,
            target_url,
            keys: serde_json::from_str(&keys).unwrap(),
        }
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = linux_api(self.home.path(), arguments);
        if let Some(url) = &self.target_url {
            command.env("LINUX_API__DATABASE__URL", url);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        CommandOutput {
            ok: output.status.success(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn import(&self, arguments: &[&str]) -> CommandOutput {
        let home = self.home.path().to_str().unwrap();
        let all = [&["db", "import", "--from", home], arguments].concat();
        self.run(&all)
    }

    #[track_caller]
    fn import_json(&self, arguments: &[&str]) -> Value {
        let said = self.import(&[arguments, &["--json"]].concat());
        assert!(said.ok, "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    fn serve(&self) -> Daemon {
        // All requests come at once here, and no client may be rate-limited.
        let mut variables = vec![
            ("LINUX_API__LEGACY__PBKDF2_PER_MINUTE", "100"),
            ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
        ];
        if let Some(url) = &self.target_url {
            variables.push(("LINUX_API__DATABASE__URL", url));
        }
        Daemon::start(self.home.path(), &[], &variables)
    }

    fn key(&self, origin: &str, name: &str) -> &str {
        self.keys[origin][name].as_str().unwrap()
    }

    /// The rows of a table of the Python program's metrics, as text.
    async fn rows(&self, sql: &'static str) -> Vec<(String, String, i64)> {
        let mut connection = PgConnection::connect(&self.python_url).await.unwrap();
        let rows = sqlx::query_as(sql).fetch_all(&mut connection).await;
        connection.close().await.unwrap();
        rows.unwrap()
    }
}

fn json_of(daemon: &Daemon, path: &str, key: &str) -> Value {
    let (status, body) = daemon.get(path, Some(key));
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

async fn the_whole_story(target_url: Option<String>) {
    let upgrade = Upgrade::new(target_url).await;

    // Both sides have an admin, so nothing happens before the operator decides.
    let stopped = upgrade.import(&[]);
    assert!(!stopped.ok && stopped.err.contains("names are taken: admin (legacy)"));
    let dry = upgrade.import(&["--merge", "--dry-run"]);
    assert!(
        dry.ok && dry.out.contains("dry run: nothing was written"),
        "{}",
        dry.err
    );
    let done = upgrade.import_json(&["--merge"]);
    let fates: Vec<_> = done["users"].as_array().unwrap().iter().collect();
    assert_eq!(fates.len(), 9, "four of PostgreSQL and five of SQLite");
    assert_eq!(done["measurements"]["route_rows"], 66);

    // Again: nothing is doubled.
    let again = upgrade.import_json(&[]);
    for user in again["users"].as_array().unwrap() {
        assert_eq!(
            (&user["fate"], &user["key"]),
            (&"keep".into(), &"keep".into()),
            "{user}"
        );
    }
    assert_eq!(again["measurements"], done["measurements"]);

    let daemon = upgrade.serve();
    assert_eq!(daemon.key, None, "there is an admin, so none is made");
    old_keys_open_both_kinds_of_routes(&upgrade, &daemon);
    old_measurements_are_shown(&upgrade, &daemon).await;
}

fn old_keys_open_both_kinds_of_routes(upgrade: &Upgrade, daemon: &Daemon) {
    for (origin, name, user, role) in [
        ("v1", "admin", "admin", "admin"),
        ("v1", "alice1", "alice1", "user"),
        ("v1", "bob_op", "bob_op", "admin"),
        ("legacy", "admin", "admin", "admin"),
        ("legacy", "leg1", "leg1", "user"),
        ("legacy", "carol.x", "carol_x", "user"),
    ] {
        let key = upgrade.key(origin, name);
        let me = json_of(daemon, "/api/v1/user/me", key);
        assert_eq!(me["user"]["username"], user);
        let info = json_of(daemon, "/api/legacy/user/user-info", key);
        assert_eq!(info["username"], user);
        assert_eq!(info["role"], role);
    }
    let asleep = daemon.get("/api/v1/user/me", Some(upgrade.key("v1", "sleepy")));
    assert_eq!(asleep.0, 403, "{}", asleep.1);
    let wrong = upgrade.key("v1", "alice1").replace('W', "w");
    assert_eq!(daemon.get("/api/v1/user/me", Some(&wrong)).0, 401);
}

async fn old_measurements_are_shown(upgrade: &Upgrade, daemon: &Daemon) {
    let admin = upgrade.key("v1", "admin");
    let mut shown: BTreeMap<String, i64> = BTreeMap::new();
    let routes = json_of(daemon, "/api/v1/metrics/routes?limit=1000", admin);
    let mut uptime = None;
    for row in routes.as_array().unwrap() {
        if row["imported"] == true {
            let time = row["time"].as_str().unwrap().trim_end_matches('Z');
            *shown.entry(time.to_owned()).or_default() += row["requests"].as_i64().unwrap();
            if row["route"] == "/api/v1/system/info/uptime" {
                uptime = Some(row.clone());
            }
        }
    }
    let totals = upgrade
        .rows(
            r#"select to_char(time, 'YYYY-MM-DD"T"HH24:MI:SS'), '', cast(sum(requests) as bigint)
            from metrics.route_metrics group by time order by time"#,
        )
        .await;
    let expected: BTreeMap<String, i64> = totals
        .into_iter()
        .map(|(time, _, requests)| (time, requests))
        .collect();
    assert_eq!(shown, expected);

    // One row of one route is what it was, to the last digit.
    let uptime = uptime.expect("the route was asked for");
    let mut connection = PgConnection::connect(&upgrade.python_url).await.unwrap();
    let old: (f64, f64, f64, f64, f64) = sqlx::query_as(
        r#"select min_response_time, max_response_time, p50, p95, p99
        from metrics.route_metrics
        where route = '/system/info/uptime'
            and to_char(time, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') = $1"#,
    )
    .bind(uptime["time"].as_str().unwrap())
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let figure = |name: &str| uptime[name].as_f64().unwrap();
    let new = (
        figure("min_response_time"),
        figure("max_response_time"),
        figure("p50"),
        figure("p95"),
        figure("p99"),
    );
    assert_eq!(new, old);

    // Statuses and totals too, and the rollup to hours counts the same.
    let statuses = upgrade
        .rows(
            "select cast(status_code as text), '', cast(sum(count) as bigint)
            from metrics.route_status_codes group by status_code order by 1",
        )
        .await;
    let end = format!("end_time={}Z", expected.keys().last().unwrap());
    for bucket in ["1m", "1h", "1d"] {
        let path = format!("/api/v1/metrics/status-codes?limit=1000&bucket={bucket}&{end}");
        let rows = json_of(daemon, &path, admin);
        for (status, _, count) in &statuses {
            let status: i64 = status.parse().unwrap();
            let rows = rows.as_array().unwrap().iter();
            let of_status = rows.filter(|row| row["status_code"] == status);
            let sum: i64 = of_status.map(|row| row["count"].as_i64().unwrap()).sum();
            // Today's requests to the daemon itself are in the day too.
            assert!(
                sum == *count || (bucket == "1d" && sum > *count),
                "{bucket} {status}"
            );
        }
    }
    let path = format!("/api/v1/metrics/global?limit=1000&{end}");
    let global = json_of(daemon, &path, admin);
    let sum: i64 = global
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["total_requests"].as_i64().unwrap())
        .sum();
    assert_eq!(sum, expected.values().sum::<i64>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_the_python_program_go_on_with_sqlite() {
    the_whole_story(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_the_python_program_go_on_with_postgresql() {
    the_whole_story(Some(fresh_database())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_beside_a_daemon_keeps_both_sides_apart_and_the_dead_dead() {
    let upgrade = Upgrade::new(None).await;
    let daemon = upgrade.serve();
    let own = daemon.key.clone().unwrap();
    let stopped = upgrade.import(&[]);
    assert!(
        stopped
            .err
            .contains("names are taken: admin (v1), admin (legacy)"),
        "{}",
        stopped.err
    );
    let twice = upgrade.import(&["--rename-suffix", "_old"]);
    assert!(
        twice.err.contains("names are taken: admin (legacy)"),
        "admin_old is taken by then: {}",
        twice.err
    );
    let done = upgrade.import_json(&["--merge", "--without-measurements"]);
    assert_eq!(done["measurements"], Value::Null);
    // The running daemon takes the new keys as soon as it looks, and its own admin stays.
    let v1 = upgrade.key("v1", "admin");
    eventually(|| daemon.get("/api/v1/user/me", Some(v1)).0 == 200);
    for key in [&own, v1] {
        let me = json_of(&daemon, "/api/v1/user/me", key);
        assert_eq!(me["user"]["username"], "admin");
    }
    let deleted = upgrade.run(&["user", "delete", "alice1", "--yes"]);
    assert!(deleted.ok, "{}", deleted.err);
    let again = upgrade.import_json(&["--merge"]);
    let users = again["users"].as_array().unwrap();
    let alice = users.iter().find(|user| user["name"] == "alice1").unwrap();
    assert_eq!(alice["fate"], "gone");
    assert_eq!(
        daemon
            .get("/api/v1/user/me", Some(upgrade.key("v1", "alice1")))
            .0,
        401
    );
    let log = upgrade.run(&["audit", "list", "--json"]);
    let said = ["names are taken", "0 added", "db.import"];
    assert!(
        said.iter().all(|text| log.out.contains(text)),
        "{}",
        log.out
    );
    let secret = "the-old-secret-of-a-test";
    assert!(!log.out.contains(secret) && !done.to_string().contains(secret));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_or_wrong_is_named() {
    let upgrade = Upgrade::new(None).await;
    let url = upgrade.python_url.clone();
    let with_password = url.replacen("://", "://someone:secret@", 1);
    let broken = upgrade.home.path().join("broken.db");
    std::fs::write(&broken, "no database").unwrap();
    let other = fresh_database();
    let broken = broken.to_str().unwrap();
    for (arguments, expected) in [
        (&["db", "import"][..], "there is nothing to import from"),
        (
            &["db", "import", "--postgres", &url],
            "4 keys of the v1 routes can't be checked without the API_KEY_SECRET",
        ),
        (
            &["db", "import", "--postgres", &with_password],
            "every account on this host can read a password on the command line",
        ),
        (
            &["db", "import", "--postgres", &other],
            "has no table users.user",
        ),
        (
            &["db", "import", "--sqlite", "/none.db"],
            "/none.db: No such file",
        ),
        (
            &["db", "import", "--sqlite", broken],
            "broken.db: can't be read",
        ),
        (
            &["db", "import", "--rename-suffix=-Old"],
            "names hold a to z, digits and underscores",
        ),
    ] {
        let said = upgrade.run(arguments);
        assert!(!said.ok, "{arguments:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
        assert!(!said.err.contains("someone:secret"), "{}", said.err);
    }
}
