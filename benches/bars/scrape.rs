//! `GET /metrics` beside Debian's prometheus-node-exporter: with a few parts of the host in both, and with all that
//! each shows by default.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, free_address};
use crate::table::{Bar, Row, median};

const SCRAPES: u32 = 300;
const PARTS: [&str; 10] = [
    "cpu",
    "diskstats",
    "filesystem",
    "loadavg",
    "meminfo",
    "netdev",
    "pressure",
    "stat",
    "time",
    "uname",
];

struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Exporter {
    /// With these parts, or with all that it shows by default.
    fn start(parts: Option<&[&str]>) -> Option<Self> {
        let address = free_address();
        let defaults = parts.map(|_| "--collector.disable-defaults".to_owned());
        let parts = parts.unwrap_or_default().iter();
        let child = Command::new("prometheus-node-exporter")
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.disable-exporter-metrics")
            .args(defaults)
            .args(parts.map(|part| format!("--collector.{part}")))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            crate::table::note("prometheus-node-exporter is not installed: no row to compare with");
            return None;
        };
        let exporter = Self { child, address };
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(exporter)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = compare("a few parts", Some(&PARTS), Bar::AtMost(0.25));
    rows.extend(compare("all by default", None, Bar::AtMost(1.0 / 3.0)));
    rows
}

fn compare(what: &str, parts: Option<&[&str]>, bar: Bar) -> Vec<Row> {
    let home = tempfile::tempdir().unwrap();
    let few = parts
        .unwrap_or_default()
        .iter()
        .map(|part| format!(",+{part}"));
    let few = few.collect::<Vec<String>>().concat();
    let collectors = if few.is_empty() {
        few
    } else {
        format!("-all{few}")
    };
    let options = [
        ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
        ("LINUX_API__METRICS__COLLECTORS", collectors.as_str()),
    ];
    let daemon = Daemon::start(home.path(), &options);
    let Some(exporter) = Exporter::start(parts) else {
        return Vec::new();
    };
    // In turns, so that whatever else the machine does hits both.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(scrape(daemon.address, &daemon.headers(), daemon.id()));
        theirs.push(scrape(exporter.address, "", exporter.child.id()));
    }
    let middle = |all: &[Scrape], part: fn(&Scrape) -> f64| median(all.iter().map(part).collect());
    let row = |figure: &str, unit: &str, part: fn(&Scrape) -> f64, bar| {
        let (ours, theirs) = (middle(&ours, part), middle(&theirs, part));
        Row {
            what: format!("GET /metrics, {what}: {figure}").leak(),
            ours: format!("{ours:.2} {unit}"),
            reference: format!("{theirs:.2} {unit} (node_exporter)"),
            value: ours / theirs,
            bar,
        }
    };
    vec![
        row("processor time of a scrape", "ms", |one| one.cpu, bar),
        row("time of a scrape", "ms", |one| one.time, Bar::None),
        row("size of a scrape", "kB", |one| one.kilobytes, Bar::None),
    ]
}

/// What one scrape takes.
struct Scrape {
    /// Milliseconds of processor.
    cpu: f64,
    /// Milliseconds.
    time: f64,
    /// The response with its head.
    kilobytes: f64,
}

fn scrape(address: SocketAddr, headers: &str, pid: u32) -> Scrape {
    let (before, started) = (cpu_seconds(pid), Instant::now());
    let mut bytes = 0;
    for _ in 0..SCRAPES {
        let answer = fetch(address, headers);
        assert!(answer.contains("node_cpu_seconds"));
        bytes = answer.len();
    }
    let each = |seconds: f64| seconds * 1_000.0 / f64::from(SCRAPES);
    Scrape {
        cpu: each(cpu_seconds(pid) - before),
        time: each(started.elapsed().as_secs_f64()),
        kilobytes: f64::from(u32::try_from(bytes).unwrap()) / 1_000.0,
    }
}

/// One scrape on a connection of its own, read to its end: the exporter sends no `Content-Length`.
fn fetch(address: SocketAddr, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let end = format!("Host: {address}\r\n{headers}Connection: close\r\n\r\n");
    let request = format!("GET /metrics HTTP/1.1\r\n{end}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Processor time of a process since it started.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks: u32 = [fields[11], fields[12]]
        .iter()
        .map(|field| field.parse::<u32>().unwrap())
        .sum();
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second()).unwrap();
    f64::from(ticks) / f64::from(per_second)
}
