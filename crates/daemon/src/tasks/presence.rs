//! Records that this daemon is alive, so that the database is not replaced under it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::supervisor::every;
use linux_api_store::Store;

/// How often to look whether the writes of measurements say it often enough; three times within what the
/// word is good for.
const INTERVAL: Duration = Duration::from_secs(20);

/// A daemon that is announced to others.
struct Presence {
    store: Store,
    instance_id: Arc<str>,
    /// Its name for people.
    host: String,
}

/// Announces the daemon until stopped, and then that it is gone: `stop` comes after the last write of
/// measurements, which announces it too. `host` is the name that people see.
pub async fn run(store: Store, instance_id: Arc<str>, host: String, stop: CancellationToken) {
    let mut presence = Presence {
        store,
        instance_id,
        host,
    };
    stop.run_until_cancelled(presence.forget_others()).await;
    every(INTERVAL, &stop, &mut presence, |one| one.announce().boxed()).await;
    let Presence {
        store,
        instance_id,
        host,
    } = presence;
    // When this fails, the daemon is forgotten a minute later.
    let _ = store.say_gone(&instance_id, &host).await;
}

impl Presence {
    async fn forget_others(&self) {
        self.store.ready().await;
        if let Err(error) = self.store.forget_killed_daemons().await {
            tracing::debug!(%error, "could not forget daemons that were killed");
        }
    }

    async fn announce(&self) {
        // While the database is away, it is not replaced either.
        self.store.ready().await;
        let said = self.store.say_present(&self.instance_id, &self.host);
        if let Err(error) = said.await {
            tracing::debug!(%error, "could not record that this daemon is alive");
        }
    }
}
