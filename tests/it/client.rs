//! The client against a real daemon, and against servers that mean it no good.

use crate::support::{daemon, left_out};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use linux_api_client::acts::UnitVerb;
use linux_api_client::error::ClientError;
use linux_api_client::events::Update;
use linux_api_client::logs::{LogDirection, LogQuery, LogUpdate};
use linux_api_client::units::UnitQuery;
use linux_api_client::{
    AuditQuery, Buckets, Client, HistoryRange, HostQuery, HostSelection, ProcessPage, Target,
};
use linux_api_wire::api::acts::{
    ProcessIdentity, SendSignal, SendSignals, SetNices, SetUnitLimits, SignalName, UnitLimit,
};
use linux_api_wire::api::fleet::{HostSort, Order};
use linux_api_wire::api::keys::{CreateKey, RotateKey};
use linux_api_wire::api::users::RegisterUser;
use linux_api_wire::api_key::Scope;
use linux_api_wire::fleet::HostState;
use linux_api_wire::time::Clock;
use linux_api_wire::user::Role;

mod alerts;
mod hostile;
mod keyrings;
mod local;
mod recorded;
mod remotes;

use daemon::Daemon;

fn client(url: &str, key: Option<&str>) -> Client {
    Client::new(&Target {
        key: key.map(Into::into),
        ..Target::new(url.parse().unwrap())
    })
    .unwrap()
}

/// History, and the calls that select hosts, on a daemon whose own has no labels.
async fn call_about_hosts(client: &Client, range: &HistoryRange, buckets: &Buckets) {
    let web = HostSelection {
        hosts: Vec::new(),
        labels: vec!["role=web".parse().unwrap()],
    };
    assert!(client.history(range).await.is_ok());
    let history = client.history_of_hosts(range, &web).await.unwrap();
    assert!(history.series.is_empty(), "no host has the label");
    assert!(client.global_metrics_by_host(buckets, &web).await.is_ok());
    assert!(client.route_metrics_by_host(buckets, &web).await.is_ok());
    assert!(client.status_codes_by_host(buckets, &web).await.is_ok());
    let query = HostQuery {
        labels: vec!["role=web".parse().unwrap()],
        states: vec![HostState::Up, HostState::Down],
        text: Some("a".to_owned()),
        min: vec!["disk=90".parse().unwrap()],
        max: vec!["uptime=3600".parse().unwrap()],
        sort: HostSort::Memory,
        order: Some(Order::Ascending),
        limit: Some(1000),
    };
    let hosts = client.query_fleet_hosts(&query, None).await.unwrap();
    assert!(hosts.items.is_empty() && hosts.next_cursor.is_none());
    for id in ["nowhere", "no.where:1", "..", "a/b"] {
        let unknown = client.forget_host(id).await.unwrap_err();
        let is_404 = matches!(unknown, ClientError::Refused { status: 404, .. });
        assert!(is_404, "{id}: {unknown}");
    }
}

async fn look_at_network(client: &Client) {
    // Beside that of the daemon.
    let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let network = client.network(1, None).await.unwrap();
    assert_eq!(network.listening.len(), 1);
    let next = client.network(1, network.next_cursor.as_deref()).await;
    assert_ne!(next.unwrap().listening, network.listening);
}

async fn change_user(client: &Client, id: &str) {
    assert!(client.set_active(id, true).await.unwrap().is_some());
    assert!(client.set_active(id, true).await.unwrap().is_none());
    assert!(client.set_role(id, Role::Operator).await.unwrap().is_some());
    let limited = client.set_hosts(id, Some("env=dev")).await.unwrap();
    assert!(limited.is_some());
    assert!(client.set_hosts(id, None).await.unwrap().is_some());
    assert!(client.set_active(id, false).await.unwrap().is_some());
}

fn register(name: &str) -> RegisterUser {
    RegisterUser {
        username: name.to_owned(),
        is_admin: false,
        role: None,
        activate: false,
        scopes: Vec::new(),
        hosts: None,
    }
}

