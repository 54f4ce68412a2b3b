//! A host that is gone for good is forgotten with all that it measured, and nothing else is.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_daemon::tasks::janitor::{Retention, sweep};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::retention::BATCH;
use linux_api_store::{Engine, Refusal, Store, StoreError};
use linux_api_wire::audit::Actor;
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::request_stats::{RequestBucket, Resolution};
use linux_api_wire::time::{ManualClock, Timestamp};

use crate::store::buckets;
use crate::store::database::Database;

on_every_engine! {
    everything_of_a_host_goes_and_nothing_else,
    what_is_many_goes_in_short_transactions,
    a_host_that_lives_is_not_forgotten,
    what_a_host_writes_that_comes_back_stays,
    the_work_is_taken_up_where_it_was_left,
}

const MINUTE: Duration = Duration::from_mins(1);
const KEEP_ALL: Retention = Retention {
    minutes: Duration::from_hours(24 * 3_650),
    hours: Duration::from_hours(24 * 3_650),
    days: Duration::from_hours(24 * 3_650),
    audit: Duration::from_hours(24 * 730),
    max_bytes: None,
};

fn host(id: &str) -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: id.into(),
            name: format!("name of {id}"),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: format!("{id}0").into(),
        facts: None,
        sample: None,
    }
}

fn sample(name: &str, time: Timestamp) -> HostSample {
    HostSample {
        name: name.to_owned(),
        labels: String::new(),
        time,
        samples: 1,
        mean: 1.0,
        max: 1.0,
    }
}

/// One request and one sample per time, with their hours and days.
async fn write(store: &Store, id: &str, times: &[Timestamp]) {
    let all: BTreeMap<_, _> = times
        .iter()
        .flat_map(|time| buckets(id, *time))
        .map(|one| ((one.resolution, one.time), one))
        .collect();
    let buckets: Vec<RequestBucket> = all.into_values().collect();
    let samples: Vec<HostSample> = times.iter().map(|time| sample("load.one", *time)).collect();
    let batch = Batch {
        host: &host(id),
        buckets: &buckets,
        samples: &samples,
    };
    store.flush(batch).await.unwrap();
}

/// Rows of a host in every table that has any: hosts, series, samples, statistics.
async fn rows(database: &Database, id: &str) -> [i64; 4] {
    let mut direct = database.direct().await;
    let mut rows = [0; 4];
    for (count, table) in rows.iter_mut().zip(["hosts", "host_series"]) {
        let column = if table == "hosts" { "id" } else { "host_id" };
        let sql = format!("select count(*) from {table} where {column} = '{id}'");
        *count = direct.number(&sql).await;
    }
    for suffix in ["", "_hourly", "_daily"] {
        let sql = format!(
            "select count(*) from host_samples{suffix} t
            join host_series s on s.id = t.series_id where s.host_id = '{id}'"
        );
        rows[2] += direct.number(&sql).await;
        for table in ["request_stats", "request_status"] {
            let sql = format!("select count(*) from {table}{suffix} where host_id = '{id}'");
            rows[3] += direct.number(&sql).await;
        }
    }
    rows
}

async fn orphans(database: &Database) -> i64 {
    let sql = "select count(*) from host_hours where series_id not in (select id from host_series)";
    database.direct().await.number(sql).await
}

/// Removes all that is to go, and returns what each step deleted.
async fn remove_all(store: &Store) -> Vec<u64> {
    let mut steps = Vec::new();
    loop {
        let step = store.remove_forgotten(true).await.unwrap();
        if !step.is_more {
            return steps;
        }
        steps.push(step.deleted);
    }
}

fn ago(clock: &ManualClock, minutes: u32) -> Timestamp {
    let minute = Resolution::Minute.start_of(clock.clock().now());
    minute.saturating_sub(MINUTE * minutes)
}

