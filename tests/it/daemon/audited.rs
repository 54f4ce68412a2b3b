//! Every command that changes users, keys or the database leaves a row in the audit log, when it is
//! done and when it is refused, and a line in the log.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use linux_api::cli::Cli;
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, linux_api};

/// A command that changes something: its name, its arguments, the action and the target of its row,
/// and arguments with which it is refused. They are run in this order; `KEY` is the id of the key
/// that was made last, `ANY` may be any text.
type Change = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static [&'static str],
);

const CHANGES: &[Change] = &[
    (
        "user add",
        &["alice1"],
        "user.create",
        "user:alice1",
        &["alice1"],
    ),
    (
        "user deactivate",
        &["alice1"],
        "user.deactivate",
        "user:alice1",
        &["admin"],
    ),
    (
        "user activate",
        &["alice1"],
        "user.activate",
        "user:alice1",
        &["nobody"],
    ),
    (
        "user role",
        &["alice1", "admin"],
        "user.role",
        "user:alice1",
        &["admin", "viewer"],
    ),
    (
        "user set",
        &["alice1", "--hosts", "env=dev"],
        "user.hosts",
        "user:alice1",
        &["missing", "--hosts", "env=dev"],
    ),
    (
        "user key create",
        &["alice1"],
        "key.create",
        "key:ANY",
        &["nobody"],
    ),
    (
        "user key rotate",
        &["alice1", "KEY"],
        "key.rotate",
        "key:KEY",
        &["alice1", "nothing"],
    ),
    (
        "user key revoke",
        &["alice1", "KEY", "--yes"],
        "key.revoke",
        "key:KEY",
        &["alice1", "nothing", "--yes"],
    ),
    (
        "user protect",
        &["alice1"],
        "user.protect",
        "user:alice1",
        &["nobody"],
    ),
    (
        "user protect",
        &["--off", "alice1"],
        "user.unprotect",
        "user:alice1",
        &["--off", "nobody"],
    ),
    (
        "user delete",
        &["alice1", "--yes"],
        "user.delete",
        "user:alice1",
        &["admin", "--yes"],
    ),
];

/// Commands that change the database or its backups, whose rows `database.rs`, `rights.rs` and `upgrade.rs`
/// look for.
const OF_THE_DATABASE: &[&str] = &[
    "db backup",
    "db grant",
    "db import",
    "db migrate",
    "db prune",
    "db restore",
    "db rollback",
];

/// Commands that change nothing in the database, or start and stop what does.
const OTHERS: &[&str] = &[
    // The daemon notes what is changed of alerts.
    "alert ack",
    "alert channel deliveries",
    "alert channel list",
    "alert history",
    "alert list",
    "alert preview",
    "alert release",
    "alert rule delete",
    "alert rule list",
    "alert rule set",
    "alert rule show",
    "alert silence add",
    "alert silence end",
    "alert silence list",
    "alert test",
    // The daemon notes what is changed through it.
    "api",
    "audit list",
    "audit verify",
    "completion",
    "config check",
    "config init",
    "config show",
    "db backups",
    "db log",
    "db status",
    "db verify",
    "doctor",
    "executor",
    // The daemon notes it.
    "fleet forget",
    "fleet list",
    "fleet show",
    "help",
    "history",
    "host show",
    "logs",
    "network list",
    // A file of root's, and the executor has a log of its own.
    "policy allow",
    "policy deny",
    "policy preset",
    "policy show",
    "policy test",
    "process list",
    // The daemon notes it.
    "process renice",
    "process show",
    "process signal",
    "process top",
    "reload",
    "proxy",
    "remote add",
    "remote clean",
    "remote default",
    "remote import",
    "remote list",
    "remote remove",
    "remote test",
    "series list",
    "serve",
    "setup",
    "status",
    "stop",
    "top",
    "tui",
    // The daemon notes what is done with units.
    "unit disable",
    "unit enable",
    "unit limits",
    "unit list",
    "unit reload",
    "unit reset-failed",
    "unit restart",
    "unit show",
    "unit start",
    "unit stop",
    "user key list",
    "user list",
    "user show",
];

/// The commands below `command` that do something themselves.
fn leaves(command: &clap::Command, name: &str, found: &mut BTreeSet<String>) {
    if !command.has_subcommands() {
        found.insert(name.to_owned());
    }
    for below in command.get_subcommands() {
        let name = format!("{name} {}", below.get_name());
        leaves(below, name.trim_start(), found);
    }
}

