//! The hosts of a database on the command line: chosen, forgotten, and freed of what a wrong clock wrote.

use std::process::Stdio;

use linux_api_store::Engine;
use serde_json::Value;
use tempfile::TempDir;

use super::postgres::fresh_database;
use super::process::{Daemon, linux_api};
use crate::support::statement::execute;

struct Stage {
    home: TempDir,
    daemon: Daemon,
    url: String,
    engine: Engine,
    key: String,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Stage {
    fn new(engine: Engine) -> Self {
        let home = TempDir::new().unwrap();
        let url = match engine {
            Engine::Sqlite => format!("sqlite://{}/fleet.db", home.path().display()),
            Engine::Postgres => fresh_database(),
        };
        let variables = [
            ("LINUX_API__DATABASE__URL", url.as_str()),
            ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
        ];
        let daemon = Daemon::start(home.path(), &[], &variables);
        let key = daemon.key.clone().unwrap();
        Self {
            home,
            daemon,
            url,
            engine,
            key,
        }
    }

    fn run_as(&self, key: &str, arguments: &[&str]) -> Ended {
        let mut command = linux_api(self.home.path(), arguments);
        command
            .env("LINUX_API__DATABASE__URL", &self.url)
            .env("LINUX_API__SERVER__LISTEN", &self.daemon.address)
            .env("LINUX_API_KEY", key)
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_as(&self.key, arguments)
    }

    #[track_caller]
    fn well(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        ended.out
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.well(arguments)).unwrap()
    }

    fn execute(&self, sql: String) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(execute(self.engine, &self.url, sql));
    }

    /// A time, so many seconds from now, as the engine has it.
    fn time(&self, seconds: i64) -> String {
        match self.engine {
            Engine::Sqlite => format!("(unixepoch() + {seconds}) * 1000"),
            Engine::Postgres => format!("now() + interval '{seconds} seconds'"),
        }
    }
}

fn story(engine: Engine) {
    let stage = Stage::new(engine);
    let seen = stage.time(-86_400);
    stage.execute(format!(
        "insert into hosts (id, name, labels, version, instance_id, first_seen, last_seen)
        values ('old1', 'web-9', '{{\"role\":\"web\"}}', '0.1.0', 'x', {seen}, {seen})"
    ));
    let own = stage.json(&["fleet", "list", "--state", "up", "--json"]);
    let (own_id, own_name) = (
        own[0]["id"].as_str().unwrap(),
        own[0]["name"].as_str().unwrap(),
    );
    for (arguments, expected) in [
        (&["-l", "role=web"][..], &["web-9"][..]),
        (&["WEB-"], &["web-9"]),
        (&["old1"], &["web-9"]),
        (&["--state", "late,down"], &["web-9"]),
        (&["--state", "up", "--label", "role=web"], &[]),
        (&["--sort", "last_seen"], &[own_name, "web-9"]),
        (
            &["--sort", "last_seen", "--order", "asc"],
            &["web-9", own_name],
        ),
        (&["--min", "memory=101"], &[]),
    ] {
        let line = [&["fleet", "list", "-o", "name"], arguments].concat();
        let names = stage.well(&line);
        let names: Vec<&str> = names.lines().collect();
        assert_eq!(names, expected, "{arguments:?}");
    }
    let table = stage.well(&["fleet", "list", "-l", "role=web"]);
    assert!(table.contains("STATE") && table.contains("down"), "{table}");
    for wrong in [
        &["fleet", "list", "--state", "gone"][..],
        &["fleet", "list", "--sort", "age"],
        &["fleet", "list", "--min", "disk"],
        &["fleet", "forget", "web-9", "-l", "role=web"],
        &["fleet", "forget", "web-9", "--all"],
        &["db", "prune", "--after", "2020-01-01"],
        &["db", "prune", "--after", "1h", "--keep", "1"],
    ] {
        assert_eq!(stage.run(wrong).code, 2, "{wrong:?}");
    }
    forget(&stage, own_id);
    prune(&stage);
}

fn forget(stage: &Stage, own_id: &str) {
    let unconfirmed = stage.run(&["fleet", "forget", "web-9"]);
    assert_eq!((unconfirmed.code, unconfirmed.out.as_str()), (1, ""));
    for part in ["web-9", "old1", "its history and statistics", "--yes"] {
        assert!(unconfirmed.err.contains(part), "{part}: {unconfirmed:?}");
    }
    for (host, reason) in [(own_id, "last 5 minutes"), ("nowhere", "no host nowhere")] {
        let refused = stage.run(&["fleet", "forget", host, "--yes"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains(reason), "{refused:?}");
    }
    let viewer = stage.json(&["user", "add", "viewer1", "--json"]);
    let viewer = viewer["api_key"].as_str().unwrap();
    let denied = stage.run_as(viewer, &["fleet", "forget", "web-9", "--yes"]);
    assert_eq!(denied.code, 3, "{denied:?}");
    let forgotten = stage.json(&["fleet", "forget", "web-9", "--yes", "--json"]);
    assert_eq!(
        (&forgotten["id"], &forgotten["name"]),
        (&"old1".into(), &"web-9".into())
    );
    assert_eq!(stage.well(&["fleet", "list", "-o", "name", "web-9"]), "");
    assert_eq!(stage.run(&["fleet", "forget", "old1", "--yes"]).code, 1);
}

fn prune(stage: &Stage) {
    let after = ["db", "prune", "--after", "1h"];
    assert!(stage.well(&after).starts_with("nothing begins after "));
    for (minutes, route) in [(5, "/true"), (100, "/false")] {
        let time = stage.time(minutes * 60);
        stage.execute(format!(
            "insert into request_status (time, route, method, status, host_id, instance_id, count)
            values ({time}, '{route}', 'GET', 200, 'h', 'x', 1)"
        ));
    }
    let dry = stage.well(&[&after[..], &["--dry-run"]].concat());
    assert!(
        dry.contains("would delete") && dry.contains("1  request_status"),
        "{dry}"
    );
    let unconfirmed = stage.run(&after);
    assert_eq!(unconfirmed.code, 1, "{unconfirmed:?}");
    assert!(
        unconfirmed.err.contains("Delete these 1 measurements"),
        "{unconfirmed:?}"
    );
    let deleted = stage.well(&[&after[..], &["--yes"]].concat());
    assert_eq!(deleted, "deleted 1 measurements\n");
    assert!(stage.well(&after).starts_with("nothing begins after "));
    let rows = stage.json(&["audit", "list", "--action", "db.prune", "--json"]);
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert!(
        rows[0]["target"].as_str().unwrap().starts_with("after:"),
        "{rows}"
    );
}

#[test]
fn hosts_are_chosen_and_forgotten_on_sqlite() {
    story(Engine::Sqlite);
}

#[test]
fn hosts_are_chosen_and_forgotten_on_postgresql() {
    story(Engine::Postgres);
}
