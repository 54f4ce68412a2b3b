//! What a month of a host takes on disk, in the write-ahead log and to read: figures, not tests.
//!
//! `cargo test --release --test it store::packing_sizes -- --ignored --nocapture --test-threads 1`

use std::time::{Duration, Instant};

use linux_api_config::Config;
use linux_api_daemon::tasks::janitor::{Retention, sweep};
use linux_api_store::host_samples::SampleFilter;
use linux_api_store::{Engine, Options, Store};
use linux_api_wire::fleet::HostSample;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::{ManualClock, Timestamp};

use crate::store::packing::{MIDNIGHT, MINUTE, Numbers, write};
use crate::store::{Database, no_backup, timescale};

const DAYS: u32 = 30;
const SERIES: u32 = 43;
/// Names a database that was filled before, for [`a_month_is_read`].
const URL: &str = "LINUX_API_TEST_MONTH";

#[expect(clippy::print_stdout, reason = "these are the results")]
fn report(text: &str) {
    println!("{text}");
}

/// What a host like any other has: a third of its series are busy figures, a third are amounts of bytes,
/// and a third change rarely or never.
fn samples(numbers: &mut Numbers, minute: u32) -> Vec<HostSample> {
    let below = |numbers: &mut Numbers, bound: u32| {
        f64::from(u32::try_from(numbers.below(bound.into())).unwrap())
    };
    let sample = |number: u32| {
        let (mean, max) = match number % 3 {
            0 => {
                let mean = below(numbers, 1 << 24) / 167_772.16;
                (mean, mean + below(numbers, 1_000) / 100.0)
            }
            1 => {
                let pages = 2_000_000.0 + below(numbers, 200_000);
                (
                    pages * 4_096.0 + below(numbers, 4_096) / 30.0,
                    pages * 4_096.0 + 40_960.0,
                )
            }
            _ => {
                let slow = f64::from(number * 1_000 + minute / 300);
                (slow, slow)
            }
        };
        HostSample {
            name: format!("series.{number:02}"),
            labels: String::new(),
            time: MIDNIGHT.saturating_add(MINUTE * minute),
            samples: 30,
            mean,
            max,
        }
    };
    (0..SERIES).map(sample).collect()
}

/// Bytes of the tables of samples, with their indexes, of one kind.
async fn bytes(database: &Database, names: &[&str]) -> i64 {
    let mut direct = database.direct().await;
    match database.engine {
        Engine::Sqlite => {
            direct.execute("vacuum").await.unwrap();
            let sql = "select page_count * page_size from pragma_page_count, pragma_page_size";
            direct.number(sql).await
        }
        Engine::Postgres => {
            let mut all = 0;
            for name in names {
                direct.execute(&format!("vacuum {name}")).await.unwrap();
                let sql = format!("select pg_total_relation_size('linux_api.{name}')");
                all += direct.number(&sql).await;
            }
            all
        }
    }
}

const MINUTES: [&str; 1] = ["host_hours"];

async fn fill(
    store: &Store,
    clock: &ManualClock,
    days: std::ops::Range<u32>,
    numbers: &mut Numbers,
) {
    for hour in days.start * 24..days.end * 24 {
        let minutes = (hour * 60..hour * 60 + 60).flat_map(|minute| samples(numbers, minute));
        let minutes: Vec<HostSample> = minutes.collect();
        write(store, "h1", &minutes).await;
        clock.advance(Duration::from_hours(1));
    }
    while store.pack_left_minutes().await.unwrap() > 0 {}
}

async fn month(database: Database, name: &str) {
    let clock = ManualClock::at(MIDNIGHT.saturating_add(Duration::from_hours(1)));
    let mut options = Options::new(database.url.as_str());
    options.deadline = Duration::from_mins(10);
    let store = Store::open(options, clock.clock()).await.unwrap();
    store.migrate(no_backup).await.unwrap();
    store.use_timescaledb().await.unwrap();
    let mut numbers = Numbers(42);
    fill(&store, &clock, 0..10, &mut numbers).await;
    let first = bytes(&database, &MINUTES).await;
    fill(&store, &clock, 10..DAYS, &mut numbers).await;
    let all = bytes(&database, &MINUTES).await;
    let per_day = (all - first) / i64::from(DAYS - 10);
    report(&format!(
        "{name}: {per_day} bytes per host and day of {SERIES} series (packed minutes; on SQLite with hours and days)"
    ));
    read(
        &store,
        name,
        MIDNIGHT.saturating_add(Duration::from_hours(24) * DAYS),
    )
    .await;
    if database.engine == Engine::Postgres {
        let mut direct = database.direct().await;
        direct.execute("checkpoint").await.unwrap();
        let place = "select cast(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as bigint)";
        // Once before, for whole pages after a checkpoint are written once.
        for is_counted in [false, true] {
            let before = direct.number(place).await;
            for _ in 0..180 {
                // The minute that has just ended.
                let minute = clock.clock().now().since(MIDNIGHT).as_secs() / 60;
                let minute = u32::try_from(minute).unwrap();
                clock.advance(MINUTE);
                write(&store, "h1", &samples(&mut numbers, minute)).await;
            }
            let after = direct.number(place).await;
            let kind = if is_counted {
                "afterwards"
            } else {
                "right after a checkpoint"
            };
            report(&format!(
                "{name}: {} bytes of WAL per host and minute {kind}, packing and the row of the host included",
                (after - before) / 180
            ));
        }
    }
    store.rollback(5, no_backup).await.unwrap();
    let rows = bytes(&database, &["host_samples"]).await;
    report(&format!(
        "{name}: {} bytes per host and day in rows of revision 5",
        rows / i64::from(DAYS)
    ));
    store.close().await;
}

