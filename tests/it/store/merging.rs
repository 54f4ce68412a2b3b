//! Lists that are read from merged rows are exactly those of all rows, whatever happens meanwhile.

mod direct;
mod random;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use linux_api_daemon::tasks::merger::{MergeRound, round};
use linux_api_store::backup::{self, BackupOrder, BackupScope, Reason, RestoreOrder};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::merge::{BucketTime, HOSTS_MIN, MergeOutcome, SETTLED_AFTER};
use linux_api_store::request_queries::{Span, StatsFilter, StatusRow, TotalRow};
use linux_api_store::request_routes::RouteRow;
use linux_api_store::{Engine, Store};
use linux_api_wire::audit::Actor;
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::progress::NoProgress;
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::{ManualClock, Timestamp};

use crate::store::Direct;
use crate::store::database::{Database, no_backup};

on_every_engine! {
    a_bucket_that_someone_writes_to_is_left_for_later,
    two_that_merge_at_once_and_writers_leave_nothing_wrong,
    a_holder_that_is_killed_changes_nothing,
    one_daemon_merges_and_another_takes_over,
    a_holder_whose_clock_is_ahead_does_no_harm,
    old_merged_rows_go_in_bounded_batches,
    a_backup_brings_the_merged_rows_along,
    without_the_migration_older_programs_are_welcome,
}

/// The beginning of an hour.
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const MINUTE: Duration = Duration::from_mins(1);
const NEWEST: Span = Span {
    limit: 1_000,
    offset: 0,
    newest_first: true,
};
const LONG: Duration = Duration::from_mins(1);

/// A store whose clock shows when the minute before [`START`] is over for good.
async fn start(database: &Database) -> (Store, ManualClock) {
    let (store, clock) = database.store_with_clock().await;
    clock.advance(SETTLED_AFTER);
    (store, clock)
}

fn host(number: usize) -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: format!("h{number}").into(),
            name: format!("name of h{number}"),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: format!("{number:032x}").into(),
        facts: None,
        sample: None,
    }
}

/// A bucket whose requests took so many 512ths of a second: their sums are exact in any order.
fn bucket(
    host: &HostReport,
    (resolution, time): (Resolution, Timestamp),
    (method, route): (RequestMethod, &str),
    parts: &[u32],
) -> RequestBucket {
    let mut stats = RequestStats::default();
    for part in parts {
        let code = if part.is_multiple_of(5) { 503 } else { 200 };
        stats.add(code, Duration::from_nanos(1_953_125) * *part);
    }
    RequestBucket {
        resolution,
        time: resolution.start_of(time),
        host_id: host.identity.id.clone(),
        instance_id: host.instance_id.clone(),
        key: RequestKey {
            route: route.into(),
            method,
        },
        stats,
    }
}

async fn write(store: &Store, host: &HostReport, buckets: &[RequestBucket]) {
    let batch = Batch {
        host,
        buckets,
        samples: &[],
    };
    store.flush(batch).await.unwrap();
}

/// Some requests of some hosts in each of the last minutes, and in the hours and days of these.
async fn fill(store: &Store, hosts: usize, minutes: u32) {
    let now = store.clock().now();
    for number in 0..hosts {
        let host = host(number);
        let mut buckets = BTreeMap::new();
        for minute in 0..minutes {
            let time = now.saturating_sub(MINUTE * minute);
            for resolution in Resolution::ALL {
                for route in ["/a", "/b"] {
                    let parts: Vec<u32> = (1..=3 + u32::try_from(number).unwrap()).collect();
                    let at = (resolution, time);
                    let one = bucket(&host, at, (RequestMethod::Get, route), &parts);
                    buckets.insert((resolution, one.time, route), one);
                }
            }
        }
        let buckets: Vec<RequestBucket> = buckets.into_values().collect();
        write(store, &host, &buckets).await;
    }
}

/// All that a list can show of a resolution.
#[derive(Debug, PartialEq)]
struct Lists {
    totals: Vec<TotalRow>,
    statuses: Vec<StatusRow>,
    routes: Vec<RouteRow>,
}

