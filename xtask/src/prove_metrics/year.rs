//! A year of minutes before and after retention.

use std::time::{Duration, Instant, SystemTime};

use tokio::time::sleep;

use super::daemon::Daemon;
use super::database::Database;
use super::run::Run;

/// Endings of the tables, with the seconds between their rows.
const RESOLUTIONS: [(&str, u32); 3] = [("", 60), ("_hourly", 3_600), ("_daily", 86_400)];
const TABLES: [&str; 3] = ["request_stats", "request_status", "host_samples"];
const DAY: u64 = 86_400;
/// How long the deletion may take.
const PATIENCE: Duration = Duration::from_mins(30);

pub(super) async fn prove(run: &mut Run) -> anyhow::Result<()> {
    let path = run.path("year.db");
    let url = format!("sqlite://{}", path.display());
    engine(run, &url, &Database::Sqlite(path)).await?;
    let postgres = run.postgres()?;
    engine(run, &postgres.url(), &Database::postgres(&postgres.url())?).await
}

async fn engine(run: &mut Run, url: &str, database: &Database) -> anyhow::Result<()> {
    let engine = database.engine();
    let mut daemon = Daemon::start(run, 1, engine, url, &[]).await?;
    daemon.stop().await?;
    fill(database, run.options.routes).await?;
    let (before, bytes_before) = (tables(database).await?, bytes(database).await?);
    let begin = Instant::now();
    daemon.restart().await?;
    while begin.elapsed() < PATIENCE && !has_deleted(&daemon)? {
        sleep(Duration::from_secs(1)).await;
    }
    let seconds = begin.elapsed().as_secs();
    daemon.stop().await?;
    if let Database::Postgres(_) = database {
        database.execute("vacuum full".to_owned()).await?;
    }
    let (after, bytes_after) = (tables(database).await?, bytes(database).await?);

    println!(
        "     {engine}: {} MiB in use before, {} MiB after, swept in {seconds} s",
        bytes_before >> 20,
        bytes_after >> 20,
    );
    let mut holds = true;
    for (before, after) in before.iter().zip(&after) {
        println!(
            "     {:<22} {:>9} rows, oldest {:6.1} days -> {:>9} rows, oldest {:6.1} days",
            before.name, before.rows, before.days, after.rows, after.days,
        );
        holds &= if before.step == 60 {
            // Packed minutes go by the hour.
            after.days <= 30.05
        } else {
            after.rows >= before.rows
        };
    }
    let what = "minutes of 30 days, and every hour and day of the year, are left";
    run.check(holds, format_args!("{engine}: {what}"));
    Ok(())
}

fn has_deleted(daemon: &Daemon) -> anyhow::Result<bool> {
    let log = daemon.log()?;
    let mut messages = log.iter().filter_map(|entry| entry["message"].as_str());
    Ok(messages.any(|message| message.contains("deleted measurements")))
}

/// How much a table has.
struct Table {
    name: String,
    step: u32,
    rows: i64,
    /// Age of the oldest row.
    days: f64,
}

async fn tables(database: &Database) -> anyhow::Result<Vec<Table>> {
    let age = match database {
        Database::Sqlite(_) => "(unixepoch() - min(time) / 1000) / 86400.0",
        Database::Postgres(_) => "extract(epoch from now() - min(time)) / 86400",
    };
    let mut tables = Vec::new();
    for (suffix, step) in RESOLUTIONS {
        for table in TABLES {
            let name = format!("{table}{suffix}");
            let sql = format!("select count(*), cast({age} as double precision) from {name}");
            let (rows, days) = database.row(&sql).await?;
            tables.push(Table {
                name,
                step,
                rows,
                days,
            });
        }
    }
    Ok(tables)
}

/// How much of its files the database uses.
async fn bytes(database: &Database) -> anyhow::Result<i64> {
    let sql = match database {
        Database::Sqlite(_) => {
            "select (page_count - freelist_count) * page_size \
             from pragma_page_count, pragma_freelist_count, pragma_page_size"
        }
        Database::Postgres(_) => {
            "select cast(sum(pg_total_relation_size(relid)) as bigint) from pg_stat_user_tables"
        }
    };
    let (bytes,) = database.row(sql).await?;
    Ok(bytes)
}

/// Writes rows of a year, of each resolution, for this many routes.
async fn fill(database: &Database, routes: u32) -> anyhow::Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the daemon under proof has the system's clock"
    )]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let end = now.as_secs() / DAY * DAY;
    let begin = end - 365 * DAY;
    for (suffix, step) in RESOLUTIONS {
        let (series, sketch) = match database {
            Database::Sqlite(_) => (
                format!(
                    "with recursive t(time) as (select {begin}000 union all \
                     select time + {step}000 from t where time < {end}000), \
                     r(n) as (select 1 union all select n + 1 from r where n < {routes})"
                ),
                "x'010203'",
            ),
            Database::Postgres(_) => (
                format!(
                    "with t as (select to_timestamp(s) as time \
                     from generate_series({begin}, {end}, {step}) s), \
                     r as (select n from generate_series(1, {routes}) n)"
                ),
                r"'\x010203'::bytea",
            ),
        };
        // As an earlier version of the program has left them: the daemon packs these.
        let samples = match suffix {
            "" => "host_samples_old".to_owned(),
            suffix => format!("host_samples{suffix}"),
        };
        for sql in [
            format!(
                "insert into request_stats{suffix} \
                 (time, route, method, host_id, instance_id, requests, sum, min, max, sketch) {series} \
                 select time, '/route/' || n, 'GET', 'h', 'i', 10, 0.1, 0.001, 0.09, {sketch} from t, r"
            ),
            format!(
                "insert into request_status{suffix} {series} \
                 select time, '/route/' || n, 'GET', 200, 'h', 'i', 10 from t, r"
            ),
            format!(
                "insert into {samples} {series} \
                 select 1000000 + n, time, 30, 1.0, 2.0 from t, r"
            ),
        ] {
            database.execute(sql).await?;
        }
    }
    for n in 1..=routes {
        let id = 1_000_000 + n;
        let sql = format!(
            "insert into host_series (id, host_id, name, labels) values ({id}, 'h', 'load.one', '{n}')"
        );
        database.execute(sql).await?;
    }
    Ok(())
}
