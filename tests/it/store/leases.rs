//! Work that one daemon of many does.

use std::time::Duration;

use crate::store::database::Database;

on_both_engines! {
    a_lease_has_one_holder_until_it_expires,
    a_lease_of_a_clock_that_was_ahead_is_taken,
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
