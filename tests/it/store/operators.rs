//! Operators, and what the migration that makes them possible does with earlier keys and with backups.

use std::time::Duration;

use linux_api_store::Store;
use linux_api_store::acts::{ActLine, ActOutcome, ClaimedAct, PlannedAct};
use linux_api_store::api_keys::NewKey;
use linux_api_store::audit::AuditFilter;
use linux_api_store::backup::{self, BackupOrder, BackupScope, Reason, RestoreOrder};
use linux_api_store::refusals::{ROWS_PER_WINDOW, WINDOW};
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
    an_outcome_is_that_of_its_own_act,
    acts_that_do_not_begin_fill_no_disk,
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
    assert_eq!(direct.number(lowest).await, 11);
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

fn claimed(planned: PlannedAct, name: &str, via: Via) -> ClaimedAct {
    ClaimedAct {
        planned,
        name: name.to_owned(),
        via: Some(via),
        address: None,
    }
}

fn ended(result: &'static str) -> ActOutcome {
    ActOutcome {
        result,
        detail: String::new(),
    }
}

fn by(id: &str) -> Via {
    Via::Key(KeyId(id.to_owned()))
}

async fn lines_are_copied_once_each(database: Database) {
    let store = database.store().await;
    store.set_own_host("h1".into());
    let alice = add_user(&store, "alice", Role::Operator).await;
    let by_alice = by_key(&alice, "key_alice", Scope::ProcessesAct);
    let now = store.clock().now();
    let line = |seq: u64, id: &str, act, outcome| ActLine {
        line: format!("{seq}:hash"),
        time: now,
        id: id.to_owned(),
        act,
        outcome,
    };
    let one = || Some(claimed(planned("one"), "alice", by("key_alice")));
    let other = |id: &str| Some(claimed(planned(id), "root", Via::Unix(0)));
    // One has its row before, by the daemon; of the others nothing is known.
    store.begin_act(&by_alice, &planned("one")).await.unwrap();
    let lines = [
        line(1, "one", one(), None),
        line(2, "two", other("two"), None),
        line(3, "one", one(), Some(ended("failed"))),
        line(4, "two", other("two"), Some(ended("failed"))),
        line(5, "three", other("three"), Some(ended("done"))),
        // As the first daemons that acted left it.
        line(6, "one", None, Some(ended("done"))),
        line(7, "unknown", None, Some(ended("done"))),
    ];
    assert_eq!(store.copy_acts(&lines, "7:hash").await.unwrap(), 5);
    // Once more, as after a kill before the commit was seen, and from a log that begins again.
    assert_eq!(store.copy_acts(&lines, "7:hash").await.unwrap(), 0);
    let row = |actor: &str, via: &str, result: &str| {
        (actor.to_owned(), via.to_owned(), result.to_owned())
    };
    assert_eq!(
        results(&store).await,
        [
            row("alice", "key:key_alice", "begun"),
            row("root", "unix:0", "begun"),
            row("alice", "key:key_alice", "failed"),
            row("root", "unix:0", "failed"),
            row("root", "unix:0", "done"),
            row("alice", "key:key_alice", "done"),
        ]
    );
    // Another host has a log of its own with the same numbers.
    store.set_own_host("h2".into());
    let other = [line(2, "two", other("two"), None)];
    assert_eq!(store.copy_acts(&other, "2:hash").await.unwrap(), 1);
}

async fn an_outcome_is_that_of_its_own_act(database: Database) {
    let store = database.store().await;
    store.set_own_host("h1".into());
    let alice = add_user(&store, "alice", Role::Operator).await;
    let mallory = add_user(&store, "mallory", Role::Operator).await;
    let kill = || PlannedAct {
        target: "process:99@1".to_owned(),
        ..planned("deploy")
    };
    // Two more requests come in by the same id while the first one is done, and are refused.
    let by_alice = by_key(&alice, "key_alice", Scope::ProcessesAct);
    let by_mallory = by_key(&mallory, "key_mallory", Scope::ProcessesAct);
    for (actor, act) in [
        (&by_alice, kill()),
        (&by_alice, planned("deploy")),
        (&by_mallory, kill()),
    ] {
        store.begin_act(actor, &act).await.unwrap();
    }
    let line = ActLine {
        line: "2:hash".to_owned(),
        time: store.clock().now(),
        id: "deploy".to_owned(),
        act: Some(claimed(kill(), "alice", by("key_alice"))),
        outcome: Some(ended("done")),
    };
    assert_eq!(store.copy_acts(&[line], "2:hash").await.unwrap(), 1);
    let filter = AuditFilter {
        result: Some("done".to_owned()),
        action: Some("process.signal".to_owned()),
        ..AuditFilter::default()
    };
    let rows = store.list_audit(&filter, 100).await.unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (&*row.actor, &*row.target)).collect();
    assert_eq!(rows, [("alice", "process:99@1")]);
}

async fn acts_that_do_not_begin_fill_no_disk(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    store.set_own_host("h1".into());
    let alice = add_user(&store, "alice", Role::Operator).await;
    let by_alice = by_key(&alice, "key_alice", Scope::ProcessesAct);
    // Nothing acts on the host; she does not give up.
    for number in 0..100 {
        let act = planned(&number.to_string());
        store.begin_act(&by_alice, &act).await.unwrap();
        let ended = store.end_act(&by_alice, &act, "failed", "nothing acts");
        ended.await.unwrap();
    }
    assert_eq!(results(&store).await.len(), 2 * ROWS_PER_WINDOW as usize);
    // What is begun all the same has both rows, and a minute later she is as good as others.
    let line = |seq: u64, outcome| ActLine {
        line: format!("{seq}:hash"),
        time: store.clock().now(),
        id: "99".to_owned(),
        act: Some(claimed(planned("99"), "alice", by("key_alice"))),
        outcome,
    };
    let lines = [line(1, None), line(2, Some(ended("done")))];
    assert_eq!(store.copy_acts(&lines, "2:hash").await.unwrap(), 2);
    clock.advance(WINDOW);
    store.begin_act(&by_alice, &planned("a")).await.unwrap();
    let rows = 2 * ROWS_PER_WINDOW as usize + 3;
    assert_eq!(results(&store).await.len(), rows);
}

async fn an_act_begins_by_rights_that_still_hold(database: Database) {
    let store = database.store().await;
    let alice = add_user(&store, "alice", Role::Operator).await;
    let by_alice = by_key(&alice, "key_alice", Scope::ProcessesAct);
    let role = store.begin_act(&by_alice, &planned("a")).await.unwrap();
    assert_eq!(role, Role::Operator);
    let boss = Actor::system();
    add_user(&store, "boss", Role::Admin).await;
    store.set_role(&boss, alice.id, Role::Admin).await.unwrap();
    let role = store.begin_act(&by_alice, &planned("a")).await.unwrap();
    assert_eq!(role, Role::Admin);
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
