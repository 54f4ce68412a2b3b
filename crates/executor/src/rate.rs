//! How many acts in what time, exactly: an act counts for as long as the period is.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::policy::Rate;

/// When acts began, for as long as the longest period is.
#[derive(Debug, Default)]
pub(crate) struct RateLimit(VecDeque<Instant>);

/// The longest period of a rate.
pub(crate) const LONGEST: Duration = Duration::from_hours(1);

impl RateLimit {
    /// Adds an act of an earlier process, oldest first.
    pub(crate) fn restore(&mut self, age: Duration, now: Instant) {
        if age <= LONGEST
            && let Some(began) = now.checked_sub(age)
        {
            self.0.push_back(began);
        }
    }

    /// Counts an act, or says how long to wait until one is possible.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        while self
            .0
            .front()
            .is_some_and(|began| now.duration_since(*began) >= LONGEST)
        {
            self.0.pop_front();
        }
        let counts = |began: &&Instant| now.duration_since(**began) < rate.period;
        let recent = self.0.iter().rev().take_while(counts).count();
        let most = usize::try_from(rate.acts).unwrap_or(usize::MAX);
        if recent < most {
            self.0.push_back(now);
            return Ok(());
        }
        // The act that has to be over first, so that one less than the most is left.
        let first = self.0.len().saturating_sub(most);
        let began = self.0.get(first).copied().unwrap_or(now);
        Err((began + rate.period).saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_31st_act_of_a_minute_waits() {
        let start = Instant::now() + LONGEST;
        let mut limit = RateLimit::default();
        let second = |seconds| start + Duration::from_secs(seconds);
        for act in 0..30 {
            limit.take(Rate::default(), second(act)).unwrap();
        }
        let wait = limit.take(Rate::default(), second(30)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(30));
        // What was refused does not count.
        limit.take(Rate::default(), second(60)).unwrap();
        assert_eq!(
            limit.take(Rate::default(), second(60)),
            Err(Duration::from_secs(1))
        );
    }

    #[test]
    fn acts_of_an_earlier_process_count() {
        let now = Instant::now() + LONGEST * 3;
        let mut limit = RateLimit::default();
        limit.restore(Duration::from_hours(2), now);
        limit.restore(Duration::from_secs(50), now);
        limit.restore(Duration::from_secs(10), now);
        let rate = Rate {
            acts: 2,
            period: Duration::from_mins(1),
        };
        assert_eq!(limit.take(rate, now), Err(Duration::from_secs(10)));
        let hourly = Rate {
            acts: 3,
            period: Duration::from_hours(1),
        };
        limit.take(hourly, now).unwrap();
        assert_eq!(limit.take(hourly, now), Err(Duration::from_secs(3550)));
    }
}