async fn lists(store: &Store, filter: &StatsFilter) -> Lists {
    Lists {
        totals: store.list_totals(filter, NEWEST).await.unwrap(),
        statuses: store
            .list_status_counts(filter, None, NEWEST)
            .await
            .unwrap(),
        routes: store.list_route_stats(filter, None, 1_000).await.unwrap(),
    }
}

fn all(resolution: Resolution) -> StatsFilter {
    StatsFilter {
        resolution,
        from: Timestamp::from_millis(0),
        to: START.saturating_add(Duration::from_hours(24 * 800)),
        route: None,
        hosts: None,
        by_method: true,
        split: None,
    }
}

/// The same list from the rows of all hosts: merged rows know nothing of hosts.
fn of_rows(filter: &StatsFilter) -> StatsFilter {
    StatsFilter {
        hosts: Some((0..30).map(|number| format!("h{number}")).collect()),
        ..filter.clone()
    }
}

/// Everything that is merged is what the rows say.
async fn expect_exact(store: &Store) {
    for resolution in Resolution::ALL {
        let filter = all(resolution);
        let (found, expected) = (
            lists(store, &filter).await,
            lists(store, &of_rows(&filter)).await,
        );
        assert!(!expected.totals.is_empty());
        assert_eq!(found, expected, "{resolution:?}");
    }
}

async fn merge_all(store: &Store) -> usize {
    let buckets = store
        .unmerged_buckets(store.clock().now(), 10_000)
        .await
        .unwrap();
    for bucket in &buckets {
        let done = store.merge_bucket(*bucket).await.unwrap();
        assert!(matches!(done, MergeOutcome::Merged(_)), "{done:?}");
    }
    buckets.len()
}

async fn merged(direct: &mut Direct) -> i64 {
    direct.number("select count(*) from fleet_buckets").await
}

/// Makes each merged row wrong, so that lists show whether they are read.
async fn spoil(direct: &mut Direct) {
    for suffix in ["", "_hourly", "_daily"] {
        let sql = format!("update fleet_stats{suffix} set requests = requests + 1000000");
        direct.execute(&sql).await.unwrap();
    }
}

fn requests(lists: &Lists) -> Vec<i64> {
    lists.totals.iter().map(|row| row.requests).collect()
}

/// A transaction that was stopped between its rows and its commit may commit much later.
async fn a_bucket_that_someone_writes_to_is_left_for_later(database: Database) {
    if database.engine == Engine::Sqlite {
        // There only one can write.
        return;
    }
    let (store, _clock) = start(&database).await;
    fill(&store, 3, 5).await;
    let mut direct = database.direct().await;
    for stalled in [1, 40] {
        // The flush stops after it has looked whether its buckets are merged.
        let stop = "begin; lock table request_stats in share mode";
        direct.execute(stop).await.unwrap();
        let times = (1..=stalled).map(|minute| START.saturating_sub(MINUTE * minute));
        let (late, key) = (host(9), (RequestMethod::Put, "/a"));
        let buckets: Vec<RequestBucket> = times
            .map(|time| bucket(&late, (Resolution::Minute, time), key, &[1; 5]))
            .collect();
        let flush = tokio::spawn({
            let store = store.clone();
            async move { write(&store, &late, &buckets).await }
        });
        let waits = "
            select count(*) from pg_locks where not granted and relation = 'request_stats'::regclass
                and database = (select oid from pg_database where datname = current_database())";
        while direct.number(waits).await == 0 {
            tokio::task::yield_now().await;
        }
        let before = BucketTime {
            resolution: Resolution::Minute,
            time: START.saturating_sub(MINUTE),
        };
        let outcome = store.merge_bucket(before).await.unwrap();
        assert_eq!(outcome, MergeOutcome::Busy);
        let other = BucketTime {
            time: START.saturating_sub(MINUTE * 3),
            ..before
        };
        let outcome = store.merge_bucket(other).await.unwrap();
        if stalled == 1 {
            assert_eq!(
                outcome,
                MergeOutcome::Merged(6),
                "no one writes to this one"
            );
        } else {
            assert_eq!(outcome, MergeOutcome::Busy);
        }
        direct.execute("rollback").await.unwrap();
        flush.await.unwrap();
        merge_all(&store).await;
        expect_exact(&store).await;
    }
}

