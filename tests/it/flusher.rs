//! What is recorded is stored exactly once, whatever happens to the database.

use crate::support::{outage, postgres};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use linux_api_auth::verifier::{self, Verifier};
use linux_api_daemon::recorder::Recorder;
use linux_api_daemon::state::StoredKeys;
use linux_api_daemon::tasks::flusher::{Flusher, FlusherHandle, FlusherHealth, Settings};
use linux_api_store::host_samples::SampleFilter;
use linux_api_store::request_queries::{Span, StatsFilter};
use linux_api_store::{Options, Store};
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::request_stats::{RequestMethod, Resolution};
use linux_api_wire::time::{Clock, ManualClock, Timestamp};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const SECOND: Duration = Duration::from_secs(1);

/// A flusher at work.
struct Daemon {
    store: Store,
    recorder: Recorder,
    handle: FlusherHandle,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Daemon {
    async fn start(url: &str, instance: &str, folder: &Path, deadline: Duration) -> Self {
        let mut options = Options::new(url);
        options.deadline = deadline;
        Self::start_at(Clock::system(), options, instance, folder).await
    }

    async fn start_at(clock: Clock, options: Options, instance: &str, folder: &Path) -> Self {
        let store = Store::open(options, clock).await.unwrap();
        let migrated = store.migrate(async |_: &Store| Ok::<_, Infallible>(()));
        migrated.await.unwrap();
        Self::with_store(store, instance, folder)
    }

    fn with_store(store: Store, instance: &str, folder: &Path) -> Self {
        Self::on_host("host", store, instance, folder)
    }

    fn on_host(host: &str, store: Store, instance: &str, folder: &Path) -> Self {
        let limits = verifier::Limits {
            cache_size: 10,
            hash_queue: 1,
            outage_grace: SECOND,
        };
        let keys = StoredKeys(store.clone());
        let (recorder, handle) = (Recorder::with_shards(2), FlusherHandle::default());
        let settings = Settings {
            interval: Duration::from_millis(50),
            host: HostIdentity {
                id: host.into(),
                name: host.to_owned(),
                labels: BTreeMap::new(),
                version: "1".to_owned(),
            },
            instance_id: instance.into(),
            state_folder: Some(folder.to_owned()),
        };
        let flusher = Flusher::new(
            store.clone(),
            recorder.clone(),
            Verifier::new(keys, limits, Clock::system(), None),
            handle.clone(),
            settings,
        );
        let stop = CancellationToken::new();
        let task = tokio::spawn(flusher.run(stop.clone()));
        Self {
            store,
            recorder,
            handle,
            stop,
            task,
        }
    }

    fn record(&self, requests: u64) {
        for _ in 0..requests {
            let now = self.store.clock().now();
            let time = Duration::from_millis(3);
            self.recorder
                .record(RequestMethod::Get, "/a", 200, time, now);
        }
    }

    async fn until(&self, what: &str, is_true: impl Fn(&FlusherHealth) -> bool) {
        let start = Instant::now();
        loop {
            let health = self.handle.health();
            if is_true(&health) {
                return;
            }
            assert!(start.elapsed() < 60 * SECOND, "not {what}: {health:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn until_stored(&self, requests: u64) {
        let stored = |health: &FlusherHealth| health.counters.stored == requests;
        self.until("stored", stored).await;
    }

    async fn until_failing(&self) {
        let failing = |health: &FlusherHealth| health.consecutive_failures > 0;
        self.until("failing", failing).await;
    }

    async fn stop(self) -> FlusherHealth {
        self.stop.cancel();
        self.task.await.unwrap();
        self.store.close().await;
        self.handle.health()
    }
}

/// Requests in the tables of minutes, hours and days, and statuses in that of minutes.
async fn stored(url: &str) -> [i64; 4] {
    let store = Store::open(Options::new(url), Clock::system())
        .await
        .unwrap();
    let mut sums = [0; 4];
    let span = Span {
        limit: 10_000,
        offset: 0,
        newest_first: true,
    };
    for (sum, resolution) in sums.iter_mut().zip(Resolution::ALL) {
        let totals = store.list_totals(&filter(resolution), span).await.unwrap();
        *sum = totals.iter().map(|row| row.requests).sum();
    }
    let filter = filter(Resolution::Minute);
    let counts = store.list_status_counts(&filter, None, span).await.unwrap();
    sums[3] = counts.iter().map(|row| row.count).sum();
    store.close().await;
    sums
}

fn filter(resolution: Resolution) -> StatsFilter {
    StatsFilter {
        resolution,
        from: Timestamp::from_millis(0),
        to: Timestamp::from_millis(4_000_000_000_000),
        route: None,
        hosts: None,
        by_method: false,
        split: None,
    }
}

fn sqlite_url(folder: &TempDir) -> String {
    format!("sqlite://{}/data/linux-api.db", folder.path().display())
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

async fn a_healthy_stop_stores_everything(url: String) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let daemon = Daemon::start(&url, "a1", &state, 30 * SECOND).await;
    daemon.record(1_000);
    daemon.until_stored(1_000).await;
    // What comes after the last interval is stored by the stop.
    daemon.record(234);
    let health = daemon.stop().await;
    let counters = health.counters;
    assert_eq!(
        (
            counters.recorded,
            counters.stored,
            counters.queued,
            counters.dropped
        ),
        (1_234, 1_234, 0, 0)
    );
    assert_eq!((health.error_count, health.last_error), (0, None));
    assert_eq!(stored(&url).await, [1_234; 4]);
    assert!(files(&state).is_empty());
}

async fn many_daemons_on_one_database_count_exactly(url: String) {
    let folder = tempfile::tempdir().unwrap();
    let mut daemons = Vec::new();
    for number in 0..5 {
        let instance = format!("a{number}");
        daemons.push(Daemon::start(&url, &instance, folder.path(), 30 * SECOND).await);
    }
    for _ in 0..20 {
        for daemon in &daemons {
            daemon.record(50);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for daemon in daemons {
        let health = daemon.stop().await;
        assert_eq!(health.counters.stored, 1_000, "{health:?}");
        assert_eq!(health.error_count, 0, "{health:?}");
    }
    assert_eq!(stored(&url).await, [5_000; 4]);
}

macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(super::sqlite_url(&folder)).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::flusher::postgres::fresh_database()).await;
            })*
        }
    };
}

