use std::sync::Mutex as StdMutex;

use linux_api_auth::key::PlainKey;
use linux_api_wire::api_key::{ApiKey, Scopes};
use linux_api_wire::user::{Role, User, UserId};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::*;
use crate::keys::{OWN_SECRET, hmac_hash, hmac_setting, pepper_setting};

const OLD_SECRET: &str = "old-secret";
const PEPPER: &str = "pepper";
/// PBKDF2-SHA-256 of "given-key" + [`PEPPER`] with the salt "aa" in 1 000 rounds, as Python computes it.
const GIVEN_KEY_HASH: &str = "6559279956ec8a6566d15bba457df057496769b2f5875f1a5a5b42b840f0c55c227810e868d2a65df2660e58a2f5b11ae7dd3f57a71c0b05deef4adac711c614";

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

/// A database of one key that counts its queries.
#[derive(Clone)]
struct Fake(Arc<StdMutex<State>>);

struct State {
    record: KeyRecord,
    revision: i64,
    asked: usize,
    imported: ImportedCredentials,
    imports_read: usize,
}

impl ImportedSource for Fake {
    async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, SourceAway> {
        let record = self.0.lock().unwrap().record.clone();
        Ok(Some(record).filter(|record| record.key.id == *id))
    }

    async fn find_by_hash(&self, hashes: &[String]) -> Result<Option<KeyRecord>, SourceAway> {
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        let found = Some(state.record.clone());
        Ok(found.filter(|record| hashes.contains(&record.hash)))
    }

    async fn imported(&self) -> Result<ImportedCredentials, SourceAway> {
        let mut state = self.0.lock().unwrap();
        state.imports_read += 1;
        Ok(state.imported.clone())
    }

    async fn replace_hash(&self, id: &KeyId, old: &str, new: &str) -> Result<(), SourceAway> {
        let record = &mut self.0.lock().unwrap().record;
        if record.key.id == *id && record.hash == old {
            record.hash = new.to_owned();
        }
        Ok(())
    }
}

struct Bench {
    fake: Fake,
    now: Timestamp,
    keys: ImportedKeys<Fake>,
}

const LIMITS: Pbkdf2Limits = Pbkdf2Limits {
    per_minute: NonZeroU32::new(3).unwrap(),
    until: Timestamp::from_millis(2_000_000),
};

