//! The audit log: a row for each change, and no way to change a row.

use std::time::Duration;

use linux_api_store::audit::AuditFilter;
use linux_api_store::{Engine, Refusal};
use linux_api_wire::audit::{Actor, AuditRow};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;

use crate::store::{Database, actor, add_user, new_key, new_user, refusal};

on_every_engine! {
    each_change_leaves_one_row,
    what_is_refused_leaves_a_row,
    a_change_without_its_row_is_not_made,
    rows_can_not_be_changed,
    rows_go_by_age_alone_and_leave_a_note,
    rows_are_filtered_and_paged,
}

fn words(row: &AuditRow) -> (&str, &str, &str) {
    (&row.action, &row.target, &row.result)
}

async fn each_change_leaves_one_row(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let alice = add_user(&store, "alice", Role::Viewer).await;
    let me = actor(&boss);
    let (one, two) = (new_key("one"), new_key("two"));
    store.set_role(&me, alice.id, Role::Admin).await.unwrap();
    // What changes nothing leaves nothing.
    store.set_role(&me, alice.id, Role::Admin).await.unwrap();
    store.set_active(&me, alice.id, false).await.unwrap();
    store.set_active(&me, alice.id, true).await.unwrap();
    store.create_key(&me, boss.id, &one).await.unwrap();
    let rotated = store
        .rotate_key(&me, boss.id, &one.id, &two, Duration::ZERO)
        .await;
    rotated.unwrap();
    store.revoke_key(&me, boss.id, &two.id).await.unwrap();
    store.delete_user(&me, alice.id).await.unwrap();

    let rows = store
        .list_audit(&AuditFilter::default(), 100)
        .await
        .unwrap();
    let found: Vec<_> = rows.iter().rev().map(words).collect();
    let expected = [
        ("user.create", "user:boss", "done"),
        ("user.create", "user:alice", "done"),
        ("user.role", "user:alice", "done"),
        ("user.deactivate", "user:alice", "done"),
        ("user.activate", "user:alice", "done"),
        ("key.create", "key:one", "done"),
        ("key.rotate", "key:one", "done"),
        ("key.revoke", "key:two", "done"),
        ("user.delete", "user:alice", "done"),
    ];
    assert_eq!(found, expected);
    let row = &rows[0];
    assert_eq!(row.time, store.clock().now());
    assert_eq!(row.actor_id, Some(boss.id));
    assert_eq!((row.actor.as_str(), row.via.as_str()), ("boss", "cli:1000"));
    assert_eq!(row.address.as_deref(), Some("192.0.2.7"));
    assert_eq!(row.request_id.as_deref(), Some("request-1"));
    assert_eq!(rows[8].via, "system");
}

async fn what_is_refused_leaves_a_row(database: Database) {
    let store = database.store().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    let outcome = store.delete_user(&actor(&boss), boss.id).await;
    assert_eq!(refusal(outcome), Refusal::LastAdmin);
    let rows = store.list_audit(&AuditFilter::default(), 1).await.unwrap();
    let target = format!("user:{}", boss.id);
    assert_eq!(words(&rows[0]), ("user.delete", target.as_str(), "refused"));
    assert_eq!(rows[0].detail, Refusal::LastAdmin.to_string());
}

async fn a_change_without_its_row_is_not_made(database: Database) {
    let store = database.store().await;
    let mut direct = database.direct().await;
    direct
        .execute("alter table audit_log rename to elsewhere")
        .await
        .unwrap();
    let made = store
        .create_user(
            &Actor::system(),
            &new_user("alice", Role::Admin),
            &new_key("k"),
        )
        .await;
    made.unwrap_err();
    assert_eq!(store.count_users().await.unwrap(), 0);
    assert_eq!(store.refresh_auth_revision().await.unwrap(), 0);
    direct
        .execute("alter table elsewhere rename to audit_log")
        .await
        .unwrap();
    add_user(&store, "alice", Role::Admin).await;
}

