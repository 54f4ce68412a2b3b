//! Statistics of requests: what is counted, and what the lists return.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::time::Timestamp;
use serde_json::{Value, json};

use crate::api::app::{App, START};
use crate::api::database::Database;
use crate::api::reply::names;

on_both_engines! {
    every_answer_is_counted_under_its_route,
    totals_have_the_old_fields_and_order,
    routes_have_merged_percentiles,
    pages_of_routes_lead_from_one_to_the_next,
    pages_lead_on_when_the_range_begins_within_a_bucket,
    statuses_are_listed_per_route,
    longer_buckets_and_hosts_narrow_the_lists,
    bad_parameters_are_named,
}

fn before(minutes: u64) -> Timestamp {
    START.saturating_sub(Duration::from_mins(minutes))
}

fn report(host: &str) -> HostReport {
    HostReport {
        identity: HostIdentity {
            id: host.into(),
            name: format!("name of {host}"),
            labels: BTreeMap::from([("role".to_owned(), "web".to_owned())]),
            version: "1.2.3".to_owned(),
        },
        instance_id: format!("{host}0").into(),
        facts: Some((START, crate::api::fleet_figures::load(1.5))),
        sample: None,
    }
}

/// Stores one bucket whose requests took the given milliseconds; those of 500 ms and more failed.
pub(crate) async fn store(
    app: &App,
    host: &str,
    (resolution, time): (Resolution, Timestamp),
    (method, route): (RequestMethod, &str),
    millis: impl IntoIterator<Item = u64>,
) {
    let mut stats = RequestStats::default();
    for millis in millis {
        let code = if millis >= 500 { 503 } else { 200 };
        stats.add(code, Duration::from_millis(millis));
    }
    let host = report(host);
    let bucket = RequestBucket {
        resolution,
        time,
        host_id: host.identity.id.clone(),
        instance_id: host.instance_id.clone(),
        key: RequestKey {
            route: route.into(),
            method,
        },
        stats,
    };
    let batch = Batch {
        host: &host,
        buckets: &[bucket],
        samples: &[],
    };
    app.store.flush(batch).await.unwrap();
}

pub(crate) const MINUTE: Resolution = Resolution::Minute;
pub(crate) const GET: RequestMethod = RequestMethod::Get;

