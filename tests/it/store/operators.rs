//! Operators, and what the migration that makes them possible does with earlier keys and with backups.

use std::time::Duration;

use linux_api_store::Store;
use linux_api_store::acts::{ActEvent, ActLine, PlannedAct};
use linux_api_store::api_keys::NewKey;
use linux_api_store::audit::AuditFilter;
use linux_api_store::backup::{self, BackupOrder, BackupScope, Reason, RestoreOrder};
use linux_api_wire::api_key::{KeyId, Scope, Scopes};
use linux_api_wire::audit::{Action, Actor, Via};
use linux_api_wire::progress::NoProgress;
use linux_api_wire::user::Role;

use crate::store::{Database, add_user, by_key, new_key, no_backup, refusal};

on_both_engines! {
    earlier_keys_keep_to_earlier_scopes,
    a_way_back_leaves_no_wider_key,
    an_earlier_backup_is_brought_up,
    lines_are_copied_once_each,
    an_act_begins_by_rights_that_still_hold,
}

async fn scopes(store: &Store, id: &str) -> Scopes {
    let found = store.find_key(&KeyId(id.to_owned())).await.unwrap();
    found.unwrap().key.scopes
}

/// A database as a program of revision 9 leaves it.
async fn before(database: &Database) -> Store {
    let store = database.store().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let narrow = NewKey {
        scopes: Scopes::only([Scope::HostRead]),
        ..new_key("narrow")
    };
    let made = store.create_key(&Actor::system(), boss.id, &narrow).await;
    made.unwrap();
    store.rollback(9, no_backup).await.unwrap();
    store
}

async fn earlier_keys_keep_to_earlier_scopes(database: Database) {
    let store = before(&database).await;
    let mut direct = database.direct().await;
    let lowest = "select cast(value as bigint) from settings where name = 'min_compatible'";
    assert_eq!(direct.number(lowest).await, 8);
    store.migrate(no_backup).await.unwrap();
    assert_eq!(direct.number(lowest).await, 10);
    assert_eq!(scopes(&store, "key_boss").await, Scopes::before_acts());
    assert_eq!(
        scopes(&store, "narrow").await,
        Scopes::only([Scope::HostRead])
    );
    // A new key without scopes is for all of the role.
    let alice = add_user(&store, "alice", Role::Operator).await;
    assert_eq!(alice.role, Role::Operator);
    assert_eq!(scopes(&store, "key_alice").await, Scopes::ALL);
    let read = store.find_user(alice.id).await.unwrap().unwrap();
    assert_eq!(read.role, Role::Operator);
    // No key gives another more than it has.
    let boss = store.find_user_by_name("boss").await.unwrap().unwrap();
    let by_boss = by_key(&boss, "key_boss", Scope::UsersAdmin);
    let wide = store.create_key(&by_boss, alice.id, &new_key("wide")).await;
    let exceeded = refusal(wide);
    assert_eq!(exceeded, linux_api_store::Refusal::ScopesExceeded);
    assert!(
        direct
            .execute("update users set role = 'root'")
            .await
            .is_err()
    );
    assert!(
        direct
            .execute("update audit_log set detail = 'x'")
            .await
            .is_err()
    );
    assert!(direct.execute("delete from audit_log").await.is_err());
}

async fn a_way_back_leaves_no_wider_key(database: Database) {
    let store = database.store().await;
    let alice = add_user(&store, "alice", Role::Operator).await;
    for (id, chosen) in [
        ("acting", vec![Scope::UnitsAct, Scope::LogsRead]),
        ("both", vec![Scope::HostRead, Scope::ProcessesAct]),
    ] {
        let key = NewKey {
            scopes: Scopes::only(chosen),
            ..new_key(id)
        };
        let made = store.create_key(&Actor::system(), alice.id, &key).await;
        made.unwrap();
    }
    let act = planned("act-1");
    store.begin_act(&Actor::system(), &act).await.unwrap();
    store.rollback(9, no_backup).await.unwrap();
    let mut direct = database.direct().await;
    for (sql, count) in [
        ("select count(*) from users where role = 'viewer'", 1),
        (
            "select count(*) from api_keys where id = 'acting' and revoked_at is not null and scopes = 'keys:self'",
            1,
        ),
        (
            "select count(*) from api_keys where id = 'both' and revoked_at is null and scopes = 'host:read'",
            1,
        ),
        (
            "select count(*) from audit_log where detail = 'begun: TERM' and result = 'done'",
            1,
        ),
    ] {
        assert_eq!(direct.number(sql).await, count, "{sql}");
    }
    assert!(
        direct
            .execute("update users set role = 'operator'")
            .await
            .is_err()
    );
    assert!(
        direct
            .execute("update audit_log set detail = 'x'")
            .await
            .is_err()
    );
    store.migrate(no_backup).await.unwrap();
    assert_eq!(scopes(&store, "key_alice").await, Scopes::before_acts());
}

