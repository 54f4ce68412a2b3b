//! Users and keys that are limited to some hosts, by the labels of the hosts.

use axum::http::Method;
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::app::{App, Caller, START};
use crate::api::database::Database;
use crate::api::reply::Reply;

on_both_engines! {
    a_limited_user_is_refused_where_the_labels_differ,
    a_limited_key_is_refused_where_the_labels_differ,
    labels_and_limits_count_at_once,
    the_limit_is_set_and_shown_over_the_api,
    a_key_is_never_wider_than_its_user,
    a_limited_admin_gives_others_no_more_than_it_has,
    one_admin_without_a_limit_remains,
    a_limited_admin_forgets_no_other_host,
}

const ME: &str = "/api/v1/user/me";
const KEYS: &str = "/api/v1/user/keys";
const REGISTER: &str = "/api/v1/user/register";

fn hosts_of(id: &str) -> String {
    format!("/api/v1/admin/users/{id}/hosts")
}

async fn set_hosts(app: &App, key: &str, id: &str, hosts: Value) -> Reply {
    let body = json!({ "hosts": hosts });
    app.request(Method::PATCH, &hosts_of(id), Some(key), Some(body))
        .await
}

/// A key of the caller with these limits, made over the API.
async fn make_key(app: &App, caller: &Caller, hosts: Value) -> Reply {
    let body = json!({"name": "laptop", "hosts": hosts});
    app.post(&caller.key, KEYS, body).await
}

async fn a_limited_user_is_refused_where_the_labels_differ(database: Database) {
    let app = App::new(&database).await;
    let alice = app.user("alice", Role::Viewer).await;
    app.get(&alice.key, ME).await.expect(200);
    app.limit(&alice, "env=dev,role=web").await;
    let detail =
        "alice, or its key, is limited to hosts with env=dev,role=web; this host has no labels.";
    for path in [ME, "/api/v1/system/info/uptime", "/metrics"] {
        let reply = app.get(&alice.key, path).await;
        reply.expect_problem(403, "host_not_allowed", detail);
    }
    // Routes of the older program too.
    let reply = app.get(&alice.key, "/api/legacy/system/uptime").await;
    reply.expect_code(403, "host_not_allowed");
    app.label(&[("env", "dev"), ("role", "db")]);
    let reply = app.get(&alice.key, ME).await;
    let detail = reply.expect_code(403, "host_not_allowed")["detail"].clone();
    assert!(
        detail
            .as_str()
            .unwrap()
            .ends_with("this host has env=dev,role=db.")
    );
    app.label(&[("env", "dev"), ("role", "web"), ("rack", "7")]);
    let me = app.get(&alice.key, ME).await.expect(200);
    assert_eq!(me["user_perm"]["hosts"], "env=dev,role=web");
}

async fn a_limited_key_is_refused_where_the_labels_differ(database: Database) {
    let app = App::new(&database).await;
    let alice = app.user("alice", Role::Viewer).await;
    let made = make_key(&app, &alice, json!(" env=dev ")).await.expect(201);
    assert_eq!(made["hosts"], "env=dev");
    let key = made["api_key"].as_str().unwrap();
    app.get(key, ME).await.expect_code(403, "host_not_allowed");
    app.get(&alice.key, ME).await.expect(200);
    app.label(&[("env", "dev")]);
    app.get(key, ME).await.expect(200);
    // Of both limits both count.
    app.limit(&alice, "role=web").await;
    app.get(key, ME).await.expect_code(403, "host_not_allowed");
    app.label(&[("env", "dev"), ("role", "web")]);
    let me = app.get(key, ME).await.expect(200);
    assert_eq!(me["user_perm"]["hosts"], "env=dev,role=web");
}

async fn labels_and_limits_count_at_once(database: Database) {
    let app = App::new(&database).await;
    app.label(&[("env", "dev")]);
    let (boss, alice) = (app.admin().await, app.user("alice", Role::Admin).await);
    // The key is remembered from here on.
    app.get(&alice.key, ME).await.expect(200);
    set_hosts(&app, &boss.key, &alice.id(), json!("env=dev"))
        .await
        .expect(200);
    app.get(&alice.key, ME).await.expect(200);
    app.label(&[("env", "prod")]);
    app.get(&alice.key, ME)
        .await
        .expect_code(403, "host_not_allowed");
    // A refused change is in the audit log.
    let body = json!({"username": "eve1"});
    app.post(&alice.key, REGISTER, body)
        .await
        .expect_code(403, "host_not_allowed");
    let rows = app
        .get(&boss.key, "/api/v1/admin/audit?result=refused")
        .await
        .expect(200);
    let row = &rows["items"][0];
    assert_eq!(
        (&row["actor"], &row["action"]),
        (&json!("alice"), &json!("user.create"))
    );
    assert!(
        row["detail"]
            .as_str()
            .unwrap()
            .contains("limited to hosts with env=dev")
    );
    set_hosts(&app, &boss.key, &alice.id(), Value::Null)
        .await
        .expect(200);
    app.get(&alice.key, ME).await.expect(200);
}

