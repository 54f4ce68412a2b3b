//! Commands over one and many daemons: which are chosen, what is printed in each format, how it ends.

mod alerts;
mod any_route;
mod fleet;
mod formats;

use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use fleet::Fleet;

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    #[track_caller]
    fn well(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

#[test]
fn hosts_are_chosen_by_name_label_or_all_before_and_after_the_command() {
    let fleet = Fleet::start();
    let names = |arguments: &[&str]| fleet.run(arguments).well();
    assert_eq!(
        names(&["status", "-r", "web", "-r", "db", "-o", "name"]),
        "web\ndb\n"
    );
    assert_eq!(
        names(&["-r", "db", "status", "-o", "name", "-r", "web", "-r", "db"]),
        "db\nweb\n"
    );
    assert_eq!(
        names(&["status", "-l", "env=prod", "-o", "name"]),
        "db\nweb\n"
    );
    assert_eq!(
        names(&["-o", "name", "-l", "env=prod", "-l", "role=web", "status"]),
        "web\n"
    );
    assert_eq!(
        names(&[
            "status", "-r", "web", "-r", "db", "-l", "role=web", "-o", "name"
        ]),
        "web\n"
    );
    let levels = ["-r", "db", "remote", "-r", "web", "list", "-r", "viewer"];
    let refused = fleet.run(&levels);
    assert!(refused.code == 2 && refused.err.contains("remote list takes no --remote"));
    let levels = [
        "-r", "db", "process", "-r=web", "list", "-r", "viewer", "pid = 1", "-o", "name",
    ];
    assert_eq!(names(&levels), "db/1\nweb/1\nviewer/1\n");
    for arguments in [
        ["--all", "status", "-r", "web"],
        ["-r", "web", "status", "--all"],
    ] {
        let ended = fleet.run(&arguments);
        assert!(
            ended.code == 2 && ended.err.contains("can't be used with"),
            "{ended:?}"
        );
    }
    let all = fleet.run(&["--all", "status", "-o", "name"]);
    assert_eq!(
        (all.code, all.out.as_str()),
        (4, "db\ndead\nviewer\nweb\nwrong\n")
    );

    let before = fleet.run(&["-r", "web", "-o", "json", "series", "list"]);
    let after = fleet.run(&["series", "list", "--json", "--remote", "web"]);
    let between = fleet.run(&["series", "--remote=web", "list", "-o=json"]);
    assert_eq!(before.json(), after.json());
    assert_eq!(before.json(), between.json());
    // A URL takes the key of its remote.
    let url = format!("http://{}", fleet.web.address);
    assert_eq!(
        before.json(),
        fleet.run(&["series", "list", "--json", "-r", &url]).json()
    );
}

#[test]
fn without_an_option_it_is_the_daemon_of_this_machine() {
    let fleet = Fleet::start();
    let local = |arguments: &[&str]| {
        let mut command = fleet.command(arguments);
        command
            .env("LINUX_API__SERVER__LISTEN", &fleet.web.address)
            .env("LINUX_API_KEY", fleet.web.key.as_deref().unwrap());
        Fleet::ended(&mut command)
    };
    let shown = local(&["host", "show", "--json"]);
    let remote = fleet.run(&["host", "show", "--json", "-r", "web"]);
    assert_eq!(shown.json()["host"], remote.json()["host"]);
    assert!(shown.json().get("hostname").is_none());
    assert!(local(&["top"]).well().contains("cpu "));

    // Where there is none, one of the command itself.
    let own = fleet.run(&["host", "show", "--json"]);
    assert_eq!(own.json()["host"], shown.json()["host"]);
    assert!(own.json()["cpu"].is_object(), "{own:?}");
    assert!(
        own.err.contains("sudo linux-api setup keeps history"),
        "{own:?}"
    );
    let list = fleet.run(&["process", "list", "pid = 1", "-o", "name"]);
    assert_eq!((list.code, list.out.as_str()), (0, "1\n"), "{list:?}");
    // One that is there and wants a key is not passed over.
    let mut keyless = fleet.command(&["host", "show"]);
    let keyless = Fleet::ended(keyless.env("LINUX_API__SERVER__LISTEN", &fleet.web.address));
    assert_eq!(keyless.code, 3, "{keyless:?}");
    assert!(keyless.err.contains("LINUX_API_KEY"), "{keyless:?}");
}

#[test]
fn a_host_that_fails_hides_no_other_and_the_highest_code_counts() {
    let fleet = Fleet::start();
    let some = ["process", "list", "pid = 1", "-o", "json"];
    let with = |names: &[&str]| {
        let mut arguments = some.to_vec();
        for name in names {
            arguments.extend(["-r", name]);
        }
        fleet.run(&arguments)
    };
    let hosts = |ended: &Ended| -> Vec<String> {
        let rows = ended.json();
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["host"].as_str().unwrap().to_owned())
            .collect()
    };
    let good = with(&["db", "web"]);
    assert_eq!(
        (good.code, hosts(&good)),
        (0, vec!["db".to_owned(), "web".to_owned()])
    );
    assert_eq!(good.err, "");

    let dead = with(&["dead", "web", "wrong", "db"]);
    assert_eq!(
        (dead.code, hosts(&dead)),
        (4, vec!["web".to_owned(), "db".to_owned()])
    );
    let lines: Vec<&str> = dead.err.lines().collect();
    assert!(
        lines[0].starts_with("dead: ") && lines[1].starts_with("wrong: 401"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 2);

    let refused = with(&["wrong", "web"]);
    assert_eq!((refused.code, hosts(&refused)), (3, vec!["web".to_owned()]));

    // 3 outranks 1: one has no such process, the other does not let us see.
    let missing = ["process", "show", "4194304", "-r", "web", "-r", "wrong"];
    assert_eq!(fleet.run(&missing).code, 3);
    let missing = fleet.run(&["process", "show", "4194304", "-r", "web", "-r", "db"]);
    assert_eq!((missing.code, missing.out.as_str()), (1, ""));
    assert_eq!(missing.err.lines().count(), 2, "{}", missing.err);
}

#[test]
fn each_kind_of_end_has_its_exit_code() {
    let fleet = Fleet::start();
    let code = |arguments: &[&str]| {
        let ended = fleet.run(arguments);
        assert_eq!(
            ended.code == 0,
            ended.err.is_empty(),
            "{arguments:?}: {ended:?}"
        );
        ended.code
    };
    assert_eq!(code(&["network", "list", "-r", "web"]), 0);
    assert_eq!(code(&["process", "show", "4194304", "-r", "web"]), 1);
    assert_eq!(code(&["fleet", "show", "nowhere", "-r", "web"]), 1);
    for wrong in [
        &["process", "list", "cpu >", "-r", "dead"][..],
        &["process", "list", "--fields", "colour", "-r", "dead"],
        &["history", "cpu.usage", "-r", "dead"],
        &[
            "history", "load.one", "--from", "1h", "--to", "2h", "-r", "dead",
        ],
        &["network", "list", "-r", "nowhere"],
        &["network", "list", "-r", "ftp://a"],
        &["network", "list", "-l", "env=test"],
        &["network", "list", "-r", "web", "--all"],
        &["network", "list", "--timeout", "0s"],
        &["help", "nothing"],
    ] {
        assert_eq!(code(wrong), 2, "{wrong:?}");
    }
    assert_eq!(code(&["network", "list", "-r", "wrong"]), 3);
    assert_eq!(fleet.run(&["user", "list", "-r", "viewer"]).code, 3);
    assert_eq!(code(&["network", "list", "-r", "dead"]), 4);
    let named = fleet.run(&["network", "list", "-r", "dead"]).err;
    assert!(
        named.starts_with("error: dead: http://127.0.0.1:1 does not respond"),
        "{named}"
    );
    assert_eq!(code(&["status", "-r", "dead"]), 4);
    assert_eq!(fleet.run(&["user", "list", "-r", "dead"]).code, 4);
    assert_eq!(code(&["remote", "test", "web"]), 0);
    assert_eq!(fleet.run(&["remote", "test"]).code, 4);
    assert_eq!(code(&["config", "check", "--config", "/nonexistent"]), 78);
    let path = fleet.home.path().join(".config/linux-api/remotes.toml");
    std::fs::write(path, "[remote.web]\nurl = 1\n").unwrap();
    assert_eq!(code(&["network", "list", "-r", "web"]), 78);
    let listed = fleet.run(&["help", "exit-codes"]).well();
    for number in ["0", "1", "2", "3", "4", "78"] {
        let begins = format!("{number:>5}  ");
        assert!(
            listed.lines().any(|line| line.starts_with(&begins)),
            "{listed}"
        );
    }
}

#[test]
fn what_a_command_cannot_use_is_refused_by_name() {
    let home = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        Fleet::ended(&mut crate::daemon::process::linux_api(
            home.path(),
            arguments,
        ))
    };
    for (arguments, command, option) in [
        (&["serve", "-r", "web"][..], "serve", "--remote"),
        (&["setup", "--all", "--dry-run"], "setup", "--all"),
        (&["-l", "a=b", "db", "status"], "db status", "--label"),
        (
            &["user", "key", "revoke", "a", "b", "--all"],
            "user key revoke",
            "--all",
        ),
        (&["config", "check", "--json"], "config check", "--json"),
        (&["-o", "wide", "stop"], "stop", "--output"),
        (&["process", "list", "-y"], "process list", "--yes"),
        (&["doctor", "--timeout", "1s"], "doctor", "--timeout"),
        (&["tui", "--timeout", "1s"], "tui", "--timeout"),
    ] {
        let ended = run(arguments);
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (2, ""),
            "{arguments:?}: {ended:?}"
        );
        let said = format!("error: linux-api {command} takes no {option}: ");
        assert!(ended.err.starts_with(&said), "{arguments:?}: {}", ended.err);
    }
    for demo in [
        &["tui", "--demo", "web"][..],
        &["-r", "web", "tui", "--demo"],
        &["tui", "--demo", "-l", "a=b"],
    ] {
        let ended = run(demo);
        assert!(ended.code == 2 && ended.err.contains("--demo"), "{ended:?}");
    }
    let two = run(&[
        "user", "key", "revoke", "a", "b", "-y", "-r", "web", "-r", "db",
    ]);
    assert!(
        two.code == 2 && two.err.contains("one daemon at a time"),
        "{two:?}"
    );
    let late = run(&["user", "list", "--timeout", "1s"]);
    assert!(
        late.code == 2 && late.err.contains("only with --remote"),
        "{late:?}"
    );
    let names = run(&["db", "status", "-o", "name"]);
    assert!(
        names.code == 2 && names.err.contains("db status"),
        "{names:?}"
    );
    let both = run(&["status", "--json", "-o", "wide"]);
    assert_eq!(both.code, 2, "{both:?}");
}