/// Route, method, and how often which status was answered.
type RequestCount = (String, &'static str, Vec<(u16, u64)>);

async fn every_answer_is_counted_under_its_route(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    app.get(&boss.key, "/api/v1/user/me").await.expect(200);
    app.get(&boss.key, "/nothing/here?secret=1").await;
    app.get(&boss.key, "/nothing/there").await;
    app.get_openly("/api/v1/user/me").await;
    let no_method = Request::builder()
        .method("BREW")
        .uri("/api/v1/user/me")
        .body(Body::empty());
    app.send(no_method.unwrap()).await;
    app.post(&boss.key, "/api/v1/user/register", json!({"username": "7"}))
        .await;
    app.request(Method::PUT, "/api/v1/admin/users", Some(&boss.key), None)
        .await;
    let long = Request::post("/api/v1/user/register")
        .header("x-api-key", &boss.key)
        .body(Body::from(vec![b' '; (1 << 20) + 1]));
    app.send(long.unwrap()).await;
    app.get(&boss.key, &format!("/{}", "x".repeat(9_000))).await;

    let seen: BTreeSet<RequestCount> = app
        .recorder
        .take()
        .into_iter()
        .map(|one| {
            assert_eq!(one.minute, START, "aligned to the minute");
            assert_eq!(one.stats.requests, one.stats.sketch.count());
            let statuses = one.stats.statuses.into_iter().collect();
            (one.key.route.to_string(), one.key.method.as_str(), statuses)
        })
        .collect();
    let expected = [
        ("/api/v1/admin/users", "PUT", vec![(405, 1)]),
        ("/api/v1/user/me", "GET", vec![(200, 1), (401, 1)]),
        ("/api/v1/user/me", "OTHER", vec![(405, 1)]),
        ("/api/v1/user/register", "POST", vec![(413, 1), (422, 1)]),
        ("<unmatched>", "GET", vec![(404, 2), (414, 1)]),
    ];
    let expected = expected.map(|(route, method, statuses)| (route.to_owned(), method, statuses));
    assert_eq!(seen, BTreeSet::from(expected));
}

async fn totals_have_the_old_fields_and_order(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    store(&app, "h1", (MINUTE, before(3)), (GET, "/a"), [100, 300]).await;
    store(&app, "h2", (MINUTE, before(3)), (GET, "/b"), [600, 200]).await;
    store(&app, "h1", (MINUTE, before(1)), (GET, "/a"), [50]).await;

    let all = app
        .get(&boss.key, "/api/v1/metrics/global")
        .await
        .expect(200);
    let times: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["time"].as_str().unwrap())
        .collect();
    assert_eq!(times, ["2027-01-15T07:59:00Z", "2027-01-15T07:57:00Z"]);
    let row = &all[1];
    assert_eq!(
        names(row),
        ["avg_response_time", "error_rate", "time", "total_requests"]
    );
    assert_eq!(
        (&row["total_requests"], &row["error_rate"]),
        (&json!(4), &json!(0.25))
    );
    assert!((row["avg_response_time"].as_f64().unwrap() - 0.3).abs() < 1e-9);

    for (query, expected) in [
        ("newest_first=false&limit=1", vec!["07:57"]),
        ("offset=1", vec!["07:57"]),
        ("offset=2", vec![]),
        ("start_time=2027-01-15T07:58:00", vec!["07:59"]),
        ("end_time=2027-01-15T07:57:00Z", vec!["07:57"]),
        (
            "start_time=2027-01-15T07:57:00Z&end_time=2027-01-15T08:59:00%2B01:00",
            vec!["07:59", "07:57"],
        ),
        ("host=h2", vec!["07:57"]),
        ("host=name+of+h1", vec!["07:59", "07:57"]),
        ("bucket=1h", vec![]),
    ] {
        let path = format!("/api/v1/metrics/global?{query}");
        let rows = app.get(&boss.key, &path).await.expect(200);
        let rows = rows.as_array().unwrap().iter();
        let times: Vec<&str> = rows
            .map(|row| &row["time"].as_str().unwrap()[11..16])
            .collect();
        assert_eq!(times, expected, "{query}");
    }
    store(
        &app,
        "h1",
        (MINUTE, before(1)),
        (RequestMethod::Post, "/a"),
        [700],
    )
    .await;
    let path = "/api/v1/metrics/global?by=method&limit=2";
    let rows = app.get(&boss.key, path).await.expect(200);
    assert_eq!(
        (&rows[0]["method"], &rows[1]["method"]),
        (&json!("GET"), &json!("POST"))
    );
    assert_eq!(rows[1]["error_rate"], json!(1.0));
}

async fn routes_have_merged_percentiles(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    // Of one daemon 90 quick requests, of another 10 slow ones: an average of percentiles would be
    // far from the truth.
    store(&app, "h1", (MINUTE, before(1)), (GET, "/a/{id}"), 1..=90).await;
    store(
        &app,
        "h2",
        (MINUTE, before(1)),
        (RequestMethod::Post, "/a/{id}"),
        (1..=10).map(|n| n * 40),
    )
    .await;
    let rows = app
        .get(&boss.key, "/api/v1/metrics/routes")
        .await
        .expect(200);
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let row = &rows[0];
    assert_eq!(
        names(row),
        [
            "avg_response_time",
            "max_response_time",
            "min_response_time",
            "p50",
            "p95",
            "p99",
            "requests",
            "route",
            "time"
        ]
    );
    assert_eq!(
        (&row["route"], &row["requests"]),
        (&json!("/a/{id}"), &json!(100))
    );
    assert_eq!(
        (&row["min_response_time"], &row["max_response_time"]),
        (&json!(0.001), &json!(0.4))
    );
    // The sorted durations: 1 to 90 with 40 and 80 twice, then 120, 160, … 400.
    let has = |row: &Value, truths: [f64; 3]| {
        for (name, truth) in ["p50", "p95", "p99"].into_iter().zip(truths) {
            let answer = row[name].as_f64().unwrap();
            assert!((answer - truth).abs() <= truth * 0.0101, "{name}: {answer}");
        }
    };
    has(row, [0.0495, 0.202, 0.3604]);
    // Of few requests the slowest counts with its share.
    let few = [10, 20, 30, 1_000];
    store(&app, "h1", (MINUTE, before(1)), (GET, "/few"), few).await;
    let rows = app
        .get(&boss.key, "/api/v1/metrics/routes?route=/few")
        .await;
    has(&rows.expect(200)[0], [0.025, 0.8545, 0.9709]);
    let path = "/api/v1/metrics/routes?by=method&route=/a/%7Bid%7D";
    let rows = app.get(&boss.key, path).await.expect(200);
    let methods: Vec<&Value> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["method"])
        .collect();
    assert_eq!(methods, ["GET", "POST"]);
    let none = app.get(&boss.key, "/api/v1/metrics/routes?route=/b").await;
    assert_eq!(none.expect(200), json!([]));
}

