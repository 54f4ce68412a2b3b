//! Automatic restarts as clients see them, and their release.

use axum::http::Method;
use linux_api_alerts::brake::{ActOutcome, ActResult, Decision};
use linux_api_alerts::labels::Labels;
use linux_api_alerts::notice::InstanceKey;
use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::alerts::{ALERTS, write_host};
use crate::api::app::App;
use crate::api::audit::row_of;
use crate::api::database::Database;

on_both_engines! {
    what_rules_restarted_is_shown_and_an_operator_releases_the_brake,
    acts_that_are_decided_at_the_same_time_are_counted_together,
}

fn instance(host: &str) -> InstanceKey {
    InstanceKey {
        rule: "web_failed".parse().unwrap(),
        host: host.to_owned(),
        labels: Labels::one("unit", "nginx.service"),
    }
}

/// Decides about an act as a daemon does.
async fn decide(app: &App, host: &str) -> Decision {
    let (instance, now) = (instance(host), app.clock.clock().now());
    let unit = "nginx.service".into();
    let decided = app.store.change_alert_brake(&instance, |brake, _| {
        let decision = brake.decide(&instance, &unit, now);
        if let Decision::Act(act) = &decision {
            let outcome = ActOutcome {
                result: ActResult::Done,
                text: "restarted nginx.service: running again".into(),
            };
            brake.finish(act.id, outcome);
        }
        (decision, None)
    });
    decided.await.unwrap()
}

async fn what_rules_restarted_is_shown_and_an_operator_releases_the_brake(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let operator = app.user("olga", Role::Operator).await;
    let admin = app.admin().await;
    for (host, labels) in [("h1", [("env", "prod")]), ("h2", [("env", "dev")])] {
        write_host(&app, host, &labels, &[]).await;
    }
    for _ in 0..3 {
        assert!(matches!(decide(&app, "h1").await, Decision::Act(_)));
    }
    assert_eq!(decide(&app, "h1").await, Decision::GiveUp);
    let list = app.get(&viewer.key, ALERTS).await.expect(200);
    let brakes = list["brakes"].as_array().unwrap();
    assert_eq!(brakes.len(), 1, "{list}");
    let brake = &brakes[0];
    assert_eq!(
        (&brake["host_id"], &brake["host"]),
        (&json!("h1"), &json!("name-of-h1"))
    );
    assert_eq!(
        brake["text"],
        "3 restarts in an hour did not help: nginx.service"
    );
    assert!(brake["gave_up_at"].is_string(), "{brake}");
    assert_eq!(brake["acts"].as_array().unwrap().len(), 3);
    let act = &brake["acts"][2];
    assert_eq!(act["text"], "restarted nginx.service: running again");
    assert_eq!(
        (&act["result"], &act["rule"]),
        (&json!("done"), &json!("web_failed"))
    );
    assert_eq!(act["alert_id"], instance("h1").id().to_string());
    let other = app
        .get(&viewer.key, &format!("{ALERTS}?host=h2"))
        .await
        .expect(200);
    assert_eq!(other["brakes"], json!([]));

    let release = |host: &str| format!("{ALERTS}/hosts/{host}/release");
    let post = async |key: &str, host: &str| {
        let path = release(host);
        app.request(Method::POST, &path, Some(key), None).await
    };
    post(&viewer.key, "h1")
        .await
        .expect_code(403, "role_required");
    post(&operator.key, "h9")
        .await
        .expect_code(404, "host_unknown");
    post(&operator.key, "h2")
        .await
        .expect_code(409, "nothing_given_up");
    let reply = post(&operator.key, "h1").await;
    assert_eq!(reply.expect(200)["gave_up_at"], Value::Null);
    let row = row_of(&app, &admin.key, &reply).await;
    assert_eq!(row["action"], "alert.release");
    assert_eq!(row["target"], "host:h1");
    let detail = row["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("name-of-h1: 3 restarts in an hour did not help"),
        "{detail}"
    );
    post(&operator.key, "h1")
        .await
        .expect_code(409, "nothing_given_up");
    assert!(matches!(decide(&app, "h1").await, Decision::Act(_)));
}

async fn acts_that_are_decided_at_the_same_time_are_counted_together(database: Database) {
    let app = App::new(&database).await;
    write_host(&app, "h1", &[], &[]).await;
    let all = futures_util::future::join_all((0..12).map(|_| decide(&app, "h1"))).await;
    let acts = all.iter().filter(|one| matches!(one, Decision::Act(_)));
    assert_eq!(acts.count(), 3);
    let given_up = all.iter().filter(|one| **one == Decision::GiveUp);
    assert_eq!(given_up.count(), 1);
}
