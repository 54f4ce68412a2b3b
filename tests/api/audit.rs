//! The audit log: a row for each change and each refused change, filters, pages.

use std::collections::BTreeSet;

use axum::http::Method;
use linux_api::auth::key::PlainKey;
use linux_api::model::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::contract::operations;
use crate::database::Database;
use crate::reply::Reply;

on_both_engines! {
    registering_writes_who_did_it_from_where,
    every_changing_route_writes_a_row,
    what_a_rule_refused_is_in_the_log_too,
    rows_are_filtered_by_every_field,
    rows_are_paged_by_cursor,
    bad_filters_name_the_field,
}

const AUDIT: &str = "/api/v1/admin/audit";

/// The newest row, which must come from the request that `reply` answers.
async fn row_of(app: &App, key: &str, reply: &Reply) -> Value {
    let page = app.get(key, &format!("{AUDIT}?limit=1")).await.expect(200);
    let row = page["items"][0].clone();
    assert_eq!(row["request_id"].as_str(), reply.header("x-request-id"));
    row
}

/// A change: method, route, query, body, and the action and target of its row. The routes are asked
/// in this order; `USER` is the user made before, `KEY` the key that was made last.
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
    let register = ("POST".to_owned(), "/api/v1/user/register");
    let tested: BTreeSet<(String, &str)> = CHANGES
        .iter()
        .map(|change| (change.0.to_owned(), change.1))
        .chain([register])
        .collect();
    let changing: BTreeSet<(String, &str)> = operations()
        .filter(|(method, ..)| method != "GET")
        .map(|(method, template, _)| (method, template))
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
            "request_id": made.header("x-request-id"),
        })
    );
}

async fn every_changing_route_writes_a_row(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let user = app.user("alice1", Role::Viewer).await.id();
    let mut key_id = PlainKey::parse(&admin.key).unwrap().id().to_string();
    for (method, template, query, body, action, target) in CHANGES {
        let path = template
            .replace("{user_id}", &user)
            .replace("{key_id}", &key_id);
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
            "user:leg1" => "user:leg1".to_owned(),
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

fn targets(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|row| row["target"].as_str().unwrap()).collect()
}

async fn rows_are_filtered_by_every_field(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let path = format!("/api/v1/admin/users/{}/deactivate", viewer.id());
    app.patch(&admin.key, &path).await.expect(200);
    let own = format!("/api/v1/admin/users/{}/deactivate", admin.id());
    app.patch(&admin.key, &own)
        .await
        .expect_code(403, "own_account");
    let (one, both) = ("user:alice1", ["user:alice1", "user:boss"]);
    let refused = format!("user:{}", admin.id());
    for (query, expected) in [
        ("actor=system", &both[..]),
        ("actor=boss", &[refused.as_str(), one]),
        ("action=user.create", &both),
        ("action=user.deactivate&result=done", &[one]),
        ("result=refused", &[refused.as_str()]),
        ("target=user:alice1", &[one, one]),
        ("target=user:alice1&actor=boss&unknown=1", &[one]),
        ("actor=nobody", &[]),
        ("from=2027-01-15T08:00:02Z&action=user.create", &[one]),
        ("to=2027-01-15T08:00:01", &["user:boss"]),
        ("to=2027-01-15T09:00:01%2B01:00", &["user:boss"]),
        ("from=1800000002&to=1800000002&actor=system", &[one]),
        ("from=2027-01-16", &[]),
    ] {
        let page = app.get(&admin.key, &format!("{AUDIT}?{query}")).await;
        assert_eq!(targets(&page.expect(200)), expected, "{query}");
    }
}

async fn rows_are_paged_by_cursor(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    for number in 1..=4 {
        app.user(&format!("user{number}"), Role::Viewer).await;
    }
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = app
            .get(&admin.key, &format!("{AUDIT}?{query}"))
            .await
            .expect(200);
        seen.extend(targets(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=2&cursor={cursor}");
        // What is written meanwhile neither repeats nor hides a row.
        app.user(&format!("late{}", seen.len()), Role::Viewer).await;
    }
    let expected = [
        "user:user4",
        "user:user3",
        "user:user2",
        "user:user1",
        "user:boss",
    ];
    assert_eq!(seen, expected);
}

async fn bad_filters_name_the_field(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let long = "x".repeat(129);
    let time = "Input should be a valid datetime or date";
    let cursor = "Input should be a cursor from an earlier answer";
    for (query, field, message) in [
        (
            "limit=0",
            "limit",
            "Input should be greater than or equal to 1",
        ),
        (
            "limit=1001",
            "limit",
            "Input should be less than or equal to 1000",
        ),
        ("from=yesterday", "from", time),
        ("to=", "to", time),
        ("cursor=MTowOng", "cursor", cursor),
        (
            "actor=%00",
            "actor",
            "String should not hold a NUL character",
        ),
        (
            &format!("target={long}"),
            "target",
            "String should have at most 128 characters",
        ),
    ] {
        let reply = app.get(&admin.key, &format!("{AUDIT}?{query}")).await;
        reply.expect_invalid(&[(&["query", field], message)]);
    }
}