#[test]
fn every_command_is_known_to_change_something_or_not_to() {
    let mut commands = BTreeSet::new();
    leaves(&Cli::command(), "", &mut commands);
    let known = CHANGES
        .iter()
        .map(|change| change.0)
        .chain(OF_THE_DATABASE.iter().copied())
        .chain(OTHERS.iter().copied());
    let known: BTreeSet<&str> = known.collect();
    let unknown: Vec<&String> = commands
        .iter()
        .filter(|command| !known.contains(command.as_str()))
        .collect();
    assert!(
        unknown.is_empty(),
        "say of each whether it changes something: {unknown:?}"
    );
    assert!(commands.contains("user key revoke") && commands.len() > 20);
}

/// Runs a command on the database; whether it succeeded, its output, and what it wrote to the log.
fn run(home: &Path, url: Option<&str>, arguments: &[&str]) -> (bool, String, String) {
    let mut command = linux_api(home, arguments);
    command.env("LINUX_API__LOG__FORMAT", "json");
    if let Some(url) = url {
        command.env("LINUX_API__DATABASE__URL", url);
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn every_change_has_its_row_and_its_line(url: Option<&str>) {
    let home = TempDir::new().unwrap();
    let variables: Vec<_> = url
        .iter()
        .map(|url| ("LINUX_API__DATABASE__URL", *url))
        .collect();
    let _daemon = Daemon::start(home.path(), &[], &variables);
    let mut key = String::new();
    for (name, arguments, action, target, refused) in CHANGES {
        for (arguments, result) in [(arguments, "done"), (refused, "refused")] {
            let words = name.split(' ').chain(arguments.iter().copied());
            let filled = words.map(|word| if word == "KEY" { key.as_str() } else { word });
            let line: Vec<&str> = filled.collect();
            let (ok, out, log) = run(home.path(), url, &line);
            assert_eq!(ok, result == "done", "{line:?}: {out}{log}");

            let (_, rows, _) = run(
                home.path(),
                url,
                &["audit", "list", "--limit", "1", "--json"],
            );
            let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
            let row = &rows[0];
            assert_eq!(
                (&row["action"], &row["result"]),
                (&(*action).into(), &result.into()),
                "{line:?}: {row}"
            );
            if result == "done" && !target.ends_with("ANY") {
                assert_eq!(row["target"], target.replace("KEY", &key), "{line:?}");
            }
            let uid = rustix::process::getuid().as_raw();
            assert_eq!(row["via"], format!("cli:{uid}"), "{line:?}");
            let logged = log
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let logged: Vec<Value> = logged.filter(|line| line["target"] == "audit").collect();
            assert_eq!(logged.len(), 1, "{line:?}: {log}");
            for field in ["action", "result", "actor", "via", "detail"] {
                assert_eq!(logged[0][field], row[field], "{field} of {line:?}");
            }
            assert_eq!(logged[0]["subject"], row["target"], "{line:?}");
            assert!(!log.contains("lapi_"), "{log}");
            if let Some(made) = out.lines().find(|line| line.starts_with("lapi_")) {
                made[5..17].clone_into(&mut key);
            }
        }
    }
}

#[test]
fn every_change_has_its_row_and_its_line_on_sqlite() {
    every_change_has_its_row_and_its_line(None);
}

#[test]
fn every_change_has_its_row_and_its_line_on_postgresql() {
    every_change_has_its_row_and_its_line(Some(&fresh_database()));
}

/// What the daemon changes is in its own log.
#[test]
fn the_daemon_logs_what_is_changed_over_http() {
    let home = TempDir::new().unwrap();
    let variables = [("LINUX_API__LOG__FORMAT", "json")];
    let daemon = Daemon::start(home.path(), &[], &variables);
    let key = daemon.key.clone().unwrap();
    let user = serde_json::json!({"username": "alice1"});
    let register = "/api/v1/user/register";
    for status in [200, 409] {
        let (answered, body) = crate::daemon::process::post(&daemon.address, register, &key, &user);
        assert_eq!(answered, status, "{body}");
    }
    let mut lines = Vec::new();
    crate::daemon::process::eventually(|| {
        let log = std::fs::read_to_string(home.path().join("log")).unwrap();
        let all = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines = all.filter(|line| line["target"] == "audit").collect();
        lines.len() == 3
    });
    let results: Vec<&Value> = lines.iter().map(|line| &line["result"]).collect();
    assert_eq!(results, ["done", "done", "refused"]);
    assert_eq!(lines[0]["via"], "system");
    assert_eq!(lines[1]["address"], "127.0.0.1");
    assert_eq!(lines[1]["subject"], "user:alice1");
    assert!(lines[2]["request_id"].is_string());
}
