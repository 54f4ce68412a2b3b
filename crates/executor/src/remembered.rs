//! Which requests were acted on: the same one again gets the first result and is not done twice.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::log::{RememberedAct, hash};
use linux_api_acts::protocol::{Failure, FailureCode, Outcome, Request};
use linux_api_wire::time::Timestamp;

/// How long an id is remembered.
pub(crate) const KEPT: Duration = Duration::from_hours(24);
/// So many ids are remembered: when more come in a day, further acts wait. Their lines fit into the log
/// several times, so that none that counts is rotated away.
const MOST: usize = 50_000;

/// What the request says apart from its time: the user, the key, and the verb with its arguments.
pub(crate) fn fingerprint(request: &Request) -> String {
    let mut digest = Sha256::new();
    let said = (&request.actor.name, &request.actor.key, &request.verb);
    digest.update(serde_json::to_vec(&said).unwrap_or_default());
    hash(&digest.finalize())
}

/// What is known of an id.
pub(crate) enum Known {
    /// Nothing: it is noted now, and [`Remembered::finish`] must follow.
    New,
    /// The same request came before; the result follows when it is there.
    Same(watch::Receiver<Option<Outcome>>),
    /// Another request had this id.
    Other,
    /// No more can be remembered.
    Full,
}

#[derive(Debug)]
struct Entry {
    fingerprint: String,
    outcome: watch::Sender<Option<Outcome>>,
}

/// The requests of the last 24 hours that were acted on, or are now.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    entries: HashMap<String, Entry>,
    order: VecDeque<(Timestamp, String)>,
}

impl Remembered {
    /// Adds an act of an earlier process, oldest first.
    pub(crate) fn restore(&mut self, act: RememberedAct) {
        let lost = || {
            let message = "the executor ended before the result was recorded";
            Outcome::Failed(Failure::new(FailureCode::Unknown, message))
        };
        let outcome = act.outcome.unwrap_or_else(lost);
        self.order.push_back((act.time, act.id.clone()));
        let entry = Entry {
            fingerprint: act.fingerprint,
            outcome: watch::Sender::new(Some(outcome)),
        };
        self.entries.insert(act.id, entry);
    }

    /// Looks a request up, and notes it when it is new.
    pub(crate) fn begin(&mut self, id: &str, fingerprint: &str, now: Timestamp) -> Known {
        while let Some((time, _)) = self.order.front()
            && now.since(*time) >= KEPT
        {
            if let Some((_, id)) = self.order.pop_front() {
                self.entries.remove(&id);
            }
        }
        match self.entries.get(id) {
            Some(entry) if entry.fingerprint == fingerprint => {
                Known::Same(entry.outcome.subscribe())
            }
            Some(_) => Known::Other,
            None if self.entries.len() >= MOST => Known::Full,
            None => {
                let entry = Entry {
                    fingerprint: fingerprint.to_owned(),
                    outcome: watch::Sender::new(None),
                };
                self.entries.insert(id.to_owned(), entry);
                Known::New
            }
        }
    }

    /// Notes the result of an act that was begun and recorded by `begun`. One that was not begun is forgotten: it
    /// may be possible the next time.
    pub(crate) fn finish(&mut self, id: &str, outcome: &Outcome, begun: Option<Timestamp>) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        entry.outcome.send_replace(Some(outcome.clone()));
        match begun {
            Some(time) => self.order.push_back((time, id.to_owned())),
            None => drop(self.entries.remove(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_acts::protocol::{Effect, Refusal, RefusalCode};

    const DONE: Outcome = Outcome::Done(Effect::Reniced {
        from: 0,
        threads: 1,
    });

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn the_same_request_gets_the_first_result_for_a_day() {
        let mut known = Remembered::default();
        assert!(matches!(known.begin("a", "x", at(0)), Known::New));
        let Known::Same(running) = known.begin("a", "x", at(1)) else {
            panic!("it runs");
        };
        assert!(running.borrow().is_none());
        known.finish("a", &DONE, Some(at(2)));
        assert_eq!(*running.borrow(), Some(DONE));
        assert!(matches!(known.begin("a", "y", at(3)), Known::Other));
        assert!(matches!(known.begin("a", "x", at(86_401)), Known::Same(_)));
        assert!(matches!(known.begin("a", "x", at(86_402)), Known::New));
    }

    #[test]
    fn what_was_not_begun_may_be_requested_again() {
        let mut known = Remembered::default();
        assert!(matches!(known.begin("a", "x", at(0)), Known::New));
        let Known::Same(waiting) = known.begin("a", "x", at(0)) else {
            panic!("it runs");
        };
        let refused = Outcome::Refused(Refusal {
            code: RefusalCode::Policy,
            message: String::new(),
            rule: None,
            remedy: None,
            retry_after: None,
        });
        known.finish("a", &refused, None);
        assert_eq!(*waiting.borrow(), Some(refused));
        assert!(matches!(known.begin("a", "x", at(0)), Known::New));
    }

    #[test]
    fn more_than_can_be_remembered_is_not_done() {
        let mut known = Remembered::default();
        for number in 0..MOST {
            known.begin(&number.to_string(), "x", at(0));
            known.finish(&number.to_string(), &DONE, Some(at(0)));
        }
        assert!(matches!(known.begin("one more", "x", at(1)), Known::Full));
        assert!(matches!(
            known.begin("one more", "x", at(86_400)),
            Known::New
        ));
    }

    #[test]
    fn an_act_whose_end_is_not_recorded_is_not_repeated() {
        let mut known = Remembered::default();
        known.restore(RememberedAct {
            id: "a".to_owned(),
            fingerprint: "x".to_owned(),
            time: at(0),
            outcome: None,
        });
        let Known::Same(result) = known.begin("a", "x", at(1)) else {
            panic!("it was begun");
        };
        let outcome = result.borrow().clone();
        assert!(matches!(
            outcome,
            Some(Outcome::Failed(Failure {
                code: FailureCode::Unknown,
                ..
            }))
        ));
    }
}
