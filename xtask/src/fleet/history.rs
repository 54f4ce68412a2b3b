//! What the fleet has stored before it is played: all series of some hosts, requests of all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::host::{PlayedHost, identity};
use super::report::Measured;
use super::requests::{Traffic, stats};
use super::site::Site;
use linux_api_daemon::tasks::janitor::{self, Retention};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::{Clock, ManualClock, Timestamp};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
/// For how many days each host has requests by hour and by day.
const DAYS_OF_REQUESTS: u64 = 10;
/// How many hosts are written side by side.
const SIDE_BY_SIDE: usize = 2;
/// How much of a host is written at once.
const STEP: Duration = Duration::from_mins(20);

/// Writes all minutes of some hosts as their daemons would have, and returns how many bytes a host and
/// day take.
pub(super) async fn fill_series(site: &Site, hosts: u32, days: u32) -> anyhow::Result<Measured> {
    let started = Instant::now();
    site.analyze().await?;
    let before = database_bytes(site).await?;
    let end = Resolution::Hour.start_of(Clock::system().now());
    let begin = end.saturating_sub(DAY * days);
    stream::iter(0..hosts)
        .map(|number| fill_host(site, number, begin, end))
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect::<()>()
        .await?;
    compress(site).await?;
    site.analyze().await?;
    // Here a month of changes to open hours came in half a minute, so that none was cleaned up in time.
    site.execute("vacuum full linux_api.host_minutes").await?;
    let bytes = database_bytes(site).await? - before;
    #[expect(clippy::cast_precision_loss, reason = "a size in megabytes")]
    let megabytes = bytes as f64 / f64::from(hosts * days) / 1e6;
    println!(
        "{days} days of all series of {hosts} hosts written in {} s",
        started.elapsed().as_secs()
    );
    Ok(Measured::new(megabytes, format!("{megabytes:.2} MB")))
}

async fn fill_host(
    site: &Site,
    number: u32,
    begin: Timestamp,
    end: Timestamp,
) -> anyhow::Result<()> {
    let clock = ManualClock::at(begin);
    let store = site.open(clock.clock()).await?;
    let (source, report) = (PlayedHost::new(number), report(number));
    let mut minute = begin;
    while minute < end {
        let mut samples = Vec::new();
        let next = minute.saturating_add(STEP);
        while minute < next {
            samples.extend(source.minute(minute));
            minute = minute.saturating_add(MINUTE);
        }
        clock.advance(STEP);
        let batch = Batch {
            host: &report,
            buckets: &[],
            samples: &samples,
        };
        store.flush(batch).await?;
    }
    store.close().await;
    Ok(())
}

/// With TimescaleDB, what is old enough is compressed as retention does at its next turn.
async fn compress(site: &Site) -> anyhow::Result<()> {
    let store = site.open(Clock::system()).await?;
    if store.timescale().await?.is_used() {
        let years = DAY * 10_000;
        let retention = Retention {
            minutes: years,
            hours: years,
            days: years,
            audit: years,
            max_bytes: None,
        };
        janitor::sweep(&store, &retention, "history").await?;
        store.release_lease("janitor", "history").await?;
    }
    store.close().await;
    Ok(())
}

/// Writes what all daemons of the fleet would have counted: by minute of the last hour, by hour and by day
/// of the last days.
pub(super) async fn fill_requests(site: &Site, hosts: u32, traffic: Traffic) -> anyhow::Result<()> {
    let started = Instant::now();
    let now = Clock::system().now();
    // Making up durations takes longer than writing them: hosts share some.
    let kinds: Vec<Sample> = (0..16).map(|_| Sample::new(traffic.each)).collect();
    stream::iter(0..hosts)
        .map(|number| fill_requests_of(site, number, traffic, &kinds, now))
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect::<()>()
        .await?;
    println!(
        "requests of {hosts} hosts written in {} s",
        started.elapsed().as_secs()
    );
    Ok(())
}

/// Requests to one route, of a minute, an hour and a day.
struct Sample([RequestStats; 3]);

impl Sample {
    fn new(each: u32) -> Self {
        Self([1, 60, 24 * 60].map(|minutes| stats(each * minutes)))
    }

    fn of(&self, resolution: Resolution) -> &RequestStats {
        match resolution {
            Resolution::Minute => &self.0[0],
            Resolution::Hour => &self.0[1],
            Resolution::Day => &self.0[2],
        }
    }
}

async fn fill_requests_of(
    site: &Site,
    number: u32,
    traffic: Traffic,
    kinds: &[Sample],
    now: Timestamp,
) -> anyhow::Result<()> {
    let store = site.open(Clock::system()).await?;
    let report = report(number);
    let names = traffic.names().into_iter().map(Arc::<str>::from);
    let names: Vec<Arc<str>> = names.collect();
    let mut buckets = Vec::new();
    for (resolution, count) in [
        (Resolution::Minute, 60),
        (Resolution::Hour, 24 * DAYS_OF_REQUESTS),
        (Resolution::Day, DAYS_OF_REQUESTS),
    ] {
        let mut time = resolution.start_of(now);
        for _ in 0..count {
            time = resolution.start_of(time.saturating_sub(resolution.length()));
            for route in &names {
                let kind = &kinds[rand::random_range(0..kinds.len())];
                buckets.push(RequestBucket {
                    resolution,
                    time,
                    host_id: Arc::clone(&report.identity.id),
                    instance_id: Arc::clone(&report.instance_id),
                    key: RequestKey {
                        route: Arc::clone(route),
                        method: RequestMethod::Get,
                    },
                    stats: kind.of(resolution).clone(),
                });
            }
        }
    }
    let batch = Batch {
        host: &report,
        buckets: &buckets,
        samples: &[],
    };
    store.flush(batch).await?;
    store.close().await;
    Ok(())
}

/// What an earlier start of the daemon says of itself.
pub(super) fn report(number: u32) -> HostReport {
    HostReport {
        identity: identity(number),
        instance_id: format!("{number:032x}").into(),
        facts: None,
        sample: None,
    }
}

async fn database_bytes(site: &Site) -> anyhow::Result<i64> {
    let (bytes,) = site.row("select pg_database_size({database})").await?;
    Ok(bytes)
}