async fn the_limit_is_set_and_shown_over_the_api(database: Database) {
    let app = App::new(&database).await;
    let (boss, alice) = (app.admin().await, app.user("alice", Role::Viewer).await);
    let set = async |hosts| set_hosts(&app, &boss.key, &alice.id(), hosts).await;
    set(json!("role=web,env=dev")).await.expect(200);
    set(json!("env=dev, role=web")).await.expect_nothing();
    let users = app.get(&boss.key, "/api/v1/admin/users").await.expect(200);
    let find = |name: &str| {
        let users = users.as_array().unwrap();
        let user = users.iter().find(|user| user["username"] == name);
        user.unwrap()["hosts"].clone()
    };
    assert_eq!(find("alice"), "env=dev,role=web");
    assert_eq!(find("boss"), Value::Null);
    let wrong = "Input should be labels as in host.labels, such as env=dev or env=dev,role=web";
    set(json!("dev"))
        .await
        .expect_invalid(&[(&["body", "hosts"], wrong)]);
    set(json!("env=a,env=b"))
        .await
        .expect_invalid(&[(&["body", "hosts"], "Input should name each label once")]);
    let reply = app
        .request(
            Method::PATCH,
            &hosts_of(&alice.id()),
            Some(&boss.key),
            Some(json!({})),
        )
        .await;
    reply.expect_invalid(&[(&["body", "hosts"], "Field required")]);
    let own = set_hosts(&app, &boss.key, &boss.id(), json!("env=dev")).await;
    own.expect_problem(403, "own_hosts", "Can't change your own hosts.");
    let body = json!({"username": "carol1", "activate": true, "hosts": "env=dev"});
    let made = app.post(&boss.key, REGISTER, body).await.expect(200);
    let key = made["api_key"].as_str().unwrap();
    app.get(key, ME).await.expect_code(403, "host_not_allowed");
    let rows = app
        .get(
            &boss.key,
            "/api/v1/admin/audit?action=user.hosts&result=done",
        )
        .await
        .expect(200);
    assert_eq!(rows["items"][0]["target"], "user:alice");
    assert_eq!(rows["items"][0]["detail"], "any host to env=dev,role=web");
}

async fn a_key_is_never_wider_than_its_user(database: Database) {
    let app = App::new(&database).await;
    app.label(&[("env", "dev"), ("role", "web")]);
    let alice = app.user("alice", Role::Viewer).await;
    let narrow = make_key(&app, &alice, json!("role=web")).await.expect(201);
    let narrow = Caller {
        key: narrow["api_key"].as_str().unwrap().to_owned(),
        ..alice.clone()
    };
    // What it makes has its own limit, or a narrower one.
    let made = make_key(&app, &narrow, Value::Null).await.expect(201);
    assert_eq!(made["hosts"], "role=web");
    let made = make_key(&app, &narrow, json!("role=web,env=dev")).await;
    made.expect(201);
    let wider = make_key(&app, &narrow, json!("env=dev")).await;
    wider.expect_code(403, "hosts_exceeded");
    // Nor does it get the secret of a wider one by replacing that.
    let keys = app.get(&alice.key, KEYS).await.expect(200);
    let items = keys["items"].as_array().unwrap();
    let first = items.iter().find(|key| key["hosts"].is_null()).unwrap();
    let path = format!("{KEYS}/{}/rotate", first["key_id"].as_str().unwrap());
    app.post(&narrow.key, &path, json!({}))
        .await
        .expect_code(403, "hosts_exceeded");
    let own = items.iter().find(|key| key["hosts"] == "role=web").unwrap();
    let path = format!("{KEYS}/{}/rotate", own["key_id"].as_str().unwrap());
    let rotated = app.post(&alice.key, &path, json!({})).await.expect(201);
    assert_eq!(rotated["hosts"], "role=web");
}

