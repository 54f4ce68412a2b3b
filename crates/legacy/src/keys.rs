//! Keys of the Python Linux-API: how they are checked and stored.

mod checks;
mod secrets;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use linux_api_auth::verifier::{KeyRecord, KeyRejection, OtherKey, OtherKeys, SourceAway};
use linux_api_daemon::state::{StoredKeys, key_away, key_record};
use linux_api_wire::api_key::KeyId;

pub use checks::{ImportedCredentials, ImportedKeys, ImportedSource, Pbkdf2Limits};
pub use secrets::{
    ImportedSecrets, OWN_SECRET, Pbkdf2Hash, fingerprint, hmac_hash, hmac_setting, imported_key_id,
    new_secret, pepper_setting,
};

impl ImportedSource for StoredKeys {
    async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, SourceAway> {
        linux_api_auth::verifier::KeySource::find(self, id).await
    }

    async fn find_by_hash(&self, hashes: &[String]) -> Result<Option<KeyRecord>, SourceAway> {
        let found = self.0.find_key_by_hash(hashes).await.map_err(key_away)?;
        Ok(found.map(key_record))
    }

    async fn imported(&self) -> Result<ImportedCredentials, SourceAway> {
        let stored = self.0.imported_keys().await.map_err(key_away)?;
        let unproven = stored.unproven.into_iter();
        Ok(ImportedCredentials {
            secrets: ImportedSecrets::from_settings(stored.settings),
            unproven: unproven
                .filter_map(|(id, hash)| Some((id, Pbkdf2Hash::parse(&hash)?)))
                .collect(),
        })
    }

    async fn replace_hash(&self, id: &KeyId, old: &str, new: &str) -> Result<(), SourceAway> {
        let replaced = self.0.replace_key_hash(id, old, new).await;
        if replaced.map_err(key_away)? {
            tracing::info!(key = %id, "an imported key was used for the first time");
        }
        Ok(())
    }
}

impl<S: ImportedSource> OtherKeys for ImportedKeys<S> {
    fn find<'a>(&'a self, key: OtherKey<'a>) -> BoxFuture<'a, Result<KeyRecord, KeyRejection>> {
        Box::pin(self.check(key))
    }
}

/// The check of keys in a database, within these limits.
#[must_use]
pub fn in_database(keys: StoredKeys, limits: Pbkdf2Limits) -> Arc<dyn OtherKeys> {
    Arc::new(ImportedKeys::new(keys, limits))
}
