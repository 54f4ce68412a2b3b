//! What is decided before any handler: hosts, limits, origins and routes that are switched off.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use linux_api_auth::key::PlainKey;
use linux_api_config::{Config, Sources};
use linux_api_daemon::server::PolicyHandle;

use crate::api::app::{App, Caller, Setup};
use crate::api::database::Database;
use crate::api::wire::{Daemon, LIMITS};

const UPTIME: &str = "/api/v1/system/info/uptime";

/// The configuration that a file with this text would give.
fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let sources = Sources {
        config_path: Some(path),
        ..Sources::default()
    };
    let loaded = Config::load(&sources).unwrap_or_else(|error| panic!("{error}"));
    loaded.config
}

struct Edge {
    app: App,
    admin: Caller,
    _database: Database,
}

async fn start(text: &str) -> Edge {
    let database = Database::sqlite();
    let mut setup = Setup::new(&database);
    setup.policy = PolicyHandle::new(&config(text), "web1.example.org", None);
    let app = App::with(setup).await;
    Edge {
        admin: app.admin().await,
        app,
        _database: database,
    }
}

/// A key with the same public id and another secret, whose form and checksum are right.
fn forge(key: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = format!("{}_{}", &key[..17], "x".repeat(43));
    let mut rest = usize::try_from(crc32fast::hash(body.as_bytes())).unwrap();
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(char::from(DIGITS[rest % 62]));
        rest /= 62;
    }
    let forged: String = body.chars().chain(digits.into_iter().rev()).collect();
    let parsed = PlainKey::parse(&forged).expect("its form is right");
    assert_eq!(parsed.id(), PlainKey::parse(key).unwrap().id());
    forged
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

