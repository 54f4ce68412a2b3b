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
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("LINUX_API__LOG__LEVEL", "warn")
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut find = |wanted: &dyn Fn(&str) -> Option<String>| {
            lines
                .by_ref()
                .map_while(Result::ok)
                .find_map(|line| wanted(&line))
                .expect("the daemon says where it listens and what its key is")
        };
        let url = find(&|line| Some(line.split_once("listens on ")?.1.trim().to_owned()));
        let key = find(&|line| line.starts_with("lapi_").then(|| line.trim().to_owned()));
        Self {
            child,
            url,
            key,
            home,
        }
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
