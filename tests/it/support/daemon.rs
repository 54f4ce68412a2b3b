//! A real daemon in a home of its own: the built program, an empty SQLite database, a free port.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Ends with the test.
pub(crate) struct Daemon {
    child: Child,
    /// Where it listens, `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    /// The first admin's key.
    pub(crate) key: String,
    /// Its home directory.
    pub(crate) home: tempfile::TempDir,
}

/// The built program.
pub(crate) fn program() -> PathBuf {
    assert_cmd::cargo::cargo_bin!("linux-api").to_owned()
}

impl Daemon {
    /// Starts one; `arguments` are added to `serve`.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same, with variables of the environment.
    pub(crate) fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let (mut daemon, mut lines) = Self::spawn(arguments, variables);
        let key = lines.find(|line| line.starts_with("lapi_"));
        key.expect("it says what its key is")
            .trim()
            .clone_into(&mut daemon.key);
        daemon
    }

    /// Starts one on a database that has an admin already; its `key` is empty.
    pub(crate) fn join(variables: &[(&str, &str)]) -> Self {
        Self::spawn(&[], variables).0
    }

    /// Listens when this returns; the lines are what else it prints.
    fn spawn(
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (Self, impl Iterator<Item = String>) {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("LINUX_API__LOG__LEVEL", "warn")
            .envs(variables.iter().copied())
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let url = lines.find_map(|line| Some(line.split_once("listens on ")?.1.trim().to_owned()));
        let daemon = Self {
            child,
            url: url.expect("it says where it listens"),
            key: String::new(),
            home,
        };
        (daemon, lines)
    }

    /// Ends it as `systemctl stop` would, and waits until it has written what it holds.
    pub(crate) fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    /// A path below its home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::new(self.home.path()).join(name)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
