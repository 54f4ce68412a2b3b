//! TimescaleDB: a plain database is upgraded in place, results stay the same, old chunks go.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_daemon::tasks::janitor::{Retention, sweep};
use linux_api_store::backup::{self, BackupOrder, BackupScope, Reason, RestoreOrder};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::host_samples::SampleFilter;
use linux_api_store::request_queries::{Span, StatsFilter};
use linux_api_store::request_routes::RoutePosition;
use linux_api_store::timescale::Timescale;
use linux_api_store::{Engine, Options, Store};
use linux_api_wire::audit::Actor;
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::progress::NoProgress;
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::{ManualClock, Timestamp};

use crate::store::database::{Database, no_backup};
use crate::store::timescale;

/// Where the clock of [`Database::store_with_clock`] starts.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: Duration = Duration::from_hours(24);
const ROUTES: [&str; 3] = ["/a", "/b/{id}", "<unmatched>"];

pub(super) async fn database() -> Option<Database> {
    Some(Database {
        url: timescale::fresh_database().await?,
        engine: Engine::Postgres,
        folder: tempfile::tempdir().unwrap(),
        pooler: None,
    })
}

fn host(name: &str) -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: name.into(),
            name: format!("host {name}"),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: format!("{name}0").into(),
        facts: None,
        sample: None,
    }
}

/// What two hosts measured in one minute, so many days ago; the same at every call.
fn measured(
    host: &HostReport,
    days_ago: u32,
    minute: u64,
) -> (Vec<RequestBucket>, Vec<HostSample>) {
    let start = NOW.saturating_sub(DAY * days_ago);
    let time = start.saturating_add(Duration::from_mins(minute));
    let mut buckets = Vec::new();
    for resolution in Resolution::ALL {
        for (number, route) in (0_u64..).zip(ROUTES) {
            for method in [RequestMethod::Get, RequestMethod::Post] {
                let mut seen = RequestStats::default();
                for one in 0..=number {
                    let parts = 1 + (u64::from(days_ago) * 37 + minute * 11 + one * 101) % 128;
                    let status = [200, 404, 500][usize::try_from(parts % 3).unwrap()];
                    // Whole parts of 1/64 of a second, so that sums are exact in any order.
                    seen.add(status, Duration::from_nanos(15_625_000 * parts));
                }
                buckets.push(RequestBucket {
                    resolution,
                    time: resolution.start_of(time),
                    host_id: host.identity.id.clone(),
                    instance_id: host.instance_id.clone(),
                    key: RequestKey {
                        route: route.into(),
                        method,
                    },
                    stats: seen,
                });
            }
        }
    }
    let sample = |labels: &str| HostSample {
        name: "filesystem.used_bytes".to_owned(),
        labels: labels.to_owned(),
        time: Resolution::Minute.start_of(time),
        samples: 30,
        mean: 10.0,
        max: 20.0,
    };
    (
        buckets,
        vec![
            sample("{mount_point=\"/\"}"),
            sample("{mount_point=\"/data\"}"),
        ],
    )
}

async fn fill(store: &Store, days: impl IntoIterator<Item = u32>) {
    for day in days {
        for name in ["h1", "h2"] {
            let host = host(name);
            for minute in 0..3 {
                let (buckets, samples) = measured(&host, day, minute);
                let batch = Batch {
                    host: &host,
                    buckets: &buckets,
                    samples: &samples,
                };
                store.flush(batch).await.unwrap();
            }
        }
    }
}

