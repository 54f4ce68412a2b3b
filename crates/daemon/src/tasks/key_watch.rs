//! Looks for changes of users and keys that other processes made on the same database.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::supervisor::every;
use linux_api_store::{Engine, Store};

/// On PostgreSQL no poll comes sooner after another: a fleet shares the server.
const POSTGRES_MIN: Duration = Duration::from_secs(1);

/// For how long the revision of users and keys is good enough for a request without a look of its
/// own: a poll and a half.
#[must_use]
pub fn max_age(engine: Engine) -> Duration {
    match engine {
        Engine::Sqlite => Duration::from_millis(750),
        Engine::Postgres => Duration::from_millis(1_500),
    }
}

/// Reads the revision every `interval` while keys are used; no one else needs to know it at once. What reads
/// it meanwhile, as each write of measurements does, takes the place of a poll.
pub async fn run(store: Store, interval: Duration, stop: CancellationToken) {
    let interval = match store.engine() {
        Engine::Sqlite => interval,
        Engine::Postgres => interval.max(POSTGRES_MIN),
    };
    let mut watch = KeyWatch { store, interval };
    every(interval, &stop, &mut watch, |watch| watch.poll().boxed()).await;
}

struct KeyWatch {
    store: Store,
    interval: Duration,
}

impl KeyWatch {
    async fn poll(&self) {
        self.store.ready().await;
        self.store.in_use().await;
        tokio::time::sleep(left(self.interval, self.store.contact_age())).await;
        // What a failure means is found out and logged by the task that connects again.
        let _ = self.store.refresh_auth_revision().await;
    }
}

/// How long the revision that was read `age` ago is new enough.
fn left(interval: Duration, age: Duration) -> Duration {
    interval.saturating_sub(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_comes_an_interval_after_whatever_read_the_revision() {
        let second = Duration::from_secs(1);
        for (age, expected) in [(0, 1_000), (300, 700), (1_000, 0), (5_000, 0)] {
            let found = left(second, Duration::from_millis(age));
            assert_eq!(found, Duration::from_millis(expected), "{age}");
        }
        assert_eq!(left(second, Duration::MAX), Duration::ZERO);
    }
}
