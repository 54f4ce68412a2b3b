//! How long to wait before a retry.

use std::time::Duration;

use rand::RngExt;

use super::error::ClientError;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Doubles from one second to half a minute, with jitter, so that a daemon
/// that comes back is not run over by all its clients at once.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Success: the next failure waits the shortest time again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether the last try failed.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.failures > 0
    }

    /// Failure: how long to wait now. A time that the daemon names is respected.
    pub fn after(&mut self, error: &ClientError) -> Duration {
        if let ClientError::Refused {
            retry_after: Some(named),
            ..
        } = error
        {
            return (*named).clamp(FIRST, 10 * LONGEST);
        }
        let doubled = FIRST.saturating_mul(1 << self.failures.min(5)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let doubled = if error.is_passing() { doubled } else { LONGEST };
        doubled.mul_f64(rand::rng().random_range(0.8..1.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offline() -> ClientError {
        ClientError::Offline {
            address: String::new(),
            reason: String::new(),
        }
    }

    #[test]
    fn waits_grow_to_half_a_minute_and_start_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..40)
            .map(|_| backoff.after(&offline()).as_millis().try_into().unwrap())
            .collect();
        assert!((800..=1200).contains(&waits[0]), "{waits:?}");
        assert!((1600..=2400).contains(&waits[1]), "{waits:?}");
        assert!(
            waits[6..].iter().all(|ms| (24_000..=36_000).contains(ms)),
            "{waits:?}"
        );
        backoff.reset();
        assert!(backoff.after(&offline()) <= Duration::from_millis(1200));
    }

    #[test]
    fn a_named_time_is_kept_and_a_wrong_key_is_not_tried_often() {
        let refused = |status, seconds: Option<u64>| ClientError::Refused {
            address: String::new(),
            status,
            code: String::new(),
            detail: String::new(),
            retry_after: seconds.map(Duration::from_secs),
        };
        let mut backoff = Backoff::default();
        assert_eq!(
            backoff.after(&refused(429, Some(7))),
            Duration::from_secs(7)
        );
        assert_eq!(
            backoff.after(&refused(429, Some(u64::MAX))),
            Duration::from_mins(5)
        );
        assert!(backoff.after(&refused(401, None)) >= Duration::from_secs(24));
    }
}
