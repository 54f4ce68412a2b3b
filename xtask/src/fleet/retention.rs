//! What deleting costs those who write meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::time::sleep;

use super::history::report;
use super::report::{Measured, Report, Row};
use super::site::Site;
use linux_api_daemon::tasks::janitor::{self, Retention};
use linux_api_store::Store;
use linux_api_store::flush::Batch;
use linux_api_wire::time::Clock;

const HOLDER: &str = "retention";
const DAY: Duration = Duration::from_hours(24);
/// From one look at the sweeping transaction to the next.
const LOOK: Duration = Duration::from_millis(2);
/// From one write of the daemon beside it to the next.
const WRITE: Duration = Duration::from_millis(25);
/// How long that daemon writes alone first.
const ALONE: Duration = Duration::from_secs(10);
/// The number of the daemon that writes; none is played with it.
const WRITER: u32 = 900_000;

/// Deletes half of what was made up: how long a transaction of it lasts, and how long another daemon's
/// writes do meanwhile.
pub(super) async fn measure(site: &Site, days: u32, report: &mut Report) -> anyhow::Result<()> {
    let writer = Store::open(site.options.clone(), Clock::system()).await?;
    let stop = AtomicBool::new(false);
    let (longest_alone, ()) = tokio::join!(write_until(&writer, &stop), async {
        sleep(ALONE).await;
        stop.store(true, Ordering::Relaxed);
    });
    let longest_alone = longest_alone?;

    let sweeper = site.open(Clock::system()).await?;
    let pid = sole_backend(site, &sweeper).await?;
    let keep = Retention {
        minutes: DAY * days / 2,
        hours: DAY * 5,
        days: DAY * 5,
        audit: DAY * 365,
        max_bytes: None,
    };
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let sweep = async {
        let deleted = janitor::sweep(&sweeper, &keep, HOLDER).await;
        stop.store(true, Ordering::Relaxed);
        deleted
    };
    let (deleted, transaction, longest) = tokio::join!(
        sweep,
        longest_transaction(site, pid, &stop),
        write_until(&writer, &stop)
    );
    let deleted = deleted?.context("another daemon holds the lease of retention")?;
    println!(
        "retention: {deleted} rows or chunks in {:.1} s, in transactions of {:.0} ms at most; the longest write of \
         the daemon beside it took {:.0} ms when alone",
        begin.elapsed().as_secs_f64(),
        1e3 * transaction?.as_secs_f64(),
        1e3 * longest_alone.as_secs_f64()
    );
    report.note(Row::RetentionWrite, Measured::milliseconds(longest?));
    sweeper.release_lease("janitor", HOLDER).await?;
    sweeper.close().await;
    writer.close().await;
    Ok(())
}

/// Writes as a daemon does until `stop`; how long the longest write took.
async fn write_until(store: &Store, stop: &AtomicBool) -> anyhow::Result<Duration> {
    let host = report(WRITER);
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let batch = Batch {
            host: &host,
            buckets: &[],
            samples: &[],
        };
        store.flush(batch).await?;
        longest = longest.max(begin.elapsed());
        sleep(WRITE).await;
    }
    Ok(longest)
}

/// The process of the server that serves this store, whose pool has one connection.
async fn sole_backend(site: &Site, store: &Store) -> anyhow::Result<i32> {
    let sql = "select coalesce(array_agg(pid), '{}') from pg_stat_activity \
               where datname = {database} and backend_type = 'client backend'";
    let (before,): (Vec<i32>,) = site.row(sql).await?;
    store.ping().await?;
    let (after,): (Vec<i32>,) = site.row(sql).await?;
    let added: Vec<i32> = after
        .into_iter()
        .filter(|pid| !before.contains(pid))
        .collect();
    ensure!(
        added.len() == 1,
        "{} connections were opened at once",
        added.len()
    );
    Ok(added[0])
}

/// The longest transaction of a process of the server, as far as looks at it show.
async fn longest_transaction(site: &Site, pid: i32, stop: &AtomicBool) -> anyhow::Result<Duration> {
    let sql = format!(
        "select coalesce(cast(extract(epoch from clock_timestamp() - max(xact_start)) as float8), 0) \
         from pg_stat_activity where pid = {pid} and state <> 'idle'"
    );
    let mut looks = site.looks(&sql).await?;
    let mut longest = 0.0_f64;
    while !stop.load(Ordering::Relaxed) {
        longest = longest.max(looks.next().await?);
        sleep(LOOK).await;
    }
    Ok(Duration::from_secs_f64(longest.max(0.0)))
}
