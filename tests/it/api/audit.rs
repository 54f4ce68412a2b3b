//! The audit log: a row for each change and each refused change.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use linux_api_auth::key::PlainKey;
use linux_api_wire::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::app::{App, START};
use crate::api::contract::operations;
use crate::api::database::Database;
use crate::api::reply::Reply;
use crate::api::statistics::{GET, MINUTE, store};

on_both_engines! {
    registering_writes_who_did_it_from_where,
    protecting_writes_a_row_and_holds,
    every_changing_route_writes_a_row,
    what_a_rule_refused_is_in_the_log_too,
}

pub(crate) const AUDIT: &str = "/api/v1/admin/audit";

/// The newest row, which alone must come from the request of `reply`.
pub(crate) async fn row_of(app: &App, key: &str, reply: &Reply) -> Value {
    let page = app.get(key, &format!("{AUDIT}?limit=2")).await.expect(200);
    let row = page["items"][0].clone();
    let request_id = reply.header("x-request-id");
    assert_eq!(row["request_id"].as_str(), request_id);
    assert_ne!(page["items"][1]["request_id"].as_str(), request_id);
    row
}

/// A change: method, route, query, body, and the action and target of its row. The routes are
/// called in this order; `USER` is the user made before, `KEY` the key that was made last.
type Change = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const CHANGES: &[Change] = &[
    (
        "PATCH",
        "/api/v1/admin/users/{user_id}/role",
        "?is_admin=1",
        "",
        "user.role",
        "USER",
    ),
    (
        "PATCH",
        "/api/v1/admin/users/{user_id}/hosts",
        "",
        r#"{"hosts":"env=dev"}"#,
        "user.hosts",
        "USER",
    ),
    (
        "PATCH",
        "/api/v1/admin/users/{user_id}/deactivate",
        "",
        "",
        "user.deactivate",
        "USER",
    ),
    (
        "PATCH",
        "/api/v1/admin/users/{user_id}/activate",
        "",
        "",
        "user.activate",
        "USER",
    ),
    (
        "POST",
        "/api/v1/admin/users/{user_id}/keys",
        "",
        r#"{"name":"k"}"#,
        "key.create",
        "NEW KEY",
    ),
    (
        "POST",
        "/api/v1/admin/users/{user_id}/keys/{key_id}/rotate",
        "",
        "{}",
        "key.rotate",
        "KEY",
    ),
    (
        "DELETE",
        "/api/v1/admin/users/{user_id}/keys/{key_id}",
        "",
        "",
        "key.revoke",
        "KEY",
    ),
    (
        "POST",
        "/api/v1/user/keys",
        "",
        r#"{"name":"k"}"#,
        "key.create",
        "NEW KEY",
    ),
    (
        "POST",
        "/api/v1/user/keys/{key_id}/rotate",
        "",
        "{}",
        "key.rotate",
        "KEY",
    ),
    (
        "DELETE",
        "/api/v1/user/keys/{key_id}",
        "",
        "",
        "key.revoke",
        "KEY",
    ),
    (
        "DELETE",
        "/api/v1/user/delete",
        "",
        r#"{"user_id":"USER"}"#,
        "user.delete",
        "USER",
    ),
    (
        "DELETE",
        "/api/v1/fleet/hosts/{host_id}",
        "",
        "",
        "host.forget",
        "host:gone",
    ),
    (
        "POST",
        "/api/legacy/admin/user/create",
        "?username=leg1&role=user",
        "",
        "user.create",
        "user:leg1",
    ),
    (
        "DELETE",
        "/api/legacy/users/delete",
        "?username=leg1",
        "",
        "user.delete",
        "user:leg1",
    ),
];