on_both_engines! {
    a_healthy_stop_stores_everything,
    many_daemons_on_one_database_count_exactly,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_goes_away_and_comes_back_gets_everything_once() {
    let server = outage::Server::start_new();
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&server.url(), "a1", folder.path(), 5 * SECOND).await;
    daemon.record(100);
    daemon.until_stored(100).await;
    let mut recorded = 100;
    for _ in 0..2 {
        server.stop();
        daemon.record(250);
        recorded += 250;
        daemon.until_failing().await;
        daemon.record(50);
        recorded += 50;
        let health = daemon.handle.health();
        assert!(health.last_error.is_some());
        server.start();
        daemon.until_stored(recorded).await;
    }
    let health = daemon.handle.health();
    assert_eq!(health.consecutive_failures, 0);
    assert!(health.error_count > 0 && health.error_rate() > 0.0);
    daemon.stop().await;
    assert_eq!(stored(&server.url()).await, [700; 4]);
    assert!(files(folder.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stop_could_not_store_is_stored_by_the_next_start() {
    let server = outage::Server::start_new();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    // It stays within one minute, whose bucket is counted whole with what was stored of it before.
    let clock = ManualClock::at(Clock::system().now()).clock();
    let options = || {
        let mut options = Options::new(server.url());
        options.deadline = 5 * SECOND;
        options
    };
    let daemon = Daemon::start_at(clock.clone(), options(), "a1", &state).await;
    daemon.record(10);
    daemon.until_stored(10).await;
    server.stop();
    daemon.record(90);
    daemon.handle.push_samples(vec![HostSample {
        name: "load.one".to_owned(),
        labels: String::new(),
        time: Timestamp::from_millis(1_800_000_000_000),
        samples: 30,
        mean: 1.0,
        max: 2.0,
    }]);
    daemon.until_failing().await;
    let health = daemon.stop().await;
    assert_eq!((health.counters.stored, health.counters.queued), (10, 90));
    assert_eq!(files(&state), ["spool-a1.json"]);
    let mode = std::fs::metadata(state.join("spool-a1.json")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);

    // A start that can't write either passes everything on.
    server.start();
    let store = Store::open(options(), clock.clone()).await.unwrap();
    server.stop();
    let daemon = Daemon::with_store(store, "b2", &state);
    daemon.record(5);
    daemon.until_failing().await;
    let health = daemon.stop().await;
    assert_eq!(
        (health.counters.recovered, health.counters.queued),
        (100, 105)
    );
    assert_eq!(files(&state), ["spool-b2.json"]);

    server.start();
    let daemon = Daemon::start_at(clock, options(), "c3", &state).await;
    daemon.until_stored(105).await;
    daemon.stop().await;
    assert_eq!(stored(&server.url()).await, [105; 4]);
    assert!(files(&state).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_sqlite_gets_everything_once_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let state = folder.path().join("state");
    let daemon = Daemon::start(&url, "a1", &state, Duration::from_millis(300)).await;
    let path = url.trim_start_matches("sqlite://");
    let mut other = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql("begin immediate")
        .execute(&mut other)
        .await
        .unwrap();
    daemon.record(500);
    daemon.until_failing().await;
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    daemon.until_stored(500).await;
    daemon.stop().await;
    assert_eq!(stored(&url).await, [500; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_put_aside_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(
        state.join("spool-a0.json"),
        "linux-api-spool-1 3 00000000\n{}x",
    )
    .unwrap();
    let url = sqlite_url(&folder);
    let daemon = Daemon::start(&url, "a1", &state, 30 * SECOND).await;
    daemon.record(7);
    daemon.until_stored(7).await;
    daemon.stop().await;
    assert_eq!(files(&state), ["spool-a0.damaged"]);
    assert_eq!(stored(&url).await, [7; 4]);
}

/// Stops a daemon whose database does not take what it has: that goes to a file.
async fn stop_while_locked(daemon: Daemon, url: &str, requests: u64, samples: Vec<HostSample>) {
    let path = url.trim_start_matches("sqlite://");
    let options = SqliteConnectOptions::new().filename(path);
    let mut other = options.connect().await.unwrap();
    let lock = sqlx::raw_sql("begin immediate").execute(&mut other);
    lock.await.unwrap();
    daemon.record(requests);
    daemon.handle.push_samples(samples);
    daemon.until_failing().await;
    daemon.stop().await;
    let unlock = sqlx::raw_sql("rollback").execute(&mut other);
    unlock.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_waits_for_its_own_database() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (url, other) = (sqlite_url(&folder), sqlite_url(&elsewhere));
    let state = folder.path().join("state");
    let daemon = Daemon::start(&url, "a1", &state, Duration::from_millis(300)).await;
    stop_while_locked(daemon, &url, 20, Vec::new()).await;
    assert_eq!(files(&state), ["spool-a1.json"]);

    let daemon = Daemon::start(&other, "b2", &state, 30 * SECOND).await;
    daemon.record(3);
    daemon.until_stored(3).await;
    let health = daemon.stop().await;
    assert_eq!(health.counters.recovered, 0);
    assert_eq!(stored(&other).await, [3; 4]);
    assert_eq!(files(&state), ["spool-a1.json"]);

    let daemon = Daemon::start(&url, "c3", &state, 30 * SECOND).await;
    daemon.until_stored(20).await;
    daemon.stop().await;
    assert_eq!(stored(&url).await, [20; 4]);
    assert!(files(&state).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_stay_those_of_the_host_that_they_were_measured_on() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let state = folder.path().join("state");
    let daemon = Daemon::start(&url, "a1", &state, Duration::from_millis(300)).await;
    daemon
        .until("seen", |health| health.success_count > 0)
        .await;
    let sample = HostSample {
        name: "load.one".to_owned(),
        labels: String::new(),
        time: Timestamp::from_millis(1_800_000_000_000),
        samples: 30,
        mean: 0.5,
        max: 1.0,
    };
    stop_while_locked(daemon, &url, 1, vec![sample]).await;
    assert_eq!(files(&state), ["spool-a1.json"]);

    let store = Store::open(Options::new(url.as_str()), Clock::system());
    let daemon = Daemon::on_host("moved", store.await.unwrap(), "b2", &state);
    daemon.until_stored(1).await;
    let recovered = |host: &str| SampleFilter {
        resolution: Resolution::Minute,
        hosts: vec![host.to_owned()],
        name: "load.one".to_owned(),
        labels: None,
        from: Timestamp::from_millis(0),
        to: Timestamp::from_millis(i64::MAX / 2),
    };
    daemon.stop().await;
    assert!(files(&state).is_empty());
    let store = Store::open(Options::new(url.as_str()), Clock::system());
    let store = store.await.unwrap();
    let found = async |host: &str| {
        let rows = store.list_host_samples(&recovered(host), 60, 10).await;
        rows.unwrap().len()
    };
    assert_eq!((found("host").await, found("moved").await), (1, 0));
}
