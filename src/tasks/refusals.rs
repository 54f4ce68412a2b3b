//! Writes how many refused changes had no row of their own in the audit log.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How often to look whether a caller's minute is over.
const INTERVAL: Duration = Duration::from_secs(10);

/// Writes them until told to stop, and then what is left.
pub async fn run(store: Store, stop: CancellationToken) {
    let mut failed = false;
    let work = async {
        loop {
            tokio::time::sleep(INTERVAL).await;
            match store.write_counted_refusals(false).await {
                Ok(()) => failed = false,
                // Said once per streak; nothing is forgotten, so the next round tries again.
                Err(error) if !failed => {
                    tracing::warn!(%error, "can't note refused changes in the audit log");
                    failed = true;
                }
                Err(_) => {}
            }
        }
    };
    stop.run_until_cancelled(Box::pin(work)).await;
    if let Err(error) = store.write_counted_refusals(true).await {
        tracing::warn!(%error, "the last refused changes are missing from the audit log");
    }
}
