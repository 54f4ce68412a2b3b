//! The legacy routes: each of them responds as it did, announces its end, and can be switched off.

use std::net::Ipv4Addr;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use linux_api_config::{Config, Environment, Legacy, Sources};
use linux_api_daemon::peer::Peer;
use linux_api_daemon::server::PolicyHandle;
use linux_api_legacy::keys::{
    OWN_SECRET, Pbkdf2Hash, hmac_hash, hmac_setting, imported_key_id, pepper_setting,
};
use linux_api_store::imports::{ImportedKey, UserImport};
use linux_api_wire::api_key::Scopes;
use linux_api_wire::audit::Actor;
use linux_api_wire::user::Role;
use secrecy::SecretString;
use serde_json::json;
use tower::ServiceExt;

use crate::api::app::{App, CLIENT, Caller, START, Setup};
use crate::api::contract::document;
use crate::api::database::Database;
use crate::api::reply::names;

on_both_engines! {
    users_are_shown_as_before,
    users_are_made_as_before,
    users_are_deleted_as_before,
    the_host_is_shown_as_before,
    refusals_have_the_old_texts,
    answers_say_what_to_use_instead,
    old_limits_stay_the_defaults,
    switched_off_there_are_no_legacy_routes,
    imported_keys_open_old_and_new_routes,
}

/// Each route, what does the same now, and its old limit a minute.
const ROUTES: [(&str, &str, &str, usize); 10] = [
    ("GET", "/api/legacy/user/user-info", "/api/v1/user/me", 10),
    ("GET", "/api/legacy/admin/admin-area", "/api/v1/user/me", 10),
    ("GET", "/api/legacy/admin/users", "/api/v1/admin/users", 5),
    (
        "POST",
        "/api/legacy/admin/user/create",
        "/api/v1/user/register",
        5,
    ),
    (
        "DELETE",
        "/api/legacy/users/delete",
        "/api/v1/user/delete",
        5,
    ),
    (
        "GET",
        "/api/legacy/system/uptime",
        "/api/v1/system/info/uptime",
        10,
    ),
    (
        "GET",
        "/api/legacy/system/processes",
        "/api/v1/system/info/processes",
        20,
    ),
    (
        "GET",
        "/api/legacy/system/system-infos",
        "/api/v1/system/info/system-info",
        10,
    ),
    (
        "GET",
        "/api/legacy/system/system-user",
        "/api/v1/system/info/system-user",
        5,
    ),
    (
        "GET",
        "/api/legacy/system/avg-load",
        "/api/v1/system/load/average",
        5,
    ),
];

const CREATE: &str = "/api/legacy/admin/user/create";

async fn both(app: &App) -> (Caller, Caller) {
    let admin = app.user_as("admin", Role::Admin, true, true).await;
    (admin, app.user("alice", Role::Viewer).await)
}

async fn users_are_shown_as_before(database: Database) {
    let app = App::new(&database).await;
    let (admin, alice) = both(&app).await;
    let info = app.get(&admin.key, "/api/legacy/user/user-info").await;
    assert_eq!(
        info.expect(200),
        json!({"username": "admin", "role": "admin"})
    );
    let info = app.get(&alice.key, "/api/legacy/user/user-info").await;
    assert_eq!(
        info.expect(200),
        json!({"username": "alice", "role": "user"})
    );
    let area = app.get(&admin.key, "/api/legacy/admin/admin-area").await;
    let message = "Admin access granted for admin with role admin!";
    assert_eq!(area.expect(200), json!({"message": message}));
    app.user_as("asleep", Role::Viewer, false, false).await;
    let users = app.get(&admin.key, "/api/legacy/admin/users").await;
    let users = users.expect(200);
    assert_eq!(
        users["users"][0],
        json!({"username": "admin", "role": "admin", "created_at": "2027-01-15T08:00:01Z",
            "last_login": null, "is_active": true})
    );
    assert_eq!(users["users"][1]["username"], "alice", "the oldest first");
    assert_eq!(users["users"][2]["is_active"], false);
    for path in ["/api/legacy/admin/admin-area", "/api/legacy/admin/users"] {
        let refused = app.get(&alice.key, path).await;
        refused.expect_problem(403, "admin_required", "Admin access required");
    }
}

