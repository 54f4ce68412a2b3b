//! What is true of every response: routing, methods, headers, media types, keys as they arrive.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use linux_api_wire::user::Role;
use serde_json::json;

use crate::api::app::{App, Setup};
use crate::api::contract::operations;
use crate::api::database::Database;

on_both_engines! {
    unknown_paths_are_404_without_a_key,
    another_method_is_405_and_names_those_there_are,
    head_answers_as_get_without_a_body,
    a_missing_or_empty_key_is_401_with_a_challenge,
    keys_of_any_wrong_form_are_unauthorized,
    other_media_types_are_415,
    request_ids_are_unique,
    a_handler_that_takes_too_long_is_cut_off,
}

async fn unknown_paths_are_404_without_a_key(database: Database) {
    let app = App::new(&database).await;
    for path in [
        "/nope",
        "/api/v1",
        "/api/v1/user/me/",
        "/api/v1/admin/users/",
        "/livez/",
        "/API/v1/user/me",
        "//api/v1/user/me",
        "/api/v1/user/%6de/x",
        "/api/v1/user/..%2fme",
        "/%00",
        "/%2e%2e/%252e%252e/etc/passwd",
        "/api/v2/user/me",
        "/favicon.ico",
    ] {
        let reply = app.get_openly(path).await;
        reply.expect_problem(404, "not_found", "Not Found");
        assert_eq!(reply.header("location"), None, "{path}: no redirect");
    }
}

async fn another_method_is_405_and_names_those_there_are(database: Database) {
    let app = App::new(&database).await;
    let templates: BTreeSet<&str> = operations().map(|(_, template, _)| template).collect();
    for template in templates {
        let mut allowed: BTreeSet<String> = operations()
            .filter(|(_, other, _)| *other == template)
            .map(|(method, ..)| method)
            .collect();
        if allowed.contains("GET") {
            allowed.insert("HEAD".to_owned());
        }
        let path = template.replace("{user_id}", "me").replace("{key_id}", "x");
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        ] {
            if allowed.contains(method) {
                continue;
            }
            let verb = Method::from_bytes(method.as_bytes()).unwrap();
            let reply = app.request(verb, &path, None, None).await;
            assert_eq!(reply.status, 405, "{method} {path}");
            let named = reply
                .header("allow")
                .unwrap()
                .split(", ")
                .map(str::to_owned);
            assert_eq!(named.collect::<BTreeSet<_>>(), allowed, "{method} {path}");
            if method != "HEAD" {
                reply.expect_problem(405, "method_not_allowed", "Method Not Allowed");
            }
        }
    }
    for path in ["/docs", "/openapi.json"] {
        let reply = app.request(Method::POST, path, None, None).await;
        reply.expect_problem(405, "method_not_allowed", "Method Not Allowed");
        assert!(reply.header("allow").unwrap().contains("GET"), "{path}");
    }
}

