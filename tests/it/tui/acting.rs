//! Acts from end to end: the program, a real daemon, a real executor, and a process that ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{Daemon, program};
use super::tmux::{Terminal, dashboard};

/// An executor with a policy, and a daemon that uses it.
struct Acting {
    place: TempDir,
    executor: Child,
    daemon: Daemon,
}

impl Acting {
    fn start(policy: &str) -> Self {
        let place = TempDir::new().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("policy.toml"), policy).unwrap();
        let mut executor = Command::new(program());
        executor
            .env_clear()
            .env("HOME", place.path())
            .arg("executor");
        for (option, file) in [
            ("--listen", "executor.sock"),
            ("--policy", "policy.toml"),
            ("--log", "acts.jsonl"),
        ] {
            executor.arg(option).arg(path(file));
        }
        executor.args(["--bus", "unix:path=/nonexistent/bus"]);
        let mut executor = executor.stderr(Stdio::piped()).spawn().unwrap();
        // It says where it listens once it does.
        let mut lines = BufReader::new(executor.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("listening")));
        let config = path("config.toml");
        let socket = path("executor.sock");
        fs::write(&config, format!("[acts]\nsocket = {socket:?}\n")).unwrap();
        let daemon = Daemon::start(&["--config", config.to_str().unwrap()]);
        Self {
            place,
            executor,
            daemon,
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program());
        command
            .env_clear()
            .env("HOME", self.daemon.home.path())
            .env("LINUX_API_KEY", &self.daemon.key)
            .args(arguments)
            .args(["-r", &self.daemon.url])
            .stdin(Stdio::null());
        command.output().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(PathBuf::from(self.place.path()).join("acts.jsonl")).unwrap()
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        let _ = self.executor.kill();
        let _ = self.executor.wait();
    }
}

struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_process_is_ended_from_the_command_line_and_only_where_the_policy_allows_it() {
    let acting = Acting::start("processes.min_uid = 0\n");
    let mut sleeper = Sleeper::start();
    let pid = sleeper.0.id().to_string();
    // Without a terminal and without --yes nothing is done.
    let refused = acting.run(&["process", "signal", &pid]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("use --yes") && sleeper.lives());
    let reniced = acting.run(&["process", "renice", &pid, "--nice", "5", "--yes"]);
    assert_eq!(reniced.status.code(), Some(0), "{}", text(&reniced.stderr));
    assert!(
        text(&reniced.stdout).contains("it was 0 before"),
        "{}",
        text(&reniced.stdout)
    );
    let wrong = acting.run(&["process", "signal", &format!("{pid}@1"), "--yes"]);
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong.stdout));
    assert!(sleeper.lives());
    let ended = acting.run(&["process", "signal", &pid, "--yes", "--json"]);
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    let rows: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(rows[0]["outcome"], "done", "{rows}");
    let _ = sleeper.0.wait();
    let log = acting.log();
    assert!(
        log.contains("process.signal") && log.contains("\"admin\""),
        "{log}"
    );

    let closed = Acting::start("");
    let mut sleeper = Sleeper::start();
    let pid = sleeper.0.id().to_string();
    let refused = closed.run(&["process", "signal", &pid, "--yes"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    assert!(
        text(&refused.stdout).contains("linux-api policy"),
        "{}",
        text(&refused.stdout)
    );
    assert!(sleeper.lives());
}

#[test]
fn a_process_is_ended_from_the_dashboard_after_a_question_that_names_it() {
    let acting = Acting::start("processes.min_uid = 0\n");
    let mut sleeper = Sleeper::start();
    let pid = sleeper.0.id().to_string();
    let Some(terminal) = Terminal::start("signal", &dashboard(&acting.daemon, "")) else {
        return;
    };
    terminal.wait_for(&["cpu ", "admin (admin)"]);
    terminal.keys(&["3"]);
    terminal.wait_for(&["COMMAND", "F9 signal"]);
    terminal.keys(&["/", &format!("pid = {pid}"), "Enter"]);
    terminal.wait_for(&[&format!("filter: pid = {pid}"), "sleep 600", "1 process  "]);
    terminal.keys(&["F9"]);
    terminal.wait_for(&["TERM   end", &format!("process {pid} sleep of ")]);
    terminal.keys(&["Enter"]);
    terminal.wait_for(&[&format!("Send TERM to process {pid} sleep of "), "[y/N]"]);
    assert!(sleeper.lives());
    terminal.keys(&["y"]);
    // It has ended, and its parent, this test, has yet to look at it.
    terminal.wait_for(&["[sleep]"]);
    assert!(!sleeper.lives());
    terminal.keys(&["q"]);
    terminal.wait_for(&["ended with 0"]);
    assert!(acting.log().contains("process.signal"));
}

/// The journal of this machine, where there is one.
#[test]
fn a_log_is_followed() {
    let found = Command::new("journalctl").args(["-q", "-n", "1"]).output();
    if !found.is_ok_and(|output| output.status.success() && !output.stdout.is_empty()) {
        crate::tui::left_out::for_want_of("a journal", "run the tests under systemd");
        return;
    }
    let acting = Acting::start("");
    let page = acting.run(&["logs", "-n", "3", "--json"]);
    assert_eq!(page.status.code(), Some(0), "{}", text(&page.stderr));
    let rows: Value = serde_json::from_slice(&page.stdout).unwrap();
    assert!((1..=3).contains(&rows.as_array().unwrap().len()), "{rows}");
}
