//! The database and its backups on the command line, beside a running daemon.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, eventually, linux_api};

/// A home with a database of its own.
struct Host {
    home: TempDir,
    url: Option<String>,
}

impl Host {
    fn new(url: Option<String>) -> Self {
        let home = TempDir::new().unwrap();
        Self { home, url }
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        let url = self.url.as_deref();
        url.map(|url| ("LINUX_API__DATABASE__URL", url))
            .into_iter()
            .collect()
    }

    fn daemon(&self, more: &[(&str, &str)]) -> Daemon {
        let variables = [&self.variables(), more].concat();
        Daemon::start(self.home.path(), &[], &variables)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = linux_api(self.home.path(), arguments);
        command.envs(self.variables());
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.run(&arguments)).unwrap()
    }

    fn fail(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?} was to fail");
        said(&output)
    }

    fn backups(&self) -> PathBuf {
        self.home.path().join(".local/share/linux-api/backups")
    }

    fn audit(&self, action: &str) -> Vec<Value> {
        let rows = self.json(&["audit", "list", "--action", action]);
        rows.as_array().unwrap().clone()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn users(status: &Value) -> u64 {
    let tables = status["tables"].as_array().unwrap().iter();
    let mut users = tables.filter(|one| one["name"] == "users");
    users.next().unwrap()["rows"].as_u64().unwrap()
}

/// Inspects the database and backs it up while the daemon runs; returns the backup's name.
fn save(host: &Host) -> String {
    let daemon = host.daemon(&[]);
    let status = host.json(&["db", "status"]);
    assert_eq!(status["pending"].as_array().unwrap().len(), 0);
    assert_eq!(status["revision"], status["known_revision"]);
    assert!(status["bytes"].as_i64().unwrap() > 0);
    assert_eq!(status["last_backup"], Value::Null);
    assert_eq!(users(&status), 1);
    let shown = host.run(&["db", "status"]);
    assert!(shown.contains("timescaledb  "), "{shown}");
    assert!(shown.contains("up to date"), "{shown}");

    let made = host.json(&["db", "backup"]);
    let name = made["name"].as_str().unwrap().to_owned();
    let bits = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(bits(&host.backups().join(&name)), 0o700);
    assert_eq!(
        bits(&host.backups().join(&name).join("manifest.json")),
        0o600
    );
    assert!(host.run(&["db", "backups"]).contains(&name));
    assert!(host.run(&["db", "verify"]).contains("ok"));
    assert!(
        host.run(&["db", "verify", &name, "--restore"])
            .contains("ok")
    );
    let status = host.json(&["db", "status"]);
    assert_eq!(status["last_backup"]["name"], name.as_str());

    host.run(&["user", "add", "alice1"]);
    for command in [
        &["db", "restore", &name, "--yes"] as &[&str],
        &["db", "rollback", "--yes"],
    ] {
        let refused = host.fail(command);
        assert!(refused.contains("stop it first"), "{refused}");
    }
    for action in ["db.restore", "db.rollback"] {
        let rows = host.audit(action);
        assert_eq!(rows.len(), 1, "{action}: {rows:?}");
        assert_eq!(rows[0]["result"], "refused");
        let detail = rows[0]["detail"].as_str().unwrap();
        assert!(detail.contains("stop it first"), "{detail}");
    }
    assert!(host.run(&["db", "migrate"]).contains("nothing to do"));
    assert_eq!(users(&host.json(&["db", "status"])), 2);
    assert!(daemon.end(Signal::TERM).success());
    name
}

fn story(host: &Host) {
    let name = save(host);
    let status = host.json(&["db", "status"]);

    // Without a terminal there is no prompt, and nothing is done.
    for command in [&["db", "restore", &name] as &[&str], &["db", "rollback"]] {
        assert!(host.fail(command).contains("use --yes"), "{command:?}");
    }
    host.run(&["db", "restore", &name, "--yes"]);
    assert_eq!(users(&host.json(&["db", "status"])), 1);
    let listed = host.json(&["db", "backups"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0]["reason"], "restore");

    let known = status["known_revision"].as_i64().unwrap();
    let back = host.run(&["db", "rollback", "--to", "1", "--yes"]);
    assert!(back.contains("to 1"), "{back}");
    let waiting = host.command(&["db", "status"]).output().unwrap();
    assert_eq!(waiting.status.code(), Some(1));
    let dry = host.run(&["db", "migrate", "--dry-run"]);
    assert!(dry.contains("metrics"), "{dry}");
    let refused = host.fail(&["db", "migrate", "--to", "999"]);
    assert!(refused.contains("there is no revision 999"), "{refused}");
    host.run(&["db", "migrate"]);
    let log = host.json(&["db", "log"]);
    let last = log.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["revision"], &last["direction"], &last["status"]),
        (&known.into(), &"up".into(), &"done".into())
    );

    let asked = host.fail(&["db", "prune", "--keep", "1"]);
    assert!(asked.contains("use --yes"), "{asked}");
    let dry = host.run(&["db", "prune", "--keep", "1", "--dry-run"]);
    assert!(dry.contains("would delete"), "{dry}");
    host.run(&["db", "prune", "--keep", "1", "--yes"]);
    let left = host.json(&["db", "backups"]);
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["reason"], "migration");

    let uid = rustix::process::getuid().as_raw();
    for (action, rows) in [
        ("db.restore", 1),
        ("db.rollback", 1),
        ("db.migrate", 1),
        ("db.prune", 3),
    ] {
        let found = host.audit(action);
        let done = found.iter().filter(|row| row["result"] == "done");
        assert_eq!(done.count(), rows, "{action}: {found:?}");
        let own = format!("cli:{uid}");
        assert!(found.iter().all(|row| row["via"] == own.as_str()));
    }
    for action in ["db.migrate", "db.restore", "db.rollback"] {
        let rows = host.audit(action);
        // The rows of before the restore went with it.
        let refused = rows.iter().any(|row| row["result"] == "refused");
        assert_eq!(refused, action == "db.migrate", "{action}: {rows:?}");
    }

    // The daemon works on with what was restored.
    let daemon = host.daemon(&[]);
    assert_eq!(daemon.get("/readyz", None).0, 200);
}

