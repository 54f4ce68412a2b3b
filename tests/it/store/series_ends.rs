//! Series of containers that ended: not looked through, and gone with their last row.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use linux_api_daemon::tasks::janitor::{Retention, sweep};
use linux_api_store::Store;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::host_samples::SampleFilter;
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::{ManualClock, Timestamp};

use crate::store::database::Database;

on_both_engines! {
    thousands_of_containers_leave_nothing_behind,
    a_series_that_comes_back_is_the_same,
    a_flush_keeps_a_series_that_is_about_to_be_deleted,
    an_end_in_the_future_is_set_back,
    the_schema_before_knows_the_ends_of_what_it_had,
}

const DAY: Duration = Duration::from_hours(24);
const RETENTION: Retention = Retention {
    minutes: Duration::from_hours(24 * 2),
    hours: Duration::from_hours(24 * 4),
    days: Duration::from_hours(24 * 8),
    audit: Duration::from_hours(24 * 730),
    max_bytes: None,
};
const RECEIVED: &str = "network.received_bytes_per_second";

fn host(id: &str) -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: id.into(),
            name: format!("name of {id}"),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: Arc::from("a1"),
        facts: None,
        sample: None,
    }
}

fn interface(name: &str) -> String {
    format!("{{interface=\"{name}\"}}")
}

/// A minute of these interfaces, now.
async fn write(store: &Store, clock: &ManualClock, id: &str, interfaces: &[String]) {
    let time = Resolution::Minute.start_of(clock.clock().now());
    let samples: Vec<HostSample> = interfaces
        .iter()
        .map(|one| HostSample {
            name: RECEIVED.to_owned(),
            labels: interface(one),
            time,
            samples: 30,
            mean: 1.0,
            max: 2.0,
        })
        .collect();
    let host = host(id);
    let batch = Batch {
        host: &host,
        buckets: &[],
        samples: &samples,
    };
    store.flush(batch).await.unwrap();
}

async fn count(database: &Database, table: &str) -> i64 {
    let sql = format!("select count(*) from {table}");
    database.direct().await.number(&sql).await
}

/// How many series of the interfaces have samples since a time.
async fn found(store: &Store, clock: &ManualClock, resolution: Resolution, back: Duration) -> i64 {
    let now = clock.clock().now();
    let filter = SampleFilter {
        resolution,
        hosts: vec!["h1".to_owned()],
        name: RECEIVED.to_owned(),
        labels: None,
        from: resolution.start_of(now.saturating_sub(back)),
        to: now.saturating_add(DAY),
    };
    let extent = store.extent_of_host_samples(&filter).await.unwrap();
    let rows = store.list_host_samples(&filter, 86_400, 100_000).await;
    let mut labels: Vec<String> = rows
        .unwrap()
        .into_iter()
        .map(|row| row.labels.to_string())
        .collect();
    labels.sort();
    labels.dedup();
    assert_eq!(i64::try_from(labels.len()).unwrap(), extent.series);
    extent.series
}

async fn thousands_of_containers_leave_nothing_behind(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let names = |day: usize| -> Vec<String> {
        let containers = (0..200).map(|number| format!("veth{day}x{number}"));
        containers.chain(["eth0".to_owned()]).collect()
    };
    let mut most = 0;
    for day in 0..15 {
        write(&store, &clock, "h1", &names(day)).await;
        // An hour later only the host itself is left.
        clock.advance(Duration::from_hours(1));
        write(&store, &clock, "h1", &["eth0".to_owned()]).await;
        // Those of the last day and of this one; the others ended before.
        let current = found(&store, &clock, Resolution::Minute, Duration::from_hours(2)).await;
        assert_eq!(current, 201, "{day}");
        let week = found(&store, &clock, Resolution::Day, DAY * 6).await;
        let days = i64::try_from(day).unwrap().min(6) + 1;
        assert_eq!(week, 200 * days + 1, "history stays readable");
        sweep(&store, &RETENTION, "a1").await.unwrap();
        most = most.max(count(&database, "host_series").await);
        clock.advance(DAY.checked_sub(Duration::from_hours(1)).unwrap());
    }
    // Nine days and the one that is swept with them, however many there were before.
    assert!(most <= 200 * 10 + 1, "{most}");
    // The host lives on, without containers.
    for _ in 0..10 {
        write(&store, &clock, "h1", &["eth0".to_owned()]).await;
        sweep(&store, &RETENTION, "a1").await.unwrap();
        clock.advance(DAY);
    }
    assert_eq!(count(&database, "host_series").await, 1);
    for table in ["host_samples", "host_samples_hourly", "host_samples_daily"] {
        let sql = format!("{table} where series_id not in (select id from host_series)");
        assert_eq!(count(&database, &sql).await, 0, "{table}");
    }
}

