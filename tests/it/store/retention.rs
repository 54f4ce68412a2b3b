//! What is too old goes, and nothing else; of many daemons one does the work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linux_api_daemon::tasks::janitor::{Retention, sweep};
use linux_api_store::Store;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::retention::BATCH;
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::{ManualClock, Timestamp};

use crate::store::database::Database;

on_both_engines! {
    each_resolution_is_kept_for_its_time,
    more_than_one_batch_is_deleted,
    samples_go_in_batches_that_hold_nobody_up,
    one_daemon_sweeps_and_another_takes_over,
    a_database_that_is_too_large_loses_its_oldest_day,
    samples_without_requests_make_room_too,
    days_stay_whole_when_hours_are_kept_for_less,
    what_fails_is_named_and_keeps_nothing_else_from_being_done,
    what_a_wrong_clock_wrote_is_deleted_and_nothing_else,
}

const DAY: Duration = Duration::from_hours(24);
const RETENTION: Retention = Retention {
    minutes: Duration::from_hours(24 * 30),
    hours: Duration::from_hours(24 * 400),
    days: Duration::from_hours(24 * 3_650),
    audit: Duration::from_hours(24 * 730),
    max_bytes: None,
};

/// No database has room in this.
const TOO_SMALL: Retention = Retention {
    max_bytes: Some(1),
    ..RETENTION
};

