//! Checking keys of the Python Linux-API, within a budget of its own.
//!
//! A key that is found by its HMAC costs a look-up. Any other may be the key of a user whose PBKDF2
//! hash was imported and not used since: those are tried one after another, a few a minute for all
//! clients together, so that strangers can't keep a processor busy. What a key was compared with is
//! remembered, so that a client that comes back goes on where it was stopped.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::secrets::{ImportedSecrets, Pbkdf2Hash};
use linux_api_auth::verifier::{KeyRecord, KeyRejection, OtherKey, SourceAway};
use linux_api_wire::api_key::KeyId;
use linux_api_wire::time::Timestamp;

/// How many callers may wait while another's key is tried.
const QUEUE: usize = 4;
/// Of how many keys is remembered what they are not.
const REFUTED_MAX: usize = 1_000;
/// For how long that is remembered after the key was last seen.
const REFUTED_FOR: Duration = Duration::from_hours(1);

/// How much may be spent on keys whose hash is slow.
#[derive(Debug, Clone, Copy)]
pub struct Pbkdf2Limits {
    /// How many hashes are computed in a minute, for all clients together.
    pub per_minute: NonZeroU32,
    /// From when on none is computed any more.
    pub until: Timestamp,
}

/// What imported keys are checked with.
#[derive(Debug, Clone, Default)]
pub struct ImportedCredentials {
    /// Secrets that they were made with.
    pub secrets: ImportedSecrets,
    /// Those that were not used since, each with its hash.
    pub unproven: Vec<(KeyId, Pbkdf2Hash)>,
}

/// Where imported keys are stored.
pub trait ImportedSource: Send + Sync + 'static {
    /// The key with this public id.
    fn find(
        &self,
        id: &KeyId,
    ) -> impl Future<Output = Result<Option<KeyRecord>, SourceAway>> + Send;

    /// The key with one of these stored hashes.
    fn find_by_hash(
        &self,
        hashes: &[String],
    ) -> impl Future<Output = Result<Option<KeyRecord>, SourceAway>> + Send;

    /// What keys of the Python program are checked with.
    fn imported(&self) -> impl Future<Output = Result<ImportedCredentials, SourceAway>> + Send;

    /// Replaces the hash `old`, unless it was replaced meanwhile.
    fn replace_hash(
        &self,
        id: &KeyId,
        old: &str,
        new: &str,
    ) -> impl Future<Output = Result<(), SourceAway>> + Send;
}

/// What is known of imported keys at one revision of users and keys.
#[derive(Debug)]
struct KnownImports {
    revision: i64,
    imported: ImportedCredentials,
}

/// Checks keys of the Python program.
pub struct ImportedKeys<S> {
    source: S,
    limits: Pbkdf2Limits,
    known: Mutex<Option<Arc<KnownImports>>>,
    running: Semaphore,
    queue: Semaphore,
    budget: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Point>>,
    refuted: std::sync::Mutex<Mismatches>,
}

type Point = <MonotonicClock as governor::clock::Clock>::Instant;

impl<S> std::fmt::Debug for ImportedKeys<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportedKeys")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Keys by their digest, each with the stored keys that it is not and when it was last seen.
#[derive(Debug, Default)]
struct Mismatches(HashMap<[u8; 32], (HashSet<KeyId>, Instant)>);

impl Mismatches {
    /// What this key is not.
    fn of(&mut self, key: [u8; 32]) -> HashSet<KeyId> {
        let Some((ids, seen)) = self.0.get_mut(&key) else {
            return HashSet::new();
        };
        *seen = Instant::now();
        ids.clone()
    }

    /// Adds a stored key that this one is not, in the place of the key that was seen least recently
    /// when there are too many.
    fn remember(&mut self, key: [u8; 32], id: KeyId) {
        let now = Instant::now();
        if !self.0.contains_key(&key) {
            self.0
                .retain(|_, (_, seen)| now.duration_since(*seen) < REFUTED_FOR);
        }
        if self.0.len() >= REFUTED_MAX && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, (_, seen))| *seen);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.0.remove(&oldest);
            }
        }
        let (ids, seen) = self.0.entry(key).or_insert_with(|| (HashSet::new(), now));
        ids.insert(id);
        *seen = now;
    }
}

impl<S: ImportedSource> ImportedKeys<S> {
    /// Of this database, nothing read yet.
    pub fn new(source: S, limits: Pbkdf2Limits) -> Self {
        Self {
            source,
            limits,
            known: Mutex::new(None),
            running: Semaphore::new(1),
            queue: Semaphore::new(1 + QUEUE),
            budget: RateLimiter::direct_with_clock(
                Quota::per_minute(limits.per_minute),
                MonotonicClock,
            ),
            refuted: std::sync::Mutex::default(),
        }
    }

