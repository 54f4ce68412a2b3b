//! `linux-api stop`: ends a daemon that `serve --detach` started.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::serve::detach::pid_file;
use super::{Context, FAILED, output};

/// How often to look whether it has ended.
const LOOK: Duration = Duration::from_millis(50);
/// What the program's file is called.
const NAME: &[u8] = b"linux-api";
/// What a daemon may take beyond its shutdown timeout, to write what it holds.
const SPARE: Duration = Duration::from_secs(10);

/// End the daemon that was started with `serve --detach`
///
/// Waits until running requests have ended and everything is written.
#[derive(Debug, clap::Args)]
pub(super) struct Options {}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let loaded = ctx.load(Vec::new())?;
        let path = pid_file(&loaded);
        let mut file = match crate::files::open(&path) {
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
            bail!("{} holds no process number", path.display());
        };
        // From here on it is this process or none, whoever gets its number next.
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(Errno::SRCH) => bail!(
                "{} names process {pid}, which has ended, but another process \
                                       holds its lock",
                path.display()
            ),
            Err(error) => return Err(error).with_context(|| format!("look at process {pid}")),
        };
        let program = program_of(pid)?;
        if !is_ours(&program) {
            bail!(
                "{} names process {pid}, which runs {} and is no linux-api: it gets no signal. End \
                 the daemon by its own process number, then remove the file",
                path.display(),
                program.display()
            );
        }
        pidfd_send_signal(&process, Signal::TERM)
            .with_context(|| format!("send SIGTERM to process {pid}"))?;
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

/// The program that a process runs; one that was replaced or removed ends with ` (deleted)`.
fn program_of(pid: Pid) -> anyhow::Result<PathBuf> {
    let link = format!("/proc/{}/exe", pid.as_raw_nonzero());
    std::fs::read_link(link).with_context(|| format!("look at the program of process {pid}"))
}

/// Whether it is this program, or the one that it replaced.
fn is_ours(program: &Path) -> bool {
    let same_file = || {
        let own = std::fs::metadata("/proc/self/exe").ok()?;
        let its = std::fs::metadata(program).ok()?;
        Some((own.dev(), own.ino()) == (its.dev(), its.ino()))
    };
    let name = program.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    name == NAME || same_file().unwrap_or(false)
}

/// A daemon holds an exclusive lock for as long as it lives.
fn has_ended(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockShared).is_ok()
}

fn nothing_runs() -> anyhow::Result<ExitCode> {
    output::text("no daemon runs in the background")?;
    Ok(ExitCode::from(FAILED))
}
