//! Writes how many refused changes had no row of their own in the audit log.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::supervisor::every;
use linux_api_store::Store;

/// How often to look whether a caller's minute is over.
const INTERVAL: Duration = Duration::from_secs(10);

struct Writer {
    store: Store,
    /// The last round failed.
    failed: bool,
}

/// Writes them until stopped, and then what is left.
pub async fn run(store: Store, stop: CancellationToken) {
    let mut writer = Writer {
        store,
        failed: false,
    };
    every(INTERVAL, &stop, &mut writer, |writer| writer.turn().boxed()).await;
    if let Err(error) = writer.store.write_counted_refusals(true).await {
        tracing::warn!(%error, "the last refused changes are missing from the audit log");
    }
}

impl Writer {
    async fn turn(&mut self) {
        self.store.ready().await;
        match self.store.write_counted_refusals(false).await {
            Ok(()) => self.failed = false,
            // Logged once per streak; nothing is forgotten, so the next round tries again.
            Err(error) if !self.failed => {
                tracing::warn!(%error, "can't note refused changes in the audit log");
                self.failed = true;
            }
            Err(_) => {}
        }
    }
}
