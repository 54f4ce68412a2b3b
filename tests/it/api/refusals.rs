//! The audit log holds what was refused before anything of it was tried.

use std::time::Duration;

use axum::http::Method;
use linux_api_auth::key::PlainKey;
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;
use serde_json::json;
use uuid::Uuid;

use crate::api::app::App;
use crate::api::audit::{AUDIT, row_of};
use crate::api::contract::operations;
use crate::api::database::Database;

on_both_engines! {
    what_a_caller_may_not_do_is_in_the_log_too,
    what_nobody_could_do_is_in_the_log_too,
    refusals_of_one_caller_are_counted_when_they_are_many,
}

/// Every changing route. What is only computed or tried is sent by POST too, and is no change.
fn changes() -> impl Iterator<Item = (String, &'static str)> {
    let changing = operations().filter(|(.., operation)| operation["x-audit-action"].is_string());
    changing.map(|(method, template, _)| (method, template))
}

/// Every changing route, called with keys that may not use it.
async fn what_a_caller_may_not_do_is_in_the_log_too(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let asleep = app.user_as("asleep", Role::Admin, false, false).await;
    let narrow = app.key(&admin, &[Scope::AuditRead], None).await;
    let absent = Uuid::new_v4().to_string();
    for (method, template) in changes() {
        let path = template
            .replace("{user_id}", &absent)
            .replace("{key_id}", "EXAMPLEkey01")
            .replace("{host_id}", "nowhere")
            .replace("{pid}", "17")
            .replace("{alert_id}", &absent)
            .replace("{silence_id}", &absent)
            .replace("{rule}", "disk_space")
            .replace("{name}", "nginx.service");
        let path = match template {
            "/api/legacy/admin/user/create" => path + "?username=mallory&role=user",
            "/api/legacy/users/delete" => path + "?username=boss",
            _ => path,
        };
        // What names nothing in its path is about the caller itself, or not known yet.
        let named = match template {
            _ if template.contains("{key_id}") => Some("key:EXAMPLEkey01".to_owned()),
            _ if template.contains("{user_id}") => Some(format!("user:{absent}")),
            _ if template.contains("{host_id}") => Some("host:nowhere".to_owned()),
            _ if template.contains("{pid}") => Some("process:17".to_owned()),
            _ if template.contains("{alert_id}") => Some(format!("alert:{absent}")),
            _ if template.contains("{silence_id}") => Some(format!("silence:{absent}")),
            _ if template.contains("{rule}") => Some("alert:disk_space".to_owned()),
            _ if template.contains("{name}") => Some("unit:nginx.service".to_owned()),
            _ => None,
        };
        let is_for_operators = ["/api/v1/system/", "/api/v1/alerts/"]
            .iter()
            .any(|start| template.starts_with(start));
        let missing = if is_for_operators {
            "Role operator required"
        } else {
            "Admin access required"
        };
        let asked_by = [
            (&viewer.key, "alice1", missing),
            (&asleep.key, "asleep", "API key has to be activated"),
            (&narrow, "boss", "The key lacks the scope"),
        ];
        for (key, name, reason) in asked_by {
            let verb: Method = method.parse().unwrap();
            let body = match template {
                "/api/v1/user/delete" => json!({"user_id": absent}),
                "/api/v1/user/register" => json!({"username": "mallory"}),
                _ => json!({"name": "k"}),
            };
            let reply = app.request(verb, &path, Some(key), Some(body)).await;
            if reply.status != 403 {
                // A viewer may change its own keys.
                assert!(template.starts_with("/api/v1/user/keys") && name == "alice1");
                continue;
            }
            let row = row_of(&app, &admin.key, &reply).await;
            let detail = row["detail"].as_str().unwrap();
            assert!(detail.starts_with(reason), "{method} {template}: {row}");
            assert_eq!(
                (&row["actor"], &row["result"]),
                (&json!(name), &json!("refused"))
            );
            assert_eq!(row["address"], "192.0.2.7");
            let target = match (template, name) {
                ("/api/v1/user/delete", "alice1") => format!("user:{absent}"),
                _ => named.clone().unwrap_or_else(|| format!("by:{name}")),
            };
            assert_eq!(row["target"], target, "{method} {template} as {name}");
        }
        app.clock.advance(Duration::from_mins(1));
    }
    let wider = json!({"name": "k", "scopes": ["host:read"]});
    let own = app.key(&viewer, &[Scope::KeysSelf], None).await;
    let reply = app.post(&own, "/api/v1/user/keys", wider).await;
    reply.expect_code(403, "scope_exceeded");
    let row = row_of(&app, &admin.key, &reply).await;
    assert_eq!(row["action"], "key.create");
    // Refused by the store, where the key has its id already.
    assert!(row["target"].as_str().unwrap().starts_with("key:"), "{row}");
}