async fn head_answers_as_get_without_a_body(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    for (path, key) in [
        ("/", None),
        ("/livez", None),
        ("/openapi.json", None),
        ("/api/v1/user/me", Some(&admin.key)),
        ("/api/v1/user/me", None),
        ("/api/v1/admin/users", Some(&admin.key)),
        ("/nope", None),
    ] {
        let get = app
            .request(Method::GET, path, key.map(String::as_str), None)
            .await;
        let head = app
            .request(Method::HEAD, path, key.map(String::as_str), None)
            .await;
        assert_eq!((head.status, head.text()), (get.status, ""), "{path}");
        for name in ["content-type", "x-total-count", "www-authenticate"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

async fn a_missing_or_empty_key_is_401_with_a_challenge(database: Database) {
    let app = App::new(&database).await;
    let path = "/api/v1/user/me";
    for headers in [
        &[][..],
        &[("x-api-key", "")],
        &[("x-api-key", "   ")],
        &[("X-Api-Key", "\t")],
        &[("authorization", "Bearer ")],
        &[("cookie", "x-api-key=lapi_x")],
    ] {
        let reply = app.get_with(path, headers).await;
        let text = "API key value can not be empty";
        reply.expect_problem(401, "key_missing", text);
        let challenge = reply.header("www-authenticate").unwrap();
        assert_eq!(challenge, "Bearer realm=\"linux-api\"");
    }
    // A key in the query is none.
    let reply = app
        .get_openly(&format!("{path}?x-api-key=lapi_x&api_key=x"))
        .await;
    reply.expect_code(401, "key_missing");
}

async fn keys_of_any_wrong_form_are_unauthorized(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let long = "k".repeat(5000);
    let (start, last) = viewer.key.split_at(viewer.key.len() - 1);
    let mistyped = format!("{start}{}", if last == "x" { "y" } else { "x" });
    let shorter = &viewer.key[1..];
    let basic = format!("Basic {}", viewer.key);
    for (name, value) in [
        ("x-api-key", "x"),
        ("x-api-key", "ключ"),
        ("x-api-key", "lapi_"),
        ("x-api-key", &long),
        ("x-api-key", &mistyped),
        ("x-api-key", shorter),
        ("authorization", &viewer.key),
        ("authorization", &basic),
        ("authorization", "Bearer x"),
    ] {
        let reply = app.get_with("/api/v1/user/me", &[(name, value)]).await;
        reply.expect_problem(401, "key_invalid", "Unauthorized");
    }
    // The older header counts when both are there.
    let bearer = format!("Bearer {}", viewer.key);
    let both = [("x-api-key", "x"), ("authorization", bearer.as_str())];
    let reply = app.get_with("/api/v1/user/me", &both).await;
    reply.expect_code(401, "key_invalid");
    // Spaces around a key are not part of it.
    let padded = format!("  {} ", viewer.key);
    let reply = app
        .get_with("/api/v1/user/me", &[("x-api-key", &padded)])
        .await;
    reply.expect(200);
}

async fn other_media_types_are_415(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let post = async |kind: Option<&str>| {
        let mut request = Request::post("/api/v1/user/register").header("x-api-key", &admin.key);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let body = json!({"username": "1"}).to_string();
        app.send(request.body(Body::from(body)).unwrap()).await
    };
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
        "json",
    ] {
        let reply = post(Some(kind)).await;
        let text = "The body must be application/json.";
        reply.expect_problem(415, "unsupported_media_type", text);
    }
    for kind in [
        None,
        Some("application/json"),
        Some("Application/JSON; charset=utf-8"),
        Some("application/merge-patch+json"),
    ] {
        post(kind).await.expect_code(422, "validation_failed");
    }
}

async fn request_ids_are_unique(database: Database) {
    let app = App::new(&database).await;
    let mut seen = BTreeSet::new();
    for _ in 0..50 {
        // What a client sends under that name is not taken over.
        let reply = app
            .get_with("/nope", &[("x-request-id", "c0ffee12-1")])
            .await;
        assert!(seen.insert(reply.header("x-request-id").unwrap().to_owned()));
    }
}

async fn a_handler_that_takes_too_long_is_cut_off(database: Database) {
    let mut setup = Setup::new(&database);
    setup.request_timeout = Duration::from_millis(50);
    let app = App::with(setup).await;
    let admin = app.admin().await;
    // Answered before the timeout can be reached: the key is remembered from then on.
    app.get_openly("/livez").await.expect(200);
    let body = Body::from_stream(futures_util::stream::pending::<
        Result<Vec<u8>, std::io::Error>,
    >());
    let request = Request::post("/api/v1/user/register").header("x-api-key", &admin.key);
    let reply = app.send(request.body(body).unwrap()).await;
    reply.expect_problem(503, "timeout", "The request took too long.");
    assert_eq!(reply.header("retry-after"), Some("1"));
}
