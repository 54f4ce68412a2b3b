//! Streams of the journal: entries as they are written, and the end of a stream.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::process::{Daemon, linux_api};
use crate::daemon::streams::{Event, Stream, second_key};
use crate::support::journal_files::{FakeEntry, JournalFiles};

const STREAM: &str = "/api/v1/system/logs/stream";

struct Stage {
    files: JournalFiles,
    daemon: Daemon,
    key: String,
    home: TempDir,
}

impl Stage {
    /// A daemon whose host has a journal of ten lines, the first eight from an earlier boot.
    fn new() -> Option<Self> {
        let home = TempDir::new().unwrap();
        let root = home.path().join("root");
        let mut files = JournalFiles::start(&root)?;
        files.write((0..10).map(|number| FakeEntry {
            boot: usize::from(number >= 8),
            ..FakeEntry::new(number)
        }));
        let variables = [
            ("LINUX_API__HOST__ROOTFS", root.to_str().unwrap()),
            ("LINUX_API__STREAM__HEARTBEAT", "500ms"),
        ];
        let daemon = Daemon::start(home.path(), &[], &variables);
        let key = daemon.key.clone().unwrap();
        let stage = Self {
            files,
            daemon,
            key,
            home,
        };
        while stage.page("limit=1000")["items"].as_array().unwrap().len() < 10 {
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(stage)
    }

    fn page(&self, query: &str) -> Value {
        let path = format!("/api/v1/system/logs?{query}");
        let (status, body) = self.daemon.get(&path, Some(&self.key));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    fn follow(&self, query: &str, key: &str) -> Stream {
        let stream = Stream::of(&self.daemon.address, &format!("{STREAM}?{query}"), key);
        assert_eq!(stream.status(), 200);
        stream
    }
}

/// The next message.
fn message(stream: &mut Stream) -> String {
    loop {
        match stream.event() {
            Event::Data(name, data) if name == "entry" => {
                return data["message"].as_str().unwrap().to_owned();
            }
            Event::Comment => {}
            other => panic!("{other:?} in place of an entry"),
        }
    }
}

#[test]
fn a_stream_goes_on_from_its_cursor_without_loss_or_double() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    // From the boot before.
    let page = stage.page("limit=5");
    assert_eq!(page["items"][0]["message"], "line 5");
    let cursor = page["items"][0]["cursor"].as_str().unwrap().to_owned();
    let mut from_cursor = stage.follow(&format!("cursor={cursor}"), &stage.key);
    let mut from_now = stage.follow("", &stage.key);
    let mut of_web = stage.follow("unit=web.service", &stage.key);
    // Nothing matches until now, of what is there and of what comes first.
    let mut of_pattern = stage.follow(&format!("grep=line%2019&cursor={cursor}"), &stage.key);
    assert_eq!(of_pattern.event(), Event::Comment);
    // A heartbeat says that it listens.
    for stream in [&mut from_now, &mut of_web] {
        assert_eq!(stream.event(), Event::Comment);
    }
    stage.files.write((10..20).map(|number| FakeEntry {
        boot: 1,
        unit: if number % 5 == 0 {
            "web.service"
        } else {
            "app.service"
        },
        ..FakeEntry::new(number)
    }));
    for number in 6..20 {
        assert_eq!(message(&mut from_cursor), format!("line {number}"));
    }
    for number in 10..20 {
        assert_eq!(message(&mut from_now), format!("line {number}"));
    }
    for number in [10, 15] {
        assert_eq!(message(&mut of_web), format!("line {number}"));
    }
    assert_eq!(message(&mut of_pattern), "line 19");
    stage.daemon.signal(Signal::TERM);
    for mut stream in [from_cursor, from_now, of_web, of_pattern] {
        assert_eq!(stream.reason(), "shutdown");
    }
}

#[test]
fn a_revoked_key_ends_its_stream_and_no_line_goes_out_after_that() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    let (watcher, id) = second_key(&stage.daemon, &stage.key);
    let mut revoked = stage.follow("", &watcher);
    let mut other = stage.follow("", &stage.key);
    for stream in [&mut revoked, &mut other] {
        assert_eq!(stream.event(), Event::Comment);
    }
    let arguments = ["user", "key", "revoke", "admin", &id, "--yes"];
    let output = linux_api(stage.home.path(), &arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let begin = Instant::now();
    assert_eq!(revoked.reason(), "key_ended");
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    stage.files.write([FakeEntry {
        boot: 1,
        ..FakeEntry::new(10)
    }]);
    assert_eq!(message(&mut other), "line 10");
}

#[test]
fn four_streams_read_the_journal_at_most() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let streams: Vec<Stream> = (0..4).map(|_| stage.follow("", &stage.key)).collect();
    let fifth = Stream::of(&stage.daemon.address, STREAM, &stage.key);
    assert_eq!(fifth.status(), 503);
    // Pages have children of their own.
    assert_eq!(stage.page("limit=1")["items"].as_array().unwrap().len(), 1);
    drop(streams);
    let begin = Instant::now();
    while Stream::of(&stage.daemon.address, STREAM, &stage.key).status() == 503 {
        assert!(begin.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
}
