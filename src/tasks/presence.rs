//! Says that this daemon lives, so that nobody replaces the database under it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Three times within what the word is good for.
const INTERVAL: Duration = Duration::from_secs(20);

/// Says so until told to stop, and then that the daemon is gone. `host` is what people are told.
pub async fn run(store: Store, instance_id: Arc<str>, host: String, stop: CancellationToken) {
    let work = async {
        if let Err(error) = store.forget_killed_daemons().await {
            tracing::debug!(%error, "could not forget daemons that were killed");
        }
        loop {
            // While the database is away, nobody replaces it either.
            if let Err(error) = store.say_present(&instance_id, &host).await {
                tracing::debug!(%error, "could not tell others that this daemon lives");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    stop.run_until_cancelled(Box::pin(work)).await;
    // When this fails, the daemon is forgotten a minute later.
    let _ = store.say_gone(&instance_id, &host).await;
}
