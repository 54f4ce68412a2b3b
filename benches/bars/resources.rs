//! How soon the daemon serves its first response, and how much memory it takes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::daemon::{self, Daemon};
use crate::load;
use crate::process_scan::Sleepers;
use crate::scrape::cpu_seconds;
use crate::table::{Bar, Row, median};

const STARTS: usize = 9;
const IDLE_STARTS: usize = 5;
/// When the first look at the memory is, and when the second: after what the start needed, and with
/// what several flushes left behind.
const EARLY: Duration = Duration::from_secs(3);
const LATE: Duration = Duration::from_mins(1);
const SETTLE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_mins(1);

pub(crate) fn start() -> Vec<Row> {
    let home = tempfile::tempdir().unwrap();
    drop(Daemon::start(home.path(), &[]));
    let millis = (0..STARTS).map(|_| start_once(home.path())).collect();
    let millis = median(millis);
    vec![Row {
        what: "start to first 200 on an existing SQLite database",
        ours: format!("{millis:.1} ms"),
        reference: String::new(),
        value: millis,
        bar: Bar::AtMost(100.0),
    }]
}

fn start_once(home: &std::path::Path) -> f64 {
    let address = daemon::free_address();
    let started = Instant::now();
    let mut child = daemon::command(home, address).spawn().unwrap();
    while !is_ready(address) {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "it does not start"
        );
        std::thread::sleep(Duration::from_micros(500));
    }
    let millis = started.elapsed().as_secs_f64() * 1000.0;
    child.kill().unwrap();
    child.wait().unwrap();
    millis
}

fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200 ")
}

/// Processor time of a daemon without requests, with 300 processes on the machine.
pub(crate) fn idle() -> Vec<Row> {
    let _sleepers = Sleepers::start_some(300);
    let home = tempfile::tempdir().unwrap();
    drop(Daemon::start(home.path(), &[]));
    let daemon = Daemon::start(home.path(), &[]);
    std::thread::sleep(SETTLE);
    let before = cpu_seconds(daemon.id());
    std::thread::sleep(IDLE);
    let percent = 100.0 * (cpu_seconds(daemon.id()) - before) / IDLE.as_secs_f64();
    vec![Row {
        what: "processor time idle, 300 processes, of one core",
        ours: format!("{percent:.2} %"),
        reference: String::new(),
        value: percent,
        bar: Bar::AtMost(0.3),
    }]
}

pub(crate) fn memory() -> Vec<Row> {
    let homes: Vec<_> = (0..IDLE_STARTS)
        .map(|_| tempfile::tempdir().unwrap())
        .collect();
    // Not the start that made the database and hashed the first key. Which pages of the binary the
    // kernel maps along with those that are needed differs from start to start by half a MiB.
    for home in &homes {
        drop(Daemon::start(home.path(), &[]));
    }
    let start = |home: &tempfile::TempDir| Daemon::start(home.path(), &[]);
    let idle: Vec<_> = homes.iter().map(start).collect();
    let resident = || median(idle.iter().map(Daemon::resident_mib).collect());
    std::thread::sleep(EARLY);
    let early_mib = resident();
    std::thread::sleep(LATE.saturating_sub(EARLY));
    let late_mib = resident();
    drop(idle);
    let other_home = tempfile::tempdir().unwrap();
    let loaded = Daemon::start(other_home.path(), daemon::UNLIMITED);
    let path = "/api/v1/system/processes?limit=1000";
    load::run(loaded.address, path, &loaded.headers(), 32, SETTLE);
    let loaded_mib = loaded.resident_mib();
    let row = |what, mib: f64, bar| Row {
        what,
        ours: format!("{mib:.1} MiB"),
        reference: String::new(),
        value: mib,
        bar: Bar::AtMost(bar),
    };
    vec![
        row("resident memory, 3 s after the start", early_mib, 20.0),
        row(
            "resident memory, 60 s after the start, idle",
            late_mib,
            20.0,
        ),
        row("resident memory, under load", loaded_mib, 60.0),
    ]
}
