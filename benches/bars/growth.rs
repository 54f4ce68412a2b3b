//! Anonymous memory that stays: after unknown keys, and over a long load.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linux_api_auth::key::PlainKey;

use crate::daemon::Daemon;
use crate::load;
use crate::table::{Bar, Row, note};

/// No client is limited.
const NO_LIMITS: &[(&str, &str)] = &[("LINUX_API__RATE_LIMIT__ENABLED", "false")];

const WARM_UP: u32 = 300;
const UNKNOWN_KEYS: u32 = 1_000;
/// What a check works with is released some time after the last one.
const SETTLE: Duration = Duration::from_secs(5);

/// What an unknown key leaves behind, each the cost of a slow hash.
pub(crate) fn unknown_keys() -> Vec<Row> {
    let home = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(home.path(), NO_LIMITS);
    send_unknown(daemon.address, WARM_UP);
    std::thread::sleep(SETTLE);
    let before = daemon.anonymous_kib();
    send_unknown(daemon.address, UNKNOWN_KEYS);
    std::thread::sleep(SETTLE);
    let each = (daemon.anonymous_kib() - before) / f64::from(UNKNOWN_KEYS);
    vec![Row {
        what: "anonymous memory that an unknown key leaves",
        ours: format!("{each:.2} KiB"),
        reference: format!("after {UNKNOWN_KEYS} keys"),
        value: each,
        bar: Bar::AtMost(0.5),
    }]
}

fn send_unknown(address: SocketAddr, count: u32) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut buffer = vec![0; 64 << 10];
    for _ in 0..count {
        let key = PlainKey::generate().unwrap();
        let request = format!(
            "GET /api/v1/user/me HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {}\r\n\r\n",
            key.expose()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        // Heads and bodies of errors end with a brace.
        while !response.ends_with('}') {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the connection was closed");
            response.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    }
}

/// Of the soak, in seconds, unless `SOAK_SECONDS` says otherwise.
const SOAK_SECONDS: u64 = 600;
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
const WORKERS: u32 = 8;
const REQUESTS_PER_SECOND: u32 = 200;
const STREAMS: usize = 4;
/// On one connection.
const REQUESTS_PER_CONNECTION: u32 = 50;
const PATHS: [&str; 8] = [
    "/api/v1/system/info/uptime",
    "/api/v1/system/info/processes",
    "/api/v1/system/snapshot",
    "/api/v1/system/processes?limit=1000",
    "/metrics",
    "/api/v1/system/history?series=load.one",
    "/api/v1/metrics/routes",
    "/api/v1/user/me",
];

/// Requests of all kinds and live streams for a long time.
pub(crate) fn soak() -> Vec<Row> {
    let seconds = crate::variable("SOAK_SECONDS");
    let seconds = seconds.map_or(SOAK_SECONDS, |text| text.parse().unwrap());
    let (duration, home) = (Duration::from_secs(seconds), tempfile::tempdir().unwrap());
    let daemon = Daemon::start(home.path(), NO_LIMITS);
    let (stop, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let samples = std::thread::scope(|scope| {
        for _ in 0..STREAMS {
            scope.spawn(|| read_stream(&daemon, &stop));
        }
        for worker in 0..WORKERS {
            let (daemon, stop, sent) = (&daemon, &stop, &sent);
            scope.spawn(move || send_paced(daemon, worker, stop, sent));
        }
        let samples = sample(&daemon, duration);
        stop.store(true, Ordering::Relaxed);
        samples
    });
    #[expect(clippy::cast_precision_loss, reason = "a few million at most")]
    let rate = sent.load(Ordering::Relaxed) as f64 / duration.as_secs_f64();
    let slope = slope(&samples) * 600.0 / 1024.0;
    let (first, last) = (samples[0].1 / 1024.0, samples[samples.len() - 1].1 / 1024.0);
    vec![Row {
        what: "growth of anonymous memory per 10 minutes under load",
        ours: format!("{slope:.2} MiB"),
        reference: format!(
            "{rate:.0} requests/s, {STREAMS} streams, {seconds} s: {first:.1} to {last:.1} MiB"
        ),
        value: slope,
        bar: Bar::AtMost(1.0),
    }]
}

/// Seconds and KiB, from when the first third is over: until then caches and connections fill.
fn sample(daemon: &Daemon, duration: Duration) -> Vec<(f64, f64)> {
    let started = Instant::now();
    let mut samples = Vec::new();
    while started.elapsed() < duration {
        std::thread::sleep(SAMPLE_EVERY);
        let (at, kib) = (started.elapsed(), daemon.anonymous_kib());
        if samples.len() % 12 == 11 || at >= duration {
            note(&format!("{:5.0} s {kib:.0} KiB", at.as_secs_f64()));
        }
        samples.push((at.as_secs_f64(), kib));
    }
    samples.split_off(samples.len() / 3)
}

/// By least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    let count = samples.len() as f64;
    let mean = |part: fn(&(f64, f64)) -> f64| samples.iter().map(part).sum::<f64>() / count;
    let (x, y) = (mean(|one| one.0), mean(|one| one.1));
    let both: f64 = samples.iter().map(|one| (one.0 - x) * (one.1 - y)).sum();
    let square: f64 = samples.iter().map(|one| (one.0 - x).powi(2)).sum();
    both / square
}

fn send_paced(daemon: &Daemon, worker: u32, stop: &AtomicBool, sent: &AtomicU64) {
    let pause = Duration::from_secs(1) * WORKERS / REQUESTS_PER_SECOND;
    let mut due = Instant::now() + pause * worker / WORKERS;
    let paths = PATHS.iter().cycle().skip(worker as usize);
    for path in paths {
        let mut connection = load::Persistent::open(daemon.address, path, &daemon.headers());
        for _ in 0..REQUESTS_PER_CONNECTION {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            due += pause;
            connection.exchange();
            sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn read_stream(daemon: &Daemon, stop: &AtomicBool) {
    let mut stream = TcpStream::connect(daemon.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let request = format!(
        "GET /api/v1/system/stream HTTP/1.1\r\nHost: {}\r\n{}\r\n",
        daemon.address,
        daemon.headers()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut buffer = vec![0; 64 << 10];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => panic!("the stream ended"),
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
}
