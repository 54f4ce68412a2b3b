//! `/api/v1/user`: register, delete, me.

use std::time::Duration;

use axum::http::{Method, Request};
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;
use serde_json::json;
use uuid::Uuid;

use crate::api::app::App;
use crate::api::database::Database;
use crate::api::reply::names;

on_both_engines! {
    names_are_those_of_linux_accounts,
    texts_of_a_body_are_trimmed,
    registering_answers_the_user_and_a_key_that_works,
    a_registered_user_is_an_inactive_viewer_unless_asked_otherwise,
    bad_registrations_name_every_field,
    a_taken_name_is_a_conflict,
    a_narrowed_admin_key_gives_no_wider_first_key,
    me_shows_the_caller_and_its_key,
    me_shows_the_last_login,
    users_delete_themselves_and_admins_delete_others,
    deleting_answers_the_old_texts,
    a_delete_body_is_checked,
}

const REGISTER: &str = "/api/v1/user/register";
const DELETE: &str = "/api/v1/user/delete";
const ME: &str = "/api/v1/user/me";

async fn registering_answers_the_user_and_a_key_that_works(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let wanted = json!({"username": "  Alice_1 ", "is_admin": true, "activate": true});
    let made = app.post(&admin.key, REGISTER, wanted).await.expect(200);
    assert_eq!(names(&made), ["api_key", "user_id", "username"]);
    assert_eq!(made["username"], "alice_1");
    let key = made["api_key"].as_str().unwrap();
    assert!(key.starts_with("lapi_"));

    let me = app.get(key, ME).await.expect(200);
    assert_eq!(me["user_id"], made["user_id"]);
    assert_eq!(me["user"]["username"], "alice_1");
    assert_eq!(me["user_perm"]["is_admin"], true);
    assert_eq!(app.get(key, "/api/v1/admin/users").await.status, 200);
}

async fn a_registered_user_is_an_inactive_viewer_unless_asked_otherwise(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let wanted = json!({"username": "alice1"});
    app.clock.advance(Duration::from_secs(1));
    let made = app.post(&admin.key, REGISTER, wanted).await.expect(200);
    let key = made["api_key"].as_str().unwrap();
    app.get(key, ME)
        .await
        .expect_problem(403, "user_inactive", "API key has to be activated");
    let users = app.get(&admin.key, "/api/v1/admin/users").await.expect(200);
    assert_eq!(users[0]["username"], "alice1");
    assert_eq!(users[0]["role"], "viewer");
    assert_eq!(users[0]["activated"], false);
}

async fn bad_registrations_name_every_field(database: Database) {
    const START: &str = "a user name begins with a letter a to z or an underscore";
    const EMPTY: &str = "a user name has 1 to 32 characters";
    let charset = |wrong: char| {
        let allowed = "letters a to z, digits, underscores, dots and hyphens";
        format!("a user name holds {allowed}, not {wrong:?}")
    };
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let name: &[&str] = &["body", "username"];
    for (body, message) in [
        (json!({}), "Field required"),
        (json!({"username": "  "}), EMPTY),
        (json!({"username": ""}), EMPTY),
        (
            json!({"username": "abcdefghijklmnopqrstuvwxyz0123456"}),
            "a user name has 1 to 32 characters, this one has 33",
        ),
        (json!({"username": "1234"}), START),
        (json!({"username": "-x"}), START),
        (json!({"username": "!!!!"}), &charset('!')),
        (json!({"username": "jürgen"}), &charset('ü')),
        (json!({"username": "a\u{0}bcd"}), &charset('\0')),
        (json!({"username": 1234}), "Input should be a valid string"),
        (json!({"username": null}), "Input should be a valid string"),
    ] {
        let reply = app.post(&admin.key, REGISTER, body).await;
        reply.expect_invalid(&[(name, message)]);
    }
    let all_wrong = json!({"username": "", "is_admin": "true", "activate": 1, "extra": 0});
    let boolean = "Input should be a valid boolean";
    let reply = app.post(&admin.key, REGISTER, all_wrong).await;
    reply.expect_invalid(&[
        (name, EMPTY),
        (&["body", "is_admin"], boolean),
        (&["body", "activate"], boolean),
        (&["body", "extra"], "Extra inputs are not permitted"),
    ]);
    let reply = app.post(&admin.key, REGISTER, json!(["alice1"])).await;
    let object = "Input should be a valid dictionary or object to extract fields from";
    reply.expect_invalid(&[(&["body"], object)]);
    let request = Method::POST;
    let reply = app.request(request, REGISTER, Some(&admin.key), None).await;
    reply.expect_invalid(&[(&["body"], "Field required")]);
    let users = app.store.count_users().await.unwrap();
    assert_eq!(users, 1, "nothing of that made a user");
}

