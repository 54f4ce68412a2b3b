//! Turns the key of a request into an [`Identity`].
//!
//! A slow hash per request would be a lever for attackers and a burden for all, so accepted
//! keys are kept in a bounded cache. An entry is found by the SHA-256 of the whole key, is bound to
//! the stored hash, and counts only at the revision of users and keys at which it was read; at a
//! newer one the row is read again, without a slow hash when the stored one is still the same.
//!
//! A request never waits long for the database: the row is read by one task for all requests with
//! the same key, and after 50 ms they go on with what is known. A key that can't be checked keeps
//! working for a bounded time, counted from when *it* could last be checked.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::hash::{HashError, Hasher};
use super::identity::Identity;
use super::key::PlainKey;
use linux_api_wire::api_key::{ApiKey, KeyId};
use linux_api_wire::audit::Via;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::user::{User, UserId};

/// What every key of this program's own making begins with; a text that does and is no key is a
/// mistyped one.
const OWN_PREFIX: &str = "lapi_";

/// Of how many slow checks the outcome is held for the callers that waited for it; far more than can
/// end at once.
const CHECKS_MAX: usize = 1_024;

/// How long a request waits until a remembered key was looked up again.
const RECHECK_PATIENCE: Duration = Duration::from_millis(50);

/// A stored key as the verifier needs it.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// The key without its secret.
    pub key: ApiKey,
    /// PHC string of the whole key, or an imported hash.
    pub hash: String,
    /// Whose key it is.
    pub user: User,
}

/// The database can't be queried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceAway;

/// Where keys are looked up.
pub trait KeySource: Clone + Send + Sync + 'static {
    /// The key with this public id.
    fn find(
        &self,
        id: &KeyId,
    ) -> impl Future<Output = Result<Option<KeyRecord>, SourceAway>> + Send;

    /// The newest revision of users and keys that is known.
    fn revision(&self) -> i64;

    /// How long ago the revision was last read, by a monotonic clock.
    fn contact_age(&self) -> Duration;

    /// Whether look-ups have a chance at all.
    fn is_ready(&self) -> bool;

    /// Whether what is stored is gone for good, so that nothing remembered of it counts any more.
    fn is_lost(&self) -> bool;

    /// Reads the revision again unless `age` is but a moment; waits for it 50 ms at most. Returns
    /// the age after it.
    fn refresh(&self, age: Duration) -> impl Future<Output = Duration> + Send;

    /// Notes that a key is used, so that changes are looked for. Returns the
    /// [`contact_age`](Self::contact_age).
    fn note_use(&self) -> Duration;
}

/// Keys of another form than this program's own.
pub trait OtherKeys: fmt::Debug + Send + Sync {
    /// The stored key that the text is. One that [has ended](OtherKey::has_ended) costs as much as one
    /// that is unknown.
    fn find<'a>(&'a self, key: OtherKey<'a>) -> BoxFuture<'a, Result<KeyRecord, KeyRejection>>;
}

/// A text that may be a key of another form.
#[derive(Clone, Copy)]
pub struct OtherKey<'a> {
    /// As it came from the client.
    pub text: &'a str,
    /// Its SHA-256.
    pub digest: [u8; 32],
    /// The newest revision of users and keys that is known.
    pub revision: i64,
    /// The time.
    pub now: Timestamp,
    /// Whether a stored key counts no longer.
    pub has_ended: &'a (dyn Fn(&ApiKey) -> bool + Sync),
}

/// Why a key was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRejection {
    /// Unknown, wrong, revoked or expired: the response does not say which.
    Invalid,
    /// Too many keys are being checked just now.
    Busy,
    /// What may be spent on slow hashes is spent; come back after so many seconds.
    Later(u32),
    /// The database is away and the key can't be checked.
    Unavailable,
}

/// Whether a key is remembered.
#[derive(Debug)]
pub enum KeyRecall<'a> {
    /// It is, and counts.
    Known(Arc<Identity>),
    /// It is not, or has ended.
    Unknown(UnknownKey<'a>),
}

