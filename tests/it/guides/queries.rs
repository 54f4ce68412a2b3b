//! Queries of other programs in the guides: SQL on both engines, series of Prometheus.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::guides::pages::root;
use crate::guides::postgres::fresh_database;
use crate::guides::stage::{PATIENCE, Stage};
use crate::support::left_out;

/// Each statement on the engine that the comment before it names.
pub(crate) fn sql(stage: &Stage, place: &str, text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for statement in text
        .split_inclusive(";\n")
        .filter(|it| !it.trim().is_empty())
    {
        let comment = statement.trim().lines().next().unwrap();
        let sql = AssertSqlSafe(statement.to_owned());
        let done = if comment.ends_with(", SQLite") {
            let url = format!("sqlite://{}", stage.database().display());
            runtime.block_on(async {
                let mut connection = SqliteConnection::connect(&url).await?;
                connection.fetch_all(sql).await.map(|rows| rows.len())
            })
        } else {
            assert!(
                comment.ends_with(", PostgreSQL"),
                "{place}: which engine? {comment}"
            );
            let url = migrated(stage);
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&url).await?;
                connection.fetch_all(sql).await.map(|rows| rows.len())
            })
        };
        assert!(done.is_ok(), "{place}: {statement}\n{done:?}");
    }
}

/// A database of PostgreSQL with our tables.
fn migrated(stage: &Stage) -> String {
    let url = fresh_database();
    let ended = stage.run(&format!(
        "LINUX_API__DATABASE__URL='{url}' linux-api db migrate"
    ));
    assert!(ended.success, "{}{}", ended.stdout, ended.stderr);
    url
}

/// Every series that a query names is one that the daemon exposes.
pub(crate) fn promql(stage: &mut Stage, place: &str, text: &str) {
    stage.start_on_recorded_host();
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let mut names: BTreeSet<&str> = words
        .filter(|word| {
            ["node_", "linux_api_"]
                .iter()
                .any(|start| word.starts_with(start))
        })
        .collect();
    assert!(!names.is_empty(), "{place}");
    let deadline = Instant::now() + PATIENCE;
    // Only the second scrape has the series of the first, and the first reading has remote file
    // systems that no server exports.
    while !names.is_empty() {
        let told = stage.ask("/metrics");
        names.retain(|name| {
            !told.lines().any(|line| {
                let rest = line.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            })
        });
        assert!(
            Instant::now() < deadline,
            "{place}: nothing tells {names:?}"
        );
    }
}

/// Prometheus is not here: its scrape has the keys of the packaged example, which is tried with it.
pub(crate) fn scrape(place: &str, text: &str) {
    let example = root().join("packaging/examples/prometheus.yml");
    let example = std::fs::read_to_string(example).unwrap();
    let keys = |text: &str| -> BTreeSet<String> {
        text.lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| {
                Some(
                    line.split_once(':')?
                        .0
                        .trim_start_matches([' ', '-'])
                        .to_owned(),
                )
            })
            .collect()
    };
    let (ours, known) = (keys(text), keys(&example));
    assert!(
        !ours.is_empty() && ours.is_subset(&known),
        "{place}: {ours:?} {known:?}"
    );
}

/// The packaged rules are ones of Prometheus, and fire when they should.
#[test]
fn packaged_rules_fire_as_their_tests_say() {
    let rules = "packaging/examples/linux-api.rules.yml";
    let tests = "tests/fixtures/prometheus/rules.test.yml";
    for arguments in [["check", "rules", rules], ["test", "rules", tests]] {
        let run = Command::new("promtool")
            .args(arguments)
            .current_dir(root())
            .output();
        let Ok(run) = run else {
            left_out::for_want_of("promtool", "apt-get install prometheus");
            return;
        };
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{arguments:?}: {said}");
    }
}
