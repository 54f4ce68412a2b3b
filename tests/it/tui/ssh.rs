//! The dashboard on hosts behind a real sshd, and on this host without a daemon.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::daemon::program;
use super::tmux::{Terminal, descendants};
use crate::support::sshd::{Sshd, free_port};

fn dashboard(sshd: &Sshd, program: &Path, arguments: &str) -> String {
    format!(
        "env -i HOME={client} PATH={bin}:/usr/bin:/bin TERM=screen LANG=C.UTF-8 {program} tui {arguments}",
        client = sshd.path("client").display(),
        bin = sshd.path("bin").display(),
        program = program.display(),
    )
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

fn the_proxy(sshd: &Sshd, other_than: Option<u32>) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let proxies = sshd.proxies();
        if let Some(pid) = proxies.into_iter().find(|pid| Some(*pid) != other_than) {
            return pid;
        }
        assert!(Instant::now() < deadline, "no proxy is started");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_host_behind_ssh_comes_back_by_itself_and_is_left_as_it_was() {
    let Some(sshd) = Sshd::start("") else { return };
    let command = dashboard(&sshd, &program(), "ssh://web-01");
    let Some(terminal) = Terminal::start("ssh", &command) else {
        return;
    };
    terminal.wait_for(&[
        "web-01",
        "this session only: no daemon runs there",
        "COMMAND",
    ]);
    let first = the_proxy(&sshd, None);
    kill(first);
    let second = the_proxy(&sshd, Some(first));
    terminal.wait_for(&["this session only: no daemon runs there", " ms "]);
    assert_eq!(sshd.proxies(), [second]);
    let shell = terminal.format("#{pane_pid}");
    let own = program().display().to_string();
    for pid in descendants(&shell) {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if line.starts_with(own.as_bytes()) {
            kill(pid.parse().unwrap());
        }
    }
    sshd.wait_for_no_proxy(Duration::from_secs(10));
    assert!(sshd.left_at_home().is_empty(), "{:?}", sshd.left_at_home());
}

#[test]
fn a_host_without_the_program_is_offered_it_once() {
    let Some(sshd) = Sshd::start("") else { return };
    std::fs::remove_file(sshd.path("programs/linux-api")).unwrap();
    let own = sshd.path("client/linux-api");
    std::fs::copy(program(), &own).unwrap();
    assert!(sshd.write_static_program());
    let url = format!("ssh://{}@web-01", sshd.account());
    let Some(terminal) = Terminal::start("ssh-push", &dashboard(&sshd, &own, &url)) else {
        return;
    };
    terminal.wait_for(&["Copy linux-api to that account on", "[", "No"]);
    assert!(sshd.left_at_home().is_empty());
    terminal.keys(&["n"]);
    terminal.wait_for(&["linux-api is not installed there"]);
    assert!(sshd.left_at_home().is_empty());
    terminal.keys(&["q"]);
    terminal.wait_for(&["ended with 0"]);
    drop(terminal);
    let Some(terminal) = Terminal::start("ssh-push", &dashboard(&sshd, &own, &url)) else {
        return;
    };
    terminal.wait_for(&["Copy linux-api to that account on"]);
    terminal.keys(&["y"]);
    // What was copied greets as a program of a time to come.
    terminal.wait_for(&["another protocol (7)"]);
}

#[test]
fn without_a_daemon_this_host_is_shown_for_the_session() {
    let home = tempfile::tempdir().unwrap();
    let command = format!(
        "env -i HOME={home} TERM=screen LANG=C.UTF-8 LINUX_API__SERVER__LISTEN=127.0.0.1:{port} {program} tui",
        home = home.path().display(),
        port = free_port(),
        program = program().display(),
    );
    let Some(terminal) = Terminal::start("here", &command) else {
        return;
    };
    terminal.wait_for(&[
        "this session only: sudo linux-api setup keeps history",
        "COMMAND",
    ]);
    terminal.keys(&["q"]);
    terminal.wait_for(&["ended with 0"]);
    // What the views remember is the dashboard's own; the daemon has left nothing.
    let mut files = Vec::new();
    let mut directories = vec![home.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path.file_name().unwrap().to_owned());
            }
        }
    }
    assert_eq!(files, ["tui.toml"]);
}
