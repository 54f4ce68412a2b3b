//! The log, kept open; opened again after an error, as what is on disk is unknown then.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Peer, lock};
use crate::automatic::Moment;
use crate::log::{self, ActLog, Event, RememberedAct};
use crate::remembered::KEPT;
use linux_api_acts::protocol::{
    ActRecords, Head, LogState, Outcome, Refusal, RefusalCode, Request,
};
use linux_api_wire::time::{Clock, Timestamp};

/// How often the log is read through, and the journal gets its last line.
const DAILY: Duration = Duration::from_hours(24);
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
    /// When the chain was last read through.
    checked: Option<Timestamp>,
    /// When it was whole.
    verified: Option<Timestamp>,
    announced: Option<Timestamp>,
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

    /// Runs what waits for the disk on a thread that may.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let records = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&records)).await;
        let reason = match done {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it failed".to_owned(),
        };
        let path = self.path.display();
        let message = format!("what can't be recorded does not happen: {path}: {reason}");
        Err(Refusal::new(RefusalCode::Log, message))
    }

    /// Opens the log when it is not open.
    pub(super) async fn open(self: &Arc<Self>) -> Result<(), Refusal> {
        let open = |records: &Self| {
            let mut state = lock(&records.state);
            state.open(&records.path, &records.clock).map(drop)
        };
        self.run(open).await
    }

    /// The acts of earlier processes that still count, and when there were automatic ones.
    pub(super) async fn history(
        self: &Arc<Self>,
    ) -> Result<(Vec<RememberedAct>, Vec<(Timestamp, Moment)>), Refusal> {
        let read = |records: &Self| {
            let since = records.clock.now().saturating_sub(KEPT);
            let history = log::history(&records.path, since)?;
            let mut state = lock(&records.state);
            (state.checked, state.verified) = (history.checked, history.verified);
            state.broken = history.problem;
            Ok((history.acts, history.automatic))
        };
        self.run(read).await
    }

    /// Lines about acts after one that is known.
    pub(super) async fn after(
        self: &Arc<Self>,
        after: Option<Head>,
    ) -> Result<ActRecords, Refusal> {
        let read = move |records: &Self| log::records_after(&records.path, after.as_ref());
        self.run(read).await
    }

    /// Records that an act begins. Without this line there is no act.
    pub(super) async fn begin(
        self: &Arc<Self>,
        peer: Peer,
        request: &Request,
        rule: &str,
        fingerprint: &str,
        automatic: Option<Moment>,
    ) -> Result<(), Refusal> {
        let (request, rule) = (request.clone(), rule.to_owned());
        let fingerprint = fingerprint.to_owned();
        let write = move |records: &Self| {
            let verb = serde_json::to_string(&request.verb).unwrap_or_default();
            let id = request.id.as_str();
            let head = records.append(&Event::Act {
                id,
                claimed: &request.actor,
                peer_uid: peer.uid,
                peer_pid: peer.pid,
                verb: &request.verb,
                rule: &rule,
                fingerprint: &fingerprint,
                automatic: automatic.as_ref(),
            })?;
            let actor = request.actor.name.as_str();
            tracing::info!(seq = head.seq, id, claimed = actor, verb, "act");
            Ok(())
        };
        self.run(write).await
    }

    /// Records what became of it. The act has happened, whether this can be written or not.
    pub(super) async fn end(self: &Arc<Self>, request: &Request, outcome: &Outcome) {
        let (request, outcome) = (request.clone(), outcome.clone());
        let write = move |records: &Self| {
            let id = request.id.as_str();
            let text = serde_json::to_string(&outcome).unwrap_or_default();
            let written = records.append(&Event::Result {
                id,
                claimed: &request.actor,
                verb: &request.verb,
                outcome: &outcome,
            });
            match &written {
                Ok(head) => tracing::info!(seq = head.seq, id, outcome = text, "result"),
                Err(error) => {
                    tracing::error!(id, outcome = text, "the result is not in the log: {error}");
                }
            }
            written
        };
        // What went wrong was logged.
        let _ = self.run(write).await;
    }

    fn append(&self, event: &Event<'_>) -> io::Result<Head> {
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

    pub(super) async fn write_counts(self: &Arc<Self>) {
        let write = |records: &Self| {
            let (count, last) = std::mem::take(&mut *lock(&records.uncounted));
            let Some(last) = last else { return Ok(()) };
            let text = serde_json::to_string(&last).unwrap_or_default();
            let last_reason = text.trim_matches('"');
            tracing::info!(count, last = last_reason, "requests were refused");
            let written = records.append(&Event::Refused {
                count,
                last: last_reason,
            });
            if written.is_err() {
                // They are counted by the next line that can be written.
                let mut uncounted = lock(&records.uncounted);
                uncounted.0 += count;
                uncounted.1.get_or_insert(last);
            }
            written.map(drop)
        };
        let _ = self.run(write).await;
    }

    pub(super) async fn verify_daily(self: &Arc<Self>) {
        let verify = |records: &Self| {
            let now = records.clock.now();
            // No line is written while it is read.
            let mut state = lock(&records.state);
            let is_recent = |last: Timestamp| now.since(last) < DAILY && last <= now;
            if state.checked.is_some_and(is_recent) {
                return Ok(());
            }
            let (lines, problem) = match log::verify(&records.path, None) {
                Ok(verified) => (verified.lines, None),
                Err(finding) => (0, Some(finding.to_string())),
            };
            match &problem {
                Some(problem) => {
                    tracing::error!("the log of acts is not as it was written: {problem}");
                }
                None => state.verified = Some(now),
            }
            state.checked = Some(now);
            state.broken.clone_from(&problem);
            let problem = problem.as_deref();
            let event = Event::Verified { lines, problem };
            // Without the line it is done again after the next start.
            state
                .append(&event, &records.path, &records.clock)
                .map(drop)
        };
        let _ = self.run(verify).await;
    }
}

impl State {
    fn open(&mut self, path: &Path, clock: &Clock) -> io::Result<&mut ActLog> {
        if self.log.is_none() {
            match ActLog::open(path, clock.clone()) {
                Ok(log) => {
                    self.head = Some(log.head()).filter(|head| head.seq > 0);
                    self.problem = None;
                    self.log = Some(log);
                }
                Err(error) => {
                    self.problem = Some(format!("{}: {error}", path.display()));
                    return Err(error);
                }
            }
        }
        self.log
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn append(&mut self, event: &Event<'_>, path: &Path, clock: &Clock) -> io::Result<Head> {
        match self.open(path, clock).and_then(|log| log.append(event)) {
            Ok(head) => {
                self.problem = None;
                self.announce(&head, clock.now());
                self.head = Some(head.clone());
                Ok(head)
            }
            Err(error) => {
                self.log = None;
                self.problem = Some(format!("{}: {error}", path.display()));
                Err(error)
            }
        }
    }

    /// Leaves the head in the journal, which may be on another machine.
    fn announce(&mut self, head: &Head, now: Timestamp) {
        let is_due = self.announced.is_none_or(|last| now.since(last) >= DAILY);
        if is_due || head.seq.is_multiple_of(HEAD_EVERY) {
            self.announced = Some(now);
            tracing::info!(seq = head.seq, hash = head.hash, "head of the log of acts");
        }
    }
}
