//! The log, kept open; opened again after an error, as what is on disk is unknown then.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{Peer, lock, refusal};
use crate::log::{self, ActLog, Event, LogError, RememberedAct};
use crate::remembered::KEPT;
use linux_api_acts::protocol::{
    ActRecords, Head, LogState, Outcome, Refusal, RefusalCode, Request,
};
use linux_api_wire::time::{Clock, Timestamp};

/// After so many lines the journal gets the number and hash of the last one.
const HEAD_EVERY: u64 = 1_000;

/// The log and what is known of it.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    clock: Clock,
    state: Mutex<State>,
    refused: AtomicU64,
    /// Those that no line counts yet, and the last reason.
    uncounted: Mutex<(u64, Option<RefusalCode>)>,
}

#[derive(Debug, Default)]
struct State {
    log: Option<ActLog>,
    head: Option<Head>,
    problem: Option<String>,
    /// That the chain is broken, which writing on does not correct.
    broken: Option<String>,
    verified: Option<Timestamp>,
    announced: Option<Timestamp>,
}

/// Runs what waits for the disk on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

impl Records {
    pub(super) fn new(path: PathBuf, clock: Clock) -> Self {
        Self {
            path,
            clock,
            state: Mutex::default(),
            refused: AtomicU64::new(0),
            uncounted: Mutex::default(),
        }
    }

    /// Opens the log when it is not open.
    pub(super) async fn open(self: &Arc<Self>) -> Result<(), Refusal> {
        let records = Arc::clone(self);
        let opened = blocking(move || {
            let mut state = lock(&records.state);
            let opened = state.open(&records.path, &records.clock).map(drop);
            opened.map_err(|error| closed(&error.to_string()))
        });
        opened.await.unwrap_or_else(|| Err(closed("it failed")))
    }

    /// The acts of earlier processes that still count.
    pub(super) async fn history(self: &Arc<Self>) -> Result<Vec<RememberedAct>, Refusal> {
        let records = Arc::clone(self);
        let read = blocking(move || {
            let since = records.clock.now().saturating_sub(KEPT);
            let found = log::acts_since(&records.path, since);
            let (acts, verified) = found.map_err(|error| closed(&error.to_string()))?;
            lock(&records.state).verified = verified;
            Ok(acts)
        });
        read.await.unwrap_or_else(|| Err(closed("it failed")))
    }

    /// Lines about acts after one that is known.
    pub(super) async fn after(
        self: &Arc<Self>,
        after: Option<Head>,
    ) -> Result<ActRecords, Refusal> {
        let records = Arc::clone(self);
        let read = blocking(move || {
            // No file moves while it is read.
            let _state = lock(&records.state);
            log::records_after(&records.path, after.as_ref())
                .map_err(|error| closed(&error.to_string()))
        });
        read.await.unwrap_or_else(|| Err(closed("it failed")))
    }

