//! `linux-api doctor` and the bare `linux-api`, without a daemon and beside one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, eventually, linux_api};

/// Exit code and findings.
fn examine(home: &Path, variables: &[(&str, &str)]) -> (i32, Vec<Value>) {
    let mut command = linux_api(home, &["doctor", "--json"]);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let findings = serde_json::from_str(&text);
    let findings: Vec<Value> = findings.unwrap_or_else(|_| panic!("{output:?}"));
    for finding in &findings {
        let is_ok = finding["result"] == "ok";
        assert_eq!(finding["advice"].is_null(), is_ok, "{finding}");
    }
    (output.status.code().unwrap(), findings)
}

fn of<'a>(findings: &'a [Value], check: &str) -> &'a Value {
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("nothing about {check}: {findings:?}"))
}

/// All that is looked at.
const CHECKS: [&str; 14] = [
    "configuration",
    "files",
    "database",
    "migrations",
    "backups",
    "clock",
    "port",
    "certificate",
    "procfs",
    "pressure",
    "cgroup",
    "failed units",
    "host id",
    "keyring",
];

/// Whether a key can be kept in this session is not up to the program, nor which units of this machine
/// have failed.
fn but_for_the_keyring(findings: &[Value]) -> Vec<&Value> {
    let wrong = findings.iter().filter(|it| it["result"] != "ok");
    let is_other = |it: &&Value| it["check"] == "keyring" || it["check"] == "failed units";
    wrong.filter(|it| !is_other(it)).collect()
}

#[test]
fn all_is_well_after_the_first_start_and_beside_the_daemon() {
    let home = TempDir::new().unwrap();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let variables = [("LINUX_API__SERVER__LISTEN", listen.as_str())];
    let (code, findings) = examine(home.path(), &variables);
    assert_eq!(code, 0);
    assert_eq!(of(&findings, "database")["result"], "warn");
    let advice = of(&findings, "database")["advice"].as_str().unwrap();
    assert!(advice.contains("linux-api serve"), "{advice}");
    assert!(!home.path().join(".local").exists(), "it makes nothing");

    let daemon = Daemon::start_command(linux_api(home.path(), &["serve", "--listen", &listen]));
    let (code, findings) = examine(home.path(), &variables);
    let wrong = but_for_the_keyring(&findings);
    assert!(code == 0 && wrong.is_empty(), "{wrong:?}");
    for check in CHECKS {
        of(&findings, check);
    }
    let port = of(&findings, "port")["detail"].as_str().unwrap();
    assert!(port.contains("is ready"), "{port}");
    // Once the daemon has written, its host is in the list.
    eventually(|| {
        let (_, findings) = examine(home.path(), &variables);
        let id = of(&findings, "host id");
        assert_eq!(id["result"], "ok", "{id}");
        id["detail"].as_str().unwrap().contains("one of 1")
    });

    daemon.end(Signal::TERM);
    let (code, findings) = examine(home.path(), &variables);
    let wrong = but_for_the_keyring(&findings);
    assert!(code == 0 && wrong.is_empty(), "{wrong:?}");
    let port = of(&findings, "port")["detail"].as_str().unwrap();
    assert!(port.contains("is free"), "{port}");
    let text = linux_api(home.path(), &["doctor"]).output().unwrap();
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.starts_with("RESULT  CHECK"), "{text}");
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_database_on_postgresql_is_looked_at_too() {
    let home = TempDir::new().unwrap();
    let url = fresh_database();
    let variables = [("LINUX_API__DATABASE__URL", url.as_str())];
    let (code, findings) = examine(home.path(), &variables);
    let migrations = of(&findings, "migrations");
    assert_eq!(
        (code, &migrations["result"]),
        (0, &"warn".into()),
        "{migrations}"
    );
    Daemon::start(home.path(), &[], &variables).end(Signal::TERM);
    let (code, findings) = examine(home.path(), &variables);
    assert_eq!(
        (code, &of(&findings, "migrations")["result"]),
        (0, &"ok".into())
    );
    let database = of(&findings, "database")["detail"].as_str().unwrap();
    assert!(database.starts_with("postgresql 1"), "{database}");

    let away = [(
        "LINUX_API__DATABASE__URL",
        "postgres://u:hunter2@127.0.0.1:1/x",
    )];
    let (code, findings) = examine(home.path(), &away);
    let database = of(&findings, "database");
    assert_eq!((code, &database["result"]), (1, &"fail".into()));
    assert!(!database.to_string().contains("hunter2"), "{database}");
}

