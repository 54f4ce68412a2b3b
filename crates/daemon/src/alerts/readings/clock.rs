//! How well this host's clock goes.

use std::time::Duration;

use linux_api_alerts::checks::ClockFacts;
use linux_api_host::units::Units;
use linux_api_store::{Engine, Store};
use linux_api_wire::time::Timestamp;
use tokio::time::Instant;

/// How often it is looked at: systemd starts a program for it.
const PERIOD: Duration = Duration::from_mins(5);
/// How long the database may take to say its time. What took longer says little.
const PATIENCE: Duration = Duration::from_secs(1);
/// What the offset is measured against.
const REFERENCE: &str = "the clock of the database";

/// What was found last.
#[derive(Debug, Default)]
pub(super) struct ClockLook {
    looked_at: Option<Instant>,
    is_synchronised: Option<bool>,
    offset: Option<f64>,
}

impl ClockLook {
    /// Looks again when it is due.
    pub(super) async fn look(&mut self, units: &Units, store: &Store) {
        let is_recent = |then: Instant| then.elapsed() < PERIOD;
        if self.looked_at.is_some_and(is_recent) {
            return;
        }
        self.looked_at = Some(Instant::now());
        let polled = units.is_clock_synchronised().await;
        let read =
            polled.inspect_err(|error| tracing::debug!(%error, "can't read how the clock goes"));
        self.is_synchronised = read.ok().flatten();
        self.offset = offset(store).await;
    }

    /// Whether the clock is synchronised, if that is known.
    pub(super) const fn is_synchronised(&self) -> Option<bool> {
        self.is_synchronised
    }

    /// What is known, with the time since when it is not synchronised.
    pub(super) fn facts(&self, unsynchronised_since: Option<Timestamp>) -> ClockFacts {
        let is_known = self.is_synchronised.is_some();
        ClockFacts {
            offset: self.offset,
            reference: self.offset.map(|_| REFERENCE),
            unsynchronised_since: unsynchronised_since.filter(|_| is_known),
            is_known,
        }
    }
}

/// How far the clock is off that of the database, in seconds; nothing where there is no other clock.
async fn offset(store: &Store) -> Option<f64> {
    if store.engine() != Engine::Postgres || !store.is_ready() {
        return None;
    }
    let (before, started) = (store.clock().now(), Instant::now());
    let theirs = tokio::time::timeout(PATIENCE, store.database_time()).await;
    let theirs = theirs.ok()?.ok()??;
    Some(distance(before, started.elapsed(), theirs))
}

/// How far apart two clocks are at least: theirs was read at some time between `before` and `took` later.
fn distance(before: Timestamp, took: Duration, theirs: Timestamp) -> f64 {
    let ahead = before.since(theirs);
    let behind = theirs.since(before.saturating_add(took));
    ahead.max(behind).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_took_is_no_offset() {
        let at = |millis: i64| Timestamp::from_millis(1_800_000_000_000 + millis);
        let took = Duration::from_millis(400);
        for (theirs, expected) in [
            (at(0), 0.0),
            (at(200), 0.0),
            (at(400), 0.0),
            (at(1_000), 0.6),
            (at(-750), 0.75),
        ] {
            let found = distance(at(0), took, theirs);
            assert!((found - expected).abs() < 1e-9, "{theirs}: {found}");
        }
    }

    #[tokio::test]
    async fn without_a_bus_and_another_clock_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            linux_api_store::Options::new(format!("sqlite://{}/a.db", folder.path().display()));
        let clock = linux_api_wire::time::Clock::system();
        let store = Store::open(options, clock.clone()).await.unwrap();
        let units = Units::new(folder.path(), clock);
        let mut look = ClockLook::default();
        look.look(&units, &store).await;
        assert_eq!(look.is_synchronised(), None);
        let since = Some(Timestamp::from_millis(0));
        assert_eq!(look.facts(since), ClockFacts::default());
    }
}
