//! Four daemons count exactly, and their percentiles are those of the access logs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use tokio::time::sleep;

use super::daemon::Daemon;
use super::database::Database;
use super::load::{Counted, KINDS, Load, percentile};
use super::run::Run;
use crate::postgres::Postgres;

/// The load pauses between them, so that counts reach the database in several transactions.
const ROUNDS: u32 = 4;
const ROUND: Duration = Duration::from_secs(11);
/// Requested by the proof itself while it waits for daemons.
const PROBE: &str = "/livez";

pub(super) async fn prove(run: &mut Run) -> anyhow::Result<()> {
    let postgres = run.postgres()?;
    let mut daemons = Vec::new();
    for (number, name) in (1..).zip(["host0", "host1", "host2", "host3"]) {
        let variables = [("LINUX_API__LOG__ACCESS", "all")];
        daemons.push(Daemon::start(run, number, name, &postgres.url(), &variables).await?);
    }
    let key = daemons.iter().find_map(|daemon| daemon.key.clone());
    for daemon in &mut daemons {
        daemon.key.clone_from(&key);
    }
    counts(run, &postgres, &mut daemons).await?;

    let mut reader = Daemon::start(run, 9, "reader", &postgres.url(), &[]).await?;
    reader.key = key;
    percentiles(run, &daemons, &reader).await
}

async fn counts(run: &mut Run, postgres: &Postgres, daemons: &mut [Daemon]) -> anyhow::Result<()> {
    let options = run.options;
    let begin = Instant::now();
    let load = Load::new(daemons.iter().collect(), KINDS);
    for round in 1..=ROUNDS {
        let requests = options.requests / ROUNDS;
        load.send(options.connections, requests).await;
        if round < ROUNDS {
            sleep((ROUND * round).saturating_sub(begin.elapsed())).await;
        }
    }
    let seconds = begin.elapsed().as_secs();
    let (sent, total) = (load.counts(), load.total());
    for daemon in daemons {
        let status = daemon.stop().await?;
        let name = &daemon.name;
        run.check(status.success(), format_args!("{name} ends with 0"));
    }

    let database = Database::postgres(&postgres.url())?;
    let sql = "select method, route, cast(status as bigint), cast(sum(count) as bigint) \
               from request_status group by method, route, status";
    let rows: Vec<(String, String, i64, i64)> = database.rows(sql).await?;
    let (probes, stored): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .map(|(method, route, status, count)| ((method, route, status), count))
        .partition(|((_, route, _), _)| route == PROBE);
    let probes: i64 = probes.iter().map(|(_, count)| count).sum();
    let stored: BTreeMap<Counted, i64> = stored.into_iter().collect();
    let (minutes,): (i64,) = database
        .row("select count(distinct time) from request_stats")
        .await?;
    let what = format!("{total} requests sent in {seconds} s, {minutes} minutes");
    run.check(
        total == i64::from(options.requests),
        format_args!("{what}, {probes} probes apart"),
    );
    let figures = stored.iter().map(|(counted, count)| {
        let (method, route, status) = counted;
        let sent = sent.get(counted).unwrap_or(&0);
        format!("\n     {method} {route} {status}: {count} of {sent}")
    });
    let figures: String = figures.collect();
    let what = "stored counts equal the clients' per method, route and status";
    run.check(stored == sent, format_args!("{what}:{figures}"));
    Ok(())
}

async fn percentiles(run: &mut Run, daemons: &[Daemon], reader: &Daemon) -> anyhow::Result<()> {
    let mut durations: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for daemon in daemons {
        for entry in daemon.log()? {
            if let Some(micros) = entry["duration_us"].as_f64() {
                let route = entry["route"].as_str().unwrap_or_default().to_owned();
                durations.entry(route).or_default().push(micros / 1e6);
            }
        }
    }
    durations.remove(PROBE);
    let request = reader.request(Method::GET, "/api/v1/metrics/routes?bucket=1d");
    let rows: Vec<Value> = request.send().await?.error_for_status()?.json().await?;
    let (mut compared, mut worst) = (0, 0.0_f64);
    for row in rows {
        let route = row["route"].as_str().unwrap_or_default();
        let Some(durations) = durations.get_mut(route) else {
            continue;
        };
        for (name, percent) in [("p50", 50), ("p95", 95), ("p99", 99)] {
            let exact = percentile(durations, percent);
            let shown = row[name].as_f64().unwrap_or(f64::INFINITY);
            worst = worst.max((shown - exact).abs() / exact);
            compared += 1;
        }
    }
    let figures = format!("at most {:.2} % off, {compared} compared", 100.0 * worst);
    run.check(
        compared > 0 && worst <= 0.01,
        format_args!("percentiles are within 1 % of the access logs': {figures}"),
    );
    Ok(())
}
