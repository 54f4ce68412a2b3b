//! PostgreSQL behind a Pgpool-II that caches results: what decides about access is never old.

use std::time::Duration;

use linux_api_store::audit::AuditFilter;
use linux_api_store::{Options, Store};
use linux_api_wire::audit::Actor;
use linux_api_wire::user::Role;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::store::{Clock, Database, add_user, new_key, new_user};

/// A database through the caching pooler, and the store that reaches it so; nothing where there is no
/// Pgpool-II.
async fn cached() -> Option<(Database, Store)> {
    let database = Database::postgres();
    let pooler = crate::store::pgpool::pooled(&database.url)?;
    let database = Database {
        pooler: Some(pooler),
        ..database
    };
    let store = database.store().await;
    Some((database, store))
}

/// One that goes past the pooler, as a command on another host does.
async fn past(database: &Database) -> Store {
    let mut options = Options::new(database.url.as_str());
    options.deadline = Duration::from_secs(30);
    Store::open(options, Clock::system()).await.unwrap()
}

async fn value(connection: &mut PgConnection, mark: &str) -> String {
    let sql = format!("{mark}select value from linux_api.settings where name = 'auth_revision'");
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
    query.fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_is_on_and_the_mark_goes_past_it() {
    let Some((database, store)) = cached().await else {
        return;
    };
    let options: sqlx::postgres::PgConnectOptions =
        database.pooler.as_ref().unwrap().parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let mark = "/*NO QUERY CACHE*/ ";
    assert_eq!(value(&mut connection, "").await, "0");
    add_user(&past(&database).await, "boss", Role::Admin).await;
    assert_eq!(value(&mut connection, "").await, "0", "the cache is off");
    assert_eq!(value(&mut connection, mark).await, "1");
    connection.close().await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_past_the_cache_is_seen_at_once() {
    let Some((database, store)) = cached().await else {
        return;
    };
    let past = past(&database).await;
    let me = Actor::system();
    let boss = add_user(&past, "boss", Role::Admin).await;
    let key = new_key("one");
    past.create_key(&me, boss.id, &key).await.unwrap();
    let other = add_user(&past, "other", Role::Admin).await;
    // Each read twice, so that whatever can be cached is.
    for _ in 0..2 {
        assert_eq!(store.refresh_auth_revision().await.unwrap(), 3);
        assert!(store.find_key(&key.id).await.unwrap().is_some());
        assert!(store.find_user(other.id).await.unwrap().unwrap().active);
        assert_eq!(store.list_keys(boss.id, None, 10).await.unwrap().len(), 2);
        assert_eq!(store.count_users().await.unwrap(), 2);
    }
    past.revoke_key(&me, boss.id, &key.id).await.unwrap();
    past.set_active(&me, other.id, false).await.unwrap();
    let late = add_user(&past, "late", Role::Viewer).await;

    assert_eq!(store.refresh_auth_revision().await.unwrap(), 6);
    let revoked = store.find_key(&key.id).await.unwrap().unwrap();
    assert!(revoked.key.revoked_at.is_some());
    assert!(!store.find_user(other.id).await.unwrap().unwrap().active);
    let found = store.find_user_by_name("other").await.unwrap();
    assert!(!found.unwrap().active);
    let keys = store.list_keys(boss.id, None, 10).await.unwrap();
    assert!(keys.iter().any(|key| key.revoked_at.is_some()));
    assert_eq!(store.count_users().await.unwrap(), 3);
    let rows = store.list_audit(&AuditFilter::default(), 1).await;
    assert_eq!(rows.unwrap()[0].target, "user:late");

    past.delete_user(&me, late.id).await.unwrap();
    assert!(store.find_user(late.id).await.unwrap().is_none());
    // Rules are checked against what is, not against what was.
    past.set_active(&me, other.id, true).await.unwrap();
    let user = new_user("late", Role::Viewer);
    store
        .create_user(&me, &user, &new_key("two"))
        .await
        .unwrap();
}
