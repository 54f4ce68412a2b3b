//! The whole program in a real terminal, against a daemon that means it no good.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use linux_api_tui::demo;
use linux_api_tui::query::{
    AnyQuery, AnyResponse, InfoQuery, MeQuery, MoreColumns, ProcessQuery, SnapshotQuery,
};
use linux_api_wire::time::Clock;

use super::daemon::program;
use super::tmux::{Terminal, descendants};

/// Longest time for a response to a key.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most memory, in KiB.
const MEMORY: u64 = 100 << 10;

/// The scripted daemon's body for a path; `None` is a body without end.
type ScriptedBody = dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync;

/// Serves until the test ends; says where.
fn serve(answer: Arc<ScriptedBody>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            // A client that goes away is no failure of the test.
            std::thread::spawn(move || drop(talk(stream, &*answer)));
        }
    });
    url
}

fn talk(mut stream: TcpStream, answer: &ScriptedBody) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    loop {
        let Some(first) = lines.next().transpose()? else {
            return Ok(());
        };
        for line in lines.by_ref() {
            if line?.is_empty() {
                break;
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default();
        let Some(body) = answer(path) else {
            return talk_on(&mut stream);
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
        )?;
        stream.write_all(&body)?;
    }
}

/// A body without end.
fn talk_on(stream: &mut TcpStream) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    )?;
    let chunk = format!("10000\r\n{}\r\n", "[".repeat(65536));
    loop {
        stream.write_all(chunk.as_bytes())?;
    }
}

/// The scripted daemon's honest response for a path, as JSON.
fn honest(path: &str) -> Vec<u8> {
    let wanted = match path.split('?').next().unwrap_or_default() {
        "/api/v1/user/me" => AnyQuery::Me(MeQuery),
        "/api/v1/system/snapshot" => AnyQuery::Snapshot(SnapshotQuery),
        "/api/v1/system/info/system-info" => AnyQuery::Info(InfoQuery),
        "/api/v1/system/processes" => AnyQuery::Processes(ProcessQuery {
            filter: String::new(),
            sort: "pid",
            descending: false,
            limit: 100,
            more: MoreColumns::default(),
        }),
        _ => return b"{}".to_vec(),
    };
    let (_, script) = demo::fleet(&Clock::system()).remove(0);
    let json = match script.respond(&wanted).unwrap() {
        AnyResponse::Me(me) => serde_json::to_vec(&me),
        AnyResponse::Snapshot(snapshot) => serde_json::to_vec(&snapshot),
        AnyResponse::Info(info) => serde_json::to_vec(&info),
        AnyResponse::Processes(rows) => serde_json::to_vec(&serde_json::json!({
            "time": "2026-11-23T07:02:00Z", "scan_ms": 1.0, "interval_seconds": 2.0,
            "total": rows.total, "items": rows.items, "next_cursor": null,
        })),
        other => panic!("{other:?}"),
    };
    json.unwrap()
}

/// Ten thousand processes in one page, each with a name that means harm.
fn many() -> Vec<u8> {
    let mut list: serde_json::Value =
        serde_json::from_slice(&honest("/api/v1/system/processes")).unwrap();
    let mut one = list["items"][0].clone();
    one["name"] = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}many".into();
    one["command"] = "\u{1b}]52;c;b3duZWQ=\u{7}many".into();
    let items = (1..=10_000).map(|pid| {
        let mut one = one.clone();
        one["pid"] = pid.into();
        one["ppid"] = (pid / 2).into();
        one
    });
    list["items"] = items.collect();
    list["total"] = 10_000.into();
    serde_json::to_vec(&list).unwrap()
}

/// Text with another in the place of the first value of a member.
fn replaced(json: &[u8], member: &str, value: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(json).into_owned();
    let start = text.find(&format!("\"{member}\":")).unwrap() + member.len() + 3;
    let length = text[start..].find([',', '}']).unwrap();
    [
        &text.as_bytes()[..start],
        value,
        &text.as_bytes()[start + length..],
    ]
    .concat()
}

/// Goes through all views; each key is answered in time, in bounded memory.
fn assert_unharmed(name: &str, answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) {
    let url = serve(Arc::new(answer));
    let home = tempfile::tempdir().unwrap();
    let command = format!(
        "env -i HOME={} TERM=screen LANG=C.UTF-8 LINUX_API_KEY=x {} tui {url}",
        home.path().display(),
        program().display()
    );
    let Some(terminal) = Terminal::start(name, &command) else {
        return;
    };
    let title = terminal.format("#{pane_title}");
    terminal.wait_for(&["2Over", "quit"]);
    for key in ["1", "2", "3", "t", "4", "5", "6", "7", "3"] {
        terminal.keys(&[key]);
        let pressed = Instant::now();
        terminal.keys(&["?"]);
        terminal.wait_for(&["Esc closes"]);
        let took = pressed.elapsed();
        assert!(took < PATIENCE, "{name}: {took:?} after {key}");
        terminal.keys(&["Escape"]);
        terminal.wait_until(|text| !text.contains("Esc closes"));
    }
    let child = descendants(&terminal.format("#{pane_pid}")).remove(0);
    let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most: u64 = most.unwrap().trim_end_matches("kB").trim().parse().unwrap();
    assert!(most < MEMORY, "{name}: {most} KiB");
    assert_eq!(terminal.format("#{pane_title}"), title);
    terminal.keys(&["q"]);
    terminal.wait_for(&["ended with 0"]);
}

#[test]
fn ten_thousand_processes_in_one_page() {
    let processes = many();
    assert_unharmed("many", move |path| {
        let is_list = path.starts_with("/api/v1/system/processes");
        Some(if is_list {
            processes.clone()
        } else {
            honest(path)
        })
    });
}

#[test]
fn texts_of_two_megabytes() {
    let long = format!("\"\\u001b]0;owned\\u0007{}\"", "A".repeat(2 << 20)).into_bytes();
    assert_unharmed("long", move |path| {
        let json = honest(path);
        let member = match path.split('?').next() {
            Some("/api/v1/user/me") => "username",
            Some("/api/v1/system/snapshot") => "host",
            Some("/api/v1/system/processes") => "command",
            _ => return Some(json),
        };
        Some(replaced(&json, member, &long))
    });
}

#[test]
fn numbers_and_texts_that_are_none() {
    for (name, value) in [
        ("nan", &b"NaN"[..]),
        ("minus", b"-1"),
        ("latin", b"\"\xff\xfe\""),
    ] {
        assert_unharmed(name, move |path| {
            let json = honest(path);
            let member = match path.split('?').next() {
                Some("/api/v1/system/snapshot") => "total_bytes",
                Some("/api/v1/system/processes") => "pid",
                _ => return Some(json),
            };
            Some(replaced(&json, member, value))
        });
    }
}

#[test]
fn bodies_without_end() {
    assert_unharmed("endless", |path| {
        let is_known = path.starts_with("/api/v1/user/me");
        is_known.then(|| honest(path))
    });
}
