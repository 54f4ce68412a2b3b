//! Users, and the rules that protect them.

use std::time::Duration;

use futures_util::future::join_all;
use linux_api_store::users::{NewUser, UserPosition};
use linux_api_store::{Refusal, Store};
use linux_api_wire::audit::Actor;
use linux_api_wire::user::{Role, User, UserId};

use crate::store::{Database, actor, add_user, new_key, new_user, refusal};

on_every_engine! {
    a_user_is_found_as_it_was_made,
    a_taken_name_is_refused,
    a_taken_key_is_refused_and_no_user_is_left,
    pages_by_offset_and_by_cursor_agree,
    a_role_is_set_unless_a_rule_forbids_it,
    a_user_is_deactivated_unless_a_rule_forbids_it,
    a_user_is_deleted_unless_a_rule_forbids_it,
    two_admins_who_demote_each_other_leave_one,
    five_daemons_make_one_first_admin,
    the_revision_grows_and_other_stores_see_it,
}

async fn a_user_is_found_as_it_was_made(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let made = add_user(&store, "alice", Role::Viewer).await;
    assert_eq!(made.created_at, store.clock().now());
    assert_eq!((made.name.as_str(), made.role), ("alice", Role::Viewer));
    assert!(made.active && !made.immutable && made.last_login.is_none());
    assert_eq!(
        store.find_user(made.id).await.unwrap().as_ref(),
        Some(&made)
    );
    let by_name = store.find_user_by_name("alice").await.unwrap();
    assert_eq!(by_name.as_ref(), Some(&made));
    assert_eq!(store.find_user(UserId::random()).await.unwrap(), None);
    assert_eq!(store.find_user_by_name("bob").await.unwrap(), None);
    assert_eq!(store.count_users().await.unwrap(), 1);
    let keys = store.list_keys(made.id, None, 10).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].id.0, "key_alice");
}

async fn a_taken_name_is_refused(database: Database) {
    let store = database.store().await;
    add_user(&store, "alice", Role::Viewer).await;
    let again = new_user("alice", Role::Admin);
    let key = new_key("other");
    let outcome = store.create_user(&Actor::system(), &again, &key).await;
    assert_eq!(refusal(outcome), Refusal::NameTaken);
    assert_eq!(store.count_users().await.unwrap(), 1);
    assert!(store.find_key(&key.id).await.unwrap().is_none());
}

async fn a_taken_key_is_refused_and_no_user_is_left(database: Database) {
    let store = database.store().await;
    let key = new_key("chosen");
    let create = async |name: &str| {
        let user = new_user(name, Role::Viewer);
        store.create_user(&Actor::system(), &user, &key).await
    };
    create("alice").await.unwrap();
    assert_eq!(refusal(create("bob").await), Refusal::KeyTaken);
    assert_eq!(store.count_users().await.unwrap(), 1);
}

async fn pages_by_offset_and_by_cursor_agree(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    for number in 0..11 {
        add_user(&store, &format!("user_{number}"), Role::Viewer).await;
        // Some share their time, so that the id must decide.
        if number % 3 == 0 {
            clock.advance(Duration::from_millis(1));
        }
    }
    let all = store
        .list_users(UserPosition::Offset(0), 100)
        .await
        .unwrap();
    assert_eq!(all.len(), 11);
    assert_eq!(all[10].name, "user_0");
    let newest_first = all.is_sorted_by_key(|user| std::cmp::Reverse(user.created_at));
    assert!(newest_first);

    let mut by_offset = Vec::new();
    for offset in [0, 4, 8] {
        let page = store.list_users(UserPosition::Offset(offset), 4).await;
        by_offset.extend(page.unwrap());
    }
    assert_eq!(by_offset, all);
    let past_the_end = store.list_users(UserPosition::Offset(11), 4).await.unwrap();
    assert!(past_the_end.is_empty());

    let mut by_cursor: Vec<User> = store.list_users(UserPosition::Offset(0), 4).await.unwrap();
    while let Some(last) = by_cursor.last() {
        let after = UserPosition::After(last.created_at, last.id);
        let page = store.list_users(after, 4).await.unwrap();
        if page.is_empty() {
            break;
        }
        by_cursor.extend(page);
    }
    assert_eq!(by_cursor, all);
}

