//! Acts on hosts from the command line: the plan, the confirmation, batches, and how it ends; against hosts that respond
//! as a test says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A host that responds by a list, by method and path, and notes what is changed on it.
struct FakeHost {
    address: SocketAddr,
    posted: Arc<Mutex<Vec<(String, Value)>>>,
    _runtime: tokio::runtime::Runtime,
}

type Responses = BTreeMap<String, (u16, Value)>;

#[derive(Clone)]
struct Script {
    responses: Arc<Responses>,
    posted: Arc<Mutex<Vec<(String, Value)>>>,
}

async fn respond(State(script): State<Script>, method: Method, uri: Uri, body: Bytes) -> Response {
    let path = uri.path().trim_start_matches("/api/v1/system/").to_owned();
    if method != Method::GET {
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        script.posted.lock().unwrap().push((path.clone(), body));
    }
    let missing = (
        404,
        json!({"code": "not_found", "detail": "Not Found", "status": 404, "type": "about:blank",
        "title": "Not Found", "request_id": "x"}),
    );
    // What is listed with its query comes first.
    let whole = uri.query().map(|query| format!("{path}?{query}"));
    let found = whole.and_then(|whole| script.responses.get(&whole));
    let found = found.or_else(|| script.responses.get(&path));
    let (status, body) = found.unwrap_or(&missing);
    let status = StatusCode::from_u16(*status).unwrap();
    (status, axum::Json(body.clone())).into_response()
}

impl FakeHost {
    fn start(responses: &[(&str, u16, Value)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut all = Responses::new();
        all.insert("acts".to_owned(), (200, state(true)));
        for (path, status, body) in responses {
            all.insert((*path).to_owned(), (*status, body.clone()));
        }
        let posted = Arc::default();
        let script = Script {
            responses: Arc::new(all),
            posted: Arc::clone(&posted),
        };
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(respond).with_state(script);
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            posted,
            _runtime: runtime,
        }
    }

    fn posted(&self) -> Vec<(String, Value)> {
        self.posted.lock().unwrap().clone()
    }
}

fn state(available: bool) -> Value {
    json!({
        "available": available,
        "reason": (!available).then_some("nothing acts on this host"),
        "remedy": (!available).then_some("sudo systemctl enable --now linux-api-executor.socket"),
        "units": available, "processes": available,
    })
}

fn unit_result(job: &str, active: &str) -> Value {
    json!({
        "unit": "app.service", "job": job, "pending": false, "active": active, "sub": active,
        "result": null, "exit_code": null, "exit_signal": null, "log": [],
    })
}

