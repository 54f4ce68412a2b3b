//! The health of the flusher.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::queue::Counters;
use linux_api_wire::fleet::{HostFacts, HostSample};
use linux_api_wire::time::Timestamp;

/// So many failures in a row are more than a restart of the database.
const STUCK: u64 = 3;
/// More minutes of samples than this are never handed over between two writes.
const INBOX_MAX: usize = 100_000;

/// How the writing goes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlusherHealth {
    /// Attempts that succeeded.
    pub success_count: u64,
    /// Attempts that failed.
    pub error_count: u64,
    /// Attempts that failed since the last that succeeded.
    pub consecutive_failures: u64,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// When an attempt last succeeded.
    pub last_success: Option<Timestamp>,
    /// When the last attempt began.
    pub last_attempt: Option<Timestamp>,
    /// Where each request went.
    pub counters: Counters,
    /// Time between two attempts while all is well.
    pub interval: Duration,
}

impl FlusherHealth {
    /// Failed attempts among all, 0 to 1; 0 before the first.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more digits than a float has"
    )]
    pub fn error_rate(&self) -> f64 {
        match self.success_count + self.error_count {
            0 => 0.0,
            attempts => self.error_count as f64 / attempts as f64,
        }
    }

    /// Whether so many attempts failed that it needs attention.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.consecutive_failures >= STUCK
    }
}

/// What others see of the flusher, and how they hand things to it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct FlusherHandle(Arc<FlusherState>);

#[derive(Debug, Default)]
struct FlusherState {
    health: Mutex<FlusherHealth>,
    inbox: Mutex<Inbox>,
}

/// What was handed over since the flusher last looked.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) samples: Vec<HostSample>,
    pub(super) newest: Option<(Timestamp, HostFacts)>,
}

impl FlusherHandle {
    /// How the writing goes.
    #[must_use]
    pub fn health(&self) -> FlusherHealth {
        self.0
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Hands over finished minutes of the host's series, to be written with the next attempt.
    pub fn push_samples(&self, samples: Vec<HostSample>) {
        let mut inbox = self.inbox();
        if inbox.samples.len() < INBOX_MAX {
            inbox.samples.extend(samples);
        }
    }

    /// Hands over the host's newest figures, for the list of hosts.
    pub fn push_newest(&self, time: Timestamp, facts: HostFacts) {
        self.inbox().newest = Some((time, facts));
    }

    pub(super) fn take_inbox(&self) -> Inbox {
        std::mem::take(&mut *self.inbox())
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut FlusherHealth)) {
        change(&mut self.0.health.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn inbox(&self) -> std::sync::MutexGuard<'_, Inbox> {
        self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_rate_is_a_share_of_all_attempts() {
        let mut health = FlusherHealth::default();
        assert!(health.error_rate().abs() < f64::EPSILON);
        health.success_count = 3;
        health.error_count = 1;
        assert!((health.error_rate() - 0.25).abs() < f64::EPSILON);
        assert!(!health.is_stuck());
        health.consecutive_failures = STUCK;
        assert!(health.is_stuck());
    }
}