#[tokio::test]
async fn every_route_of_the_daemon_has_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(
        &config,
        "[flusher]\ninterval = \"1s\"\n[rate_limit]\nenabled = false\n",
    )
    .unwrap();
    let daemon = Daemon::start(&["--config", config.to_str().unwrap()]);
    let client = client(&daemon.url, Some(&daemon.key));
    assert_eq!(client.liveness().await.unwrap().status, "alive");
    assert_eq!(client.readiness().await.unwrap().status, "ready");
    let me = client.current_user().await.unwrap();
    assert_eq!(me.user.username, "admin");

    assert!(client.uptime().await.unwrap().full_seconds > 0);
    let processes = client.processes_in_brief().await.unwrap();
    assert!(processes.iter().any(|process| process.pid == 1));
    assert_eq!(client.system_info().await.unwrap().system, "Linux");
    let root = client.account("root").await.unwrap();
    assert_eq!(root.0["root"].uid, 0);
    assert!(client.load_average().await.is_ok());
    assert!(client.load_values(5).await.is_ok());
    assert!(client.cpu_average().await.is_ok());
    assert!(client.cpu_values(5).await.is_ok());
    assert!(client.system_average().await.is_ok());
    assert!(client.system_values(5).await.is_ok());

    assert!(!client.snapshot().await.unwrap().status.is_empty());
    let first = ProcessPage {
        filter: "pid = 1",
        sort: "pid",
        order: "asc",
        fields: "pid,name",
        limit: 10,
        cursor: None,
    };
    let page = client.processes(&first).await.unwrap();
    assert_eq!((page.total, page.items[0].pid), (1, 1));
    assert_eq!(client.process(1).await.unwrap().process.pid, 1);
    look_at_network(&client).await;
    let now = Clock::system().now();
    let buckets = Buckets {
        bucket: "1m",
        start: now.saturating_sub(Duration::from_mins(5)),
        limit: 10,
    };
    assert!(client.global_metrics(&buckets).await.is_ok());
    assert!(client.route_metrics(&buckets).await.is_ok());
    assert!(client.status_codes(&buckets).await.is_ok());
    let series = client.series().await.unwrap().items;
    assert!(series.iter().any(|one| one.name == "load.one"));
    let range = HistoryRange {
        series: vec!["load.one".to_owned(), "cpu.usage_percent".to_owned()],
        from: now.saturating_sub(Duration::from_mins(5)),
        to: now,
        step: 10,
    };
    call_about_hosts(&client, &range, &buckets).await;
    let database = client.database_health().await.unwrap();
    assert_eq!(database.engine, "sqlite");
    assert!(client.metrics_health().await.is_ok());
    assert!(client.fleet_hosts(None).await.is_ok());
    let mut stream = client.stream(Duration::from_secs(1), 3);
    assert!(matches!(stream.next().await, Update::Connected(_)));
    for expected in ["snapshot", "processes"] {
        let Update::Event(event) = stream.next().await else {
            panic!("the readings come at once");
        };
        assert_eq!(event.name, expected);
    }

    let alice = client.register_user(&register("alice")).await.unwrap();
    let id = alice.user_id.as_str();
    change_user(&client, id).await;

    let new = CreateKey {
        name: "script".to_owned(),
        scopes: vec![Scope::HostRead],
        expires_at: None,
        hosts: None,
    };
    let key = client.create_key(Some(id), &new).await.unwrap();
    let overlap = RotateKey { overlap_seconds: 0 };
    let rotated = client
        .rotate_key(Some(id), &key.key_id, &overlap)
        .await
        .unwrap();
    let revoked = client.revoke_key(Some(id), &rotated.key_id).await.unwrap();
    assert!(revoked.is_some());
    assert!(client.list_keys(Some(id), None).await.unwrap().items.len() >= 3);
    assert_eq!(client.list_keys(None, None).await.unwrap().items.len(), 1);
    let own = client.create_key(None, &new).await.unwrap();
    let own = client.rotate_key(None, &own.key_id, &overlap).await;
    let own = own.unwrap().key_id;
    assert!(client.revoke_key(None, &own).await.unwrap().is_some());
    let own_id = me.user_id.as_str();
    assert!(client.protect_user(own_id).await.unwrap().is_none());
    client.delete_user(id).await.unwrap();
    let audit = client.list_audit(&AuditQuery::default()).await.unwrap();
    assert!(audit.items.iter().any(|row| row.action == "user.delete"));
    assert_eq!(client.list_users(1, None).await.unwrap().total, Some(1));
    drop(stream);
    act_and_look(&client).await;
    assert_all_were_asked(&client).await;
}

/// Alerts, acts, units and logs: nothing acts for this daemon, and systemd and a journal may be missing, so that a refusal
/// will do.
async fn act_and_look(client: &Client) {
    #[track_caller]
    fn responds<T: std::fmt::Debug>(result: &Result<T, ClientError>) {
        let is_response = matches!(
            result,
            Ok(_) | Err(ClientError::Refused { status: 400.., .. })
        );
        assert!(is_response, "{result:?}");
        let is_unknown =
            matches!(result, Err(ClientError::Refused { code, .. }) if code == "not_found");
        assert!(!is_unknown, "{result:?}");
    }
    alerts::all_calls(client).await;
    assert!(!client.acts().await.unwrap().available);
    let process = ProcessIdentity {
        pid: std::process::id(),
        start_ticks: 1,
    };
    let signal = SendSignal {
        signal: SignalName::Cont,
        start_ticks: 1,
        escalate_after: None,
    };
    responds(&client.signal_process(process.pid, &signal).await);
    responds(&client.renice_process(process, 0).await);
    let processes = vec![process];
    let signals = SendSignals {
        signal: SignalName::Cont,
        processes: processes.clone(),
        escalate_after: None,
    };
    responds(&client.signal_processes(&signals).await);
    let nices = SetNices { nice: 0, processes };
    responds(&client.renice_processes(&nices).await);
    for verb in [
        UnitVerb::Start,
        UnitVerb::Stop,
        UnitVerb::Restart,
        UnitVerb::Reload,
        UnitVerb::ResetFailed,
        UnitVerb::Enable,
        UnitVerb::Disable,
    ] {
        responds(&client.act_on_unit("nowhere.service", verb).await);
    }
    let limits = SetUnitLimits {
        tasks_max: Some(UnitLimit::Of(100)),
        ..SetUnitLimits::default()
    };
    responds(&client.limit_unit("nowhere.service", &limits).await);
    responds(&client.units(&UnitQuery::default()).await);
    responds(&client.unit("nowhere@1.2.service", 3).await);
    let query = LogQuery {
        unit: Some("nowhere.service".to_owned()),
        priority: Some(3),
        since: Some("2026-11-23T07:00:00Z".to_owned()),
        boot: Some("0".to_owned()),
        direction: Some(LogDirection::Older),
        limit: Some(3),
        ..LogQuery::default()
    };
    responds(&client.logs(&query).await);
    let mut stream = client.log_stream(query);
    let first = stream.next().await;
    let is_response = matches!(
        first,
        LogUpdate::Connected
            | LogUpdate::Lost {
                error: ClientError::Refused { .. },
                ..
            }
    );
    assert!(is_response, "{first:?}");
}