async fn names_are_those_of_linux_accounts(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    for (given, stored) in [
        ("bob", "bob"),
        (" X ", "x"),
        ("Web-01.example", "web-01.example"),
        ("_svc", "_svc"),
        (
            "abcdefghijklmnopqrstuvwxyz012345",
            "abcdefghijklmnopqrstuvwxyz012345",
        ),
    ] {
        let body = json!({"username": given, "activate": true});
        let made = app.post(&admin.key, REGISTER, body).await.expect(200);
        assert_eq!(made["username"], stored);
        let key = made["api_key"].as_str().unwrap();
        let me = app.get(key, "/api/v1/user/me").await.expect(200);
        assert_eq!(me["user"]["username"], stored);
    }
}

async fn a_taken_name_is_a_conflict(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    for name in ["alice1", "ALICE1 "] {
        let reply = app
            .post(&admin.key, REGISTER, json!({"username": name}))
            .await;
        if name == "alice1" {
            reply.expect(200);
        } else {
            reply.expect_problem(409, "name_taken", "This username is already taken");
        }
    }
}

async fn a_narrowed_admin_key_gives_no_wider_first_key(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let narrow = app.key(&admin, &[Scope::UsersAdmin], None).await;
    let wanted = json!({"username": "alice1", "is_admin": true, "activate": true});
    let made = app.post(&narrow, REGISTER, wanted).await.expect(200);
    let key = made["api_key"].as_str().unwrap();
    assert_eq!(app.get(key, "/api/v1/admin/users").await.status, 200);
    app.get(key, "/api/v1/admin/audit")
        .await
        .expect_code(403, "scope_missing");
}

async fn me_shows_the_caller_and_its_key(database: Database) {
    let app = App::new(&database).await;
    let admin = app.user_as("boss", Role::Admin, true, true).await;
    let me = app.get(&admin.key, ME).await.expect(200);
    assert_eq!(
        me,
        json!({
            "user_id": admin.id(),
            "user": {
                "username": "boss",
                "created_at": "2027-01-15T08:00:01Z",
                "last_login": null,
                "immutable": true
            },
            "user_perm": {
                "is_admin": true, "activated": true, "role": "admin", "scopes": [], "hosts": null
            }
        })
    );
    let viewer = app.user("alice1", Role::Viewer).await;
    let scopes = [Scope::KeysSelf, Scope::HostRead];
    let narrow = app.key(&viewer, &scopes, None).await;
    let me = app.get(&narrow, ME).await.expect(200);
    assert_eq!(
        me["user_perm"],
        json!({
            "hosts": null, "is_admin": false, "activated": true, "role": "viewer",
            "scopes": ["host:read", "keys:self"]
        })
    );
    // The same key as a bearer token, in any spelling of the scheme.
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let bearer = format!("{scheme} {}", admin.key);
        let reply = app.get_with(ME, &[("authorization", &bearer)]).await;
        assert_eq!(reply.expect(200)["user_id"], admin.id());
    }
}

async fn me_shows_the_last_login(database: Database) {
    use linux_api_store::api_keys::KeyUse;

    let app = App::new(&database).await;
    let admin = app.admin().await;
    app.get(&admin.key, ME).await.expect(200);
    let uses: Vec<KeyUse> = app
        .verifier
        .uses_after(crate::api::app::START)
        .into_iter()
        .map(|one| KeyUse {
            key_id: one.key_id,
            user_id: one.user_id,
            time: one.time,
        })
        .collect();
    app.store.record_key_use(&uses).await.unwrap();
    let me = app.get(&admin.key, ME).await.expect(200);
    assert_eq!(me["user"]["last_login"], "2027-01-15T08:00:01Z");
    let list = app.get(&admin.key, "/api/v1/admin/users").await.expect(200);
    assert_eq!(list[0]["last_login"], "2027-01-15T08:00:01Z");
}

