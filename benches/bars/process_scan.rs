//! Scans of many processes, beside a plain loop that reads the same files.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use linux_api_host::Collector;

use crate::table::{Bar, Row};

/// How many processes sleep beside those of the machine.
pub(crate) const SLEEPERS: usize = 2000;

/// What a scan reads of every process.
const EACH_TIME: &[&str] = &["stat", "io"];
/// What it also reads of those that it does not know.
const FIRST_TIME: &[&str] = &["stat", "cmdline", "status", "cgroup", "io"];

/// The fastest round counts: whatever else the machine does can only slow one down.
const ROUNDS: usize = 15;

/// Processes that sleep until this value goes.
pub(crate) struct Sleepers(Vec<Child>);

impl Sleepers {
    pub(crate) fn start() -> Self {
        Self::start_some(SLEEPERS)
    }

    pub(crate) fn start_some(count: usize) -> Self {
        let sleep = |_| {
            let mut command = Command::new("/bin/sleep");
            command.arg("3600").stdin(Stdio::null());
            command.spawn().unwrap()
        };
        Self((0..count).map(sleep).collect())
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let _sleepers = Sleepers::start();
    // Processes younger than this are looked at more closely.
    std::thread::sleep(Duration::from_secs(6));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scan = |collector: &Collector| {
        let scan = runtime.block_on(collector.shared_processes()).unwrap();
        assert!(scan.processes.len() >= SLEEPERS);
        scan.duration.as_secs_f64() * 1000.0
    };
    let (mut first, mut again) = (Vec::new(), Vec::new());
    let (mut first_plain, mut again_plain) = (Vec::new(), Vec::new());
    let known = Collector::default();
    scan(&known);
    for _ in 0..ROUNDS {
        first.push(scan(&Collector::default()));
        first_plain.push(plain_loop(FIRST_TIME));
        // A scan is shared for a second.
        std::thread::sleep(Duration::from_millis(1010));
        again.push(scan(&known));
        again_plain.push(plain_loop(EACH_TIME));
    }
    vec![
        row("scan of 2000 processes", &again, &again_plain),
        row("the same for the first time", &first, &first_plain),
    ]
}

fn row(what: &'static str, ours: &[f64], plain: &[f64]) -> Row {
    let fastest = |millis: &[f64]| millis.iter().copied().fold(f64::INFINITY, f64::min);
    let (ours, plain) = (fastest(ours), fastest(plain));
    Row {
        what,
        ours: format!("{ours:.1} ms"),
        reference: format!("{plain:.1} ms (plain loop)"),
        value: ours / plain,
        bar: Bar::AtMost(1.2),
    }
}

/// Reads these files of every process and does nothing with them; returns milliseconds.
fn plain_loop(files: &[&str]) -> f64 {
    let started = Instant::now();
    let mut buffer = vec![0; 16 << 10];
    let mut bytes = 0;
    for entry in fs::read_dir("/proc").unwrap() {
        let name = entry.unwrap().file_name();
        let Some(pid) = name.to_str().filter(|name| name.parse::<u32>().is_ok()) else {
            continue;
        };
        for file in files {
            let Ok(mut file) = File::open(format!("/proc/{pid}/{file}")) else {
                continue;
            };
            bytes += file.read(&mut buffer).unwrap_or(0);
        }
    }
    assert!(bytes > 0);
    started.elapsed().as_secs_f64() * 1000.0
}
