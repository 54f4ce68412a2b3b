//! What handlers work with.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::FromRef;

use super::issuer::Issuer;
use super::journal::Journal;
use super::notices::Notices;
use super::routes::docs::DocsFiles;
use super::routes::system::WrittenList;
use super::streams::Streams;
use super::unread::UnreadMemory;
use crate::acts::Acts;
use crate::alerts::Alerts;
use crate::recorder::Recorder;
use crate::tasks::flusher::FlusherHandle;
use crate::tasks::key_watch;
use crate::tasks::sampler::{HostSampler, LoadSampler};
use linux_api_auth::verifier::{KeyRecord, KeySource, SourceAway, Verifier};
use linux_api_host::Collector;
use linux_api_store::api_keys::StoredKey;
use linux_api_store::{Store, StoreError};
use linux_api_wire::api_key::KeyId;
use linux_api_wire::time::{Clock, Timestamp};

/// Keys as the verifier looks them up.
#[derive(Debug, Clone)]
pub struct StoredKeys(pub Store);

impl KeySource for StoredKeys {
    async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, SourceAway> {
        let found = self.0.find_key(id).await.map_err(key_away)?;
        Ok(found.map(key_record))
    }

    fn revision(&self) -> i64 {
        self.0.known_auth_revision()
    }

    fn contact_age(&self) -> Duration {
        self.0.contact_age()
    }

    fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    fn is_lost(&self) -> bool {
        self.0.is_replaced()
    }

    async fn refresh(&self, age: Duration) -> Duration {
        let max_age = key_watch::max_age(self.0.engine());
        if age <= max_age {
            return age;
        }
        // Boxed, or every request would carry the room that this needs about once a second.
        Box::pin(self.0.check_revision(max_age)).await;
        self.0.contact_age()
    }

    fn note_use(&self) -> Duration {
        self.0.note_use()
    }
}

/// A stored key as the verifier has it.
#[must_use]
pub fn key_record(stored: StoredKey) -> KeyRecord {
    KeyRecord {
        key: stored.key,
        hash: stored.hash,
        user: stored.user,
    }
}

/// That a key could not be looked up, after the reason was logged.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
#[must_use]
pub fn key_away(error: StoreError) -> SourceAway {
    // That the database is away is logged once, by the task that connects again.
    if !matches!(error, StoreError::NotReady { .. }) {
        tracing::warn!(%error, "could not look up a key");
    }
    SourceAway
}

/// Everything that handlers may use, each part by its own type.
#[derive(Debug)]
pub struct AppState {
    /// The database.
    pub store: Store,
    /// Checks keys.
    pub verifier: Verifier<StoredKeys>,
    /// Reads the host.
    pub collector: Collector,
    /// Reads its journal.
    pub journal: Journal,
    /// What was read of the host.
    pub host: HostSampler,
    /// Acts on the host.
    pub acts: Acts,
    /// Alerts at work.
    pub alerts: Alerts,
    /// Which host that is in the database.
    pub own_host: OwnHost,
    /// Since when there is history, of a daemon that keeps none beyond its end.
    pub history_since: HistorySince,
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
    /// The list of processes as it was last written.
    pub(crate) written_list: WrittenList,
    /// Bounds what clients leave unread.
    pub(crate) unread: UnreadMemory,
}

/// As the router holds it. Each request gets one more handle, not a copy of every part.
#[derive(Debug, Clone)]
pub struct SharedState(pub(crate) Arc<AppState>);

impl Deref for SharedState {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

/// Lets handlers extract the parts of the state.
macro_rules! parts {
    ($($field:ident: $part:ty),+ $(,)?) => {$(
        impl FromRef<SharedState> for $part {
            fn from_ref(state: &SharedState) -> Self {
                state.$field.clone()
            }
        }
    )+};
}

parts! {
    store: Store,
    verifier: Verifier<StoredKeys>,
    collector: Collector,
    journal: Journal,
    host: HostSampler,
    acts: Acts,
    alerts: Alerts,
    own_host: OwnHost,
    history_since: HistorySince,
    streams: Streams,
    load: LoadSampler,
    clock: Clock,
    docs: Docs,
    issuer: Issuer,
    recorder: Recorder,
    flusher: FlusherHandle,
    notices: Notices,
    written_list: WrittenList,
    unread: UnreadMemory,
}

/// Id of the host that this daemon runs on.
#[derive(Debug, Clone)]
pub struct OwnHost(pub Arc<str>);

/// When the history of this daemon began, which ends with it; nothing for a daemon that keeps it.
#[derive(Debug, Clone, Copy)]
pub struct HistorySince(pub Option<Timestamp>);

/// What the documentation routes serve.
#[derive(Debug, Clone)]
pub struct Docs {
    /// Whether there are any.
    pub enabled: bool,
    /// The OpenAPI document, the same bytes for all clients.
    pub openapi: Bytes,
    /// The page and what it loads.
    pub(crate) files: Arc<DocsFiles>,
}
