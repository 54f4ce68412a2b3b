//! Keys: one's own under `/api/v1/user/keys`, those of all users under
//! `/api/v1/admin/users/…/keys`.

use std::time::Duration;

use axum::http::{Method, Request};
use linux_api_auth::key::PlainKey;
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::app::{App, Caller};
use crate::api::database::Database;
use crate::api::reply::names;

on_both_engines! {
    a_rotation_needs_no_body,
    a_key_is_made_shown_once_listed_and_works,
    scopes_narrow_a_key_and_an_empty_list_does_not,
    a_key_expires_when_it_says,
    bad_keys_are_refused_field_by_field,
    a_narrowed_key_gives_no_wider_one,
    a_rotated_key_works_on_for_the_overlap,
    a_rotation_without_overlap_ends_the_old_key_at_once,
    a_key_is_revoked_once_and_for_ever,
    a_key_of_somebody_else_is_not_found,
    admins_manage_the_keys_of_others,
    keys_of_an_immutable_user_are_its_own,
    keys_are_paged_newest_first,
    more_keys_than_allowed_are_a_conflict,
}

const OWN: &str = "/api/v1/user/keys";

fn keys_of(user: &Caller) -> String {
    format!("/api/v1/admin/users/{}/keys", user.id())
}

fn id_of(key: &str) -> String {
    PlainKey::parse(key).unwrap().id().to_string()
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap()
}

async fn status(app: &App, key: &str) -> u16 {
    app.get(key, "/api/v1/user/me").await.status
}

async fn a_key_is_made_shown_once_listed_and_works(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    app.clock.advance(Duration::from_secs(9));
    let wanted = json!({"name": "  backup script ", "expires_at": "2030-01-01T01:00:00+01:00"});
    let made = app.post(&viewer.key, OWN, wanted).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let key = text(&made, "api_key");
    assert_eq!(
        made,
        json!({
            "key_id": id_of(key), "name": "backup script", "scopes": [],
            "created_at": "2027-01-15T08:00:10Z", "expires_at": "2030-01-01T00:00:00Z",
            "hosts": null, "api_key": key
        })
    );
    assert_eq!(status(&app, key).await, 200);

    let listed = app.get(&viewer.key, OWN).await;
    let secret = &key["lapi_".len() + 12..];
    assert!(!listed.text().contains(secret), "never again");
    let listed = listed.expect(200);
    assert_eq!(names(&listed), ["items", "next_cursor"]);
    assert_eq!(listed["next_cursor"], Value::Null);
    assert_eq!(
        listed["items"][0],
        json!({
            "key_id": id_of(key), "name": "backup script", "scopes": [],
            "created_at": "2027-01-15T08:00:10Z", "expires_at": "2030-01-01T00:00:00Z",
            "last_used": null, "revoked_at": null, "hosts": null
        })
    );
    assert_eq!(listed["items"][1]["key_id"], id_of(&viewer.key));
}

async fn scopes_narrow_a_key_and_an_empty_list_does_not(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    for scopes in [json!([]), json!(["keys:self", "audit:read", "keys:self"])] {
        let wanted = json!({"name": "k", "scopes": scopes, "expires_at": null});
        let made = app.post(&admin.key, OWN, wanted).await.json();
        let key = text(&made, "api_key");
        let is_narrow = scopes != json!([]);
        let expected = if is_narrow {
            json!(["keys:self", "audit:read"])
        } else {
            json!([])
        };
        assert_eq!(made["scopes"], expected);
        assert_eq!(app.get(key, "/api/v1/admin/audit").await.status, 200);
        let users = app.get(key, "/api/v1/admin/users").await;
        if is_narrow {
            let text = "The key lacks the scope users:admin";
            users.expect_problem(403, "scope_missing", text);
        } else {
            users.expect(200);
        }
    }
}

async fn a_key_expires_when_it_says(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let wanted = json!({"name": "k", "expires_at": "2027-01-15T09:00:00Z"});
    let made = app.post(&viewer.key, OWN, wanted).await.json();
    let key = text(&made, "api_key");
    app.clock.advance(Duration::from_secs(3598));
    assert_eq!(status(&app, key).await, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&app, key).await, 401, "remembered or not");
    // An ended key can't be brought back.
    let rotate = format!("{OWN}/{}/rotate", id_of(key));
    app.post(&viewer.key, &rotate, json!({}))
        .await
        .expect_code(409, "key_ended");
}