async fn a_limited_admin_gives_others_no_more_than_it_has(database: Database) {
    let app = App::new(&database).await;
    app.label(&[("env", "dev")]);
    let boss = app.admin().await;
    let dev = app.user("devadmin", Role::Admin).await;
    app.limit(&dev, "env=dev").await;
    let register = async |name: &str, hosts: Value| {
        let body = json!({"username": name, "activate": true, "hosts": hosts});
        app.post(&dev.key, REGISTER, body).await
    };
    register("wide1", json!("role=web"))
        .await
        .expect_code(403, "hosts_exceeded");
    let made = register("narrow1", Value::Null).await.expect(200);
    let narrow = made["user_id"].as_str().unwrap().to_owned();
    let users = app.get(&boss.key, "/api/v1/admin/users").await.expect(200);
    let users = users.as_array().unwrap();
    let of = |id: &str| users.iter().find(|user| user["user_id"] == id).unwrap();
    assert_eq!(of(&narrow)["hosts"], "env=dev");
    // It can't lift a limit, nor reach users of other hosts: not by a key, a role or a rotation.
    set_hosts(&app, &dev.key, &narrow, Value::Null)
        .await
        .expect_code(403, "hosts_exceeded");
    set_hosts(&app, &dev.key, &narrow, json!("env=dev,role=web"))
        .await
        .expect(200);
    let id = boss.id();
    let key = app.get(&boss.key, KEYS).await.expect(200)["items"][0]["key_id"].clone();
    let key = key.as_str().unwrap();
    let admin = "/api/v1/admin/users";
    for (method, path, body) in [
        (
            Method::PATCH,
            hosts_of(&id),
            Some(json!({"hosts": "env=dev"})),
        ),
        (
            Method::PATCH,
            format!("{admin}/{id}/role?is_admin=false"),
            None,
        ),
        (Method::PATCH, format!("{admin}/{id}/deactivate"), None),
        (Method::PATCH, format!("{admin}/{id}/protect"), None),
        (
            Method::POST,
            format!("{admin}/{id}/keys"),
            Some(json!({"name": "x"})),
        ),
        (
            Method::POST,
            format!("{admin}/{id}/keys/{key}/rotate"),
            Some(json!({})),
        ),
        (Method::DELETE, format!("{admin}/{id}/keys/{key}"), None),
        (
            Method::DELETE,
            "/api/v1/user/delete".to_owned(),
            Some(json!({"user_id": id})),
        ),
    ] {
        let reply = app
            .request(method.clone(), &path, Some(&dev.key), body)
            .await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
        assert_eq!(reply.json()["code"], "hosts_exceeded", "{method} {path}");
    }
    // Its own keys stay within its limit.
    let made = make_key(&app, &dev, Value::Null).await.expect(201);
    let key = made["api_key"].as_str().unwrap();
    app.label(&[("env", "prod")]);
    app.get(key, ME).await.expect_code(403, "host_not_allowed");
}

async fn one_admin_without_a_limit_remains(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    let other = app.user("other", Role::Admin).await;
    let reply = set_hosts(&app, &boss.key, &other.id(), json!("env=dev")).await;
    reply.expect(200);
    app.label(&[("env", "dev")]);
    // The limited one could not undo anything on the other hosts.
    let reply = set_hosts(&app, &other.key, &boss.id(), json!("env=dev")).await;
    reply.expect_code(403, "hosts_exceeded");
    let limited = app
        .store
        .set_hosts(
            &linux_api_wire::audit::Actor::system(),
            boss.user.id,
            &"env=dev".parse().unwrap(),
        )
        .await;
    let error = limited.unwrap_err().to_string();
    assert_eq!(error, "no active admin would remain");
    let only = app.key(&boss, &[Scope::KeysSelf], None).await;
    app.get(&only, ME).await.expect(200);
}

async fn a_limited_admin_forgets_no_other_host(database: Database) {
    use linux_api_store::flush::{Batch, HostReport};
    use linux_api_wire::fleet::HostIdentity;

    let app = App::new(&database).await;
    app.admin().await;
    let dev = app.user("devadmin", Role::Admin).await;
    app.limit(&dev, "env=dev").await;
    for (id, env) in [("h-dev", "dev"), ("h-prod", "prod")] {
        let host = HostReport {
            identity: HostIdentity {
                id: id.into(),
                name: id.to_owned(),
                labels: [("env".to_owned(), env.to_owned())].into(),
                version: "1".to_owned(),
            },
            instance_id: "i".into(),
            sample: None,
        };
        let batch = Batch {
            host: &host,
            buckets: &[],
            samples: &[],
        };
        app.store.flush(batch).await.unwrap();
    }
    assert!(app.clock.clock().now() > START);
    app.clock.advance(std::time::Duration::from_hours(1));
    app.label(&[("env", "dev")]);
    let forget = async |id| {
        app.delete(&dev.key, &format!("/api/v1/fleet/hosts/{id}"), None)
            .await
    };
    forget("h-prod").await.expect_code(403, "hosts_exceeded");
    assert!(forget("h-dev").await.status < 300);
}
