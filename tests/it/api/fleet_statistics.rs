//! Statistics of requests, split by host and narrowed by label.

use std::time::Duration;

use linux_api_wire::request_stats::RequestMethod;
use serde_json::{Value, json};

use crate::api::app::{App, START};
use crate::api::database::Database;
use crate::api::statement::execute;
use crate::api::statistics::{GET, MINUTE, store};

on_both_engines! {
    rows_are_split_by_host,
    hosts_narrow_the_lists_by_id_name_and_label,
    pages_of_hosts_lead_from_one_to_the_next,
    rows_are_split_by_the_value_of_a_label,
}

const POST: RequestMethod = RequestMethod::Post;

/// Two minutes of two hosts, each with its own numbers.
async fn fleet(app: &App, database: &Database) {
    let before = |minutes| START.saturating_sub(Duration::from_mins(minutes));
    store(app, "h1", (MINUTE, before(2)), (GET, "/a"), [1; 2]).await;
    store(app, "h1", (MINUTE, before(2)), (POST, "/a"), [600]).await;
    store(app, "h2", (MINUTE, before(2)), (GET, "/a"), [1; 5]).await;
    store(app, "h2", (MINUTE, before(1)), (GET, "/b"), [1; 7]).await;
    let labels = r#"{"role":"db"}"#;
    let sql = format!("update hosts set labels = '{labels}' where id = 'h2'");
    execute(database.engine, &database.url, sql).await;
}