async fn users_are_made_as_before(database: Database) {
    let app = App::new(&database).await;
    let (admin, alice) = both(&app).await;
    let create = async |key: &str, query: &str| {
        let path = format!("{CREATE}?{query}");
        app.request(Method::POST, &path, Some(key), None).await
    };
    let made = create(&admin.key, "username=leg1&role=user")
        .await
        .expect(200);
    assert_eq!(names(&made["user"]), ["api_key", "role", "username"]);
    assert_eq!(made["user"]["username"], "leg1");
    assert_eq!(made["user"]["role"], "user");
    let key = made["user"]["api_key"].as_str().unwrap();
    app.get(key, "/api/legacy/user/user-info").await.expect(200);

    let given = "a-key-that-somebody-chose-0123456789";
    let query = format!("username=Leg2&role=admin&api_key={given}");
    let made = create(&admin.key, &query).await.expect(200);
    let expected = json!({"username": "leg2", "role": "admin", "api_key": given});
    assert_eq!(made["user"], expected);
    app.get(given, "/api/legacy/admin/users").await.expect(200);
    app.get(given, "/api/v1/admin/users").await.expect(200);

    let old_text = "User creation failed or user already exists";
    let taken = create(&admin.key, "username=leg1&role=user").await;
    taken.expect_problem(400, "name_taken", old_text);
    let query = format!("username=leg3&role=user&api_key={given}");
    let taken = create(&admin.key, &query).await;
    taken.expect_problem(400, "key_taken", old_text);
    for (query, code) in [
        ("username=&role=user", "username_invalid"),
        ("username=a.b&role=user", "username_invalid"),
        ("username=leg4&role=user&api_key=short", "key_invalid"),
    ] {
        create(&admin.key, query).await.expect_code(400, code);
    }
    let query = format!("username=leg4&role=user&api_key=lapi_{}", "x".repeat(40));
    let refused = create(&admin.key, &query).await;
    refused.expect_code(400, "key_invalid");
    create(&admin.key, "username=leg4&role=boss")
        .await
        .expect_invalid(&[(&["query", "role"], "Input should be 'user' or 'admin'")]);
    create(&admin.key, "").await.expect_invalid(&[
        (&["query", "role"], "Field required"),
        (&["query", "username"], "Field required"),
    ]);
    let refused = create(&alice.key, "username=leg4&role=user").await;
    refused.expect_problem(403, "admin_required", "Admin access required");
}

async fn users_are_deleted_as_before(database: Database) {
    let app = App::new(&database).await;
    let (admin, alice) = both(&app).await;
    let bob = app.user("bob_1", Role::Viewer).await;
    let delete = async |key: &str, name: &str| {
        let path = format!("/api/legacy/users/delete?username={name}");
        app.delete(key, &path, None).await
    };
    for caller in [&admin, &alice] {
        let refused = delete(&caller.key, "admin").await;
        let text = "The admin account cannot be deleted.";
        refused.expect_problem(403, "user_immutable", text);
    }
    let text = "Admin access required for performing this action on other user's accounts.";
    let refused = delete(&alice.key, "bob_1").await;
    refused.expect_problem(403, "admin_required", text);
    let refused = delete(&alice.key, "nobody").await;
    refused.expect_problem(403, "admin_required", text);
    let missing = "User deletion failed or user does not exist";
    let refused = delete(&admin.key, "nobody").await;
    refused.expect_problem(400, "user_not_found", missing);
    let done = json!({"status": "success"});
    assert_eq!(delete(&admin.key, "bob_1").await.expect(200), done);
    let gone = app.get(&bob.key, "/api/legacy/user/user-info").await;
    gone.expect_code(401, "key_invalid");
    assert_eq!(delete(&alice.key, "alice").await.expect(200), done);
    let refused = app
        .delete(&admin.key, "/api/legacy/users/delete", None)
        .await;
    refused.expect_invalid(&[(&["query", "username"], "Field required")]);
}

