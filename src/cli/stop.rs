//! `linux-api stop`: ends a daemon that `serve --detach` started.

use std::fs::File;
use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal};

use super::running::{Running, is_ours};
use super::serve::detach::pid_file;
use super::{Context, FAILED, output};

/// How often to look whether it has ended.
const LOOK: Duration = Duration::from_millis(50);
/// What a daemon may take beyond its shutdown timeout, to write what it holds.
const SPARE: Duration = Duration::from_secs(10);

/// Stop the daemon that was started with `serve --detach`
///
/// Waits until running requests have completed and all data is written.
#[derive(Debug, clap::Args)]
pub(super) struct Options {}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let loaded = ctx.load(Vec::new())?;
        let path = pid_file(&loaded);
        let mut file = match linux_api_files::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return nothing_runs(),
            Err(error) => return Err(error).with_context(|| format!("open {}", path.display())),
        };
        if has_ended(&file) {
            return nothing_runs();
        }
        let mut text = String::new();
        file.read_to_string(&mut text)
            .with_context(|| format!("read {}", path.display()))?;
        let Some(pid) = text.trim().parse().ok().and_then(Pid::from_raw) else {
            bail!("{} holds no PID", path.display());
        };
        let Some(process) = Running::find(pid)? else {
            bail!(
                "{} names process {pid}, which has ended, but another process holds its lock",
                path.display()
            );
        };
        let program = process.program()?;
        if !is_ours(&program) {
            bail!(
                "{} names process {pid}, which runs {} and is no linux-api: it gets no signal. End \
                 the daemon by its own process number, then remove the file",
                path.display(),
                program.display()
            );
        }
        process.signal(Signal::TERM)?;
        let patience = loaded.config.server.shutdown_timeout + SPARE;
        let end = async {
            while !has_ended(&file) {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(patience, end).await.is_err() {
            bail!("process {} has not ended after {patience:?}", text.trim());
        }
        output::text("stopped")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A daemon holds an exclusive lock for as long as it lives.
fn has_ended(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockShared).is_ok()
}

fn nothing_runs() -> anyhow::Result<ExitCode> {
    output::text("no daemon is running in the background")?;
    Ok(ExitCode::from(FAILED))
}