async fn a_series_that_comes_back_is_the_same(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let both = ["a".to_owned(), "b".to_owned()];
    write(&store, &clock, "h1", &both).await;
    let id = "select min(id) from host_series";
    let before = database.direct().await.number(id).await;
    for _ in 0..4 {
        clock.advance(DAY);
        write(&store, &clock, "h1", &both[1..]).await;
    }
    let today = Duration::from_hours(1);
    assert_eq!(found(&store, &clock, Resolution::Minute, today).await, 1);
    write(&store, &clock, "h1", &both).await;
    assert_eq!(found(&store, &clock, Resolution::Minute, today).await, 2);
    assert_eq!(found(&store, &clock, Resolution::Day, DAY * 5).await, 2);
    assert_eq!(database.direct().await.number(id).await, before);
    // A late row of an earlier day does not end it.
    let late = HostSample {
        name: RECEIVED.to_owned(),
        labels: interface("a"),
        time: clock.clock().now().saturating_sub(DAY * 3),
        samples: 30,
        mean: 1.0,
        max: 2.0,
    };
    store.flush_samples("h1", &[late]).await.unwrap();
    assert_eq!(found(&store, &clock, Resolution::Minute, today).await, 2);
}

/// Deleting series of a host waits for a write of that host, and then finds what it wrote.
async fn a_flush_keeps_a_series_that_is_about_to_be_deleted(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let names: Vec<String> = (0..50).map(|number| format!("veth{number}")).collect();
    for round in 0..10 {
        write(&store, &clock, "h1", &names).await;
        clock.advance(DAY * 20);
        let mut direct = database.direct().await;
        for table in [
            "host_minutes",
            "host_hours",
            "host_samples_hourly",
            "host_samples_daily",
        ] {
            direct
                .execute(&format!("delete from {table}"))
                .await
                .unwrap();
        }
        let cutoff = clock.clock().now().saturating_sub(DAY);
        let (deleted, ()) = tokio::join!(
            async { store.delete_ended_series(cutoff).await.unwrap() },
            write(&store, &clock, "h1", &names),
        );
        assert!([0, 50].contains(&deleted), "{round}: {deleted}");
        let orphans = "host_samples where series_id not in (select id from host_series)";
        assert_eq!(count(&database, orphans).await, 0, "{round}");
        assert_eq!(count(&database, "host_samples").await, 50, "{round}");
    }
}

async fn an_end_in_the_future_is_set_back(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let right = clock.clock().now();
    clock.advance(DAY * 3_000);
    write(&store, &clock, "h1", &["veth0".to_owned()]).await;
    let wrong = ManualClock::at(right);
    let store = Store::open(database.options(), wrong.clock())
        .await
        .unwrap();
    let after = right.saturating_add(DAY);
    while store.delete_after(after).await.unwrap() > 0 {}
    wrong.advance(DAY * 20);
    write(&store, &wrong, "h1", &["eth0".to_owned()]).await;
    sweep(&store, &RETENTION, "a1").await.unwrap();
    assert_eq!(count(&database, "host_series").await, 1);
}

/// What is there when the column comes has its end from the days that are there.
async fn the_schema_before_knows_the_ends_of_what_it_had(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    write(&store, &clock, "h1", &["veth0".to_owned()]).await;
    clock.advance(DAY * 3);
    write(&store, &clock, "h1", &["eth0".to_owned()]).await;
    let ends = |start: Timestamp| {
        let day = Resolution::Day.start_of(start).as_millis();
        match database.engine {
            linux_api_store::Engine::Sqlite => format!("host_series where last_day = {day}"),
            linux_api_store::Engine::Postgres => {
                format!("host_series where last_day = to_timestamp({day} / 1000.0)")
            }
        }
    };
    let (now, first) = (
        clock.clock().now(),
        clock.clock().now().saturating_sub(DAY * 3),
    );
    let mut direct = database.direct().await;
    let insert = "insert into host_series (host_id, name, labels) values ('h1', 'load.one', '')";
    direct.execute(insert).await.unwrap();
    store.rollback(8, crate::store::no_backup).await.unwrap();
    store.migrate(crate::store::no_backup).await.unwrap();
    for (time, series) in [(now, 1), (first, 1), (Timestamp::from_millis(0), 1)] {
        assert_eq!(count(&database, &ends(time)).await, series, "{time}");
    }
}
