//! One reading of this host, and the stream of them, as clients get them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::process::{Daemon, patch, post, request};

const FAMILIES: [&str; 13] = [
    "cpu",
    "load",
    "memory",
    "swap",
    "filesystems",
    "disks",
    "networks",
    "sensors",
    "pressure",
    "uptime",
    "processes",
    "sessions",
    "units",
];

/// A stream that is read line by line.
pub(super) struct Stream {
    lines: BufReader<Box<dyn Read>>,
    head: String,
}

#[derive(Debug, PartialEq)]
pub(super) enum Event {
    Data(String, Value),
    Comment,
    /// The response has ended.
    Over,
}

impl Stream {
    fn open(address: &str, query: &str, key: &str) -> Self {
        let target = format!("/api/v1/system/stream?{query}");
        Self::of(address, &target, key)
    }

    /// A stream of another route.
    pub(super) fn of(address: &str, target: &str, key: &str) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        let wait = Duration::from_secs(20);
        socket.set_read_timeout(Some(wait)).unwrap();
        Self::begin(socket, target, &format!("X-API-Key: {key}\r\n"))
    }

    fn over(socket: impl Read + Write + 'static, query: &str, header: &str) -> Self {
        Self::begin(socket, &format!("/api/v1/system/stream?{query}"), header)
    }

    fn begin(mut socket: impl Read + Write + 'static, target: &str, header: &str) -> Self {
        write!(
            socket,
            "GET {target} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"
        )
        .unwrap();
        let mut lines = BufReader::new(Box::new(socket) as Box<dyn Read>);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).unwrap(), 0, "{head}");
        }
        Self { lines, head }
    }

    pub(super) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The next line that is not one of the chunked encoding.
    fn line(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            if line == "0\r\n" || line.is_empty() {
                return None;
            }
            if !line.ends_with("\r\n") {
                return Some(line.trim_end().to_owned());
            }
        }
    }

    pub(super) fn event(&mut self) -> Event {
        let mut name = String::new();
        loop {
            let Some(line) = self.line() else {
                return Event::Over;
            };
            if line.starts_with(": ") {
                return Event::Comment;
            }
            if let Some(given) = line.strip_prefix("event: ") {
                given.clone_into(&mut name);
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Event::Data(name, serde_json::from_str(data).unwrap());
            }
        }
    }

    fn snapshot(&mut self) -> Value {
        loop {
            match self.event() {
                Event::Data(name, data) if name == "snapshot" => return data,
                Event::Comment => {}
                other => panic!("{other:?} in place of a snapshot"),
            }
        }
    }

    /// Reads to the end and returns the reason for it.
    pub(super) fn reason(&mut self) -> String {
        loop {
            match self.event() {
                Event::Data(name, data) if name == "end" => {
                    assert_eq!(self.event(), Event::Over);
                    return data["reason"].as_str().unwrap().to_owned();
                }
                Event::Over => panic!("the stream ended without a reason"),
                _ => {}
            }
        }
    }
}

fn start(variables: &[(&str, &str)]) -> (TempDir, Daemon, String) {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], variables);
    let key = daemon.key.clone().unwrap();
    (home, daemon, key)
}

/// A daemon with a Unix socket on which the account of this test is the admin, and a connection.
fn start_on_unix(max_lag: &str) -> (TempDir, Daemon, UnixStream) {
    let account = Command::new("id").arg("-un").output().unwrap().stdout;
    let account = String::from_utf8(account).unwrap();
    let home = TempDir::new().unwrap();
    let (file, path) = (home.path().join("config.toml"), home.path().join("socket"));
    let text = format!(
        "[server]\nunix = \"{}\"\nunix_peers = {{ {:?} = \"admin\" }}\n\n\
         [stream]\nmax_lag = {max_lag:?}\n",
        path.display(),
        account.trim()
    );
    std::fs::write(&file, text).unwrap();
    let daemon = Daemon::start(home.path(), &["--config", file.to_str().unwrap()], &[]);
    let socket = UnixStream::connect(&path).unwrap();
    let wait = Duration::from_secs(20);
    socket.set_read_timeout(Some(wait)).unwrap();
    (home, daemon, socket)
}

/// A second key of the same user, and its id.
pub(super) fn second_key(daemon: &Daemon, key: &str) -> (String, String) {
    let body = json!({"name": "watcher"});
    let (status, text) = post(&daemon.address, "/api/v1/user/keys", key, &body);
    assert_eq!(status, 201, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("api_key"), text("key_id"))
}