async fn users_delete_themselves_and_admins_delete_others(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let deleted = json!({"detail": "User deleted"});
    for (name, own_id) in [
        ("alice1", None),
        ("alice2", Some("me")),
        ("alice3", Some("")),
    ] {
        let viewer = app.user(name, Role::Viewer).await;
        let body = match own_id {
            None => json!({}),
            Some("") => json!({"user_id": viewer.id()}),
            Some(word) => json!({"user_id": word}),
        };
        let reply = app.delete(&viewer.key, DELETE, Some(body)).await;
        assert_eq!(reply.expect(200), deleted);
        app.get(&viewer.key, ME)
            .await
            .expect_problem(401, "key_invalid", "Unauthorized");
    }
    // Any spelling of a UUID.
    for number in 0..4 {
        let viewer = app.user(&format!("other{number}"), Role::Viewer).await;
        let id = viewer.user.id.0;
        let spelling = match number {
            0 => id.to_string(),
            1 => id.to_string().to_uppercase(),
            2 => id.simple().to_string(),
            _ => id.braced().to_string(),
        };
        let body = json!({"user_id": spelling});
        let reply = app.delete(&admin.key, DELETE, Some(body)).await;
        assert_eq!(reply.expect(200), deleted);
    }
    assert_eq!(app.store.count_users().await.unwrap(), 1);
}

async fn deleting_answers_the_old_texts(database: Database) {
    let app = App::new(&database).await;
    let first = app.user_as("first", Role::Admin, true, true).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let other = app.user("alice2", Role::Viewer).await;
    let delete = async |key: &str, id: &str| {
        let body = json!({"user_id": id});
        app.delete(key, DELETE, Some(body)).await
    };
    let unknown = Uuid::new_v4().to_string();
    // A viewer may delete no one else, and learns nothing about who exists.
    for id in [&other.id(), &unknown] {
        delete(&viewer.key, id).await.expect_problem(
            403,
            "admin_required",
            "Admin access required",
        );
    }
    delete(&first.key, &unknown).await.expect_problem(
        404,
        "user_not_found",
        "Requested user not found.",
    );
    let immutable = "Could not delete user: user is immutable";
    let admin = app.admin().await;
    for key in [&first.key, &admin.key] {
        delete(key, &first.id())
            .await
            .expect_problem(403, "user_immutable", immutable);
    }
    // An admin goes while another active one remains.
    delete(&admin.key, "me").await.expect(200);
}

async fn texts_of_a_body_are_trimmed(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let other = app.user("other1", Role::Viewer).await;
    let id = format!("\t{} \n", other.id());
    let gone = app.delete(&admin.key, DELETE, Some(json!({"user_id": id})));
    gone.await.expect(200);
    let key = json!({
        "name": " k ", "scopes": [" host:read "], "expires_at": " 2036-01-01T00:00:00Z "
    });
    let made = app
        .post(&admin.key, "/api/v1/user/keys", key)
        .await
        .expect(201);
    assert_eq!(
        (&made["name"], &made["scopes"]),
        (&json!("k"), &json!(["host:read"]))
    );
    let viewer = app.user("alice1", Role::Viewer).await;
    let gone = app.delete(&viewer.key, DELETE, Some(json!({"user_id": " me "})));
    gone.await.expect(200);
}

async fn a_delete_body_is_checked(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let field: &[&str] = &["body", "user_id"];
    let id = "Value error, user_id must be 'me' or a valid UUID";
    for (body, location, message) in [
        (json!({"user_id": "ME"}), field, id),
        (json!({"user_id": ""}), field, id),
        (json!({"user_id": "x"}), field, id),
        (
            json!({"user_id": null}),
            field,
            "Input should be a valid string",
        ),
        (
            json!({"user_id": 7}),
            field,
            "Input should be a valid string",
        ),
        (
            json!({"id": "me"}),
            &["body", "id"],
            "Extra inputs are not permitted",
        ),
    ] {
        let reply = app.delete(&viewer.key, DELETE, Some(body)).await;
        reply.expect_invalid(&[(location, message)]);
    }
    // Without a body it would delete the caller.
    let reply = app.delete(&viewer.key, DELETE, None).await;
    reply.expect_invalid(&[(&["body"], "Field required")]);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let request = Request::delete(DELETE).header("x-api-key", &viewer.key);
    let request = request.header(form.0, form.1).body(String::new().into());
    let reply = app.send(request.unwrap()).await;
    reply.expect_code(415, "unsupported_media_type");
    // Deeper than any parser should follow, and text after the object.
    for text in ["[".repeat(10_000), "{} x".to_owned(), "{'a'}".to_owned()] {
        let request = Request::delete(DELETE).header("x-api-key", &viewer.key);
        let request = request.header("content-type", "application/json");
        let reply = app.send(request.body(text.into()).unwrap()).await;
        let body = reply.expect_code(422, "validation_failed");
        assert_eq!(body["errors"][0]["location"], json!(["body"]));
        let message = body["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("JSON decode error: "), "{message}");
    }
    assert_eq!(app.store.count_users().await.unwrap(), 1);
}