async fn everything_of_a_host_goes_and_nothing_else(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    // A wrong clock wrote of a time that is far away; that goes too.
    let future = clock.clock().now().saturating_add(MINUTE * 5_000_000);
    let times = [
        ago(&clock, 2),
        ago(&clock, 100),
        ago(&clock, 100_000),
        future,
    ];
    write(&store, "h1", &times).await;
    write(&store, "h2", &times).await;
    store.say_present("h10", "name of h1").await.unwrap();
    let others = rows(&database, "h2").await;
    // Of four minutes, two are packed and in hours and days.
    assert_eq!(others, [1, 1, 8, 22]);
    clock.advance(MINUTE * 6);

    let forgotten = store.forget_host(&Actor::system(), "h1").await.unwrap();
    assert_eq!(
        (forgotten.id.as_str(), forgotten.name.as_str()),
        ("h1", "name of h1")
    );
    let listed = store.list_hosts(None, 10).await.unwrap();
    assert_eq!(listed.len(), 1, "it is off the list at once");
    assert!(
        rows(&database, "h1").await[2] > 0,
        "the rest takes its time"
    );
    // As the daemon does it, whichever holds the lease.
    sweep(&store, &KEEP_ALL, "a1").await.unwrap();
    assert_eq!(rows(&database, "h1").await, [0; 4]);
    assert_eq!(rows(&database, "h2").await, others);
    let mut direct = database.direct().await;
    for sql in [
        "select count(*) from leases where name like 'daemon:%'",
        "select count(*) from settings where name like 'forget:%'",
    ] {
        assert_eq!(direct.number(sql).await, 0, "{sql}");
    }
    assert_eq!(orphans(&database).await, 0);
    let sql = "select count(*) from audit_log
        where action = 'host.forget' and target = 'host:h1' and result = 'done'";
    assert_eq!(direct.number(sql).await, 1);

    let again = store.forget_host(&Actor::system(), "h1").await;
    assert!(matches!(
        again,
        Err(StoreError::Refused(Refusal::HostNotFound))
    ));
    // An id that looks like a pattern is only itself.
    let none = store.forget_host(&Actor::system(), "%").await;
    assert!(matches!(
        none,
        Err(StoreError::Refused(Refusal::HostNotFound))
    ));
}

async fn what_is_many_goes_in_short_transactions(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let times: Vec<Timestamp> = (10..12_010).map(|minute| ago(&clock, minute)).collect();
    for times in times.chunks(3_000) {
        write(&store, "h1", times).await;
    }
    write(&store, "h2", &times[..50]).await;
    let before = rows(&database, "h1").await;
    let others = rows(&database, "h2").await;
    // A packed hour is one row.
    let packed = "select coalesce(sum(1 - places), 0) from (select (".to_owned()
        + match database.engine {
            Engine::Sqlite => "select count(*) from json_each(h.mean) m where m.value is not null",
            Engine::Postgres => "select count(*) from unnest(h.mean) m where m is not null",
        }
        + ") as places from host_hours h join host_series s on s.id = h.series_id
            where s.host_id = 'h1') packed";
    let packed = format!("select cast(({packed}) as bigint)");
    let packed = database.direct().await.number(&packed).await;
    clock.advance(MINUTE * 6);
    store.forget_host(&Actor::system(), "h1").await.unwrap();
    let steps = remove_all(&store).await;
    assert_eq!(rows(&database, "h1").await, [0; 4]);
    assert_eq!(rows(&database, "h2").await, others);
    let all = u64::try_from(before[1] + before[2] + before[3] + packed).unwrap();
    assert_eq!(steps.iter().sum::<u64>(), all);
    // Of statistics twice as many rows are looked through, of which others have some.
    let most = u64::try_from(2 * BATCH).unwrap() + 2;
    assert!(steps.iter().all(|deleted| *deleted <= most), "{steps:?}");
    let large = steps.iter().filter(|deleted| **deleted > 1_000).count();
    assert!(large > 5, "{steps:?}");
}

