//! Each query of the boards for Prometheus, sent to one that scrapes two daemons: one on this host, and one on a
//! recorded host that has every kind of device.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::boards::{Query, all};
use super::support::daemon::Daemon;
use super::support::{left_out, postgres::free_port};

const PATIENCE: Duration = Duration::from_mins(1);
/// Panels that a test can't fill, and why; their queries have to be valid nevertheless.
const EMPTY: &[(&str, &str)] = &[
    ("Failed units", "only a booted systemd has units"),
    ("Failures", "the daemon fails no request here"),
];
/// Rules that fire at once, of both severities.
const RULES: &str = r#"
[[rule]]
name = "warns"
series = "uptime.seconds"
warning = 1
for = "0s"

[[rule]]
name = "is_critical"
series = "memory.total_bytes"
critical = 1
for = "0s"
"#;

/// A server that is ended with the test.
struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts one that scrapes these, and an address at which nothing is; nothing where it is not installed.
fn prometheus(targets: &[&str]) -> Option<Server> {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let nowhere = format!("127.0.0.1:{}", free_port());
    let targets: Vec<&str> = targets.iter().copied().chain([nowhere.as_str()]).collect();
    // JSON is YAML.
    let config = json!({"scrape_configs": [{
        "job_name": "linux-api", "scrape_interval": "1s", "scrape_timeout": "1s",
        "static_configs": [{"targets": targets}],
    }]});
    let path = folder.path().join("prometheus.yml");
    fs::write(&path, config.to_string()).unwrap();
    let started = Command::new("prometheus")
        .arg(format!("--config.file={}", path.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.path().join("log")).unwrap())
        .spawn();
    match started {
        Ok(child) => Some(Server {
            child,
            port,
            _folder: folder,
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            left_out::for_want_of("Prometheus", "apt-get install prometheus");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The body of a response; nothing while no one listens.
fn get(port: u16, path: &str, headers: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).ok()?;
    let response = String::from_utf8_lossy(&response).into_owned();
    let (head, body) = response.split_once("\r\n\r\n")?;
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return Some(unchunked(body));
    }
    Some(body.to_owned())
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&rest[..size]);
        body = &rest[(size + 2).min(rest.len())..];
    }
    whole
}

/// What Grafana puts in place of the variables.
fn expanded(text: &str) -> String {
    text.replace("$__rate_interval", "20s")
        .replace("$__range", "1m")
        .replace("$job", "linux-api")
        .replace("$instance", ".*")
}

/// Without what a query falls back to when there is nothing: ` or vector(0)` would hide a wrong name.
fn without_fallback(text: &str) -> &str {
    let text = text.split(" or ").next().unwrap();
    text.trim_start_matches('(')
}

impl Server {
    /// The values of a query now; what Prometheus says against it is an error.
    fn query(&self, text: &str) -> Result<Vec<String>, String> {
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let body = get(self.port, &format!("/api/v1/query?query={text}"), "");
        let body: Value = serde_json::from_str(&body.ok_or("it does not respond")?).unwrap();
        if body["status"] != "success" {
            return Err(body["error"].to_string());
        }
        let result = body["data"]["result"].as_array().unwrap();
        let value = |it: &Value| it["value"][1].as_str().unwrap().to_owned();
        Ok(result.iter().map(value).collect())
    }
}

/// Requests of every kind of status, so that rates are not 0 / 0.
pub(super) fn use_it(daemon: &Daemon) {
    let port = daemon.url.rsplit_once(':').unwrap().1.parse().unwrap();
    let key = format!("X-API-Key: {}\r\n", daemon.key);
    for (path, headers) in [
        ("/api/v1/system/snapshot", key.as_str()),
        ("/api/v1/user/me", &key),
        ("/api/v1/user/me", ""),
        ("/livez", ""),
        ("/nowhere", ""),
    ] {
        assert!(get(port, path, headers).is_some(), "{path}");
    }
}

/// Why a query is not satisfied yet.
fn fault(server: &Server, query: &Query) -> Option<String> {
    let may_be_empty = EMPTY.iter().any(|(panel, _)| *panel == query.panel);
    let text = expanded(&query.text);
    let whole = server.query(&text);
    let tried = if may_be_empty {
        whole
    } else {
        // Both, because what is left of the fallback alone may be no query.
        whole.and_then(|_| server.query(without_fallback(&text)))
    };
    match tried {
        Err(error) => Some(error),
        Ok(values) if may_be_empty || values.iter().any(|it| it != "NaN") => None,
        Ok(values) => Some(format!("{} series, all of them NaN", values.len())),
    }
}

#[test]
fn every_query_for_prometheus_finds_something() {
    let rules = tempfile::tempdir().unwrap();
    fs::write(rules.path().join("rules.toml"), RULES).unwrap();
    let recorded =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host/kernel-6.18-cgroup-v2");
    let (procfs, sysfs) = (recorded.join("proc"), recorded.join("sys"));
    let usual = [
        ("LINUX_API__METRICS__NETWORKS", "127.0.0.0/8"),
        ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
        ("LINUX_API__FLUSHER__INTERVAL", "1s"),
        (
            "LINUX_API__ALERTS__RULES_DIR",
            rules.path().to_str().unwrap(),
        ),
    ];
    let mut other = usual.to_vec();
    other.push(("LINUX_API__HOST__PROCFS", procfs.to_str().unwrap()));
    other.push(("LINUX_API__HOST__SYSFS", sysfs.to_str().unwrap()));
    let here = Daemon::start_with(&[], &usual);
    let there = Daemon::start_with(&[], &other);
    let address = |daemon: &Daemon| daemon.url.trim_start_matches("http://").to_owned();
    let Some(server) = prometheus(&[&address(&here), &address(&there)]) else {
        return;
    };
    let boards = all();
    let mut open: Vec<Query> = boards
        .iter()
        .filter(|board| board.name.ends_with("-prometheus"))
        .flat_map(|board| board.queries("expr"))
        .collect();
    assert!(open.len() > 80, "{}", open.len());
    let deadline = Instant::now() + PATIENCE;
    loop {
        use_it(&here);
        let mut faults = Vec::new();
        open.retain(|query| {
            let fault = fault(&server, query);
            faults.extend(fault.as_ref().map(|it| format!("{}: {it}", query.place)));
            fault.is_some()
        });
        if open.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{}", faults.join("\n"));
        // The next scrape has more; Prometheus does not notify when it was.
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn a_fallback_is_taken_off() {
    assert_eq!(
        without_fallback("count(up == 0) or vector(0)"),
        "count(up == 0)"
    );
    assert_eq!(expanded("a[$__range]"), "a[1m]");
    assert_eq!(unchunked("3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"), "abcd");
}
