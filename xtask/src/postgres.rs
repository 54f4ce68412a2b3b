//! A private PostgreSQL whose processes can be killed and stopped.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use crate::process::missing;

const INSTALLED: &str = "/usr/lib/postgresql";

/// Stopped when dropped, whatever state it is in.
pub(crate) struct Postgres {
    programs: PathBuf,
    /// User and group that it runs as when root runs the proof; it refuses to run as root.
    account: Option<(u32, u32)>,
    directory: PathBuf,
    port: u16,
    /// What differs from the default configuration, as `NAME=VALUE`.
    settings: Vec<String>,
}

impl Postgres {
    /// Makes a cluster in a new `directory` and starts its server on a port of loopback.
    pub(crate) fn start(
        directory: PathBuf,
        port: u16,
        settings: Vec<String>,
    ) -> anyhow::Result<Self> {
        let server = Self {
            programs: programs().context("PostgreSQL is missing: install postgresql")?,
            account: account()?,
            directory,
            port,
            settings,
        };
        fs::create_dir(&server.directory)?;
        if let Some((user, group)) = server.account {
            chown(&server.directory, Some(user), Some(group))?;
        }
        let cluster = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"];
        server.run("initdb", &cluster)?;
        server.serve()?;
        Ok(server)
    }

    /// Starts the server of the cluster and waits until it takes connections.
    fn serve(&self) -> anyhow::Result<()> {
        let directory = self.directory.display();
        let port = self.port;
        let settings = self.settings.iter().map(|one| format!(" -c {one}"));
        let settings: String = settings.collect();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={directory}{settings}"
        );
        let log = format!("{directory}/log");
        self.run("pg_ctl", &["start", "-w", "-l", &log, "-o", &options])
    }

    /// Runs a program of PostgreSQL on the cluster.
    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(self.programs.join(program));
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
            .args(arguments)
            .arg("-D")
            .arg(self.directory.join("data"))
            .current_dir(&self.directory);
        let output = command
            .output()
            .with_context(|| missing(&command, "postgresql"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{program}: {errors}");
        Ok(())
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The port on loopback.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The id of the process that all others of the server are children of.
    pub(crate) fn postmaster(&self) -> anyhow::Result<u32> {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid"))?;
        let line = file.lines().next().unwrap_or_default();
        line.parse().context("read postmaster.pid")
    }

    /// Sends a signal to the postmaster and each of its children.
    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let postmaster = self.postmaster()?;
        for pid in std::iter::once(postmaster).chain(children(postmaster)?) {
            let pid = Pid::from_raw(pid.try_into()?).context("no process has the id 0")?;
            match kill_process(pid, signal) {
                // A backend may have ended since the list was read.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Kills or stops the server.
    pub(crate) async fn fail(&self, by: Signal) -> anyhow::Result<()> {
        self.signal(by)?;
        sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// Undoes a failure by this signal.
    pub(crate) async fn recover(&self, by: Signal) -> anyhow::Result<()> {
        match by {
            Signal::KILL => self.start_after_kill().await,
            _ => self.signal(Signal::CONT),
        }
    }

    /// Starts the server after a kill, when the last of the killed processes has let go of its memory.
    async fn start_after_kill(&self) -> anyhow::Result<()> {
        let mut started = self.serve();
        for _ in 1..30 {
            if started.is_ok() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
            started = self.serve();
        }
        started.context("PostgreSQL does not start again")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.signal(Signal::CONT);
        let _ = self.run("pg_ctl", &["stop", "-m", "immediate"]);
    }
}

/// The children of a process of one thread.
pub(crate) fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let text = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    let children = text.split_whitespace().map(str::parse);
    Ok(children.collect::<Result<_, _>>()?)
}

/// Where Debian keeps the programs of the newest server.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(INSTALLED).ok()?.flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()?;
    Some(Path::new(INSTALLED).join(newest.to_string()).join("bin"))
}

/// The ids of the user `postgres`, for root.
fn account() -> anyhow::Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd")?;
    let line = passwd.lines().find(|line| line.starts_with("postgres:"));
    let fields: Vec<&str> = line.context("no user postgres")?.split(':').collect();
    Ok(Some((fields[2].parse()?, fields[3].parse()?)))
}
