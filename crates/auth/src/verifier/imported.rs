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

use super::{KeyRecord, KeySource, Rejected, SourceAway};
use crate::imported::{ImportedSecrets, Pbkdf2Hash};
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
pub struct Imported {
    /// Secrets that they were made with.
    pub secrets: ImportedSecrets,
    /// Those that were not used since, each with its hash.
    pub unproven: Vec<(KeyId, Pbkdf2Hash)>,
}

/// What is known of imported keys at one revision of users and keys.
#[derive(Debug)]
struct Known {
    revision: i64,
    imported: Imported,
}

pub(super) struct ImportedKeys {
    limits: Pbkdf2Limits,
    known: Mutex<Option<Arc<Known>>>,
    running: Semaphore,
    queue: Semaphore,
    budget: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Point>>,
    refuted: std::sync::Mutex<Refuted>,
}

type Point = <MonotonicClock as governor::clock::Clock>::Instant;

impl std::fmt::Debug for ImportedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportedKeys")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Keys by their digest, each with the stored keys that it is not and when it was last seen.
#[derive(Debug, Default)]
struct Refuted(HashMap<[u8; 32], (HashSet<KeyId>, Instant)>);

impl Refuted {
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

/// A key that is no key of this program's own making.
pub(super) struct Candidate<'a> {
    pub(super) text: &'a str,
    pub(super) digest: [u8; 32],
    pub(super) revision: i64,
    pub(super) now: Timestamp,
}

impl ImportedKeys {
    pub(super) fn new(limits: Pbkdf2Limits) -> Self {
        Self {
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

    fn refuted(&self) -> std::sync::MutexGuard<'_, Refuted> {
        self.refuted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stored key that the text is, unless `has_ended` says that it no longer counts: that
    /// costs as much as a key that is unknown.
    pub(super) async fn find<S: KeySource>(
        &self,
        source: &S,
        key: &Candidate<'_>,
        has_ended: impl Fn(&KeyRecord) -> bool,
    ) -> Result<KeyRecord, Rejected> {
        let known = self.known(source, key.revision).await?;
        if known.imported.secrets.is_empty() {
            return Err(Rejected::Invalid);
        }
        let hashes = known.imported.secrets.hashes(key.text);
        let found = source.find_by_hash(&hashes).await.map_err(away)?;
        if let Some(record) = found.filter(|record| !has_ended(record)) {
            return Ok(record);
        }
        let record = self.prove(source, key, &known.imported).await?;
        if has_ended(&record) {
            return Err(Rejected::Invalid);
        }
        Ok(record)
    }

    /// What there is at this revision, read once.
    async fn known<S: KeySource>(&self, source: &S, revision: i64) -> Result<Arc<Known>, Rejected> {
        let mut known = self.known.lock().await;
        match &*known {
            Some(known) if known.revision >= revision => Ok(Arc::clone(known)),
            _ => {
                let imported = source.imported().await.map_err(away)?;
                let fresh = Arc::new(Known { revision, imported });
                *known = Some(Arc::clone(&fresh));
                Ok(fresh)
            }
        }
    }

    /// Compares the key with those that were not used since the import.
    async fn prove<S: KeySource>(
        &self,
        source: &S,
        key: &Candidate<'_>,
        imported: &Imported,
    ) -> Result<KeyRecord, Rejected> {
        if imported.unproven.is_empty() || key.now >= self.limits.until {
            return Err(Rejected::Invalid);
        }
        let _place = self.queue.try_acquire().map_err(|_| Rejected::Busy)?;
        let _turn = self.running.acquire().await.map_err(|_| Rejected::Busy)?;
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
                return Err(Rejected::Later(seconds.max(1)));
            }
            let (text, pepper, tried) = (key.text.to_owned(), pepper.clone(), hash.clone());
            let work = tokio::task::spawn_blocking(move || tried.matches(&text, &pepper));
            if work.await.map_err(|_| Rejected::Unavailable)? {
                return self.keep(source, key, imported, (id, hash)).await;
            }
            refuted.insert(id.clone());
            self.refuted().remember(key.digest, id.clone());
        }
        Err(Rejected::Invalid)
    }

    /// Puts the quick hash in the place of the slow one.
    async fn keep<S: KeySource>(
        &self,
        source: &S,
        key: &Candidate<'_>,
        imported: &Imported,
        (id, hash): (&KeyId, &Pbkdf2Hash),
    ) -> Result<KeyRecord, Rejected> {
        if let Some(quick) = imported.secrets.own_hash(key.text) {
            let replaced = source.replace_hash(id, &hash.to_string(), &quick).await;
            if replaced.is_ok() {
                let mut known = self.known.lock().await;
                if let Some(now) = &*known {
                    let mut rest = now.imported.clone();
                    rest.unproven.retain(|(other, _)| other != id);
                    *known = Some(Arc::new(Known {
                        revision: now.revision,
                        imported: rest,
                    }));
                }
            }
            // Otherwise the next use tries again; this one was proven all the same.
        }
        let found = source.find(id).await.map_err(away)?;
        found.ok_or(Rejected::Invalid)
    }
}

#[cfg(test)]
impl ImportedKeys {
    /// With how many stored keys this one was compared in vain.
    pub(super) fn refuted_count(&self, key: &str) -> usize {
        use sha2::{Digest, Sha256};
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        self.refuted().of(digest).len()
    }
}

fn away(_: SourceAway) -> Rejected {
    Rejected::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PlainKey;

    #[tokio::test(start_paused = true)]
    async fn what_a_key_is_not_is_forgotten_after_an_hour_and_by_the_least_recent() {
        let mut refuted = Refuted::default();
        let id = || PlainKey::generate().unwrap().id();
        refuted.remember([1; 32], id());
        refuted.remember([1; 32], id());
        assert_eq!(refuted.of([1; 32]).len(), 2);
        tokio::time::advance(REFUTED_FOR).await;
        refuted.remember([2; 32], id());
        assert!(refuted.of([1; 32]).is_empty());
        for number in 0..REFUTED_MAX {
            tokio::time::advance(Duration::from_millis(1)).await;
            let mut key = [3; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            refuted.remember(key, id());
            assert_eq!(refuted.of([2; 32]).len(), 1, "it is in use");
        }
        assert_eq!(refuted.0.len(), REFUTED_MAX);
    }
}