#[test]
fn every_changing_route_is_in_the_table() {
    // Acts have rows of their own, see tests/it/daemon/acts.rs.
    const ACTS: [&str; 12] = [
        "/api/v1/system/processes/renice",
        "/api/v1/system/processes/signal",
        "/api/v1/system/processes/{pid}/renice",
        "/api/v1/system/processes/{pid}/signal",
        "/api/v1/system/units/{name}/disable",
        "/api/v1/system/units/{name}/enable",
        "/api/v1/system/units/{name}/limits",
        "/api/v1/system/units/{name}/reload",
        "/api/v1/system/units/{name}/reset-failed",
        "/api/v1/system/units/{name}/restart",
        "/api/v1/system/units/{name}/start",
        "/api/v1/system/units/{name}/stop",
    ];
    // It changes nothing: it runs a rule over history.
    const NO_CHANGES: [&str; 1] = ["/api/v1/alerts/preview"];
    // See tests/it/api/alerts.rs.
    let alerts = [
        ("POST", "/api/v1/alerts/{alert_id}/acknowledge"),
        ("PUT", "/api/v1/alerts/rules/{rule}"),
        ("DELETE", "/api/v1/alerts/rules/{rule}"),
        ("POST", "/api/v1/alerts/channels/{channel}/test"),
        ("POST", "/api/v1/alerts/hosts/{host_id}/release"),
        ("POST", "/api/v1/alerts/silences"),
        ("DELETE", "/api/v1/alerts/silences/{silence_id}"),
    ];
    let alerts = alerts.map(|(method, template)| (method.to_owned(), template));
    let others = [
        ("POST".to_owned(), "/api/v1/user/register"),
        ("PATCH".to_owned(), "/api/v1/admin/users/{user_id}/protect"),
    ];
    let others = others
        .into_iter()
        .chain(ACTS.map(|template| ("POST".to_owned(), template)))
        .chain(alerts);
    let tested: BTreeSet<(String, &str)> = CHANGES
        .iter()
        .map(|change| (change.0.to_owned(), change.1))
        .chain(others)
        .collect();
    let changing: BTreeSet<(String, &str)> = operations()
        .filter(|(method, template, _)| method != "GET" && !NO_CHANGES.contains(template))
        .map(|(method, template, operation)| {
            let noted = &operation["x-audit-action"];
            assert!(noted.is_string(), "{method} {template} is not noted");
            let mut tested = CHANGES.iter();
            let tested = tested.find(|change| change.0 == method && change.1 == template);
            if let Some(change) = tested {
                assert_eq!(noted, change.4, "{method} {template}");
            }
            (method, template)
        })
        .collect();
    assert_eq!(tested, changing);
}

async fn registering_writes_who_did_it_from_where(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let by = PlainKey::parse(&admin.key).unwrap().id();
    let wanted = json!({"username": "alice1", "activate": true});
    let made = app.post(&admin.key, "/api/v1/user/register", wanted).await;
    let key = made.json()["api_key"].as_str().unwrap().to_owned();
    let row = row_of(&app, &admin.key, &made).await;
    let first = PlainKey::parse(&key).unwrap().id();
    assert_eq!(
        row,
        json!({
            "id": row["id"],
            "time": "2027-01-15T08:00:01Z",
            "actor_id": admin.id(),
            "actor": "boss",
            "via": format!("key:{by}"),
            "action": "user.create",
            "target": "user:alice1",
            "result": "done",
            "detail": format!("role viewer, active true, key {first}"),
            "address": "192.0.2.7",
            "host_id": null,
            "act_id": null,
            "request_id": made.header("x-request-id"),
        })
    );
}

async fn protecting_writes_a_row_and_holds(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let user = app.user("alice1", Role::Viewer).await;
    let path = |rest: &str| format!("/api/v1/admin/users/{}/{rest}", user.id());
    let made = app.patch(&admin.key, &path("protect")).await;
    assert_eq!(made.expect(200)["user_id"], user.id());
    let row = row_of(&app, &admin.key, &made).await;
    assert_eq!(
        (&row["action"], &row["target"], &row["result"]),
        (
            &json!("user.protect"),
            &json!("user:alice1"),
            &json!("done")
        )
    );
    let again = app.patch(&admin.key, &path("protect")).await;
    assert_eq!(again.status, 204);
    app.patch(&admin.key, &path("deactivate"))
        .await
        .expect_code(403, "user_immutable");
}

