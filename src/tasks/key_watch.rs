//! Watches for changes of users and keys that other processes made on the same database.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::auth::verifier::{KeySource, Verifier};
use crate::store::Store;

/// Reads the revision again and again until told to stop.
pub async fn run<S: KeySource>(
    store: Store,
    verifier: Verifier<S>,
    interval: Duration,
    stop: CancellationToken,
) {
    let mut is_away = false;
    let watch = async {
        loop {
            match store.refresh_auth_revision().await {
                Ok(_) => {
                    verifier.note_contact();
                    if is_away {
                        tracing::info!("the database is back");
                    }
                    is_away = false;
                }
                // Said once per outage, not once per try.
                Err(error) if !is_away => {
                    let error = store.explain(error).await;
                    tracing::warn!(%error, "the database is away");
                    is_away = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(interval).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = watch => {}
    }
}
