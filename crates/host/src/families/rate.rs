//! From counters to rates.

use std::time::Duration;

/// What a counter grew by per second, with two decimals; `None` when no time has passed or the
/// counter went back, because then it counts something new.
#[expect(
    clippy::cast_precision_loss,
    reason = "rates of 2^53 per second don't occur"
)]
pub(super) fn per_second(before: u64, now: u64, passed: Duration) -> Option<f64> {
    let grown = now.checked_sub(before)?;
    (!passed.is_zero()).then(|| rounded(grown as f64 / passed.as_secs_f64()))
}

/// How much of a sum there is for each of so many, with two decimals; `None` for none.
#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 requests or milliseconds don't occur"
)]
pub(super) fn mean(sum: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| rounded(sum as f64 / count as f64))
}

/// Two decimals: more would only be noise that is sent over the wire.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_restarts_has_no_rate() {
        let second = Duration::from_secs(1);
        assert_eq!(per_second(10, 13, 3 * second), Some(1.0));
        assert_eq!(per_second(10, 11, 3 * second), Some(0.33));
        assert_eq!(per_second(10, 9, second), None);
        assert_eq!(per_second(10, 13, Duration::ZERO), None);
    }
}
