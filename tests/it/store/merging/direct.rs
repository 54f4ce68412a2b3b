//! What changes the tables of merged statistics past the store. Not behind Pgpool-II, whose query cache
//! knows only what is written through it.

use super::*;

on_both_engines! {
    a_late_bucket_is_read_from_its_rows_until_it_is_merged_again,
    few_hosts_are_not_merged,
    emptied_tables_are_rebuilt,
}

async fn a_late_bucket_is_read_from_its_rows_until_it_is_merged_again(database: Database) {
    let (store, clock) = start(&database).await;
    let mut direct = database.direct().await;
    fill(&store, 3, 5).await;
    assert_eq!(store.unmerged_buckets(START, 0).await.unwrap(), []);
    // The open minute is no one's; the hour before and the day before are over.
    assert_eq!(merge_all(&store).await, 4 + 1);
    clock.advance(MINUTE + SETTLED_AFTER);
    let open = store.unmerged_buckets(store.clock().now(), 10).await;
    let open = open.unwrap();
    let last = BucketTime {
        resolution: Resolution::Minute,
        time: START,
    };
    assert_eq!(open, [last]);
    assert_eq!(merge_all(&store).await, 1);
    assert_eq!(merge_all(&store).await, 0);
    expect_exact(&store).await;

    spoil(&mut direct).await;
    let filter = all(Resolution::Minute);
    let wrong = requests(&lists(&store, &filter).await);
    assert_eq!(wrong.len(), 5);
    assert!(
        wrong.iter().all(|requests| *requests > 1_000_000),
        "{wrong:?}"
    );
    // What comes late is there at once, and nothing is twice.
    let late = START.saturating_sub(MINUTE * 2);
    let at = (Resolution::Minute, late);
    let key = (RequestMethod::Get, "/a");
    write(&store, &host(7), &[bucket(&host(7), at, key, &[1, 2])]).await;
    let found = requests(&lists(&store, &filter).await);
    let truth = requests(&lists(&store, &of_rows(&filter)).await);
    assert_eq!(found[2], truth[2]);
    assert_eq!(found.iter().filter(|one| **one > 1_000_000).count(), 4);
    let again = store.unmerged_buckets(store.clock().now(), 10).await;
    let time = Resolution::Minute.start_of(late);
    assert_eq!(again.unwrap(), [BucketTime { time, ..last }]);
    assert_eq!(merge_all(&store).await, 1);
    assert_eq!(requests(&lists(&store, &filter).await), found);
}

async fn few_hosts_are_not_merged(database: Database) {
    let (store, _clock) = start(&database).await;
    let fleet = usize::try_from(HOSTS_MIN).unwrap();
    fill(&store, fleet - 1, 5).await;
    assert_eq!(round(&store, "a", false, LONG).await.unwrap(), None);
    let mut direct = database.direct().await;
    assert_eq!(merged(&mut direct).await, 0);
    assert_eq!(direct.number("select count(*) from leases").await, 0);
    fill(&store, fleet, 5).await;
    let done = round(&store, "a", false, LONG).await.unwrap();
    assert_eq!(done.map(|one| one.merged), Some(5));
    expect_exact(&store).await;
    // A fleet that shrinks is no fleet any more, and what is merged stays true.
    direct
        .execute("delete from hosts where id = 'h1'")
        .await
        .unwrap();
    assert_eq!(round(&store, "a", true, LONG).await.unwrap(), None);
    assert_eq!(direct.number("select count(*) from leases").await, 0);
    expect_exact(&store).await;
}

async fn emptied_tables_are_rebuilt(database: Database) {
    let (store, _clock) = start(&database).await;
    fill(&store, 3, 5).await;
    let count = merge_all(&store).await;
    let mut direct = database.direct().await;
    for tables in [
        &["fleet_stats"][..],
        &["fleet_status"],
        &["fleet_stats", "fleet_status"],
        &["fleet_buckets"],
    ] {
        for table in tables {
            direct
                .execute(&format!("delete from {table}"))
                .await
                .unwrap();
        }
        // At once, without anyone who repairs them.
        expect_exact(&store).await;
        assert!(merge_all(&store).await >= count - 1, "{tables:?}");
        expect_exact(&store).await;
    }
    // Some rows are missed by those who begin to merge.
    let some = "delete from fleet_stats where route = '/a'";
    direct.execute(some).await.unwrap();
    assert_eq!(store.check_merged().await.unwrap(), 4);
    expect_exact(&store).await;
    assert_eq!(merge_all(&store).await, 4);
    assert_eq!(store.check_merged().await.unwrap(), 0);
}
