//! Users, keys and the audit log over HTTP: the same commands, the same output, the same rules.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::process::{Daemon, linux_api, post};

/// A daemon, and an administrator with the database and one with a key.
struct LocalAndRemote {
    home: TempDir,
    elsewhere: TempDir,
    url: String,
    key: String,
    _daemon: Daemon,
}

/// What a command answered.
#[derive(Debug)]
struct CommandOutput {
    ok: bool,
    out: String,
    err: String,
}

impl LocalAndRemote {
    fn start(variables: &[(&str, &str)]) -> Self {
        let home = TempDir::new().unwrap();
        let daemon = Daemon::start(home.path(), &[], variables);
        Self {
            url: format!("http://{}", daemon.address),
            key: daemon.key.clone().unwrap(),
            elsewhere: TempDir::new().unwrap(),
            home,
            _daemon: daemon,
        }
    }

    /// With the database.
    fn here(&self, arguments: &[&str]) -> CommandOutput {
        said(&mut linux_api(self.home.path(), arguments))
    }

    /// Over HTTP, from a home without any configuration or database.
    fn there(&self, arguments: &[&str]) -> CommandOutput {
        self.there_with(&self.key, arguments)
    }

    fn there_with(&self, key: &str, arguments: &[&str]) -> CommandOutput {
        let mut command = linux_api(self.elsewhere.path(), arguments);
        command.args(["--remote", &self.url]);
        said(command.env("LINUX_API_KEY", key))
    }
}

