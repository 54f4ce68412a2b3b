//! Acts on processes, through pidfd: a process that has ended can't be mistaken for one that got its id.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal as KernelSignal, getpriority_process, pidfd_open, pidfd_send_signal,
    setpriority_process,
};

use crate::policy::ProcessFacts;
use linux_api_acts::protocol::{Effect, Failure, FailureCode, ProcessIdentity, SignalName};
use linux_api_host::{ProcessIdentity as ReadIdentity, read_identity};

/// Where processes are read, and which are never acted on.
#[derive(Debug, Clone)]
pub(crate) struct Processes {
    procfs: PathBuf,
    /// The account of the daemon, where there is one.
    daemon_uid: Option<u32>,
}

/// A process that is held by its pidfd and has been looked at since.
#[derive(Debug)]
pub(crate) struct HeldProcess {
    pid: Pid,
    pidfd: Arc<OwnedFd>,
    procfs: PathBuf,
    pub(crate) facts: ProcessFacts,
}

impl Processes {
    pub(crate) const fn new(procfs: PathBuf, daemon_uid: Option<u32>) -> Self {
        Self { procfs, daemon_uid }
    }

    /// Opens the process that is meant: the one of this id that started then. `peer` is the process that
    /// requests.
    pub(crate) fn hold(
        &self,
        process: ProcessIdentity,
        peer: Option<i32>,
    ) -> Result<HeldProcess, Failure> {
        let number = i32::try_from(process.pid).ok();
        let pid = number
            .and_then(Pid::from_raw)
            .ok_or_else(|| gone(process.pid))?;
        let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK).map_err(|errno| match errno {
            // The last two are of threads.
            Errno::SRCH | Errno::INVAL | Errno::NOENT => gone(process.pid),
            Errno::NOSYS => {
                let message = "the kernel is too old to name processes safely (5.3 has pidfd)";
                Failure::new(FailureCode::Unavailable, message)
            }
            errno => failed(process.pid, &errno.into()),
        })?;
        // The id can't be another's while the pidfd says that this process lives.
        let identity =
            read_identity(&self.procfs, process.pid).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => gone(process.pid),
                _ => failed(process.pid, &error),
            })?;
        let held = HeldProcess {
            pid,
            pidfd: Arc::new(pidfd),
            procfs: self.procfs.clone(),
            facts: self.facts(process.pid, &identity, peer),
        };
        if identity.start_ticks != process.start_ticks || held.has_ended() {
            return Err(gone(process.pid));
        }
        Ok(held)
    }

    fn facts(&self, pid: u32, identity: &ReadIdentity, peer: Option<i32>) -> ProcessFacts {
        let is_daemon = |uid: &u32| Some(*uid) == self.daemon_uid;
        let groups = identity.cgroup.as_deref().unwrap_or_default();
        let is_ours = pid == std::process::id()
            || peer.and_then(|peer| u32::try_from(peer).ok()) == Some(pid)
            || identity.uids.iter().any(is_daemon)
            || groups
                .split('/')
                .any(|group| group.starts_with("linux-api"));
        ProcessFacts {
            pid,
            uids: identity.uids,
            is_kernel_thread: identity.is_kernel_thread,
            is_ours,
            unit: Vec::from_iter(identity.unit.clone()),
        }
    }
}

impl HeldProcess {
    fn has_ended(&self) -> bool {
        ends(&self.pidfd, Duration::ZERO)
    }

    /// Sends a signal, and says whether the process has ended within `patience`.
    pub(crate) async fn signal(
        &self,
        signal: SignalName,
        patience: Duration,
    ) -> Result<bool, Failure> {
        let pid = self.facts.pid;
        let sent = pidfd_send_signal(&*self.pidfd, kernel_signal(signal));
        sent.map_err(|errno| match errno {
            Errno::SRCH => gone(pid),
            errno => failed(pid, &errno.into()),
        })?;
        let pidfd = Arc::clone(&self.pidfd);
        let wait = tokio::task::spawn_blocking(move || ends(&pidfd, patience));
        Ok(wait.await.unwrap_or_else(|_| self.has_ended()))
    }

    /// Sets the nice value of all threads. The kernel takes an id for this, so the process is looked at
    /// before and after: had it ended meanwhile, the result says so.
    pub(crate) fn renice(&self, nice: i8) -> Result<Effect, Failure> {
        let pid = self.facts.pid;
        let refused = |errno: Errno| failed(pid, &errno.into());
        if self.has_ended() {
            return Err(gone(pid));
        }
        let from = getpriority_process(Some(self.pid)).map_err(refused)?;
        let threads = self.procfs.join(pid.to_string()).join("task");
        let threads = std::fs::read_dir(threads).map_err(|_| gone(pid))?;
        let mut changed = 0;
        for thread in threads.flatten() {
            let number = thread
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let Some(thread) = number.and_then(Pid::from_raw) else {
                continue;
            };
            match setpriority_process(Some(thread), nice.into()) {
                Ok(()) => changed += 1,
                // A thread that has ended.
                Err(Errno::SRCH) => {}
                Err(errno) => return Err(refused(errno)),
            }
        }
        if self.has_ended() || changed == 0 {
            return Err(gone(pid));
        }
        Ok(Effect::Reniced {
            from,
            threads: changed,
        })
    }
}

/// Whether the process ends in this time; a pidfd is readable from its end on. Blocks.
fn ends(pidfd: &OwnedFd, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut polled = [PollFd::new(pidfd, PollFlags::IN)];
        match poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
            Ok(ready) => return ready > 0,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

const fn kernel_signal(signal: SignalName) -> KernelSignal {
    match signal {
        SignalName::Hup => KernelSignal::HUP,
        SignalName::Int => KernelSignal::INT,
        SignalName::Quit => KernelSignal::QUIT,
        SignalName::Kill => KernelSignal::KILL,
        SignalName::Usr1 => KernelSignal::USR1,
        SignalName::Usr2 => KernelSignal::USR2,
        SignalName::Term => KernelSignal::TERM,
        SignalName::Cont => KernelSignal::CONT,
        SignalName::Stop => KernelSignal::STOP,
    }
}

fn gone(pid: u32) -> Failure {
    let message = format!("process {pid} that started then has ended, or is not visible");
    Failure::new(FailureCode::Gone, message)
}

fn failed(pid: u32, error: &io::Error) -> Failure {
    Failure::new(FailureCode::System, format!("process {pid}: {error}"))
}

#[cfg(test)]
mod tests;
