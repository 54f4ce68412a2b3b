//! The statistics routes over 90 days of 20 routes: 2.6 million rows of minutes.

use std::fmt::Write as _;
use std::time::Duration;

use linux_api_wire::sketch::Sketch;
use linux_api_wire::time::{Clock, Timestamp};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};

use crate::daemon::Daemon;
use crate::load;
use crate::postgres::Postgres;
use crate::table::{Bar, Row};

const DAYS: u32 = 90;
const DAY: Duration = Duration::from_hours(24);
const ROUND: Duration = Duration::from_millis(60);
/// A page over its bar is measured again, because neighbours take the machine now and then: a page
/// that is slow is slow each time.
const TRIES: usize = 3;
const MINUTES_MS: f64 = 15.0;
const ROLLUPS_MS: f64 = 100.0;

pub(crate) fn rows() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/bench.db", folder.path().display());
    let minutes = Bar::AtMost(MINUTES_MS);
    let mut rows = rows_on(
        &sqlite,
        minutes,
        ["SQLite, minutes", "SQLite, rollups", "SQLite, far offsets"],
    );
    for (with_timescale, names) in [
        (
            false,
            [
                "PostgreSQL, minutes",
                "PostgreSQL, rollups",
                "PostgreSQL, far offsets",
            ],
        ),
        (
            true,
            [
                "TimescaleDB, minutes",
                "TimescaleDB, rollups",
                "TimescaleDB, far offsets",
            ],
        ),
    ] {
        if let Some(postgres) = Postgres::start(with_timescale) {
            // The bar is for plain tables; to plan over chunks takes longer.
            let minutes = if with_timescale { Bar::None } else { minutes };
            rows.extend(rows_on(&postgres.url(), minutes, names));
        }
    }
    rows
}

fn rows_on(url: &str, minutes_bar: Bar, names: [&'static str; 3]) -> Vec<Row> {
    let home = tempfile::tempdir().unwrap();
    let settings = [
        ("LINUX_API__DATABASE__URL", url),
        // More than the bench's rows, so that nothing of them is deleted meanwhile.
        ("LINUX_API__RETENTION__MINUTES", "100d"),
        ("LINUX_API__DATABASE__DEADLINE", "60s"),
        ("LINUX_API__SERVER__REQUEST_TIMEOUT", "60s"),
        ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
    ];
    let first = Daemon::start(home.path(), &settings);
    let headers = first.headers();
    drop(first);
    let now = Clock::system().now();
    fill(url, now);
    let daemon = Daemon::start(home.path(), &settings);
    let measure_page = |path: &str, bar: Bar| {
        let mut best = f64::INFINITY;
        for _ in 0..TRIES {
            let load = load::run(daemon.address, path, &headers, 1, ROUND);
            best = best.min(load.percentile_ms(0.5));
            if bar.is_held(best) {
                break;
            }
        }
        best
    };
    let measure = |name, bar, paths: Vec<String>| {
        let pages = paths.into_iter().flat_map(|path| {
            // What was just written lies on disk; a page that is read for the first time is another
            // matter than the query.
            let (head, _) = load::fetch(daemon.address, &path, &headers);
            [Some(path), next_page(&head)].into_iter().flatten()
        });
        let mut measured: Vec<(f64, String)> =
            pages.map(|path| (measure_page(&path, bar), path)).collect();
        measured.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (middle, _) = measured[measured.len() / 2];
        let pages = measured.len();
        let (millis, path) = measured.pop().unwrap();
        Row {
            what: name,
            ours: format!("{millis:.1} ms, {middle:.1} in the middle of {pages} pages"),
            reference: path.trim_start_matches("/api/v1/metrics/").to_owned(),
            value: millis,
            bar,
        }
    };
    vec![
        measure(names[0], minutes_bar, minutes(now)),
        measure(names[1], Bar::AtMost(ROLLUPS_MS), rollups(now)),
        // Everything in between is counted; pages by time or cursor are for those who go far.
        measure(names[2], Bar::None, far()),
    ]
}

/// The path of the page that follows by cursor.
fn next_page(head: &str) -> Option<String> {
    let link = head.lines().find(|line| line.contains("next_cursor"))?;
    let (path, _) = link.split_once('<')?.1.split_once('>')?;
    Some(path.to_owned())
}

const FILTERS: [&str; 6] = [
    "",
    "&by=method",
    "&host=bench-host",
    "&route=/api/v1/some/route/7",
    "&route=/api/v1/some/route/7&by=method&host=bench-host",
    "&route=/api/v1/none",
];

/// Every route with every filter, for ranges that are given as days ago.
fn paths(now: Timestamp, bucket: &str, ranges: &[Option<(u32, u32)>]) -> Vec<String> {
    let mut all = Vec::new();
    for range in ranges {
        let ends =
            range.map(|(from, to)| (now.saturating_sub(DAY * from), now.saturating_sub(DAY * to)));
        let span = |start: &str, end: &str| match ends {
            Some((from, to)) => format!("&{start}={from}&{end}={to}"),
            None => String::new(),
        };
        for filter in FILTERS {
            for limit in [100, 1_000] {
                let rest = format!("limit={limit}&bucket={bucket}{filter}");
                let (old, new) = (span("start_time", "end_time"), span("start", "end"));
                all.push(format!("routes?{rest}{new}"));
                for order in ["", "&newest_first=false"] {
                    all.push(format!("global?{rest}{old}{order}"));
                    all.push(format!("status-codes?{rest}{old}{order}"));
                    all.push(format!("status-codes?{rest}{old}{order}&status_code=500"));
                }
            }
        }
    }
    let path = |path| format!("/api/v1/metrics/{path}");
    all.into_iter().map(path).collect()
}

fn minutes(now: Timestamp) -> Vec<String> {
    paths(
        now,
        "1m",
        &[None, Some((1, 0)), Some((45, 44)), Some((90, 10))],
    )
}

fn rollups(now: Timestamp) -> Vec<String> {
    let ranges = [None, Some((90, 0)), Some((50, 10))];
    [paths(now, "1h", &ranges), paths(now, "1d", &ranges)].concat()
}

/// Pages far from the newest row.
fn far() -> Vec<String> {
    let path = |path| format!("/api/v1/metrics/{path}");
    let all = [
        "global?limit=100&offset=100000",
        "status-codes?limit=100&offset=2000000",
    ];
    all.into_iter().map(path).collect()
}

/// Writes the rows as the daemon would have, by statements that make them in the database.
fn fill(url: &str, now: Timestamp) {
    let mut sketch = Sketch::new();
    for number in 0..200_u32 {
        sketch.add(0.000_2 + f64::from(number * number) / 1e6);
    }
    let mut hex = String::new();
    for byte in sketch.encode() {
        write!(hex, "{byte:02x}").unwrap();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let is_sqlite = url.starts_with("sqlite");
        // A host that was not seen for years would be forgotten.
        let time = if is_sqlite {
            now.as_millis().to_string()
        } else {
            "now()".to_owned()
        };
        let host = format!(
            "insert into hosts (id, name, labels, version, instance_id, first_seen, last_seen) \
             values ('bench-host', 'bench', '{{}}', '1', '0123456789abcdef', {time}, {time});"
        );
        let sql = [("", 60), ("_hourly", 3_600), ("_daily", 86_400)]
            .map(|(suffix, step)| statements(is_sqlite, suffix, step, now, &hex))
            .concat();
        let sql = AssertSqlSafe(host + &sql);
        if let Some(path) = url.strip_prefix("sqlite://") {
            let mut connection = SqliteConnectOptions::new()
                .filename(path)
                .connect()
                .await
                .unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            return;
        }
        let options: PgConnectOptions = url.parse().unwrap();
        let options = options.options([("search_path", "linux_api, public")]);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        let compress = "do $do$ begin
            if exists (select from pg_extension where extname = 'timescaledb') then
                perform compress_chunk(format('%I.%I', chunk_schema, chunk_name), true)
                from timescaledb_information.chunks
                where hypertable_schema = 'linux_api' and range_end < now() - interval '3 days';
            end if;
        end $do$; vacuum analyze;";
        for statement in compress.split_inclusive("$do$;") {
            let statement = AssertSqlSafe(statement.to_owned());
            sqlx::raw_sql(statement)
                .execute(&mut connection)
                .await
                .unwrap();
        }
    });
}

