//! The brake of automatic acts: what did not help three times in an hour will not help a fourth time.

use std::time::Duration;

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most acts of a host within [`WINDOW`].
pub const ACTS_MAX: usize = 3;
/// The time in which acts are counted, and how long all must be well until acts are possible again.
pub const WINDOW: Duration = Duration::from_hours(1);

/// The automatic acts of a host. To be stored before an act is requested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// When acts were requested, within the last hour.
    acts: Vec<Timestamp>,
    /// Since when nothing is done any more.
    gave_up_at: Option<Timestamp>,
}

/// What is to be done when a rule with an act fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The act. It is counted already.
    Act,
    /// Nothing from now on; the notice that says so is to be sent.
    GiveUp,
    /// Nothing; the notice was sent.
    Nothing,
}

impl Brake {
    /// Decides about an act, and counts it.
    pub fn decide(&mut self, now: Timestamp) -> Decision {
        self.bound(now);
        if self.gave_up_at.is_some() {
            return Decision::Nothing;
        }
        if self.acts.len() < ACTS_MAX {
            self.acts.push(now);
            return Decision::Act;
        }
        self.gave_up_at = Some(now);
        Decision::GiveUp
    }

    /// Notes whether anything with an act fires on the host. An hour after giving up without, acts are
    /// possible again.
    pub fn note(&mut self, fires: bool, now: Timestamp) {
        self.bound(now);
        match &mut self.gave_up_at {
            Some(since) if fires => *since = now,
            Some(since) if now.since(*since) >= WINDOW => self.gave_up_at = None,
            _ => {}
        }
    }

    /// Whether nothing is done any more.
    #[must_use]
    pub const fn gave_up(&self) -> bool {
        self.gave_up_at.is_some()
    }

    /// Has acts be possible again: an operator has looked.
    pub fn release(&mut self) {
        *self = Self::default();
    }

    /// Forgets acts of more than an hour ago. Those of a clock that was ahead count from now on.
    fn bound(&mut self, now: Timestamp) {
        for time in &mut self.acts {
            *time = now.min(*time);
        }
        self.acts.retain(|time| now.since(*time) < WINDOW);
        self.gave_up_at = self.gave_up_at.map(|time| time.min(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;
    use Decision::{Act, GiveUp, Nothing};

    #[test]
    fn there_is_no_fourth_act_within_an_hour() {
        let mut brake = Brake::default();
        let decided: Vec<Decision> = (0..6)
            .map(|number| brake.decide(at(number * 300)))
            .collect();
        assert_eq!(decided, [Act, Act, Act, GiveUp, Nothing, Nothing]);
        let stored = serde_json::to_string(&brake).unwrap();
        let mut brake: Brake = serde_json::from_str(&stored).unwrap();
        assert!(brake.gave_up());
        // The acts are more than an hour ago, and it still fires: giving up lasts.
        brake.note(true, at(9_000));
        assert_eq!(brake.decide(at(9_000)), Nothing);
        brake.note(false, at(9_000 + 3_599));
        assert!(brake.gave_up());
        brake.note(false, at(9_000 + 3_600));
        assert_eq!(brake.decide(at(20_000)), Act);
    }

    #[test]
    fn acts_far_apart_do_not_count_together() {
        let mut brake = Brake::default();
        for number in 0..20 {
            assert_eq!(brake.decide(at(number * 1_801)), Decision::Act);
        }
        for _ in 0..2 {
            brake.decide(at(40_000));
        }
        brake.decide(at(40_001));
        brake.decide(at(40_002));
        assert!(brake.gave_up());
        brake.release();
        assert_eq!(brake.decide(at(40_003)), Decision::Act);
    }
}
