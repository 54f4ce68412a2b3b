//! The daemon itself: greeting, probes, documentation.

use std::io::Read;

use axum::body::Body;
use axum::http::{Method, Request};
use flate2::read::GzDecoder;
use serde_json::json;

use crate::api::app::{App, Setup};
use crate::api::contract::document;
use crate::api::database::Database;

on_both_engines! {
    the_greeting_names_the_documentation_unless_that_is_off,
    a_ready_daemon_says_what_was_checked,
    a_closed_database_is_not_ready_and_yet_alive,
    the_documentation_is_served_from_the_binary,
    switched_off_documentation_is_not_found,
}

async fn the_greeting_names_the_documentation_unless_that_is_off(database: Database) {
    let app = App::new(&database).await;
    let message = "API is running. See /docs for documentation.";
    let expected = json!({"message": message, "version": "v1", "docs": "/docs"});
    assert_eq!(app.get_openly("/").await.expect(200), expected);

    let mut setup = Setup::new(&database);
    setup.docs_enabled = false;
    let app = App::with(setup).await;
    let expected = json!({"message": "API is running", "version": "v1"});
    assert_eq!(app.get_openly("/").await.expect(200), expected);
}

async fn a_ready_daemon_says_what_was_checked(database: Database) {
    let app = App::new(&database).await;
    let alive = app.get_openly("/livez").await.expect(200);
    assert_eq!(alive, json!({"status": "alive"}));
    let ready = app.get_openly("/readyz").await.expect(200);
    assert_eq!(ready["status"], "ready");
    let engine = database.engine.as_str();
    assert_eq!(
        ready["checks"]["database"],
        json!({"ok": true, "detail": engine})
    );
    for part in ["migrations", "flusher"] {
        assert_eq!(ready["checks"][part]["ok"], true, "{ready}");
    }
}

async fn a_closed_database_is_not_ready_and_yet_alive(database: Database) {
    let app = App::new(&database).await;
    app.store.close().await;
    app.get_openly("/livez").await.expect(200);
    let ready = app.get_openly("/readyz").await.expect(503);
    assert_eq!(ready["status"], "not ready");
    let expected = json!({"ok": false, "detail": "the database does not respond"});
    assert_eq!(ready["checks"]["database"], expected);
    assert_eq!(ready["checks"]["migrations"]["ok"], false);
}

async fn the_documentation_is_served_from_the_binary(database: Database) {
    let app = App::new(&database).await;
    let served = app.get_openly("/openapi.json").await;
    let served = served.expect(200);
    assert_eq!(&served, document());
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(served["info"]["title"], "Linux API");
    assert_eq!(served["info"]["version"], "v1");

    for page in ["/docs", "/docs/"] {
        let reply = app.get_openly(page).await;
        assert_eq!(reply.status, 200);
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        let title = "<title>linux-api: HTTP API</title>";
        assert!(reply.text().contains(title), "{}", reply.text());
        for asset in linked_files(reply.text()) {
            assert!(!asset.contains("//"), "nothing from elsewhere: {asset}");
            let file = app.get_openly(&format!("/docs/{asset}")).await;
            assert_eq!(file.status, 200, "{asset}");
            assert!(!file.body.is_empty(), "{asset}");
            let asked = ("accept-encoding", "gzip, deflate, br");
            let smaller = app.get_with(&format!("/docs/{asset}"), &[asked]).await;
            if smaller.header("content-encoding") == Some("gzip") {
                let mut plain = Vec::new();
                let mut decoder = GzDecoder::new(&smaller.body[..]);
                decoder.read_to_end(&mut plain).unwrap();
                assert!(plain == file.body, "{asset}");
            } else {
                assert!(smaller.body == file.body, "{asset}");
                assert!(file.body.len() < 1000, "{asset} is sent small");
            }
        }
    }
    for missing in [
        "/docs/nothing.js",
        "/docs/swagger-ui-es-bundle.js",
        "/docs/swagger-ui-standalone-preset.js",
        "/docs/../etc/passwd",
        "/docs/%2e%2e%2fetc",
        "/docs/%ff",
        "/redoc",
    ] {
        app.get_openly(missing)
            .await
            .expect_problem(404, "not_found", "Not Found");
    }
}

/// What `src` and `href` of a page name, beside its base.
fn linked_files(page: &str) -> Vec<&str> {
    let parts = page.split("src=\"").chain(page.split("href=\"")).skip(1);
    let files: Vec<&str> = parts
        .filter_map(|part| part.split('"').next())
        .filter(|file| *file != "/docs/" && !file.contains('<'))
        .map(|file| file.trim_start_matches("./"))
        .collect();
    for name in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        assert!(files.contains(&name), "{files:?}");
    }
    files
}

async fn switched_off_documentation_is_not_found(database: Database) {
    let mut setup = Setup::new(&database);
    setup.docs_enabled = false;
    let app = App::with(setup).await;
    for path in ["/docs", "/docs/", "/docs/index.html", "/openapi.json"] {
        app.get_openly(path)
            .await
            .expect_problem(404, "not_found", "Not Found");
        let head = Request::builder().method(Method::HEAD).uri(path);
        let reply = app.send(head.body(Body::empty()).unwrap()).await;
        assert_eq!((reply.status, reply.text()), (404, ""));
    }
}