/// The result of every query behind the routes, for every filter, range and bucket, as text.
async fn answers(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    let ranges = [(0, 400), (2, 20), (15, 16), (100, 399)];
    for resolution in Resolution::ALL {
        for (newest, oldest) in ranges {
            let ago = |days: u32| NOW.saturating_sub(DAY * days);
            for (route, host, by_method) in [
                (None, None, false),
                (None, None, true),
                (Some("/b/{id}"), None, true),
                (None, Some("h1"), false),
                (Some("/a"), Some("h2"), true),
                (Some("/none"), None, false),
            ] {
                let filter = StatsFilter {
                    resolution,
                    from: ago(oldest),
                    to: ago(newest),
                    route: route.map(str::to_owned),
                    hosts: host.map(|host| vec![host.to_owned()]),
                    by_method,
                    split: None,
                };
                for (limit, offset, newest_first) in [(5, 0, true), (50, 3, false)] {
                    let span = Span {
                        limit,
                        offset,
                        newest_first,
                    };
                    all.push(format!(
                        "{:?}",
                        store.list_totals(&filter, span).await.unwrap()
                    ));
                    for status in [None, Some(404)] {
                        let rows = store.list_status_counts(&filter, status, span).await;
                        all.push(format!("{:?}", rows.unwrap()));
                    }
                }
                let first = store.list_route_stats(&filter, None, 7).await.unwrap();
                let position = first.last().map(|row| RoutePosition {
                    time: row.time,
                    route: row.route.clone(),
                    method: row.method.clone(),
                    host: row.host.clone(),
                    label: None,
                });
                let rest = store
                    .list_route_stats(&filter, position.as_ref(), 1_000)
                    .await;
                all.push(format!("{first:?} {:?}", rest.unwrap()));
            }
            let samples = SampleFilter {
                resolution,
                hosts: vec!["h1".to_owned()],
                name: "filesystem.used_bytes".to_owned(),
                labels: None,
                from: ago(oldest),
                to: ago(newest),
            };
            let extent = store.extent_of_host_samples(&samples).await;
            all.push(format!("{:?}", extent.unwrap()));
            let step = resolution.length().as_secs();
            for step in [step, step * 4] {
                let rows = store
                    .list_host_samples(&samples, step, 1_000)
                    .await
                    .unwrap();
                all.push(format!("{rows:?}"));
            }
        }
    }
    all
}

