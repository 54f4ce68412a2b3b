//! HTTP/1.1 as it goes over the wire: heads, bodies, connections that are used again.

use std::fmt::Write;

use linux_api_wire::user::Role;
use serde_json::Value;

use crate::api::app::{App, Caller};
use crate::api::database::Database;
use crate::api::wire::{Daemon, LIMITS};

const REGISTER: &str = "/api/v1/user/register";
const BODY_MAX: usize = 1 << 20;

async fn start() -> (Database, App, Caller, Daemon) {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let admin = app.user("boss", Role::Admin).await;
    let daemon = Daemon::start(&app, LIMITS).await;
    (database, app, admin, daemon)
}

#[tokio::test]
async fn a_connection_answers_many_requests_in_order() {
    let (_database, _app, admin, daemon) = start().await;
    let mut wire = daemon.connect().await;
    for _ in 0..3 {
        let reply = wire.get("/api/v1/user/me", &admin.key).await;
        reply.expect(200);
        reply.expect_common_headers();
        wire.get("/nope", "").await.expect_code(404, "not_found");
    }
    // Sent at once, answered one after the other.
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wire.write(one("/livez") + &one("/nope") + &one("/")).await;
    wire.read().await.expect(200);
    wire.read().await.expect_code(404, "not_found");
    assert_eq!(wire.read().await.expect(200)["version"], "v1");
}

#[tokio::test]
async fn a_client_that_asks_to_close_is_closed() {
    let (_database, _app, _admin, daemon) = start().await;
    for head in [
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n",
    ] {
        let mut wire = daemon.connect().await;
        wire.ask(head).await.expect(200);
        wire.expect_close().await;
    }
}

#[tokio::test]
async fn head_has_the_length_of_get_and_no_body() {
    let (_database, _app, admin, daemon) = start().await;
    let mut wire = daemon.connect().await;
    for path in ["/", "/openapi.json", "/api/v1/admin/users", "/nope"] {
        let get = wire.get(path, &admin.key).await;
        wire.write(format!(
            "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {}\r\n\r\n",
            admin.key
        ))
        .await;
        let (status, headers) = wire.read_head().await;
        assert_eq!(status, get.status, "{path}");
        if path != "/nope" {
            assert_eq!(
                headers["content-length"], get.headers["content-length"],
                "{path}"
            );
        }
        // A body would stand before the next response.
        wire.get("/livez", "").await.expect(200);
    }
}

#[tokio::test]
async fn a_uri_longer_than_8_kib_is_414() {
    let (_database, _app, admin, daemon) = start().await;
    for (length, code, status) in [
        (8192, "not_found", 404),
        (8193, "uri_too_long", 414),
        (20_000, "uri_too_long", 414),
        (70_000, "uri_too_long", 414),
    ] {
        let path = format!("/{}", "x".repeat(length - 1));
        let reply = daemon.connect().await.get(&path, &admin.key).await;
        reply.expect_code(status, code);
        reply.expect_common_headers();
    }
    let query = format!("/api/v1/user/me?{}", "x".repeat(9000));
    let reply = daemon.connect().await.get(&query, &admin.key).await;
    reply.expect_code(414, "uri_too_long");
}

/// What hyper refuses by itself has the body and the headers of any other refusal.
#[track_caller]
fn explains_itself(answer: &str, code: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], code, "{answer}");
    let id = problem["request_id"].as_str().unwrap();
    for line in [
        "content-type: application/problem+json",
        "connection: close",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        &format!("content-length: {}", body.len()),
        &format!("x-request-id: {id}"),
    ] {
        assert!(head.lines().any(|it| it == line), "{line}: {answer}");
    }
}

#[tokio::test]
async fn heads_beyond_16_kib_or_64_headers_are_431() {
    let (_database, _app, _admin, daemon) = start().await;
    let long = format!("X-Long: {}\r\n", "x".repeat(17_000));
    let mut many = String::new();
    for number in 0..70 {
        write!(many, "X-{number}: 1\r\n").unwrap();
    }
    for (headers, status) in [
        (long, "431"),
        (many, "431"),
        ("X-1: 1\r\n".repeat(60), "200"),
    ] {
        let mut wire = daemon.connect().await;
        wire.write(format!(
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        ))
        .await;
        let answer = wire.read_to_end().await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        if status == "431" {
            explains_itself(&answer, "head_too_large");
        }
    }
}

