//! Random histories of a fleet: after each step, every list is that of all rows.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_store::Store;
use linux_api_store::imports::{ImportedFrom, ImportedStats, ImportedStatus};
use linux_api_store::merge::MergeOutcome;
use linux_api_store::request_queries::{Span, StatsFilter};
use linux_api_store::request_routes::RoutePosition;
use linux_api_wire::audit::Actor;
use linux_api_wire::request_stats::{RequestBucket, RequestMethod, Resolution};
use linux_api_wire::time::{ManualClock, Timestamp};

use super::{MINUTE, bucket, host, merged, of_rows, start, write};
use crate::store::Direct;
use crate::store::database::Database;

on_both_engines! {
    lists_are_exact_after_anything,
    lists_are_exact_after_anything_else,
}

const STEPS: usize = 70;
const HOSTS: u64 = 5;
const ROUTES: [&str; 3] = ["/a", "/b", "<unmatched>"];
const METHODS: [RequestMethod; 2] = [RequestMethod::Get, RequestMethod::Post];

/// Numbers that are the same for each run, and look as if they were not.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn small(&mut self, end: u32) -> u32 {
        u32::try_from(self.below(end.into())).unwrap()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    /// Buckets of each length near this time: dozens of minutes and hours, and a few days.
    fn bucket(&mut self, now: Timestamp) -> (Resolution, Timestamp) {
        let resolution = self.one(&Resolution::ALL);
        let back = match resolution {
            Resolution::Minute => MINUTE * self.small(90),
            Resolution::Hour => MINUTE * 60 * self.small(30),
            Resolution::Day => MINUTE * 1_440 * self.small(5),
        };
        (resolution, resolution.start_of(now.saturating_sub(back)))
    }
}

async fn lists_are_exact_after_anything(database: Database) {
    live(database, 1).await;
}

async fn lists_are_exact_after_anything_else(database: Database) {
    live(database, 2).await;
}

async fn live(database: Database, seed: u64) {
    let (store, clock) = start(&database).await;
    let mut direct = database.direct().await;
    let mut dice = Dice(seed);
    let mut steps = Vec::new();
    for _ in 0..STEPS {
        steps.push(step(&store, &clock, &mut direct, &mut dice).await);
        for _ in 0..3 {
            compare(&store, &mut dice, &steps).await;
        }
    }
    assert!(merged(&mut direct).await > 20, "{steps:?}");
}

async fn flush(store: &Store, dice: &mut Dice) {
    let number = usize::try_from(dice.below(HOSTS)).unwrap();
    let mut host = host(number);
    if dice.below(4) == 0 {
        // Another start of its daemon.
        host.instance_id = format!("{:032x}", 100 + number).into();
    }
    let now = store.clock().now();
    let mut buckets = BTreeMap::new();
    for _ in 0..=dice.below(12) {
        let (at, key) = (dice.bucket(now), (dice.one(&METHODS), dice.one(&ROUTES)));
        let parts: Vec<u32> = (0..=dice.below(20)).map(|_| 1 + dice.small(300)).collect();
        buckets.insert((at, key), bucket(&host, at, key, &parts));
    }
    let buckets: Vec<RequestBucket> = buckets.into_values().collect();
    write(store, &host, &buckets).await;
}

async fn merge_some(store: &Store, now: Timestamp, most: usize) {
    for bucket in store.unmerged_buckets(now, most).await.unwrap() {
        let outcome = store.merge_bucket(bucket).await.unwrap();
        assert!(matches!(outcome, MergeOutcome::Merged(_)), "{outcome:?}");
    }
}

async fn import(store: &Store, dice: &mut Dice) {
    let from = ImportedFrom {
        host_id: format!("h{}", 10 + dice.below(2)),
        instance_id: "python".to_owned(),
    };
    let (resolution, time) = dice.bucket(store.clock().now());
    let requests = 1 + dice.below(200);
    let figures = ImportedStats {
        resolution,
        time,
        route: dice.one(&ROUTES).to_owned(),
        requests,
        sum: 0.5,
        min: 0.125,
        max: 0.75,
        percentiles: [0.25, 0.5, 0.625],
    };
    let status = ImportedStatus {
        resolution,
        time,
        route: figures.route.clone(),
        status: 200,
        count: requests,
    };
    store.import_stats(&from, &[figures]).await.unwrap();
    store.import_statuses(&from, &[status]).await.unwrap();
}