async fn the_host_is_shown_as_before(database: Database) {
    let app = App::new(&database).await;
    let (_, alice) = both(&app).await;
    let key = &alice.key;
    let load = "/api/legacy/system/avg-load";
    let nothing = json!({"average_load": 0.0, "last_loads": []});
    assert_eq!(
        app.get(key, load).await.expect(200),
        json!({"system": nothing, "cpu": nothing})
    );
    app.sample_load(3.436_2, 50).await;
    let half = json!({"average_load": 0.5, "last_loads": [0.5]});
    assert_eq!(
        app.get(key, load).await.expect(200),
        json!({"system": {"average_load": 3.44, "last_loads": [3.44]}, "cpu": half})
    );
    let path = format!("{load}?decimal_places=0&last_load_length=1");
    let rounded = app.get(key, &path).await.expect(200);
    assert_eq!(rounded["system"]["last_loads"], json!([3.0]));
    let again = app.get(key, load).await.expect(200);
    assert_eq!(
        again["system"]["average_load"], 3.44,
        "each request for itself"
    );
    let refused = app.get(key, &format!("{load}?last_load_length=0")).await;
    refused.expect_code(422, "validation_failed");

    for (legacy, v1) in [
        ("system-infos", "system-info"),
        ("system-user?username=root", "system-user?username=root"),
    ] {
        let old = app.get(key, &format!("/api/legacy/system/{legacy}")).await;
        let new = app.get(key, &format!("/api/v1/system/info/{v1}")).await;
        // Which the old program did not have.
        let mut new = new.expect(200);
        new.as_object_mut().unwrap().remove("utc_offset_seconds");
        assert_eq!(old.expect(200), new, "{legacy}");
    }
    let uptime = app.get(key, "/api/legacy/system/uptime").await.expect(200);
    let members = ["days", "full_seconds", "hours", "minutes", "seconds"];
    assert_eq!(names(&uptime), members);
    let processes = app.get(key, "/api/legacy/system/processes").await;
    let processes = processes.expect(200);
    assert_eq!(names(&processes[0]), ["name", "pid", "status"]);
    let missing = app
        .get(key, "/api/legacy/system/system-user?username=no-such-user")
        .await;
    missing.expect_problem(404, "account_not_found", "User not found on the system");
    let refused = app.get(key, "/api/legacy/system/system-user").await;
    refused.expect_invalid(&[(&["query", "username"], "Field required")]);
}

async fn refusals_have_the_old_texts(database: Database) {
    let app = App::new(&database).await;
    let asleep = app.user_as("asleep", Role::Viewer, false, false).await;
    let text = "Invalid or missing API key";
    for (method, path, _, _) in ROUTES {
        let send = async |key| {
            let method: Method = method.parse().unwrap();
            app.request(method, path, key, None).await
        };
        send(None).await.expect_problem(401, "key_missing", text);
        let empty = send(Some("")).await;
        empty.expect_problem(401, "key_missing", text);
        let wrong = send(Some("wrong")).await;
        wrong.expect_problem(401, "key_invalid", text);
    }
    let refused = app.get(&asleep.key, "/api/legacy/user/user-info").await;
    refused.expect_problem(403, "user_inactive", "API key has to be activated");
}

async fn answers_say_what_to_use_instead(database: Database) {
    let app = App::new(&database).await;
    for (method, path, successor, _) in ROUTES {
        let verb: Method = method.parse().unwrap();
        let reply = app.request(verb, path, None, None).await;
        assert_eq!(reply.header("x-legacy-endpoint"), Some("true"), "{path}");
        assert_eq!(reply.header("x-legacy-warning"), Some("deprecated"));
        assert_eq!(reply.header("deprecation"), Some("@1770249600"));
        let sunset = Some("Fri, 31 Dec 2027 00:00:00 GMT");
        assert_eq!(reply.header("sunset"), sunset);
        let link = format!("<{successor}>; rel=\"successor-version\"");
        assert_eq!(reply.header("link"), Some(link.as_str()));
        let operation = &document()["paths"][path][method.to_lowercase()];
        assert_eq!(operation["deprecated"], true, "{path}");
        assert!(document()["paths"][successor].is_object(), "{successor}");
    }
    let unknown = app.get_openly("/api/legacy/nothing").await;
    unknown.expect_problem(404, "not_found", "Not Found");
    assert_eq!(unknown.header("x-legacy-endpoint"), Some("true"));
    assert_eq!(unknown.header("link"), None);
    let options = app
        .request(Method::OPTIONS, "/api/legacy/user/user-info", None, None)
        .await;
    assert_eq!(options.header("x-legacy-endpoint"), None);
    let new = app.get_openly("/api/v1/user/me").await;
    assert_eq!(new.header("x-legacy-endpoint"), None);
    assert_eq!(new.header("deprecation"), None);
}

