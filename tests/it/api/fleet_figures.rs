//! The newest figures of the hosts in their list, and their clocks.

use linux_api_wire::fleet::HostFacts;
use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::app::{App, START};
use crate::api::database::Database;
use crate::api::fleet::{HOSTS, ids, report, seen};
use crate::api::statement::execute;

on_both_engines! {
    hosts_are_selected_by_their_figures,
    figures_stay_when_a_write_brings_none,
    a_clock_that_is_wrong_is_named_with_its_distance,
}

/// A load, and nothing else.
pub(crate) fn load(one: f64) -> HostFacts {
    HostFacts {
        load_one: Some(one),
        ..HostFacts::default()
    }
}

async fn hosts_are_selected_by_their_figures(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    for (id, cpu, disk, used, uptime) in [
        ("h1", Some(90.0), Some(20.0), Some(900), Some(60)),
        ("h2", Some(10.0), Some(95.5), Some(100), Some(7_200)),
        ("h3", None, Some(90.0), None, None),
        ("h4", Some(99.0), Some(99.0), Some(999), Some(1)),
    ] {
        let facts = HostFacts {
            cpu_usage_percent: cpu,
            load_one: cpu.map(|cpu| cpu / 10.0),
            disk_used_percent: disk,
            memory_used_bytes: used,
            memory_total_bytes: Some(1_000),
            uptime_seconds: uptime,
            ..HostFacts::default()
        };
        report(&app, id, &[], Some(facts)).await;
    }
    report(&app, "h5", &[], None).await;
    // What was true long ago selects nothing.
    seen(&app, &database, "h4", 3_600).await;
    for (query, expected) in [
        ("min=disk=90", &["h2", "h3"][..]),
        ("min=disk%3D95.5", &["h2"]),
        ("min=cpu=90", &["h1"]),
        ("max=cpu=90", &["h1", "h2"]),
        ("min=cpu=5&max=cpu=50", &["h2"]),
        ("min=memory=50", &["h1"]),
        ("max=uptime=3600", &["h1"]),
        ("min=load=1&min=disk=90", &["h2"]),
        ("min=load=1&sort=disk", &["h2", "h1"]),
        ("min=cpu=100", &[]),
    ] {
        for limit in [1, 100] {
            assert_eq!(ids(&app, &eve, query, limit).await, expected, "{query}");
        }
    }
}

async fn figures_stay_when_a_write_brings_none(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    let facts = HostFacts {
        cpu_usage_percent: Some(12.5),
        load_one: Some(f64::NAN),
        memory_used_bytes: Some(u64::MAX),
        disk_used_percent: Some(71.5),
        disk_mount_point: Some("/srv".to_owned()),
        reboot_required: Some(true),
        updates: Some(3),
        ..HostFacts::default()
    };
    report(&app, "h1", &[], Some(facts)).await;
    report(&app, "h1", &[], None).await;
    let shown = json!({
        "cpu_usage_percent": 12.5,
        // No figure.
        "load_one": null,
        // More than databases count.
        "memory_used_bytes": i64::MAX,
        "memory_total_bytes": null,
        "uptime_seconds": null,
        "disk_used_percent": 71.5,
        "disk_mount_point": "/srv",
        "alerts": 0,
        "alerts_critical": 0,
        "alerts_warning": 0,
        "failed_units": null,
        "updates": 3,
        "reboot_required": true
    });
    let page = app.get(&eve.key, HOSTS).await.expect(200);
    let host = &page["items"][0];
    assert_eq!(host["facts"], shown);
    assert_eq!(host["facts_time"], START.to_string());
    // What clients of earlier versions read.
    assert_eq!(host["sample_time"], START.to_string());
    assert_eq!(host["sample"]["disk_mount_point"], "/srv");
    // A later reading in which something could not be read.
    report(&app, "h1", &[], Some(HostFacts::default())).await;
    let page = app.get(&eve.key, HOSTS).await.expect(200);
    assert!(page["items"][0]["facts"]["disk_mount_point"].is_null());
    // A host that has sent none.
    report(&app, "h2", &[], None).await;
    let page = app.get(&eve.key, HOSTS).await.expect(200);
    for field in ["facts", "facts_time", "sample", "sample_time"] {
        assert!(page["items"][1][field].is_null(), "{field}");
    }
}

async fn a_clock_that_is_wrong_is_named_with_its_distance(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    for id in ["h1", "h2", "h3", "h4"] {
        report(&app, id, &[], None).await;
    }
    // As the database's clock saw it; that of the test stands in another year.
    for (id, ahead) in [
        ("h1", "-20"),
        ("h2", "null"),
        ("h3", "-7200500"),
        ("h4", "360000"),
    ] {
        let sql = format!("update hosts set clock_ahead_ms = {ahead} where id = '{id}'");
        execute(database.engine, &database.url, sql).await;
    }
    seen(&app, &database, "h2", -86_400).await;
    seen(&app, &database, "h3", 7_200).await;
    let page = app.get(&eve.key, HOSTS).await.expect(200);
    let found: Vec<(&Value, &Value, &Value)> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["state"], &one["clock"], &one["clock_ahead_seconds"]))
        .collect();
    assert_eq!(
        found,
        [
            (&json!("up"), &Value::Null, &Value::Null),
            // Without a clock of the database what was written shows it.
            (&json!("down"), &json!("ahead"), &json!(86_400)),
            (&json!("down"), &json!("behind"), &json!(-7_200)),
            (&json!("up"), &json!("ahead"), &json!(360)),
        ]
    );
}

/// PostgreSQL compares the clock of each host that writes with its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_writes_how_far_its_clock_is_from_the_databases() {
    let database = Database::postgres();
    let app = App::new(&database).await;
    report(&app, "h1", &[], None).await;
    let hosts = app.store.list_hosts(None, 10).await.unwrap();
    let server = app.store.server_time().await.unwrap().unwrap();
    let expected = app.clock.clock().now().as_millis() - server.as_millis();
    let ahead = hosts[0].clock_ahead.unwrap();
    assert!((ahead - expected).abs() < 60_000, "{ahead} {expected}");
}