fn problem(status: u16, code: &str, detail: &str) -> Value {
    json!({
        "type": "about:blank", "title": "no", "status": status, "detail": detail, "code": code, "request_id": "x",
    })
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Runs a command on these hosts, in this order.
fn run(hosts: &[&FakeHost], arguments: &[&str]) -> Ended {
    let home = TempDir::new().unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("linux-api"));
    command
        .env_clear()
        .env("HOME", home.path())
        .env("LINUX_API_KEY", "lapi_EXAMPLE")
        .args(arguments);
    for host in hosts {
        command.args(["-r", &format!("http://{}", host.address)]);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

fn outcomes(ended: &Ended) -> Vec<String> {
    let rows: Vec<Value> = serde_json::from_str(&ended.out).unwrap_or_else(|error| {
        panic!("{error}: {} {}", ended.out, ended.err);
    });
    let outcome = |row: &Value| row["outcome"].as_str().unwrap().to_owned();
    rows.iter().map(outcome).collect()
}

const RESTART: &str = "units/app.service/restart";

fn good() -> FakeHost {
    FakeHost::start(&[(RESTART, 200, unit_result("done", "active"))])
}

fn failing() -> FakeHost {
    FakeHost::start(&[(RESTART, 200, unit_result("failed", "failed"))])
}

#[test]
fn without_a_terminal_nothing_is_done_unless_yes_is_given() {
    let host = good();
    let refused = run(&[&host], &["unit", "restart", "app"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused.err.contains("Restart app.service on "),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("use --yes"), "{}", refused.err);
    assert!(
        refused.err.contains("restart app.service: possible"),
        "{}",
        refused.err
    );
    assert!(host.posted().is_empty());

    let planned = run(&[&host], &["unit", "restart", "app", "--dry-run"]);
    assert_eq!(planned.code, 0, "{}", planned.err);
    assert!(planned.out.contains("would be done") && host.posted().is_empty());

    let done = run(&[&host], &["unit", "restart", "app", "--yes"]);
    assert_eq!((done.code, host.posted().len()), (0, 1), "{}", done.err);
    assert!(
        done.out.contains("done") && done.out.contains("active (active)"),
        "{}",
        done.out
    );
}

#[test]
fn the_plan_has_the_verdict_of_the_host_on_each_unit() {
    let mut protected = state(false);
    protected["reason"] = json!("dbus.service is protected");
    let host = FakeHost::start(&[
        (RESTART, 200, unit_result("done", "active")),
        ("acts?unit=dbus.service&verb=restart", 200, protected),
    ]);
    let line = ["unit", "restart", "app", "dbus"];
    let planned = run(&[&host], &[&line[..], &["--dry-run", "--json"]].concat());
    assert_eq!(outcomes(&planned), ["planned", "not_allowed"]);
    assert_eq!(planned.code, 3);
    let question = run(&[&host], &line);
    for part in [
        "restart app.service: possible",
        "restart dbus.service: not allowed: dbus.service is protected",
        "Restart app.service on ",
    ] {
        assert!(question.err.contains(part), "{part}: {}", question.err);
    }
    assert!(host.posted().is_empty());
    let done = run(&[&host], &[&line[..], &["--yes", "--json"]].concat());
    assert_eq!(outcomes(&done), ["done", "not_allowed"]);
    assert_eq!(host.posted().len(), 1);
}

#[test]
fn after_too_many_failures_no_other_batch_is_begun() {
    let line = ["unit", "restart", "app", "--yes", "--json", "--batch", "1"];
    let hosts = [good(), failing(), good()];
    let ended = run(&[&hosts[0], &hosts[1], &hosts[2]], &line);
    assert_eq!(outcomes(&ended), ["done", "failed", "not_begun"]);
    assert_eq!(ended.code, 1);
    assert!(hosts[2].posted().is_empty());
    assert!(ended.out.contains("it failed on 1 host"), "{}", ended.out);

    let more = [&line[..], &["--max-failures", "1"]].concat();
    let ended = run(&[&hosts[0], &hosts[1], &hosts[2]], &more);
    assert_eq!(outcomes(&ended), ["done", "failed", "done"]);
    assert_eq!((ended.code, hosts[2].posted().len()), (1, 1));

    // All of one batch are begun at once.
    let hosts = [failing(), good()];
    let ended = run(&[&hosts[0], &hosts[1]], &line[..5]);
    assert_eq!(outcomes(&ended), ["failed", "done"]);
}

#[test]
fn a_gate_that_is_not_active_ends_it() {
    let gated = |active: &str| {
        let mut detail = json!({
            "name": "web.service", "aliases": [], "description": "", "load": "loaded", "active": active, "sub": "x",
            "triggers": [], "triggered_by": [], "log": [],
        });
        for name in [
            "enabled",
            "fragment_path",
            "active_since",
            "state_since",
            "result",
            "main_pid",
        ] {
            detail[name] = Value::Null;
        }
        FakeHost::start(&[
            (RESTART, 200, unit_result("done", "active")),
            ("units/web.service", 200, detail),
        ])
    };
    let line = [
        "unit", "restart", "app", "--yes", "--json", "--batch", "1", "--gate", "web",
    ];
    let hosts = [gated("failed"), gated("active")];
    let ended = run(&[&hosts[0], &hosts[1]], &line);
    assert_eq!(outcomes(&ended), ["done", "not_begun"], "{}", ended.out);
    assert!(
        ended.out.contains("the gate web.service is not active on "),
        "{}",
        ended.out
    );
    assert!(hosts[1].posted().is_empty() && ended.code == 1);
    let ended = run(&[&hosts[1], &hosts[0]], &line);
    assert_eq!(
        (outcomes(&ended), ended.code),
        (vec!["done".to_owned(); 2], 0)
    );
}

#[test]
fn what_a_host_does_not_allow_is_in_the_plan_and_is_not_requested() {
    let closed = FakeHost::start(&[("acts", 200, state(false))]);
    let ended = run(&[&closed], &["unit", "stop", "app", "--yes"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(
        ended.out.contains("enable --now linux-api-executor.socket"),
        "{}",
        ended.out
    );
    assert!(closed.posted().is_empty());

    let refusing = FakeHost::start(&[(
        RESTART,
        403,
        problem(403, "not_allowed_by_policy", "units.allow does not name it"),
    )]);
    let ended = run(&[&refusing], &["unit", "restart", "app", "--yes", "--json"]);
    assert_eq!(
        (outcomes(&ended), ended.code),
        (vec!["not_allowed".to_owned()], 3)
    );
    assert!(
        ended.out.contains("units.allow does not name it"),
        "{}",
        ended.out
    );

    // A host that is away hides no other, and the highest code counts.
    let host = good();
    let away = FakeHost {
        address: "127.0.0.1:1".parse().unwrap(),
        ..good()
    };
    let ended = run(
        &[&away, &host],
        &["unit", "restart", "app", "--yes", "--json"],
    );
    assert_eq!(outcomes(&ended), ["not_reached", "done"]);
    assert_eq!(ended.code, 4);
}

fn process(pid: u32, name: &str, start_ticks: u64) -> Value {
    json!({"pid": pid, "name": name, "user": "alice", "uid": 1000, "start_ticks": start_ticks})
}

fn processes(items: &[Value]) -> Value {
    json!({
        "time": "2026-11-23T07:02:00Z", "scan_ms": 1.0, "interval_seconds": null, "total": items.len(),
        "items": items, "next_cursor": null,
    })
}

#[test]
fn a_process_is_looked_up_and_one_that_has_ended_is_left_alone() {
    let result = json!({
        "pid": 4711, "start_ticks": 81_234, "outcome": "done", "ended": true, "killed": false, "nice_before": null,
        "code": null, "message": null, "remedy": null,
    });
    let host = FakeHost::start(&[
        (
            "processes",
            200,
            processes(&[process(4711, "sleep", 81_234)]),
        ),
        ("processes/signal", 200, json!({"results": [result]})),
    ]);
    let planned = run(&[&host], &["process", "signal", "4711"]);
    let question = "Send TERM to 4711@81234 (sleep of alice) on ";
    assert!(planned.err.contains(question), "{}", planned.err);
    let arguments = [
        "process", "signal", "4711", "4711@9", "12", "--yes", "--json",
    ];
    let ended = run(&[&host], &arguments);
    assert_eq!(
        outcomes(&ended),
        ["done", "failed", "failed"],
        "{}",
        ended.out
    );
    assert_eq!(ended.code, 1);
    assert!(
        ended.out.contains("another process has its number now"),
        "{}",
        ended.out
    );
    let posted = host.posted();
    let expected = json!({"signal": "TERM", "processes": [{"pid": 4711, "start_ticks": 81_234}]});
    assert_eq!(posted, [("processes/signal".to_owned(), expected)]);

    let wrong = run(
        &[&host],
        &[
            "process",
            "signal",
            "4711",
            "--signal",
            "KILL",
            "--escalate",
            "5",
            "--yes",
        ],
    );
    assert_eq!(wrong.code, 2, "{}", wrong.err);
}

#[test]
fn names_that_mean_harm_stay_names() {
    let hostile = "e\u{1b}]0;owned\u{7}v\u{9b}31m\u{202e}il\nforged row";
    let failed = json!({
        "unit": "app.service", "job": hostile, "pending": false, "active": hostile, "sub": hostile,
        "result": null, "exit_code": null, "exit_signal": null,
        "log": [{"time": "2026-11-23T07:02:00Z", "priority": 3, "message": hostile}],
    });
    let host = FakeHost::start(&[
        (RESTART, 200, failed),
        (
            "processes",
            200,
            processes(&[process(4711, hostile, 81_234)]),
        ),
    ]);
    for arguments in [
        &["unit", "restart", "app", "--yes"][..],
        &["process", "signal", "4711"],
        &["process", "signal", "4711", "--dry-run"],
        &["process", "signal", "4711", "--dry-run", "--json"],
    ] {
        let ended = run(&[&host], arguments);
        let text = format!("{}{}", ended.out, ended.err);
        assert!(text.contains("owned"), "{arguments:?}: {text}");
        let is_bad = |character: char| {
            character != '\n' && character.is_control() || character == '\u{202e}'
        };
        assert!(!text.contains(is_bad), "{arguments:?}: {text:?}");
        assert!(!text.contains("\nforged"), "{arguments:?}: {text}");
    }
}

#[test]
fn logs_of_hosts_are_merged_by_time_with_a_column_for_the_host() {
    let entry = |time: &str, message: &str| {
        json!({
            "cursor": message, "time": time, "priority": 3, "unit": "app.service", "identifier": "app", "pid": 7,
            "boot_id": null, "message": message, "message_state": "text",
        })
    };
    let page = |items: &[Value]| json!({"items": items, "partial": false, "older_cursor": null, "newer_cursor": "x"});
    let one = page(&[
        entry("2026-11-23T07:00:00.5Z", "first"),
        entry("2026-11-23T07:00:02Z", "third\u{1b}[2J"),
    ]);
    let two = page(&[entry("2026-11-23T07:00:01Z", "second")]);
    let hosts = [
        FakeHost::start(&[("logs", 200, one)]),
        FakeHost::start(&[("logs", 200, two)]),
    ];
    let ended = run(&[&hosts[0], &hosts[1]], &["logs", "-u", "app", "-n", "5"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[0].starts_with("HOST"), "{}", ended.out);
    let place = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap();
    assert!(
        place("first") < place("second") && place("second") < place("third"),
        "{}",
        ended.out
    );
    assert!(
        lines[2].starts_with(&hosts[1].address.to_string()),
        "{}",
        ended.out
    );
    assert!(!ended.out.contains('\u{1b}'), "{:?}", ended.out);

    let refused = FakeHost::start(&[(
        "logs",
        403,
        problem(403, "scope_missing", "needs logs:read"),
    )]);
    let ended = run(&[&refused], &["logs"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
}
