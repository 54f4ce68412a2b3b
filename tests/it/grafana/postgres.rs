//! Each query of the boards for PostgreSQL, run as the role that Grafana has, on what two daemons stored.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Column as _, Connection as _, Executor as _, PgConnection, Row as _};
use uuid::Uuid;

use super::boards::{Query, all, directory};
use super::support::daemon::Daemon;
use super::support::postgres::fresh_database;

const PATIENCE: Duration = Duration::from_mins(1);
/// Panels that a test can't fill, and why; their queries have to be valid nevertheless.
const EMPTY: &[(&str, &str)] = &[
    ("Failed units", "only a booted systemd has units"),
    ("Deliveries", "nothing is sent: there is no channel"),
];
/// A rule that fires at once.
const RULES: &str =
    "[[rule]]\nname = \"warns\"\nseries = \"uptime.seconds\"\nwarning = 1\nfor = \"0s\"\n";

/// What Grafana puts in place of its macros, for the last hour.
fn expanded(text: &str, host: &str) -> String {
    let (from, to) = ("now() - interval '1 hour'", "now() + interval '1 minute'");
    let mut text = text
        .replace("$__timeFrom()", from)
        .replace("$__timeTo()", to)
        .replace("$__interval_ms", "60000")
        .replace("$__interval", "60")
        .replace("$host", host);
    while let Some((before, after)) = text.split_once("$__timeGroup(") {
        let (arguments, rest) = after.split_once(')').unwrap();
        let (column, seconds) = arguments.split_once(", ").unwrap();
        text = format!("{before}floor(extract(epoch from {column}) / {seconds}) * {seconds}{rest}");
    }
    while let Some((before, after)) = text.split_once("$__timeFilter(") {
        let (column, rest) = after.split_once(')').unwrap();
        text = format!("{before}{column} between {from} and {to}{rest}");
    }
    assert!(!text.contains('$'), "{text}");
    text
}

/// How many rows a query has, those with a value that is null left out where it is no table; the names of
/// its columns have to be those of the panel.
async fn rows(connection: &mut PgConnection, query: &Query, host: &str) -> i64 {
    let text = expanded(&query.text, host);
    let rows = connection.fetch_all(AssertSqlSafe(text.clone())).await;
    let rows = rows.unwrap_or_else(|error| panic!("{}: {error}\n{text}", query.place));
    if query.kind == "table" {
        if let Some(row) = rows.first() {
            let mut names: Vec<_> = row
                .columns()
                .iter()
                .map(|it| it.name().to_owned())
                .collect();
            names.sort();
            let mut columns = query.columns.clone();
            columns.sort();
            assert_eq!(names, columns, "{}", query.place);
        }
        return i64::try_from(rows.len()).unwrap();
    }
    let counted = format!("select count(*) from ({text}) found where found is not null");
    let row = connection.fetch_one(AssertSqlSafe(counted)).await.unwrap();
    row.get(0)
}

/// A role of a name of its own, made as the packages' file makes it.
async fn reader(owner: &mut PgConnection, url: &str) -> (String, String) {
    let role = format!("linux_api_grafana_{}", Uuid::new_v4().simple());
    let sql = fs::read_to_string(directory().join("reader.sql")).unwrap();
    let sql = sql.replace("linux_api_grafana", &role);
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *owner)
        .await
        .unwrap();
    let password = format!("alter role {role} password 'grafana'");
    owner.execute(AssertSqlSafe(password)).await.unwrap();
    let address = url.split_once("://").unwrap().1;
    let address = address.rsplit_once('@').map_or(address, |(_, it)| it);
    (format!("postgres://{role}:grafana@{address}"), role)
}

/// Waits until the rule has fired on both hosts, and requests were counted.
async fn filled(owner: &mut PgConnection, daemon: &Daemon) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        super::prometheus::use_it(daemon);
        let firing = "select count(*) from linux_api.alert_states where status = 'firing' and rule = 'warns'";
        let firing: i64 = owner.fetch_one(firing).await.unwrap().get(0);
        let counted = "select count(*) from linux_api.request_status where status = 401";
        let counted: i64 = owner.fetch_one(counted).await.unwrap().get(0);
        if firing >= 2 && counted > 0 {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{firing} firing, {counted} counted"
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn every_query_for_postgresql_finds_something() {
    let url = fresh_database();
    let rules = tempfile::tempdir().unwrap();
    fs::write(rules.path().join("rules.toml"), RULES).unwrap();
    let recorded =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host/kernel-6.18-cgroup-v2");
    let (procfs, sysfs) = (recorded.join("proc"), recorded.join("sys"));
    let usual = [
        ("LINUX_API__DATABASE__URL", url.as_str()),
        ("LINUX_API__FLUSHER__INTERVAL", "1s"),
        ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
        (
            "LINUX_API__ALERTS__RULES_DIR",
            rules.path().to_str().unwrap(),
        ),
        ("LINUX_API__HOST__ID", "here"),
    ];
    let mut other = usual.to_vec();
    other[4].1 = "there";
    other.push(("LINUX_API__HOST__PROCFS", procfs.to_str().unwrap()));
    other.push(("LINUX_API__HOST__SYSFS", sysfs.to_str().unwrap()));
    let here = Daemon::start_with(&[], &usual);
    let mut there = Daemon::join(&other);
    let mut owner = PgConnection::connect(&url).await.unwrap();
    filled(&mut owner, &here).await;
    // A daemon that stops writes the minute that is open; the other one keeps what only a living one has.
    there.stop();
    let (reader_url, role) = reader(&mut owner, &url).await;
    let mut connection = PgConnection::connect(&reader_url).await.unwrap();
    let boards = all();
    let boards = boards
        .iter()
        .filter(|board| board.name.ends_with("-postgresql"));
    let queries: Vec<Query> = boards.flat_map(|board| board.queries("rawSql")).collect();
    assert!(queries.len() > 50, "{}", queries.len());
    let mut empty = Vec::new();
    for query in &queries {
        let mut found = 0;
        for host in ["here", "there"] {
            found += rows(&mut connection, query, host).await;
        }
        let may_be = EMPTY.iter().any(|(panel, _)| *panel == query.panel);
        if found == 0 && !may_be {
            empty.push(query.place.as_str());
        }
    }
    assert_eq!(empty, [""; 0]);
    for secret in ["users", "api_keys", "audit_log", "settings"] {
        let read = connection.execute(AssertSqlSafe(format!("select * from linux_api.{secret}")));
        let refused = read.await.unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{secret}: {refused}");
    }
    connection.close().await.unwrap();
    let end = format!("drop owned by {role}; drop role {role}");
    sqlx::raw_sql(AssertSqlSafe(end))
        .execute(&mut owner)
        .await
        .unwrap();
}
