//! When a reader of a stream gets something, and when it is too slow for it. Knows no clock.

use std::time::Duration;

use tokio::time::Instant;

/// The pace of one reader.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// How long the reader may be behind.
    lag: Duration,
    /// When the next reading is to be sent.
    due: Instant,
    /// When the event before was handed to the connection.
    given: Option<Instant>,
    /// Since when the connection takes events too slowly.
    late_since: Option<Instant>,
}

impl Pace {
    /// The first reading is due at once.
    pub(super) fn new(interval: Duration, lag: Duration, now: Instant) -> Self {
        Self {
            interval,
            lag,
            due: now,
            given: None,
            late_since: None,
        }
    }

    /// Whether a reading that is there now is to be sent; counts on to the next one.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        // The sampler's ticks and this grid never meet exactly.
        if now + self.interval / 4 < self.due {
            return false;
        }
        let next = self.due + self.interval;
        self.due = if next > now {
            next
        } else {
            now + self.interval
        };
        true
    }

    /// Notes that an event was handed to the connection.
    pub(super) fn give(&mut self, now: Instant) {
        self.given = Some(now);
    }

    /// Called when the connection polls for the next event, which it does when it has passed the one
    /// before on: whether the reader has been behind for too long.
    pub(super) fn is_too_slow(&mut self, now: Instant) -> bool {
        let Some(given) = self.given else {
            return false;
        };
        if now.saturating_duration_since(given) <= self.interval {
            self.late_since = None;
            return false;
        }
        let since = *self.late_since.get_or_insert(given);
        now.saturating_duration_since(since) > self.lag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// At which of the sampler's ticks a reader with this interval gets something.
    fn sent(interval: f64, ticks: &[f64]) -> Vec<f64> {
        let start = Instant::now();
        let mut pace = Pace::new(seconds(interval), seconds(30.0), start);
        let due = |tick: &&f64| pace.is_due(start + seconds(**tick));
        ticks.iter().filter(due).copied().collect()
    }

    #[test]
    fn ticks_that_are_a_little_early_or_late_lose_no_reading() {
        let ticks = [0.0, 0.99, 2.01, 2.98, 4.0];
        assert_eq!(sent(1.0, &ticks), ticks);
    }

    #[test]
    fn a_reader_gets_one_reading_per_interval_on_average() {
        let ticks = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        assert_eq!(sent(3.0, &ticks), [0.0, 3.0, 6.0, 9.0]);
        assert_eq!(
            sent(5.0, &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
            [0.0, 4.0, 10.0]
        );
    }

    #[test]
    fn after_a_pause_there_is_no_burst() {
        assert_eq!(
            sent(1.0, &[0.0, 100.0, 100.2, 100.4, 101.0]),
            [0.0, 100.0, 101.0]
        );
    }

    #[test]
    fn a_reader_is_too_slow_only_after_lagging_for_long() {
        let start = Instant::now();
        let mut pace = Pace::new(seconds(1.0), seconds(10.0), start);
        assert!(!pace.is_too_slow(start));
        // One long wait within the bound, then it keeps up again.
        pace.give(start);
        assert!(!pace.is_too_slow(start + seconds(9.0)));
        pace.give(start + seconds(9.0));
        assert!(!pace.is_too_slow(start + seconds(9.5)));
        // Each event is taken, but all of them late.
        for event in 0..5 {
            let given = start + seconds(10.0 + 2.0 * f64::from(event));
            pace.give(given);
            assert!(!pace.is_too_slow(given + seconds(2.0)), "{event}");
        }
        pace.give(start + seconds(20.0));
        assert!(pace.is_too_slow(start + seconds(21.5)));
    }

    #[test]
    fn a_reader_that_stops_reading_is_too_slow_when_it_comes_back() {
        let start = Instant::now();
        let mut pace = Pace::new(seconds(1.0), seconds(10.0), start);
        pace.give(start);
        assert!(pace.is_too_slow(start + seconds(10.5)));
    }
}
