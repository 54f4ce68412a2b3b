//! How many refused changes of one caller are written to the audit log one by one. Who is refused
//! again and again would fill the disk otherwise: the rest is counted, and the number written.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::audit::{Entry, insert_act, insert_audit};
use super::{Store, StoreError, in_write};
use linux_api_wire::audit::{Action, Origin};
use linux_api_wire::time::Timestamp;

/// For how long refusals of one caller are counted together.
pub const WINDOW: Duration = Duration::from_mins(1);
/// How many of them have a row of their own within that time.
pub const ROWS_PER_WINDOW: u32 = 20;

/// Refusals of one caller since `start`.
#[derive(Debug)]
struct Recent {
    start: Timestamp,
    written: u32,
    /// Those without a row, and the last caller's address and request among them.
    counted: u64,
    last: Origin,
}

/// The callers that were refused lately, by the door they came in. There are never many: they have a
/// key or an account, and all who have neither are one caller together.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<String, Recent>>);

/// Refusals that were counted and have no row of their own.
#[derive(Debug)]
struct RefusalCount {
    origin: Origin,
    since: Timestamp,
    count: u64,
}

impl Refusals {
    /// Whether one more refusal of this caller gets a row.
    pub(super) fn admit(&self, origin: &Origin, now: Timestamp) -> bool {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = recent
            .entry(origin.via.to_string())
            .or_insert_with(|| Recent {
                start: now,
                written: 0,
                counted: 0,
                last: origin.clone(),
            });
        // What was counted before the window ended is written by `take_ended`.
        if entry.counted == 0 && now.since(entry.start) >= WINDOW {
            (entry.start, entry.written) = (now, 0);
        }
        let admitted = entry.written < ROWS_PER_WINDOW;
        if admitted {
            entry.written += 1;
        } else {
            entry.counted += 1;
            entry.last = origin.clone();
        }
        admitted
    }

    /// Whether more refusals of this caller would be counted, and not written.
    pub(super) fn is_counting(&self, origin: &Origin, now: Timestamp) -> bool {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = recent.get(&origin.via.to_string());
        entry.is_some_and(|entry| {
            entry.written >= ROWS_PER_WINDOW && now.since(entry.start) < WINDOW
        })
    }

    /// Takes out the callers whose window has ended, or all.
    fn take_ended(&self, now: Timestamp, all: bool) -> Vec<RefusalCount> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = recent.extract_if(|_, entry| all || now.since(entry.start) >= WINDOW);
        ended
            .filter(|(_, entry)| entry.counted > 0)
            .map(|(_, entry)| RefusalCount {
                origin: entry.last,
                since: entry.start,
                count: entry.counted,
            })
            .collect()
    }

    /// Puts back what could not be written.
    fn put_back(&self, counted: &RefusalCount) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = recent
            .entry(counted.origin.via.to_string())
            .or_insert_with(|| Recent {
                start: counted.since,
                written: ROWS_PER_WINDOW,
                counted: 0,
                last: counted.origin.clone(),
            });
        entry.counted += counted.count;
        entry.start = entry.start.min(counted.since);
    }
}

impl Store {
    /// Notes that a change was refused: after a rule of the store rolled it back, or before it came
    /// that far. From one caller, [`ROWS_PER_WINDOW`] a minute have rows of their own; the others are
    /// counted for [`Store::write_counted_refusals`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_refusal(
        &self,
        origin: &Origin,
        action: Action,
        target: String,
        reason: String,
    ) -> Result<(), StoreError> {
        let now = self.clock().now();
        if !self.inner.refusals.admit(origin, now) {
            return Ok(());
        }
        let entry = Entry {
            origin,
            action,
            target,
            detail: reason,
        };
        self.write_refusal(now, &entry).await
    }

    /// Writes one row for each caller whose refusals were counted and whose minute is over; with
    /// `all`, for the others too.
    ///
    /// # Errors
    /// When the database fails; nothing that was counted is forgotten then.
    pub async fn write_counted_refusals(&self, all: bool) -> Result<(), StoreError> {
        let now = self.clock().now();
        let mut outcome = Ok(());
        for counted in self.inner.refusals.take_ended(now, all) {
            let entry = Entry {
                origin: &counted.origin,
                action: Action::AuditSkip,
                target: format!("via:{}", counted.origin.via),
                detail: format!("{} more refusals since {}", counted.count, counted.since),
            };
            if let Err(error) = self.write_refusal(now, &entry).await {
                outcome = Err(error);
                self.inner.refusals.put_back(&counted);
            }
        }
        outcome
    }

    async fn write_refusal(&self, now: Timestamp, entry: &Entry<'_>) -> Result<(), StoreError> {
        // In the log even when the database is away.
        entry.log("refused");
        in_write!(self, |tx| {
            if entry.action.is_act() {
                // Where it was to happen: many hosts write into one log.
                insert_act!(
                    tx,
                    now,
                    entry,
                    "refused",
                    self.own_host(),
                    None::<&str>,
                    None::<&str>
                );
            } else {
                insert_audit!(tx, now, entry, "refused");
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::audit::Via;

    fn caller(uid: u32) -> Origin {
        Origin {
            via: Via::Unix(uid),
            ..Origin::system()
        }
    }

    #[test]
    fn one_caller_gets_some_rows_a_minute_and_the_others_theirs() {
        let refusals = Refusals::default();
        let start = Timestamp::from_millis(1_000);
        let admitted = (0..50)
            .filter(|_| refusals.admit(&caller(1), start))
            .count();
        assert_eq!(admitted, 20);
        assert!(
            refusals.is_counting(&caller(1), start) && !refusals.is_counting(&caller(2), start)
        );
        assert!(refusals.admit(&caller(2), start));
        assert!(refusals.take_ended(start, false).is_empty());

        let later = start.saturating_add(WINDOW);
        assert!(!refusals.is_counting(&caller(1), later));
        let counted = refusals.take_ended(later, false);
        assert_eq!(counted.len(), 1);
        assert_eq!((counted[0].count, counted[0].since), (30, start));
        assert_eq!(counted[0].origin.via, Via::Unix(1));
        assert!(refusals.admit(&caller(1), later));
        assert!(refusals.take_ended(later, true).is_empty());
    }

    #[test]
    fn what_could_not_be_written_is_counted_on() {
        let refusals = Refusals::default();
        let start = Timestamp::from_millis(1_000);
        for _ in 0..25 {
            refusals.admit(&caller(1), start);
        }
        let later = start.saturating_add(WINDOW);
        for counted in refusals.take_ended(later, false) {
            refusals.put_back(&counted);
        }
        assert!(
            !refusals.admit(&caller(1), later),
            "its minute is not written yet"
        );
        assert_eq!(refusals.take_ended(later, false)[0].count, 6);
    }
}
