//! The health of a daemon's own work, and the list of hosts.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_store::flush::{Batch, HostReport};
use linux_api_wire::fleet::{HostFacts, HostIdentity};
use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::app::{App, Caller, START};
use crate::api::database::Database;
use crate::api::reply::names;
use crate::api::statement::execute;
use crate::api::statistics::{GET, MINUTE, store};

on_both_engines! {
    health_has_the_old_fields_and_more,
    hosts_are_listed_in_pages,
    hosts_are_filtered_by_label_state_and_text,
    every_sort_leads_through_all_hosts_once,
    figures_of_hosts_that_are_down_come_last,
    bad_parameters_of_the_list_are_named,
}

pub(crate) const HOSTS: &str = "/api/v1/fleet/hosts";

/// Stores that a host lives now, with these labels and figures.
pub(crate) async fn report(app: &App, id: &str, labels: &[(&str, &str)], facts: Option<HostFacts>) {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let host = HostReport {
        identity: HostIdentity {
            id: id.into(),
            name: format!("name of {id}"),
            labels: labels.collect(),
            version: "1.2.3".to_owned(),
        },
        instance_id: format!("{id}0").into(),
        facts: facts.map(|facts| (START, facts)),
        sample: None,
    };
    let batch = Batch {
        host: &host,
        buckets: &[],
        samples: &[],
    };
    app.store.flush(batch).await.unwrap();
}

/// Sets when a host was last seen: so many seconds ago.
pub(crate) async fn seen(app: &App, database: &Database, id: &str, seconds: i64) {
    let time = app.clock.clock().now().as_millis() - seconds * 1_000;
    let time = match database.engine {
        linux_api_store::Engine::Sqlite => time.to_string(),
        linux_api_store::Engine::Postgres => format!("to_timestamp({time} / 1000.0)"),
    };
    let sql = format!("update hosts set last_seen = {time} where id = '{id}'");
    execute(database.engine, &database.url, sql).await;
}