async fn an_earlier_backup_is_brought_up(database: Database) {
    let store = before(&database).await;
    let folder = database.folder.path().join("backups");
    let order = BackupOrder {
        folder: &folder,
        scope: BackupScope::All,
        reason: Reason::Command,
        progress: &NoProgress,
    };
    let saved = backup::create(&store, order).await.unwrap().path;
    store.migrate(no_backup).await.unwrap();
    let clock = store.clock().clone();
    store.close().await;
    drop(store);
    let mut target = database.options();
    target.deadline = Duration::from_secs(30);
    let order = RestoreOrder {
        backup: &saved,
        target,
        copies: &database.folder.path().join("copies"),
        actor: &Actor::system(),
        clock: &clock,
        progress: &NoProgress,
    };
    backup::restore(order).await.unwrap();
    let store = database.store().await;
    assert_eq!(scopes(&store, "key_boss").await, Scopes::before_acts());
}

fn planned(id: &str) -> PlannedAct {
    PlannedAct {
        id: id.to_owned(),
        action: Action::ProcessSignal,
        target: "process:17@4711".to_owned(),
        detail: "TERM".to_owned(),
    }
}

async fn results(store: &Store) -> Vec<(String, String, String)> {
    let filter = AuditFilter {
        action: Some("process.signal".to_owned()),
        ..AuditFilter::default()
    };
    let rows = store.list_audit(&filter, 100).await.unwrap();
    rows.into_iter()
        .rev()
        .map(|row| (row.actor, row.via, row.result))
        .collect()
}

async fn lines_are_copied_once_each(database: Database) {
    let store = database.store().await;
    store.set_own_host("h1".into());
    let now = store.clock().now();
    let line = |seq: u64, id: &str, event| ActLine {
        line: format!("{seq}:hash"),
        time: now,
        id: id.to_owned(),
        event,
    };
    let begun = |id: &str| ActEvent::Begun {
        planned: planned(id),
        name: "alice".to_owned(),
        via: Some(Via::Unix(1000)),
        address: None,
    };
    let ended = || ActEvent::Ended {
        result: "failed",
        detail: String::new(),
    };
    // One has its row before, by the daemon; of the other nothing is known.
    store
        .begin_act(&Actor::system(), &planned("one"))
        .await
        .unwrap();
    let lines = [
        line(1, "one", begun("one")),
        line(2, "two", begun("two")),
        line(3, "one", ended()),
        line(4, "two", ended()),
        line(5, "unknown", ended()),
    ];
    assert_eq!(store.copy_acts(&lines, "5:hash").await.unwrap(), 3);
    // Once more, as after a kill before the commit was seen, and from a log that begins again.
    assert_eq!(store.copy_acts(&lines, "5:hash").await.unwrap(), 0);
    let row = |actor: &str, via: &str, result: &str| {
        (actor.to_owned(), via.to_owned(), result.to_owned())
    };
    assert_eq!(
        results(&store).await,
        [
            row("system", "system", "begun"),
            row("alice", "unix:1000", "begun"),
            row("system", "system", "failed"),
            row("alice", "unix:1000", "failed"),
        ]
    );
    // Another host has a log of its own with the same numbers.
    store.set_own_host("h2".into());
    let other = [line(2, "two", begun("two"))];
    assert_eq!(store.copy_acts(&other, "2:hash").await.unwrap(), 1);
}

async fn an_act_begins_by_rights_that_still_hold(database: Database) {
    let store = database.store().await;
    let alice = add_user(&store, "alice", Role::Operator).await;
    let by_alice = by_key(&alice, "key_alice", Scope::ProcessesAct);
    store.begin_act(&by_alice, &planned("a")).await.unwrap();
    let boss = Actor::system();
    store.set_role(&boss, alice.id, Role::Viewer).await.unwrap();
    refusal(store.begin_act(&by_alice, &planned("b")).await);
    store
        .set_role(&boss, alice.id, Role::Operator)
        .await
        .unwrap();
    let id = KeyId("key_alice".to_owned());
    store.revoke_key(&boss, alice.id, &id).await.unwrap();
    refusal(store.begin_act(&by_alice, &planned("c")).await);
    // An account without a row is what its group says.
    let origin = linux_api_wire::audit::Origin {
        user_id: Some(linux_api_wire::user::UserId::of_account(7)),
        via: Via::Unix(7),
        ..linux_api_wire::audit::Origin::system()
    };
    let member = Actor::of_caller(origin, Scope::UnitsAct).unwrap();
    refusal(store.begin_act(&member, &planned("d")).await);
    let operator = member.with_account_role(Role::Operator);
    store.begin_act(&operator, &planned("e")).await.unwrap();
}
