//! `/api/v1/system`: what the host is, its processes and accounts, its load.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use linux_api_host::HostRoots;
use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::app::{App, Setup};
use crate::api::database::Database;
use crate::api::reply::names;

on_both_engines! {
    the_uptime_is_split_into_units,
    the_host_is_described,
    processes_are_listed_by_number,
    hostile_process_names_are_right_and_escaped,
    an_account_is_answered_under_its_name,
    averages_are_in_percent_and_values_are_fractions,
    a_clock_that_jumps_makes_no_reading_older,
    load_before_the_first_value_is_not_ready,
    a_host_that_cannot_be_read_is_503,
}

const INFO: &str = "/api/v1/system/info";
const LOAD: &str = "/api/v1/system/load";

async fn the_uptime_is_split_into_units(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let uptime = app
        .get(&viewer.key, &format!("{INFO}/uptime"))
        .await
        .expect(200);
    assert_eq!(
        names(&uptime),
        ["days", "full_seconds", "hours", "minutes", "seconds"]
    );
    let part = |name: &str| uptime[name].as_u64().unwrap();
    let sum = ((part("days") * 24 + part("hours")) * 60 + part("minutes")) * 60 + part("seconds");
    assert_eq!(part("full_seconds"), sum);
    let kernel = std::fs::read_to_string("/proc/uptime").unwrap();
    let now: f64 = kernel.split(' ').next().unwrap().parse().unwrap();
    let read = std::time::Duration::from_secs(sum).as_secs_f64();
    assert!((0.0..60.0).contains(&(now - read)), "{read} {now}");
}

async fn the_host_is_described(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let info = app
        .get(&viewer.key, &format!("{INFO}/system-info"))
        .await
        .expect(200);
    let fields = [
        "cpu_count",
        "disk_total",
        "machine",
        "memory_total",
        "node_name",
        "processor",
        "release",
        "system",
        "utc_offset_seconds",
        "version",
    ];
    assert_eq!(names(&info), fields);
    let offset = info["utc_offset_seconds"].as_i64().unwrap();
    assert!(offset.abs() < 86_400);
    let name = rustix::system::uname();
    assert_eq!(info["system"], "Linux");
    assert_eq!(
        info["node_name"].as_str().unwrap(),
        name.nodename().to_str().unwrap()
    );
    assert_eq!(
        info["release"].as_str().unwrap(),
        name.release().to_str().unwrap()
    );
    assert!(info["cpu_count"].as_u64().unwrap() >= 1);
    assert!(info["memory_total"].as_u64().unwrap() > 1 << 20);
    assert!(info["disk_total"].as_u64().unwrap() > 1 << 20);
}

/// The entry of a process.
async fn listed(app: &App, key: &str, pid: u32) -> Option<Value> {
    let list = app.get(key, &format!("{INFO}/processes")).await.expect(200);
    let all = list.as_array().unwrap();
    let pids: Vec<u64> = all.iter().map(|one| one["pid"].as_u64().unwrap()).collect();
    assert!(pids.is_sorted(), "ascending");
    all.iter().find(|one| one["pid"] == pid).cloned()
}

async fn processes_are_listed_by_number(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let own = listed(&app, &viewer.key, std::process::id()).await.unwrap();
    assert_eq!(names(&own), ["name", "pid", "status"]);
    let first = listed(&app, &viewer.key, 1).await.unwrap();
    assert!(!first["name"].as_str().unwrap().is_empty());
    let words = ["running", "sleeping", "idle", "disk-sleep"];
    assert!(
        words.contains(&first["status"].as_str().unwrap()),
        "{first}"
    );
}