#[test]
fn this_host_is_read_within_moments_of_the_start() {
    let (_home, daemon, key) = start(&[]);
    let (status, body) = daemon.get("/api/v1/system/snapshot", Some(&key));
    assert_eq!(status, 200, "{body}");
    let snapshot: Value = serde_json::from_str(&body).unwrap();
    for family in FAMILIES {
        let (field, status) = (
            if family == "uptime" {
                "uptime_seconds"
            } else {
                family
            },
            &snapshot["status"][family],
        );
        let is_absent = snapshot[field].is_null();
        assert!(snapshot.get(field).is_some(), "{field}");
        assert_eq!(is_absent, status["age_ms"].is_null(), "{field}: {status}");
        assert_eq!(is_absent, status["error"].is_string(), "{field}: {status}");
    }
    let cores = snapshot["cpu"]["per_core"].as_array().unwrap();
    assert_eq!(cores.len(), thread::available_parallelism().unwrap().get());
    assert!(snapshot["memory"]["used_bytes"].as_u64().unwrap() > 0);
    let lists = ["filesystems", "networks"];
    assert!(
        lists
            .iter()
            .all(|list| !snapshot[list].as_array().unwrap().is_empty())
    );
}

#[test]
fn only_the_families_asked_for_are_shown_and_unknown_ones_refused() {
    let (_home, daemon, key) = start(&[]);
    let path = "/api/v1/system/snapshot?include=load,uptime&include=load";
    let (status, body) = daemon.get(path, Some(&key));
    assert_eq!(status, 200, "{body}");
    let snapshot: Value = serde_json::from_str(&body).unwrap();
    let fields: Vec<&String> = snapshot.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "host",
            "host_id",
            "load",
            "status",
            "time",
            "uptime_seconds"
        ]
    );
    for route in ["snapshot", "stream"] {
        let path = format!("/api/v1/system/{route}?include=load,gpu");
        let (status, body) = daemon.get(&path, Some(&key));
        assert_eq!(status, 422, "{body}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        let field = &problem["errors"][0];
        assert_eq!(field["location"], json!(["query", "include"]));
        let message = field["message"].as_str().unwrap();
        assert!(
            message.starts_with("\"gpu\": expected one of cpu, "),
            "{message}"
        );
        assert_eq!(daemon.get(&format!("/api/v1/system/{route}"), None).0, 401);
    }
    let (status, _) = daemon.get("/api/v1/system/stream?interval=0", Some(&key));
    assert_eq!(status, 422);
}

#[test]
fn a_stream_begins_at_once_and_goes_on_every_second() {
    let (_home, daemon, key) = start(&[]);
    let mut stream = Stream::open(&daemon.address, "interval=1&include=uptime,cpu", &key);
    assert_eq!(stream.status(), 200);
    let head = stream.head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: text/event-stream\r\n"),
        "{head}"
    );
    let first = stream.snapshot();
    let fields: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["cpu", "host", "status", "time", "uptime_seconds"]);
    stream.snapshot();
    let (begin, mut times) = (Instant::now(), vec![first["time"].clone()]);
    for _ in 0..3 {
        times.push(stream.snapshot()["time"].clone());
    }
    let passed = begin.elapsed().as_secs_f64();
    assert!((2.0..5.0).contains(&passed), "{passed}");
    times.dedup();
    assert_eq!(times.len(), 4, "each reading is a new one");
}

#[test]
fn the_busiest_processes_follow_each_reading_when_asked_for() {
    let (_home, daemon, key) = start(&[]);
    let query = "interval=1&include=uptime&processes=3";
    let mut stream = Stream::open(&daemon.address, query, &key);
    for _ in 0..3 {
        stream.snapshot();
        let Event::Data(name, list) = stream.event() else {
            panic!("no processes");
        };
        assert_eq!(name, "processes");
        let rows = list["items"].as_array().unwrap();
        assert_eq!(rows.len(), 3);
        let shares: Vec<f64> = rows
            .iter()
            .filter_map(|row| row["cpu_percent"].as_f64())
            .collect();
        assert!(shares.is_sorted_by(|one, next| one >= next), "{shares:?}");
        assert!(rows.iter().all(|row| row["name"].is_string()));
    }
}

#[test]
fn silence_is_broken_by_heartbeats() {
    let (_home, daemon, key) = start(&[("LINUX_API__STREAM__HEARTBEAT", "100ms")]);
    let mut stream = Stream::open(&daemon.address, "interval=3600", &key);
    stream.snapshot();
    for _ in 0..3 {
        assert_eq!(stream.event(), Event::Comment);
    }
}

#[test]
fn a_revoked_key_ends_its_streams_within_five_seconds_and_no_others() {
    let (_home, daemon, key) = start(&[]);
    let (watcher, id) = second_key(&daemon, &key);
    let mut revoked = Stream::open(&daemon.address, "interval=3600", &watcher);
    let mut other = Stream::open(&daemon.address, "interval=1&include=load", &key);
    revoked.snapshot();
    other.snapshot();
    let path = format!("/api/v1/user/keys/{id}");
    let (status, body) = request(&daemon.address, "DELETE", &path, Some(&key));
    assert!((200..300).contains(&status), "{body}");
    let begin = Instant::now();
    assert_eq!(revoked.reason(), "key_ended");
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    other.snapshot();
    other.snapshot();
}