async fn pages_of_routes_lead_from_one_to_the_next(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    for minute in 1..=4 {
        for route in ["/a", "/b", "/c", "<unmatched>"] {
            for host in ["h1", "h2"] {
                store(&app, host, (MINUTE, before(minute)), (GET, route), [1]).await;
            }
        }
    }
    for limit in [1, 3, 15, 16] {
        let mut path = format!("/api/v1/metrics/routes?limit={limit}&start=2027-01-15");
        let mut seen = Vec::new();
        loop {
            let reply = app.get(&boss.key, &path).await;
            for row in reply.expect(200).as_array().unwrap() {
                assert_eq!(row["requests"], 2);
                let time = row["time"].as_str().unwrap().to_owned();
                seen.push((
                    std::cmp::Reverse(time),
                    row["route"].as_str().unwrap().to_owned(),
                ));
            }
            let Some(link) = reply.header("link") else {
                break;
            };
            let (url, rest) = link.split_once(">; rel=\"next\"; next_cursor=\"").unwrap();
            let cursor = rest.strip_suffix('"').unwrap();
            url.strip_prefix('<').unwrap().clone_into(&mut path);
            assert!(path.contains(&format!("cursor={cursor}")) && path.contains("start=2027"));
        }
        assert_eq!(seen.len(), 16, "limit {limit}");
        assert!(seen.is_sorted(), "limit {limit}: {seen:?}");
        seen.dedup();
        assert_eq!(seen.len(), 16, "limit {limit}");
    }
    // A time as cursor is exclusive, as it has always been.
    let path = "/api/v1/metrics/routes?cursor=2027-01-15T07:57:00Z&route=/a";
    let rows = app.get(&boss.key, path).await.expect(200);
    let times: Vec<&Value> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["time"])
        .collect();
    assert_eq!(times, ["2027-01-15T07:56:00Z"]);
}

/// The bucket that the range begins in belongs to it, and so does the page after its first row.
async fn pages_lead_on_when_the_range_begins_within_a_bucket(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    for (bucket, resolution) in [("1h", Resolution::Hour), ("1d", Resolution::Day)] {
        let time = resolution.start_of(START);
        for route in ["/a", "/b", "/c"] {
            store(&app, "h1", (resolution, time), (GET, route), [1]).await;
        }
        let start = START.saturating_add(Duration::from_secs(21));
        let mut path = format!("/api/v1/metrics/routes?bucket={bucket}&limit=1&start={start}");
        let mut seen = Vec::new();
        loop {
            let reply = app.get(&boss.key, &path).await;
            let rows = reply.expect(200);
            seen.push(rows[0]["route"].as_str().unwrap().to_owned());
            let Some(link) = reply.header("link") else {
                break;
            };
            let url = link.split('>').next().unwrap();
            url.strip_prefix('<').unwrap().clone_into(&mut path);
        }
        assert_eq!(seen, ["/a", "/b", "/c"], "{bucket}");
    }
}

async fn statuses_are_listed_per_route(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    store(&app, "h1", (MINUTE, before(2)), (GET, "/a"), [1, 600, 700]).await;
    store(&app, "h2", (MINUTE, before(2)), (GET, "/a"), [2]).await;
    store(&app, "h1", (MINUTE, before(1)), (GET, "/b"), [3]).await;
    let row = |time: &str, route: &str, status: u16, count: u64| json!({"time": time, "route": route, "status_code": status, "count": count});
    let rows = [
        row("2027-01-15T07:59:00Z", "/b", 200, 1),
        row("2027-01-15T07:58:00Z", "/a", 200, 2),
        row("2027-01-15T07:58:00Z", "/a", 503, 2),
    ];
    for (query, expected) in [
        ("", json!(rows)),
        ("?route=/a&limit=1", json!(rows[1..2])),
        ("?status_code=503", json!(rows[2..])),
        ("?offset=1&limit=1", json!(rows[1..2])),
        ("?newest_first=0&limit=1", json!(rows[1..2])),
        ("?start_time=2027-01-15T07:59:00Z", json!(rows[..1])),
        ("?status_code=404", json!([])),
    ] {
        let path = format!("/api/v1/metrics/status-codes{query}");
        assert_eq!(
            app.get(&boss.key, &path).await.expect(200),
            expected,
            "{query}"
        );
    }
}

