//! Writes when keys were last used and users last logged in, off the request path.

use linux_api_auth::verifier::{KeySource, Verifier};
use linux_api_store::api_keys::KeyUse;
use linux_api_store::{Store, StoreError};
use linux_api_wire::time::Timestamp;

/// Remembers what is written already.
#[derive(Debug)]
pub struct KeyUseWriter<S> {
    verifier: Verifier<S>,
    written: Timestamp,
}

impl<S: KeySource> KeyUseWriter<S> {
    /// Writes uses after `start`.
    #[must_use]
    pub fn new(verifier: Verifier<S>, start: Timestamp) -> Self {
        Self {
            verifier,
            written: start,
        }
    }

    /// Writes what is new. After an error the next call tries the same again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn write(&mut self, store: &Store) -> Result<(), StoreError> {
        let now = store.clock().now();
        // A clock that was ahead is no reason to write nothing until that time comes.
        let uses = self.verifier.uses_after(self.written.min(now));
        let uses: Vec<KeyUse> = uses
            .into_iter()
            .map(|one| KeyUse {
                key_id: one.key_id,
                user_id: one.user_id,
                time: one.time,
            })
            .collect();
        if !uses.is_empty() {
            store.record_key_use(&uses).await?;
        }
        self.written = now;
        Ok(())
    }
}