/// A child that ends with the test, whatever way that ends.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program that only waits, from a file of this name.
fn run_as(folder: &std::path::Path, name: &[u8]) -> KillOnDrop {
    let program = folder.join(OsStr::from_bytes(name));
    std::fs::copy("/bin/sleep", &program).unwrap();
    // A sleep that is one of many programs in one file goes by its first argument.
    let mut command = Command::new(&program);
    command.arg0("sleep").arg("600").stdin(Stdio::null());
    // Another thread that forks may still hold the file open for writing for a moment.
    loop {
        match command.spawn() {
            Ok(child) => return KillOnDrop(child),
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn hostile_process_names_are_right_and_escaped(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let folder = database.folder.path();
    let cases: [(&[u8], &str); 5] = [
        (b") R 1 1 (x", ") R 1 1 (x"),
        (b"a)\nb\t(", "a)\nb\t("),
        (b"\x1b]0;evil\x07", "\u{1b}]0;evil\u{7}"),
        (b"bad\xff\xfe utf8", "bad\u{fffd}\u{fffd} utf8"),
        (b"\"quoted\\\" <b>", "\"quoted\\\" <b>"),
    ];
    let running: Vec<(KillOnDrop, &str)> = cases
        .iter()
        .map(|(file, name)| (run_as(folder, file), *name))
        .collect();
    for (child, name) in &running {
        let pid = child.0.id();
        // Its own name comes with the exec, a moment after the fork; lists are a second old at most.
        let entry = loop {
            let entry = listed(&app, &viewer.key, pid).await;
            match entry {
                Some(entry) if entry["status"] == "sleeping" && entry["name"] == *name => {
                    break entry;
                }
                _ => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        };
        assert_eq!(
            entry,
            json!({"pid": pid, "name": name, "status": "sleeping"})
        );
    }
    let reply = app.get(&viewer.key, &format!("{INFO}/processes")).await;
    let raw_controls = reply
        .body
        .iter()
        .filter(|byte| **byte < 0x20 || **byte == 0x7f);
    assert_eq!(
        raw_controls.count(),
        0,
        "every control character is escaped"
    );
}

async fn an_account_is_answered_under_its_name(database: Database) {
    let root = database.folder.path();
    std::fs::create_dir(root.join("etc")).unwrap();
    let passwd = "root:x:0:0:root:/root:/bin/bash\nweb-data:x:33:34::/var/www:/usr/sbin/nologin\n";
    std::fs::write(root.join("etc/passwd"), passwd).unwrap();
    let mut setup = Setup::new(&database);
    setup.roots = HostRoots {
        rootfs: root.to_owned(),
        ..HostRoots::default()
    };
    let app = App::with(setup).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let account = async |query: &str| {
        app.get(&viewer.key, &format!("{INFO}/system-user{query}"))
            .await
    };
    assert_eq!(
        account("?username=web-data").await.expect(200),
        json!({"web-data": {
            "user_name": "web-data", "uid": 33, "gid": 34,
            "home_dir": "/var/www", "shell": "/usr/sbin/nologin"
        }})
    );
    let long = format!("?username={}", "x".repeat(3000));
    for query in [
        "?username=nobody-such",
        "?username=",
        "?username=%00",
        "?username=root%00",
        "?username=0",
        "?username=-s",
        "?username=root:x",
        "?username=..%2f..%2fetc",
        "?username=%ff",
        long.as_str(),
    ] {
        let reply = account(query).await;
        reply.expect_problem(404, "account_not_found", "System user not found");
    }
    for query in ["", "?user=root"] {
        let reply = account(query).await;
        reply.expect_invalid(&[(&["query", "username"], "Field required")]);
    }
}

async fn averages_are_in_percent_and_values_are_fractions(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    for (load, busy) in [
        (1.0, 50),
        (2.0, 0),
        (3.0, 25),
        (0.0, 0),
        (4.0, 0),
        (2.0, 75),
    ] {
        app.sample_load(load, busy).await;
    }
    let system = json!({"average_load": 2.0});
    let cpu = json!({"average_load": 25.0});
    for (path, expected) in [
        ("average", json!({"system": system, "cpu": cpu})),
        ("cpu/average", json!({"cpu": cpu})),
        ("system/average", json!({"system": system})),
    ] {
        let reply = app.get(&viewer.key, &format!("{LOAD}/{path}")).await;
        assert_eq!(reply.expect(200), expected, "{path}");
    }
    let loads = [1.0, 2.0, 3.0, 0.0, 4.0, 2.0];
    let uses = [0.5, 0.0, 0.25, 0.0, 0.0, 0.75];
    for (query, from) in [
        ("", 1),
        ("?n=1", 5),
        ("?n=2", 4),
        ("?n=2.0", 4),
        ("?n=1440", 0),
    ] {
        let system = json!({"last_loads": &loads[from..]});
        let cpu = json!({"last_loads": &uses[from..]});
        for (path, expected) in [
            ("values", json!({"system": system, "cpu": cpu})),
            ("cpu/values", json!({"cpu": cpu})),
            ("system/values", json!({"system": system})),
        ] {
            let reply = app.get(&viewer.key, &format!("{LOAD}/{path}{query}")).await;
            assert_eq!(reply.expect(200), expected, "{path}{query}: oldest first");
        }
    }
    let integer = "Input should be a valid integer, unable to parse string as an integer";
    for (n, message) in [
        ("0", "Input should be greater than or equal to 1"),
        ("-1", "Input should be greater than or equal to 1"),
        ("1441", "Input should be less than or equal to 1440"),
        (
            "99999999999999999999999",
            "Input should be less than or equal to 1440",
        ),
        ("x", integer),
        ("", integer),
        ("null", integer),
    ] {
        for path in ["values", "cpu/values", "system/values"] {
            let reply = app.get(&viewer.key, &format!("{LOAD}/{path}?n={n}")).await;
            reply.expect_invalid(&[(&["query", "n"], message)]);
        }
    }
}

async fn a_clock_that_jumps_makes_no_reading_older(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    app.sample_load(1.0, 50).await;
    app.clock.advance(Duration::from_hours(2));
    let reply = app.get(&viewer.key, "/api/v1/system/snapshot").await;
    let age = reply.expect(200)["status"]["load"]["age_ms"].as_u64();
    assert!(age.unwrap() < 3_600_000, "{age:?}");
    let admin = app.user("boss12", Role::Admin).await;
    let reply = app.get(&admin.key, "/api/v1/health/metrics").await;
    let age = reply.expect(200)["sampler"]["families"]["load"]["age_ms"].as_u64();
    assert!(age.unwrap() < 3_600_000, "{age:?}");
}

async fn load_before_the_first_value_is_not_ready(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    for path in [
        "average",
        "cpu/average",
        "system/average",
        "values",
        "cpu/values",
        "system/values",
    ] {
        let reply = app.get(&viewer.key, &format!("{LOAD}/{path}")).await;
        reply.expect_problem(503, "load_not_ready", "LoadMonitor not ready");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
}

async fn a_host_that_cannot_be_read_is_503(database: Database) {
    let nowhere = database.folder.path().join("nowhere");
    let mut setup = Setup::new(&database);
    setup.roots = HostRoots {
        procfs: nowhere.clone(),
        sysfs: nowhere.clone(),
        rootfs: nowhere,
    };
    let app = App::with(setup).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    for path in ["uptime", "processes", "system-info"] {
        let reply = app.get(&viewer.key, &format!("{INFO}/{path}")).await;
        let body = reply.expect_code(503, "host_unreadable");
        assert!(
            !body.to_string().contains("nowhere"),
            "no inner path is shown"
        );
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
}