/// Every changing route, called without an accepted key, and with a malformed body.
async fn what_nobody_could_do_is_in_the_log_too(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let absent = Uuid::new_v4().to_string();
    let unknown = PlainKey::generate().unwrap();
    for (method, template) in changes() {
        let path = template
            .replace("{user_id}", &absent)
            .replace("{key_id}", "EXAMPLEkey01");
        let verb: Method = method.parse().unwrap();
        let asked_with = [
            (None, "API key value can not be empty"),
            (Some(unknown.expose()), "Unauthorized"),
        ];
        for (key, reason) in asked_with {
            let reply = app.request(verb.clone(), &path, key, None).await;
            assert_eq!(reply.status, 401, "{method} {template}");
            let row = row_of(&app, &admin.key, &reply).await;
            assert_eq!(
                (&row["actor"], &row["via"], &row["actor_id"]),
                (&json!("nobody"), &json!("nobody"), &json!(null))
            );
            assert_eq!(
                (&row["result"], &row["detail"], &row["address"]),
                (&json!("refused"), &json!(reason), &json!("192.0.2.7"))
            );
        }
        app.clock.advance(Duration::from_mins(1));
    }

    let register = "/api/v1/user/register";
    let reply = app.post(&admin.key, register, json!({"username": 7})).await;
    reply.expect_code(422, "validation_failed");
    let row = row_of(&app, &admin.key, &reply).await;
    assert_eq!(
        (&row["actor"], &row["action"]),
        (&json!("boss"), &json!("user.create"))
    );
    let reply = app
        .patch(&admin.key, "/api/v1/admin/users/what/activate")
        .await;
    reply.expect_code(422, "validation_failed");
    let row = row_of(&app, &admin.key, &reply).await;
    assert_eq!(
        (&row["action"], &row["target"], &row["result"]),
        (
            &json!("user.activate"),
            &json!("user:what"),
            &json!("refused")
        )
    );
}

async fn refusals_of_one_caller_are_counted_when_they_are_many(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let register = "/api/v1/user/register";
    let refused = async || {
        let body = json!({"username": "mallory"});
        let reply = app.post(&viewer.key, register, body).await;
        reply.expect_code(403, "admin_required");
        let path = format!("{AUDIT}?result=refused&limit=1000");
        let page = app.get(&admin.key, &path).await.expect(200);
        page["items"].as_array().unwrap().clone()
    };
    let mut rows = Vec::new();
    for _ in 0..30 {
        rows = refused().await;
    }
    assert_eq!(rows.len(), 20);
    app.store.write_counted_refusals(false).await.unwrap();
    assert_eq!(refused().await.len(), 20, "the minute is not over");
    app.clock.advance(Duration::from_mins(1));
    app.store.write_counted_refusals(false).await.unwrap();
    let rows = refused().await;
    assert_eq!(rows.len(), 22);
    let counted = &rows[1];
    assert_eq!(counted["action"], "audit.skip");
    assert_eq!(counted["actor"], "alice1");
    let detail = counted["detail"].as_str().unwrap();
    assert!(detail.starts_with("11 more refusals since "), "{detail}");
}
