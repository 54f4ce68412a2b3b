//! Who may act on the host, as far as the daemon decides it; `tests/it/daemon/acts.rs` has an executor besides.

use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;
use serde_json::json;

use crate::api::app::App;
use crate::api::database::{Database, no_backup};

on_both_engines! {
    a_key_of_before_acts_on_nothing,
    an_operator_is_made_by_role,
    a_refused_act_is_noted_with_its_host,
    arguments_are_checked_before_anything_is_requested,
}

const RESTART: &str = "/api/v1/system/units/nginx.service/restart";

async fn a_key_of_before_acts_on_nothing(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    app.store.rollback(9, no_backup).await.unwrap();
    app.store.migrate(no_backup).await.unwrap();
    app.store.refresh_auth_revision().await.unwrap();
    let refused = app.post(&admin.key, RESTART, json!({})).await;
    let body = refused.expect_code(403, "scope_missing");
    let detail = body["detail"].as_str().unwrap();
    assert!(
        detail.contains("linux-api user key create USER --scope units:act"),
        "{detail}"
    );
    let signal = json!({"signal": "TERM", "start_ticks": 1});
    let path = "/api/v1/system/processes/17/signal";
    app.post(&admin.key, path, signal)
        .await
        .expect_code(403, "scope_missing");
    // What it could do before, it can.
    app.get(&admin.key, "/api/v1/admin/users").await.expect(200);
    let state = app.get(&admin.key, "/api/v1/system/acts").await.expect(200);
    assert_eq!(state["available"], false);
    // A new one may act; here nothing does.
    let key = app.key(&admin, &[], None).await;
    let none = app.post(&key, RESTART, json!({})).await;
    let none = none.expect_code(501, "actions_unavailable");
    let detail = none["detail"].as_str().unwrap();
    assert!(detail.contains("systemctl enable --now"), "{detail}");
}

async fn an_operator_is_made_by_role(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let alice = app.user("alice1", Role::Viewer).await;
    let denied = app.post(&alice.key, RESTART, json!({})).await;
    let denied = denied.expect_code(403, "role_required");
    let detail = denied["detail"].as_str().unwrap();
    assert!(
        detail.contains("linux-api user role USER operator"),
        "{detail}"
    );
    let role = format!("/api/v1/admin/users/{}/role", alice.id());
    let changed = app
        .patch(&admin.key, &format!("{role}?role=operator"))
        .await;
    let changed = changed.expect(200);
    assert_eq!(
        (&changed["role"], &changed["is_admin"]),
        (&json!("operator"), &json!(false))
    );
    let same = app
        .patch(&admin.key, &format!("{role}?role=operator"))
        .await;
    assert_eq!(same.status, 204);
    let wrong = app.patch(&admin.key, &format!("{role}?role=root")).await;
    wrong.expect_code(422, "validation_failed");
    let none = app.post(&alice.key, RESTART, json!({})).await;
    none.expect_code(501, "actions_unavailable");
    let logs_only = app.key(&alice, &[Scope::HostRead], None).await;
    let denied = app.post(&logs_only, RESTART, json!({})).await;
    denied.expect_code(403, "scope_missing");
    // The word of before knows two roles.
    let changed = app
        .patch(&admin.key, &format!("{role}?is_admin=true"))
        .await;
    assert_eq!(changed.expect(200)["role"], "admin");
    let body = json!({"username": "bob1", "role": "operator", "activate": true});
    let made = app.post(&admin.key, "/api/v1/user/register", body).await;
    let key = made.expect(200)["api_key"].as_str().unwrap().to_owned();
    let me = app.get(&key, "/api/v1/user/me").await.expect(200);
    assert_eq!(me["user_perm"]["role"], "operator");
    let body = json!({"username": "eve1", "role": "root"});
    let wrong = app.post(&admin.key, "/api/v1/user/register", body).await;
    wrong.expect_code(422, "validation_failed");
}

async fn a_refused_act_is_noted_with_its_host(database: Database) {
    let app = App::new(&database).await;
    let admin = app.admin().await;
    let viewer = app.user("alice1", Role::Viewer).await;
    app.post(&viewer.key, RESTART, json!({}))
        .await
        .expect_code(403, "role_required");
    let path = "/api/v1/admin/audit?action=unit.restart";
    let rows = app.get(&admin.key, path).await.expect(200);
    let row = &rows["items"][0];
    assert_eq!(row["result"], "refused", "{rows}");
    assert_eq!(row["target"], "unit:nginx.service");
    assert_eq!(
        (&row["actor"], &row["host_id"]),
        (&json!("alice1"), &json!("h1"))
    );
    assert_eq!(rows["items"].as_array().unwrap().len(), 1);
}

async fn arguments_are_checked_before_anything_is_requested(database: Database) {
    let app = App::new(&database).await;
    let key = app.user("alice1", Role::Operator).await.key;
    for name in [
        "nginx",
        "reboot.target",
        "getty@.service",
        "a%3Bid.service",
        "-oFoo%3Dx.service",
        "..%2Fx.service",
    ] {
        let path = format!("/api/v1/system/units/{name}/restart");
        let refused = app.post(&key, &path, json!({})).await;
        refused.expect_code(422, "validation_failed");
    }
    let ticks = |mut body: serde_json::Value| {
        body["start_ticks"] = 1.into();
        body
    };
    for (verb, body) in [
        ("signal", json!({"signal": "TERM"})),
        ("signal", ticks(json!({"signal": "term"}))),
        (
            "signal",
            ticks(json!({"signal": "HUP", "escalate_after": 5})),
        ),
        (
            "signal",
            ticks(json!({"signal": "TERM", "escalate_after": 31})),
        ),
        ("signal", ticks(json!({"signal": "TERM", "command": "id"}))),
        ("renice", ticks(json!({"nice": 20}))),
        ("renice", ticks(json!({"nice": -21}))),
    ] {
        let path = format!("/api/v1/system/processes/17/{verb}");
        let refused = app.post(&key, &path, body.clone()).await;
        assert_eq!(refused.status, 422, "{verb} {body}: {}", refused.text());
    }
    let path = "/api/v1/system/units/nginx.service/limits";
    for body in [
        json!({}),
        json!({"memory_max": 1024}),
        json!({"cpu_quota": "none"}),
        json!({"exec_start": "/bin/sh"}),
    ] {
        let refused = app.post(&key, path, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text());
    }
    let allowed = json!({"memory_max": 33_554_432, "cpu_quota": "infinity"});
    let none = app.post(&key, path, allowed).await;
    none.expect_code(501, "actions_unavailable");
}
