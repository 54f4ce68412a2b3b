//! Every command that lists or shows something, in every format, of one host and of several.

use serde_json::Value;

use super::{Ended, Fleet};

/// A command, a field that its JSON has, and whether it has rows.
const COMMANDS: &[(&[&str], &str, bool)] = &[
    (&["host", "show"], "filesystems", false),
    (&["top", "--limit", "3"], "top_processes", false),
    (&["process", "list"], "command", true),
    (
        &["process", "list", "--fields", "pid,cpu"],
        "cpu_percent",
        true,
    ),
    (&["process", "top", "--limit", "3"], "memory_bytes", true),
    (&["process", "show", "1"], "arguments", false),
    (&["network", "list"], "interface", true),
    (&["series", "list"], "meaning", true),
    (&["fleet", "list"], "last_seen", true),
    (&["user", "list"], "username", true),
    (&["audit", "list"], "action", true),
    (
        &[
            "history",
            "uptime.seconds",
            "--from",
            "10min",
            "--step",
            "2s",
        ],
        "mean",
        true,
    ),
];

fn with(fleet: &Fleet, command: &[&str], more: &[&str]) -> Ended {
    fleet.run(&[command, more].concat())
}

/// Waits for what a daemon only has some time after its start.
fn wait_for_readings(fleet: &Fleet) {
    crate::daemon::process::eventually(|| {
        ["web", "db"].iter().all(|name| {
            let fleet_list = fleet.run(&["fleet", "list", "--json", "-r", name]);
            let history = [
                "history",
                "uptime.seconds",
                "--from",
                "10min",
                "--step",
                "2s",
            ];
            let history = with(fleet, &history, &["--json", "-r", name]);
            history.out.contains("mean") && fleet_list.out.contains("last_seen")
        })
    });
}

#[test]
fn every_command_prints_every_format_of_one_host_and_of_several() {
    let fleet = Fleet::start();
    wait_for_readings(&fleet);
    for (command, field, has_rows) in COMMANDS {
        let one = ["-r", "web"];
        let two = ["-r", "web", "-r", "db"];
        let json = with(&fleet, command, &[&one[..], &["-o", "json"]].concat());
        let json = json.json();
        let first = if *has_rows { &json[0] } else { &json };
        assert!(first.get(*field).is_some(), "{command:?}: {first}");

        let many = with(&fleet, command, &[&two[..], &["--json"]].concat()).json();
        let rows = many.as_array().unwrap();
        let of = |name: &str| rows.iter().filter(|row| row["host"] == name).count();
        assert!(of("web") > 0 && of("db") > 0, "{command:?}: {many}");
        assert_eq!(of("web") + of("db"), rows.len(), "{command:?}");
        assert!(rows[0].get(*field).is_some(), "{command:?}: {many}");

        for hosts in [&one[..], &two] {
            let lines = with(&fleet, command, &[hosts, &["-o", "jsonl"]].concat()).well();
            assert!(!lines.is_empty(), "{command:?}");
            for line in lines.lines() {
                let row: Value = serde_json::from_str(line).unwrap();
                assert!(row.get(*field).is_some(), "{command:?}: {line}");
                assert_eq!(
                    row["host"].is_string() && hosts.len() > 2,
                    hosts.len() > 2,
                    "{line}"
                );
            }
        }

        for format in ["table", "wide"] {
            let text = with(&fleet, command, &[&one[..], &["-o", format]].concat()).well();
            assert!(text.lines().count() > 1, "{command:?}: {text}");
            let text = with(&fleet, command, &[&two[..], &["-o", format]].concat()).well();
            if *has_rows {
                assert!(text.starts_with("HOST "), "{command:?}: {text}");
                let web = text.find("\nweb ").expect("rows of web");
                let db = text.find("\ndb ").expect("rows of db");
                assert!(web < db, "{command:?}: {text}");
            } else {
                assert!(
                    text.starts_with("== web\n") && text.contains("\n== db\n"),
                    "{text}"
                );
            }
        }

        let names = with(&fleet, command, &[&two[..], &["-o", "name"]].concat());
        if *has_rows {
            let names = names.well();
            assert!(
                names
                    .lines()
                    .all(|name| name.starts_with("web/") || name.starts_with("db/"))
            );
            assert!(
                names.contains("web/") && names.contains("db/"),
                "{command:?}: {names}"
            );
        } else {
            assert_eq!(names.code, 2, "{command:?}: {names:?}");
        }
    }
}

#[test]
fn only_the_fields_that_were_polled_are_printed() {
    let fleet = Fleet::start();
    let list = [
        "process",
        "list",
        "pid = 1",
        "--fields",
        "user,pid,memory",
        "-r",
        "web",
    ];
    let rows = with(&fleet, &list, &["--json"]).json();
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["memory_bytes", "pid", "user"]);
    let table = with(&fleet, &list, &[]).well();
    let head: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["USER", "PID", "MEMORY"]);
    let sorted = [
        "process", "list", "--sort", "pid", "--order", "desc", "--limit", "2", "-r", "web",
    ];
    let rows = with(&fleet, &sorted, &["--json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert!(rows[0]["pid"].as_u64() > rows[1]["pid"].as_u64(), "{rows}");
}

#[test]
fn status_has_a_row_for_each_host_with_the_reason_of_those_that_fail() {
    let fleet = Fleet::start();
    let ended = fleet.run(&["status", "--all", "--json"]);
    assert_eq!((ended.code, ended.err.as_str()), (4, ""));
    let rows = ended.json();
    let state = |name: &str| -> String {
        let mut rows = rows.as_array().unwrap().iter();
        let row = rows.find(|row| row["host"] == name).unwrap();
        row["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        ["web", "db", "viewer", "dead", "wrong"].map(state),
        ["ready", "ready", "ready", "not reached", "not allowed"]
    );
    let web = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["host"] == "web");
    assert_eq!(web.unwrap()["labels"]["role"], "web");
    let wide = fleet.run(&["status", "--all", "-o", "wide"]).out;
    assert!(wide.contains("env=prod role=web"), "{wide}");
    let table = fleet.run(&["status", "--all"]).out;
    let dead = table.lines().find(|line| line.starts_with("dead")).unwrap();
    assert!(dead.contains("refused"), "{table}");
    // One by name is shown in full.
    let one = fleet.run(&["status", "-r", "web"]).well();
    assert!(one.contains("migrations"), "{one}");
    let one = fleet.run(&["status", "-r", "web", "-o", "json"]).json();
    assert_eq!(one["status"], "ready");
}

#[test]
fn a_wide_history_ends_with_a_summary() {
    let fleet = Fleet::start();
    wait_for_readings(&fleet);
    let arguments = [
        "history",
        "uptime.seconds",
        "--from",
        "10min",
        "--step",
        "2s",
        "-o",
        "wide",
        "-r",
        "web",
    ];
    let text = fleet.run(&arguments).well();
    let (points, summary) = text.split_once("\n\n").expect("two tables");
    assert!(points.starts_with("TIME (UTC)"), "{text}");
    assert!(
        summary.starts_with("SERIES") && summary.contains("uptime.seconds"),
        "{text}"
    );
}
