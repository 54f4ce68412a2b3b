//! What the running fleet costs: connections, transactions, processor time, write-ahead log.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time::sleep;

use super::crowd::Crowd;
use super::pooler::PoolFigures;
use super::report::{Measured, Report, Row};
use super::site::Site;
use crate::postgres::children;

/// From one count of connections to the next.
const COUNT: Duration = Duration::from_secs(2);

/// Counters at one moment.
struct Mark {
    time: Instant,
    transactions: i64,
    wal_bytes: i64,
    postgres: Option<Duration>,
    pooler: Option<Duration>,
}

/// What grew from one mark to another, and the most connections there were.
struct Usage {
    seconds: f64,
    transactions: f64,
    wal_bytes: f64,
    /// Seconds of processor time.
    postgres: Option<f64>,
    pooler: Option<f64>,
    connections: i64,
    pool: Option<PoolFigures>,
}

impl Usage {
    fn wal_a_minute(&self) -> Measured {
        let megabytes = self.wal_bytes / self.seconds * 60.0 / 1e6;
        Measured::new(megabytes, format!("{megabytes:.2} MB"))
    }

    fn wal_a_day(&self) -> Measured {
        let gigabytes = self.wal_bytes / self.seconds * 86_400.0 / 1e9;
        Measured::new(gigabytes, format!("{gigabytes:.2} GB"))
    }
}

/// Measures the fleet while it is not used.
pub(super) async fn measure_idle(
    site: &Site,
    crowd: &Crowd,
    time: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    if site.postgres.is_some() {
        // The first change of a page after a checkpoint writes all of it: each run pays for that once.
        site.execute("checkpoint").await?;
    }
    let (before, failed_before) = crowd.writes();
    let usage = watch(site, time).await?;
    let (after, failed) = crowd.writes();
    println!("{} writes of daemons that are idle", after - before);
    report.note(Row::FailedWrites, Measured::count(failed - failed_before));

    let connections = usage.connections.unsigned_abs();
    if site.options.pooler {
        report.note(Row::ServerConnections, Measured::count(connections));
    } else {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = connections as f64 / crowd.len() as f64;
        report.note(
            Row::OwnConnections,
            Measured::new(each, format!("{each:.2}")),
        );
    }
    if let Some(pool) = usage.pool {
        let clients = pool.clients.unsigned_abs();
        report.note(Row::ClientConnections, Measured::count(clients));
        report.note(Row::PoolerWait, Measured::milliseconds(pool.longest_wait));
    }
    let rate = usage.transactions / usage.seconds;
    report.note(
        Row::TransactionsIdle,
        Measured::new(rate, format!("{rate:.0}")),
    );
    if let Some(seconds) = usage.postgres {
        report.note(Row::ProcessorIdle, Measured::share(seconds / usage.seconds));
    }
    if let Some(seconds) = usage.pooler {
        report.note(
            Row::PoolerProcessor,
            Measured::share(seconds / usage.seconds),
        );
    }
    report.note(Row::WalMinute, usage.wal_a_minute());
    report.note(Row::WalDay, usage.wal_a_day());
    Ok(())
}

/// Measures the fleet while it is in use, and counts requests.
pub(super) async fn measure_used(
    site: &Site,
    time: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let usage = watch(site, time).await?;
    let rate = usage.transactions / usage.seconds;
    report.note(
        Row::TransactionsUsed,
        Measured::new(rate, format!("{rate:.0}")),
    );
    if let Some(seconds) = usage.postgres {
        report.note(Row::ProcessorUsed, Measured::share(seconds / usage.seconds));
    }
    report.note(Row::WalDayUsed, usage.wal_a_day());
    if site.options.pooler {
        let connections = usage.connections.unsigned_abs();
        report.note(Row::ServerConnectionsUsed, Measured::count(connections));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counters of minutes")]
async fn watch(site: &Site, time: Duration) -> anyhow::Result<Usage> {
    let before = mark(site).await?;
    let mut connections = 0;
    let mut pool: Option<PoolFigures> = None;
    while before.time.elapsed() < time {
        sleep(COUNT).await;
        let sql = "select count(*) from pg_stat_activity \
                   where datname = {database} and backend_type = 'client backend'";
        let (now,): (i64,) = site.row(sql).await?;
        connections = connections.max(now);
        if let Some(pooler) = &site.pooler {
            let (now, most) = (pooler.figures().await?, pool.unwrap_or_default());
            pool = Some(PoolFigures {
                clients: now.clients.max(most.clients),
                longest_wait: now.longest_wait.max(most.longest_wait),
            });
        }
    }
    let after = mark(site).await?;
    let grown = |before: Option<Duration>, after: Option<Duration>| {
        Some(after?.saturating_sub(before?).as_secs_f64())
    };
    Ok(Usage {
        seconds: (after.time - before.time).as_secs_f64(),
        transactions: (after.transactions - before.transactions) as f64,
        wal_bytes: (after.wal_bytes - before.wal_bytes) as f64,
        postgres: grown(before.postgres, after.postgres),
        pooler: grown(before.pooler, after.pooler),
        connections,
        pool,
    })
}

async fn mark(site: &Site) -> anyhow::Result<Mark> {
    let sql = "select xact_commit + xact_rollback, \
               cast(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as bigint) \
               from pg_stat_database where datname = {database}";
    let (transactions, wal_bytes) = site.row(sql).await?;
    let postgres = match &site.postgres {
        Some(server) => Some(of_server(server.postmaster()?)?),
        None => None,
    };
    let pooler = match &site.pooler {
        Some(pooler) => Some(of_process(pooler.id())?.0),
        None => None,
    };
    Ok(Mark {
        time: Instant::now(),
        transactions,
        wal_bytes,
        postgres,
        pooler,
    })
}

/// Processor time of a server: of its first process, of those that it has waited for, and of those that
/// run.
fn of_server(postmaster: u32) -> anyhow::Result<Duration> {
    let (own, waited_for) = of_process(postmaster)?;
    let mut all = own + waited_for;
    for child in children(postmaster)? {
        // One may have ended since the list was read.
        if let Ok((own, _)) = of_process(child) {
            all += own;
        }
    }
    Ok(all)
}

/// Processor time of a process, and of those of its children that it has waited for.
fn of_process(id: u32) -> anyhow::Result<(Duration, Duration)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let ticks = ticks(&text).context("read the times of a process")?;
    let seconds = |ticks: u64| Duration::from_secs(ticks).div_f64(ticks_per_second());
    Ok((seconds(ticks[0] + ticks[1]), seconds(ticks[2] + ticks[3])))
}

fn ticks_per_second() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "one hundred")]
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    ticks
}

/// `utime`, `stime`, `cutime` and `cstime` of proc(5).
fn ticks(stat: &str) -> Option<[u64; 4]> {
    // The name of the program may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_process_are_found_behind_any_name() {
        let stat = "12 (a ) b) S 1 12 12 0 -1 4194560 300 9000 0 5 7 11 13 17 20 0 1 0 100";
        assert_eq!(ticks(stat), Some([7, 11, 13, 17]));
        assert_eq!(ticks("12 (a) S 1"), None);
        let own = std::process::id();
        assert!(of_process(own).unwrap().0 < Duration::from_hours(1));
    }
}
