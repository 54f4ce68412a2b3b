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
