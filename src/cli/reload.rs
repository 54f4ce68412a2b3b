//! `linux-api reload`: has a running daemon read its configuration again, and waits for the result.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};

use super::running::{Running, is_ours};
use super::{Context, output};
use linux_api_config::SYSTEM_DATA;
use linux_api_daemon::run::record::Record;

/// How long a daemon may take: longer than reading its files may.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often to look for the result.
const LOOK: Duration = Duration::from_millis(50);
/// The daemon's process, in what systemd runs for `ExecReload=`.
const MAINPID: &str = "MAINPID";

/// Reload the configuration of the running daemon
///
/// Waits up to 15 seconds for the result and fails with the reason when the daemon refuses the
/// configuration; the daemon then keeps the old one. `systemctl reload linux-api` does the same.
#[derive(Debug, clap::Args)]
pub(super) struct Options {}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let found = ctx.records().into_iter().next();
        let named = ctx.environment.text(MAINPID);
        let (folder, pid) = match (named, found) {
            (Some(pid), found) => {
                let pid: i32 = pid.parse().with_context(|| format!("{MAINPID}={pid}"))?;
                let folder = found.map(|(folder, _)| folder);
                let folder = folder.or_else(|| ctx.data_directories().into_iter().next());
                (
                    folder.context("the data directory of the daemon is unknown")?,
                    pid,
                )
            }
            (None, Some((folder, record))) => (folder, record.pid),
            (None, None) => bail!(
                "no running daemon has a record in {}; under systemd, root may run: systemctl reload linux-api",
                shown(&ctx.data_directories())
            ),
        };
        let before = Record::read(&folder);
        let number = Pid::from_raw(pid).with_context(|| format!("{pid} is not a PID"))?;
        let Some(daemon) = Running::find(number)? else {
            bail!("process {pid} has ended: no daemon runs");
        };
        let program = daemon.program()?;
        if !is_ours(&program) {
            bail!(
                "process {pid} runs {} and is no linux-api: it gets no signal",
                program.display()
            );
        }
        daemon.signal(Signal::HUP)?;
        let is_newer = |record: &Record| {
            let last = before.as_ref().filter(|before| before.pid == pid);
            record.pid == pid && last.is_none_or(|last| record.generation > last.generation)
        };
        let result = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(record) = Record::read(&folder).filter(is_newer) {
                    return Some(record);
                }
                if daemon.has_ended() {
                    return None;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        match result.await {
            Ok(Some(record)) => report(&record),
            Ok(None) => bail!("the daemon (process {pid}) ended; its log says why"),
            Err(_) => bail!(
                "the daemon (process {pid}) has not reported a result within {PATIENCE:?}; its log \
                 may say why"
            ),
        }
    }
}

fn report(record: &Record) -> anyhow::Result<ExitCode> {
    if let Some(reason) = &record.refused {
        bail!("the daemon refuses the new configuration and keeps the old one: {reason}");
    }
    output::text("reloaded")?;
    if !record.waiting.is_empty() {
        let options = record.waiting.join(", ");
        output::text(&format!("changed, applied at the next restart: {options}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(folders: &[PathBuf]) -> String {
    let shown: Vec<String> = folders.iter().map(|it| it.display().to_string()).collect();
    shown.join(" or ")
}

impl Context {
    /// Where a daemon of this account or of the system keeps its data, whatever the configuration
    /// says: it may be broken.
    pub(super) fn data_directories(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = self.environment.data_dir().into_iter().collect();
        let system = PathBuf::from(SYSTEM_DATA);
        if !folders.contains(&system) {
            folders.push(system);
        }
        folders
    }

    /// What daemons that still run have left there.
    pub(super) fn records(&self) -> Vec<(PathBuf, Record)> {
        let folders = self.data_directories().into_iter();
        let found = folders.filter_map(|folder| Record::read(&folder).map(|it| (folder, it)));
        found
            .filter(|(_, record)| {
                let process = Pid::from_raw(record.pid).map(Running::find);
                matches!(process, Some(Ok(Some(_))))
            })
            .collect()
    }
}