#[tokio::test]
async fn malformed_heads_are_400_and_closed() {
    let (_database, _app, _admin, daemon) = start().await;
    for head in [
        "GET /livez\r\n\r\n",
        "GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "GET /liv ez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX : 1\r\n\r\n",
        "POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n\r\n",
    ] {
        let mut wire = daemon.connect().await;
        wire.write(head).await;
        let answer = wire.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer:?}");
        explains_itself(&answer, "request_malformed");
    }
    daemon.connect().await.get("/livez", "").await.expect(200);
}

#[tokio::test]
async fn what_follows_a_body_of_unclear_length_is_no_second_request() {
    let (_database, _app, _admin, daemon) = start().await;
    let smuggled = "GET /api/v1/user/me HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut wire = daemon.connect().await;
    wire.write(format!(
        "POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        5 + smuggled.len()
    ))
    .await;
    let answer = wire.read_to_end().await;
    let count = answer.matches("HTTP/1.1 ").count();
    assert_eq!(
        count, 1,
        "one answer and the end of the connection: {answer}"
    );
}

fn post(key: &str, headers: &str) -> String {
    format!(
        "POST {REGISTER} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\
         Content-Type: application/json\r\n{headers}\r\n"
    )
}

#[tokio::test]
async fn a_body_larger_than_1_mib_is_413() {
    let (_database, _app, admin, daemon) = start().await;
    let text = "The body is larger than 1 MiB.";
    // Said before: refused before any of it is sent.
    let mut wire = daemon.connect().await;
    let announced = format!(
        "Content-Length: {}\r\nExpect: 100-continue\r\n",
        BODY_MAX + 1
    );
    let reply = wire.ask(&post(&admin.key, &announced)).await;
    reply.expect_problem(413, "body_too_large", text);
    wire.expect_close().await;
    // Not said before: refused at the first byte too many.
    let mut wire = daemon.connect().await;
    wire.write(post(&admin.key, "Transfer-Encoding: chunked\r\n"))
        .await;
    let size = BODY_MAX + 1;
    wire.write(format!("{size:x}\r\n")).await;
    wire.write(vec![b' '; size]).await;
    let reply = wire.read().await;
    reply.expect_problem(413, "body_too_large", text);
    // As large as allowed is read, and found to be no JSON.
    let mut wire = daemon.connect().await;
    let allowed = format!("Content-Length: {BODY_MAX}\r\n");
    wire.write(post(&admin.key, &allowed)).await;
    wire.write(vec![b' '; BODY_MAX]).await;
    wire.read().await.expect_code(422, "validation_failed");
    wire.get("/livez", "").await.expect(200);
}

#[tokio::test]
async fn a_body_that_ends_early_makes_nothing() {
    let (_database, app, admin, daemon) = start().await;
    let mut wire = daemon.connect().await;
    wire.write(post(&admin.key, "Content-Length: 100\r\n"))
        .await;
    wire.write(r#"{"username":"alice1"}"#).await;
    tokio::io::AsyncWriteExt::shutdown(&mut wire.stream)
        .await
        .unwrap();
    let answer = wire.read_to_end().await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(app.store.count_users().await.unwrap(), 1);
}

#[tokio::test]
async fn a_chunked_body_is_read_like_any_other() {
    let (_database, _app, admin, daemon) = start().await;
    let mut wire = daemon.connect().await;
    wire.write(post(&admin.key, "Transfer-Encoding: chunked\r\n"))
        .await;
    for part in [r#"{"user"#, r#"name":"#, r#""alice1"}"#, ""] {
        wire.write(format!("{:x}\r\n{part}\r\n", part.len())).await;
    }
    assert_eq!(wire.read().await.expect(200)["username"], "alice1");
    wire.get("/livez", "").await.expect(200);
}

#[tokio::test]
async fn refusals_before_the_body_is_read_leave_the_connection_usable_or_closed() {
    let (_database, _app, admin, daemon) = start().await;
    let body = r#"{"username":"alice1"}"#;
    for (key, kind, status) in [
        (admin.key.as_str(), "text/plain", 415),
        ("", "application/json", 401),
        ("wrong", "application/json", 401),
    ] {
        let mut wire = daemon.connect().await;
        let reply = wire
            .ask(&format!(
                "POST {REGISTER} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\
                 Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
        assert_eq!(reply.status, status);
        wire.get("/livez", "").await.expect(200);
    }
}
