//! What a daemon does while its disk is full, and what it holds on to.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use crate::daemon::process::{Daemon, eventually, post, request};

/// A small disk of memory, gone with this value.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Nothing, and a line that says so, where it can't be mounted: that takes root's rights.
    fn mount(size: &str) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size},mode=700"),
                "tmpfs",
            ])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        crate::daemon::left_out::for_want_of(
            "the right to mount",
            "run it as root, outside of a container",
        );
        None
    }

    /// Takes up all that is left.
    fn fill(&self) -> PathBuf {
        let path = self.folder.path().join("filler");
        let mut file = File::create(&path).unwrap();
        for block in [65_536, 512] {
            while file.write_all(&vec![7; block]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).status();
    }
}

fn flusher(daemon: &Daemon, key: &str) -> Value {
    let (status, body) = daemon.get("/api/v1/health/metrics", Some(key));
    assert_eq!(status, 200, "{body}");
    let health: Value = serde_json::from_str(&body).unwrap();
    health["flush_worker"].clone()
}

fn integrity(database: &Path) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(database);
        let mut connection = options.connect().await.unwrap();
        let check = sqlx::query_scalar("pragma integrity_check");
        check.fetch_one(&mut connection).await.unwrap()
    })
}

#[test]
fn a_full_disk_stops_writes_and_nothing_else_until_there_is_room() {
    let Some(disk) = SmallDisk::mount("3m") else {
        return;
    };
    let home = TempDir::new().unwrap();
    let database = disk.folder.path().join("data/full.db");
    let url = format!("sqlite://{}", database.display());
    let variables = [
        ("LINUX_API__DATABASE__URL", url.as_str()),
        ("LINUX_API__FLUSHER__INTERVAL", "200ms"),
        ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
    ];
    let daemon = Daemon::start(home.path(), &[], &variables);
    let key = daemon.key.clone().unwrap();
    let register = |name: &str| {
        let body = json!({ "username": name });
        post(&daemon.address, "/api/v1/user/register", &key, &body).0
    };
    assert_eq!(register("before"), 200);

    let filler = disk.fill();
    let mut number = 0;
    eventually(|| {
        number += 1;
        // The log that SQLite writes first may have some room left.
        let _ = register(&format!("full{number}"));
        let failing = flusher(&daemon, &key)["consecutive_failures"].as_u64();
        failing.is_some_and(|failures| failures >= 2)
    });
    assert_eq!(register("refused"), 507);
    for path in [
        "/livez",
        "/api/v1/user/me",
        "/api/v1/admin/users",
        "/metrics",
    ] {
        assert_eq!(daemon.get(path, Some(&key)).0, 200, "{path}");
    }

    fs::remove_file(filler).unwrap();
    let begin = Instant::now();
    eventually(|| {
        let health = flusher(&daemon, &key);
        let counters = &health["requests"];
        health["consecutive_failures"] == 0 && counters["dropped"] == 0
    });
    assert!(begin.elapsed() <= Duration::from_secs(30));
    assert_eq!(register("after"), 200);
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.lines().count() < 60, "{log}");
    assert!(daemon.end(Signal::TERM).success());
    assert_eq!(integrity(&database), "ok");
}

/// A figure of the process from `/metrics`.
fn figure(daemon: &Daemon, key: &str, name: &str) -> f64 {
    let (status, text) = daemon.get("/metrics", Some(key));
    assert_eq!(status, 200, "{text}");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap().parse().unwrap()
}

#[test]
fn thousands_of_connections_and_requests_leave_nothing_behind() {
    let home = TempDir::new().unwrap();
    let variables = [
        ("LINUX_API__FLUSHER__INTERVAL", "200ms"),
        ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
        ("LINUX_API__SERVER__HEADER_TIMEOUT", "200ms"),
    ];
    let daemon = Daemon::start(home.path(), &[], &variables);
    let key = daemon.key.clone().unwrap();
    let round = || {
        let mut silent = Vec::new();
        for number in 0..1_000 {
            let path = match number % 5 {
                0 => "/api/v1/system/info/uptime".to_owned(),
                1 => "/api/v1/system/snapshot".to_owned(),
                2 => "/metrics".to_owned(),
                3 => format!("/no/such/path/{number}"),
                _ => "/api/v1/metrics/routes?limit=10".to_owned(),
            };
            assert_ne!(request(&daemon.address, "GET", &path, Some(&key)).0, 0);
            if number % 10 == 0 {
                silent.push(TcpStream::connect(&daemon.address).unwrap());
            }
        }
    };
    // Caches, pools and the allocator's arenas fill at first.
    round();
    round();
    let (fds, resident) = ("process_open_fds", "process_resident_memory_bytes");
    let before = (figure(&daemon, &key, fds), figure(&daemon, &key, resident));
    for _ in 0..3 {
        round();
    }
    eventually(|| figure(&daemon, &key, fds) <= before.0 + 4.0);
    let grown = figure(&daemon, &key, resident) - before.1;
    assert!(
        grown < 4.0 * 1024.0 * 1024.0,
        "{grown} bytes more after 3000 requests"
    );
}
