//! Says that this daemon lives, so that nobody replaces the database under it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::supervisor::every;
use linux_api_store::Store;

/// Three times within what the word is good for.
const INTERVAL: Duration = Duration::from_secs(20);

/// A daemon that others are told of.
struct Presence {
    store: Store,
    instance_id: Arc<str>,
    /// What people are told.
    host: String,
}

/// Announces the daemon until told to stop, and then that it is gone. `host` is what people see.
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
        // While the database is away, nobody replaces it either.
        self.store.ready().await;
        let said = self.store.say_present(&self.instance_id, &self.host);
        if let Err(error) = said.await {
            tracing::debug!(%error, "could not tell others that this daemon lives");
        }
    }
}