async fn bad_keys_are_refused_field_by_field(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let length = "String should have 1 to 64 characters";
    let time = "Input should be a time such as 2036-01-01T00:00:00Z";
    let string = "Input should be a valid string";
    let scope = "unknown scope, expected host:read, metrics:read, stats:read, keys:self, \
                 users:admin, audit:read, logs:read, processes:act, units:act, \
                 alerts:read or alerts:write";
    for (body, field, message) in [
        (json!({}), "name", "Field required"),
        (json!({"name": "  "}), "name", length),
        (json!({"name": "x".repeat(65)}), "name", length),
        (
            json!({"name": "a\u{1b}[2J"}),
            "name",
            "String should not hold control characters",
        ),
        (json!({"name": 7}), "name", string),
        (
            json!({"name": "k", "scopes": "host:read"}),
            "scopes",
            "Input should be a valid list",
        ),
        (
            json!({"name": "k", "scopes": ["host:write"]}),
            "scopes",
            scope,
        ),
        (json!({"name": "k", "scopes": [1]}), "scopes", string),
        (
            json!({"name": "k", "expires_at": "tomorrow"}),
            "expires_at",
            time,
        ),
        (
            json!({"name": "k", "expires_at": "2036-01-01"}),
            "expires_at",
            time,
        ),
        (json!({"name": "k", "expires_at": 1}), "expires_at", string),
        (
            json!({"name": "k", "expires_at": "2027-01-15T08:00:00Z"}),
            "expires_at",
            "Input should be in the future",
        ),
        (
            json!({"name": "k", "owner": "me"}),
            "owner",
            "Extra inputs are not permitted",
        ),
    ] {
        let reply = app.post(&viewer.key, OWN, body).await;
        reply.expect_invalid(&[(&["body", field], message)]);
    }
    let rotate = format!("{OWN}/{}/rotate", id_of(&viewer.key));
    let range = "Input should be from 0 to 604800";
    let integer = "Input should be a valid integer";
    for (seconds, message) in [
        (json!(-1), range),
        (json!(604_801), range),
        (json!("60"), integer),
        (json!(1.5), integer),
        (json!(null), integer),
    ] {
        let body = json!({"overlap_seconds": seconds});
        let reply = app.post(&viewer.key, &rotate, body).await;
        reply.expect_invalid(&[(&["body", "overlap_seconds"], message)]);
    }
    for wrong in ["short", "EXAMPLEkey0!", "%ff", "EXAMPLEkey012"] {
        let reply = app
            .delete(&viewer.key, &format!("{OWN}/{wrong}"), None)
            .await;
        let body = reply.expect_code(422, "validation_failed");
        assert_eq!(body["errors"][0]["location"], json!(["path", "key_id"]));
    }
    let listed = app.get(&viewer.key, OWN).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

async fn a_narrowed_key_gives_no_wider_one(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let narrow = app.key(&admin, &[Scope::KeysSelf], None).await;
    let wider = json!({"name": "k", "scopes": ["keys:self", "users:admin"]});
    let text_of_it = "The key in use is narrowed to fewer scopes than that.";
    app.post(&narrow, OWN, wider)
        .await
        .expect_problem(403, "scope_exceeded", text_of_it);
    // Nor by rotating a wider one, whose new secret would be in the response.
    let rotate = format!("{OWN}/{}/rotate", id_of(&admin.key));
    app.post(&narrow, &rotate, json!({}))
        .await
        .expect_problem(403, "scope_exceeded", text_of_it);
    let made = app.post(&narrow, OWN, json!({"name": "k"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        made.json()["scopes"],
        json!(["keys:self"]),
        "all it has itself"
    );
}

async fn a_rotated_key_works_on_for_the_overlap(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let old = app.key(&viewer, &[Scope::KeysSelf], None).await;
    let rotate = format!("{OWN}/{}/rotate", id_of(&old));
    let made = app
        .post(&old, &rotate, json!({"overlap_seconds": 600}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["name"], "of a test");
    assert_eq!(made["scopes"], json!(["keys:self"]));
    let new = text(&made, "api_key");
    app.clock.advance(Duration::from_secs(599));
    assert_eq!(
        (status(&app, &old).await, status(&app, new).await),
        (200, 200)
    );
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(
        (status(&app, &old).await, status(&app, new).await),
        (401, 200)
    );

    // An hour unless the request says otherwise.
    let rotate = format!("{OWN}/{}/rotate", text(&made, "key_id"));
    app.post(new, &rotate, json!({})).await;
    app.clock.advance(Duration::from_secs(3599));
    assert_eq!(status(&app, new).await, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&app, new).await, 401);
}

async fn a_rotation_needs_no_body(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let own = format!("{OWN}/{}/rotate", id_of(&viewer.key));
    let made = app.request(Method::POST, &own, Some(&viewer.key), None);
    let next = made.await.expect(201);
    let me = app.get(&viewer.key, "/api/v1/user/me").await;
    assert_eq!(me.status, 200, "the overlap is the default one");
    let id = next["key_id"].as_str().unwrap();
    let theirs = format!("/api/v1/admin/users/{}/keys/{id}/rotate", viewer.id());
    // As curl sends it with --data "".
    let request = Request::post(&theirs).header("x-api-key", &admin.key);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let reply = app.send(request.body(String::new().into()).unwrap()).await;
    reply.expect(201);
    for (body, status) in [("overlap_seconds=1", 415), ("null", 415)] {
        let request = Request::post(&theirs).header("x-api-key", &admin.key);
        let request = request.header("content-type", "text/plain");
        let reply = app.send(request.body(body.into()).unwrap()).await;
        assert_eq!(reply.status, status, "{body}");
    }
    let reply = app
        .request(Method::POST, OWN, Some(&viewer.key), None)
        .await;
    reply.expect_invalid(&[(&["body"], "Field required")]);
}

async fn a_rotation_without_overlap_ends_the_old_key_at_once(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let rotate = format!("{OWN}/{}/rotate", id_of(&viewer.key));
    let made = app
        .post(&viewer.key, &rotate, json!({"overlap_seconds": 0}))
        .await;
    assert_eq!(status(&app, &viewer.key).await, 401);
    assert_eq!(status(&app, text(&made.json(), "api_key")).await, 200);
}

async fn a_key_is_revoked_once_and_for_ever(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let other = app.key(&viewer, &[], None).await;
    assert_eq!(status(&app, &other).await, 200);
    let path = format!("{OWN}/{}", id_of(&other));
    let revoked = app.delete(&viewer.key, &path, None).await.expect(200);
    assert_eq!(revoked, json!({"detail": "Key revoked"}));
    assert_eq!(status(&app, &other).await, 401, "at once");
    app.delete(&viewer.key, &path, None).await.expect_nothing();
    app.post(&viewer.key, &format!("{path}/rotate"), json!({}))
        .await
        .expect_code(409, "key_ended");
    let listed = app.get(&viewer.key, OWN).await.expect(200);
    assert_eq!(listed["items"][0]["revoked_at"], "2027-01-15T08:00:02Z");
}

async fn a_key_of_somebody_else_is_not_found(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let other = app.user("alice2", Role::Viewer).await;
    let gone = "Key with this key_id not found.";
    for id in [id_of(&other.key), "EXAMPLEkey01".to_owned()] {
        let path = format!("{OWN}/{id}");
        app.delete(&viewer.key, &path, None)
            .await
            .expect_problem(404, "key_not_found", gone);
        app.post(&viewer.key, &format!("{path}/rotate"), json!({}))
            .await
            .expect_problem(404, "key_not_found", gone);
    }
    assert_eq!(status(&app, &other.key).await, 200);
}

async fn admins_manage_the_keys_of_others(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let keys = keys_of(&viewer);
    let wanted = json!({"name": "given", "scopes": ["keys:self"]});
    app.clock.advance(Duration::from_secs(1));
    let made = app.post(&admin.key, &keys, wanted).await;
    assert_eq!(made.status, 201);
    let given = made.json()["api_key"].as_str().unwrap().to_owned();
    assert_eq!(
        app.get(&given, "/api/v1/user/me").await.json()["user_id"],
        viewer.id()
    );

    let listed = app.get(&admin.key, &keys).await.expect(200);
    assert_eq!(listed["items"][0]["name"], "given");
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);

    let path = format!("{keys}/{}", id_of(&given));
    let rotated = app
        .post(
            &admin.key,
            &format!("{path}/rotate"),
            json!({"overlap_seconds": 0}),
        )
        .await;
    assert_eq!(rotated.status, 201);
    assert_eq!(status(&app, &given).await, 401);
    let next = rotated.json()["api_key"].as_str().unwrap().to_owned();
    let path = format!("{keys}/{}", id_of(&next));
    app.delete(&admin.key, &path, None).await.expect(200);
    app.delete(&admin.key, &path, None).await.expect_nothing();
    assert_eq!(status(&app, &next).await, 401);

    // Under another user's id there is no such key.
    let elsewhere = format!("{}/{}", keys_of(&admin), id_of(&viewer.key));
    app.delete(&admin.key, &elsewhere, None)
        .await
        .expect_code(404, "key_not_found");
    let nobody = format!("/api/v1/admin/users/{}/keys", Uuid::new_v4());
    let key = format!("{nobody}/{}", id_of(&viewer.key));
    let gone = "User with this user_id not found.";
    for reply in [
        app.get(&admin.key, &nobody).await,
        app.post(&admin.key, &nobody, json!({"name": "k"})).await,
        app.delete(&admin.key, &key, None).await,
        app.post(&admin.key, &format!("{key}/rotate"), json!({}))
            .await,
    ] {
        reply.expect_problem(404, "user_not_found", gone);
    }
}

async fn keys_of_an_immutable_user_are_its_own(database: Database) {
    let app = App::new(&database).await;
    let first = app.user_as("first", Role::Admin, true, true).await;
    let admin = app.admin().await;
    let keys = keys_of(&first);
    let key = format!("{keys}/{}", id_of(&first.key));
    let kept = "Can't change keys of user: user is immutable";
    for reply in [
        app.post(&admin.key, &keys, json!({"name": "k"})).await,
        app.delete(&admin.key, &key, None).await,
        app.post(&admin.key, &format!("{key}/rotate"), json!({}))
            .await,
    ] {
        reply.expect_problem(403, "user_immutable", kept);
    }
    assert_eq!(
        app.post(&first.key, OWN, json!({"name": "k"})).await.status,
        201
    );
    let own = format!("{OWN}/{}", id_of(&first.key));
    app.delete(&first.key, &own, None).await.expect(200);
}

async fn keys_are_paged_newest_first(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let mut expected = vec![id_of(&viewer.key)];
    for _ in 0..4 {
        expected.insert(0, id_of(&app.key(&viewer, &[], None).await));
    }
    let mut seen = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = app
            .get(&viewer.key, &format!("{OWN}?{query}"))
            .await
            .expect(200);
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|key| text(key, "key_id").to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(seen, expected);
    let limit = "Input should be less than or equal to 1000";
    let reply = app.get(&viewer.key, &format!("{OWN}?limit=1001")).await;
    reply.expect_invalid(&[(&["query", "limit"], limit)]);
    let cursor = "Input should be a cursor from an earlier response";
    let reply = app.get(&viewer.key, &format!("{OWN}?cursor=%00")).await;
    reply.expect_invalid(&[(&["query", "cursor"], cursor)]);
}

async fn more_keys_than_allowed_are_a_conflict(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let mut made = 1;
    let refused = loop {
        let (_, new) = crate::api::app::cheap_key(linux_api_wire::api_key::Scopes::ALL, None);
        let system = linux_api_wire::audit::Actor::system();
        if app
            .store
            .create_key(&system, viewer.user.id, &new)
            .await
            .is_err()
        {
            break app.post(&viewer.key, OWN, json!({"name": "k"})).await;
        }
        made += 1;
        assert!(made <= 1000, "there is a bound");
    };
    refused.expect_code(409, "too_many_keys");
    let rotate = format!("{OWN}/{}/rotate", id_of(&viewer.key));
    app.post(&viewer.key, &rotate, json!({}))
        .await
        .expect_code(409, "too_many_keys");
}
