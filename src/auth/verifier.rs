//! Turns the key of a request into an [`Identity`].
//!
//! A slow hash per request would be a lever for attackers and a burden for everybody, so accepted
//! keys are kept in a bounded cache. An entry is found by the SHA-256 of the whole key, is bound to
//! the stored hash, and counts only at the revision of users and keys at which it was read; at a
//! newer one the row is read again, without a slow hash when the stored one is still the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use sha2::{Digest, Sha256};

use super::hash::{HashError, Hasher};
use super::identity::Identity;
use super::key::PlainKey;
use crate::model::api_key::{ApiKey, KeyId};
use crate::model::audit::Via;
use crate::model::time::{Clock, Timestamp};
use crate::model::user::{User, UserId};

/// A stored key as the verifier needs it.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// The key without its secret.
    pub key: ApiKey,
    /// PHC string of the whole key.
    pub hash: String,
    /// Whose key it is.
    pub user: User,
}

/// The database can't be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceAway;

/// Where keys are looked up.
pub trait KeySource: Send + Sync {
    /// The key with this public id.
    fn find(
        &self,
        id: &KeyId,
    ) -> impl Future<Output = Result<Option<KeyRecord>, SourceAway>> + Send;

    /// The newest revision of users and keys that is known.
    fn revision(&self) -> i64;
}

/// Why a key was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// Unknown, wrong, revoked or expired: nobody is told which.
    Invalid,
    /// Too many keys are being checked just now.
    Busy,
    /// The database is away and the key can't be checked.
    Unavailable,
}

/// Settings of a [`Verifier`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most accepted keys that are remembered.
    pub cache_size: u64,
    /// The most callers that wait for a slow hash.
    pub hash_queue: usize,
    /// How long remembered keys keep working while the database is away.
    pub outage_grace: Duration,
}

#[derive(Debug)]
struct Accepted {
    identity: Arc<Identity>,
    hash: String,
    expires_at: Option<Timestamp>,
    revision: i64,
    /// Milliseconds; shared with the entry that takes this one's place.
    last_used: Arc<AtomicI64>,
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
    accepted: Cache<[u8; 32], Arc<Accepted>>,
    outage_grace: Duration,
    /// When the database last answered.
    last_contact: AtomicI64,
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
    /// A verifier that remembers nothing yet.
    pub fn new(source: S, limits: Limits, clock: Clock) -> Self {
        let last_contact = AtomicI64::new(clock.now().as_millis());
        Self {
            inner: Arc::new(Inner {
                source,
                hasher: Hasher::new(limits.hash_queue),
                accepted: Cache::new(limits.cache_size),
                outage_grace: limits.outage_grace,
                last_contact,
                clock,
            }),
        }
    }

