//! The whole program on a line of 600 bytes a second.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::daemon::program;

/// Bytes a second.
const RATE: usize = 600;
/// How often bytes are taken from the line.
const TICK: Duration = Duration::from_millis(50);
/// Most bytes that are still to come when `q` is pressed: two seconds of this line.
const BEHIND: usize = 2 * RATE;
/// What gives the screen back.
const LEAVE: &[u8] = b"\x1b[?1049l";
/// The request for a report (DSR 5), and the report.
const QUESTION: &[u8] = b"\x1b[5n";
const REPORT: &[u8] = b"\x1b[0n";

/// The far end of a line: a terminal that takes few bytes at a time.
struct Line {
    master: File,
    child: Child,
    taken: Vec<u8>,
    /// Whether it responds to questions, as terminals do.
    reports: bool,
    asked: usize,
    _home: tempfile::TempDir,
}

impl Line {
    fn start(reports: bool, locale: Option<&str>) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let sized = Command::new("stty")
            .args(["cols", "80", "rows", "24"])
            .stdin(end())
            .status();
        assert!(sized.unwrap().success());
        let home = tempfile::tempdir().unwrap();
        let child = Command::new(program())
            .args(["tui", "--demo"])
            .env_clear()
            .env("HOME", home.path())
            .env("TERM", "xterm-256color")
            .envs(locale.map(|locale| ("LANG", locale)))
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self {
            master: File::from(master),
            child,
            taken: Vec::new(),
            reports,
            asked: 0,
            _home: home,
        }
    }

    /// Takes what a tick of the line lets through; false when the program closed its end.
    fn tick(&mut self) -> bool {
        thread::sleep(TICK);
        let mut bytes = [0; RATE / 20];
        let Ok(length) = self.master.read(&mut bytes) else {
            return false;
        };
        self.taken.extend_from_slice(&bytes[..length]);
        let asked = self
            .taken
            .windows(QUESTION.len())
            .filter(|window| *window == QUESTION)
            .count();
        if self.reports {
            for _ in self.asked..asked {
                self.master.write_all(REPORT).unwrap();
            }
        }
        self.asked = asked;
        true
    }

    fn shows(&self, wanted: &[u8]) -> bool {
        self.taken
            .windows(wanted.len())
            .any(|window| window == wanted)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn on_a_slow_line_q_is_never_behind_more_than_two_seconds() {
    let mut line = Line::start(true, Some("C.UTF-8"));
    // In the midst of the first frames, with keys that each cause another one.
    for key in [b"", &b"2"[..], b"3", b"t", b"M", b"1"] {
        line.master.write_all(key).unwrap();
        for _ in 0..20 {
            assert!(line.tick());
        }
    }
    let before = line.taken.len();
    line.master.write_all(b"q").unwrap();
    while !line.shows(LEAVE) {
        assert!(line.tick(), "it ended without giving the screen back");
        let behind = line.taken.len() - before;
        assert!(behind <= BEHIND, "{behind} bytes after q");
    }
    let status = line.child.wait().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_terminal_that_does_not_report_is_drawn_on_all_the_same() {
    let mut line = Line::start(false, Some("C.UTF-8"));
    let deadline = Instant::now() + Duration::from_mins(1);
    while !line.shows(b"web-02") {
        assert!(line.tick() && Instant::now() < deadline);
    }
    line.master.write_all(b"q").unwrap();
    while !line.shows(LEAVE) {
        assert!(line.tick() && Instant::now() < deadline);
    }
    assert!(line.child.wait().unwrap().success());
}

/// Terminals of eight bits take the bytes 0x80 to 0x9F for commands.
#[test]
fn without_a_locale_of_utf8_every_byte_is_ascii() {
    for locale in [None, Some("C"), Some("de_DE.ISO-8859-1")] {
        let mut line = Line::start(true, locale);
        while !line.shows(b"web-01") {
            assert!(line.tick());
        }
        line.master.write_all(b"2").unwrap();
        while !line.shows(b"swap") {
            assert!(line.tick());
        }
        let strange = line.taken.iter().find(|byte| !byte.is_ascii());
        assert_eq!(strange, None, "{locale:?}");
    }
}