/// The ids of a list, read in pages of `limit`.
pub(crate) async fn ids(app: &App, caller: &Caller, query: &str, limit: u32) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("{HOSTS}?limit={limit}&{query}{cursor}");
        let page = app.get(&caller.key, &path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit as usize);
        ids.extend(
            items
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            return ids;
        };
        assert_eq!(items.len(), limit as usize, "{query}");
        cursor = format!("&cursor={next}");
    }
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
                "uptime_seconds": null,
                "disk_used_percent": null,
                "disk_mount_point": null
            })
        )
    );
    assert_eq!(
        (&host["age_seconds"], &host["version"]),
        (&json!(7), &json!("1.2.3"))
    );
    assert_eq!(
        (&host["state"], &host["alerts"], &host["failed_units"]),
        (&json!("up"), &json!(0), &Value::Null)
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

async fn hosts_are_filtered_by_label_state_and_text(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    let production = [("env", "prod"), ("a.b", "x=y \"z\"")];
    report(&app, "db-1", &production, None).await;
    report(&app, "web-1", &[("env", "prod"), ("role", "web")], None).await;
    report(&app, "web-2", &[("env", "test"), ("role", "web")], None).await;
    report(&app, "Web-3", &[], None).await;
    for (id, seconds) in [("db-1", 91), ("web-2", 301), ("Web-3", -86_400)] {
        seen(&app, &database, id, seconds).await;
    }
    for (query, expected) in [
        ("label=env%3Dprod", vec!["db-1", "web-1"]),
        ("label=env=prod&label=role=web", vec!["web-1"]),
        ("label=role=db", vec![]),
        ("label=role=", vec![]),
        // A name with a dot is no path, and a value is compared as a whole.
        ("label=a.b%3Dx%3Dy+%22z%22", vec!["db-1"]),
        ("state=up", vec!["web-1"]),
        ("state=late", vec!["db-1"]),
        // One whose clock is a day ahead gives no sign of life.
        ("state=down", vec!["Web-3", "web-2"]),
        ("state=up,late", vec!["db-1", "web-1"]),
        ("state=up&state=down", vec!["Web-3", "web-1", "web-2"]),
        ("text=WEB", vec!["Web-3", "web-1", "web-2"]),
        ("text=name+of+d", vec!["db-1"]),
        ("text=%25", vec![]),
        ("text=_", vec![]),
        ("text=web&state=down&label=env=test", vec!["web-2"]),
    ] {
        for limit in [1, 2, 100] {
            assert_eq!(ids(&app, &eve, query, limit).await, expected, "{query}");
        }
    }
}

async fn every_sort_leads_through_all_hosts_once(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    // Values that are alike, that differ in their last bit, that are whole numbers, and none.
    let third = 100.0 / 3.0;
    let values = [
        Some(Some(third)),
        Some(Some(f64::from_bits(f64::to_bits(third) + 1))),
        Some(Some(7.0)),
        None,
        Some(Some(third)),
        Some(Some(0.0)),
        Some(None),
        Some(Some(99.5)),
    ];
    // The same as whole numbers: nearly alike, small, and none.
    let counts = [333, 334, 70, 0, 333, 0, 0, 995];
    for (number, value) in values.into_iter().enumerate() {
        let facts = value.map(|value| HostFacts {
            cpu_usage_percent: value,
            disk_used_percent: value,
            load_one: value,
            uptime_seconds: value.map(|_| counts[number]),
            memory_used_bytes: value.map(|_| counts[number]),
            memory_total_bytes: Some(1_000),
            ..HostFacts::default()
        });
        report(&app, &format!("h{number}"), &[], facts).await;
        app.clock.advance(Duration::from_millis(250));
    }
    let descending = ["h7", "h1", "h0", "h4", "h2", "h5", "h3", "h6"];
    let ascending = ["h5", "h2", "h0", "h4", "h1", "h7", "h3", "h6"];
    for sort in ["cpu", "memory", "disk", "load", "uptime"] {
        for limit in [1, 2, 3, 8] {
            let query = format!("sort={sort}");
            let found = ids(&app, &eve, &query, limit).await;
            assert_eq!(found, descending, "{query} {limit}");
            let query = format!("sort={sort}&order=asc");
            let found = ids(&app, &eve, &query, limit).await;
            assert_eq!(found, ascending, "{query} {limit}");
        }
    }
    let names = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7"];
    let backwards: Vec<&str> = names.iter().rev().copied().collect();
    for limit in [1, 3, 8] {
        for (query, expected) in [
            ("sort=name", &names[..]),
            ("sort=name&order=desc", &backwards),
            ("sort=last_seen", &backwards),
            ("sort=last_seen&order=asc", &names),
        ] {
            let found = ids(&app, &eve, query, limit).await;
            assert_eq!(found, expected, "{query}");
        }
    }
    // A host that comes between two pages pushes none off the next.
    let path = format!("{HOSTS}?sort=cpu&limit=3");
    let page = app.get(&eve.key, &path).await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let busiest = HostFacts {
        cpu_usage_percent: Some(100.0),
        ..HostFacts::default()
    };
    report(&app, "h8", &[], Some(busiest)).await;
    let path = format!("{HOSTS}?sort=cpu&limit=1&cursor={cursor}");
    let page = app.get(&eve.key, &path).await.expect(200);
    assert_eq!(page["items"][0]["id"], "h4");
    let path = format!("{HOSTS}?sort=memory&cursor={cursor}");
    let reply = app.get(&eve.key, &path).await;
    let message = "Input should be a cursor from a response with the same sort and order";
    reply.expect_invalid(&[(&["query", "cursor"], message)]);
}

/// What a host wrote last before it went is not how it is, and a time that no clock can have shown
/// yet is none.
async fn figures_of_hosts_that_are_down_come_last(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    for (id, percent) in [("h1", 100.0), ("h2", 20.0), ("h3", 100.0), ("h4", 30.0)] {
        let facts = HostFacts {
            cpu_usage_percent: Some(percent),
            ..HostFacts::default()
        };
        report(&app, id, &[], Some(facts)).await;
    }
    seen(&app, &database, "h1", 3_600).await;
    seen(&app, &database, "h2", 60).await;
    seen(&app, &database, "h3", -365 * 86_400).await;
    for (query, expected) in [
        ("sort=cpu", ["h4", "h2", "h1", "h3"]),
        ("sort=cpu&order=asc", ["h2", "h4", "h1", "h3"]),
        ("sort=last_seen", ["h4", "h2", "h1", "h3"]),
        ("sort=last_seen&order=asc", ["h1", "h2", "h4", "h3"]),
    ] {
        for limit in [1, 3, 4] {
            assert_eq!(ids(&app, &eve, query, limit).await, expected, "{query}");
        }
    }
    let page = app.get(&eve.key, HOSTS).await.expect(200);
    let states: BTreeMap<&str, &Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), &one["state"]))
        .collect();
    assert_eq!(states["h1"], "down");
    assert_eq!((states["h3"], states["h4"]), (&json!("down"), &json!("up")));
}

async fn bad_parameters_of_the_list_are_named(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    let many = "label=a=b&".repeat(21);
    for (query, field, message) in [
        (
            "label=web",
            "label",
            "Input should be NAME=VALUE, as in host.labels",
        ),
        (
            "label==web",
            "label",
            "Input should be NAME=VALUE, as in host.labels",
        ),
        (
            "label=a%00=b",
            "label",
            "Input should be NAME=VALUE, as in host.labels",
        ),
        (many.as_str(), "label", "Input should be at most 20 labels"),
        ("state=gone", "state", "\"gone\": expected up, late or down"),
        ("text=%00", "text", "String should not hold a NUL character"),
        (
            "sort=age",
            "sort",
            "Input should be name, last_seen, cpu, memory, disk, load or uptime",
        ),
        ("order=up", "order", "expected asc or desc"),
        (
            "min=disk",
            "min",
            "Input should be FIGURE=NUMBER with cpu, memory, disk, load or uptime, such as disk=90",
        ),
        (
            "max=name=9",
            "max",
            "Input should be FIGURE=NUMBER with cpu, memory, disk, load or uptime, such as disk=90",
        ),
        // A cursor whose figure is no number.
        (
            "sort=cpu&cursor=aDIKY3B1CmRlc2MKN2ZmODAwMDAwMDAwMDAwMAphCmE",
            "cursor",
            "Input should be a cursor from an earlier response",
        ),
    ] {
        let reply = app.get(&eve.key, &format!("{HOSTS}?{query}")).await;
        reply.expect_invalid(&[(&["query", field], message)]);
    }
}
