//! When a message that was not taken is sent again.

use std::time::Duration;

use linux_api_wire::time::Timestamp;

/// The first pause.
pub const RETRY_FIRST: Duration = Duration::from_secs(10);
/// The longest pause.
pub const RETRY_MOST: Duration = Duration::from_hours(1);
/// For how long a message is tried. After that it is old news, and what still fires is repeated anyway.
pub const RETRY_FOR: Duration = Duration::from_hours(24);
/// The longest pause that a receiver may request.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(6);

/// What a receiver did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// It took it.
    Taken,
    /// It did not: try again, not before this time has passed if it named one.
    Retry(Option<Duration>),
    /// It is gone and wants no more (410): the message is not tried again.
    Gone,
}

/// What a status of HTTP means. All but 2xx and 410 is tried again, 4xx too: a token that was wrong is
/// corrected while the message waits, and nothing is lost.
#[must_use]
pub fn reception(status: u16, retry_after: Option<Duration>) -> Reception {
    match status {
        200..=299 => Reception::Taken,
        410 => Reception::Gone,
        429 | 503 => Reception::Retry(retry_after.map(|pause| pause.min(RETRY_AFTER_MAX))),
        _ => Reception::Retry(None),
    }
}

/// When a message is tried again after so many failed attempts (1 or more), the last one now; `None` when it
/// was made too long ago. The pauses double from 10 seconds to an hour.
#[must_use]
pub fn next_attempt(
    made: Timestamp,
    failed: u32,
    at_least: Option<Duration>,
    now: Timestamp,
) -> Option<Timestamp> {
    if now.since(made) >= RETRY_FOR {
        return None;
    }
    let doubled = 1_u32
        .checked_shl(failed.saturating_sub(1))
        .unwrap_or(u32::MAX);
    let pause = RETRY_FIRST.saturating_mul(doubled).min(RETRY_MOST);
    Some(now.saturating_add(pause.max(at_least.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn pauses_double_to_an_hour_for_a_day() {
        let (mut now, mut pauses) = (at(0), Vec::new());
        for failed in 1..1_000 {
            let Some(next) = next_attempt(at(0), failed, None, now) else {
                break;
            };
            pauses.push(next.since(now).as_secs());
            now = next;
        }
        assert_eq!(pauses[..9], [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560]);
        assert!(pauses[9..].iter().all(|pause| *pause == 3_600));
        assert!(now.since(at(0)) >= RETRY_FOR);
        assert_eq!(pauses.len(), 32);
        let far = next_attempt(at(0), u32::MAX, None, at(1));
        assert_eq!(far, Some(at(3_601)));
    }

    #[test]
    fn a_receiver_may_request_a_pause() {
        assert_eq!(reception(204, None), Reception::Taken);
        assert_eq!(reception(410, None), Reception::Gone);
        let minute = Some(Duration::from_mins(1));
        assert_eq!(reception(429, minute), Reception::Retry(minute));
        assert_eq!(reception(500, minute), Reception::Retry(None));
        assert_eq!(reception(401, None), Reception::Retry(None));
        let most = Reception::Retry(Some(Duration::from_hours(6)));
        assert_eq!(reception(429, Some(Duration::MAX)), most);
        assert_eq!(next_attempt(at(0), 1, minute, at(0)), Some(at(60)));
    }
}
