//! Acts through a daemon and an executor that are processes of the built program: what they do, what they
//! refuse, and that no act is missing from the audit log when one of them ends meanwhile.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::daemon::outage::Server;
use crate::daemon::postgres::fresh_database;
use crate::daemon::process::{Daemon, eventually, post};
use crate::executor::{OPEN, Place, Sleeper};

struct Host {
    place: Place,
    home: TempDir,
    url: Option<String>,
}

impl Host {
    fn new(policy: &str, url: Option<String>) -> Self {
        Self {
            place: Place::new(policy),
            home: TempDir::new().unwrap(),
            url,
        }
    }

    fn start(&self) -> Daemon {
        let socket = self.place.path("executor.sock");
        let mut variables = vec![
            ("LINUX_API__ACTS__SOCKET", socket.to_str().unwrap()),
            ("LINUX_API__RATE_LIMIT__ENABLED", "false"),
        ];
        if let Some(url) = &self.url {
            variables.push(("LINUX_API__DATABASE__URL", url));
        }
        Daemon::start(self.home.path(), &[], &variables)
    }

    fn acts(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.place.path("acts.jsonl")).unwrap_or_default();
        let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &Value| line["event"] == "act")
            .collect()
    }
}

fn parsed((status, body): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&body).unwrap_or_default())
}

fn signal(daemon: &Daemon, key: &str, sleeper: &Sleeper, body: &Value) -> (u16, Value) {
    let mut body = body.clone();
    if body["start_ticks"].is_null() {
        body["start_ticks"] = sleeper.start_ticks().into();
    }
    let path = format!("/api/v1/system/processes/{}/signal", sleeper.pid());
    parsed(post(&daemon.address, &path, key, &body))
}

/// Rows about acts, oldest first: action, target, result and actor.
fn rows(daemon: &Daemon, key: &str) -> Vec<[String; 4]> {
    let (status, body) = daemon.get("/api/v1/admin/audit", Some(key));
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let items = body["items"].as_array().unwrap().iter().rev();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    items
        .filter(|row| text(row, "action").starts_with("process."))
        .inspect(|row| assert!(row["host_id"].is_string(), "{row}"))
        .map(|row| ["action", "target", "result", "actor"].map(|field| text(row, field)))
        .collect()
}

fn results(daemon: &Daemon, key: &str, target: &str) -> Vec<String> {
    let rows = rows(daemon, key).into_iter();
    rows.filter(|row| row[1] == target)
        .map(|[_, _, result, _]| result)
        .collect()
}

fn target(sleeper: &Sleeper) -> String {
    format!("process:{}@{}", sleeper.pid(), sleeper.start_ticks())
}