#[test]
fn users_are_changed_on_several_daemons_at_once() {
    let fleet = Fleet::start();
    let prod = |arguments: &[&str]| fleet.run(&[arguments, &["-l", "env=prod"]].concat());
    let made = prod(&["user", "add", "alice1", "--scope", "host:read", "--json"]).json();
    let hosts: Vec<&Value> = made
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["host"])
        .collect();
    assert_eq!(hosts, ["db", "web"]);
    assert!(made[0]["api_key"] != made[1]["api_key"], "{made}");
    for (row, daemon) in [(&made[1], &fleet.web), (&made[0], &fleet.db)] {
        let key = row["api_key"].as_str().unwrap();
        assert_eq!(daemon.get("/api/v1/system/info/uptime", Some(key)).0, 200);
    }
    let text = prod(&["user", "deactivate", "alice1"]).well();
    assert!(
        text.starts_with("HOST  RESULT\n") && text.contains("web   alice1 is now inactive"),
        "{text}"
    );
    let keys = prod(&["user", "key", "create", "alice1"]).well();
    assert_eq!(keys.matches("lapi_").count(), 2, "{keys}");
    assert_eq!(
        prod(&["user", "key", "list", "alice1", "-o", "name"])
            .well()
            .lines()
            .count(),
        4
    );
    let shown = prod(&["user", "show", "alice1"]).well();
    assert!(
        shown.contains("== web") && shown.contains("== db"),
        "{shown}"
    );
    // One host refuses: the change is made on the other.
    let partly = [
        "user", "role", "alice1", "admin", "-r", "viewer", "-r", "web",
    ];
    let partly = fleet.run(&partly);
    assert_eq!(partly.code, 3, "{partly:?}");
    assert!(
        partly.err.starts_with("viewer: 403") && partly.out.contains("an admin"),
        "{partly:?}"
    );
    let unconfirmed = prod(&["user", "delete", "alice1"]);
    assert!(
        unconfirmed.code == 1 && unconfirmed.err.contains("use --yes"),
        "{unconfirmed:?}"
    );
    let gone = prod(&["user", "delete", "alice1", "-y", "-o", "jsonl"]).well();
    assert_eq!(gone.matches("\"deleted\":true").count(), 2, "{gone}");
    let again = prod(&["user", "delete", "alice1", "-y"]);
    assert!(
        again.code == 1 && again.err.contains("web: there is no user"),
        "{again:?}"
    );
}

