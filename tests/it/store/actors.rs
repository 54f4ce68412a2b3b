//! The actor of a change is looked at again in the transaction that makes it.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use linux_api_store::api_keys::{KeyUse, NewKey};
use linux_api_store::audit::AuditFilter;
use linux_api_store::refusals::WINDOW;
use linux_api_store::{Engine, Refusal, Store};
use linux_api_wire::api_key::{KeyId, Scope, Scopes};
use linux_api_wire::audit::{Actor, Origin, Via};
use linux_api_wire::authority::Denial;
use linux_api_wire::time::ManualClock;
use linux_api_wire::user::{Role, User, UserId};

use crate::store::{
    Database, actor, add_user, by_key, new_key, new_user, refusal, until_something_waits,
};

on_every_engine! {
    a_key_that_has_ended_changes_nothing,
    a_user_that_may_no_longer_changes_nothing,
    an_account_is_looked_at_by_its_user,
    a_key_expires_while_its_change_waits,
    a_key_makes_none_that_may_more,
    who_has_the_database_is_not_looked_at,
}

const HOUR: Duration = Duration::from_hours(1);
const OWN: Scope = Scope::KeysSelf;
const ALL: Scope = Scope::UsersAdmin;

/// What each method that changes something says to this actor; `key` is one of `user`.
async fn refusals(store: &Store, by: &Actor, user: &User, key: &KeyId) -> Vec<Refusal> {
    let (one, id) = (new_key("one"), user.id);
    vec![
        refusal(
            store
                .create_user(by, &new_user("ghost", Role::Admin), &one)
                .await,
        ),
        refusal(store.set_role(by, id, Role::Admin).await),
        refusal(store.set_active(by, id, false).await),
        refusal(store.set_immutable(by, id, true).await),
        refusal(store.delete_user(by, id).await),
        refusal(store.create_key(by, id, &one).await),
        refusal(store.rotate_key(by, id, key, &one, HOUR).await),
        refusal(store.revoke_key(by, id, key).await),
    ]
}