fn said(command: &mut std::process::Command) -> CommandOutput {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    CommandOutput {
        ok: output.status.success(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

impl CommandOutput {
    #[track_caller]
    fn well(self) -> String {
        assert!(self.ok, "{}", self.err);
        self.out
    }

    #[track_caller]
    fn refused(self, why: &str) {
        assert!(!self.ok, "{}", self.out);
        assert!(self.err.contains(why), "{}", self.err);
    }
}

fn key_in(output: &str) -> String {
    let found = output.lines().find(|line| line.starts_with("lapi_"));
    found.expect("the command prints a key").to_owned()
}

/// Without what differs in any two runs: secrets, ids and times.
fn shape(text: &str) -> String {
    let ids = regex::Regex::new(
        r"lapi_\S+|[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:.]+Z|\b[0-9A-Za-z]{12}\b",
    );
    ids.unwrap().replace_all(text, "*").into_owned()
}

const NO_LIMITS: &[(&str, &str)] = &[("LINUX_API__RATE_LIMIT__ENABLED", "false")];

#[test]
fn what_is_shown_is_the_same_to_the_letter() {
    let both = LocalAndRemote::start(NO_LIMITS);
    let address = both.url.trim_start_matches("http://");
    for number in 0..120 {
        let user = json!({"username": format!("user{number}")});
        let (status, _) = post(address, "/api/v1/user/register", &both.key, &user);
        assert_eq!(status, 200);
    }
    let id = serde_json::from_str::<Value>(&both.here(&["user", "list", "--json"]).well()).unwrap();
    let id = id[7]["user_id"].as_str().unwrap().to_owned();
    both.here(&["user", "key", "create", &id, "--scope", "host:read"])
        .well();
    for arguments in [
        &["user", "list"][..],
        &["user", "list", "--json"],
        &["user", "show", &id],
        &["user", "show", &id.to_uppercase(), "--json"],
        &["user", "show", "USER3"],
        &["user", "show", "user0", "--json"],
        &["user", "key", "list", &id],
        &["user", "key", "list", "admin", "--json"],
        &["audit", "list"],
        &["audit", "list", "--json", "--limit", "3"],
        &["audit", "list", "--action", "key.create"],
        &["audit", "list", "--actor", "nobody"],
        &[
            "audit",
            "list",
            "--from",
            "2000-01-01T00:00:00Z",
            "--limit",
            "2000",
        ],
        &["audit", "list", "--to", "2000-01-01T00:00:00Z"],
    ] {
        let (here, there) = (both.here(arguments).well(), both.there(arguments).well());
        assert_eq!(here, there, "{arguments:?}");
        assert!(here.len() > 2, "{arguments:?} shows something");
    }
    assert_eq!(both.there(&["user", "list"]).well().lines().count(), 122);
}

#[test]
fn what_is_done_is_said_alike_and_ruled_alike() {
    let both = LocalAndRemote::start(NO_LIMITS);
    let change = |arguments: &[&str]| {
        let on = |name: &str| -> Vec<String> {
            let one = arguments.iter();
            one.map(|word| word.replace("NAME", name)).collect()
        };
        let (one, two) = (on("here1"), on("rmte1"));
        let words = |all: &'static str, list: &[String]| -> (String, bool) {
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            let said = if all == "here" {
                both.here(&list)
            } else {
                both.there(&list)
            };
            let text = said.out.replace("rmte1", "here1");
            let mut lines = said.err.lines();
            let complaint = lines.find(|line| line.starts_with("error: "));
            let complaint = complaint.unwrap_or_default();
            let error = complaint.replace("rmte1", "here1");
            let error = if said.ok { String::new() } else { error };
            (shape(&text) + &shape(&error), said.ok)
        };
        let (here, there) = (words("here", &one), words("there", &two));
        assert_eq!(here, there, "{arguments:?}");
        here
    };
    let (added, ok) = change(&["user", "add", "NAME", "--inactive"]);
    assert!(ok && added.contains("not yet active"), "{added}");
    assert!(change(&["user", "add", "NAME"]).0.contains("already"));
    assert!(
        change(&["user", "add", "!!"])
            .0
            .contains("a user name holds letters")
    );
    for arguments in [
        &["user", "activate", "NAME"][..],
        &["user", "activate", "NAME"],
        &["user", "role", "NAME", "admin"],
        &["user", "role", "NAME", "admin"],
        &["user", "role", "NAME", "viewer"],
        &["user", "deactivate", "NAME"],
        &[
            "user", "key", "create", "NAME", "--name", "script", "--json",
        ],
        &["user", "key", "list", "NAME"],
        &["user", "add", "NAME2", "--admin", "--json"],
        &["user", "delete", "NAME2", "--yes"],
    ] {
        let (said, ok) = change(arguments);
        assert!(ok, "{arguments:?}: {said}");
    }
    for (arguments, why) in [
        (
            &["user", "delete", "nobody", "--yes"][..],
            "there is no user",
        ),
        (&["user", "delete", "NAME"], "use --yes"),
        (
            &["user", "key", "revoke", "NAME", "aaaaaaaaaaaa", "--yes"],
            "no such key",
        ),
        (
            &["user", "key", "rotate", "NAME", "aaaaaaaaaaaa"],
            "no such key",
        ),
        (
            &[
                "user",
                "key",
                "create",
                "NAME",
                "--expires",
                "2001-01-01T00:00:00Z",
            ],
            "in the past",
        ),
        (&["user", "key", "create", "NAME", "--name", " "], "1 to 64"),
        (
            &[
                "user",
                "key",
                "rotate",
                "NAME",
                "aaaaaaaaaaaa",
                "--overlap",
                "8d",
            ],
            "7 days",
        ),
    ] {
        let (said, ok) = change(arguments);
        assert!(!ok && said.contains(why), "{arguments:?}: {said}");
    }
    let rows = both.here(&["audit", "list", "--json", "--target", "user:rmte1"]);
    let rows: Vec<Value> = serde_json::from_str(&rows.well()).unwrap();
    let by = format!("key:{}", &both.key[5..17]);
    assert!(
        rows.len() >= 6 && rows.iter().all(|row| row["via"] == by),
        "{rows:?}"
    );
}

#[test]
fn keys_are_made_rotated_and_revoked_over_http() {
    let both = LocalAndRemote::start(NO_LIMITS);
    let first = key_in(&both.there(&["user", "add", "alice1"]).well());
    let made = both.there(&["user", "key", "create", "alice1", "--json"]);
    let made: Value = serde_json::from_str(&made.well()).unwrap();
    let id = made["key_id"].as_str().unwrap();
    let rotate = ["user", "key", "rotate", "alice1", id, "--overlap", "0s"];
    let next = key_in(&both.there(&rotate).well());
    both.there(&rotate).refused("revoked or expired");
    let revoke = ["user", "key", "revoke", "alice1", &next[5..17], "--yes"];
    both.there(&revoke).well();
    assert!(both.there(&revoke).well().contains("was revoked already"));
    // The key of a viewer gets the reason for the refusal.
    both.there_with(&first, &["user", "list"])
        .refused("Admin access required");
    both.there_with("lapi_wrong", &["user", "list"])
        .refused("the key is wrong, expired or revoked");
}

#[test]
fn what_takes_the_database_is_refused_over_http() {
    let both = LocalAndRemote::start(NO_LIMITS);
    let boss = key_in(&both.there(&["user", "add", "boss1", "--admin"]).well());
    let out = both.there_with(&boss, &["user", "add", "alice1"]).well();
    let alice = key_in(&out)[5..17].to_owned();
    let boss_says = |arguments: &[&str]| both.there_with(&boss, arguments);
    assert_eq!(
        boss_says(&["user", "protect", "alice1"]).well(),
        "alice1 is now protected\n"
    );
    assert_eq!(
        boss_says(&["user", "protect", "alice1"]).well(),
        "alice1 is already protected\n"
    );
    let off = "only someone with direct database access may remove the protection";
    boss_says(&["user", "protect", "--off", "alice1"]).refused(off);
    let locked = "only someone with direct database access may change it: run the command on the daemon's host";
    for arguments in [
        &["user", "key", "create", "alice1"][..],
        &["user", "key", "rotate", "alice1", &alice],
        &["user", "key", "revoke", "alice1", &alice, "--yes"],
        &["user", "deactivate", "alice1"],
        &["user", "role", "alice1", "admin"],
        &["user", "delete", "alice1", "--yes"],
    ] {
        boss_says(arguments).refused(locked);
    }
    boss_says(&["user", "role", "boss1", "viewer"]).refused("users can't change their own role");
    boss_says(&["user", "deactivate", "boss1"]).refused("users can't deactivate themselves");
    // Who has the database may.
    both.here(&["user", "key", "revoke", "alice1", &alice, "--yes"])
        .well();
    both.here(&["user", "protect", "--off", "alice1"]).well();
    boss_says(&["user", "delete", "alice1", "--yes"]).well();
}

#[test]
fn a_remote_is_named_and_its_key_is_found() {
    let both = LocalAndRemote::start(&[]);
    let mut add = linux_api(
        both.elsewhere.path(),
        &["remote", "add", "web", &both.url, "--key-file"],
    );
    said(add.env("LINUX_API_KEY", &both.key)).well();
    let list = ["user", "list", "--remote", "web", "--json"];
    let listed = said(&mut linux_api(both.elsewhere.path(), &list));
    assert!(
        listed.err.contains("daemon: http://127.0.0.1"),
        "{listed:?}"
    );
    assert_eq!(listed.well(), both.here(&["user", "list", "--json"]).well());
    let unknown = ["audit", "list", "--remote", "nowhere"];
    said(&mut linux_api(both.elsewhere.path(), &unknown)).refused("nowhere");
    let gone = ["user", "--remote", "http://127.0.0.1:1", "list"];
    said(&mut linux_api(both.elsewhere.path(), &gone)).refused("does not respond");
    let open = ["user", "list", "--remote", "http://192.0.2.1:80"];
    let mut open = linux_api(both.elsewhere.path(), &open);
    said(open.env("LINUX_API_KEY", &both.key)).refused("use https");
}

#[test]
fn a_limit_on_requests_is_waited_for() {
    let both = LocalAndRemote::start(&[("LINUX_API__RATE_LIMIT__PER_KEY_WRITES", "1/s burst 1")]);
    let first = both.there(&["user", "add", "user1"]);
    let second = both.there(&["user", "add", "user2"]);
    let third = both.there(&["user", "add", "user3"]);
    let waited = [&first, &second, &third].map(|said| said.err.contains("waiting for 1s"));
    assert!(first.ok && second.ok && third.ok, "{third:?}");
    assert!(waited.contains(&true), "{second:?}");
}

#[test]
fn following_shows_what_is_written_meanwhile() {
    use std::io::{BufRead, BufReader};
    let both = LocalAndRemote::start(NO_LIMITS);
    for remote in [false, true] {
        let mut command = if remote {
            let mut command = linux_api(both.elsewhere.path(), &["audit", "list", "-f", "--json"]);
            command.args(["--remote", &both.url]);
            command.env("LINUX_API_KEY", &both.key);
            command
        } else {
            linux_api(both.home.path(), &["audit", "list", "-f", "--json"])
        };
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next =
            || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
        assert_eq!(next()["target"], "user:admin");
        let name = if remote { "remote1" } else { "local1" };
        if remote {
            // What was written before following began.
            assert_eq!(next()["target"], "user:local1");
        }
        both.here(&["user", "add", name]).well();
        assert_eq!(next()["target"], format!("user:{name}"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
