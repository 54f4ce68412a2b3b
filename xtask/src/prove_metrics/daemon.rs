//! `linux-api serve` in a home of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::sleep;

use super::run::Run;
use crate::process::Process;

/// How long a daemon may take to become what is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// Killed when dropped.
pub(super) struct Daemon {
    pub(super) name: String,
    pub(super) home: PathBuf,
    /// Scheme, host and port.
    pub(super) url: String,
    /// Of requests to it: the first admin's, when this daemon made it.
    pub(super) key: Option<String>,
    command: Command,
    process: Process,
    http: reqwest::Client,
}

impl Daemon {
    /// Starts it on one of the ports of the run, with these variables beside the usual ones.
    pub(super) async fn start(
        run: &Run,
        port: u16,
        name: &str,
        database: &str,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let home = run.path(name);
        fs::create_dir(&home)?;
        let address = format!("127.0.0.1:{}", run.port(port));
        let mut command = Command::new(&run.program);
        command
            .args(["serve", "--listen", &address])
            .current_dir(&home)
            .env_clear()
            .env("HOME", &home)
            .env("LINUX_API__DATABASE__URL", database)
            .env("LINUX_API__RATE_LIMIT__ENABLED", "false")
            .env("LINUX_API__HOST__ID", name)
            .env("LINUX_API__LOG__FORMAT", "json")
            .envs(variables.iter().copied());
        let mut daemon = Self {
            name: name.to_owned(),
            process: spawn(&mut command, &home)?,
            home,
            url: format!("http://{address}"),
            key: None,
            command,
            http: run.http.clone(),
        };
        daemon.wait_for("/livez").await?;
        let output = fs::read_to_string(daemon.home.join("output"))?;
        daemon.key = output
            .lines()
            .find(|line| line.starts_with("lapi_"))
            .map(str::to_owned);
        Ok(daemon)
    }

    /// Starts it again, with the same settings and the same log.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = spawn(&mut self.command, &self.home)?;
        self.wait_for("/livez").await?;
        Ok(())
    }

    /// Waits until a route responds with 200.
    pub(super) async fn wait_for(&self, path: &str) -> anyhow::Result<()> {
        let begin = Instant::now();
        while self.probe(path).await != 200 {
            if begin.elapsed() > PATIENCE {
                bail!("{}: {path} is not 200 after {PATIENCE:?}", self.name);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// A request with the key.
    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.header("X-API-Key", key),
            None => request,
        }
    }

    /// The status of a route without a key, 0 without a response.
    pub(super) async fn probe(&self, path: &str) -> u16 {
        let response = self.http.get(format!("{}{path}", self.url)).send().await;
        response.map_or(0, |response| response.status().as_u16())
    }

    /// The state of what writes measurements to the database.
    pub(super) async fn flusher(&self) -> anyhow::Result<Value> {
        let request = self.request(Method::GET, "/api/v1/health/metrics");
        let health: Value = request.send().await?.json().await?;
        Ok(health["flush_worker"].clone())
    }

    pub(super) fn kill(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::KILL)
    }

    /// Stops it as a supervisor does.
    pub(super) async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.process.signal(Signal::TERM)?;
        let ended = self.process.wait().await;
        ended.with_context(|| self.name.clone())
    }

    /// The entries of its log so far.
    pub(super) fn log(&self) -> anyhow::Result<Vec<Value>> {
        let text = fs::read_to_string(self.home.join("log"))?;
        // The last line may be written just now.
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let entries = whole.filter(|line| !line.trim().is_empty());
        entries
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }
}

fn spawn(command: &mut Command, home: &Path) -> anyhow::Result<Process> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(home.join("log"))?;
    let output = File::create(home.join("output"))?;
    Process::start(command.stdout(output).stderr(log), "linux-api")
}
