//! Another process of this program: signalled by its own handle, so that no other process is hit.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// What the program's file is called.
const NAME: &[u8] = b"linux-api";

/// A process that runs, or ran until a moment ago.
#[derive(Debug)]
pub(super) struct Running {
    pid: Pid,
    handle: OwnedFd,
}

impl Running {
    /// The process with this number; `None` when there is none. From here on it is this process or
    /// none, also when its PID is reused.
    pub(super) fn find(pid: Pid) -> anyhow::Result<Option<Self>> {
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => Ok(Some(Self { pid, handle })),
            Err(Errno::SRCH) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("look at process {pid}")),
        }
    }

    /// The program that it runs; one that was replaced or removed ends with ` (deleted)`.
    pub(super) fn program(&self) -> anyhow::Result<PathBuf> {
        let link = format!("/proc/{}/exe", self.pid.as_raw_nonzero());
        std::fs::read_link(link)
            .with_context(|| format!("look at the program of process {}", self.pid))
    }

    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        pidfd_send_signal(&self.handle, signal)
            .with_context(|| format!("send {signal:?} to process {}", self.pid))
    }

    pub(super) fn has_ended(&self) -> bool {
        let mut watched = [PollFd::new(&self.handle, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut watched, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }
}

/// Whether it is this program, or the one that it replaced.
pub(super) fn is_ours(program: &Path) -> bool {
    let same_file = || {
        let own = std::fs::metadata("/proc/self/exe").ok()?;
        let its = std::fs::metadata(program).ok()?;
        Some((own.dev(), own.ino()) == (its.dev(), its.ino()))
    };
    let name = program.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    name == NAME || same_file().unwrap_or(false)
}