/// The daemon's own statistics show which of its routes were called.
async fn assert_all_were_asked(client: &Client) {
    let document: serde_json::Value =
        serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let mut missing: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    // Pages for people and for other programs.
    for page in ["/", "/metrics"] {
        missing.remove(page);
    }
    // For clients of the program before, which have calls of their own.
    missing.retain(|route| !route.starts_with("/api/legacy/"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !missing.is_empty() {
        let now = Clock::system().now();
        let hour = Buckets {
            bucket: "1h",
            start: now.saturating_sub(Duration::from_hours(2)),
            limit: 1000,
        };
        for row in client.route_metrics(&hour).await.unwrap() {
            missing.remove(&row.route);
        }
        assert!(Instant::now() < deadline, "never asked: {missing:?}");
        // What was counted is seen after the next flush.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn all_users_are_reached_page_by_page() {
    let daemon = Daemon::start(&[]);
    let client = client(&daemon.url, Some(&daemon.key));
    for name in ["user_1", "user_2", "user_3", "user_4"] {
        client.register_user(&register(name)).await.unwrap();
    }
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let page = client.list_users(2, cursor.as_deref()).await.unwrap();
        assert_eq!(page.total, Some(5));
        names.extend(page.users.into_iter().map(|user| user.username));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["user_4", "user_3", "user_2", "user_1", "admin"]);
}

#[tokio::test]
async fn over_the_unix_socket_no_key_is_needed() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("api.sock");
    let account = linux_account();
    let daemon = Daemon::start(&["--unix", socket.to_str().unwrap()]);
    let client = client(&format!("unix:{}", socket.display()), None);
    assert_eq!(client.liveness().await.unwrap().status, "alive");
    // Only root is known without configuration.
    if account == 0 {
        let me = client.current_user().await.unwrap();
        assert_eq!(me.user.username, "admin");
    }
    drop(daemon);
}

fn linux_account() -> u32 {
    rustix::process::getuid().as_raw()
}

#[tokio::test]
async fn refusals_carry_status_code_and_advice() {
    let daemon = Daemon::start(&[]);
    let wrong = "lapi_EXAMPLEkey01_wrong";
    for key in [None, Some(wrong)] {
        let error = client(&daemon.url, key).current_user().await.unwrap_err();
        let ClientError::Refused { status, code, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*status, 401);
        assert!(!code.is_empty());
        assert!(error.advice().contains("remote add"), "{error}");
        assert!(!error.is_passing());
    }
    let admin = client(&daemon.url, Some(&daemon.key));
    let error = admin.account("nobody-of-that-name").await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 404, .. }));
    let error = admin.register_user(&register("!")).await.unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.contains("422") && shown.contains("username"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_daemon_that_is_gone_is_offline() {
    let daemon = Daemon::start(&[]);
    let client = client(&daemon.url, Some(&daemon.key));
    client.current_user().await.unwrap();
    drop(daemon);
    let start = Instant::now();
    let error = client.current_user().await.unwrap_err();
    assert!(matches!(error, ClientError::Offline { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_key_never_travels_in_the_clear() {
    let target = |url: &str| Target {
        key: Some("lapi_x".into()),
        ..Target::new(url.parse().unwrap())
    };
    let error = Client::new(&target("http://web-03.example")).unwrap_err();
    assert!(matches!(error, ClientError::Unsafe { .. }));
    assert!(error.to_string().contains("https"), "{error}");
    assert!(Client::new(&target("https://web-03.example")).is_ok());
    assert!(Client::new(&target("http://127.0.0.1:1")).is_ok());
}

#[test]
fn an_unusable_ca_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    for text in [None, Some("no certificate")] {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let error = Client::new(&Target {
            ca_file: Some(path.clone()),
            ..Target::new("https://web-03.example".parse().unwrap())
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("ca.pem"), "{error}");
    }
}