async fn two_that_merge_at_once_and_writers_leave_nothing_wrong(database: Database) {
    let (store, clock) = start(&database).await;
    fill(&store, 4, 10).await;
    clock.advance(Duration::from_mins(5));
    for turn in 1..=4_u32 {
        let mergers = (0..2).map(|_| async {
            let now = store.clock().now();
            for bucket in store.unmerged_buckets(now, 100).await.unwrap() {
                store.merge_bucket(bucket).await.unwrap();
            }
        });
        let writers = (0..6).map(|number| {
            let store = store.clone();
            async move {
                let (host, parts) = (host(number), vec![turn; 10 * turn as usize]);
                for minute in 0..10 {
                    let time = START.saturating_sub(MINUTE * minute);
                    let buckets = Resolution::ALL
                        .map(|one| bucket(&host, (one, time), (RequestMethod::Get, "/a"), &parts));
                    write(&store, &host, &buckets).await;
                }
            }
        });
        tokio::join!(join_all(mergers), join_all(writers));
        expect_exact(&store).await;
        merge_all(&store).await;
        expect_exact(&store).await;
    }
}

/// Polls a future so often and then drops it where it is.
async fn killed_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let (mut future, mut polled) = (Box::pin(future), 0);
    std::future::poll_fn(move |context| {
        if polled == polls {
            return std::task::Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Merges a bucket of six rows by a holder that is killed ever later, and returns how often it was.
async fn merge_despite_kills(store: &Store, direct: &mut Direct, bucket: BucketTime) -> usize {
    let before = merged(direct).await;
    let (mut kills, mut polls) = (0, 0);
    loop {
        // Each statement at first, then some.
        polls += 1 + kills / 10;
        match killed_after(polls, store.merge_bucket(bucket)).await {
            None => kills += 1,
            // The server has not yet noticed that the one before is gone.
            Some(Ok(MergeOutcome::Busy)) => continue,
            Some(done) => {
                assert_eq!(done.unwrap(), MergeOutcome::Merged(6));
                return kills;
            }
        }
        // A commit that was under way may have succeeded.
        if merged(direct).await > before {
            return kills;
        }
        expect_exact(store).await;
    }
}

async fn a_holder_that_is_killed_changes_nothing(database: Database) {
    let (store, _clock) = start(&database).await;
    fill(&store, 3, 7).await;
    let mut direct = database.direct().await;
    let mut kills = 0;
    // One bucket may need few polls: how often a statement is waited for depends on how fast it responds.
    for minutes in 1..=5 {
        let bucket = BucketTime {
            resolution: Resolution::Minute,
            time: START.saturating_sub(MINUTE * minutes),
        };
        kills += merge_despite_kills(&store, &mut direct, bucket).await;
    }
    assert!(kills > 3, "{kills}");
    expect_exact(&store).await;
    merge_all(&store).await;
    expect_exact(&store).await;
}

async fn one_daemon_merges_and_another_takes_over(database: Database) {
    let (store, clock) = start(&database).await;
    fill(&store, 10, 5).await;
    let first = round(&store, "a", false, LONG).await.unwrap();
    let all = MergeRound {
        merged: 5,
        is_more: false,
    };
    assert_eq!(first, Some(all));
    assert_eq!(round(&store, "b", false, LONG).await.unwrap(), None);
    // The first dies.
    clock.advance(Duration::from_mins(4));
    let second = round(&store, "b", false, LONG).await.unwrap();
    // Minutes without requests too.
    assert_eq!(second.map(|one| one.merged), Some(4));
    assert_eq!(round(&store, "a", true, LONG).await.unwrap(), None);
    expect_exact(&store).await;
    // One that has no time leaves the rest to the next.
    clock.advance(Duration::from_hours(2));
    let none = round(&store, "b", true, Duration::ZERO).await.unwrap();
    assert_eq!(none.map(|one| (one.merged, one.is_more)), Some((0, true)));
    let rest = round(&store, "b", true, LONG).await.unwrap();
    assert_eq!(rest.map(|one| one.is_more), Some(false));
    expect_exact(&store).await;
}

async fn a_holder_whose_clock_is_ahead_does_no_harm(database: Database) {
    let (store, _clock) = start(&database).await;
    let (ahead, clock) = start(&database).await;
    fill(&store, 10, 5).await;
    clock.advance(Duration::from_hours(2));
    let done = round(&ahead, "ahead", false, LONG).await.unwrap();
    assert!(done.is_some_and(|one| one.merged > 5), "{done:?}");
    expect_exact(&store).await;
    // Others go on in what it took for the past.
    let (minute, key) = ((Resolution::Minute, START), (RequestMethod::Get, "/a"));
    write(&store, &host(3), &[bucket(&host(3), minute, key, &[1; 50])]).await;
    expect_exact(&store).await;
    assert!(round(&store, "right", false, LONG).await.unwrap().is_some());
    expect_exact(&store).await;
}

async fn old_merged_rows_go_in_bounded_batches(database: Database) {
    let (store, clock) = start(&database).await;
    fill(&store, 2, 700).await;
    merge_all(&store).await;
    let mut direct = database.direct().await;
    assert_eq!(
        direct.number("select count(*) from fleet_stats").await,
        2 * 699
    );
    clock.advance(Duration::from_hours(48));
    // First they are no longer listed; those that lists may still be about to read go a while later.
    for (minutes, pause) in [(689, Duration::from_mins(20)), (10, Duration::ZERO)] {
        let mut batches = Vec::new();
        while batches.last() != Some(&0) {
            batches.push(store.trim_merged(store.clock().now()).await.unwrap());
            expect_exact(&store).await;
        }
        assert!(
            batches.iter().all(|batch| *batch <= 2 * 1_002),
            "{batches:?}"
        );
        assert_eq!(batches.iter().sum::<u64>(), 2 * 2 * minutes, "{batches:?}");
        let listed = "select count(*) from fleet_buckets where seconds = 60";
        assert_eq!(direct.number(listed).await, 0);
        clock.advance(pause);
    }
    assert_eq!(direct.number("select count(*) from fleet_stats").await, 0);
    assert!(merged(&mut direct).await > 10, "hours stay");
}

async fn a_backup_brings_the_merged_rows_along(database: Database) {
    let (store, clock) = start(&database).await;
    fill(&store, 3, 5).await;
    merge_all(&store).await;
    let before = lists(&store, &all(Resolution::Minute)).await;
    let folder = tempfile::tempdir().unwrap();
    let order = BackupOrder {
        folder: folder.path(),
        scope: BackupScope::All,
        reason: Reason::Command,
        progress: &NoProgress,
    };
    let saved = backup::create(&store, order).await.unwrap();
    for target in [Database::sqlite(), Database::postgres()] {
        let actor = Actor::local(0, "system".to_owned());
        let order = RestoreOrder {
            backup: &saved.path,
            target: target.options(),
            copies: folder.path(),
            actor: &actor,
            clock: &clock.clock(),
            progress: &NoProgress,
        };
        backup::restore(order).await.unwrap();
        let (restored, _) = target.store_with_clock().await;
        let mut direct = target.direct().await;
        assert_eq!(merged(&mut direct).await, 5);
        assert_eq!(merge_all(&restored).await, 0);
        assert_eq!(lists(&restored, &all(Resolution::Minute)).await, before);
        expect_exact(&restored).await;
        spoil(&mut direct).await;
        let found = lists(&restored, &all(Resolution::Minute)).await;
        assert!(requests(&found)[1] > 1_000_000);
    }
}

async fn without_the_migration_older_programs_are_welcome(database: Database) {
    let (store, _clock) = start(&database).await;
    let mut direct = database.direct().await;
    let text = "select cast(value as integer) from settings where name = 'min_compatible'";
    let text = match database.engine {
        Engine::Sqlite => text.to_owned(),
        Engine::Postgres => text.replace("integer", "bigint"),
    };
    fill(&store, 3, 5).await;
    merge_all(&store).await;
    let filter = all(Resolution::Minute);
    let before = lists(&store, &filter).await;
    assert!(direct.number(&text).await >= 7);
    store.rollback(5, no_backup).await.unwrap();
    assert!(direct.number(&text).await < 7);
    store.migrate(no_backup).await.unwrap();
    assert!(direct.number(&text).await >= 7);
    assert_eq!(merged(&mut direct).await, 0);
    assert_eq!(lists(&store, &filter).await, before);
    assert_eq!(merge_all(&store).await, 5);
    expect_exact(&store).await;
}
