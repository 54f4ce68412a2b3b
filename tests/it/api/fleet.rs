//! The health of a daemon's own work, and the list of hosts.

use std::time::Duration;

use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::app::{App, START};
use crate::api::database::Database;
use crate::api::reply::names;
use crate::api::statistics::{GET, MINUTE, store};

on_both_engines! {
    health_has_the_old_fields_and_more,
    hosts_are_listed_in_pages,
}

async fn health_has_the_old_fields_and_more(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    let health = app
        .get(&boss.key, "/api/v1/health/metrics")
        .await
        .expect(200);
    let worker = &health["flush_worker"];
    assert_eq!(
        (&worker["success_count"], &worker["error_rate"]),
        (&json!(0), &json!(0.0))
    );
    for name in ["last_error", "last_success", "last_attempt"] {
        assert!(worker[name].is_null() && names(worker).contains(&name));
    }
    let health = app
        .get(&boss.key, "/api/v1/health/database")
        .await
        .expect(200);
    assert_eq!(
        health["postgresql"],
        json!({"ready": true, "migration_needed": false})
    );
    assert_eq!(health["user_database"], json!({"ready": true}));
    assert_eq!(health["metric_database"], json!({"ready": true}));
    assert_eq!(health["engine"], app.store.engine().as_str());
    let version = health["version"].as_str().unwrap();
    assert!(
        version.starts_with(|digit: char| digit.is_ascii_digit()),
        "{version}"
    );
    assert_eq!(
        health["schema"]["revision"],
        json!(app.store.known_revision())
    );
    assert_eq!(health["schema"]["pending"], 0);
    assert!(health["pool"]["open"].as_u64() >= Some(1));
    assert!(health["latency_seconds"].as_f64() > Some(0.0));
    assert!(health["error"].is_null());
}

async fn hosts_are_listed_in_pages(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    for host in ["h2", "h1", "h3"] {
        store(&app, host, (MINUTE, START), (GET, "/a"), [1]).await;
    }
    app.clock.advance(Duration::from_secs(7));
    let page = app
        .get(&viewer.key, "/api/v1/fleet/hosts?limit=2")
        .await
        .expect(200);
    let host = &page["items"][0];
    assert_eq!(
        (&host["id"], &host["name"]),
        (&json!("h1"), &json!("name of h1"))
    );
    assert_eq!(
        (&host["labels"], &host["sample"]),
        (
            &json!({"role": "web"}),
            &json!({
                "cpu_usage_percent": null,
                "load_one": 1.5,
                "memory_used_bytes": null,
                "memory_total_bytes": null,
                "uptime_seconds": null
            })
        )
    );
    assert_eq!(
        (&host["age_seconds"], &host["version"]),
        (&json!(7), &json!("1.2.3"))
    );
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("/api/v1/fleet/hosts?cursor={cursor}");
    let page = app.get(&viewer.key, &path).await.expect(200);
    assert_eq!(
        (&page["items"][0]["id"], &page["next_cursor"]),
        (&json!("h3"), &Value::Null)
    );
    let reply = app.get(&viewer.key, "/api/v1/fleet/hosts?cursor=x").await;
    reply.expect_invalid(&[(
        &["query", "cursor"],
        "Input should be a cursor from an earlier response",
    )]);
}