fn statements(is_sqlite: bool, suffix: &str, step: i64, now: Timestamp, sketch: &str) -> String {
    let end = now.as_millis() / 1_000 / step * step;
    let begin = end - i64::from(DAYS) * 86_400;
    let (series, sketch) = if is_sqlite {
        let times = format!(
            "with recursive times(time) as (select {begin}000 union all \
             select time + {step}000 from times where time < {end}000), \
             numbers(n) as (select 1 union all select n + 1 from numbers where n < 20) "
        );
        (times, format!("x'{sketch}'"))
    } else {
        let times = format!(
            "with times as (select to_timestamp(s) as time from generate_series({begin}, {end}, {step}) s), \
             numbers as (select n from generate_series(1, 20) n) "
        );
        (times, format!("decode('{sketch}', 'hex')"))
    };
    let host = "'bench-host', '0123456789abcdef'";
    let on = if is_sqlite { "" } else { "insert into " };
    let into = |table: &str, columns: &str| {
        if is_sqlite {
            format!("insert into {table}{suffix} ({columns}) {series}")
        } else {
            format!("{series} {on}{table}{suffix} ({columns}) ")
        }
    };
    let status = "time, route, method, status, host_id, instance_id, count";
    format!(
        "{} select time, '/api/v1/some/route/' || n, 'GET', {host}, 200, 2.5, 0.0002, 0.04, {sketch} \
            from times, numbers;
         {} select time, '/api/v1/some/route/' || n, 'GET', 200, {host}, 199 from times, numbers;
         {} select time, '/api/v1/some/route/' || n, 'GET', 500, {host}, 1 from times, numbers \
            where n % 10 = 0;",
        into(
            "request_stats",
            "time, route, method, host_id, instance_id, requests, sum, min, max, sketch"
        ),
        into("request_status", status),
        into("request_status", status),
    )
}
