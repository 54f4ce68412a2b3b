//! The failed units of the snapshots: polled every ten seconds, beside the snapshots and never for one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Units;
use crate::families::SLOW;
use linux_api_wire::snapshot::{FailedUnits, Family, FamilyStatus, FamilyValue, Snapshot};

/// Why there is no value before the first poll has ended.
const NOT_YET: &str = "systemd has not been polled yet";

/// What is known of the failed units.
#[derive(Debug)]
pub(crate) struct FailedWatch {
    units: Units,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_polling: bool,
    started: Option<Instant>,
    read_at: Option<Instant>,
    value: Option<FailedUnits>,
    error: Option<String>,
}

impl FailedWatch {
    pub(crate) fn new(units: Units) -> Self {
        Self {
            units,
            state: Arc::default(),
        }
    }

    /// Starts a poll when one is due.
    pub(crate) fn poll(&self) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let is_recent = |then: Instant| now.saturating_duration_since(then) < SLOW;
        if state.is_polling || state.started.is_some_and(is_recent) {
            return;
        }
        state.is_polling = true;
        state.started = Some(now);
        drop(state);
        let (units, state) = (self.units.clone(), Arc::clone(&self.state));
        // Ends within the deadline of a call.
        tokio::spawn(async move {
            let outcome = units.failed().await;
            lock(&state).finish(outcome.map_err(|error| error.to_string()));
        });
    }

    /// Puts what is known into a snapshot.
    pub(crate) fn put(&self, snapshot: &mut Snapshot) {
        let state = lock(&self.state);
        let status = FamilyStatus {
            age: state.read_at.map(|then| then.elapsed()),
            error: match &state.error {
                None if state.value.is_none() => Some(NOT_YET.to_owned()),
                error => error.clone(),
            },
        };
        if let Some(value) = &state.value {
            snapshot.set(FamilyValue::Units(value.clone()));
        }
        snapshot.status.insert(Family::Units, status);
    }
}

impl State {
    fn finish(&mut self, outcome: Result<FailedUnits, String>) {
        self.is_polling = false;
        match outcome {
            Ok(value) => {
                if self.error.take().is_some() {
                    tracing::info!("systemd can be read again");
                }
                self.read_at = Some(Instant::now());
                self.value = Some(value);
            }
            Err(error) => {
                if self.error.as_ref() != Some(&error) {
                    tracing::debug!(error, "can't read which units have failed");
                }
                self.error = Some(error);
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_read_is_absent_and_what_was_is_shown_with_its_fault() {
        let folder = tempfile::tempdir().unwrap();
        let clock = linux_api_wire::time::Clock::system();
        let watch = FailedWatch::new(Units::new(folder.path(), clock));
        let shown = || {
            let mut snapshot = Snapshot::default();
            watch.put(&mut snapshot);
            let is_fresh = snapshot.is_fresh(Family::Units);
            let status = snapshot.status.remove(&Family::Units).unwrap();
            (
                snapshot.units.map(|units| units.failed),
                status.error,
                is_fresh,
            )
        };
        assert_eq!(shown(), (None, Some(NOT_YET.to_owned()), false));
        lock(&watch.state).finish(Err("no bus".to_owned()));
        assert_eq!(shown(), (None, Some("no bus".to_owned()), false));
        let two = FailedUnits {
            failed: 2,
            ..FailedUnits::default()
        };
        lock(&watch.state).finish(Ok(two));
        assert_eq!(shown(), (Some(2), None, true));
        lock(&watch.state).finish(Err("stalled".to_owned()));
        assert_eq!(shown(), (Some(2), Some("stalled".to_owned()), false));
    }

    #[tokio::test]
    async fn a_poll_comes_at_most_every_ten_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let clock = linux_api_wire::time::Clock::system();
        let watch = FailedWatch::new(Units::new(folder.path(), clock));
        watch.poll();
        while lock(&watch.state).is_polling {
            tokio::task::yield_now().await;
        }
        let started = lock(&watch.state).started;
        watch.poll();
        assert_eq!(lock(&watch.state).started, started);
    }
}
