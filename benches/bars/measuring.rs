//! What it costs to count requests and to write the counts down.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use linux_api_daemon::recorder::Recorder;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::{Options, Store};
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::{Clock, Timestamp};

use crate::postgres::Postgres;
use crate::table::{Bar, Row, median};

const RECORDS: u32 = 1_000_000;
const ROWS: u32 = 10_000;
const ROUNDS: usize = 5;

/// The cost of one request, while all processors record.
pub(crate) fn record() -> Vec<Row> {
    let recorder = Recorder::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let clock = Clock::system();
    let one_thread = || {
        let started = Instant::now();
        for number in 0..RECORDS {
            let route = ["/api/v1/system/info/uptime", "/api/v1/user/me", "/metrics"];
            let duration = Duration::from_nanos(u64::from(number) * 997 % 50_000_000);
            let route = route[number as usize % route.len()];
            recorder.record(RequestMethod::Get, route, 200, duration, clock.now());
        }
        started.elapsed().as_secs_f64() / f64::from(RECORDS) * 1e9
    };
    let nanos = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(one_thread)).collect();
        median(all.into_iter().map(|one| one.join().unwrap()).collect())
    });
    assert!(
        recorder
            .take()
            .iter()
            .map(|one| one.stats.requests)
            .sum::<u64>()
            > 0
    );
    vec![Row {
        what: "recording one request, all processors at once",
        ours: format!("{nanos:.0} ns"),
        reference: String::new(),
        value: nanos,
        bar: Bar::AtMost(1_000.0),
    }]
}

/// One transaction with 10 000 rows, written again and replaced.
pub(crate) fn flush() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/bench.db", folder.path().display());
    let mut rows = vec![flush_to(&sqlite, "flush of 10 000 rows, SQLite", 0.2)];
    if let Some(postgres) = Postgres::start(false) {
        rows.push(flush_to(
            &postgres.url(),
            "flush of 10 000 rows, PostgreSQL",
            0.5,
        ));
    }
    rows
}

fn flush_to(url: &str, what: &'static str, bar: f64) -> Row {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seconds = runtime.block_on(async {
        let mut options = Options::new(url);
        options.deadline = Duration::from_mins(1);
        let store = Store::open(options, Clock::system()).await.unwrap();
        let migrated = store.migrate(async |_: &Store| Ok::<_, Infallible>(()));
        migrated.await.unwrap();
        let host = HostReport {
            identity: HostIdentity {
                id: "bench".into(),
                name: "bench".to_owned(),
                labels: BTreeMap::new(),
                version: "1".to_owned(),
            },
            instance_id: "0123456789abcdef".into(),
            facts: None,
            sample: None,
        };
        let buckets = buckets(&host);
        let mut seconds = Vec::new();
        for _ in 0..ROUNDS {
            let batch = Batch {
                host: &host,
                buckets: &buckets,
                samples: &[],
            };
            let started = Instant::now();
            store.flush(batch).await.unwrap();
            seconds.push(started.elapsed().as_secs_f64());
        }
        store.close().await;
        median(seconds)
    });
    Row {
        what,
        ours: format!("{:.0} ms", seconds * 1_000.0),
        reference: String::new(),
        value: seconds,
        bar: Bar::AtMost(bar),
    }
}

/// Half of the rows are durations, half statuses.
fn buckets(host: &HostReport) -> Vec<RequestBucket> {
    let mut stats = RequestStats::default();
    for number in 0..100 {
        stats.add(200, Duration::from_micros(200 + number * number));
    }
    let bucket = |number: u32| RequestBucket {
        resolution: Resolution::Minute,
        time: Timestamp::from_millis(1_800_000_000_000 + i64::from(number / 20) * 60_000),
        host_id: host.identity.id.clone(),
        instance_id: host.instance_id.clone(),
        key: RequestKey {
            route: format!("/api/v1/some/route/{}", number % 20).into(),
            method: RequestMethod::Get,
        },
        stats: stats.clone(),
    };
    (0..ROWS / 2).map(bucket).collect()
}
