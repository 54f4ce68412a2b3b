//! Writes when keys were last used, off the request path, at most once a minute per key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::auth::verifier::{KeySource, Verifier};
use crate::store::Store;
use crate::store::api_keys::KeyUse;

/// How often uses are written.
const INTERVAL: Duration = Duration::from_mins(1);

/// How the writing goes.
#[derive(Debug, Clone, Default)]
pub struct KeyUseHealth(Arc<AtomicU64>);

impl KeyUseHealth {
    /// How many writes failed in a row.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Writes until told to stop, and once more then.
pub async fn run<S: KeySource>(
    store: Store,
    verifier: Verifier<S>,
    health: KeyUseHealth,
    stop: CancellationToken,
) {
    let mut written = store.clock().now();
    loop {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(INTERVAL) => false,
        };
        let now = store.clock().now();
        let uses: Vec<KeyUse> = verifier
            .uses_after(written)
            .into_iter()
            .map(|one| KeyUse {
                key_id: one.key_id,
                user_id: one.user_id,
                time: one.time,
            })
            .collect();
        let outcome = if uses.is_empty() {
            Ok(())
        } else {
            store.record_key_use(&uses).await
        };
        match outcome {
            Ok(()) => {
                written = now;
                health.0.store(0, Ordering::Relaxed);
            }
            Err(error) => {
                health.0.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, keys = uses.len(), "could not write when keys were used");
            }
        }
        if stopping {
            return;
        }
    }
}