async fn immutable_admin(store: &Store) -> User {
    let user = NewUser {
        immutable: true,
        ..new_user("fixed", Role::Admin)
    };
    let made = store
        .create_user(&Actor::system(), &user, &new_key("key_fixed"))
        .await;
    made.unwrap()
}

async fn a_role_is_set_unless_a_rule_forbids_it(database: Database) {
    let store = database.store().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let system = Actor::system();
    let nobody = UserId::random();
    let outcome = store.set_role(&system, nobody, Role::Admin).await;
    assert_eq!(refusal(outcome), Refusal::UserNotFound);
    let outcome = store.set_role(&actor(&boss), boss.id, Role::Viewer).await;
    assert_eq!(refusal(outcome), Refusal::OwnRole);
    let outcome = store.set_role(&actor(&alice), boss.id, Role::Viewer).await;
    assert_eq!(refusal(outcome), Refusal::LastAdmin);
    let found = store.find_user(boss.id).await.unwrap().unwrap();
    assert_eq!(found.role, Role::Admin);

    let boss = actor(&boss);
    assert!(store.set_role(&boss, alice.id, Role::Admin).await.unwrap());
    assert!(!store.set_role(&boss, alice.id, Role::Admin).await.unwrap());
    let found = store.find_user(alice.id).await.unwrap().unwrap();
    assert_eq!(found.role, Role::Admin);
    assert!(store.set_role(&boss, alice.id, Role::Viewer).await.unwrap());

    let fixed = immutable_admin(&store).await;
    let outcome = store.set_role(&boss, fixed.id, Role::Viewer).await;
    assert_eq!(refusal(outcome), Refusal::Immutable);
}

async fn a_user_is_deactivated_unless_a_rule_forbids_it(database: Database) {
    let store = database.store().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let outcome = store
        .set_active(&Actor::system(), UserId::random(), false)
        .await;
    assert_eq!(refusal(outcome), Refusal::UserNotFound);
    let outcome = store.set_active(&actor(&boss), boss.id, false).await;
    assert_eq!(refusal(outcome), Refusal::OwnAccount);
    let outcome = store.set_active(&actor(&alice), boss.id, false).await;
    assert_eq!(refusal(outcome), Refusal::LastAdmin);
    assert!(store.find_user(boss.id).await.unwrap().unwrap().active);

    let boss = actor(&boss);
    assert!(store.set_active(&boss, alice.id, false).await.unwrap());
    assert!(!store.set_active(&boss, alice.id, false).await.unwrap());
    assert!(!store.find_user(alice.id).await.unwrap().unwrap().active);
    // An admin who is not active does not count as one.
    store.set_role(&boss, alice.id, Role::Admin).await.unwrap();
    let id = boss.origin.user_id.unwrap();
    let outcome = store.set_active(&Actor::system(), id, false).await;
    assert_eq!(refusal(outcome), Refusal::LastAdmin);
    assert!(store.set_active(&boss, alice.id, true).await.unwrap());
    assert!(store.set_active(&actor(&alice), id, false).await.unwrap());

    let fixed = immutable_admin(&store).await;
    let outcome = store.set_active(&boss, fixed.id, false).await;
    assert_eq!(refusal(outcome), Refusal::Immutable);
}

async fn a_user_is_deleted_unless_a_rule_forbids_it(database: Database) {
    let store = database.store().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let outcome = store.delete_user(&actor(&boss), UserId::random()).await;
    assert_eq!(refusal(outcome), Refusal::UserNotFound);
    let outcome = store.delete_user(&actor(&alice), boss.id).await;
    assert_eq!(refusal(outcome), Refusal::LastAdmin);
    assert!(store.find_user(boss.id).await.unwrap().is_some());

    let key = new_key("key_alice").id;
    assert!(store.find_key(&key).await.unwrap().is_some());
    store.delete_user(&actor(&boss), alice.id).await.unwrap();
    assert!(store.find_user(alice.id).await.unwrap().is_none());
    assert!(store.find_key(&key).await.unwrap().is_none());

    let fixed = immutable_admin(&store).await;
    let outcome = store.delete_user(&actor(&boss), fixed.id).await;
    assert_eq!(refusal(outcome), Refusal::Immutable);
    // Another active admin is left, so the first one may go.
    store.delete_user(&actor(&fixed), boss.id).await.unwrap();
}