#[test]
fn each_host_has_a_deadline_of_its_own() {
    let fleet = Fleet::start();
    // It takes connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let arguments = [
        "network",
        "list",
        "-o",
        "name",
        "-r",
        &url,
        "-r",
        "web",
        "--timeout",
        "2s",
    ];
    let ended = fleet.run(&arguments);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.out.contains("web/lo\n"), "{ended:?}");
    let name = url.trim_start_matches("http://");
    assert!(ended.err.starts_with(&format!("{name}: ")), "{ended:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_no_name_steers_the_terminal() {
    use std::os::unix::process::CommandExt;
    let fleet = Fleet::start();
    let program = assert_cmd::cargo::cargo_bin!("linux-api");
    for format in ["table", "json", "jsonl", "name"] {
        let line = format!(
            "{} process list -r web -o {format} | true; exit ${{PIPESTATUS[0]}}",
            program.display()
        );
        let mut command = std::process::Command::new("bash");
        command.args(["-c", &line]).env("HOME", fleet.home.path());
        let ended = Fleet::ended(&mut command);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{format}");
    }
    let mut hostile = std::process::Command::new("sleep")
        .arg0("evil\u{1b}[31m\u{202e}\nforged")
        .arg("600")
        .spawn()
        .unwrap();
    let pid = hostile.id().to_string();
    let filter = format!("pid = {pid}");
    // A scan is shared for a second.
    crate::daemon::process::eventually(|| {
        let found = ["web", "db"].map(|name| fleet.run(&["process", "list", &filter, "-r", name]));
        found.iter().all(|list| list.out.contains("evil"))
    });
    for format in ["table", "wide", "json", "jsonl"] {
        let arguments = [
            "process", "list", &filter, "-r", "web", "-o", format, "--color", "never",
        ];
        let out = fleet.run(&arguments).well();
        assert!(
            out.contains("evil") && !out.contains(['\u{1b}', '\u{202e}']),
            "{out:?}"
        );
        assert!(
            !out.lines().any(|line| line.starts_with("forged")),
            "{out:?}"
        );
    }
    for arguments in [
        ["process", "show", &pid, "-r", "web"],
        ["process", "show", &pid, "-r", "db"],
    ] {
        let out = fleet.run(&arguments).well();
        assert!(
            out.contains("evil") && !out.contains(['\u{1b}', '\u{202e}']),
            "{out:?}"
        );
    }
    hostile.kill().unwrap();
    hostile.wait().unwrap();
}

#[test]
fn colour_is_for_terminals_or_when_it_is_wanted() {
    let fleet = Fleet::start();
    let plain = fleet.run(&["status", "-l", "env=prod"]).well();
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let colour = fleet
        .run(&["status", "-l", "env=prod", "--color", "always"])
        .well();
    assert!(colour.contains("\u{1b}[32mready\u{1b}[0m"), "{colour:?}");
    let json = fleet
        .run(&["status", "-l", "env=prod", "--color=always", "--json"])
        .well();
    assert!(!json.contains('\u{1b}'), "{json:?}");
    let usage = fleet.run(&["nonsense", "--color", "always"]);
    assert!(usage.err.contains('\u{1b}'), "{usage:?}");
}

/// Runs a command with something on its standard input.
fn with_input(mut command: std::process::Command, input: &str) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    Fleet::output(&child.wait_with_output().unwrap())
}