/// A key that takes a slow hash to check.
#[derive(Debug)]
pub struct UnknownKey<'a> {
    text: &'a str,
    digest: [u8; 32],
    revision: i64,
}

impl UnknownKey<'_> {
    /// The SHA-256 of the whole key.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// Settings of a [`Verifier`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most accepted keys that are remembered.
    pub cache_size: usize,
    /// The most callers that wait for a slow hash.
    pub hash_queue: usize,
    /// How long remembered keys keep working while the database is away.
    pub outage_grace: Duration,
}

#[derive(Debug)]
struct AcceptedKey {
    identity: Arc<Identity>,
    hash: String,
    expires_at: Option<Timestamp>,
    revision: i64,
    /// Milliseconds; shared with the entry that takes this one's place.
    last_used: Arc<AtomicI64>,
    /// When the key should have been checked again and could not be.
    unchecked_since: OnceLock<Instant>,
}

/// Checks keys. Cheap to clone.
#[derive(Debug)]
pub struct Verifier<S> {
    inner: Arc<Inner<S>>,
}

impl<S> Clone for Verifier<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

#[derive(Debug)]
struct Inner<S> {
    source: S,
    hasher: Hasher,
    other_keys: Option<Arc<dyn OtherKeys>>,
    accepted: Cache<[u8; 32], Arc<AcceptedKey>>,
    /// Slow checks that are under way, for callers with the same key to wait for; what came of one is
    /// removed as soon as they have it.
    checks: Cache<[u8; 32], Result<Arc<AcceptedKey>, KeyRejection>>,
    outage_grace: Duration,
    /// Look-ups of remembered keys that are under way.
    rechecks: Mutex<HashMap<[u8; 32], Shared<BoxFuture<'static, ()>>>>,
    clock: Clock,
}

/// When a key was last accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedUse {
    /// Which key.
    pub key_id: KeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// When.
    pub time: Timestamp,
}

