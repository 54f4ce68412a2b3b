//! `linux-api alert` beside a daemon that judges its host.

use tempfile::TempDir;

use super::Ended;
use super::fleet::Fleet;
use crate::daemon::process::{Daemon, eventually, linux_api};

/// A rule that fires at once on any host.
const RULES: &str = "[[rule]]
name = \"is_up\"
description = \"The host runs.\"
series = \"uptime.seconds\"
warning = 1
for = \"0s\"
";

struct Stage {
    home: TempDir,
    _daemon: Daemon,
    /// Its database is in it.
    _state: TempDir,
}

impl Stage {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let no_limits = [("LINUX_API__RATE_LIMIT__ENABLED", "false")];
        let daemon = Daemon::start(home.path(), &[], &no_limits);
        let user = TempDir::new().unwrap();
        let url = format!("http://{}", daemon.address);
        let mut add = linux_api(user.path(), &["remote", "add", "here", &url, "--key-file"]);
        Fleet::ended(add.env("LINUX_API_KEY", daemon.key.clone().unwrap())).well();
        std::fs::write(user.path().join("rules.toml"), RULES).unwrap();
        let stage = Self {
            home: user,
            _daemon: daemon,
            _state: home,
        };
        // It listens before its database is open and its rules are read.
        eventually(|| stage.run(&["alert", "rule", "show", "disk_space"]).code == 0);
        stage
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = linux_api(self.home.path(), arguments);
        Fleet::ended(command.args(["-r", "here"]))
    }
}

#[test]
fn a_rule_is_previewed_set_and_fires_and_what_fires_is_seen_and_silenced() {
    let stage = Stage::new();
    let preview = stage
        .run(&["alert", "preview", "--file", "rules.toml"])
        .well();
    assert!(
        preview.contains("would not have fired in 7 days"),
        "{preview}"
    );
    let set = stage.run(&["alert", "rule", "set", "rules.toml"]).well();
    assert!(set.contains("is_up"), "{set}");
    let shown = stage.run(&["alert", "rule", "show", "is_up"]).well();
    assert!(shown.starts_with("# made by admin"), "{shown}");
    std::fs::write(stage.home.path().join("shown.toml"), &shown).unwrap();
    stage.run(&["alert", "rule", "set", "shown.toml"]).well();

    let list = || stage.run(&["alert", "list", "--rule", "is_up", "-o", "json"]);
    eventually(|| list().json().as_array().is_some_and(|all| all.len() == 1));
    let alert = list().json()[0].clone();
    let id = alert["id"].as_str().unwrap();
    assert_eq!(alert["severity"], "warning");
    let table = stage.run(&["alert", "list", "--rule", "is_up"]).well();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ID        SEVERITY  RULE"), "{table}");
    assert!(lines[1].starts_with(&id[..8]), "{table}");

    let seen = stage
        .run(&["alert", "ack", &id[..8], "-c", "on purpose"])
        .well();
    assert!(seen.contains("seen"), "{seen}");
    let unseen = ["alert", "list", "--rule", "is_up", "--unseen", "-o", "name"];
    assert_eq!(stage.run(&unseen).well(), "");
    let wrong = stage.run(&["alert", "ack", "ffffffff"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("linux-api alert list"), "{}", wrong.err);

    let history = [
        "alert", "history", "--since", "1h", "--rule", "is_up", "-o", "json",
    ];
    assert_eq!(stage.run(&history).json()[0]["change"], "firing");

    let add = ["alert", "silence", "add", "--rule", "is_*", "--until", "2h"];
    let added = stage.run(&add).well();
    assert!(
        added.contains("rule=is_*") && added.contains("holds 1 alert"),
        "{added}"
    );
    let silences = stage
        .run(&["alert", "silence", "list", "-o", "name"])
        .well();
    stage
        .run(&["alert", "silence", "end", &silences.trim()[..8]])
        .well();
    let silences = stage.run(&["alert", "silence", "list"]).well();
    assert!(silences.contains("nothing is silenced"), "{silences}");
    let delete = ["alert", "rule", "delete", "is_up", "--yes"];
    assert!(stage.run(&delete).well().contains("deleted is_up"));
}

#[test]
fn what_can_not_be_meant_is_refused_with_what_to_do() {
    let stage = Stage::new();
    for (arguments, code, expected) in [
        (
            &["alert", "silence", "add", "--until", "2h"][..],
            2,
            "would silence everything",
        ),
        (&["alert", "silence", "add", "--rule", "a"], 2, "--until 2h"),
        (
            &["alert", "list", "--severity", "bad"],
            2,
            "expected warning or critical",
        ),
        (&["alert", "history", "--change", "bad"], 2, "gave_up"),
        (&["alert", "ack", "disk_space"], 2, "expected an id"),
        (
            &["alert", "rule", "show", "disk_spce"],
            1,
            "did you mean disk_space?",
        ),
        (&["alert", "rule", "set", "missing.toml"], 1, "missing.toml"),
        (
            &["alert", "preview", "unit_failed"],
            1,
            "no history is stored",
        ),
        (&["alert", "test", "ops"], 1, "no channel with this name"),
    ] {
        let ended = stage.run(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(expected), "{arguments:?}: {}", ended.err);
    }
    let channels = stage.run(&["alert", "channel", "list"]).well();
    assert!(channels.contains("there are no channels"), "{channels}");
    let rules = stage.run(&["alert", "rule", "list", "-o", "json"]).json();
    assert!(
        rules
            .as_array()
            .unwrap()
            .iter()
            .all(|rule| rule["source"] == "stock")
    );
    // Without a terminal: no line is wider than what people have.
    let table = stage.run(&["alert", "rule", "list"]).well();
    assert!(table.contains("disk_space"), "{table}");
}
