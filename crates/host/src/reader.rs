//! Reads all families of a snapshot, so that none waits for another for long.
//!
//! The families are read one after another by one thread (see [`super::lane`]). One that does not
//! end within its deadline is left alone with that thread, shows its last value and its age, and is
//! read again when it has returned.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::families::{EAGER, FAMILIES, FamilyReader, Given, MakeReader, Plan};
use super::lane::Lane;
use super::sources::MountWatch;
use super::units::{FailedWatch, Units};
use super::{CollectError, HostRoots, system};
use linux_api_wire::snapshot::{Family, FamilyStatus, FamilyValue, Snapshot};
use linux_api_wire::time::{Clock, Timestamp};

/// How long a family may take before the others go on without it.
const DEADLINE: Duration = Duration::from_millis(500);
/// Reads snapshots of one host.
pub struct HostReader {
    given: Given,
    deadline: Duration,
    slots: BTreeMap<Family, Slot>,
    /// In the order in which they are read.
    order: Vec<Family>,
    lane: Lane,
    done: mpsc::Receiver<Outcome>,
    report: mpsc::Sender<Outcome>,
    /// The newest value of each family.
    values: Snapshot,
    /// Polls beside the lane, because it waits for another process.
    failed: FailedWatch,
    is_watched: bool,
}

/// How the reading of one family stands.
struct Slot {
    period: Duration,
    make: MakeReader,
    /// Absent while it is being read.
    read: Option<FamilyReader>,
    started: Option<Instant>,
    read_at: Option<Instant>,
    error: Option<String>,
}

/// A reading that ended.
struct Outcome {
    family: Family,
    /// Absent when it panicked: it can't be trusted any more.
    read: Option<FamilyReader>,
    result: Result<FamilyValue, String>,
    at: Instant,
}

impl std::fmt::Debug for HostReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostReader")
            .field("roots", &self.given.roots)
            .finish_non_exhaustive()
    }
}

impl HostReader {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(roots: HostRoots) -> Self {
        Self::with_plans(roots, &FAMILIES, DEADLINE)
    }

    fn with_plans(roots: HostRoots, plans: &[Plan], deadline: Duration) -> Self {
        // One reading of each family at a time, so there is always room.
        let (report, done) = mpsc::channel(plans.len().max(1));
        let mounts = MountWatch::default();
        let given = Given { roots, mounts };
        let slots = plans.iter().map(|(family, period, make)| {
            let slot = Slot {
                period: *period,
                make: *make,
                read: Some(make(&given)),
                started: None,
                read_at: None,
                error: None,
            };
            (*family, slot)
        });
        Self {
            deadline,
            slots: slots.collect(),
            order: plans.iter().map(|(family, ..)| *family).collect(),
            lane: Lane::new(),
            failed: FailedWatch::new(Units::new(&given.roots.rootfs, Clock::system())),
            is_watched: false,
            done,
            report,
            values: Snapshot {
                host: system::host_name(&given.roots).into(),
                ..Snapshot::default()
            },
            given,
        }
    }

    /// Reads which units have failed over this connection in place of one of its own.
    #[must_use]
    pub fn with_units(mut self, units: Units) -> Self {
        self.failed = FailedWatch::new(units);
        self
    }

    /// What is found wrong with the mounts while snapshots are read.
    #[must_use]
    pub fn mount_watch(&self) -> MountWatch {
        self.given.mounts.clone()
    }

    /// Sets whether a reader watches the snapshots: then processes are counted and logins listed at
    /// every reading, and otherwise every ten seconds.
    pub fn set_watched(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
    }