async fn rows_can_not_be_changed(database: Database) {
    let store = database.store().await;
    add_user(&store, "boss", Role::Admin).await;
    let mut direct = database.direct().await;
    let mut attempts = vec![
        "update audit_log set detail = 'nothing happened'",
        "delete from audit_log",
    ];
    if database.engine == Engine::Postgres {
        attempts.push("truncate audit_log");
    } else {
        attempts.push("insert or replace into audit_log select * from audit_log");
    }
    for sql in attempts {
        let error = direct.execute(sql).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(direct.number("select count(*) from audit_log").await, 1);
}

async fn rows_go_by_age_alone_and_leave_a_note(database: Database) {
    const DAY: Duration = Duration::from_hours(24);
    let (store, clock) = database.store_with_clock().await;
    let start = store.clock().now();
    add_user(&store, "old", Role::Admin).await;
    clock.advance(DAY);
    add_user(&store, "middle", Role::Admin).await;
    clock.advance(DAY);
    add_user(&store, "new", Role::Admin).await;
    let mut direct = database.direct().await;
    // Too old, but not by a day yet.
    let cutoff = start.saturating_add(DAY);
    assert_eq!(store.delete_old_audit(cutoff).await.unwrap(), 0);
    let cutoff = start.saturating_add(DAY + Duration::from_millis(1));
    assert_eq!(store.delete_old_audit(cutoff).await.unwrap(), 2);

    let rows = store.list_audit(&AuditFilter::default(), 10).await.unwrap();
    let found: Vec<_> = rows.iter().map(words).collect();
    let expected = [
        ("audit.expire", "audit_log", "done"),
        ("user.create", "user:new", "done"),
    ];
    assert_eq!(found, expected);
    assert_eq!(rows[0].detail, format!("2 rows before {cutoff}"));
    assert_eq!(rows[0].via, "system");
    // The door is closed again, for all others.
    assert_eq!(store.delete_old_audit(cutoff).await.unwrap(), 0);
    let error = direct.execute("delete from audit_log").await.unwrap_err();
    assert!(error.to_string().contains("append-only"), "{error}");
    let setting = "select count(*) from settings where name = 'audit_expired_before'";
    assert_eq!(direct.number(setting).await, 0);
    // Not even a row that is due goes when the setting is for older ones.
    let opened = "begin; insert into settings (name, value) values ('audit_expired_before', '5')";
    direct.execute(opened).await.unwrap();
    direct.execute("delete from audit_log").await.unwrap_err();
    direct.execute("rollback").await.unwrap();
    assert_eq!(direct.number("select count(*) from audit_log").await, 2);
}

async fn rows_are_filtered_and_paged(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let boss = add_user(&store, "boss", Role::Admin).await;
    clock.advance(Duration::from_secs(10));
    let middle = store.clock().now();
    for number in 0..5 {
        let key = new_key(&format!("k{number}"));
        let made = store.create_key(&actor(&boss), boss.id, &key).await;
        made.unwrap();
    }
    clock.advance(Duration::from_secs(10));
    let outcome = store.delete_user(&actor(&boss), boss.id).await;
    assert_eq!(refusal(outcome), Refusal::LastAdmin);

    for (expected, build) in filters(middle) {
        let mut filter = AuditFilter::default();
        build(&mut filter);
        let rows = store.list_audit(&filter, 100).await.unwrap();
        assert_eq!(rows.len(), expected, "{filter:?}");
    }
    let all = store.list_audit(&AuditFilter::default(), 100).await;
    let mut paged: Vec<AuditRow> = Vec::new();
    loop {
        let filter = AuditFilter {
            before: paged.last().map(|row| row.id),
            ..AuditFilter::default()
        };
        let page = store.list_audit(&filter, 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all.unwrap());
}

type Build = Box<dyn Fn(&mut AuditFilter) + Send>;

/// How many of the rows above pass which filter.
fn filters(middle: Timestamp) -> Vec<(usize, Build)> {
    let some = |text: &str| Some(text.to_owned());
    vec![
        (7, Box::new(|_| ())),
        (6, Box::new(move |f| f.actor = some("boss"))),
        (0, Box::new(move |f| f.actor = some("nobody"))),
        (5, Box::new(move |f| f.action = some("key.create"))),
        (1, Box::new(move |f| f.target = some("key:k3"))),
        (1, Box::new(move |f| f.result = some("refused"))),
        (6, Box::new(move |f| f.from = Some(middle))),
        (6, Box::new(move |f| f.to = Some(middle))),
        (
            5,
            Box::new(move |f| (f.from, f.to) = (Some(middle), Some(middle))),
        ),
        (
            0,
            Box::new(move |f| (f.actor, f.action) = (some("boss"), some("user.create"))),
        ),
    ]
}
