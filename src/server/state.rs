//! What handlers work with.

use std::sync::Arc;

use axum::extract::FromRef;

use super::issuer::Issuer;
use super::notices::Notices;
use super::streams::Streams;
use crate::auth::verifier::{KeyRecord, KeySource, SourceAway, Verifier};
use crate::collector::Collector;
use crate::model::api_key::KeyId;
use crate::model::time::Clock;
use crate::recorder::Recorder;
use crate::store::Store;
use crate::tasks::flusher::FlusherHandle;
use crate::tasks::sampler::{HostSampler, LoadSampler};

/// Keys as the verifier looks them up.
#[derive(Debug, Clone)]
pub struct StoredKeys(pub Store);

impl KeySource for StoredKeys {
    async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, SourceAway> {
        match self.0.find_key(id).await {
            Ok(found) => Ok(found.map(|stored| KeyRecord {
                key: stored.key,
                hash: stored.hash,
                user: stored.user,
            })),
            Err(error) => {
                tracing::warn!(%error, "could not look up a key");
                Err(SourceAway)
            }
        }
    }

    fn revision(&self) -> i64 {
        self.0.known_auth_revision()
    }
}

/// Everything that handlers may ask for, each part by its own type.
#[derive(Debug, Clone, FromRef)]
pub struct AppState {
    /// The database.
    pub store: Store,
    /// Checks keys.
    pub verifier: Verifier<StoredKeys>,
    /// Reads the host.
    pub collector: Collector,
    /// What was read of the host.
    pub host: HostSampler,
    /// Which host that is in the database.
    pub own_host: OwnHost,
    /// Sends the host's figures as they come.
    pub(crate) streams: Streams,
    /// Load values of the last day.
    pub load: LoadSampler,
    /// The time.
    pub clock: Clock,
    /// What the documentation routes serve.
    pub docs: Docs,
    /// Makes keys.
    pub issuer: Issuer,
    /// Counts requests.
    pub recorder: Recorder,
    /// How the writing of measurements goes.
    pub flusher: FlusherHandle,
    /// What there is to know about the configuration.
    pub notices: Notices,
}

/// Id of the host that this daemon runs on.
#[derive(Debug, Clone)]
pub struct OwnHost(pub Arc<str>);

/// What the documentation routes serve.
#[derive(Debug, Clone)]
pub struct Docs {
    /// Whether there are any.
    pub enabled: bool,
    /// The OpenAPI document.
    pub openapi: Arc<str>,
}