#[test]
fn a_deactivated_user_loses_its_streams() {
    let (_home, daemon, key) = start(&[]);
    let body = json!({"username": "watcher", "activate": true});
    let (status, text) = post(&daemon.address, "/api/v1/user/register", &key, &body);
    assert_eq!(status, 200, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let watcher = made["api_key"].as_str().unwrap();
    let mut stream = Stream::open(&daemon.address, "interval=3600", watcher);
    stream.snapshot();
    let path = format!(
        "/api/v1/admin/users/{}/deactivate",
        made["user_id"].as_str().unwrap()
    );
    let (status, body) = request(&daemon.address, "PATCH", &path, Some(&key));
    assert!((200..300).contains(&status), "{body}");
    assert_eq!(stream.reason(), "not_allowed");
}

#[test]
fn a_user_that_is_limited_to_other_hosts_loses_its_streams() {
    let (_home, daemon, key) = start(&[]);
    let body = json!({"username": "watcher", "activate": true});
    let (status, text) = post(&daemon.address, "/api/v1/user/register", &key, &body);
    assert_eq!(status, 200, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let watcher = made["api_key"].as_str().unwrap();
    let mut stream = Stream::open(&daemon.address, "interval=3600", watcher);
    stream.snapshot();
    let path = format!(
        "/api/v1/admin/users/{}/hosts",
        made["user_id"].as_str().unwrap()
    );
    let body = json!({"hosts": "env=prod"});
    let (status, text) = patch(&daemon.address, &path, &key, &body);
    assert_eq!(status, 200, "{text}");
    let limited = std::time::Instant::now();
    assert_eq!(stream.reason(), "not_allowed");
    assert!(limited.elapsed() < Duration::from_secs(5));
    let (status, text) = daemon.get("/api/v1/user/me", Some(watcher));
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("host_not_allowed"), "{text}");
}

#[test]
fn the_unix_socket_streams_too() {
    let (_home, daemon, socket) = start_on_unix("30s");
    let mut stream = Stream::over(socket, "interval=1&include=load", "");
    assert!(stream.snapshot()["load"]["one"].is_number());
    assert!(daemon.end(Signal::TERM).success());
    assert_eq!(stream.reason(), "shutdown");
}

#[test]
fn a_reader_that_comes_back_too_late_hears_why_its_stream_ends() {
    let (_home, _daemon, socket) = start_on_unix("1s");
    let mut stream = Stream::over(socket.try_clone().unwrap(), "interval=1&processes=100", "");
    stream.snapshot();
    // The daemon is behind once all between the two is full, so that nothing more arrives.
    let mut last = (0, Instant::now());
    while last.1.elapsed() < Duration::from_secs(4) {
        thread::sleep(Duration::from_millis(50));
        let waiting = rustix::io::ioctl_fionread(&socket).unwrap();
        if waiting != last.0 {
            last = (waiting, Instant::now());
        }
    }
    assert_eq!(stream.reason(), "too_slow");
}

#[test]
fn streams_end_with_the_daemon_and_do_not_hold_it_up() {
    let (_home, daemon, key) = start(&[]);
    let mut streams: Vec<Stream> = (0..3)
        .map(|_| Stream::open(&daemon.address, "interval=3600", &key))
        .collect();
    for stream in &mut streams {
        stream.snapshot();
    }
    let begin = Instant::now();
    assert!(daemon.end(Signal::TERM).success());
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    for stream in &mut streams {
        assert_eq!(stream.reason(), "shutdown");
    }
}

#[test]
fn streams_are_bounded_per_key_and_in_all() {
    let bounds = [
        ("LINUX_API__STREAM__MAX_PER_KEY", "2"),
        ("LINUX_API__STREAM__MAX", "3"),
    ];
    let (_home, daemon, key) = start(&bounds);
    let (watcher, _) = second_key(&daemon, &key);
    let open = |key: &str| Stream::open(&daemon.address, "interval=1&include=load", key);
    let mut first = open(&key);
    let second = open(&key);
    let refused = open(&key);
    assert_eq!(refused.status(), 429);
    let head = refused.head.to_ascii_lowercase();
    assert!(head.contains("retry-after: 10\r\n"), "{head}");
    let third = open(&watcher);
    assert_eq!(
        (first.status(), second.status(), third.status()),
        (200, 200, 200)
    );
    assert_eq!(open(&watcher).status(), 503);
    drop(second);
    // The daemon notices at the next event that it can't send.
    let again = (0..50).find_map(|_| {
        first.snapshot();
        Some(open(&key)).filter(|stream| stream.status() == 200)
    });
    assert!(
        again.is_some(),
        "the place of a closed stream is free again"
    );
}

#[test]
fn a_reader_that_never_reads_does_not_hinder_the_others() {
    let (_home, daemon, key) = start(&[]);
    let stuck: Vec<Stream> = (0..5)
        .map(|_| Stream::open(&daemon.address, "interval=1", &key))
        .collect();
    let mut reader = Stream::open(&daemon.address, "interval=1&include=load", &key);
    let begin = Instant::now();
    for _ in 0..4 {
        reader.snapshot();
    }
    assert!(
        begin.elapsed() < Duration::from_secs(6),
        "{:?}",
        begin.elapsed()
    );
    drop(stuck);
}
