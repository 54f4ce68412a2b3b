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

/// Reads the revision every `interval` while keys are used; no one else needs to know it at once.
pub async fn run(store: Store, interval: Duration, stop: CancellationToken) {
    let interval = match store.engine() {
        Engine::Sqlite => interval,
        Engine::Postgres => interval.max(POSTGRES_MIN),
    };
    every(interval, &stop, &mut { store }, |store| poll(store).boxed()).await;
}

async fn poll(store: &Store) {
    store.ready().await;
    store.in_use().await;
    // What a failure means is found out and logged by the task that connects again.
    let _ = store.refresh_auth_revision().await;
}