impl Bench {
    /// With the key stored under this hash, and others that were not used since the import.
    fn importing(hash: String, unproven: Vec<(KeyId, Pbkdf2Hash)>) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        let user = User {
            id: UserId::random(),
            name: "alice".to_owned(),
            role: Role::Viewer,
            active: true,
            immutable: false,
            hosts: linux_api_wire::host_selector::HostSelector::default(),
            created_at: now,
            last_login: None,
        };
        let key = ApiKey {
            id: KeyId("stored".to_owned()),
            user_id: user.id,
            name: "first".to_owned(),
            scopes: Scopes::ALL,
            hosts: linux_api_wire::host_selector::HostSelector::default(),
            created_at: now,
            expires_at: None,
            last_used: None,
            revoked_at: None,
        };
        let settings = [
            (hmac_setting(&secret(OLD_SECRET)), OLD_SECRET),
            (pepper_setting(&secret(PEPPER)), PEPPER),
            (OWN_SECRET.to_owned(), "own-secret"),
        ];
        let settings = settings.map(|(name, value)| (name, value.to_owned()));
        let fake = Fake(Arc::new(StdMutex::new(State {
            record: KeyRecord { key, hash, user },
            revision: 1,
            asked: 0,
            imported: ImportedCredentials {
                secrets: ImportedSecrets::from_settings(settings),
                unproven,
            },
            imports_read: 0,
        })));
        let keys = ImportedKeys::new(fake.clone(), LIMITS);
        Self { fake, now, keys }
    }

    /// With "given-key" as the last of so many that were not used since.
    fn unproven(others: usize) -> Self {
        let wrong = Pbkdf2Hash::new(1_000, &secret(PEPPER), "bb", &"00".repeat(64)).unwrap();
        let right = Pbkdf2Hash::new(1_000, &secret(PEPPER), "aa", GIVEN_KEY_HASH).unwrap();
        let others = (0..others).map(|number| (KeyId(format!("other{number}")), wrong.clone()));
        let stored = KeyId("stored".to_owned());
        let all = others.chain([(stored, right.clone())]).collect();
        Self::importing(right.to_string(), all)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.fake.0.lock().unwrap()
    }

    /// Checks a key as a verifier has it checked that remembers none.
    async fn check(&self, text: &str) -> Result<KeyRecord, KeyRejection> {
        self.check_with(&self.keys, text).await
    }

    async fn check_with(
        &self,
        keys: &ImportedKeys<Fake>,
        text: &str,
    ) -> Result<KeyRecord, KeyRejection> {
        let revision = self.state().revision;
        keys.check(OtherKey {
            text,
            digest: Sha256::digest(text.as_bytes()).into(),
            revision,
            now: self.now,
            has_ended: &|key: &ApiKey| key.revoked_at.is_some(),
        })
        .await
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_key_is_not_is_forgotten_after_an_hour_and_by_the_least_recent() {
    let mut refuted = Mismatches::default();
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

#[tokio::test]
async fn a_v1_key_is_found_by_its_hmac_and_revoked_like_any_other() {
    let old = "WEmLce1Qps8u4YCM_bop9N8Q2vS_rJPiwJBrJAoFAzM";
    let bench = Bench::importing(hmac_hash(&secret(OLD_SECRET), old), Vec::new());
    assert_eq!(bench.check(old).await.unwrap().user.name, "alice");
    assert_eq!(bench.state().asked, 1);
    let wrong = bench.check("another-key").await.unwrap_err();
    assert_eq!(wrong, KeyRejection::Invalid);
    bench.state().record.key.revoked_at = Some(Timestamp::from_millis(1));
    assert_eq!(bench.check(old).await.unwrap_err(), KeyRejection::Invalid);
}

#[tokio::test]
async fn a_legacy_key_is_hashed_slowly_once_and_then_found_by_its_hmac() {
    let bench = Bench::unproven(1);
    bench.check("given-key").await.unwrap();
    let quick = hmac_hash(&secret("own-secret"), "given-key");
    assert_eq!(bench.state().record.hash, quick);
    // A daemon that remembers nothing has no slow hash left to compute.
    bench.state().imported.unproven.clear();
    let limits = Pbkdf2Limits {
        per_minute: NonZeroU32::MIN,
        until: Timestamp::from_millis(0),
    };
    let other = ImportedKeys::new(bench.fake.clone(), limits);
    bench.check_with(&other, "given-key").await.unwrap();
}

#[tokio::test]
async fn slow_hashes_have_a_budget_and_a_client_that_comes_back_goes_on_where_it_was() {
    let bench = Bench::unproven(4);
    // Three of five are tried; the next is earned after twenty seconds.
    let stopped = bench.check("given-key").await.unwrap_err();
    assert!(
        matches!(stopped, KeyRejection::Later(1..=20)),
        "{stopped:?}"
    );
    // No other client has anything left to spend.
    let other = bench.check("some-other-key").await.unwrap_err();
    assert!(matches!(other, KeyRejection::Later(_)), "{other:?}");
    // With a budget for two more it is found: what was tried is not tried again.
    assert_eq!(bench.keys.refuted_count("given-key"), 3);
}

#[tokio::test]
async fn a_key_that_is_known_to_be_wrong_costs_no_further_hash() {
    let bench = Bench::unproven(0);
    for _ in 0..20 {
        let wrong = bench.check("wrong-key").await.unwrap_err();
        assert_eq!(wrong, KeyRejection::Invalid);
    }
    // The budget of three still has two.
    bench.check("given-key").await.unwrap();
}

#[tokio::test]
async fn after_the_end_date_no_slow_hash_is_computed() {
    let mut bench = Bench::unproven(0);
    bench.now = LIMITS.until;
    let late = bench.check("given-key").await.unwrap_err();
    assert_eq!(late, KeyRejection::Invalid);
    assert!(bench.state().record.hash.starts_with("pbkdf2-sha256$"));
}

#[tokio::test]
async fn what_was_imported_is_read_once_per_revision() {
    let bench = Bench::unproven(0);
    for number in 0..5 {
        let text = format!("wrong-key-{number}");
        bench.check(&text).await.unwrap_err();
    }
    assert_eq!(bench.state().imports_read, 1);
    bench.state().revision += 1;
    bench.check("one-more").await.unwrap_err();
    assert_eq!(bench.state().imports_read, 2);
}
