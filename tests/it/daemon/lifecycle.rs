//! What one daemon says and leaves behind as it starts and stops.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Output;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::daemon::process::{Daemon, linux_api, request};

fn run(home: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    linux_api(home.path(), arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_first_start_shows_a_key_that_works_and_the_second_shows_none() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &[]);
    let key = daemon.key.clone().expect("the first start shows a key");
    let (status, body) = daemon.get("/api/v1/user/me", Some(&key));
    assert_eq!(status, 200);
    assert!(body.contains("\"admin\""), "{body}");
    assert_eq!(daemon.get("/api/v1/user/me", None).0, 401);
    assert!(daemon.end(Signal::TERM).success());

    let daemon = Daemon::start(home.path(), &[], &[]);
    assert_eq!(daemon.key, None);
    assert_eq!(daemon.get("/api/v1/user/me", Some(&key)).0, 200);
    assert!(daemon.end(Signal::INT).success());
}

#[test]
fn what_it_writes_is_private() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &[]);
    let folder = home.path().join(".local/share/linux-api");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    assert!(!files.is_empty());
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    drop(daemon);
}

#[test]
fn under_systemd_the_key_goes_to_a_private_file() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start_under_systemd(home.path());
    assert_eq!(daemon.key, None);
    let path = home.path().join(".local/share/linux-api/first-admin-key");
    let key = fs::read_to_string(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(daemon.get("/api/v1/user/me", Some(key.trim())).0, 200);
}

#[test]
fn a_journal_of_somebody_else_hides_no_key() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &[("JOURNAL_STREAM", "8:12345")]);
    assert!(daemon.key.is_some());
}

#[test]
fn a_demo_leaves_nothing_behind_and_shows_its_key_in_the_documentation() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join(".local/share/linux-api");
    let daemon = Daemon::start(home.path(), &["--demo"], &[]);
    let key = daemon.key.clone().unwrap();
    let (_, document) = daemon.get("/openapi.json", None);
    assert!(document.contains(&key), "the document names the demo's key");
    // As if it had been killed: the next one tidies up.
    daemon.end(Signal::KILL);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let daemon = Daemon::start(home.path(), &["--demo"], &[]);
    assert_ne!(daemon.key, Some(key));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert!(daemon.end(Signal::TERM).success());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

/// Leaves no daemon behind when a test fails.
struct StopAtEnd<'a>(&'a TempDir);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        run(self.0, &["stop"], &[]);
    }
}

#[test]
fn in_the_background_until_it_is_stopped() {
    let home = TempDir::new().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let listen = port.to_string();
    let variables = [("LINUX_API__SERVER__LISTEN", listen.as_str())];

    let stopped = run(&home, &["stop"], &variables);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(text(&stopped.stdout).contains("no daemon is running in the background"));
    let down = run(&home, &["status"], &variables);
    assert_eq!(down.status.code(), Some(4));
    assert!(text(&down.stderr).contains(&format!("no daemon responds at http://{listen}")));

    let _end = StopAtEnd(&home);
    // Paths mean the same as in the foreground.
    std::fs::write(home.path().join("own.toml"), "").unwrap();
    let own = ["--config", "own.toml", "serve", "--detach"];
    let started = run(&home, &own, &variables);
    assert!(started.status.success(), "{started:?}");
    let said = text(&started.stdout);
    assert!(
        said.contains("lapi_") && said.contains("Stop it with: linux-api stop"),
        "{said}"
    );
    for _ in 0..5 {
        let second = run(&home, &["serve", "--detach"], &variables);
        assert_eq!(second.status.code(), Some(1), "{second:?}");
        assert!(
            text(&second.stdout).contains("already running in the background"),
            "{second:?}"
        );
    }

    let up = run(&home, &["status", "--json"], &variables);
    assert!(up.status.success(), "{up:?}");
    let health: serde_json::Value = serde_json::from_slice(&up.stdout).unwrap();
    assert_eq!(health["status"], "ready");

    assert!(run(&home, &["stop"], &variables).status.success());
    assert_eq!(request(&listen, "GET", "/livez", None).0, 0);
}

