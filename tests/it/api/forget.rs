//! Forgetting a host over the API.

use std::time::Duration;

use axum::http::Method;
use linux_api_wire::user::Role;
use serde_json::json;

use crate::api::app::{App, START};
use crate::api::audit::row_of;
use crate::api::database::Database;
use crate::api::statistics::{GET, MINUTE, store};

on_both_engines! {
    a_host_that_is_down_is_forgotten_by_an_admin,
    a_host_that_is_not_there_or_not_down_stays,
}

const HOSTS: &str = "/api/v1/fleet/hosts";

async fn a_host_that_is_down_is_forgotten_by_an_admin(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    let eve = app.user("eve", Role::Viewer).await;
    for host in ["web.example:1", "web-2"] {
        store(&app, host, (MINUTE, START), (GET, "/a"), [1]).await;
    }
    app.clock.advance(Duration::from_mins(6));
    let path = format!("{HOSTS}/web.example%3A1");
    let reply = app.delete(&eve.key, &path, None).await;
    reply.expect_code(403, "admin_required");
    let reply = app.delete(&boss.key, &path, None).await;
    let body = reply.expect(202);
    assert_eq!(body["id"], "web.example:1");
    assert_eq!(body["name"], "name of web.example:1");
    let seen = body["last_seen"].as_str().unwrap();
    let row = row_of(&app, &boss.key, &reply).await;
    assert_eq!(
        (&row["action"], &row["target"], &row["result"]),
        (
            &json!("host.forget"),
            &json!("host:web.example:1"),
            &json!("done")
        )
    );
    assert_eq!(
        row["detail"],
        format!("name of web.example:1, last seen {seen}")
    );
    let page = app.get(&eve.key, HOSTS).await.expect(200);
    let items = page["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["id"]), (1, &json!("web-2")));
    let path = "/api/v1/system/history?series=load.one&host=web.example:1";
    let reply = app.get(&eve.key, path).await;
    reply.expect_code(404, "host_unknown");
}

async fn a_host_that_is_not_there_or_not_down_stays(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    store(&app, "h1", (MINUTE, START), (GET, "/a"), [1]).await;
    for (id, status, code, reason) in [
        ("nowhere", 404, "host_unknown", "no such host"),
        // By its id alone: several hosts may have one name.
        ("name%20of%20h1", 404, "host_unknown", "no such host"),
        ("h1", 409, "host_alive", "the host is not down"),
        ("%00", 422, "validation_failed", "path.host_id: "),
        (&"x".repeat(65), 422, "validation_failed", "path.host_id: "),
    ] {
        let path = format!("{HOSTS}/{id}");
        let reply = app
            .request(Method::DELETE, &path, Some(&boss.key), None)
            .await;
        reply.expect_code(status, code);
        let row = row_of(&app, &boss.key, &reply).await;
        assert_eq!(
            (&row["action"], &row["result"]),
            (&json!("host.forget"), &json!("refused"))
        );
        let detail = row["detail"].as_str().unwrap();
        assert!(detail.starts_with(reason), "{id}: {detail}");
    }
    let page = app.get(&boss.key, HOSTS).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}