/// Host, method and count of each row.
async fn rows(app: &App, key: &str, query: &str) -> Vec<(String, String, u64)> {
    let path = format!("/api/v1/metrics/{query}");
    let rows = app.get(key, &path).await.expect(200);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let row = |row: &Value| {
        let count = ["total_requests", "requests", "count"];
        let count = count.into_iter().find_map(|name| row[name].as_u64());
        if let Some(host) = row["host"].as_str() {
            assert_eq!(row["host_name"], format!("name of {host}"));
        }
        (text(&row["host"]), text(&row["method"]), count.unwrap())
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

fn expected(rows: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    let rows = rows.iter();
    rows.map(|(host, method, count)| ((*host).to_owned(), (*method).to_owned(), *count))
        .collect()
}

async fn rows_are_split_by_host(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    fleet(&app, &database).await;
    let by_host = [("h2", "-", 7), ("h1", "-", 3), ("h2", "-", 5)];
    for list in ["global", "routes"] {
        let found = rows(&app, &boss.key, &format!("{list}?by=host")).await;
        assert_eq!(found, expected(&by_host), "{list}");
        let both = [
            ("h2", "GET", 7),
            ("h1", "GET", 2),
            ("h1", "POST", 1),
            ("h2", "GET", 5),
        ];
        for by in ["by=host,method", "by=method&by=host"] {
            let found = rows(&app, &boss.key, &format!("{list}?{by}")).await;
            assert_eq!(found, expected(&both), "{list} {by}");
        }
        let all = rows(&app, &boss.key, list).await;
        assert_eq!(all, expected(&[("-", "-", 7), ("-", "-", 8)]), "{list}");
    }
    let statuses = [
        ("h2", "-", 7),
        ("h1", "-", 2),
        ("h2", "-", 5),
        ("h1", "-", 1),
    ];
    let found = rows(&app, &boss.key, "status-codes?by=host").await;
    assert_eq!(found, expected(&statuses));
    let found = rows(&app, &boss.key, "status-codes?by=host&status_code=503").await;
    assert_eq!(found, expected(&statuses[3..]));
    // Errors are those of the host, and so are percentiles.
    let path = "/api/v1/metrics/global?by=host&limit=2&offset=1";
    let found = app.get(&boss.key, path).await.expect(200);
    assert_eq!(found[0]["error_rate"].as_f64(), Some(1.0 / 3.0));
    assert_eq!(found[1]["error_rate"], json!(0.0));
    let path = "/api/v1/metrics/routes?by=host&route=/a";
    let found = app.get(&boss.key, path).await.expect(200);
    assert!(found[0]["p99"].as_f64() > Some(0.5) && found[1]["p99"].as_f64() < Some(0.01));
    // A host that was forgotten has an id still, and no name.
    let sql = "delete from hosts where id = 'h1'".to_owned();
    execute(database.engine, &database.url, sql).await;
    let path = "/api/v1/metrics/global?by=host&limit=1&offset=1";
    let found = app.get(&boss.key, path).await.expect(200);
    assert_eq!(
        (&found[0]["host"], found[0].get("host_name")),
        (&json!("h1"), None)
    );
}

async fn hosts_narrow_the_lists_by_id_name_and_label(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    fleet(&app, &database).await;
    for (query, counts) in [
        ("host=h1", vec![3]),
        ("host=h1&host=name+of+h2", vec![7, 8]),
        ("label=role=db", vec![7, 5]),
        ("label=role=web", vec![3]),
        ("label=role=web&host=h2", vec![]),
        ("label=role=db&host=h2&host=h1", vec![7, 5]),
        ("host=none", vec![]),
        ("label=role=none", vec![]),
    ] {
        for list in ["global", "routes"] {
            let found = rows(&app, &boss.key, &format!("{list}?{query}")).await;
            let found: Vec<u64> = found.into_iter().map(|(.., count)| count).collect();
            assert_eq!(found, counts, "{list} {query}");
        }
    }
    for (query, field, message) in [
        (
            "label=x",
            "label",
            "Input should be NAME=VALUE, as in host.labels",
        ),
        (
            "by=route",
            "by",
            "\"route\": expected host, label:NAME or method",
        ),
        (
            "by=host,label:role",
            "by",
            "Input should have at most one of host and label:NAME",
        ),
        (
            "by=label:role&by=label:site",
            "by",
            "Input should have at most one of host and label:NAME",
        ),
        (
            "by=label:",
            "by",
            "\"label:\": expected host, label:NAME or method",
        ),
        (
            "by=host,",
            "by",
            "\"\": expected host, label:NAME or method",
        ),
    ] {
        for list in ["global", "routes", "status-codes"] {
            let path = format!("/api/v1/metrics/{list}?{query}");
            let reply = app.get(&boss.key, &path).await;
            reply.expect_invalid(&[(&["query", field], message)]);
        }
    }
}

async fn pages_of_hosts_lead_from_one_to_the_next(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    for minute in 1..=3 {
        let time = START.saturating_sub(Duration::from_mins(minute));
        for route in ["/a", "/b"] {
            for host in ["h1", "h:2", "h3"] {
                for method in [GET, POST] {
                    store(&app, host, (MINUTE, time), (method, route), [1]).await;
                }
            }
        }
    }
    for (by, groups, each) in [("host", 18, 2), ("host,method", 36, 1)] {
        for limit in [1, 5, 17, 36] {
            let mut path = format!("/api/v1/metrics/routes?by={by}&limit={limit}");
            let mut seen = Vec::new();
            loop {
                let reply = app.get(&boss.key, &path).await;
                for row in reply.expect(200).as_array().unwrap() {
                    assert_eq!(row["requests"], each);
                    let text = |name: &str| row[name].as_str().unwrap_or("").to_owned();
                    let time = std::cmp::Reverse(text("time"));
                    seen.push((time, text("route"), text("host"), text("method")));
                }
                let Some(link) = reply.header("link") else {
                    break;
                };
                let url = link.split('>').next().unwrap();
                url.strip_prefix('<').unwrap().clone_into(&mut path);
            }
            assert!(seen.is_sorted(), "{by} {limit}: {seen:?}");
            seen.dedup();
            assert_eq!(seen.len(), groups, "{by} {limit}");
        }
    }
    for list in ["global", "status-codes"] {
        let all = rows(&app, &boss.key, &format!("{list}?by=host,method")).await;
        for limit in [1, 4] {
            let mut found = Vec::new();
            while found.len() < all.len() {
                let query = format!("{list}?by=host,method&limit={limit}&offset={}", found.len());
                found.extend(rows(&app, &boss.key, &query).await);
            }
            assert_eq!(found, all, "{list} {limit}");
        }
    }
    let path = "/api/v1/metrics/routes?by=host&limit=1";
    let reply = app.get(&boss.key, path).await;
    let (_, cursor) = reply
        .header("link")
        .unwrap()
        .rsplit_once("next_cursor=\"")
        .unwrap();
    let path = format!(
        "/api/v1/metrics/routes?cursor={}",
        cursor.trim_end_matches('"')
    );
    let reply = app.get(&boss.key, &path).await;
    let message = "Input should be a cursor from a response with the same by";
    reply.expect_invalid(&[(&["query", "cursor"], message)]);
}

/// Value, method and count of each row.
async fn labelled(app: &App, key: &str, query: &str) -> Vec<(String, String, u64)> {
    let path = format!("/api/v1/metrics/{query}");
    let rows = app.get(key, &path).await.expect(200);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let row = |row: &Value| {
        let count = ["total_requests", "requests", "count"];
        let count = count.into_iter().find_map(|name| row[name].as_u64());
        assert_eq!(row.get("host"), None);
        (
            text(&row["label_value"]),
            text(&row["method"]),
            count.unwrap(),
        )
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

async fn rows_are_split_by_the_value_of_a_label(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    fleet(&app, &database).await;
    let before = |minutes| START.saturating_sub(Duration::from_mins(minutes));
    store(&app, "h3", (MINUTE, before(2)), (GET, "/a"), [1; 11]).await;
    store(&app, "h4", (MINUTE, before(2)), (GET, "/a"), [700; 13]).await;
    store(&app, "h5", (MINUTE, before(2)), (POST, "/a"), [1; 17]).await;
    for sql in [
        // Names with a meaning elsewhere, no such label, and no such host.
        r#"update hosts set labels = '{"role":"db","a.b/0":"x:\u00fc","0":"zero"}' where id = 'h2'"#,
        r#"update hosts set labels = '{"a.b/0":"x:\u00fc"}' where id = 'h4'"#,
        "delete from hosts where id = 'h5'",
    ] {
        execute(database.engine, &database.url, sql.to_owned()).await;
    }
    for list in ["global", "routes"] {
        let found = labelled(&app, &boss.key, &format!("{list}?by=label:role")).await;
        let roles = [
            ("db", "-", 7),
            ("", "-", 30),
            ("db", "-", 5),
            ("web", "-", 14),
        ];
        assert_eq!(found, expected(&roles), "{list}");
        let found = labelled(&app, &boss.key, &format!("{list}?by=method,label:role")).await;
        let roles = [
            ("db", "GET", 7),
            ("", "GET", 13),
            ("", "POST", 17),
            ("db", "GET", 5),
            ("web", "GET", 13),
            ("web", "POST", 1),
        ];
        assert_eq!(found, expected(&roles), "{list}");
        let found = labelled(&app, &boss.key, &format!("{list}?by=label:a.b/0")).await;
        let values = [("x:ü", "-", 7), ("", "-", 31), ("x:ü", "-", 18)];
        assert_eq!(found, expected(&values), "{list}");
        let found = labelled(&app, &boss.key, &format!("{list}?by=label:0&label=role=db")).await;
        assert_eq!(
            found,
            expected(&[("zero", "-", 7), ("zero", "-", 5)]),
            "{list}"
        );
        let found = labelled(&app, &boss.key, &format!("{list}?by=label:none")).await;
        assert_eq!(found, expected(&[("", "-", 7), ("", "-", 49)]), "{list}");
    }
    let found = labelled(&app, &boss.key, "status-codes?by=label:role").await;
    let statuses = [
        ("db", "-", 7),
        ("", "-", 17),
        ("db", "-", 5),
        ("web", "-", 13),
        ("", "-", 13),
        ("web", "-", 1),
    ];
    assert_eq!(found, expected(&statuses));
    // Errors and percentiles are those of the hosts with the value.
    let path = "/api/v1/metrics/global?by=label:role&limit=1&offset=1";
    let found = app.get(&boss.key, path).await.expect(200);
    assert_eq!(found[0]["error_rate"].as_f64(), Some(13.0 / 30.0));
    let path = "/api/v1/metrics/routes?by=label:role&route=/a";
    let found = app.get(&boss.key, path).await.expect(200);
    assert!(found[0]["p99"].as_f64() > Some(0.6) && found[1]["p99"].as_f64() < Some(0.01));
    for list in ["global", "routes", "status-codes"] {
        for by in ["label:role", "label:role,method", "label:a.b/0"] {
            let all = labelled(&app, &boss.key, &format!("{list}?by={by}")).await;
            for limit in [1, 2, 4] {
                let mut path = format!("{list}?by={by}&limit={limit}");
                let mut found = Vec::new();
                while found.len() < all.len() {
                    let whole = format!("/api/v1/metrics/{path}");
                    found.extend(labelled(&app, &boss.key, &path).await);
                    path = format!("{list}?by={by}&limit={limit}&offset={}", found.len());
                    if list == "routes" && found.len() < all.len() {
                        let reply = app.get(&boss.key, &whole).await;
                        let url = reply.header("link").unwrap().split('>').next().unwrap();
                        url.strip_prefix("</api/v1/metrics/")
                            .unwrap()
                            .clone_into(&mut path);
                    }
                }
                assert_eq!(found, all, "{list} {by} {limit}");
            }
        }
    }
    for by in ["host", "method", "label:role,method"] {
        let path = "/api/v1/metrics/routes?by=label:role&limit=1";
        let reply = app.get(&boss.key, path).await;
        let cursor = reply.header("link").unwrap();
        let (_, cursor) = cursor.rsplit_once("next_cursor=\"").unwrap();
        let cursor = cursor.trim_end_matches('"');
        let path = format!("/api/v1/metrics/routes?by={by}&cursor={cursor}");
        let reply = app.get(&boss.key, &path).await;
        let message = "Input should be a cursor from a response with the same by";
        reply.expect_invalid(&[(&["query", "cursor"], message)]);
    }
}