async fn a_host_that_lives_is_not_forgotten(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let alive = |outcome: Result<_, StoreError>| {
        matches!(outcome, Err(StoreError::Refused(Refusal::HostAlive)))
    };
    write(&store, "h1", &[ago(&clock, 1)]).await;
    let before = rows(&database, "h1").await;
    // Late is not down: its database may have been away.
    for wait in [0, 60, 240] {
        clock.advance(Duration::from_secs(wait));
        assert!(
            alive(store.forget_host(&Actor::system(), "h1").await),
            "{wait}"
        );
    }
    assert_eq!(rows(&database, "h1").await, before);
    if database.engine == Engine::Postgres {
        // It has not written for longer, and yet says that it lives.
        clock.advance(MINUTE * 6);
        store.say_present("h10", "name of h1").await.unwrap();
        assert!(alive(store.forget_host(&Actor::system(), "h1").await));
        store.say_gone("h10", "name of h1").await.unwrap();
    }
    clock.advance(MINUTE * 6);
    assert!(store.forget_host(&Actor::system(), "h1").await.is_ok());
    // A clock that was a year ahead is no sign of life.
    let (later, ahead) = database.store_with_clock().await;
    ahead.advance(MINUTE * 500_000);
    write(&later, "h2", &[ago(&clock, 1)]).await;
    later.say_present("h20", "name of h2").await.unwrap();
    assert!(store.forget_host(&Actor::system(), "h2").await.is_ok());
}

async fn what_a_host_writes_that_comes_back_stays(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let before: Vec<Timestamp> = (10..60).map(|minute| ago(&clock, minute)).collect();
    write(&store, "h1", &before).await;
    clock.advance(MINUTE * 60);
    store.forget_host(&Actor::system(), "h1").await.unwrap();
    clock.advance(MINUTE * 60);
    let after: Vec<Timestamp> = (1..30).map(|minute| ago(&clock, minute)).collect();
    write(&store, "h1", &after).await;
    remove_all(&store).await;
    let mut direct = database.direct().await;
    assert_eq!(direct.number("select count(*) from host_samples").await, 29);
    assert_eq!(
        direct.number("select count(*) from request_stats").await,
        29
    );
    let [hosts, series, ..] = rows(&database, "h1").await;
    assert_eq!((hosts, series), (1, 1));
    assert_eq!(orphans(&database).await, 0);
}

async fn the_work_is_taken_up_where_it_was_left(database: Database) {
    let (store, clock) = database.store_with_clock().await;
    let times: Vec<Timestamp> = (10..3_010).map(|minute| ago(&clock, minute)).collect();
    for id in ["h1", "h2"] {
        write(&store, id, &times).await;
    }
    clock.advance(MINUTE * 6);
    for id in ["h1", "h2"] {
        store.forget_host(&Actor::system(), id).await.unwrap();
    }
    // Each step by another program, as if the one before had been killed.
    let mut steps = 0;
    loop {
        let (other, _) = database.store_with_clock().await;
        let step = other.remove_forgotten(true).await.unwrap();
        other.close().await;
        if !step.is_more {
            break;
        }
        steps += 1;
        assert!(steps < 100);
    }
    for id in ["h1", "h2"] {
        assert_eq!(rows(&database, id).await, [0; 4], "{id}");
    }
    // Statistics that stay leave no work behind.
    write(&store, "h3", &[ago(&clock, 1)]).await;
    clock.advance(MINUTE * 6);
    store.forget_host(&Actor::system(), "h3").await.unwrap();
    while store.remove_forgotten(false).await.unwrap().is_more {}
    let [hosts, series, samples, statistics] = rows(&database, "h3").await;
    assert_eq!([hosts, series, samples], [0; 3]);
    assert_eq!(statistics, 6);
    assert!(!store.remove_forgotten(true).await.unwrap().is_more);
}
