//! Checking keys of the Python Linux-API, within a budget of its own.
//!
//! A key that is found by its HMAC costs a look-up. Any other may be the key of a user whose PBKDF2
//! hash was imported and not used since: those are tried one after another, a few a minute for all
//! clients together, so that strangers can't keep a processor busy. What a key was compared with is
//! remembered, so that a client that comes back goes on where it was stopped.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::future::Cache;
use tokio::sync::{Mutex, Semaphore};

use super::{KeyRecord, KeySource, Rejected, SourceAway};
use crate::auth::imported::{ImportedSecrets, Pbkdf2Hash};
use crate::model::api_key::KeyId;
use crate::model::time::Timestamp;

/// How many callers may wait while another's key is tried.
const QUEUE: usize = 4;
/// Of how many keys is remembered what they are not.
const REFUTED_MAX: u64 = 1_000;
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
    budget: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>,
    refuted: Cache<[u8; 32], Arc<HashSet<KeyId>>>,
}

type Instant = <MonotonicClock as governor::clock::Clock>::Instant;

impl std::fmt::Debug for ImportedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportedKeys")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
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
            refuted: Cache::builder()
                .max_capacity(REFUTED_MAX)
                .time_to_idle(REFUTED_FOR)
                .build(),
        }
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
        let refuted = self.refuted.get(&key.digest).await;
        let mut refuted = refuted.map_or_else(HashSet::new, |ids| (*ids).clone());
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
            let remembered = Arc::new(refuted.clone());
            self.refuted.insert(key.digest, remembered).await;
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
    pub(super) async fn refuted_count(&self, key: &str) -> usize {
        use sha2::{Digest, Sha256};
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let refuted = self.refuted.get(&digest).await;
        refuted.map_or(0, |ids| ids.len())
    }
}

fn away(_: SourceAway) -> Rejected {
    Rejected::Unavailable
}
