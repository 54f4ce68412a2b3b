//! Users, keys and the audit log on the command line, beside a running daemon.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, linux_api, post};

/// A home, the URL of its database if it is not the usual one, and its daemon.
struct Host {
    home: TempDir,
    url: Option<String>,
    daemon: Daemon,
    key: String,
}

impl Host {
    fn new(url: Option<String>) -> Self {
        let home = TempDir::new().unwrap();
        let variables: Vec<_> = url
            .iter()
            .map(|url| ("LINUX_API__DATABASE__URL", url.as_str()))
            .collect();
        let daemon = Daemon::start(home.path(), &[], &variables);
        let key = daemon.key.clone().unwrap();
        Self {
            home,
            url,
            daemon,
            key,
        }
    }

    /// Standard output of a command that succeeds.
    fn run(&self, arguments: &[&str]) -> String {
        let (ok, out, err) = self.attempt(arguments);
        assert!(ok, "{arguments:?}: {err}");
        out
    }

    /// What a command that fails says.
    fn fail(&self, arguments: &[&str]) -> String {
        let (ok, _, err) = self.attempt(arguments);
        assert!(!ok, "{arguments:?} was to fail");
        err
    }

    fn attempt(&self, arguments: &[&str]) -> (bool, String, String) {
        let mut command = linux_api(self.home.path(), arguments);
        if let Some(url) = &self.url {
            command.env("LINUX_API__DATABASE__URL", url);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    fn status(&self, key: &str) -> u16 {
        self.daemon.get("/api/v1/system/info/uptime", Some(key)).0
    }

    /// Waits until the daemon responds to a key with this status, for at most as long as it
    /// promises.
    fn becomes(&self, key: &str, status: u16) {
        let start = Instant::now();
        while self.status(key) != status {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "still not {status}"
            );
            std::thread::yield_now();
        }
    }
}

/// The key that a command printed alone on a line.
fn key_in(output: &str) -> String {
    let found = output.lines().find(|line| line.starts_with("lapi_"));
    found.expect("the command prints a key").to_owned()
}

fn story(host: &Host) {
    let viewer = key_in(&host.run(&["user", "add", "Alice1"]));
    assert_eq!(host.status(&viewer), 200);
    assert!(
        host.fail(&["user", "add", "alice1"])
            .contains("the user alice1 exists already")
    );
    assert!(
        host.fail(&["user", "add", "a!"])
            .contains("'a!' for '<NAME>'")
    );

    assert_eq!(
        host.run(&["user", "deactivate", "alice1"]),
        "alice1 is now inactive\n"
    );
    host.becomes(&viewer, 403);
    assert_eq!(
        host.run(&["user", "deactivate", "alice1"]),
        "alice1 is already inactive\n"
    );
    host.run(&["user", "activate", "alice1"]);
    host.becomes(&viewer, 200);

    host.run(&["user", "role", "alice1", "admin"]);
    let listed: Value = serde_json::from_str(&host.run(&["user", "list", "--json"])).unwrap();
    let (_, body) = host.daemon.get("/api/v1/admin/users", Some(&host.key));
    assert_eq!(listed, serde_json::from_str::<Value>(&body).unwrap());

    let id = listed[0]["user_id"].as_str().unwrap();
    let narrow = key_in(&host.run(&["user", "key", "create", id, "--scope", "keys:self"]));
    assert_eq!(host.status(&narrow), 403);
    let public = &narrow[5..17];
    assert!(host.run(&["user", "show", "alice1"]).contains(public));
    let next = key_in(&host.run(&["user", "key", "rotate", "alice1", public, "--overlap", "0s"]));
    host.becomes(&narrow, 401);
    assert_eq!(host.status(&next), 403);

    let public = &viewer[5..17];
    let asked = host.fail(&["user", "key", "revoke", "alice1", public]);
    assert!(asked.contains("use --yes"), "{asked}");
    assert_eq!(host.status(&viewer), 200);
    host.run(&["user", "key", "revoke", "alice1", public, "--yes"]);
    host.becomes(&viewer, 401);

    host.run(&["user", "protect", "alice1"]);
    let refused = host.fail(&["user", "delete", "alice1", "--yes"]);
    assert!(refused.contains("user protect --off alice1"), "{refused}");
    host.run(&["user", "protect", "--off", "alice1"]);
    host.run(&["user", "delete", "alice1", "--yes"]);
    assert!(
        host.fail(&["user", "show", "alice1"])
            .contains("there is no user \"alice1\"")
    );
    let last = host.fail(&["user", "deactivate", "admin"]);
    assert!(last.contains("protected"), "{last}");
    // Who has the database may always give the first admin another key.
    let spare = key_in(&host.run(&["user", "key", "create", "admin", "--name", "spare"]));
    assert_eq!(host.status(&spare), 200);

    let rows = host.run(&["audit", "list", "--json", "--target", "user:alice1"]);
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    let done: Vec<_> = rows
        .iter()
        .filter(|row| row["result"] == "done")
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    let expected = [
        "user.create",
        "user.deactivate",
        "user.activate",
        "user.role",
        "user.protect",
        "user.unprotect",
        "user.delete",
    ];
    assert_eq!(done, expected);
    let uid = rustix::process::getuid().as_raw();
    assert!(rows.iter().all(|row| row["via"] == format!("cli:{uid}")));
    let refused = host.run(&["audit", "list", "--result", "refused"]);
    assert!(
        refused.contains("user.delete") && refused.contains("immutable"),
        "{refused}"
    );
}

#[test]
fn users_and_keys_are_managed_beside_the_daemon_on_sqlite() {
    story(&Host::new(None));
}

#[test]
fn users_and_keys_are_managed_beside_the_daemon_on_postgresql() {
    story(&Host::new(Some(fresh_database())));
}

#[test]
fn without_a_database_it_says_so_and_makes_none() {
    let home = TempDir::new().unwrap();
    let failed = linux_api(home.path(), &["user", "list"]).output().unwrap();
    assert!(!failed.status.success());
    let why = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(why.contains("there is no database"), "{why}");
    assert!(!home.path().join(".local").exists());
}

#[test]
fn root_leaves_no_file_that_the_daemon_cannot_write() {
    const OTHER: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        crate::daemon::left_out::for_want_of("root", "run it as root");
        return;
    }
    let host = Host::new(None);
    let folder = host.home.path().join(".local/share/linux-api");
    let Host { home, daemon, .. } = host;
    daemon.end(Signal::TERM);
    // As a daemon of another account would have left it, closed cleanly: no WAL files.
    for path in [
        home.path(),
        &home.path().join(".local"),
        &home.path().join(".local/share"),
    ] {
        chown(path, Some(OTHER), Some(OTHER)).unwrap();
    }
    chown(&folder, Some(OTHER), Some(OTHER)).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        chown(entry.unwrap().path(), Some(OTHER), Some(OTHER)).unwrap();
    }
    let added = linux_api(home.path(), &["user", "add", "alice1"])
        .output()
        .unwrap();
    assert!(added.status.success(), "{added:?}");
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().uid(),
            OTHER,
            "{}",
            entry.path().display()
        );
    }
    // The log still names who it was.
    let listed = linux_api(home.path(), &["audit", "list", "--target", "user:alice1"]);
    let listed = { listed }.output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("cli:0"), "{text}");
}