/// Times of a history of one series and of ten, in minutes and in hours.
async fn read(store: &Store, name: &str, to: Timestamp) {
    for (series, resolution) in [
        (1, Resolution::Minute),
        (10, Resolution::Minute),
        (1, Resolution::Hour),
        (10, Resolution::Hour),
    ] {
        let mut times = Vec::new();
        for _ in 0..5 {
            let begin = Instant::now();
            let mut points = 0;
            for number in 0..series {
                let filter = SampleFilter {
                    resolution,
                    hosts: vec!["h1".to_owned()],
                    name: format!("series.{number:02}"),
                    labels: None,
                    from: to.saturating_sub(Duration::from_hours(24 * 30)),
                    to,
                };
                store.extent_of_host_samples(&filter).await.unwrap();
                let step = resolution.length().as_secs();
                points += store
                    .list_host_samples(&filter, step, 50_000)
                    .await
                    .unwrap()
                    .len();
            }
            times.push((begin.elapsed().as_millis(), points));
        }
        report(&format!(
            "{name}: {series} series over 30 days by {resolution:?}: (ms, points) of each run {times:?}"
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of a minute: the command is at the top of this file"]
async fn a_month_on_sqlite() {
    month(Database::sqlite(), "SQLite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of a minute: the command is at the top of this file"]
async fn a_month_on_postgresql() {
    month(Database::postgres(), "PostgreSQL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of a minute: the command is at the top of this file"]
async fn a_month_on_timescaledb() {
    let Some(url) = timescale::fresh_database().await else {
        return;
    };
    let database = Database {
        url,
        ..Database::postgres()
    };
    month(database, "TimescaleDB").await;
}

/// A file after a year of one host, with retention as it is by default; before anything is vacuumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of minutes: the command is at the top of this file"]
async fn a_year_on_sqlite() {
    let database = Database::sqlite();
    let clock = ManualClock::at(MIDNIGHT.saturating_add(Duration::from_hours(1)));
    let options = Options::new(database.url.as_str());
    let store = Store::open(options, clock.clock()).await.unwrap();
    store.migrate(no_backup).await.unwrap();
    let retention = Config::default().retention;
    let retention = Retention {
        minutes: retention.minutes,
        hours: retention.hours,
        days: retention.days,
        audit: retention.audit,
        max_bytes: None,
    };
    let mut numbers = Numbers(42);
    for day in 0..365 {
        fill(&store, &clock, day..day + 1, &mut numbers).await;
        sweep(&store, &retention, "year").await.unwrap();
        if [29, 59, 89, 179, 364].contains(&day) {
            let mut direct = database.direct().await;
            let sql = "select page_count * page_size from pragma_page_count, pragma_page_size";
            let bytes = direct.number(sql).await;
            report(&format!("SQLite: {bytes} bytes after {} days", day + 1));
        }
    }
    store.close().await;
}

/// Fills the database that the environment names, or reads from it when it is filled: for readings after
/// the caches of the system were dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, of a database that the caller has filled and names"]
async fn a_month_is_read() {
    let Some(url) = crate::support::database::named_by(URL) else {
        return;
    };
    let clock = ManualClock::at(MIDNIGHT.saturating_add(Duration::from_hours(1)));
    let store = Store::open(Options::new(url), clock.clock()).await.unwrap();
    store.migrate(no_backup).await.unwrap();
    if store.list_hosts(None, 1).await.unwrap().is_empty() {
        fill(&store, &clock, 0..DAYS, &mut Numbers(42)).await;
    }
    read(
        &store,
        "read",
        MIDNIGHT.saturating_add(Duration::from_hours(24) * DAYS),
    )
    .await;
    store.close().await;
}
