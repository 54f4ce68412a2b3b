//! Says something once in a while, however often there is reason to.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two times that it is said.
const PAUSE: Duration = Duration::from_mins(1);

/// When something was last said.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Whether it is time to say it again, which counts as said.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due_at(Instant::now())
    }

    fn is_due_at(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.duration_since(last) >= PAUSE);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_once_a_minute() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let at = |seconds| throttle.is_due_at(start + Duration::from_secs(seconds));
        let due = [0, 1, 59, 60, 61, 119, 121].map(at);
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