async fn old_limits_stay_the_defaults(database: Database) {
    let config = Config::load(&Sources {
        config_path: None,
        environment: Environment::default(),
        flags: Vec::new(),
    });
    let mut setup = Setup::new(&database);
    setup.policy = PolicyHandle::new(
        &config.unwrap().config,
        "localhost",
        Some(&mut linux_api_legacy::old_routes(&Legacy::default())),
    );
    let app = App::with(setup).await;
    let (admin, _) = both(&app).await;
    for (method, path, _, limit) in ROUTES {
        let verb: Method = method.parse().unwrap();
        for _ in 0..limit {
            let reply = app
                .request(verb.clone(), path, Some(&admin.key), None)
                .await;
            assert_ne!(reply.status, 429, "{path}");
        }
        let refused = app.request(verb, path, Some(&admin.key), None).await;
        let text = format!("{limit} per 1 minute");
        refused.expect_problem(429, "rate_limited", &text);
        assert!(refused.header("retry-after").is_some(), "{path}");
    }
}

async fn switched_off_there_are_no_legacy_routes(database: Database) {
    let setup = Setup {
        legacy: Legacy {
            enabled: false,
            ..Legacy::default()
        },
        docs_title: "Ours".to_owned(),
        docs_description: Some("Our hosts.".to_owned()),
        ..Setup::new(&database)
    };
    let app = App::with(setup).await;
    let admin = app.admin().await;
    for (method, path, ..) in ROUTES {
        // Not by the helper that compares responses with the document, which describes these
        // routes.
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header("x-api-key", &admin.key)
            .body(Body::empty())
            .unwrap();
        request.extensions_mut().insert(Peer::Tcp {
            remote: CLIENT.parse().unwrap(),
            local: Ipv4Addr::LOCALHOST.into(),
        });
        let answer = app.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.headers().contains_key("x-legacy-endpoint"));
    }
    let document = app.get_openly("/openapi.json").await;
    assert!(!document.text().contains("/api/legacy"));
    assert_eq!(document.json()["info"]["title"], "Ours");
    assert_eq!(document.json()["info"]["description"], "Our hosts.");
}

async fn imported_keys_open_old_and_new_routes(database: Database) {
    let app = App::new(&database).await;
    let (admin, alice) = both(&app).await;
    let secret = |text: &str| SecretString::from(text.to_owned());
    let (old_secret, pepper) = (secret("old-secret"), secret("pepper"));
    let v1 = "WEmLce1Qps8u4YCM_bop9N8Q2vS_rJPiwJBrJAoFAzM";
    // PBKDF2 of "legacy-key" + "pepper" with this salt in 1 000 rounds, as Python computes it.
    let hex = "2d3f7efe7cb0f2c5927c10d8cc0a941ade7c5d538973830f0f4cbee39502b2028a56987f86c85fe2e6e29a3cf30649ff72aeca29f67f3e2a05ca972852f31b94";
    let slow = Pbkdf2Hash::new(1_000, &pepper, "5a17", hex).unwrap();
    let key = |caller: &Caller, hash: String| ImportedKey {
        id: imported_key_id(&hash),
        user_id: caller.user.id,
        name: "imported".to_owned(),
        hash,
        scopes: Scopes::ALL,
        created_at: START,
        revoked: false,
    };
    let import = UserImport {
        keys: vec![
            key(&admin, hmac_hash(&old_secret, v1)),
            key(&alice, slow.to_string()),
        ],
        secrets: vec![
            (hmac_setting(&old_secret), old_secret.clone()),
            (pepper_setting(&pepper), pepper.clone()),
            (OWN_SECRET.to_owned(), secret("own-secret")),
        ],
        ..UserImport::default()
    };
    // Before the import no one has such a key, and after it the daemon sees it at once.
    let early = app.get(v1, "/api/v1/user/me").await;
    early.expect_code(401, "key_invalid");
    app.store
        .import_users(&Actor::system(), &import)
        .await
        .unwrap();
    for path in ["/api/v1/user/me", "/api/legacy/user/user-info"] {
        app.get(v1, path).await.expect(200);
        app.get("legacy-key", path).await.expect(200);
        let wrong = app.get("legacy-kex", path).await;
        wrong.expect_code(401, "key_invalid");
    }
    let id = imported_key_id(&slow.to_string());
    let stored = app.store.find_key(&id).await.unwrap().unwrap();
    assert_eq!(stored.hash, hmac_hash(&secret("own-secret"), "legacy-key"));
    // Imported keys are listed and revoked like all others.
    let path = format!("/api/v1/admin/users/{}/keys", alice.id());
    let listed = app.get(v1, &path).await.expect(200);
    assert!(listed.to_string().contains(&id.0), "{listed}");
    app.delete(v1, &format!("{path}/{id}"), None)
        .await
        .expect(200);
    let revoked = app.get("legacy-key", "/api/v1/user/me").await;
    revoked.expect_code(401, "key_invalid");
}
