//! API keys: made, listed, rotated, revoked and used.

use std::time::Duration;

use linux_api_store::api_keys::{KeyUse, MAX_KEYS_PER_USER, NewKey, has_ended};
use linux_api_store::users::NewUser;
use linux_api_store::{Refusal, Store};
use linux_api_wire::api_key::{KeyId, Scope, Scopes};
use linux_api_wire::audit::Actor;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::user::{Role, User, UserId};

use crate::store::{Database, actor, add_user, by_key, new_key, new_user, refusal};

on_every_engine! {
    a_key_is_found_as_it_was_made,
    keys_are_listed_newest_first_in_pages,
    a_rotated_key_works_until_the_overlap_ends,
    a_rotation_never_prolongs_a_key,
    a_revoked_key_stays_revoked,
    a_user_has_a_limited_number_of_keys,
    keys_of_an_immutable_user_are_its_own,
    last_use_never_goes_back,
}

const HOUR: Duration = Duration::from_hours(1);

async fn a_key_is_found_as_it_was_made(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let now = store.clock().now();
    let key = NewKey {
        scopes: Scopes::only([Scope::ALL[0]]),
        expires_at: Some(now.saturating_add(HOUR)),
        ..new_key("second")
    };
    let made = store.create_key(&actor(&alice), alice.id, &key).await;
    let made = made.unwrap();
    let found = store.find_key(&key.id).await.unwrap().unwrap();
    assert_eq!(found.key, made);
    assert_eq!(found.hash, key.hash);
    assert_eq!(found.user, alice);
    assert_eq!(made.scopes, key.scopes);
    assert_eq!((made.created_at, made.expires_at), (now, key.expires_at));
    let missing = store.find_key(&KeyId("missing".to_owned())).await;
    assert!(missing.unwrap().is_none());
    let outcome = store
        .create_key(&actor(&alice), UserId::random(), &new_key("third"))
        .await;
    assert_eq!(refusal(outcome), Refusal::UserNotFound);
}