#[test]
fn each_problem_of_the_configuration_has_a_line_and_the_rest_is_still_looked_at() {
    let home = TempDir::new().unwrap();
    let wrong = [
        ("LINUX_API__SERVER__LISTEN", "nowhere"),
        ("LINUX_API__DOCS__ENABLED", "maybe"),
    ];
    let (code, findings) = examine(home.path(), &wrong);
    let of_configuration = findings.iter().filter(|it| it["check"] == "configuration");
    assert_eq!((code, of_configuration.count()), (1, 2));
    of(&findings, "keyring");
    of(&findings, "systemd unit");
}

#[test]
fn what_is_broken_fails_with_what_to_do() {
    let home = TempDir::new().unwrap();
    Daemon::start(home.path(), &[], &[]).end(Signal::TERM);
    let data = home.path().join(".local/share/linux-api");
    let database = data.join("linux-api.db");
    fs::set_permissions(&database, Permissions::from_mode(0o644)).unwrap();
    let (code, findings) = examine(home.path(), &[]);
    let files = of(&findings, "files");
    assert_eq!((code, &files["result"]), (1, &"fail".into()));
    let advice = files["advice"].as_str().unwrap();
    assert_eq!(advice, format!("chmod 600 {}", database.display()));
    fs::set_permissions(&database, Permissions::from_mode(0o600)).unwrap();

    fs::write(data.join("backups"), "").unwrap();
    let (_, findings) = examine(home.path(), &[]);
    assert_eq!(of(&findings, "backups")["result"], "fail");
    fs::remove_file(data.join("backups")).unwrap();

    let missing = [("LINUX_API__HOST__PROCFS", "/nonexistent")];
    let (_, findings) = examine(home.path(), &missing);
    assert_eq!(of(&findings, "procfs")["result"], "fail");

    fs::write(&database, "x".repeat(4096)).unwrap();
    let (code, findings) = examine(home.path(), &[]);
    assert_eq!(
        (code, &of(&findings, "database")["result"]),
        (1, &"fail".into())
    );
    let mut named = linux_api(home.path(), &["doctor"]);
    let text = named.output().unwrap();
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("What to do:"), "{text}");
}

#[test]
fn a_remote_whose_key_is_gone_is_named() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join(".config/linux-api");
    fs::create_dir_all(&folder).unwrap();
    let remotes = "[remote.web]\nurl = \"https://web-03.example\"\nkey = \"file\"\n";
    fs::write(folder.join("remotes.toml"), remotes).unwrap();
    let (code, findings) = examine(home.path(), &[]);
    let keyring = of(&findings, "keyring");
    assert_eq!((code, &keyring["result"]), (1, &"fail".into()));
    let advice = keyring["advice"].as_str().unwrap();
    assert!(
        advice.contains("remote add web https://web-03.example"),
        "{advice}"
    );
    fs::create_dir(folder.join("keys")).unwrap();
    let key = folder.join("keys/web.key");
    fs::write(&key, "lapi_x").unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let (_, findings) = examine(home.path(), &[]);
    assert_eq!(of(&findings, "keyring")["result"], "ok");
}

#[test]
fn the_bare_command_says_what_next_as_things_stand() {
    let home = TempDir::new().unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let said = || {
        let mut bare = linux_api(home.path(), &[]);
        let output = bare
            .env("LINUX_API__SERVER__LISTEN", &listen)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(said().contains("Nothing is set up here yet"), "{}", said());
    let daemon = Daemon::start_command(linux_api(home.path(), &["serve", "--listen", &listen]));
    assert!(said().contains("is running"), "{}", said());
    daemon.end(Signal::TERM);
    assert!(said().contains("is not running"), "{}", said());
}

/// As after `sudo linux-api setup`: root's home is closed to the daemon's account, whose database the
/// configuration of the system names.
#[test]
fn root_finds_all_well_on_a_host_that_was_just_set_up() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = TempDir::new().unwrap();
    let data = TempDir::new().unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(data.path(), Permissions::from_mode(0o755)).unwrap();
    let state = data.path().join("linux-api");
    let file = state.join("linux-api.db");
    let config = data.path().join("config.toml");
    let port = free_port();
    let text = format!(
        "[server]\nlisten = '127.0.0.1:{port}'\n[database]\nurl = 'sqlite://{}'\n[backup]\n\
         directory = '{}'\n",
        file.display(),
        state.join("backups").display()
    );
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&state, Some(65_534), Some(65_534)).unwrap();
    let config = config.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let all = [&["--config", config], arguments].concat();
        let mut command = linux_api(home.path(), &all);
        command.current_dir("/").output().unwrap()
    };
    let migrated = run(&["db", "migrate"]);
    assert!(migrated.status.success(), "{migrated:?}");
    let output = run(&["doctor", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let findings: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}"));
    let failed = findings.iter().filter(|it| it["result"] == "fail");
    let failed: Vec<&Value> = failed.filter(|it| it["check"] != "keyring").collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(of(&findings, "database")["result"], "ok");
    assert!(
        !home.path().join(".local").exists(),
        "root's home is not used"
    );
}