/// All of them say the same, and leave a row each and nothing else.
async fn expect_refused(
    (store, clock): (&Store, &ManualClock),
    by: &Actor,
    user: &User,
    expected: Refusal,
) {
    // Each gets a row of its own.
    clock.advance(WINDOW);
    let rows = || async {
        let rows = store.list_audit(&AuditFilter::default(), 1000).await;
        rows.unwrap()
    };
    let (before, known) = (rows().await.len(), store.find_user(user.id).await.unwrap());
    let revision = store.refresh_auth_revision().await.unwrap();
    let key = KeyId(format!("key_{}", user.name));
    let found = refusals(store, by, user, &key).await;
    assert!(found.iter().all(|one| *one == expected), "{found:?}");
    let rows = rows().await;
    let new = &rows[..rows.len() - before];
    assert_eq!(new.len(), found.len());
    for row in new {
        assert_eq!(row.result, "refused");
        assert_eq!(row.detail, expected.to_string());
        assert_eq!(row.via, by.origin.via.to_string());
    }
    assert_eq!(store.find_user(user.id).await.unwrap(), known);
    assert!(store.find_user_by_name("ghost").await.unwrap().is_none());
    assert!(
        store
            .find_key(&KeyId("one".to_owned()))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(store.refresh_auth_revision().await.unwrap(), revision);
}

async fn a_key_that_has_ended_changes_nothing(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    add_user(&store, "root", Role::Admin).await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let system = Actor::system();
    let by = |id: &str| by_key(&boss, id, ALL);
    for id in ["revoked", "expired", "rotated"] {
        let expires_at = (id == "expired").then(|| store.clock().now().saturating_add(HOUR));
        let key = NewKey {
            expires_at,
            ..new_key(id)
        };
        store.create_key(&system, boss.id, &key).await.unwrap();
        let (by, key) = (by(id), new_key(&format!("by_{id}")));
        store.create_key(&by, alice.id, &key).await.unwrap();
    }
    let revoked = KeyId("revoked".to_owned());
    store
        .revoke_key(&by("rotated"), boss.id, &revoked)
        .await
        .unwrap();
    expect_refused(
        (&store, &clock),
        &by("revoked"),
        &alice,
        Refusal::ActorEnded,
    )
    .await;
    clock.advance(HOUR);
    expect_refused(
        (&store, &clock),
        &by("expired"),
        &alice,
        Refusal::ActorEnded,
    )
    .await;
    let rotated = KeyId("rotated".to_owned());
    let next = new_key("next");
    let done = store
        .rotate_key(&by("rotated"), boss.id, &rotated, &next, HOUR)
        .await;
    done.unwrap();
    let extra = new_key("extra");
    store
        .create_key(&by("rotated"), alice.id, &extra)
        .await
        .unwrap();
    clock.advance(HOUR);
    expect_refused(
        (&store, &clock),
        &by("rotated"),
        &alice,
        Refusal::ActorEnded,
    )
    .await;
    // There is no such key, or it is another user's.
    expect_refused(
        (&store, &clock),
        &by("missing"),
        &alice,
        Refusal::ActorEnded,
    )
    .await;
    expect_refused(
        (&store, &clock),
        &by("key_alice"),
        &alice,
        Refusal::ActorEnded,
    )
    .await;
    store.delete_user(&by("next"), boss.id).await.unwrap();
    expect_refused((&store, &clock), &by("next"), &alice, Refusal::ActorEnded).await;
}

async fn a_user_that_may_no_longer_changes_nothing(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    add_user(&store, "root", Role::Admin).await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let system = Actor::system();
    let by_boss = by_key(&boss, "key_boss", ALL);
    store
        .set_role(&system, boss.id, Role::Viewer)
        .await
        .unwrap();
    let denied = Refusal::ActorDenied(Denial::Role(Role::Admin));
    expect_refused((&store, &clock), &by_boss, &alice, denied).await;
    // Its own keys are its own still.
    let own = by_key(&boss, "key_boss", OWN);
    store
        .create_key(&own, boss.id, &new_key("own"))
        .await
        .unwrap();
    store.set_role(&system, boss.id, Role::Admin).await.unwrap();
    store.set_active(&system, boss.id, false).await.unwrap();
    let denied = Refusal::ActorDenied(Denial::Inactive);
    expect_refused((&store, &clock), &by_boss, &alice, denied).await;
    expect_refused((&store, &clock), &own, &alice, denied).await;
    store.set_active(&system, boss.id, true).await.unwrap();

    let key = NewKey {
        scopes: Scopes::only([OWN]),
        ..new_key("narrow")
    };
    store.create_key(&system, boss.id, &key).await.unwrap();
    let by_narrow = by_key(&boss, "narrow", ALL);
    let denied = Refusal::ActorDenied(Denial::Scope(ALL));
    expect_refused((&store, &clock), &by_narrow, &alice, denied).await;
    store
        .create_key(&by_boss, alice.id, &new_key("two"))
        .await
        .unwrap();
}

async fn an_account_is_looked_at_by_its_user(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    add_user(&store, "root", Role::Admin).await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let system = Actor::system();
    let account = |user_id, scope| {
        let origin = Origin {
            user_id: Some(user_id),
            via: Via::Unix(1000),
            ..Origin::system()
        };
        Actor::of_caller(origin, scope).unwrap()
    };
    let by_boss = account(boss.id, ALL);
    store
        .create_key(&by_boss, alice.id, &new_key("two"))
        .await
        .unwrap();
    store.set_active(&system, boss.id, false).await.unwrap();
    expect_refused(
        (&store, &clock),
        &by_boss,
        &alice,
        Refusal::ActorDenied(Denial::Inactive),
    )
    .await;
    store.set_active(&system, boss.id, true).await.unwrap();
    store
        .set_role(&system, boss.id, Role::Viewer)
        .await
        .unwrap();
    let denied = Refusal::ActorDenied(Denial::Role(Role::Admin));
    expect_refused((&store, &clock), &by_boss, &alice, denied).await;
    store.delete_user(&system, boss.id).await.unwrap();
    expect_refused((&store, &clock), &by_boss, &alice, Refusal::ActorEnded).await;
    // Without a user of its own it is a viewer, and has no keys.
    let member = UserId::of_account(1000);
    expect_refused((&store, &clock), &account(member, ALL), &alice, denied).await;
    let none = Refusal::UserNotFound;
    expect_refused((&store, &clock), &account(member, OWN), &alice, none).await;
}

/// The lock that each change takes first.
fn lock_of(database: &Database) -> &'static str {
    match database.engine {
        Engine::Sqlite => "begin immediate",
        Engine::Postgres => "begin; update settings set value = value",
    }
}

async fn a_key_expires_while_its_change_waits(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let key = NewKey {
        expires_at: Some(store.clock().now().saturating_add(HOUR)),
        ..new_key("short")
    };
    store
        .create_key(&Actor::system(), boss.id, &key)
        .await
        .unwrap();
    let mut direct = database.direct().await;
    direct.execute(lock_of(&database)).await.unwrap();
    let (by, user) = (by_key(&boss, "short", ALL), new_user("ghost", Role::Admin));
    let first = new_key("one");
    let mut change = Box::pin(store.create_user(&by, &user, &first));
    // Its lock is not to be had yet.
    assert!((&mut change).now_or_never().is_none());
    clock.advance(HOUR);
    direct.execute("commit").await.unwrap();
    assert_eq!(refusal(change.await), Refusal::ActorEnded);
    assert_eq!(store.count_users().await.unwrap(), 1);
}

