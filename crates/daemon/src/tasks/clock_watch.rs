//! Whether the daemon's clock can be trusted with work that concerns all hosts.

use std::time::Duration;

use tokio::time::Instant;

use linux_api_store::Store;
use linux_api_wire::time::Timestamp;

/// A clock that is further off than this is no reason to do anything.
const SKEW: Duration = Duration::from_mins(5);

/// Compares the clock with others: what is too old by a wrong one may be all that there is.
pub(super) struct ClockWatch {
    last: (Timestamp, Instant),
}

impl ClockWatch {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            last: (store.clock().now(), Instant::now()),
        }
    }

    /// Fails when the clock was set since the last call, or differs from that of the database.
    pub(super) async fn check(&mut self, store: &Store) -> Result<(), String> {
        let (now, instant) = (store.clock().now(), Instant::now());
        let (before, since) = std::mem::replace(&mut self.last, (now, instant));
        let expected = before.saturating_add(instant - since);
        if distance(now, expected) > SKEW {
            return Err(format!("it went from {expected} to {now}"));
        }
        // While the database is away, nothing can be deleted either.
        if let Ok(Some(other)) = store.database_time().await
            && distance(now, other) > SKEW
        {
            return Err(format!("it says {now}, that of the database {other}"));
        }
        Ok(())
    }
}

/// How far apart two times are.
fn distance(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_store::Options;
    use linux_api_wire::time::ManualClock;

    #[tokio::test]
    async fn a_clock_that_was_set_is_not_trusted_until_the_next_round() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(format!("sqlite://{}/a.db", folder.path().display()));
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let store = Store::open(options, clock.clock()).await.unwrap();
        let mut watch = ClockWatch::new(&store);
        assert_eq!(watch.check(&store).await, Ok(()));
        clock.advance(Duration::from_mins(4));
        assert_eq!(watch.check(&store).await, Ok(()), "a little is no wonder");
        clock.advance(Duration::from_hours(24 * 31));
        let off = watch.check(&store).await.unwrap_err();
        assert!(off.starts_with("it went from 2027-01-15T08:04:00"), "{off}");
        assert_eq!(watch.check(&store).await, Ok(()));
    }
}