#[test]
fn the_database_is_looked_after_beside_the_daemon_on_sqlite() {
    story(&Host::new(None));
}

#[test]
fn the_database_is_looked_after_beside_the_daemon_on_postgresql() {
    story(&Host::new(Some(fresh_database())));
}

#[test]
fn a_whole_daemon_moves_from_sqlite_to_postgresql_and_back() {
    let sqlite = Host::new(None);
    let daemon = sqlite.daemon(&[]);
    let key = daemon.key.clone().unwrap();
    for _ in 0..20 {
        assert_eq!(daemon.get("/api/v1/user/me", Some(&key)).0, 200);
    }
    assert!(daemon.end(Signal::TERM).success());
    let made = sqlite.json(&["db", "backup"]);
    let path = made["path"].as_str().unwrap();

    let url = fresh_database();
    sqlite.run(&["db", "restore", path, "--into", &url, "--yes"]);
    let postgres = Host::new(Some(url));
    let daemon = postgres.daemon(&[]);
    assert_eq!(daemon.key, None, "its users are there already");
    let routes = "/api/v1/metrics/routes?route=/api/v1/user/me&bucket=1d";
    let (status, before) = daemon.get(routes, Some(&key));
    assert_eq!(status, 200);
    let metrics: Value = serde_json::from_str(&before).unwrap();
    let text = metrics.to_string();
    assert!(text.contains("/api/v1/user/me"), "{text}");
    assert!(daemon.end(Signal::TERM).success());

    let made = postgres.json(&["db", "backup"]);
    let path = made["path"].as_str().unwrap();
    let back = Host::new(None);
    let file = back.home.path().join(".local/share/linux-api/linux-api.db");
    let url = format!("sqlite://{}", file.display());
    postgres.run(&["db", "restore", path, "--into", &url, "--yes"]);
    let daemon = back.daemon(&[]);
    let (status, after) = daemon.get(routes, Some(&key));
    assert_eq!((status, after), (200, before));
}