/// Compresses all chunks, and returns how many there are.
async fn compress(database: &Database) -> i64 {
    let mut direct = database.direct().await;
    let mut chunks = 0;
    for suffix in ["", "_hourly", "_daily"] {
        for table in ["request_stats", "request_status"] {
            let sql = format!(
                "select count(public.compress_chunk(c, true)) \
                 from public.show_chunks('linux_api.{table}{suffix}') c"
            );
            chunks += direct.number(&sql).await;
        }
    }
    chunks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_database_is_upgraded_in_place_and_answers_the_same() {
    let Some(upgraded) = database().await else {
        return;
    };
    let days = [0, 1, 2, 10, 15, 30, 200];
    let mut expected = None;
    for plain in [Database::sqlite(), Database::postgres()] {
        let store = plain.store().await;
        fill(&store, days).await;
        let found = answers(&store).await;
        assert!(!store.use_timescaledb().await.unwrap().is_used());
        assert_eq!(
            expected.get_or_insert(found.clone()),
            &found,
            "{:?}",
            plain.engine
        );
    }
    let expected = expected.unwrap();

    let store = upgraded.store().await;
    fill(&store, days[..4].iter().copied()).await;
    let before = store.timescale().await.unwrap();
    assert!(before.is_usable() && before.version.is_none(), "{before:?}");
    let used = store.use_timescaledb().await.unwrap();
    assert!(
        used.is_used() && used.version == before.available_version,
        "{used:?}"
    );
    assert_eq!((used.hypertables, used.compressed_chunks), (6, 0));
    // What comes afterwards is written as before.
    fill(&store, days[4..].iter().copied()).await;
    assert_eq!(answers(&store).await, expected);
    assert_eq!(store.use_timescaledb().await.unwrap().hypertables, 6);

    let chunks = compress(&upgraded).await;
    let compressed = store.timescale().await.unwrap();
    assert_eq!(
        (compressed.chunks, compressed.compressed_chunks),
        (chunks, chunks)
    );
    assert!(chunks >= 14, "{chunks}");
    assert_eq!(answers(&store).await, expected);
    // A spool that comes late replaces the same states in compressed chunks.
    fill(&store, days).await;
    assert_eq!(answers(&store).await, expected);
    assert!(store.used_bytes().await.unwrap() > 0);
    let direct = store.describe().await.unwrap();
    assert_eq!(direct.timescaledb, compressed.version);
}

pub(super) const RETENTION: Retention = Retention {
    audit: Duration::from_hours(24 * 400),
    minutes: Duration::from_hours(24 * 30),
    hours: Duration::from_hours(24 * 400),
    days: Duration::from_hours(24 * 3_650),
    max_bytes: None,
};

/// For how many seconds TimescaleDB's own job keeps the chunks of a table.
async fn kept(database: &Database, table: &str) -> i64 {
    let sql = format!(
        "select cast(extract(epoch from cast(config ->> 'drop_after' as interval)) as bigint) \
         from timescaledb_information.jobs \
         where proc_name = 'policy_retention' and hypertable_name = '{table}'"
    );
    database.direct().await.number(&sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_are_compressed_though_the_jobs_of_timescaledb_do_not_run() {
    let Some(database) = database().await else {
        return;
    };
    let (store, _clock) = database.store_with_clock().await;
    fill(&store, [0, 1, 10, 20]).await;
    store.use_timescaledb().await.unwrap();
    let mut direct = database.direct().await;
    let off = "select count(*) from timescaledb_information.jobs j, \
               public.alter_job(j.job_id, scheduled => false) \
               where j.hypertable_schema = 'linux_api'";
    direct.number(off).await;
    let compressed = async || store.timescale().await.unwrap().compressed_chunks;
    assert_eq!(compressed().await, 0);
    assert_eq!(store.compress_late_chunks(NOW, 1).await.unwrap(), 1);
    assert_eq!(compressed().await, 1);
    // Two at once, as a daemon and a job of TimescaleDB's may be: what the other has done is no failure.
    let both = tokio::join!(
        store.compress_late_chunks(NOW, 2),
        store.compress_late_chunks(NOW, 2)
    );
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    sweep(&store, &RETENTION, "a1").await.unwrap();
    // The days 10 and 20 of the two tables of minutes.
    assert_eq!(compressed().await, 4);
    assert_eq!(store.compress_late_chunks(NOW, 9).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_that_are_too_old_go_whole_and_the_jobs_follow_the_configuration() {
    let Some(database) = database().await else {
        return;
    };
    let (store, _clock) = database.store_with_clock().await;
    fill(&store, [0, 10, 29, 40, 100]).await;
    store.use_timescaledb().await.unwrap();
    compress(&database).await;
    let deleted = sweep(&store, &RETENTION, "a1").await.unwrap().unwrap();
    assert!(deleted > 0);
    let mut direct = database.direct().await;
    let oldest = "select cast(extract(epoch from min(time)) * 1000 as bigint) from request_stats";
    let oldest = Timestamp::from_millis(direct.number(oldest).await);
    // A chunk is at most three days longer than configured.
    let bound = NOW.saturating_sub(RETENTION.minutes + DAY * 3);
    assert!(
        oldest >= bound && oldest < NOW.saturating_sub(DAY * 28),
        "{oldest}"
    );
    assert_eq!(
        direct
            .number("select count(distinct time) from request_stats_daily")
            .await,
        5
    );
    for (table, kept_for) in [
        ("request_stats", RETENTION.minutes),
        ("request_stats_hourly", RETENTION.hours),
        ("request_status_daily", RETENTION.days),
    ] {
        let seconds = i64::try_from(kept_for.as_secs()).unwrap();
        assert_eq!(kept(&database, table).await, seconds, "{table}");
    }
    let shorter = Retention {
        minutes: DAY * 5,
        ..RETENTION
    };
    assert!(sweep(&store, &shorter, "a1").await.unwrap().unwrap() > 0);
    assert_eq!(kept(&database, "request_stats").await, 5 * 86_400);
    assert_eq!(kept(&database, "request_stats_hourly").await, 400 * 86_400);
    assert_eq!(sweep(&store, &shorter, "a1").await.unwrap(), Some(0));

    let bytes = u64::try_from(store.used_bytes().await.unwrap()).unwrap();
    fill(&store, [4]).await;
    let small = Retention {
        max_bytes: Some(bytes / 2),
        ..shorter
    };
    assert!(sweep(&store, &small, "a1").await.unwrap().unwrap() > 0);
    let newest = "select count(*) from request_stats where time >= '2027-01-15'";
    assert!(direct.number(newest).await > 0, "the last day stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_go_down_and_up_and_backups_hold_plain_rows() {
    let Some(database) = database().await else {
        return;
    };
    let plain = Database::postgres();
    let store = database.store().await;
    let other = plain.store().await;
    for store in [&store, &other] {
        fill(store, [0, 40]).await;
    }
    store.use_timescaledb().await.unwrap();
    compress(&database).await;
    let copy = async |database: &Database, store: &Store| {
        let folder = database.folder.path().join("backups");
        let order = BackupOrder {
            folder: &folder,
            scope: BackupScope::All,
            reason: Reason::Command,
            progress: &NoProgress,
        };
        let made = backup::create(store, order).await;
        let manifest = backup::check(&made.unwrap().path).unwrap();
        let tables = manifest.tables.into_iter().map(|one| (one.name, one.rows));
        tables.collect::<BTreeMap<_, _>>()
    };
    let (ours, theirs) = (copy(&database, &store).await, copy(&plain, &other).await);
    assert_eq!(ours, theirs);
    assert_eq!(ours["request_stats"], 2 * 2 * 3 * 6);

    store.rollback(1, no_backup).await.unwrap();
    assert_eq!(store.timescale().await.unwrap().hypertables, 0);
    store.migrate(no_backup).await.unwrap();
    assert!(!store.timescale().await.unwrap().is_used());
    fill(&store, [1]).await;
    assert!(store.use_timescaledb().await.unwrap().is_used());
    fill(&store, [0]).await;
    store.rollback(0, no_backup).await.unwrap();
    // Nothing to upgrade before there is a schema.
    assert!(!store.use_timescaledb().await.unwrap().is_used());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_restored_into_hypertables() {
    let Some(database) = database().await else {
        return;
    };
    let plain = Database::sqlite();
    let folder = database.folder.path().join("backups");
    let copy = async |store: &Store| {
        let order = BackupOrder {
            folder: &folder,
            scope: BackupScope::All,
            reason: Reason::Command,
            progress: &NoProgress,
        };
        backup::create(store, order).await.unwrap().path
    };
    let (store, other) = (database.store().await, plain.store().await);
    fill(&store, [0, 40]).await;
    fill(&other, [1, 200]).await;
    store.use_timescaledb().await.unwrap();
    compress(&database).await;
    let saved = [
        (copy(&store).await, answers(&store).await),
        (copy(&other).await, answers(&other).await),
    ];
    store.close().await;
    for (source, expected) in saved {
        let before = database.store().await;
        fill(&before, [3]).await;
        before.close().await;
        let clock = ManualClock::at(NOW);
        let order = RestoreOrder {
            backup: &source,
            target: Options::new(database.url.as_str()),
            copies: &folder,
            actor: &Actor::system(),
            clock: &clock.clock(),
            progress: &NoProgress,
        };
        backup::restore(order).await.unwrap();
        let restored = database.store().await;
        assert_eq!(answers(&restored).await, expected);
        // Restoring takes nothing of what the administrator chose.
        assert!(restored.use_timescaledb().await.unwrap().is_used());
        compress(&database).await;
        assert_eq!(answers(&restored).await, expected);
        restored.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_daemons_upgrade_at_once_while_they_write() {
    let Some(database) = database().await else {
        return;
    };
    database.store().await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(database.open().await);
    }
    let work = stores.iter().enumerate().map(async |(number, store)| {
        let day = u32::try_from(number).unwrap();
        fill(store, [day]).await;
        let used = store.use_timescaledb().await.unwrap();
        fill(store, [day + 10]).await;
        used
    });
    let used: Vec<Timescale> = futures_util::future::join_all(work).await;
    assert!(used.iter().all(Timescale::is_used), "{used:?}");
    let rows = database
        .direct()
        .await
        .number("select count(*) from request_stats")
        .await;
    assert_eq!(rows, 8 * 2 * 3 * 6);
}