async fn a_key_makes_none_that_may_more(database: Database) {
    let store = database.store().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let narrow = NewKey {
        scopes: Scopes::only([OWN, ALL]),
        ..new_key("narrow")
    };
    let system = Actor::system();
    store.create_key(&system, boss.id, &narrow).await.unwrap();
    let by = by_key(&boss, "narrow", ALL);
    let wide = new_key("wide");
    let user = new_user("ghost", Role::Admin);
    let exceeded = Refusal::ScopesExceeded;
    assert_eq!(
        refusal(store.create_key(&by, boss.id, &wide).await),
        exceeded
    );
    assert_eq!(
        refusal(store.create_user(&by, &user, &wide).await),
        exceeded
    );
    let old = KeyId("key_boss".to_owned());
    let outcome = store.rotate_key(&by, boss.id, &old, &wide, HOUR).await;
    assert_eq!(refusal(outcome), exceeded);
    assert!(store.find_key(&wide.id).await.unwrap().is_none());
    // As it is now, not as it was when the request came in.
    let mut direct = database.direct().await;
    let sql = "update api_keys set scopes = 'keys:self' where id = 'narrow'";
    let equal = NewKey {
        scopes: narrow.scopes,
        ..new_key("equal")
    };
    store.create_key(&by, boss.id, &equal).await.unwrap();
    direct.execute(sql).await.unwrap();
    let own = by_key(&boss, "narrow", OWN);
    let late = NewKey {
        scopes: narrow.scopes,
        ..new_key("late")
    };
    assert_eq!(
        refusal(store.create_key(&own, boss.id, &late).await),
        exceeded
    );
}

async fn who_has_the_database_is_not_looked_at(database: Database) {
    let store = database.store().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let local = Actor::local(0, "root".to_owned());
    let alice = new_user("alice", Role::Viewer);
    let made = store
        .create_user(&local, &alice, &new_key("one"))
        .await
        .unwrap();
    store
        .set_role(&actor(&made), boss.id, Role::Admin)
        .await
        .unwrap();
    assert!(Actor::of_caller(local.origin, OWN).is_none(), "no caller");
    assert!(Actor::of_caller(Origin::system(), OWN).is_none());
    let nobody = Origin::nobody(None, "request-1".to_owned());
    assert!(Actor::of_caller(nobody, OWN).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_postgresql_rolled_back_in_a_deadlock_is_made() {
    let database = Database::postgres();
    let store = database.store().await;
    add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let (mut direct, mut watch) = (database.direct().await, database.direct().await);
    // The other one is the first to look for a deadlock.
    direct
        .execute("set deadlock_timeout = '1min'")
        .await
        .unwrap();
    direct
        .execute("begin; update api_keys set last_used = now() where id = 'key_alice'")
        .await
        .unwrap();
    let deletion = {
        let store = store.clone();
        tokio::spawn(async move { store.delete_user(&Actor::system(), alice.id).await })
    };
    until_something_waits(&mut watch).await;
    let ring = format!(
        "update users set last_login = now() where id = '{}'",
        alice.id
    );
    direct.execute(&ring).await.unwrap();
    let counted = "select deadlocks from pg_stat_database where datname = current_database()";
    direct.execute("commit").await.unwrap();
    deletion.await.unwrap().unwrap();
    assert!(store.find_user(alice.id).await.unwrap().is_none());
    let start = Instant::now();
    while watch.number(counted).await == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "no deadlock");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noting_uses_of_keys_locks_in_the_order_of_a_deletion() {
    let database = Database::postgres();
    let store = database.store().await;
    add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let (mut direct, mut watch) = (database.direct().await, database.direct().await);
    // A deletion locks the user first, and then its keys.
    let lock = format!(
        "begin; select 1 from users where id = '{}' for update",
        alice.id
    );
    direct.execute(&lock).await.unwrap();
    let used = KeyUse {
        key_id: KeyId("key_alice".to_owned()),
        user_id: alice.id,
        time: store.clock().now(),
    };
    let noted = {
        let store = store.clone();
        tokio::spawn(async move { store.record_key_use(&[used]).await })
    };
    until_something_waits(&mut watch).await;
    let delete = format!("delete from users where id = '{}'; commit", alice.id);
    direct
        .execute("set local lock_timeout = '1ms'")
        .await
        .unwrap();
    direct.execute(&delete).await.unwrap();
    noted.await.unwrap().unwrap();
}

/// What the look at the actor adds to a change: many changes by the program itself and by a key, in
/// turn; the tenth part that was fastest says most on a machine that does other things too.
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
async fn measure(what: &str, database: Database) {
    let store = database.store().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let actors = [Actor::system(), by_key(&boss, "key_boss", ALL)];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..2_000 {
        for (actor, times) in actors.iter().zip(&mut times) {
            let start = Instant::now();
            // Changes nothing: only the transaction, its lock and, for the key, the look.
            let changed = store.set_active(actor, alice.id, true).await;
            times.push(start.elapsed());
            assert!(!changed.unwrap());
        }
    }
    for times in &mut times {
        times.sort();
    }
    for (name, place) in [("fastest tenth", 200), ("median", 1_000)] {
        let [without, with] = [times[0][place], times[1][place]];
        let look = with.saturating_sub(without);
        println!("{what}, {name}: {without:?} without, {with:?} with the look: {look:?} more");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn what_the_look_at_the_actor_costs() {
    measure("SQLite", Database::sqlite()).await;
    measure("PostgreSQL", Database::postgres()).await;
}
