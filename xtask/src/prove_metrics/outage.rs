//! A database that is killed and one that hangs: the host still responds, and nothing is lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use super::daemon::Daemon;
use super::database::Database;
use super::load::{Load, UPTIME, UPTIME_ONLY};
use super::run::Run;
use crate::postgres::Postgres;

const CLIENTS: u32 = 20;
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the daemon may take to store what it kept.
const CATCH_UP: Duration = Duration::from_mins(1);

pub(super) async fn prove(run: &mut Run) -> anyhow::Result<()> {
    let postgres = run.postgres()?;
    let mut daemon = Daemon::start(run, 1, "host", &postgres.url(), &[]).await?;
    let mut sent = 0;
    for (name, signal, seconds) in [
        ("kill -9", Signal::KILL, run.options.kill),
        ("SIGSTOP", Signal::STOP, run.options.stop),
    ] {
        // Before the outage, for the daemon to know its key.
        let load = Load::paced(&daemon, UPTIME_ONLY, run.options.pace(CLIENTS));
        load.last(CLIENTS, WARM_UP).await;
        load.forget_durations();
        postgres.fail(signal).await?;
        down(run, name, &load, &daemon, seconds).await?;
        postgres.recover(signal).await?;
        back(run, name, &postgres, &daemon).await?;
        sent += load.total();
    }
    daemon.stop().await?;
    let stored = Database::postgres(&postgres.url())?.stored(UPTIME).await?;
    run.check(
        stored == sent,
        format_args!("stored counts equal the clients': {stored} of {sent}"),
    );
    Ok(())
}

/// The time without a database.
async fn down(
    run: &mut Run,
    name: &str,
    load: &Load<'_>,
    daemon: &Daemon,
    seconds: u32,
) -> anyhow::Result<()> {
    let time = Duration::from_secs(seconds.into());
    let before = daemon.log()?.len();
    let ((), states) = tokio::join!(load.last(CLIENTS, time), health(daemon, time));

    let p99 = load.p99();
    run.check(
        load.statuses().keys().eq(&[200]),
        format_args!(
            "{name}: responses for {seconds} s: {:?}, p99 {:.1} ms",
            load.statuses(),
            1000.0 * p99
        ),
    );
    run.check(
        p99 <= 0.25,
        format_args!("{name}: p99 of host routes at most 250 ms"),
    );
    let is_healthy = |state: &(&str, u16)| matches!(state, ("/livez", 200) | ("/readyz", 503));
    run.check(
        states.keys().all(is_healthy),
        format_args!("{name}: alive and not ready: {states:?}"),
    );
    let entries = daemon.log()?.split_off(before);
    // Requests that were refused or slow have lines of their own.
    let events: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.get("duration_us").is_none())
        .filter_map(|entry| entry["message"].as_str())
        .collect();
    run.check(
        events.len() as u64 <= time.as_secs() / 60 + 2,
        format_args!(
            "{name}: at most a line a minute: {} of {}: {events:?}",
            events.len(),
            entries.len()
        ),
    );
    Ok(())
}

/// How often each probe had which status.
async fn health(daemon: &Daemon, time: Duration) -> BTreeMap<(&'static str, u16), u32> {
    let begin = Instant::now();
    let mut states = BTreeMap::new();
    while begin.elapsed() < time {
        for path in ["/livez", "/readyz"] {
            *states.entry((path, daemon.probe(path).await)).or_default() += 1;
        }
        sleep(Duration::from_secs(5)).await;
    }
    states
}

/// The time after an outage.
async fn back(
    run: &mut Run,
    name: &str,
    postgres: &Postgres,
    daemon: &Daemon,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    daemon.wait_for("/readyz").await?;
    let requests = loop {
        let flusher = daemon.flusher().await?;
        let requests = &flusher["requests"];
        let is_done = flusher["consecutive_failures"] == 0
            && requests["queued"]
                .as_u64()
                .is_some_and(|queued| queued <= 50);
        if is_done || begin.elapsed() > CATCH_UP {
            break requests.clone();
        }
        sleep(Duration::from_secs(1)).await;
    };
    let waited = begin.elapsed();
    run.check(
        waited < CATCH_UP && requests["dropped"] == 0,
        format_args!("{name}: everything is stored within {CATCH_UP:?}: {waited:.1?}, {requests}"),
    );
    let sql =
        "select count(*), count(distinct (time, route, method, instance_id)) from request_stats";
    let (rows, buckets): (i64, i64) = Database::postgres(&postgres.url())?.row(sql).await?;
    run.check(
        rows == buckets,
        format_args!("{name}: every bucket once: {rows}"),
    );
    Ok(())
}