fn an_act_reaches_the_process_that_it_names(url: Option<String>) {
    let host = Host::new(OPEN, url);
    let executor = host.place.start();
    let daemon = host.start();
    let key = daemon.key.clone().unwrap();
    let mut sleeper = Sleeper::start();
    let target = target(&sleeper);

    // The number is another process' by now.
    let other = json!({"signal": "KILL", "start_ticks": sleeper.start_ticks() + 1});
    let (status, gone) = signal(&daemon, &key, &sleeper, &other);
    assert_eq!(
        (status, &gone["code"]),
        (409, &json!("process_gone")),
        "{gone}"
    );
    assert!(sleeper.lives());

    // The same request again is not done twice.
    let named = format!("{key}\r\nIdempotency-Key: once");
    let first = signal(&daemon, &named, &sleeper, &json!({"signal": "STOP"}));
    assert_eq!(first.0, 200, "{}", first.1);
    assert_eq!(first.1["ended"], false);
    let again = signal(&daemon, &named, &sleeper, &json!({"signal": "STOP"}));
    assert_eq!(again, first);
    assert_eq!(host.acts().len(), 1);
    let (status, other) = signal(&daemon, &named, &sleeper, &json!({"signal": "CONT"}));
    assert_eq!(
        (status, &other["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    let bad = format!("{key}\r\nIdempotency-Key: a b");
    let (status, _) = signal(&daemon, &bad, &sleeper, &json!({"signal": "CONT"}));
    assert_eq!(status, 422);

    let (status, done) = signal(&daemon, &key, &sleeper, &json!({"signal": "KILL"}));
    assert_eq!((status, &done["outcome"]), (200, &json!("done")), "{done}");
    assert!(!sleeper.lives());
    eventually(|| results(&daemon, &key, &target).len() >= 6);
    let found = results(&daemon, &key, &target);
    // STOP, the same again, CONT that was refused, KILL.
    assert_eq!(
        found.iter().filter(|it| *it == "begun").count(),
        4,
        "{found:?}"
    );
    assert_eq!(
        found.iter().filter(|it| *it == "done").count(),
        3,
        "{found:?}"
    );
    assert_eq!(
        found.iter().filter(|it| *it == "refused").count(),
        1,
        "{found:?}"
    );

    // Several at once, one of which is not there.
    let (one, mut two) = (Sleeper::start(), Sleeper::start());
    let body = json!({"signal": "KILL", "processes": [
        {"pid": one.pid(), "start_ticks": one.start_ticks() + 7},
        {"pid": two.pid(), "start_ticks": two.start_ticks()},
    ]});
    let path = "/api/v1/system/processes/signal";
    let (status, both) = parsed(post(&daemon.address, path, &key, &body));
    assert_eq!(status, 200, "{both}");
    assert_eq!(both["results"][0]["code"], "process_gone", "{both}");
    assert_eq!(both["results"][1]["outcome"], "done", "{both}");
    assert!(!two.lives());
    for (body, status) in [
        (json!({"signal": "KILL", "processes": []}), 422),
        (
            json!({"signal": "WINCH", "processes": [{"pid": 1, "start_ticks": 1}]}),
            422,
        ),
        (json!({"signal": "KILL", "processes": [{"pid": 1}]}), 422),
    ] {
        assert_eq!(post(&daemon.address, path, &key, &body).0, status, "{body}");
    }

    let path = format!("/api/v1/system/processes/{}/renice", one.pid());
    let body = json!({"nice": 19, "start_ticks": one.start_ticks()});
    let (status, reniced) = parsed(post(&daemon.address, &path, &key, &body));
    assert_eq!(status, 200, "{reniced}");
    assert!(reniced["nice_before"].as_i64() < Some(19), "{reniced}");
    let stat = fs::read_to_string(format!("/proc/{}/stat", one.pid())).unwrap();
    assert_eq!(stat.split(' ').nth(18), Some("19"), "{stat}");

    // Without the bus there are no units, and nothing else suffers from it.
    let path = "/api/v1/system/units/nginx.service/restart";
    let refused = parsed(post(&daemon.address, path, &key, &json!({})));
    assert_eq!(refused.0, 403, "{}", refused.1);
    let state = daemon.get("/api/v1/system/acts", Some(&key)).1;
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(
        [&state["available"], &state["processes"], &state["units"]],
        [true, true, false]
    );
    drop(executor);
}

#[test]
fn an_act_reaches_the_process_that_it_names_on_sqlite() {
    an_act_reaches_the_process_that_it_names(None);
}

#[test]
fn an_act_reaches_the_process_that_it_names_on_postgresql() {
    an_act_reaches_the_process_that_it_names(Some(fresh_database()));
}

#[test]
fn the_policy_decides_on_an_act_that_is_not_done() {
    let host = Host::new("[units]\nallow = [\"app.service\"]\n", None);
    let _executor = host.place.start();
    let daemon = host.start();
    let key = daemon.key.clone().unwrap();
    let state = |query: &str| {
        let (status, body) = daemon.get(&format!("/api/v1/system/acts{query}"), Some(&key));
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    assert_eq!(state("").1["units"], true);
    let (_, protected) = state("?unit=dbus.service&verb=stop");
    assert_eq!(
        [&protected["available"], &protected["units"]],
        [false, false]
    );
    let reason = protected["reason"].as_str().unwrap();
    assert!(reason.contains("dbus.service is protected"), "{reason}");
    for query in [
        "?unit=a%3Bid&verb=stop",
        "?unit=app.service&verb=mask",
        "?unit=app.service&verb=limits",
    ] {
        assert_eq!(state(query).0, 422, "{query}");
    }
    assert!(host.acts().is_empty());
}

#[test]
fn what_the_host_does_not_allow_says_what_would() {
    let host = Host::new(include_str!("../../../packaging/policy.toml"), None);
    let daemon = host.start();
    let key = daemon.key.clone().unwrap();
    let mut sleeper = Sleeper::start();
    let body = json!({"signal": "KILL"});
    let (status, none) = signal(&daemon, &key, &sleeper, &body);
    assert_eq!(
        (status, &none["code"]),
        (501, &json!("actions_unavailable"))
    );
    let detail = none["detail"].as_str().unwrap();
    let command = "sudo systemctl enable --now linux-api-executor.socket";
    assert!(detail.contains(command), "{detail}");

    let _executor = host.place.start();
    let (status, not_allowed) = signal(&daemon, &key, &sleeper, &body);
    assert_eq!(
        (status, &not_allowed["code"]),
        (403, &json!("not_allowed_by_policy"))
    );
    let detail = not_allowed["detail"].as_str().unwrap();
    assert!(detail.contains("there is no processes.min_uid"), "{detail}");
    assert!(
        detail.contains("sudo linux-api policy allow --processes 1000"),
        "{detail}"
    );
    let (status, unit) = parsed(post(
        &daemon.address,
        "/api/v1/system/units/debug-shell.service/start",
        &key,
        &json!({}),
    ));
    assert_eq!(
        (status, &unit["code"]),
        (403, &json!("not_allowed_by_policy")),
        "{unit}"
    );
    assert!(sleeper.lives());

    // More than the policy allows in a minute.
    fs::write(
        host.place.path("policy.toml"),
        "rate = \"1/minute\"\nprocesses.min_uid = 0\n",
    )
    .unwrap();
    let stop = json!({"signal": "STOP"});
    assert_eq!(signal(&daemon, &key, &sleeper, &stop).0, 200);
    let (status, limited) = signal(&daemon, &key, &sleeper, &stop);
    assert_eq!(
        (status, &limited["code"]),
        (429, &json!("act_rate_exceeded")),
        "{limited}"
    );

    // A mistake closes everything, and is named.
    fs::write(host.place.path("policy.toml"), "unit = 1\n").unwrap();
    let (status, closed) = signal(&daemon, &key, &sleeper, &stop);
    assert_eq!(
        (status, &closed["code"]),
        (403, &json!("not_allowed_by_policy"))
    );
    assert!(
        closed["detail"].as_str().unwrap().contains("policy.toml:1"),
        "{closed}"
    );
}

/// An act while the database is away, and both of its rows when it is back.
#[test]
fn an_act_without_the_database_has_its_rows_later() {
    let server = Server::start_new();
    let host = Host::new(OPEN, Some(server.url()));
    let _executor = host.place.start();
    let daemon = host.start();
    let key = daemon.key.clone().unwrap();
    let mut sleeper = Sleeper::start();
    let target = target(&sleeper);
    assert_eq!(daemon.get("/api/v1/user/me", Some(&key)).0, 200);
    server.stop();
    let begin = Instant::now();
    let (status, done) = signal(&daemon, &key, &sleeper, &json!({"signal": "KILL"}));
    assert_eq!(status, 200, "{done}");
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "{:?}",
        begin.elapsed()
    );
    assert!(!sleeper.lives());
    server.start();
    eventually(|| daemon.get("/readyz", None).0 == 200);
    eventually(|| results(&daemon, &key, &target) == ["begun", "done"]);
    let found = rows(&daemon, &key);
    assert!(found.iter().all(|row| row[3] == "admin"), "{found:?}");
}

/// On SQLite the database is away while another program writes.
#[test]
fn an_act_beside_a_locked_file_has_its_rows_later() {
    let host = Host::new(OPEN, None);
    let _executor = host.place.start();
    let daemon = host.start();
    let key = daemon.key.clone().unwrap();
    let mut sleeper = Sleeper::start();
    let target = target(&sleeper);
    assert_eq!(daemon.get("/api/v1/user/me", Some(&key)).0, 200);
    let file = host.home.path().join(".local/share/linux-api/linux-api.db");
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let url = format!("sqlite://{}", file.display());
    let mut other = runtime.block_on(async {
        let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("begin immediate")
            .execute(&mut other)
            .await
            .unwrap();
        other
    });
    let (status, done) = signal(&daemon, &key, &sleeper, &json!({"signal": "KILL"}));
    assert_eq!(status, 200, "{done}");
    assert!(!sleeper.lives());
    runtime.block_on(async {
        sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
    });
    eventually(|| results(&daemon, &key, &target) == ["begun", "done"]);
}

/// A process that does not end by TERM.
struct Stubborn(Child);

impl Stubborn {
    fn start() -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = [0; 6];
        let mut output = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut output, &mut line).unwrap();
        Self(child)
    }
}

impl Drop for Stubborn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The executor is killed between an act and its result.
#[test]
fn an_act_whose_result_is_lost_is_said_to_be_unknown() {
    let host = Host::new(OPEN, None);
    let executor = host.place.start();
    let daemon = host.start();
    let key = daemon.key.clone().unwrap();
    let stubborn = Stubborn::start();
    let pid = stubborn.0.id();
    let identity = linux_api_host::read_identity("/proc".as_ref(), pid).unwrap();
    let target = format!("process:{pid}@{}", identity.start_ticks);
    let path = format!("/api/v1/system/processes/{pid}/signal");
    let (address, sent) = (daemon.address.clone(), key.clone());
    let body = json!({"signal": "TERM", "start_ticks": identity.start_ticks, "escalate_after": 30});
    let request = std::thread::spawn(move || parsed(post(&address, &path, &sent, &body)));
    eventually(|| host.acts().len() == 1);
    drop(executor);
    let (status, lost) = request.join().unwrap();
    assert_eq!(
        (status, &lost["code"]),
        (409, &json!("act_outcome_unknown")),
        "{lost}"
    );
    // It was not refused.
    assert_eq!(results(&daemon, &key, &target), ["begun", "failed"]);
}

/// The daemon is killed between request and result, `before` the database was stopped.
fn both_rows_after_a_kill(host: &Host, server: Option<&Server>) {
    let _executor = host.place.start();
    let daemon = host.start();
    let key = daemon.key.clone().unwrap();
    assert_eq!(daemon.get("/api/v1/user/me", Some(&key)).0, 200);
    let stubborn = Stubborn::start();
    let pid = stubborn.0.id();
    let start_ticks = linux_api_host::read_identity("/proc".as_ref(), pid)
        .unwrap()
        .start_ticks;
    let target = format!("process:{pid}@{start_ticks}");
    if let Some(server) = server {
        server.stop();
    }
    let (address, path) = (
        daemon.address.clone(),
        format!("/api/v1/system/processes/{pid}/signal"),
    );
    let body = json!({"signal": "TERM", "start_ticks": start_ticks, "escalate_after": 4});
    let sent = key.clone();
    let request = std::thread::spawn(move || post(&address, &path, &sent, &body).0);
    eventually(|| host.acts().len() == 1);
    daemon.end(Signal::KILL);
    assert_ne!(request.join().unwrap(), 200);
    if let Some(server) = server {
        server.start();
    }
    let daemon = host.start();
    eventually(|| daemon.get("/readyz", None).0 == 200);
    eventually(|| results(&daemon, &key, &target) == ["begun", "done"]);
}

#[test]
fn a_daemon_killed_before_the_result_loses_no_row() {
    both_rows_after_a_kill(&Host::new(OPEN, None), None);
}

#[test]
fn a_daemon_killed_without_its_database_loses_no_row() {
    let server = Server::start_new();
    both_rows_after_a_kill(&Host::new(OPEN, Some(server.url())), Some(&server));
}
