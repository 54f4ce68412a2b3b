use std::sync::Mutex;

use super::*;
use linux_api_wire::api_key::Scopes;
use linux_api_wire::time::ManualClock;
use linux_api_wire::user::Role;

/// A database of one key that counts its queries.
#[derive(Debug, Clone)]
struct Fake(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    record: Option<KeyRecord>,
    revision: i64,
    /// Since when nothing is read any more.
    away: Option<Instant>,
    /// The database is there, and never responds.
    hangs: bool,
    asked: usize,
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
            hosts: linux_api_wire::host_selector::HostSelector::default(),
            created_at,
            last_login: None,
        };
        let api_key = ApiKey {
            id: key.id(),
            user_id: user.id,
            name: "first".to_owned(),
            scopes: Scopes::ALL,
            hosts: linux_api_wire::host_selector::HostSelector::default(),
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
        })));
        let limits = Limits {
            cache_size: 100,
            hash_queue: 4,
            outage_grace: Duration::from_mins(10),
        };
        let verifier = Verifier::new(fake.clone(), limits, clock.clock(), None);
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

    async fn verify(&self) -> Result<Arc<Identity>, KeyRejection> {
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
    assert_eq!(bench.verify().await.unwrap_err(), KeyRejection::Invalid);
    assert_eq!(bench.verify().await.unwrap_err(), KeyRejection::Invalid);
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
    assert_eq!(bench.verify().await.unwrap_err(), KeyRejection::Invalid);
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
    assert_eq!(refused, KeyRejection::Unavailable);
    tokio::time::advance(Duration::from_mins(2)).await;
    assert_eq!(bench.verify().await.unwrap_err(), KeyRejection::Unavailable);
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
    assert_eq!(bench.verify().await.unwrap_err(), KeyRejection::Unavailable);
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
            KeyRejection::Invalid
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
    assert!(matches!(recalled, KeyRecall::Known(_)));
    bench.change(|record| record.key.revoked_at = Some(Timestamp::from_millis(1)));
    let KeyRecall::Unknown(key) = bench.verifier.recall(&text).await.unwrap() else {
        panic!("a revoked key must not be recalled");
    };
    assert_eq!(
        bench.verifier.check_new(key).await.unwrap_err(),
        KeyRejection::Invalid
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
    assert_eq!(verified.unwrap_err(), KeyRejection::Invalid);
    assert_eq!(bench.verify().await.unwrap_err(), KeyRejection::Invalid);
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
        assert_eq!(refused.unwrap_err(), KeyRejection::Invalid);
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