#[test]
fn root_beside_a_daemon_of_another_account_takes_nothing_from_it() {
    const OTHER: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        crate::daemon::left_out::for_want_of("root", "run it as root");
        return;
    }
    let home = TempDir::new().unwrap();
    chown(home.path(), Some(OTHER), Some(OTHER)).unwrap();
    // The other account may not come to the directory that the program was built in.
    let program = home.path().join("linux-api");
    fs::copy(assert_cmd::cargo::cargo_bin!("linux-api"), &program).unwrap();
    let start = || {
        let mut serve = Command::new(&program);
        serve
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("HOME", home.path())
            .current_dir(home.path())
            .uid(OTHER)
            .gid(OTHER);
        Daemon::start_command(serve)
    };
    let daemon = start();
    let key = daemon.key.clone().unwrap();
    let data = home.path().join(".local/share/linux-api");
    for arguments in [
        &["user", "add", "alice1"][..],
        &["user", "list"],
        &["user", "key", "create", "admin"],
        &["user", "delete", "alice1", "--yes"],
        &["audit", "list"],
        &["doctor"],
    ] {
        let output = linux_api(home.path(), arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let mut folders = vec![data.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let owner = fs::metadata(&path).unwrap().uid();
                assert_eq!(owner, OTHER, "{arguments:?}: {}", path.display());
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        let user = json!({"username": "bob1", "activate": true});
        let (status, body) = post(&daemon.address, "/api/v1/user/register", &key, &user);
        assert!(status == 200 || status == 409, "{arguments:?}: {body}");
    }
    assert!(daemon.end(Signal::TERM).success());
    let daemon = start();
    assert_eq!(daemon.get("/readyz", None).0, 200);
}