async fn two_admins_who_demote_each_other_leave_one(database: Database) {
    let one = database.store().await;
    let two = database.open().await;
    let anna = add_user(&one, "anna", Role::Admin).await;
    let bert = add_user(&one, "bert", Role::Admin).await;
    for round in 0..20 {
        let (by_anna, by_bert) = (actor(&anna), actor(&bert));
        let outcomes = if round % 2 == 0 {
            tokio::join!(
                one.set_role(&by_anna, bert.id, Role::Viewer),
                two.set_role(&by_bert, anna.id, Role::Viewer),
            )
        } else {
            tokio::join!(
                one.set_active(&by_anna, bert.id, false),
                two.set_active(&by_bert, anna.id, false),
            )
        };
        let refused = match outcomes {
            (Ok(true), refused) | (refused, Ok(true)) => refusal(refused),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused, Refusal::LastAdmin, "round {round}");
        let users = one.list_users(UserPosition::Offset(0), 10).await.unwrap();
        let admins = users
            .iter()
            .filter(|user| user.active && user.role == Role::Admin);
        assert_eq!(admins.count(), 1, "round {round}");
        for user in &users {
            let system = Actor::system();
            one.set_role(&system, user.id, Role::Admin).await.unwrap();
            one.set_active(&system, user.id, true).await.unwrap();
        }
    }
}

async fn five_daemons_make_one_first_admin(database: Database) {
    let first = database.store().await;
    let mut stores = join_all((0..4).map(|_| database.open())).await;
    stores.push(first);
    let outcomes = join_all(stores.iter().enumerate().map(async |(number, store)| {
        let user = NewUser {
            immutable: true,
            ..new_user("admin", Role::Admin)
        };
        let key = new_key(&format!("key_{number}"));
        store.create_first_admin(&user, &key).await.unwrap()
    }))
    .await;
    assert_eq!(outcomes.iter().flatten().count(), 1);
    let users = stores[0]
        .list_users(UserPosition::Offset(0), 10)
        .await
        .unwrap();
    assert_eq!(users.len(), 1);
    let keys = stores[0].list_keys(users[0].id, None, 10).await.unwrap();
    assert_eq!(keys.len(), 1);
}

async fn the_revision_grows_and_other_stores_see_it(database: Database) {
    let store = database.store().await;
    let other = database.open().await;
    let watcher = other.auth_revision();
    let mut seen = other.refresh_auth_revision().await.unwrap();
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let system = Actor::system();
    let key = new_key("extra");
    for step in 0..6 {
        match step {
            0 => drop(
                store
                    .set_role(&system, alice.id, Role::Admin)
                    .await
                    .unwrap(),
            ),
            1 => drop(store.set_active(&system, alice.id, false).await.unwrap()),
            2 => drop(store.create_key(&system, boss.id, &key).await.unwrap()),
            3 => {
                let next = new_key("next");
                let rotated = store
                    .rotate_key(&system, boss.id, &key.id, &next, Duration::ZERO)
                    .await;
                rotated.unwrap();
            }
            4 => drop(store.revoke_key(&system, boss.id, &key.id).await.unwrap()),
            _ => store.delete_user(&system, alice.id).await.unwrap(),
        }
        let revision = other.refresh_auth_revision().await.unwrap();
        assert!(revision > seen, "step {step}: {revision} after {seen}");
        assert_eq!(*watcher.borrow(), revision);
        assert_eq!(*store.auth_revision().borrow(), revision);
        seen = revision;
    }
    // What was refused changed nothing.
    let outcome = store.delete_user(&system, boss.id).await;
    assert_eq!(refusal(outcome), Refusal::LastAdmin);
    assert_eq!(other.refresh_auth_revision().await.unwrap(), seen);
}