#[test]
fn a_password_among_the_arguments_is_refused_and_on_standard_input_taken() {
    let host = Host::new(None);
    assert!(host.daemon(&[]).end(Signal::TERM).success());
    let made = host.json(&["db", "backup"]);
    let name = made["name"].as_str().unwrap();
    let url = fresh_database().replacen("postgres@", "postgres:hunter2@", 1);
    let refused = host.fail(&["db", "restore", name, "--into", &url, "--yes"]);
    assert!(refused.contains("--into -"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
    let mut command = host.command(&["db", "restore", name, "--into", "-", "--yes"]);
    let file = host.home.path().join("url");
    fs::write(&file, format!("{url}\n")).unwrap();
    command.stdin(fs::File::open(&file).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let all = format!(
        "{}{}",
        said(&output),
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn backups_are_made_at_the_start_and_only_the_newest_are_kept() {
    let host = Host::new(None);
    for start in 1..=4_usize {
        let daemon = host.daemon(&[
            ("LINUX_API__BACKUP__AT_START", "true"),
            ("LINUX_API__BACKUP__KEEP", "2"),
        ]);
        let reasons = || -> Vec<Value> {
            let listed = host.json(&["db", "backups"]);
            let listed = listed.as_array().unwrap().iter();
            listed.map(|one| one["reason"].clone()).collect()
        };
        eventually(|| {
            let rows = host.audit("db.backup");
            rows.iter().filter(|row| row["via"] == "system").count() == start
        });
        eventually(|| reasons().len() == start.min(2));
        assert!(reasons().iter().all(|reason| reason == "start"));
        assert!(daemon.end(Signal::TERM).success());
    }
    assert_eq!(host.audit("db.prune").len(), 2);
}

#[test]
fn systemd_is_told_to_wait_while_migrating() {
    let host = Host::new(None);
    assert!(host.daemon(&[]).end(Signal::TERM).success());
    host.run(&["db", "rollback", "--to", "1", "--yes"]);
    let path = host.home.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let daemon = host.daemon(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    let mut said = String::new();
    let mut buffer = [0; 4096];
    while !said.contains("READY=1") {
        let count = socket.recv(&mut buffer).unwrap();
        said.push_str(&String::from_utf8_lossy(&buffer[..count]));
        said.push('\n');
    }
    let more = said.find("EXTEND_TIMEOUT_USEC=60000000");
    assert!(more.is_some_and(|at| at < said.find("READY=1").unwrap()));
    for step in [
        "preparing the database: backup",
        "preparing the database: migration 2",
    ] {
        assert!(said.contains(step), "{said}");
    }
    drop(daemon);
    let listed = host.json(&["db", "backups"]);
    assert_eq!(listed[0]["reason"], "migration");
}

#[test]
fn a_backup_folder_that_can_not_be_written_stops_the_migration() {
    let host = Host::new(None);
    assert!(host.daemon(&[]).end(Signal::TERM).success());
    host.run(&["db", "rollback", "--to", "1", "--yes"]);
    let file = host.home.path().join("file");
    fs::write(&file, "").unwrap();
    let mut command = host.command(&["db", "migrate"]);
    let output = command
        .env("LINUX_API__BACKUP__DIRECTORY", file.join("backups"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = said(&output);
    assert!(text.contains("nothing was migrated"), "{text}");
    assert!(text.contains("choose a directory"), "{text}");
    assert!(text.contains("backup.before_migration"), "{text}");
    let waiting = host.command(&["db", "status"]).output().unwrap();
    assert_eq!(waiting.status.code(), Some(1));
    // What was tried is in the log.
    let mut command = host.command(&["db", "migrate"]);
    let output = command
        .env("LINUX_API__BACKUP__BEFORE_MIGRATION", "off")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let rows = host.audit("db.migrate");
    let results: Vec<&Value> = rows.iter().map(|row| &row["result"]).collect();
    assert_eq!(results, ["refused", "done"]);
}

#[test]
fn a_server_that_is_away_is_named_and_nothing_is_written() {
    let host = Host::new(Some("postgres://postgres@127.0.0.1:1/none".to_owned()));
    for command in [
        &["db", "status"] as &[&str],
        &["db", "backup"],
        &["db", "migrate"],
        &["db", "rollback", "--yes"],
    ] {
        let text = host.fail(command);
        assert!(text.contains("the database can't be reached"), "{text}");
    }
    assert!(!host.backups().exists());
}

#[test]
fn root_leaves_backups_that_the_daemon_can_write() {
    const OTHER: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        crate::daemon::left_out::for_want_of("root", "run it as root");
        return;
    }
    for url in [None, Some(fresh_database())] {
        let host = Host::new(url);
        assert!(host.daemon(&[]).end(Signal::TERM).success());
        let folder = host.home.path().join(".local/share/linux-api");
        let give = Command::new("chown")
            .arg("-R")
            .arg(format!("{OTHER}:{OTHER}"))
            .arg(host.home.path())
            .status();
        assert!(give.unwrap().success());
        host.run(&["db", "backup"]);
        host.run(&["db", "verify", "--restore"]);
        let mut folders = vec![folder];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                assert_eq!(metadata.uid(), OTHER, "{}", entry.path().display());
                seen += 1;
                if metadata.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        assert!(seen > 10, "{seen}");
    }
}