/// Waits until the database says that it holds something: PostgreSQL reports its own counts a
/// moment after they changed.
async fn until_large(store: &Store) {
    let start = Instant::now();
    while store.used_bytes().await.unwrap() < 10_000 {
        assert!(start.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn host() -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: "h1".into(),
            name: "one".to_owned(),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: "a1".into(),
        facts: None,
        sample: None,
    }
}

/// A request at this time, as the flusher writes it: its minute, its hour and its day.
fn buckets(time: Timestamp) -> Vec<RequestBucket> {
    let mut stats = RequestStats::default();
    stats.add(200, Duration::from_millis(1));
    let bucket = |resolution: Resolution| RequestBucket {
        resolution,
        time: resolution.start_of(time),
        host_id: "h1".into(),
        instance_id: "a1".into(),
        key: RequestKey {
            route: Arc::from("/a"),
            method: RequestMethod::Get,
        },
        stats: stats.clone(),
    };
    Resolution::ALL.map(bucket).to_vec()
}

fn sample(time: Timestamp) -> HostSample {
    HostSample {
        name: "load.one".to_owned(),
        labels: String::new(),
        time: Resolution::Minute.start_of(time),
        samples: 1,
        mean: 1.0,
        max: 1.0,
    }
}

async fn write(store: &Store, times: impl IntoIterator<Item = Timestamp>) {
    let times: Vec<Timestamp> = times.into_iter().collect();
    // Many minutes share an hour and a day.
    let all = times.iter().flat_map(|time| buckets(*time));
    let all: BTreeMap<_, _> = all.map(|one| ((one.resolution, one.time), one)).collect();
    let buckets: Vec<RequestBucket> = all.into_values().collect();
    let samples: Vec<HostSample> = times.iter().copied().map(sample).collect();
    let host = host();
    let batch = Batch {
        host: &host,
        buckets: &buckets,
        samples: &samples,
    };
    store.flush(batch).await.unwrap();
}

/// Rows of each table of each resolution.
async fn rows(database: &Database) -> Vec<[i64; 3]> {
    let mut direct = database.direct().await;
    let mut rows = Vec::new();
    for suffix in ["", "_hourly", "_daily"] {
        let mut counts = [0; 3];
        for (count, table) in
            counts
                .iter_mut()
                .zip(["request_stats", "request_status", "host_samples"])
        {
            *count = direct
                .number(&format!("select count(*) from {table}{suffix}"))
                .await;
        }
        rows.push(counts);
    }
    rows
}

fn ago(clock: &ManualClock, days: u32) -> Timestamp {
    clock.clock().now().saturating_sub(DAY * days)
}

/// As the daemon that holds the lease does it first.
async fn pack(store: &Store) {
    while store.pack_left_minutes().await.unwrap() > 0 {}
}

async fn each_resolution_is_kept_for_its_time(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let times = [1, 29, 31, 399, 401, 3_649, 3_651].map(|days| ago(&clock, days));
    write(&store, times).await;
    pack(&store).await;
    assert_eq!(rows(&database).await, [[7; 3]; 3]);
    let deleted = sweep(&store, &RETENTION, "a1").await.unwrap();
    assert_eq!(rows(&database).await, [[2; 3], [4; 3], [6; 3]]);
    assert_eq!(deleted, Some(3 * (5 + 3 + 1)));
    assert_eq!(sweep(&store, &RETENTION, "a1").await.unwrap(), Some(0));
    assert_eq!(store.list_hosts(None, 10).await.unwrap().len(), 1);

    // A host that was not seen for all this time is forgotten with its series.
    clock.advance(DAY * 3_700);
    sweep(&store, &RETENTION, "a1").await.unwrap();
    assert_eq!(rows(&database).await, [[0; 3]; 3]);
    assert!(store.list_hosts(None, 10).await.unwrap().is_empty());
    let mut direct = database.direct().await;
    assert_eq!(direct.number("select count(*) from host_series").await, 0);
}

async fn more_than_one_batch_is_deleted(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let old = ago(&clock, 40);
    let minutes = (0..6_001).map(|minute| old.saturating_add(Duration::from_mins(minute)));
    write(&store, minutes).await;
    write(&store, [ago(&clock, 1)]).await;
    sweep(&store, &RETENTION, "a1").await.unwrap();
    assert_eq!(rows(&database).await[0], [1; 3]);
}

/// Samples are sorted by their series, so each has a part in a batch.
async fn samples_go_in_batches_that_hold_nobody_up(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let (host, old) = (host(), ago(&clock, 40));
    let minutes = (0..3_500).map(|minute| old.saturating_add(Duration::from_mins(minute)));
    let times: Vec<Timestamp> = minutes.chain([ago(&clock, 1)]).collect();
    for name in ["load.one", "load.five", "load.fifteen"] {
        let samples = times.iter().map(|time| HostSample {
            name: name.to_owned(),
            ..sample(*time)
        });
        let samples: Vec<HostSample> = samples.collect();
        let batch = Batch {
            host: &host,
            buckets: &[],
            samples: &samples,
        };
        store.flush(batch).await.unwrap();
    }
    pack(&store).await;
    // Rows of an earlier program are as many as minutes.
    let old = "insert into host_samples_old (series_id, time, samples, mean, max)
        select series_id, time, samples, mean, max from host_samples where samples = 1";
    database.direct().await.execute(old).await.unwrap();
    let (cutoff, mut deleted) = (ago(&clock, 30), Vec::new());
    while deleted.last() != Some(&0) {
        let batch = store.delete_old_samples(Resolution::Minute, cutoff).await;
        deleted.push(batch.unwrap());
    }
    assert!(deleted.len() > 2, "{deleted:?}");
    let most = u64::try_from(BATCH).unwrap() + 1_000 + 3;
    assert!(deleted.iter().all(|batch| *batch <= most), "{deleted:?}");
    // An hour of each series is a row: fifty-eight of them and a begun one.
    assert_eq!(deleted.iter().sum::<u64>(), 3 * 3_500 + 3 * 59);
    assert_eq!(rows(&database).await[0], [0, 0, 3]);
}

async fn one_daemon_sweeps_and_another_takes_over(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    write(&store, [ago(&clock, 40)]).await;
    assert!(sweep(&store, &RETENTION, "a1").await.unwrap().is_some());
    write(&store, [ago(&clock, 40)]).await;
    assert_eq!(sweep(&store, &RETENTION, "b2").await.unwrap(), None);
    assert_eq!(rows(&database).await[0], [1; 3]);
    clock.advance(Duration::from_hours(1));
    assert!(sweep(&store, &RETENTION, "b2").await.unwrap().is_some());
    assert_eq!(sweep(&store, &RETENTION, "a1").await.unwrap(), None);
    assert_eq!(rows(&database).await[0], [0; 3]);
}

async fn what_fails_is_named_and_keeps_nothing_else_from_being_done(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    write(&store, [ago(&clock, 40)]).await;
    let mut direct = database.direct().await;
    direct.execute("drop table audit_log").await.unwrap();
    let failed = sweep(&store, &RETENTION, "a1").await.unwrap_err();
    assert_eq!(failed.what, "delete rows of the audit log that are too old");
    assert_eq!(rows(&database).await[0], [0; 3]);
}

async fn a_database_that_is_too_large_loses_its_oldest_day(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    for days in [1, 2, 3, 4] {
        let noon = ago(&clock, days).saturating_add(Duration::from_hours(1));
        let minutes = (0..500).map(|minute| noon.saturating_add(Duration::from_mins(minute)));
        write(&store, minutes).await;
    }
    assert_eq!(rows(&database).await[0], [2_000; 3]);
    let roomy = Retention {
        max_bytes: Some(1 << 30),
        ..RETENTION
    };
    sweep(&store, &roomy, "a1").await.unwrap();
    assert_eq!(rows(&database).await[0], [2_000; 3]);
    until_large(&store).await;
    for left in [1_500, 1_000, 500, 500] {
        sweep(&store, &TOO_SMALL, "a1").await.unwrap();
        assert_eq!(rows(&database).await[0], [left; 3], "the last day stays");
    }
    assert_eq!(rows(&database).await[1], [36; 3], "hours stay");
}

async fn samples_without_requests_make_room_too(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let host = host();
    for days in [1, 2, 3] {
        let noon = ago(&clock, days).saturating_add(Duration::from_hours(1));
        let minutes = (0..500).map(|minute| noon.saturating_add(Duration::from_mins(minute)));
        let samples: Vec<HostSample> = minutes.map(sample).collect();
        let batch = Batch {
            host: &host,
            buckets: &[],
            samples: &samples,
        };
        store.flush(batch).await.unwrap();
    }
    until_large(&store).await;
    for left in [1_000, 500, 500] {
        sweep(&store, &TOO_SMALL, "a1").await.unwrap();
        assert_eq!(rows(&database).await[0], [0, 0, left]);
    }
}

/// Hours and days are made again with each minute, from what is there.
async fn days_stay_whole_when_hours_are_kept_for_less(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let short = Retention {
        minutes: Duration::from_mins(30),
        hours: Duration::from_hours(2),
        ..RETENTION
    };
    // One minute per hour from midnight on, with a sweep after each.
    let today = Resolution::Day.start_of(clock.clock().now());
    let tomorrow = today.saturating_add(DAY);
    clock.advance(tomorrow.since(clock.clock().now()));
    for hour in 0..25 {
        write(
            &store,
            [tomorrow.saturating_add(Duration::from_hours(hour))],
        )
        .await;
        sweep(&store, &short, "a1").await.unwrap();
        clock.advance(Duration::from_hours(1));
    }
    clock.advance(Duration::from_hours(4));
    sweep(&store, &short, "a1").await.unwrap();
    let mut direct = database.direct().await;
    let sum = "select cast(sum(samples) as bigint) from host_samples_daily";
    assert_eq!(direct.number(sum).await, 25);
    // A minute that comes late, when the hours of its day are gone, takes nothing away.
    write(&store, [tomorrow.saturating_add(Duration::from_mins(5))]).await;
    pack(&store).await;
    assert_eq!(direct.number(sum).await, 25);
    sweep(&store, &short, "a1").await.unwrap();
    let hours = "select count(*) from host_samples_hourly";
    assert_eq!(direct.number(hours).await, 1, "of the day that goes on");
}

async fn what_a_wrong_clock_wrote_is_deleted_and_nothing_else(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let now = Resolution::Day.start_of(clock.clock().now());
    write(&store, [ago(&clock, 2), now]).await;
    assert!(store.count_after(now).await.unwrap().is_empty());
    let future = now.saturating_add(DAY * 400);
    let minutes = (0..6_001).map(|minute| future.saturating_add(Duration::from_mins(minute)));
    write(&store, minutes).await;
    let open = store.count_after(now).await.unwrap();
    let open = open.iter().find(|one| one.table == "host_minutes");
    assert_eq!(open.map(|one| one.rows), Some(6_001));
    // Hours of that future of which most were packed by it, and rows of an earlier program.
    let (ahead, its_clock) = database.store_with_clock().await;
    its_clock.advance(DAY * 402);
    pack(&ahead).await;
    let old = "insert into host_samples_old (series_id, time, samples, mean, max)
        select series_id, time, samples, mean, max from host_samples";
    database.direct().await.execute(old).await.unwrap();
    assert_eq!(rows(&database).await[0], [6_003; 3]);
    let counted = store.count_after(now).await.unwrap();
    let minutes = counted.iter().filter(|one| one.rows == 6_001).count();
    assert_eq!((counted.len(), minutes), (11, 3), "{counted:?}");

    let mut batches = Vec::new();
    loop {
        match store.delete_after(now).await.unwrap() {
            0 => break,
            deleted => batches.push(deleted),
        }
    }
    // Rows of one time go together.
    let most = u64::try_from(BATCH).unwrap() + 1;
    assert!(
        batches.len() > 1 && batches.iter().all(|one| *one <= 11 * most),
        "{batches:?}"
    );
    let all: u64 = counted.iter().map(|one| one.rows).sum();
    assert_eq!(batches.iter().sum::<u64>(), all);
    // What begins at the time itself stays.
    assert_eq!(rows(&database).await, [[2; 3]; 3]);
    assert_eq!(store.delete_after(now).await.unwrap(), 0);
}