#[test]
fn what_a_restart_cannot_mend_exits_78() {
    let home = TempDir::new().unwrap();
    let bad = run(
        &home,
        &["serve"],
        &[("LINUX_API__SERVER__LISTEN", "nowhere")],
    );
    assert_eq!(bad.status.code(), Some(78));
    assert!(
        text(&bad.stderr).contains("LINUX_API__SERVER__LISTEN: expected an address"),
        "{bad:?}"
    );
}

#[test]
fn a_port_that_is_taken_is_named() {
    let home = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let failed = run(&home, &["serve", "--listen", &listen], &[]);
    assert_eq!(failed.status.code(), Some(1));
    let why = text(&failed.stderr);
    assert!(
        why.contains(&format!("listen on {listen} (server.listen)")),
        "{why}"
    );
}

#[test]
fn a_database_that_is_away_is_named_without_its_password() {
    let home = TempDir::new().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let url = format!("postgres://alice:canary-password@127.0.0.1:{port}/fleet");
    let daemon = Daemon::start(home.path(), &[], &[("LINUX_API__DATABASE__URL", &url)]);
    let (status, shown) = daemon.get("/readyz", None);
    assert_eq!(status, 503);
    let why = fs::read_to_string(home.path().join("log")).unwrap();
    for text in [shown, why] {
        assert!(text.contains("refused"), "{text}");
        assert!(!text.contains("canary-password"), "{text}");
    }
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("notes.db");
    fs::write(
        &path,
        "dear diary, this is no database at all\n".repeat(200),
    )
    .unwrap();
    let url = format!("sqlite://{}", path.display());
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    let failed = run(&home, &arguments, &[("LINUX_API__DATABASE__URL", &url)]);
    assert!(matches!(failed.status.code(), Some(1 | 78)), "{failed:?}");
    assert!(
        text(&failed.stderr).contains("not a database"),
        "{failed:?}"
    );
    assert!(fs::read_to_string(&path).unwrap().starts_with("dear diary"));
}

#[test]
fn with_migrations_off_an_empty_database_is_refused_and_stays_empty() {
    let home = TempDir::new().unwrap();
    let failed = run(
        &home,
        &["serve", "--listen", "127.0.0.1:0", "--no-migrate"],
        &[],
    );
    assert!(matches!(failed.status.code(), Some(1 | 78)), "{failed:?}");
    assert!(text(&failed.stderr).contains("pending"), "{failed:?}");
}

#[test]
fn the_journal_gets_priorities_and_no_second_time() {
    let home = TempDir::new().unwrap();
    // The daemon's standard error is this file; it is made again with the same inode.
    let log = home.path().join("log");
    fs::write(&log, "").unwrap();
    let about = fs::metadata(&log).unwrap();
    let stream = format!("{}:{}", about.dev(), about.ino());
    let variables = [
        ("JOURNAL_STREAM", stream.as_str()),
        ("LINUX_API__LOG__ACCESS", "all"),
        ("LINUX_API_SERVER_LISTEN", "127.0.0.1:1"),
    ];
    let daemon = Daemon::start(home.path(), &[], &variables);
    assert_eq!(daemon.get("/livez", None).0, 200);
    assert!(daemon.end(Signal::TERM).success());
    let text = fs::read_to_string(&log).unwrap();
    for line in text.lines() {
        let number = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let (number, rest) = number.unwrap_or_else(|| panic!("{line}"));
        assert!(["3", "4", "6", "7"].contains(&number), "{line}");
        assert!(!rest.starts_with("20"), "{line}");
    }
    assert!(text.contains("<6>access GET /livez 200"), "{text}");
    let warning = "<4> WARN linux_api::cli::serve: the variable LINUX_API_SERVER_LISTEN is not read: \
                   did you mean LINUX_API__SERVER__LISTEN?";
    assert!(text.contains(warning), "{text}");
}