    /// Records that an act begins. Without this line there is no act.
    pub(super) async fn begin(
        self: &Arc<Self>,
        peer: Peer,
        request: &Request,
        rule: &str,
        fingerprint: &str,
    ) -> Result<(), Refusal> {
        let (records, request) = (Arc::clone(self), request.clone());
        let (rule, fingerprint) = (rule.to_owned(), fingerprint.to_owned());
        let written = blocking(move || {
            let verb = serde_json::to_string(&request.verb).unwrap_or_default();
            let written = records.append(&Event::Act {
                id: request.id.as_str(),
                claimed: &request.actor,
                peer_uid: peer.uid,
                peer_pid: peer.pid,
                verb: &request.verb,
                rule: &rule,
                fingerprint: &fingerprint,
            });
            if let Ok(head) = &written {
                let (id, actor) = (request.id.as_str(), request.actor.name.as_str());
                tracing::info!(seq = head.seq, id, claimed = actor, verb, "act");
            }
            written
        });
        match written.await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(closed(&error.to_string())),
            None => Err(closed("it failed")),
        }
    }

    /// Records what became of it. The act has happened, whether this can be written or not.
    pub(super) async fn end(self: &Arc<Self>, request: &Request, outcome: &Outcome) {
        let (records, id) = (Arc::clone(self), request.id.clone());
        let outcome = outcome.clone();
        blocking(move || {
            let id = id.as_str();
            let text = serde_json::to_string(&outcome).unwrap_or_default();
            let written = records.append(&Event::Result {
                id,
                outcome: &outcome,
            });
            match written {
                Ok(head) => tracing::info!(seq = head.seq, id, outcome = text, "result"),
                Err(error) => {
                    tracing::error!(id, outcome = text, "the result is not in the log: {error}");
                }
            }
        })
        .await;
    }

    fn append(&self, event: &Event<'_>) -> Result<Head, LogError> {
        lock(&self.state).append(event, &self.path, &self.clock)
    }

    pub(super) fn head(&self) -> Option<Head> {
        lock(&self.state).head.clone()
    }

    pub(super) fn state(&self) -> LogState {
        let state = lock(&self.state);
        LogState {
            head: state.head.clone(),
            problem: state.broken.clone().or_else(|| state.problem.clone()),
            verified: state.verified,
        }
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn count_refused(&self, reason: RefusalCode) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let mut uncounted = lock(&self.uncounted);
        uncounted.0 += 1;
        uncounted.1 = Some(reason);
    }

    pub(super) fn write_counts(&self) {
        let (count, last) = std::mem::take(&mut *lock(&self.uncounted));
        let Some(last) = last else { return };
        let text = serde_json::to_string(&last).unwrap_or_default();
        let last_reason = text.trim_matches('"');
        let event = Event::Refused {
            count,
            last: last_reason,
        };
        tracing::info!(count, last = last_reason, "requests were refused");
        if self.append(&event).is_err() {
            // They are counted by the next line that can be written.
            let mut uncounted = lock(&self.uncounted);
            uncounted.0 += count;
            uncounted.1.get_or_insert(last);
        }
    }

    pub(super) fn verify_daily(&self) {
        const DAILY: std::time::Duration = std::time::Duration::from_hours(24);
        let now = self.clock.now();
        // No file moves while it is read.
        let mut state = lock(&self.state);
        let last = state.verified;
        if last.is_some_and(|last| now.since(last) < DAILY && last <= now) {
            return;
        }
        let (lines, problem) = match log::verify(&self.path, None) {
            Ok(verified) => (verified.lines, None),
            Err(finding) => (0, Some(finding.to_string())),
        };
        if let Some(problem) = &problem {
            tracing::error!("the log of acts is not as it was written: {problem}");
        }
        let event = Event::Verified {
            lines,
            problem: problem.as_deref(),
        };
        // Without the line it is done again after the next start.
        let _ = state.append(&event, &self.path, &self.clock);
        if problem.is_none() {
            state.verified = Some(now);
        }
        state.broken = problem;
    }
}

impl State {
    fn open(&mut self, path: &Path, clock: &Clock) -> Result<&mut ActLog, LogError> {
        if self.log.is_none() {
            match ActLog::open(path, clock.clone()) {
                Ok(log) => {
                    self.head = Some(log.head()).filter(|head| head.seq > 0);
                    self.problem = None;
                    self.log = Some(log);
                }
                Err(error) => {
                    self.problem = Some(error.to_string());
                    return Err(error);
                }
            }
        }
        let missing = || LogError::Locked(path.to_owned());
        self.log.as_mut().ok_or_else(missing)
    }

    fn append(&mut self, event: &Event<'_>, path: &Path, clock: &Clock) -> Result<Head, LogError> {
        match self.open(path, clock).and_then(|log| log.append(event)) {
            Ok(head) => {
                self.problem = None;
                self.announce(&head, clock.now());
                self.head = Some(head.clone());
                Ok(head)
            }
            Err(error) => {
                self.log = None;
                self.problem = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// Leaves the head in the journal, which may be on another machine.
    fn announce(&mut self, head: &Head, now: Timestamp) {
        const DAILY: std::time::Duration = std::time::Duration::from_hours(24);
        let is_due = self.announced.is_none_or(|last| now.since(last) >= DAILY);
        if is_due || head.seq.is_multiple_of(HEAD_EVERY) {
            self.announced = Some(now);
            tracing::info!(seq = head.seq, hash = head.hash, "head of the log of acts");
        }
    }
}

fn closed(reason: &str) -> Refusal {
    refusal(
        RefusalCode::Log,
        &format!("what can't be recorded does not happen: {reason}"),
    )
}