    /// The stored key that the text is, unless it has ended: that costs as much as a key that is
    /// unknown.
    pub(super) async fn check(&self, key: OtherKey<'_>) -> Result<KeyRecord, KeyRejection> {
        let has_ended = |record: &KeyRecord| (key.has_ended)(&record.key);
        let known = self.known(key.revision).await?;
        if known.imported.secrets.is_empty() {
            return Err(KeyRejection::Invalid);
        }
        let hashes = known.imported.secrets.hashes(key.text);
        let found = self.source.find_by_hash(&hashes).await.map_err(away)?;
        if let Some(record) = found.filter(|record| !has_ended(record)) {
            return Ok(record);
        }
        let record = self.prove(key, &known.imported).await?;
        if has_ended(&record) {
            return Err(KeyRejection::Invalid);
        }
        Ok(record)
    }

    /// What there is at this revision, read once.
    async fn known(&self, revision: i64) -> Result<Arc<KnownImports>, KeyRejection> {
        let mut known = self.known.lock().await;
        match &*known {
            Some(known) if known.revision >= revision => Ok(Arc::clone(known)),
            _ => {
                let imported = self.source.imported().await.map_err(away)?;
                let fresh = Arc::new(KnownImports { revision, imported });
                *known = Some(Arc::clone(&fresh));
                Ok(fresh)
            }
        }
    }

    /// Compares the key with those that were not used since the import.
    async fn prove(
        &self,
        key: OtherKey<'_>,
        imported: &ImportedCredentials,
    ) -> Result<KeyRecord, KeyRejection> {
        if imported.unproven.is_empty() || key.now >= self.limits.until {
            return Err(KeyRejection::Invalid);
        }
        let _place = self.queue.try_acquire().map_err(|_| KeyRejection::Busy)?;
        let _turn = self
            .running
            .acquire()
            .await
            .map_err(|_| KeyRejection::Busy)?;
        let mut refuted = self.refuted().of(key.digest);
        for (id, hash) in &imported.unproven {
            let Some(pepper) = imported.secrets.pepper(hash) else {
                continue;
            };
            if refuted.contains(id) {
                continue;
            }
            if let Err(until) = self.budget.check() {
                let wait = until.wait_time_from(self.budget.clock().now());
                let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
                return Err(KeyRejection::Later(seconds.max(1)));
            }
            let (text, pepper, tried) = (key.text.to_owned(), pepper.clone(), hash.clone());
            let work = tokio::task::spawn_blocking(move || tried.matches(&text, &pepper));
            if work.await.map_err(|_| KeyRejection::Unavailable)? {
                return self.keep(key, imported, (id, hash)).await;
            }
            refuted.insert(id.clone());
            self.refuted().remember(key.digest, id.clone());
        }
        Err(KeyRejection::Invalid)
    }

    /// Puts the quick hash in the place of the slow one.
    async fn keep(
        &self,
        key: OtherKey<'_>,
        imported: &ImportedCredentials,
        (id, hash): (&KeyId, &Pbkdf2Hash),
    ) -> Result<KeyRecord, KeyRejection> {
        if let Some(quick) = imported.secrets.own_hash(key.text) {
            let replaced = self
                .source
                .replace_hash(id, &hash.to_string(), &quick)
                .await;
            if replaced.is_ok() {
                let mut known = self.known.lock().await;
                if let Some(now) = &*known {
                    let mut rest = now.imported.clone();
                    rest.unproven.retain(|(other, _)| other != id);
                    *known = Some(Arc::new(KnownImports {
                        revision: now.revision,
                        imported: rest,
                    }));
                }
            }
            // Otherwise the next use tries again; this one was proven all the same.
        }
        let found = self.source.find(id).await.map_err(away)?;
        found.ok_or(KeyRejection::Invalid)
    }
}

impl<S> ImportedKeys<S> {
    fn refuted(&self) -> std::sync::MutexGuard<'_, Mismatches> {
        self.refuted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl<S> ImportedKeys<S> {
    /// The number of stored keys that this one was compared with and did not match.
    pub(super) fn refuted_count(&self, key: &str) -> usize {
        use sha2::{Digest, Sha256};
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        self.refuted().of(digest).len()
    }
}

fn away(_: SourceAway) -> KeyRejection {
    KeyRejection::Unavailable
}

#[cfg(test)]
mod tests;
