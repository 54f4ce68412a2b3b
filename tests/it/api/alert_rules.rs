//! `/api/v1/alerts/rules` and the preview of a rule.

use std::time::Duration;

use axum::http::Method;
use linux_api_wire::api_key::Scope;
use linux_api_wire::fleet::HostSample;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::alerts::{ALERTS, write_host};
use crate::api::app::{App, START};
use crate::api::audit::row_of;
use crate::api::database::Database;

on_both_engines! {
    rules_of_users_take_the_place_of_stock_rules,
    a_rule_that_restarts_units_takes_the_scope_for_that,
    a_preview_says_when_a_rule_would_have_fired,
    what_has_no_history_has_no_preview,
}

async fn rules_of_users_take_the_place_of_stock_rules(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let operator = app.user("olga", Role::Operator).await;
    let admin = app.admin().await;
    let rules = format!("{ALERTS}/rules");
    let list = app.get(&viewer.key, &rules).await.expect(200);
    let stock = list["items"].as_array().unwrap().len();
    assert_eq!(list["in_force"], stock);
    assert!(
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["source"] == "stock")
    );

    let path = format!("{rules}/disk_space");
    let wanted = json!({"name": "disk_space", "check": "disk_space", "warning": {"at": "90%", "free": "10GiB"}});
    let put = async |body: &Value| {
        let body = Some(body.clone());
        app.request(Method::PUT, &path, Some(&operator.key), body)
            .await
    };
    let reply = put(&wanted).await;
    let rule = reply.expect(200);
    assert_eq!(rule["source"], "user");
    assert_eq!(rule["warning"], "90% or more and less than 10 GiB free");
    assert_eq!(rule["definition"], wanted);
    let row = row_of(&app, &admin.key, &reply).await;
    assert_eq!(row["action"], "alert.rule");
    assert_eq!(row["target"], "alert:disk_space");
    let list = app.get(&viewer.key, &rules).await.expect(200);
    assert_eq!(list["in_force"], stock);
    let items = list["items"].as_array().unwrap().iter();
    let both: Vec<&Value> = items.filter(|one| one["name"] == "disk_space").collect();
    let found = |one: &Value| {
        (
            one["source"].clone(),
            one["in_force"].clone(),
            one["updated_by"].clone(),
        )
    };
    assert_eq!(found(both[0]), (json!("user"), json!(true), json!("olga")));
    assert_eq!(found(both[1]), (json!("stock"), json!(false), Value::Null));

    for (body, field) in [
        (
            json!({"name": "other", "series": "load.one", "warning": 4}),
            "name",
        ),
        (
            json!({"name": "disk_space", "series": "load.on", "warning": 4}),
            "series",
        ),
        (
            json!({"name": "disk_space", "series": "load.one"}),
            "warning",
        ),
        (
            json!({"name": "disk_space", "series": "load.one", "warning": 4, "for": "long"}),
            "for",
        ),
        (
            json!({"name": "disk_space", "series": "load.one", "warning": 4, "hosts": "env"}),
            "hosts",
        ),
    ] {
        let wrong = put(&body).await.expect_code(422, "validation_failed");
        let errors = wrong["errors"].as_array().unwrap().iter();
        let mut fields = errors.map(|one| one["location"][1].as_str().unwrap_or_default());
        assert!(fields.any(|one| one == field), "{body}: {wrong}");
    }
    let unknown = json!({"name": "disk_space", "series": "load.one", "warnign": 4});
    let wrong = put(&unknown).await.expect_code(422, "validation_failed");
    assert!(
        wrong["detail"].as_str().unwrap().contains("warnign"),
        "{wrong}"
    );

    let reply = app.delete(&operator.key, &path, None).await;
    reply.expect(200);
    let row = row_of(&app, &admin.key, &reply).await;
    assert_eq!(
        (&row["action"], &row["result"]),
        (&json!("alert.rule-delete"), &json!("done"))
    );
    app.delete(&operator.key, &path, None)
        .await
        .expect_code(404, "rule_not_found");
}

async fn a_rule_that_restarts_units_takes_the_scope_for_that(database: Database) {
    let app = App::new(&database).await;
    let operator = app.user("olga", Role::Operator).await;
    let narrow = app.key(&operator, &[Scope::AlertsWrite], None).await;
    let both = app
        .key(&operator, &[Scope::AlertsWrite, Scope::UnitsAct], None)
        .await;
    let path = format!("{ALERTS}/rules/web");
    let restarts = json!({"name": "web", "check": "unit_failed", "labels": {"unit": "nginx.service"},
        "warning": 1, "restart": "nginx.service"});
    let put = async |key: &str| {
        let body = Some(restarts.clone());
        app.request(Method::PUT, &path, Some(key), body).await
    };
    put(&narrow).await.expect_code(403, "scope_exceeded");
    put(&both).await.expect(200);
}

/// Minutes of a series until the start, oldest first.
fn minutes(name: &str, labels: &str, values: &[f64]) -> Vec<HostSample> {
    let first = START.saturating_sub(Duration::from_mins(values.len() as u64));
    let sample = |(minute, mean): (u64, &f64)| HostSample {
        name: name.to_owned(),
        labels: labels.to_owned(),
        time: first.saturating_add(Duration::from_mins(minute)),
        samples: 30,
        mean: *mean,
        max: *mean,
    };
    (0..).zip(values).map(sample).collect()
}