async fn keys_are_listed_newest_first_in_pages(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    add_user(&store, "other", Role::Viewer).await;
    for number in 0..8 {
        if number % 2 == 0 {
            clock.advance(HOUR);
        }
        let key = new_key(&format!("k{number}"));
        let made = store.create_key(&actor(&alice), alice.id, &key).await;
        made.unwrap();
    }
    let all = store.list_keys(alice.id, None, 100).await.unwrap();
    assert_eq!(all.len(), 9);
    assert_eq!(all[8].id.0, "key_alice");
    let mut paged = store.list_keys(alice.id, None, 2).await.unwrap();
    while let Some(last) = paged.last() {
        let after = Some((last.created_at, last.id.clone()));
        let page = store.list_keys(alice.id, after, 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

async fn key(store: &Store, id: &str) -> linux_api_wire::api_key::ApiKey {
    let found = store.find_key(&KeyId(id.to_owned())).await.unwrap();
    found.unwrap().key
}

async fn a_rotated_key_works_until_the_overlap_ends(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let me = actor(&alice);
    let old = new_key("key_alice");
    let next = new_key("next");
    let made = store.rotate_key(&me, alice.id, &old.id, &next, HOUR).await;
    let made = made.unwrap();
    assert_eq!(
        (made.name.as_str(), made.expires_at),
        (old.name.as_str(), None)
    );
    assert_eq!(key(&store, "next").await, made);

    let now = clock.clock().now();
    let before = key(&store, "key_alice").await;
    assert_eq!(before.expires_at, Some(now.saturating_add(HOUR)));
    assert!(!has_ended(&before, now));
    clock.advance(HOUR);
    assert!(has_ended(&before, clock.clock().now()));

    let outcome = store
        .rotate_key(&me, alice.id, &old.id, &new_key("late"), HOUR)
        .await;
    assert_eq!(refusal(outcome), Refusal::KeyEnded);
    let missing = KeyId("missing".to_owned());
    let outcome = store
        .rotate_key(&me, alice.id, &missing, &new_key("late"), HOUR)
        .await;
    assert_eq!(refusal(outcome), Refusal::KeyNotFound);
    // Another user's key is none of one's own.
    let bob = add_user(&store, "bob", Role::Viewer).await;
    let outcome = store
        .rotate_key(&actor(&bob), bob.id, &next.id, &new_key("late"), HOUR)
        .await;
    assert_eq!(refusal(outcome), Refusal::KeyNotFound);
}

async fn a_rotation_never_prolongs_a_key(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let me = actor(&alice);
    let end = store.clock().now().saturating_add(HOUR);
    let old = NewKey {
        expires_at: Some(end),
        ..new_key("old")
    };
    store.create_key(&me, alice.id, &old).await.unwrap();
    let next = new_key("next");
    let made = store
        .rotate_key(&me, alice.id, &old.id, &next, 2 * HOUR)
        .await;
    assert_eq!(made.unwrap().expires_at, Some(end));
    assert_eq!(key(&store, "old").await.expires_at, Some(end));
}

async fn a_revoked_key_stays_revoked(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let me = actor(&alice);
    let id = KeyId("key_alice".to_owned());
    let now = clock.clock().now();
    assert!(store.revoke_key(&me, alice.id, &id).await.unwrap());
    clock.advance(HOUR);
    assert!(!store.revoke_key(&me, alice.id, &id).await.unwrap());
    assert_eq!(key(&store, "key_alice").await.revoked_at, Some(now));
    let outcome = store
        .rotate_key(&me, alice.id, &id, &new_key("next"), HOUR)
        .await;
    assert_eq!(refusal(outcome), Refusal::KeyEnded);
    let outcome = store
        .revoke_key(&me, alice.id, &KeyId("missing".to_owned()))
        .await;
    assert_eq!(refusal(outcome), Refusal::KeyNotFound);
    let outcome = store.revoke_key(&me, UserId::random(), &id).await;
    assert_eq!(refusal(outcome), Refusal::UserNotFound);
}

async fn a_user_has_a_limited_number_of_keys(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let me = actor(&alice);
    for number in 1..MAX_KEYS_PER_USER {
        let key = new_key(&format!("k{number}"));
        store.create_key(&me, alice.id, &key).await.unwrap();
    }
    let more = new_key("more");
    let outcome = store.create_key(&me, alice.id, &more).await;
    assert_eq!(refusal(outcome), Refusal::TooManyKeys);
    let id = KeyId("k1".to_owned());
    let outcome = store.rotate_key(&me, alice.id, &id, &more, HOUR).await;
    assert_eq!(refusal(outcome), Refusal::TooManyKeys);
    // A key that has ended takes no room.
    assert!(store.revoke_key(&me, alice.id, &id).await.unwrap());
    store.create_key(&me, alice.id, &more).await.unwrap();
}

async fn keys_of_an_immutable_user_are_its_own(database: Database) {
    let store = database.store().await;
    let user = NewUser {
        immutable: true,
        ..new_user("fixed", Role::Admin)
    };
    let id = KeyId("key_fixed".to_owned());
    let made = store
        .create_user(&Actor::system(), &user, &new_key("key_fixed"))
        .await;
    let fixed: User = made.unwrap();
    let boss = add_user(&store, "boss", Role::Admin).await;
    let boss = by_key(&boss, "key_boss", Scope::UsersAdmin);
    let next = new_key("next");
    let outcome = store.create_key(&boss, fixed.id, &next).await;
    assert_eq!(refusal(outcome), Refusal::Immutable);
    let outcome = store.rotate_key(&boss, fixed.id, &id, &next, HOUR).await;
    assert_eq!(refusal(outcome), Refusal::Immutable);
    let outcome = store.revoke_key(&boss, fixed.id, &id).await;
    assert_eq!(refusal(outcome), Refusal::Immutable);
    let own = actor(&fixed);
    let rotated = store.rotate_key(&own, fixed.id, &id, &next, HOUR).await;
    rotated.unwrap();
    assert!(store.revoke_key(&own, fixed.id, &id).await.unwrap());

    // Only someone with direct database access creates keys for it or removes the protection.
    let outcome = store.set_immutable(&boss, fixed.id, false).await;
    assert_eq!(refusal(outcome), Refusal::Immutable);
    let local = Actor::local(0, "root".to_owned());
    let spare = new_key("spare");
    store.create_key(&local, fixed.id, &spare).await.unwrap();
    assert!(store.set_immutable(&local, fixed.id, false).await.unwrap());
    assert!(!store.set_immutable(&local, fixed.id, false).await.unwrap());
}

async fn last_use_never_goes_back(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let now = store.clock().now();
    let used = |time| KeyUse {
        key_id: KeyId("key_alice".to_owned()),
        user_id: alice.id,
        time,
    };
    let later = now.saturating_add(HOUR);
    store.record_key_use(&[]).await.unwrap();
    store
        .record_key_use(&[used(later), used(now)])
        .await
        .unwrap();
    store.record_key_use(&[used(now)]).await.unwrap();
    let found = store.find_key(&used(now).key_id).await.unwrap().unwrap();
    assert_eq!(found.key.last_used, Some(later));
    assert_eq!(found.user.last_login, Some(later));
    let latest = later.saturating_add(HOUR);
    store.record_key_use(&[used(latest)]).await.unwrap();
    assert_eq!(key(&store, "key_alice").await.last_used, Some(latest));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_in_a_minute_that_has_one_waits_for_no_lock() {
    let database = Database::postgres();
    let store = database.store().await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let minute = Resolution::Minute.start_of(store.clock().now());
    let used = |seconds| KeyUse {
        key_id: KeyId("key_alice".to_owned()),
        user_id: alice.id,
        time: minute.saturating_add(Duration::from_secs(seconds)),
    };
    store.record_key_use(&[used(1)]).await.unwrap();
    // As another daemon that notes a use in the next minute, and has not committed it yet.
    let mut direct = database.direct().await;
    let lock = "begin; select * from api_keys k join users u on u.id = k.user_id for update";
    direct.execute(lock).await.unwrap();
    store.record_key_use(&[used(59)]).await.unwrap();
    direct.execute("rollback").await.unwrap();
    let found = key(&store, "key_alice").await;
    assert_eq!(found.last_used, Some(used(1).time));
    store.record_key_use(&[used(60)]).await.unwrap();
    let found = key(&store, "key_alice").await;
    assert_eq!(found.last_used, Some(used(60).time));
}
