use std::num::NonZeroU32;
use std::sync::Mutex;

use secrecy::SecretString;

use super::*;
use crate::imported::{
    ImportedSecrets, OWN_SECRET, Pbkdf2Hash, hmac_hash, hmac_setting, pepper_setting,
};
use linux_api_wire::api_key::Scopes;
use linux_api_wire::time::ManualClock;
use linux_api_wire::user::Role;

/// A database of one key, that counts how often it is asked.
#[derive(Debug, Clone)]
struct Fake(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    record: Option<KeyRecord>,
    revision: i64,
    /// Since when nothing is read any more.
    away: Option<Instant>,
    /// The database is there, and answers nobody.
    hangs: bool,
    asked: usize,
    imported: Imported,
    imports_read: usize,
}

impl KeySource for Fake {
    async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, SourceAway> {
        if self.0.lock().unwrap().hangs {
            std::future::pending::<()>().await;
        }
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        if state.away.is_some() {
            return Err(SourceAway);
        }
        Ok(state.record.clone().filter(|record| record.key.id == *id))
    }

    fn contact_age(&self) -> Duration {
        let away = self.0.lock().unwrap().away;
        away.as_ref().map(Instant::elapsed).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn is_lost(&self) -> bool {
        false
    }

    async fn refresh(&self, age: Duration) -> Duration {
        age
    }

    fn note_use(&self) -> Duration {
        self.contact_age()
    }

    fn revision(&self) -> i64 {
        self.0.lock().unwrap().revision
    }

    async fn find_by_hash(&self, hashes: &[String]) -> Result<Option<KeyRecord>, SourceAway> {
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        let found = state.record.clone();
        Ok(found.filter(|record| hashes.contains(&record.hash)))
    }

    async fn imported(&self) -> Result<Imported, SourceAway> {
        let mut state = self.0.lock().unwrap();
        state.imports_read += 1;
        Ok(state.imported.clone())
    }

    async fn replace_hash(&self, id: &KeyId, old: &str, new: &str) -> Result<(), SourceAway> {
        let mut state = self.0.lock().unwrap();
        let record = state.record.as_mut().unwrap();
        if record.key.id == *id && record.hash == old {
            record.hash = new.to_owned();
        }
        Ok(())
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
            away: None,
            hangs: false,
            asked: 0,
            imported: Imported::default(),
            imports_read: 0,
        })));
        let limits = Limits {
            cache_size: 100,
            hash_queue: 4,
            outage_grace: Duration::from_mins(10),
            pbkdf2: Pbkdf2Limits {
                per_minute: NonZeroU32::new(3).unwrap(),
                until: Timestamp::from_millis(5_000_000),
            },
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

#[tokio::test(start_paused = true)]
async fn while_the_database_is_away_known_keys_work_for_the_grace_time() {
    let bench = Bench::new().await;
    bench.verify().await.unwrap();
    bench.fake.0.lock().unwrap().away = Some(Instant::now());
    bench.fake.0.lock().unwrap().revision += 1;
    // Only time that passes counts, not what the wall clock says.
    bench.clock.advance(Duration::from_hours(24));
    tokio::time::advance(Duration::from_mins(9)).await;
    bench.verify().await.unwrap();
    let unknown = PlainKey::generate().unwrap();
    let refused = bench.verifier.verify(unknown.expose()).await.unwrap_err();
    assert_eq!(refused, Rejected::Unavailable);
    tokio::time::advance(Duration::from_mins(2)).await;
    assert_eq!(bench.verify().await.unwrap_err(), Rejected::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_can_not_be_checked_ends_though_the_rest_of_the_database_responds() {
    let bench = Bench::new().await;
    bench.verify().await.unwrap();
    // The revision is read and grows; the key's own row is not to be had.
    bench.fake.0.lock().unwrap().hangs = true;
    bench.change(|record| record.key.revoked_at = Some(Timestamp::from_millis(1)));
    for _ in 0..9 {
        bench.verify().await.unwrap();
        tokio::time::advance(Duration::from_mins(1)).await;
    }
    tokio::time::advance(Duration::from_mins(2)).await;
    assert_eq!(bench.verify().await.unwrap_err(), Rejected::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn requests_with_one_key_share_a_look_up_and_wait_fifty_milliseconds_at_most() {
    let bench = Bench::new().await;
    bench.verify().await.unwrap();
    bench.fake.0.lock().unwrap().hangs = true;
    bench.change(|_| {});
    let begin = Instant::now();
    for _ in 0..20 {
        bench.verify().await.unwrap();
    }
    assert!(
        begin.elapsed() <= 21 * RECHECK_PATIENCE,
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(bench.verifier.inner.rechecks.lock().unwrap().len(), 1);
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

#[tokio::test]
async fn a_key_that_has_ended_is_not_recalled_and_pays_for_a_hash_like_any_other() {
    let bench = Bench::new().await;
    bench.verify().await.unwrap();
    let text = bench.key.expose().to_owned();
    let recalled = bench.verifier.recall(&text).await.unwrap();
    assert!(matches!(recalled, Recalled::Known(_)));
    bench.change(|record| record.key.revoked_at = Some(Timestamp::from_millis(1)));
    let Recalled::Unknown(key) = bench.verifier.recall(&text).await.unwrap() else {
        panic!("a revoked key must not be recalled");
    };
    assert_eq!(
        bench.verifier.check_new(key).await.unwrap_err(),
        Rejected::Invalid
    );
}

#[tokio::test]
async fn a_key_that_is_revoked_during_its_hash_is_refused() {
    let bench = Bench::new().await;
    let revoke = async {
        // The row was read; the hash runs on another thread.
        assert_eq!(bench.fake.0.lock().unwrap().asked, 1);
        bench.change(|record| record.key.revoked_at = Some(Timestamp::from_millis(1)));
    };
    let (verified, ()) = tokio::join!(bench.verify(), revoke);
    assert_eq!(verified.unwrap_err(), Rejected::Invalid);
    assert_eq!(bench.verify().await.unwrap_err(), Rejected::Invalid);
}

#[tokio::test]
async fn callers_with_the_same_new_key_wait_for_one_hash() {
    let bench = Bench::new().await;
    let all = futures_util::future::join_all((0..8).map(|_| bench.verify())).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(bench.fake.0.lock().unwrap().asked, 1);
    let wrong = PlainKey::generate().unwrap();
    let refused = (0..8).map(|_| bench.verifier.verify(wrong.expose()));
    for refused in futures_util::future::join_all(refused).await {
        assert_eq!(refused.unwrap_err(), Rejected::Invalid);
    }
    assert_eq!(bench.fake.0.lock().unwrap().asked, 2);
    assert!(bench.verifier.inner.checks.is_empty());
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_the_check_to_the_next() {
    let bench = Bench::new().await;
    let mut first = Box::pin(bench.verify());
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(bench.verify());
    assert!(futures_util::poll!(&mut second).is_pending());
    assert_eq!(bench.fake.0.lock().unwrap().asked, 1);
    drop(first);
    second.await.unwrap();
    assert_eq!(bench.fake.0.lock().unwrap().asked, 2);
}

const OLD_SECRET: &str = "old-secret";
const PEPPER: &str = "pepper";
/// PBKDF2-SHA-256 of "given-key" + [`PEPPER`] with the salt "aa" in 1 000 rounds, as Python computes it.
const GIVEN_KEY_HASH: &str = "6559279956ec8a6566d15bba457df057496769b2f5875f1a5a5b42b840f0c55c227810e868d2a65df2660e58a2f5b11ae7dd3f57a71c0b05deef4adac711c614";

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

impl Bench {
    /// The same with the key stored under another hash, and others that were not used since.
    async fn importing(hash: String, unproven: Vec<(KeyId, Pbkdf2Hash)>) -> Self {
        let bench = Self::new().await;
        let settings = [
            (hmac_setting(&secret(OLD_SECRET)), OLD_SECRET),
            (pepper_setting(&secret(PEPPER)), PEPPER),
            (OWN_SECRET.to_owned(), "own-secret"),
        ];
        let settings = settings.map(|(name, value)| (name, value.to_owned()));
        bench.change(|record| record.hash = hash);
        bench.fake.0.lock().unwrap().imported = Imported {
            secrets: ImportedSecrets::from_settings(settings),
            unproven,
        };
        bench
    }

    /// The same with "given-key" as the last of so many that were not used since.
    async fn unproven(others: usize) -> Self {
        let wrong = Pbkdf2Hash::new(1_000, &secret(PEPPER), "bb", &"00".repeat(64)).unwrap();
        let right = Pbkdf2Hash::new(1_000, &secret(PEPPER), "aa", GIVEN_KEY_HASH).unwrap();
        let bench = Self::importing(right.to_string(), Vec::new()).await;
        let others = (0..others).map(|number| (KeyId(format!("other{number}")), wrong.clone()));
        let all = others.chain([(bench.key.id(), right)]).collect();
        bench.fake.0.lock().unwrap().imported.unproven = all;
        bench
    }

    fn stored_hash(&self) -> String {
        let state = self.fake.0.lock().unwrap();
        state.record.as_ref().unwrap().hash.clone()
    }
}

#[tokio::test]
async fn a_v1_key_is_found_by_its_hmac_and_revoked_like_any_other() {
    let old = "WEmLce1Qps8u4YCM_bop9N8Q2vS_rJPiwJBrJAoFAzM";
    let bench = Bench::importing(hmac_hash(&secret(OLD_SECRET), old), Vec::new()).await;
    for _ in 0..3 {
        assert_eq!(bench.verifier.verify(old).await.unwrap().user.name, "alice");
    }
    assert_eq!(bench.fake.0.lock().unwrap().asked, 1);
    let wrong = bench.verifier.verify("another-key").await.unwrap_err();
    assert_eq!(wrong, Rejected::Invalid);
    bench.change(|record| record.key.revoked_at = Some(Timestamp::from_millis(1)));
    let revoked = bench.verifier.verify(old).await.unwrap_err();
    assert_eq!(revoked, Rejected::Invalid);
}

#[tokio::test]
async fn a_legacy_key_is_hashed_slowly_once_and_then_found_by_its_hmac() {
    let bench = Bench::unproven(1).await;
    bench.verifier.verify("given-key").await.unwrap();
    let quick = hmac_hash(&secret("own-secret"), "given-key");
    assert_eq!(bench.stored_hash(), quick);
    // A daemon that remembers nothing has no slow hash left to compute.
    bench.fake.0.lock().unwrap().imported.unproven.clear();
    let limits = Limits {
        cache_size: 10,
        hash_queue: 1,
        outage_grace: Duration::from_mins(10),
        pbkdf2: Pbkdf2Limits {
            per_minute: NonZeroU32::MIN,
            until: Timestamp::from_millis(0),
        },
    };
    let other = Verifier::new(bench.fake.clone(), limits, bench.clock.clock());
    other.verify("given-key").await.unwrap();
}

#[tokio::test]
async fn slow_hashes_have_a_budget_and_a_client_that_comes_back_goes_on_where_it_was() {
    let bench = Bench::unproven(4).await;
    // Three of five are tried; the next is earned after twenty seconds.
    let stopped = bench.verifier.verify("given-key").await.unwrap_err();
    assert!(matches!(stopped, Rejected::Later(1..=20)), "{stopped:?}");
    // Nobody else has anything left to spend.
    let other = bench.verifier.verify("some-other-key").await.unwrap_err();
    assert!(matches!(other, Rejected::Later(_)), "{other:?}");
    // With a budget for two more it is found: what was tried is not tried again.
    let remembered = bench.verifier.inner.imported.refuted_count("given-key");
    assert_eq!(remembered, 3);
}

#[tokio::test]
async fn a_key_that_is_known_to_be_wrong_costs_no_further_hash() {
    let bench = Bench::unproven(0).await;
    for _ in 0..20 {
        let wrong = bench.verifier.verify("wrong-key").await.unwrap_err();
        assert_eq!(wrong, Rejected::Invalid);
    }
    // The budget of three still has two.
    bench.verifier.verify("given-key").await.unwrap();
}

#[tokio::test]
async fn after_the_end_date_no_slow_hash_is_computed() {
    let bench = Bench::unproven(0).await;
    bench.clock.advance(Duration::from_secs(4_000));
    let late = bench.verifier.verify("given-key").await.unwrap_err();
    assert_eq!(late, Rejected::Invalid);
    assert!(bench.stored_hash().starts_with("pbkdf2-sha256$"));
}

#[tokio::test]
async fn what_was_imported_is_read_once_per_revision() {
    let bench = Bench::unproven(0).await;
    for number in 0..5 {
        let text = format!("wrong-key-{number}");
        bench.verifier.verify(&text).await.unwrap_err();
    }
    assert_eq!(bench.fake.0.lock().unwrap().imports_read, 1);
    bench.change(|_| {});
    bench.verifier.verify("one-more").await.unwrap_err();
    assert_eq!(bench.fake.0.lock().unwrap().imports_read, 2);
}
