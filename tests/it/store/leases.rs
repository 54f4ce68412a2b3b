//! Work that one daemon of many does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::store::database::Database;
use crate::store::{add_user, until_something_waits};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::{Engine, Store, StoreError};
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::time::ManualClock;
use linux_api_wire::user::Role;

on_both_engines! {
    a_lease_has_one_holder_until_it_expires,
    a_lease_of_a_clock_that_was_ahead_is_taken,
    a_write_of_measurements_says_that_the_daemon_lives,
}

async fn a_lease_has_one_holder_until_it_expires(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let minute = Duration::from_mins(1);
    assert!(store.hold_lease("work", "a", minute).await.unwrap());
    assert!(!store.hold_lease("work", "b", minute).await.unwrap());
    assert!(store.hold_lease("other", "b", minute).await.unwrap());
    clock.advance(Duration::from_secs(30));
    assert!(store.hold_lease("work", "a", minute).await.unwrap());
    clock.advance(Duration::from_secs(31));
    assert!(!store.hold_lease("work", "b", minute).await.unwrap());
    clock.advance(Duration::from_secs(30));
    assert!(store.hold_lease("work", "b", minute).await.unwrap());
    store.release_lease("work", "a").await.unwrap();
    assert!(!store.hold_lease("work", "a", minute).await.unwrap());
    store.release_lease("work", "b").await.unwrap();
    assert!(store.hold_lease("work", "a", minute).await.unwrap());
}

async fn a_lease_of_a_clock_that_was_ahead_is_taken(database: Database) {
    let (store, _) = database.store_with_clock().await;
    let minute = Duration::from_mins(1);
    let (later, clock) = database.store_with_clock().await;
    clock.advance(Duration::from_hours(24 * 365));
    assert!(later.hold_lease("work", "ahead", minute).await.unwrap());
    assert!(store.hold_lease("work", "a", minute).await.unwrap());
    assert!(!store.hold_lease("work", "b", minute).await.unwrap());
}

/// Writes nothing but that the host is there.
async fn flush(store: &Store) {
    let host = HostReport {
        identity: HostIdentity {
            id: "h1".into(),
            name: "web-1".to_owned(),
            labels: BTreeMap::new(),
            version: "0".to_owned(),
        },
        instance_id: "start-1".into(),
        facts: None,
        sample: None,
    };
    let batch = Batch {
        host: &host,
        buckets: &[],
        samples: &[],
    };
    store.flush(batch).await.unwrap();
}

/// Whether another program is kept from replacing the database.
async fn is_kept(database: &Database, clock: &ManualClock) -> bool {
    match Store::open_alone(database.options(), clock.clock()).await {
        Ok(alone) => {
            alone.close().await;
            false
        }
        Err(StoreError::InUse(_)) => true,
        Err(error) => panic!("{error}"),
    }
}

async fn a_write_of_measurements_says_that_the_daemon_lives(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    // On SQLite the lock on the file says it.
    if database.engine == Engine::Sqlite {
        assert!(is_kept(&database, &clock).await);
        return;
    }
    flush(&store).await;
    assert!(
        !is_kept(&database, &clock).await,
        "a program that writes is no daemon unless it says so"
    );
    store.say_present("start-1", "web-1").await.unwrap();
    clock.advance(Duration::from_secs(20));
    flush(&store).await;
    clock.advance(Duration::from_secs(50));
    assert!(is_kept(&database, &clock).await, "70 s after it was said");
    clock.advance(Duration::from_secs(11));
    assert!(!is_kept(&database, &clock).await, "61 s after the write");
    // The first write fails, and the daemon says it alone.
    store.say_present("start-1", "web-1").await.unwrap();
    assert!(is_kept(&database, &clock).await);
    clock.advance(Duration::from_secs(20));
    flush(&store).await;
    store.say_gone("start-1", "web-1").await.unwrap();
    clock.advance(Duration::from_secs(20));
    flush(&store).await;
    assert!(
        !is_kept(&database, &clock).await,
        "a write that comes after the end says nothing of a daemon"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_waited_says_nothing_of_keys_that_changed_meanwhile() {
    let database = Database::postgres();
    let store = database.store().await;
    let (mut direct, mut watch) = (database.direct().await, database.direct().await);
    let lock = "begin; lock table hosts in exclusive mode";
    direct.execute(lock).await.unwrap();
    let measured = store.clone();
    let writes = tokio::spawn(async move { flush(&measured).await });
    // The write has read the revision of users and keys, and waits for its host's row.
    until_something_waits(&mut watch).await;
    let changed = Instant::now();
    let other = database.store().await;
    add_user(&other, "alice", Role::Viewer).await;
    direct.execute("rollback").await.unwrap();
    writes.await.unwrap();
    let since = changed.elapsed();
    let age = store.contact_age();
    assert!(age + Duration::from_millis(1) >= since, "{age:?} {since:?}");
}
