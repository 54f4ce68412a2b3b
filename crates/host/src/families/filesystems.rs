//! How full the mounted file systems are.
//!
//! A file system that another machine or a program serves may never respond: each of them is polled
//! on a thread of its own, again only when the thread before has returned. So a dead server costs
//! one sleeping thread per mount and delays nothing else.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::rate::rounded;
use crate::sources::{Mount, MountList, MountLook, MountWatch, below};
use crate::{CollectError, HostRoots};
use linux_api_wire::snapshot::Filesystem;

/// How often remote file systems are polled: each poll costs their server something.
const REMOTE_PERIOD: Duration = Duration::from_secs(10);
/// From when on a remote file system counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(1);
/// How long a reading waits for the first responses of new remote file systems.
const FIRST_ANSWERS: Duration = Duration::from_millis(50);
/// The most threads that poll at the same time, stuck ones included.
const PROBES_MAX: usize = 64;

/// How full one file system is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    total_bytes: u64,
    used_bytes: u64,
    available_bytes: u64,
    inodes_total: u64,
    inodes_used: u64,
}

/// Polls one file system.
type Probe = Arc<dyn Fn(&Path) -> io::Result<Usage> + Send + Sync>;

fn statvfs(path: &Path) -> io::Result<Usage> {
    let all = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(all.f_frsize);
    Ok(Usage {
        total_bytes: bytes(all.f_blocks),
        used_bytes: bytes(all.f_blocks.saturating_sub(all.f_bfree)),
        available_bytes: bytes(all.f_bavail),
        inodes_total: all.f_files,
        inodes_used: all.f_files.saturating_sub(all.f_ffree),
    })
}

/// Polls the file systems that `mountinfo` lists.
pub(super) struct FilesystemReader {
    rootfs: PathBuf,
    list: MountList,
    look: MountLook,
    remote: HashMap<(String, PathBuf), Arc<Mutex<RemoteState>>>,
    probe: Probe,
    /// Cloned by each probing thread, so that they can be counted.
    probing: Arc<()>,
}

impl fmt::Debug for FilesystemReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesystemReader")
            .field("rootfs", &self.rootfs)
            .finish_non_exhaustive()
    }
}

/// How the polling of a remote file system stands.
#[derive(Debug, Default)]
struct RemoteState {
    /// Since when a thread waits for its response.
    polled: Option<Instant>,
    /// When it was last polled, with or without a response.
    last_polled: Option<Instant>,
    /// Its last good response.
    usage: Option<(Usage, Instant)>,
    /// Why the newest poll failed.
    error: Option<String>,
}

impl FilesystemReader {
    /// Reads nothing yet. What is found wrong with the mounts goes to `watch`.
    pub(super) fn new(roots: &HostRoots, watch: MountWatch) -> Self {
        Self::with_probe(roots, watch, Arc::new(statvfs))
    }

    fn with_probe(roots: &HostRoots, watch: MountWatch, probe: Probe) -> Self {
        Self {
            rootfs: roots.rootfs.clone(),
            list: MountList::new(roots),
            look: MountLook::new(roots, watch),
            remote: HashMap::new(),
            probe,
            probing: Arc::new(()),
        }
    }

    /// All file systems that hold files.
    ///
    /// # Errors
    /// When the mounts can't be listed.
    pub(super) fn read(&mut self, now: Instant) -> Result<Vec<Filesystem>, CollectError> {
        let refreshed = self.list.refresh(now);
        match &refreshed {
            Ok(has_changed) => self.look.look(&self.list, *has_changed, now),
            Err(error) => self.look.fail(error),
        }
        if refreshed? {
            let known: HashSet<_> = self.list.mounts().iter().map(key).collect();
            self.remote.retain(|key, _| known.contains(key));
        }
        self.poll_remote(now);
        let mounts = self.list.mounts();
        let mut shown = Vec::with_capacity(mounts.len());
        for mount in mounts {
            let mut filesystem = Filesystem {
                mount_point: mount.point.to_string_lossy().into_owned(),
                device: mount.source.clone(),
                kind: mount.kind.clone(),
                read_only: mount.read_only,
                network: mount.is_remote,
                ..Filesystem::default()
            };
            if mount.is_remote {
                if let Some(remote) = self.remote.get(&key(mount)) {
                    let remote = remote.lock().unwrap_or_else(PoisonError::into_inner);
                    remote.show(&mut filesystem, Instant::now().max(now));
                }
            } else {
                match (self.probe)(&below(&self.rootfs, &mount.point)) {
                    Ok(usage) => fill(&mut filesystem, usage),
                    Err(error) => filesystem.error = Some(error.to_string()),
                }
            }
            // What has no size holds no files: a pseudo file system of an unknown kind.
            if filesystem.total_bytes != Some(0) {
                shown.push(filesystem);
            }
        }
        Ok(shown)
    }