    /// The hasher, for making keys under the same limit as checking them.
    #[must_use]
    pub fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }

    /// Notes that the database answered, which keeps remembered keys working.
    pub fn note_contact(&self) {
        self.inner
            .last_contact
            .store(self.inner.clock.now().as_millis(), Ordering::Relaxed);
    }

    /// Checks a key as it came from a client.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn verify(&self, text: &str) -> Result<Arc<Identity>, Rejected> {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let revision = self.inner.source.revision();
        let entry = match self.inner.accepted.get(&digest).await {
            Some(entry) if entry.revision == revision => entry,
            // Boxed, or every request would carry the room that these rare ways need.
            Some(entry) => Box::pin(self.recheck(digest, entry, revision)).await?,
            None => {
                // Refused before any look-up or hash when its form is wrong.
                let key = PlainKey::parse(text).ok_or(Rejected::Invalid)?;
                // Callers with the same new key wait for one hash.
                let check = self
                    .inner
                    .accepted
                    .try_get_with(digest, self.check(key, revision));
                Box::pin(check).await.map_err(|rejected| *rejected)?
            }
        };
        let now = self.inner.clock.now();
        if entry.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(Rejected::Invalid);
        }
        let contact = Timestamp::from_millis(self.inner.last_contact.load(Ordering::Relaxed));
        if now.since(contact) > self.inner.outage_grace {
            return Err(Rejected::Unavailable);
        }
        entry.last_used.store(now.as_millis(), Ordering::Relaxed);
        Ok(Arc::clone(&entry.identity))
    }

    /// The slow way, for a key that is not remembered. Every refusal costs one hash.
    async fn check(&self, key: PlainKey, revision: i64) -> Result<Arc<Accepted>, Rejected> {
        let found = self.inner.source.find(&key.id()).await;
        let record = found.map_err(|SourceAway| Rejected::Unavailable)?;
        self.note_contact();
        let hash = record.as_ref().map(|record| record.hash.as_str());
        let matches = self
            .inner
            .hasher
            .verify(&key, hash)
            .await
            .map_err(|error| match error {
                HashError::Busy => Rejected::Busy,
                HashError::Failed(_) => Rejected::Unavailable,
            })?;
        let record = record.filter(|record| matches && !self.has_ended(&record.key));
        let record = record.ok_or(Rejected::Invalid)?;
        Ok(Arc::new(Accepted::new(record, revision, Arc::default())))
    }

    /// The quick way, for a remembered key after some user or key changed.
    async fn recheck(
        &self,
        digest: [u8; 32],
        entry: Arc<Accepted>,
        revision: i64,
    ) -> Result<Arc<Accepted>, Rejected> {
        let Some(id) = entry.identity.key_id() else {
            return Err(Rejected::Invalid);
        };
        match self.inner.source.find(id).await {
            // The database went away after it announced the change; `verify` bounds for how long.
            Err(SourceAway) => Ok(entry),
            Ok(Some(record)) if record.hash == entry.hash && !self.has_ended(&record.key) => {
                self.note_contact();
                let last_used = Arc::clone(&entry.last_used);
                let fresh = Arc::new(Accepted::new(record, revision, last_used));
                self.inner.accepted.insert(digest, Arc::clone(&fresh)).await;
                Ok(fresh)
            }
            Ok(_) => {
                self.note_contact();
                self.inner.accepted.invalidate(&digest).await;
                Err(Rejected::Invalid)
            }
        }
    }

    fn has_ended(&self, key: &ApiKey) -> bool {
        let now = self.inner.clock.now();
        key.revoked_at.is_some() || key.expires_at.is_some_and(|expiry| expiry <= now)
    }

    /// Remembered keys that were accepted after `since`.
    #[must_use]
    pub fn uses_after(&self, since: Timestamp) -> Vec<AcceptedUse> {
        let used = |entry: &Accepted| {
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

impl Accepted {
    fn new(record: KeyRecord, revision: i64, last_used: Arc<AtomicI64>) -> Self {
        Self {
            identity: Arc::new(Identity {
                via: Via::Key(record.key.id.clone()),
                scopes: record.key.scopes,
                user: record.user,
            }),
            hash: record.hash,
            expires_at: record.key.expires_at,
            revision,
            last_used,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::model::api_key::Scopes;
    use crate::model::time::ManualClock;
    use crate::model::user::Role;

    /// A database of one key, that counts how often it is asked.
    #[derive(Debug, Clone)]
    struct Fake(Arc<Mutex<State>>);

    #[derive(Debug)]
    struct State {
        record: Option<KeyRecord>,
        revision: i64,
        away: bool,
        asked: usize,
    }

    impl KeySource for Fake {
        async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, SourceAway> {
            let mut state = self.0.lock().unwrap();
            state.asked += 1;
            if state.away {
                return Err(SourceAway);
            }
            Ok(state.record.clone().filter(|record| record.key.id == *id))
        }

        fn revision(&self) -> i64 {
            self.0.lock().unwrap().revision
        }
    }

    struct Bench {
        fake: Fake,
        clock: ManualClock,
        verifier: Verifier<Fake>,
        key: PlainKey,
    }

    impl Bench {
        async fn new() -> Self {
            let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
            let key = PlainKey::generate().unwrap();
            let hash = Hasher::new(1).hash(&key).await.unwrap();
            let created_at = clock.clock().now();
            let user = User {
                id: UserId::random(),
                name: "alice".to_owned(),
                role: Role::Viewer,
                active: true,
                immutable: false,
                created_at,
                last_login: None,
            };
            let api_key = ApiKey {
                id: key.id(),
                user_id: user.id,
                name: "first".to_owned(),
                scopes: Scopes::ALL,
                created_at,
                expires_at: None,
                last_used: None,
                revoked_at: None,
            };
            let fake = Fake(Arc::new(Mutex::new(State {
                record: Some(KeyRecord {
                    key: api_key,
                    hash,
                    user,
                }),
                revision: 1,
                away: false,
                asked: 0,
            })));
            let limits = Limits {
                cache_size: 100,
                hash_queue: 4,
                outage_grace: Duration::from_mins(10),
            };
            let verifier = Verifier::new(fake.clone(), limits, clock.clock());
            Self {
                fake,
                clock,
                verifier,
                key,
            }
        }

        fn change(&self, change: impl FnOnce(&mut KeyRecord)) {
            let mut state = self.fake.0.lock().unwrap();
            change(state.record.as_mut().unwrap());
            state.revision += 1;
        }

        async fn verify(&self) -> Result<Arc<Identity>, Rejected> {
            self.verifier.verify(self.key.expose()).await
        }
    }

    #[tokio::test]
    async fn an_accepted_key_is_looked_up_once() {
        let bench = Bench::new().await;
        for _ in 0..10 {
            assert_eq!(bench.verify().await.unwrap().user.name, "alice");
        }
        assert_eq!(bench.fake.0.lock().unwrap().asked, 1);
    }

    #[tokio::test]
    async fn a_revoked_key_is_refused_at_the_next_revision() {
        let bench = Bench::new().await;
        bench.verify().await.unwrap();
        bench.change(|record| record.key.revoked_at = Some(Timestamp::from_millis(1)));
        assert_eq!(bench.verify().await.unwrap_err(), Rejected::Invalid);
        assert_eq!(bench.verify().await.unwrap_err(), Rejected::Invalid);
    }

    #[tokio::test]
    async fn a_changed_role_is_seen_at_the_next_revision() {
        let bench = Bench::new().await;
        bench.verify().await.unwrap();
        bench.change(|record| record.user.role = Role::Admin);
        assert_eq!(bench.verify().await.unwrap().user.role, Role::Admin);
    }

    #[tokio::test]
    async fn an_expired_key_is_refused_from_the_cache_too() {
        let bench = Bench::new().await;
        let expiry = bench
            .clock
            .clock()
            .now()
            .saturating_add(Duration::from_secs(5));
        bench.change(|record| record.key.expires_at = Some(expiry));
        bench.verify().await.unwrap();
        bench.clock.advance(Duration::from_secs(5));
        assert_eq!(bench.verify().await.unwrap_err(), Rejected::Invalid);
    }

    #[tokio::test]
    async fn while_the_database_is_away_known_keys_work_for_the_grace_time() {
        let bench = Bench::new().await;
        bench.verify().await.unwrap();
        bench.fake.0.lock().unwrap().away = true;
        bench.fake.0.lock().unwrap().revision += 1;
        bench.clock.advance(Duration::from_mins(9));
        bench.verify().await.unwrap();
        let unknown = PlainKey::generate().unwrap();
        let refused = bench.verifier.verify(unknown.expose()).await.unwrap_err();
        assert_eq!(refused, Rejected::Unavailable);
        bench.clock.advance(Duration::from_mins(2));
        assert_eq!(bench.verify().await.unwrap_err(), Rejected::Unavailable);
    }

    #[tokio::test]
    async fn a_malformed_key_costs_no_look_up() {
        let bench = Bench::new().await;
        for text in ["", "lapi_", "ü", &bench.key.expose()[1..]] {
            assert_eq!(
                bench.verifier.verify(text).await.unwrap_err(),
                Rejected::Invalid
            );
        }
        assert_eq!(bench.fake.0.lock().unwrap().asked, 0);
    }

    #[tokio::test]
    async fn uses_are_reported_once_they_happened() {
        let bench = Bench::new().await;
        let before = bench.clock.clock().now();
        bench.clock.advance(Duration::from_secs(1));
        bench.verify().await.unwrap();
        let uses = bench.verifier.uses_after(before);
        assert_eq!(uses.len(), 1);
        assert_eq!(uses[0].key_id, bench.key.id());
        assert!(bench.verifier.uses_after(uses[0].time).is_empty());
    }
}