#[tokio::test]
async fn malformed_and_foreign_requests_are_told_apart() {
    let edge = start("[rate_limit]\nenabled = false\n").await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let key = format!("Host: localhost\r\nX-API-Key: {}\r\n", edge.admin.key);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let post = |kind: &str, body: &str| {
        format!(
            "POST /api/v1/user/register HTTP/1.1\r\n{key}Content-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let table: Vec<(u16, String)> = vec![
        (400, "GET / HTTP/1.1\r\n\r\n".into()),
        (400, "GET / HTTP/1.0\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n".into()),
        (
            400,
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".into(),
        ),
        (400, "GET / HTTP/1.1\r\nHost: local host\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: localhost:port\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: user@localhost\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: \u{fc}\r\n\r\n".into()),
        (
            400,
            "GET http://user@localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
        ),
        // Load balancers probe without a host, or by whatever name they have for it.
        (200, "GET /readyz HTTP/1.0\r\n\r\n".into()),
        (200, "GET /livez HTTP/1.0\r\n\r\n".into()),
        (200, "GET /livez HTTP/1.1\r\n\r\n".into()),
        (
            200,
            "GET /readyz HTTP/1.1\r\nHost: local host\r\n\r\n".into(),
        ),
        (
            200,
            "GET /readyz HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(),
        ),
        (400, "GET /metrics HTTP/1.0\r\n\r\n".into()),
        (421, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".into()),
        (
            421,
            "GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n".into(),
        ),
        (421, "GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n".into()),
        (
            421,
            "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
        ),
        (
            421,
            "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(),
        ),
        (
            200,
            "GET / HTTP/1.1\r\nHost: web1.example.org:8080\r\n\r\n".into(),
        ),
        (200, "GET / HTTP/1.1\r\nHost: WEB1\r\n\r\n".into()),
        (200, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".into()),
        (
            200,
            "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
        ),
        (404, get("/%00", "")),
        (404, get("/api/v1/%2e%2e/%2e%2e/etc/passwd", "")),
        (404, get("/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "")),
        (404, get("/docs/..%252f..%252fetc%252fpasswd", "")),
        (404, get("/docs/%00", "")),
        (404, get("//etc/passwd", "")),
        (405, format!("DELETE {UPTIME} HTTP/1.1\r\n{key}\r\n")),
        (405, format!("BREW {UPTIME} HTTP/1.1\r\n{key}\r\n")),
        (415, post("text/plain", "{}")),
        (422, post("application/json", "{")),
        (422, post("application/json", &deep)),
        (422, post("application/json", "\u{0}")),
        (401, get(UPTIME, "X-API-Key: \u{fc}\r\n")),
        (
            401,
            get(
                UPTIME,
                &format!("Authorization: Bearer {}\r\n", "k".repeat(300)),
            ),
        ),
    ];
    for (expected, request) in table {
        let mut wire = daemon.connect().await;
        wire.write(&request).await;
        let reply = wire.read().await;
        let shown: String = request.chars().take(100).collect();
        assert_eq!(reply.status, expected, "{shown:?}");
        reply.expect_common_headers();
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{shown:?}");
        if expected == 405 {
            assert_eq!(reply.header("allow"), Some("GET, HEAD"), "{shown:?}");
        }
    }
}

/// How many of `count` requests at once were let pass, and the last refusal.
async fn burst(
    daemon: &Daemon,
    octet: u8,
    count: usize,
    headers: impl Fn(usize) -> String,
) -> (usize, Option<crate::api::reply::Reply>) {
    let mut wire = daemon.connect_from(octet).await;
    let (mut passed, mut refused) = (0, None);
    for at in 0..count {
        let reply = wire.ask(&get(UPTIME, &headers(at))).await;
        match reply.status {
            429 => refused = Some(reply),
            _ => passed += 1,
        }
    }
    (passed, refused)
}

/// Slow enough that nothing is earned while a test runs.
const SLOW: &str = "[rate_limit]\nper_key = '1/hour burst 20'\nper_key_writes = '1/hour burst 3'\n\
                    per_address = '1/hour burst 5'\nfailed_keys = '1/hour burst 4'\n";

#[tokio::test]
async fn each_limit_lets_its_burst_pass_and_says_when_to_come_back() {
    let edge = start(SLOW).await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let key = format!("X-API-Key: {}\r\n", edge.admin.key);

    let (passed, refused) = burst(&daemon, 2, 10, |_| String::new()).await;
    assert_eq!(passed, 5, "without a key");
    let refused = refused.unwrap();
    refused.expect_problem(429, "rate_limited", "1 per 1 hour");
    refused.expect_common_headers();
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3590..=3600).contains(&wait), "{wait}");
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"address\";q=5;w=18000")
    );
    let state = format!("\"address\";r=0;t={wait}");
    assert_eq!(refused.header("ratelimit"), Some(state.as_str()));

    // The address has no part in it once the key is accepted.
    let (passed, refused) = burst(&daemon, 2, 30, |_| key.clone()).await;
    assert_eq!(passed, 20, "with a key");
    let policy = refused.unwrap();
    assert_eq!(
        policy.header("ratelimit-policy"),
        Some("\"key\";q=20;w=72000")
    );
    let (passed, _) = burst(&daemon, 3, 5, |_| key.clone()).await;
    assert_eq!(passed, 0, "another address does not help");

    let wrong = |at: usize| format!("X-API-Key: lapi_{at}\r\n");
    let (passed, refused) = burst(&daemon, 2, 10, wrong).await;
    assert_eq!(passed, 4, "wrong keys");
    let policy = refused.unwrap();
    let policy = policy.header("ratelimit-policy").unwrap().to_owned();
    assert_eq!(policy, "\"failed-keys\";q=4;w=14400");

    // Writes count apart from reads.
    let mut wire = daemon.connect().await;
    for at in 0..5 {
        let head = format!(
            "POST /api/v1/user/register HTTP/1.1\r\nHost: localhost\r\n{key}\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let reply = wire.ask(&head).await;
        assert_eq!(reply.status, if at < 3 { 422 } else { 429 }, "{at}");
    }

    // Probes are never limited.
    let mut wire = daemon.connect_from(2).await;
    for path in ["/livez", "/readyz"] {
        let reply = wire.ask(&get(path, "")).await;
        reply.expect(200);
        assert_eq!(reply.header("ratelimit"), None);
    }
}

/// After a start no key is known, and clients may begin with many requests.
#[tokio::test]
async fn a_new_key_on_many_connections_at_once_counts_as_one() {
    let edge = start(SLOW).await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let head = get(UPTIME, &format!("X-API-Key: {}\r\n", edge.admin.key));
    let asked = (0..20).map(async |_| daemon.connect_from(2).await.ask(&head).await.status);
    let statuses = futures_util::future::join_all(asked).await;
    assert_eq!(statuses, [200; 20]);
}

#[tokio::test]
async fn an_attack_does_not_lock_the_owner_of_a_key_out() {
    let edge = start(SLOW).await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let key = &edge.admin.key;
    let owner = format!("X-API-Key: {key}\r\n");
    let (passed, _) = burst(&daemon, 2, 1, |_| owner.clone()).await;
    assert_eq!(passed, 1);
    // Same public id, another secret, from elsewhere and from the owner's own address.
    let forged = format!("X-API-Key: {}\r\n", forge(key));
    for octet in [2, 9] {
        let (passed, _) = burst(&daemon, octet, 20, |_| forged.clone()).await;
        assert_eq!(passed, 4, "from {octet}");
    }
    let (passed, _) = burst(&daemon, 2, 10, |_| owner.clone()).await;
    assert_eq!(passed, 10);
}

#[tokio::test]
async fn good_keys_do_not_use_up_the_failures_of_their_address() {
    let edge = start(SLOW).await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let mut wire = daemon.connect_from(2).await;
    for _ in 0..10 {
        let key = edge.app.key(&edge.admin, &[], None).await;
        wire.ask(&get(UPTIME, &format!("X-API-Key: {key}\r\n")))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn many_at_once_get_no_more_than_the_burst() {
    let edge = start(SLOW).await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let wrong = |_| format!("X-API-Key: {}\r\n", forge(&edge.admin.key));
    let all = (0..20).map(|_| burst(&daemon, 2, 2, wrong));
    let passed: usize = futures_util::future::join_all(all)
        .await
        .into_iter()
        .map(|(passed, _)| passed)
        .sum();
    assert_eq!(passed, 4);
}

#[tokio::test]
async fn what_is_earned_over_time_can_be_spent() {
    let edge = start("[rate_limit]\nper_address = '20/s burst 20'\n").await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let mut wire = daemon.connect().await;
    let mut ask = async || {
        let sent = Instant::now();
        let reply = wire.ask(&get("/", "")).await;
        (reply.status == 200, sent, Instant::now())
    };
    // The daemon looks at its clock somewhere between sending and answering.
    let (_, first_sent, first_answered) = ask().await;
    let mut passed = 1_u32;
    let (last_sent, last_answered) = loop {
        let (is_passed, sent, answered) = ask().await;
        passed += u32::from(is_passed);
        if sent.duration_since(first_sent) > Duration::from_millis(1500) {
            break (sent, answered);
        }
    };
    let earned = |time: Duration| 20.0 + time.as_secs_f64() * 20.0;
    let least = earned(last_sent.duration_since(first_answered)) - 1.0;
    let most = earned(last_answered.duration_since(first_sent)) + 1.0;
    assert!(
        (least..=most).contains(&f64::from(passed)),
        "{passed} of {least} to {most}"
    );
}

#[tokio::test]
async fn forwarded_addresses_count_only_behind_a_trusted_proxy() {
    let trusted = format!("{SLOW}[server]\ntrusted_proxies = ['127.0.0.9']\n");
    let edge = start(&trusted).await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    for header in [
        "X-Forwarded-For: 10.0.0.",
        "Forwarded: for=10.0.1.",
        "X-Real-IP: 10.0.2.",
    ] {
        let octet = u8::try_from(header.len()).unwrap();
        let (passed, _) = burst(&daemon, octet, 100, |at| format!("{header}{at}\r\n")).await;
        assert_eq!(passed, 5, "{header}");
    }
    // Behind the proxy each client has a limit of its own, and only what the proxy wrote counts.
    for client in 1..=3 {
        let forged = |at| format!("X-Forwarded-For: 10.1.1.{at}, 192.0.2.{client}\r\n");
        let (passed, _) = burst(&daemon, 9, 20, forged).await;
        assert_eq!(passed, 5, "client {client}");
    }
    let (passed, _) = burst(&daemon, 9, 20, |at| format!("X-Forwarded-For: x{at}\r\n")).await;
    assert_eq!(passed, 5, "the proxy itself");
}

#[tokio::test]
async fn a_route_has_the_limit_that_its_configuration_gives_it() {
    let routes = format!("{SLOW}routes = {{ 'GET {UPTIME}' = '1/hour burst 2' }}\n");
    let edge = start(&routes).await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let key = format!("X-API-Key: {}\r\n", edge.admin.key);
    let (passed, refused) = burst(&daemon, 1, 5, |_| key.clone()).await;
    assert_eq!(passed, 2);
    let refused = refused.unwrap();
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"route\";q=2;w=7200")
    );
    let mut wire = daemon.connect().await;
    wire.get("/api/v1/user/me", &edge.admin.key)
        .await
        .expect(200);
}

#[tokio::test]
async fn routes_that_are_switched_off_say_why_and_until_when() {
    let edge = start(
        "[routes]\nretry_after = '10min'\ndisabled = { 'PATCH /api/v1/admin/users/{user_id}/role' \
         = 'Frozen.', '/api/v1/system/load/*' = '' }\n[cors]\norigins = ['https://a.example']\n",
    )
    .await;
    let (app, key) = (&edge.app, &edge.admin.key);
    let id = edge.admin.id();
    let reply = app
        .patch(key, &format!("/api/v1/admin/users/{id}/role?new_role=user"))
        .await;
    reply.expect_problem(503, "route_disabled", "Frozen.");
    assert_eq!(reply.header("retry-after"), Some("600"));
    // No key is needed to learn it, and pages that may read responses may read this one.
    let origin = [("origin", "https://a.example")];
    let reply = app.get_with("/api/v1/system/load/average", &origin).await;
    reply.expect_problem(503, "route_disabled", "The route is currently disabled.");
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("https://a.example")
    );
    app.get(key, "/api/v1/admin/users").await.expect(200);
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_and_others_learn_nothing() {
    let edge = start("[cors]\norigins = ['https://a.example']\n").await;
    let daemon = Daemon::start(&edge.app, LIMITS).await;
    let mut wire = daemon.connect().await;
    let control = |reply: &crate::api::reply::Reply| -> BTreeSet<String> {
        let names = reply.headers.keys().map(ToString::to_string);
        names
            .filter(|name| name.starts_with("access-control-"))
            .collect()
    };
    for (origin, allowed) in [
        ("https://a.example", true),
        ("https://b.example", false),
        ("null", false),
    ] {
        let reply = wire.ask(&get("/", &format!("Origin: {origin}\r\n"))).await;
        reply.expect(200);
        assert_eq!(control(&reply).is_empty(), !allowed, "{origin}");
        for method in ["PATCH", "DELETE"] {
            let asks = format!(
                "OPTIONS /api/v1/user/delete HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
                 Access-Control-Request-Method: {method}\r\n\
                 Access-Control-Request-Headers: x-api-key\r\n\r\n"
            );
            let reply = wire.ask(&asks).await;
            assert_eq!(reply.status == 204, allowed, "{origin} {method}");
            assert_eq!(control(&reply).is_empty(), !allowed, "{origin} {method}");
            if allowed {
                let methods = reply.header("access-control-allow-methods").unwrap();
                assert!(methods.contains(method), "{methods}");
                assert_eq!(reply.header("access-control-allow-credentials"), None);
                assert!(reply.header("x-request-id").is_some());
                let vary = reply.header("vary").unwrap();
                assert!(vary.starts_with("Origin, "), "{vary}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_sent_before_a_stop_is_answered_whoever_has_read_it() {
    let edge = start("").await;
    for _ in 0..5 {
        let daemon = Daemon::start(&edge.app, LIMITS).await;
        let mut wires = Vec::new();
        for _ in 0..20 {
            let mut wire = daemon.connect().await;
            wire.write(get("/livez", "")).await;
            wires.push(wire);
        }
        daemon.stop.cancel();
        for mut wire in wires {
            wire.read().await.expect(200);
        }
    }
}
