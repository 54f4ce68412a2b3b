//! A daemon in the background without systemd: `serve --detach` starts it, `stop` ends it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};
use rustix::fs::FlockOperation;

use crate::cli::{FAILED, output};
use linux_api_config::LoadedConfig;

/// The file that a daemon in the background holds a lock on for as long as it lives.
pub(in crate::cli) fn pid_file(loaded: &LoadedConfig) -> PathBuf {
    loaded.data_dir.join("linux-api.pid")
}

fn log_file(loaded: &LoadedConfig) -> PathBuf {
    loaded.data_dir.join("linux-api.log")
}

/// The last thing that the daemon says to the process that started it. A closed output alone does
/// not distinguish a daemon that is ready from one that is about to exit.
const READY: char = '\0';

/// Starts this program again in the background, shows what it says until it is ready, and ends.
pub(super) fn start(loaded: &LoadedConfig) -> anyhow::Result<ExitCode> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&loaded.data_dir)
        .with_context(|| format!("create the directory {}", loaded.data_dir.display()))?;
    let log_path = log_file(loaded);
    let mut log = OpenOptions::new()
        .append(true)
        .read(true)
        .create(true)
        .mode(0o600)
        .open(&log_path)
        .with_context(|| format!("open {}", log_path.display()))?;
    let said_before = log.seek(SeekFrom::End(0)).context("read the log")?;
    let program = std::env::current_exe().context("find this program")?;
    let arguments = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--detach");
    let mut child = Command::new(program)
        .args(arguments)
        .arg("--detached")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone().context("share the log")?)
        .spawn()
        .context("start in the background")?;
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        // Ends when the daemon is ready and lets go of its output, or when it dies.
        stdout
            .read_to_string(&mut said)
            .context("read the log of the daemon")?;
    }
    let is_ready = said.ends_with(READY);
    output::text(said.trim_end_matches(READY))?;
    if !is_ready {
        let status = child.wait().context("wait for the daemon")?;
        log.seek(SeekFrom::Start(said_before))
            .context("read the log")?;
        let mut why = String::new();
        log.read_to_string(&mut why).context("read the log")?;
        output::text(&why)?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(ExitCode::from(code.unwrap_or(FAILED)));
    }
    output::text(&format!(
        "It runs in the background as process {}; its log is {}. Stop it with: linux-api stop",
        child.id(),
        log_path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The daemon's side: a session of its own and the lock that says it lives.
#[derive(Debug)]
pub(super) struct Background {
    _lock: File,
}

impl Background {
    /// Leaves the terminal's session and takes the lock.
    pub(super) fn enter(loaded: &LoadedConfig) -> anyhow::Result<Self> {
        rustix::process::setsid().context("start a session")?;
        let path = pid_file(loaded);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            file.read_to_string(&mut pid).unwrap_or_default();
            bail!(
                "a daemon is already running in the background, as process {}",
                pid.trim()
            );
        }
        file.set_len(0)
            .with_context(|| format!("write {}", path.display()))?;
        writeln!(file, "{}", std::process::id())
            .with_context(|| format!("write {}", path.display()))?;
        Ok(Self { _lock: file })
    }

    /// Lets go of the output that the starting process reads.
    #[expect(
        clippy::unused_self,
        reason = "only a daemon in the background does this"
    )]
    pub(super) fn ready(&self) -> anyhow::Result<()> {
        // The reader may be gone; the daemon continues nevertheless.
        let _ = rustix::io::write(rustix::stdio::stdout(), &[READY as u8]);
        let nothing = OpenOptions::new()
            .write(true)
            .open("/dev/null")
            .context("open /dev/null")?;
        rustix::stdio::dup2_stdout(&nothing).context("detach from the output")
    }
}