async fn every_changing_route_writes_a_row(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let user = app.user("alice1", Role::Viewer).await.id();
    let mut key_id = PlainKey::parse(&admin.key).unwrap().id().to_string();
    store(&app, "gone", (MINUTE, START), (GET, "/a"), [1]).await;
    app.clock.advance(Duration::from_mins(6));
    for (method, template, query, body, action, target) in CHANGES {
        let path = template
            .replace("{user_id}", &user)
            .replace("{key_id}", &key_id)
            .replace("{host_id}", "gone");
        let body = body.replace("USER", &user);
        let body = (!body.is_empty()).then(|| serde_json::from_str(&body).unwrap());
        let verb: Method = method.parse().unwrap();
        let reply = app
            .request(verb, &format!("{path}{query}"), Some(&admin.key), body)
            .await;
        assert!(
            (200..300).contains(&reply.status),
            "{template}: {}",
            reply.text()
        );
        let answer = reply.json();
        let new_key = answer["key_id"].as_str().unwrap_or(&key_id).to_owned();
        let target = match *target {
            "USER" => "user:alice1".to_owned(),
            "NEW KEY" => format!("key:{new_key}"),
            "user:leg1" | "host:gone" => (*target).to_owned(),
            _ => format!("key:{key_id}"),
        };
        let row = row_of(&app, &admin.key, &reply).await;
        assert_eq!(
            (
                &row["actor"],
                &row["action"],
                &row["target"],
                &row["result"]
            ),
            (
                &json!("boss"),
                &json!(action),
                &json!(target),
                &json!("done")
            ),
            "{method} {template}"
        );
        key_id = new_key;
    }
}

async fn what_a_rule_refused_is_in_the_log_too(database: Database) {
    let app = App::new(&database).await;
    let first = app.user_as("first", Role::Admin, true, true).await;
    let admin = app.admin().await;
    let nobody = Uuid::new_v4();
    let user = |id: &dyn std::fmt::Display, rest: &str| format!("/api/v1/admin/users/{id}{rest}");
    let kept = PlainKey::parse(&first.key).unwrap().id();
    let (named, taken) = (json!({"name": "k"}), json!({"username": "first"}));
    let other = json!({"user_id": first.id()});
    let register = "/api/v1/user/register".to_owned();
    for (method, path, body, action, detail) in [
        (
            "POST",
            register,
            Some(taken),
            "user.create",
            "the name is taken",
        ),
        (
            "PATCH",
            user(&nobody, "/role"),
            None,
            "user.role",
            "no such user",
        ),
        (
            "PATCH",
            user(&admin.id(), "/role"),
            None,
            "user.role",
            "own role",
        ),
        (
            "PATCH",
            user(&admin.id(), "/deactivate"),
            None,
            "user.deactivate",
            "own account",
        ),
        (
            "PATCH",
            user(&first.id(), "/activate"),
            None,
            "user.activate",
            "the user is immutable",
        ),
        (
            "DELETE",
            "/api/v1/user/delete".into(),
            Some(other),
            "user.delete",
            "the user is immutable",
        ),
        (
            "POST",
            user(&first.id(), "/keys"),
            Some(named),
            "key.create",
            "the user is immutable",
        ),
        (
            "DELETE",
            user(&first.id(), &format!("/keys/{kept}")),
            None,
            "key.revoke",
            "the user is immutable",
        ),
        (
            "POST",
            "/api/v1/user/keys/EXAMPLEkey01/rotate".into(),
            Some(json!({})),
            "key.rotate",
            "no such key",
        ),
    ] {
        let verb: Method = method.parse().unwrap();
        let reply = app.request(verb, &path, Some(&admin.key), body).await;
        assert!(
            (400..500).contains(&reply.status),
            "{path}: {}",
            reply.text()
        );
        let row = row_of(&app, &admin.key, &reply).await;
        assert_eq!(
            (
                &row["actor"],
                &row["action"],
                &row["result"],
                &row["detail"]
            ),
            (
                &json!("boss"),
                &json!(action),
                &json!("refused"),
                &json!(detail)
            ),
            "{path}"
        );
    }
}