async fn a_preview_says_when_a_rule_would_have_fired(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    // Twice for ten minutes, with a peak of a minute between, and it still fires.
    let mut busy = vec![10.0; 20];
    busy.extend([95.0; 10]);
    busy.extend([10.0; 10]);
    busy.extend([95.0]);
    busy.extend([10.0; 10]);
    busy.extend([95.0; 10]);
    write_host(&app, "h2", &[], &minutes("cpu.usage_percent", "", &busy)).await;
    write_host(&app, "h3", &[], &minutes("load.one", "", &[1.0])).await;
    let disk = |name: &str, value: f64| minutes(name, "{mount_point=\"/\"}", &[value; 30]);
    let mut disks = disk("filesystem.used_percent", 99.5);
    disks.extend(disk("filesystem.available_bytes", 1e9));
    disks.extend(disk("filesystem.total_bytes", 2e11));
    write_host(&app, "h4", &[], &disks).await;
    let preview = async |body: &Value| {
        let path = format!("{ALERTS}/preview");
        app.post(&viewer.key, &path, body.clone()).await
    };
    let definition = json!({"name": "busy", "series": "cpu.usage_percent", "warning": 90, "for": "5min",
        "keep_firing": "2min", "repeat": "never"});
    let wanted = json!({"definition": definition, "days": 1});
    let found = preview(&wanted).await.expect(200);
    assert_eq!(found["summary"], "would have fired 2 times in 1 day");
    assert_eq!(found["hosts"], 3);
    assert_eq!(
        found["hosts_without_data"],
        json!(["name-of-h3", "name-of-h4"])
    );
    assert_eq!(
        (&found["warning"], &found["critical"]),
        (&json!(2), &json!(0))
    );
    let newest = &found["episodes"][0];
    assert_eq!(newest["host"], "name-of-h2");
    assert_eq!(newest["resolved_at"], Value::Null);
    let older = &found["episodes"][1];
    let fired: Timestamp = older["fired_at"].as_str().unwrap().parse().unwrap();
    // The first bad minute ends 41 minutes before the start, five minutes later it fires.
    let expected = START.saturating_sub(Duration::from_mins(61 - 21 - 5));
    assert_eq!(fired, expected, "{older}");
    assert!(older["resolved_at"].is_string());

    let one = json!({"definition": definition, "days": 1, "host": ["name-of-h2"]});
    assert_eq!(preview(&one).await.expect(200)["hosts"], 1);
    let stock = preview(&json!({"rule": "disk_space", "days": 1}))
        .await
        .expect(200);
    assert_eq!(stock["critical"], 1);
    assert_eq!(stock["episodes"][0]["labels"], json!({"mount_point": "/"}));
    assert_eq!(stock["episodes"][0]["host"], "name-of-h4");
}

async fn what_has_no_history_has_no_preview(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let path = format!("{ALERTS}/preview");
    let busy = json!({"name": "busy", "series": "cpu.usage_percent", "warning": 90});
    for (body, field) in [
        (json!({"rule": "unit_failed"}), "rule"),
        (json!({}), "rule"),
        (json!({"rule": "disk_space", "definition": busy}), "rule"),
        (json!({"rule": "disk_space", "days": 32}), "days"),
        (
            json!({"definition": {"name": "b", "check": "oom_kill", "warning": 1}}),
            "definition",
        ),
        (
            json!({"definition": {"name": "b", "series": "load.on", "warning": 1}}),
            "series",
        ),
        (json!({"rule": "disk_space", "hosts": "env"}), "hosts"),
    ] {
        let reply = app.post(&viewer.key, &path, body.clone()).await;
        let wrong = reply.expect_code(422, "validation_failed");
        let errors = wrong["errors"].as_array().unwrap().iter();
        let mut fields = errors.map(|one| one["location"][1].as_str().unwrap_or_default());
        assert!(fields.any(|one| one == field), "{body}: {wrong}");
    }
    let reply = app
        .post(&viewer.key, &path, json!({"rule": "unit_failed"}))
        .await;
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("no history is stored of what unit_failed reads"),
        "{detail}"
    );
    let unknown = app
        .post(&viewer.key, &path, json!({"rule": "nothing"}))
        .await;
    unknown.expect_code(404, "rule_not_found");
    let nowhere = json!({"definition": busy, "host": ["nowhere"]});
    let unknown = app.post(&viewer.key, &path, nowhere).await;
    unknown.expect_code(404, "host_unknown");
    // More hosts than one preview takes.
    for host in 0..51 {
        write_host(&app, &format!("m{host}"), &[], &[]).await;
    }
    let reply = app
        .post(&viewer.key, &path, json!({"definition": busy}))
        .await;
    let wrong = reply.expect_code(422, "validation_failed");
    assert!(
        wrong["detail"]
            .as_str()
            .unwrap()
            .contains("at most 50 hosts"),
        "{wrong}"
    );
}