    /// Polls the remote file systems whose turn it is, and gives new ones a moment to respond.
    fn poll_remote(&mut self, now: Instant) {
        let (answered, answers) = sync_channel(PROBES_MAX);
        let mut new = 0;
        for mount in self.list.mounts().iter().filter(|mount| mount.is_remote) {
            let remote = Arc::clone(self.remote.entry(key(mount)).or_default());
            let is_new = {
                let mut state = remote.lock().unwrap_or_else(PoisonError::into_inner);
                let is_due = state
                    .last_polled
                    .is_none_or(|then| now.saturating_duration_since(then) >= REMOTE_PERIOD);
                if state.polled.is_some()
                    || !is_due
                    || Arc::strong_count(&self.probing) > PROBES_MAX
                {
                    continue;
                }
                let is_new = state.last_polled.is_none();
                state.polled = Some(now);
                state.last_polled = Some(now);
                is_new
            };
            let path = below(&self.rootfs, &mount.point);
            if self.start(path, remote, answered.clone()) && is_new {
                new += 1;
            }
        }
        wait_for(&answers, new);
    }

    /// Starts a thread that polls one file system.
    fn start(
        &self,
        path: PathBuf,
        remote: Arc<Mutex<RemoteState>>,
        answered: SyncSender<()>,
    ) -> bool {
        let (probe, probing) = (Arc::clone(&self.probe), Arc::clone(&self.probing));
        let state = Arc::clone(&remote);
        let started = std::thread::Builder::new()
            .name("statvfs".to_owned())
            .stack_size(64 << 10)
            .spawn(move || {
                let answer = probe(&path);
                let mut remote = remote.lock().unwrap_or_else(PoisonError::into_inner);
                remote.polled = None;
                match answer {
                    Ok(usage) => {
                        remote.usage = Some((usage, Instant::now()));
                        remote.error = None;
                    }
                    Err(error) => remote.error = Some(error.to_string()),
                }
                drop(remote);
                drop(probing);
                // Nothing waits any more when it was late.
                let _ = answered.try_send(());
            });
        if let Err(error) = &started {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.polled = None;
            state.error = Some(format!("can't start a thread to ask it: {error}"));
        }
        started.is_ok()
    }
}

/// Waits until so many have responded, for a moment at most.
fn wait_for(answers: &Receiver<()>, count: usize) {
    let until = Instant::now() + FIRST_ANSWERS;
    for _ in 0..count {
        let left = until.saturating_duration_since(Instant::now());
        if answers.recv_timeout(left).is_err() {
            return;
        }
    }
}

impl RemoteState {
    fn show(&self, filesystem: &mut Filesystem, now: Instant) {
        let since = |then: Instant| now.saturating_duration_since(then);
        let waited = self.polled.map(since);
        if let Some((usage, then)) = self.usage {
            fill(filesystem, usage);
            filesystem.age_ms = millis(since(then));
        } else {
            filesystem.age_ms = millis(waited.unwrap_or_default());
        }
        let stuck = waited.filter(|waited| *waited >= STUCK_AFTER);
        filesystem.error = match stuck {
            Some(waited) => Some(format!("no answer for {} s", waited.as_secs())),
            None => self.error.clone(),
        };
        filesystem.stale = filesystem.error.is_some();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn fill(filesystem: &mut Filesystem, usage: Usage) {
    filesystem.total_bytes = Some(usage.total_bytes);
    filesystem.used_bytes = Some(usage.used_bytes);
    filesystem.available_bytes = Some(usage.available_bytes);
    filesystem.inodes_total = Some(usage.inodes_total);
    filesystem.inodes_used = Some(usage.inodes_used);
    filesystem.used_percent = filesystem.fullness().map(rounded);
}

fn key(mount: &Mount) -> (String, PathBuf) {
    (mount.device_number.clone(), mount.point.clone())
}

#[cfg(test)]
mod tests;