    /// Reads every family whose turn it is and that is not stuck.
    ///
    /// Rates are measured from one call to the next. Takes at most the deadline (half a second) for
    /// each family that got stuck during this call. Cancel safe, but what was read meanwhile is
    /// then shown by the next call.
    pub async fn read(&mut self, time: Timestamp) -> Snapshot {
        while let Ok(done) = self.done.try_recv() {
            self.finish(done);
        }
        self.failed.poll();
        let mut waiting = self.start();
        while let Some(next) = waiting.front().copied() {
            match tokio::time::timeout(self.deadline, self.done.recv()).await {
                Ok(Some(done)) => {
                    waiting.retain(|family| *family != done.family);
                    self.finish(done);
                }
                // The sender lives as long as this.
                Ok(None) => break,
                Err(_elapsed) => {
                    tracing::warn!(family = %next, "reading the host got stuck");
                    waiting.pop_front();
                    if let Err(error) = self.lane.relieve() {
                        tracing::warn!(%error, "can't start a thread to read the host");
                    }
                }
            }
        }
        self.snapshot(time)
    }

    /// Starts the reading of all families whose turn it is.
    fn start(&mut self) -> VecDeque<Family> {
        let now = Instant::now();
        let mut waiting = VecDeque::new();
        let mut jobs: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        for family in &self.order {
            let Some(slot) = self.slots.get_mut(family) else {
                continue;
            };
            let is_eager = self.is_watched && EAGER.contains(family);
            let period = if is_eager {
                Duration::ZERO
            } else {
                slot.period
            };
            let is_due = slot
                .started
                .is_none_or(|then| now.saturating_duration_since(then) >= period);
            if !is_due {
                continue;
            }
            let Some(mut read) = slot.read.take() else {
                continue;
            };
            slot.started = Some(now);
            waiting.push_back(*family);
            let (family, report) = (*family, self.report.clone());
            jobs.push(Box::new(move || {
                let result = catch_unwind(AssertUnwindSafe(|| read(Instant::now())));
                let (read, result) = match result {
                    Ok(Ok(value)) => (Some(read), Ok(value)),
                    Ok(Err(error)) => (Some(read), Err(with_causes(&error))),
                    Err(_panic) => (None, Err("reading it panicked".to_owned())),
                };
                // Fails only when the reader of the host is gone.
                let _ = report.try_send(Outcome {
                    family,
                    read,
                    result,
                    at: Instant::now(),
                });
            }));
        }
        if let Err(error) = self.lane.submit(jobs) {
            tracing::warn!(%error, "can't start a thread to read the host");
        }
        waiting
    }

    fn finish(&mut self, done: Outcome) {
        let Some(slot) = self.slots.get_mut(&done.family) else {
            return;
        };
        slot.read = Some(done.read.unwrap_or_else(|| (slot.make)(&self.given)));
        match done.result {
            Ok(value) => {
                if slot.error.take().is_some() {
                    tracing::info!(family = %done.family, "the host can be read again");
                }
                slot.read_at = Some(done.at);
                self.values.set(value);
            }
            Err(error) => {
                // Logged once: the cause will be the same two seconds later.
                if slot.error.as_ref() != Some(&error) {
                    tracing::debug!(family = %done.family, error, "can't read a part of the host");
                }
                slot.error = Some(error);
            }
        }
    }

    fn snapshot(&self, time: Timestamp) -> Snapshot {
        let now = Instant::now();
        let since = |then: Instant| now.saturating_duration_since(then);
        let mut snapshot = self.values.clone();
        snapshot.time = time;
        for (family, slot) in &self.slots {
            let stuck = slot
                .started
                .filter(|_| slot.read.is_none())
                .map(|then| format!("no answer for {:.1} s", since(then).as_secs_f64()));
            let status = FamilyStatus {
                age: slot.read_at.map(since),
                error: stuck.or_else(|| slot.error.clone()),
            };
            snapshot.status.insert(*family, status);
        }
        self.failed.put(&mut snapshot);
        snapshot
    }
}

/// An error in one line, causes included.
fn with_causes(error: &CollectError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a text can't fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the figures are exact")]
mod recorded;
#[cfg(test)]
mod tests;