async fn longer_buckets_and_hosts_narrow_the_lists(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    let hour = Resolution::Hour.start_of(before(1));
    let day = Resolution::Day.start_of(START);
    store(&app, "h1", (Resolution::Hour, hour), (GET, "/a"), [5; 7]).await;
    store(&app, "h2", (Resolution::Hour, hour), (GET, "/a"), [5; 3]).await;
    store(&app, "h1", (Resolution::Day, day), (GET, "/a"), [5; 20]).await;
    for (query, requests) in [
        ("bucket=1h", json!(10)),
        ("bucket=1h&host=h1", json!(7)),
        // The hour that the range begins in belongs to it.
        ("bucket=1h&start=2027-01-15T07:30:00Z", json!(10)),
        ("bucket=1d", json!(20)),
        ("bucket=1d&start=2027-01-15T07:30:00Z", json!(20)),
        ("bucket=1d&host=h2", Value::Null),
        ("bucket=1m", Value::Null),
    ] {
        let path = format!("/api/v1/metrics/routes?{query}");
        let rows = app.get(&boss.key, &path).await.expect(200);
        assert_eq!(rows[0]["requests"], requests, "{query}");
        let path = path
            .replace("routes", "global")
            .replace("start=", "start_time=");
        let rows = app.get(&boss.key, &path).await.expect(200);
        assert_eq!(rows[0]["total_requests"], requests, "{query}");
    }
}

async fn bad_parameters_are_named(database: Database) {
    const FUTURE: &str = "Input should not be in the future";
    const NOT_TIME: &str = "Input should be a valid datetime or date";
    let app = App::new(&database).await;
    let boss = app.admin().await;
    for (path, field, message) in [
        (
            "global?limit=0",
            "limit",
            "Input should be greater than or equal to 1",
        ),
        (
            "global?limit=1001",
            "limit",
            "Input should be less than or equal to 1000",
        ),
        (
            "global?offset=-1",
            "offset",
            "Input should be greater than or equal to 0",
        ),
        (
            "global?offset=99999999999999999999",
            "offset",
            "Input should be less than or equal to 9223372036854775807",
        ),
        ("global?start_time=yesterday", "start_time", NOT_TIME),
        ("global?start_time=2099-01-01", "start_time", FUTURE),
        ("global?end_time=2099-01-01T00:00:00Z", "end_time", FUTURE),
        (
            "global?start_time=2027-01-15&end_time=2027-01-14",
            "end_time",
            "Input should not be before start_time",
        ),
        (
            "global?bucket=5m",
            "bucket",
            "Input should be '1m', '1h' or '1d'",
        ),
        (
            "routes?route=a",
            "route",
            "String should match pattern '^/.*'",
        ),
        (
            "routes?route=/%00",
            "route",
            "String should not hold a NUL character",
        ),
        ("routes?start=2099-01-01", "start", FUTURE),
        (
            "routes?start=2027-01-15&end=2027-01-14",
            "end",
            "Input should not be before start",
        ),
        (
            "routes?start=2027-01-15&cursor=2027-01-14",
            "cursor",
            "Input should not be before start",
        ),
        ("routes?cursor=2099-01-01", "cursor", FUTURE),
        ("routes?cursor=4070908800", "cursor", FUTURE),
        (
            "routes?cursor=!",
            "cursor",
            "Input should be a valid datetime or date, or a cursor from an earlier response",
        ),
        // The cursor of a list by method, and one of a list that is not.
        (
            "routes?cursor=cjE6MTgwMDAwMDAwMDAwMDpHRVQ6L2E",
            "cursor",
            "Input should be a cursor from a response with the same by",
        ),
        (
            "routes?by=method&cursor=cjE6MTgwMDAwMDAwMDAwMDo6L2E",
            "cursor",
            "Input should be a cursor from a response with the same by",
        ),
        (
            "status-codes?status_code=99",
            "status_code",
            "Input should be greater than or equal to 100",
        ),
        (
            "status-codes?status_code=600",
            "status_code",
            "Input should be less than or equal to 599",
        ),
        (
            "status-codes?host=%00",
            "host",
            "String should not hold a NUL character",
        ),
    ] {
        let reply = app.get(&boss.key, &format!("/api/v1/metrics/{path}")).await;
        reply.expect_invalid(&[(&["query", field], message)]);
    }
}