impl<S: KeySource> Verifier<S> {
    /// A verifier that remembers nothing yet, for this program's own keys and `other_keys`.
    pub fn new(
        source: S,
        limits: Limits,
        clock: Clock,
        other_keys: Option<Arc<dyn OtherKeys>>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                source,
                hasher: Hasher::new(limits.hash_queue),
                other_keys,
                accepted: Cache::new(limits.cache_size),
                checks: Cache::new(CHECKS_MAX),
                outage_grace: limits.outage_grace,
                rechecks: Mutex::default(),
                clock,
            }),
        }
    }

    /// The hasher, for making keys under the same limit as checking them.
    #[must_use]
    pub fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }

    /// Checks a key as it came from a client.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn verify(&self, text: &str) -> Result<Arc<Identity>, KeyRejection> {
        match self.recall(text).await? {
            KeyRecall::Known(identity) => Ok(identity),
            KeyRecall::Unknown(key) => self.check_new(key).await,
        }
    }

    /// The quick way: accepts a key that is remembered, and leaves any other to
    /// [`check_new`](Self::check_new), also one that has ended since, so that every refusal takes
    /// the same time.
    ///
    /// # Errors
    /// When the database has been away for too long.
    pub async fn recall<'a>(&self, text: &'a str) -> Result<KeyRecall<'a>, KeyRejection> {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let source = &self.inner.source;
        let mut age = source.note_use();
        let mut entry = self.inner.accepted.get(&digest);
        if entry.is_some() {
            age = source.refresh(age).await;
        }
        let revision = source.revision();
        if let Some(known) = entry.take_if(|known| known.revision != revision) {
            // Boxed, or every request would carry the room that this rare way needs.
            entry = Box::pin(self.recheck(digest, known)).await;
            age = source.contact_age();
        }
        let unknown = UnknownKey {
            text,
            digest,
            revision,
        };
        let Some(entry) = entry else {
            return Ok(KeyRecall::Unknown(unknown));
        };
        let now = self.inner.clock.now();
        if entry.expires_at.is_some_and(|expiry| expiry <= now) {
            self.inner.accepted.remove(&digest);
            return Ok(KeyRecall::Unknown(unknown));
        }
        self.accept(&entry, now, age).map(KeyRecall::Known)
    }

    /// The slow way, for a key that was not recalled.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn check_new(&self, key: UnknownKey<'_>) -> Result<Arc<Identity>, KeyRejection> {
        let parsed = PlainKey::parse(key.text);
        // Refused before any look-up or hash when its form is wrong.
        if parsed.is_none() && key.text.starts_with(OWN_PREFIX) {
            return Err(KeyRejection::Invalid);
        }
        let check = async {
            match parsed {
                Some(parsed) => self.check(parsed, key.revision).await,
                None => self.check_other(&key).await,
            }
        };
        let mut entry = Box::pin(self.check_once(key.digest, check)).await?;
        // The row was read before the hash, perhaps for a caller who came earlier.
        if entry.revision != self.inner.source.revision() {
            let recheck = Box::pin(self.recheck(key.digest, entry)).await;
            entry = recheck.ok_or(KeyRejection::Invalid)?;
        }
        let age = self.inner.source.contact_age();
        self.accept(&entry, self.inner.clock.now(), age)
    }

    /// Runs the check of a new key, or waits for the one that another caller with the same key runs.
    /// When that caller hangs up, the next one runs its own.
    async fn check_once(
        &self,
        digest: [u8; 32],
        check: impl Future<Output = Result<Arc<AcceptedKey>, KeyRejection>>,
    ) -> Result<Arc<AcceptedKey>, KeyRejection> {
        let running = self.inner.checks.get_value_or_guard_async(&digest).await;
        let turn = match running {
            Ok(checked) => return checked,
            Err(turn) => turn,
        };
        // Another check may have ended since the key was looked for.
        let checked = match self.inner.accepted.get(&digest) {
            Some(entry) => Ok(entry),
            None => check.await,
        };
        if let Ok(entry) = &checked {
            self.inner.accepted.insert(digest, Arc::clone(entry));
        }
        // Fails when the place is gone, and then no caller waits for it.
        let _ = turn.insert(checked.clone());
        self.inner.checks.remove(&digest);
        checked
    }

    async fn check_other(&self, key: &UnknownKey<'_>) -> Result<Arc<AcceptedKey>, KeyRejection> {
        let other = self
            .inner
            .other_keys
            .as_ref()
            .ok_or(KeyRejection::Invalid)?;
        let has_ended = |key: &ApiKey| self.has_ended(key);
        let record = other
            .find(OtherKey {
                text: key.text,
                digest: key.digest,
                revision: key.revision,
                now: self.inner.clock.now(),
                has_ended: &has_ended,
            })
            .await?;
        Ok(Arc::new(AcceptedKey::new(
            record,
            key.revision,
            Arc::default(),
        )))
    }

    /// Accepts a key now, `age` after the revision was last read.
    fn accept(
        &self,
        entry: &AcceptedKey,
        now: Timestamp,
        age: Duration,
    ) -> Result<Arc<Identity>, KeyRejection> {
        let unchecked = entry.unchecked_since.get().map(Instant::elapsed);
        let unchecked = unchecked.unwrap_or_default().max(age);
        if unchecked > self.inner.outage_grace || self.inner.source.is_lost() {
            return Err(KeyRejection::Unavailable);
        }
        entry.last_used.store(now.as_millis(), Ordering::Relaxed);
        Ok(Arc::clone(&entry.identity))
    }

    /// Every refusal costs one hash.
    async fn check(&self, key: PlainKey, revision: i64) -> Result<Arc<AcceptedKey>, KeyRejection> {
        let found = self.inner.source.find(&key.id()).await;
        let record = found.map_err(|SourceAway| KeyRejection::Unavailable)?;
        let hash = record.as_ref().map(|record| record.hash.as_str());
        let matches = self
            .inner
            .hasher
            .verify(&key, hash)
            .await
            .map_err(|error| match error {
                HashError::Busy => KeyRejection::Busy,
                HashError::Failed(_) => KeyRejection::Unavailable,
            })?;
        let record = record.filter(|record| matches && !self.has_ended(&record.key));
        let record = record.ok_or(KeyRejection::Invalid)?;
        Ok(Arc::new(AcceptedKey::new(record, revision, Arc::default())))
    }

    /// Has the row of a remembered key read again after some user or key changed, and waits a
    /// moment for that. Returns what is known then; `None` when the key no longer counts.
    async fn recheck(&self, digest: [u8; 32], entry: Arc<AcceptedKey>) -> Option<Arc<AcceptedKey>> {
        if !self.inner.source.is_ready() {
            entry.unchecked_since.get_or_init(Instant::now);
            return Some(entry);
        }
        let done = {
            let rechecks = self.inner.rechecks.lock();
            let mut rechecks = rechecks.unwrap_or_else(PoisonError::into_inner);
            let running = rechecks.entry(digest).or_insert_with(|| {
                let verifier = self.clone();
                let entry = Arc::clone(&entry);
                let task =
                    tokio::spawn(async move { verifier.look_up_again(digest, &entry).await });
                task.map(|_| ()).boxed().shared()
            });
            running.clone()
        };
        if tokio::time::timeout(RECHECK_PATIENCE, done).await.is_err() {
            entry.unchecked_since.get_or_init(Instant::now);
            return Some(entry);
        }
        self.inner.accepted.get(&digest)
    }

    /// Puts what the database says of a remembered key in its place.
    async fn look_up_again(&self, digest: [u8; 32], entry: &AcceptedKey) {
        let source = &self.inner.source;
        // Before the row, which may be newer but never older.
        let revision = source.revision();
        if let Some(id) = entry.identity.key_id() {
            match source.find(id).await {
                // The database went away after it announced the change; `accept` bounds for how long
                // that is good enough.
                Err(SourceAway) => {
                    entry.unchecked_since.get_or_init(Instant::now);
                }
                Ok(Some(record)) if record.hash == entry.hash && !self.has_ended(&record.key) => {
                    let last_used = Arc::clone(&entry.last_used);
                    let fresh = Arc::new(AcceptedKey::new(record, revision, last_used));
                    self.inner.accepted.insert(digest, fresh);
                }
                Ok(_) => {
                    self.inner.accepted.remove(&digest);
                }
            }
        }
        let rechecks = self.inner.rechecks.lock();
        rechecks
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&digest);
    }

    fn has_ended(&self, key: &ApiKey) -> bool {
        let now = self.inner.clock.now();
        key.revoked_at.is_some() || key.expires_at.is_some_and(|expiry| expiry <= now)
    }

    /// Remembered keys that were accepted after `since`.
    #[must_use]
    pub fn uses_after(&self, since: Timestamp) -> Vec<AcceptedUse> {
        let used = |entry: &AcceptedKey| {
            let time = Timestamp::from_millis(entry.last_used.load(Ordering::Relaxed));
            let key_id = entry.identity.key_id().cloned()?;
            (time > since).then_some(AcceptedUse {
                key_id,
                user_id: entry.identity.user.id,
                time,
            })
        };
        self.inner
            .accepted
            .iter()
            .filter_map(|(_, entry)| used(&entry))
            .collect()
    }
}

impl AcceptedKey {
    fn new(record: KeyRecord, revision: i64, last_used: Arc<AtomicI64>) -> Self {
        Self {
            identity: Arc::new(Identity {
                via: Via::Key(record.key.id.clone()),
                scopes: record.key.scopes,
                hosts: record.user.hosts.and(&record.key.hosts),
                user: record.user,
            }),
            hash: record.hash,
            expires_at: record.key.expires_at,
            revision,
            last_used,
            unchecked_since: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests;