/// Does something to the database, and returns what.
async fn step(
    store: &Store,
    clock: &ManualClock,
    direct: &mut Direct,
    dice: &mut Dice,
) -> &'static str {
    let now = store.clock().now();
    match dice.below(24) {
        0..8 => {
            flush(store, dice).await;
            "flush"
        }
        8..13 => {
            let most = 1 + usize::try_from(dice.below(40)).unwrap();
            merge_some(store, now, most).await;
            "merge some"
        }
        13 => {
            merge_some(store, now, 1_000).await;
            "merge all"
        }
        14 => {
            let ahead = MINUTE * dice.small(3_000);
            merge_some(store, now.saturating_add(ahead), 200).await;
            "merge by a clock that is ahead"
        }
        15 => {
            clock.advance(MINUTE * (1 + dice.small(20)));
            "advance the clock"
        }
        16 => {
            import(store, dice).await;
            "import"
        }
        17 => {
            clock.advance(Duration::from_mins(30));
            let id = format!("h{}", dice.below(HOSTS));
            // It may never have written.
            let _ = store.forget_host(&Actor::system(), &id).await;
            for _ in 0..dice.below(12) {
                store.remove_forgotten(true).await.unwrap();
            }
            "forget a host"
        }
        18 => {
            while store.remove_forgotten(true).await.unwrap().is_more {}
            "forget to the end"
        }
        19 => {
            let (resolution, cutoff) = dice.bucket(now.saturating_sub(MINUTE * 40));
            store.delete_old_requests(resolution, cutoff).await.unwrap();
            if dice.below(2) == 0 {
                store.delete_old_merged(resolution, cutoff).await.unwrap();
            }
            "delete what is too old"
        }
        20 => {
            let back = MINUTE * dice.small(30);
            store.delete_after(now.saturating_sub(back)).await.unwrap();
            "delete a false future"
        }
        21 => {
            let suffix = dice.one(&["", "_hourly", "_daily"]);
            let table = dice.one(&["fleet_stats", "fleet_status"]);
            let sql = format!("delete from {table}{suffix}");
            direct.execute(&sql).await.unwrap();
            "empty a table"
        }
        22 => {
            let sql = format!(
                "delete from fleet_stats where route = '{}'",
                dice.one(&ROUTES)
            );
            direct.execute(&sql).await.unwrap();
            store.check_merged().await.unwrap();
            "delete some merged rows"
        }
        _ => {
            store.trim_merged(now).await.unwrap();
            "trim"
        }
    }
}

/// Compares one list with that of all rows.
async fn compare(store: &Store, dice: &mut Dice, steps: &[&str]) {
    let now = store.clock().now();
    let (resolution, mut from) = dice.bucket(now);
    let mut to = now.saturating_add(MINUTE * dice.small(100));
    if dice.below(3) == 0 {
        from = Timestamp::from_millis(-62_135_596_800_000);
    }
    if dice.below(3) == 0 {
        // Any time within a bucket.
        let second = Duration::from_millis(1 + dice.below(60_000));
        from = from.saturating_add(second);
        to = to.saturating_sub(second);
    }
    let filter = StatsFilter {
        resolution,
        from,
        to,
        route: (dice.below(3) == 0).then(|| dice.one(&ROUTES).to_owned()),
        hosts: None,
        by_method: dice.below(2) == 0,
        split: None,
    };
    let rows = of_rows(&filter);
    let span = Span {
        limit: 1 + dice.small(60),
        offset: i64::from(dice.small(80) * dice.small(2)),
        newest_first: dice.below(2) == 0,
    };
    let what = format!("{filter:?} {span:?} after {steps:?}");
    let (found, expected) = (
        store.list_totals(&filter, span).await.unwrap(),
        store.list_totals(&rows, span).await.unwrap(),
    );
    assert_eq!(found, expected, "totals {what}");
    let status = dice.one(&[None, Some(200), Some(503)]);
    let (found, expected) = (
        store
            .list_status_counts(&filter, status, span)
            .await
            .unwrap(),
        store.list_status_counts(&rows, status, span).await.unwrap(),
    );
    assert_eq!(found, expected, "statuses {status:?} {what}");
    let (mut found, mut position) = (Vec::new(), None);
    loop {
        let page = store
            .list_route_stats(&filter, position.as_ref(), span.limit)
            .await
            .unwrap();
        position = page.last().map(|row| RoutePosition {
            time: row.time,
            route: row.route.clone(),
            method: row.method.clone(),
            host: None,
            label: None,
        });
        let is_last = page.len() < span.limit as usize;
        found.extend(page);
        if is_last {
            break;
        }
    }
    let expected = store.list_route_stats(&rows, None, 10_000).await.unwrap();
    assert_eq!(found, expected, "routes {what}");
}
