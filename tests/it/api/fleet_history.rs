//! History of many hosts in one response.

use std::time::Duration;

use linux_api_store::flush::{Batch, HostReport};
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;
use serde_json::Value;

use crate::api::app::{App, START};
use crate::api::database::Database;
use crate::api::statement::execute;

on_both_engines! {
    each_series_names_its_host,
    hosts_are_selected_by_id_name_and_label,
    a_thousand_hosts_are_answered_and_more_are_refused,
    below_a_minute_only_the_own_host_answers,
}

const HISTORY: &str = "/api/v1/system/history";

fn before(minutes: u64) -> Timestamp {
    START.saturating_sub(Duration::from_mins(minutes))
}

/// Stores samples of a host: series, labels, minutes ago and mean.
async fn store(app: &App, id: &str, labels: &[(&str, &str)], samples: &[(&str, &str, u64, f64)]) {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let host = HostReport {
        identity: HostIdentity {
            id: id.into(),
            name: format!("name of {id}"),
            labels: labels.collect(),
            version: "1".to_owned(),
        },
        instance_id: "a1".into(),
        facts: None,
        sample: None,
    };
    let samples = samples
        .iter()
        .map(|(name, labels, minutes, mean)| HostSample {
            name: (*name).to_owned(),
            labels: (*labels).to_owned(),
            time: before(*minutes),
            samples: 30,
            mean: *mean,
            max: *mean,
        });
    let samples: Vec<HostSample> = samples.collect();
    let batch = Batch {
        host: &host,
        buckets: &[],
        samples: &samples,
    };
    app.store.flush(batch).await.unwrap();
}

/// Host, label and first mean of each series of a response.
fn series(answer: &Value) -> Vec<(String, String, f64)> {
    let all = answer["series"].as_array().unwrap().iter();
    all.map(|one| {
        let host = one["host"].as_str().unwrap_or("none").to_owned();
        let label = one["labels"]["mount_point"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        if host != "none" {
            assert_eq!(one["host_name"], format!("name of {host}"));
        }
        (host, label, one["points"][0][1].as_f64().unwrap())
    })
    .collect()
}

fn expected(rows: &[(&str, &str, f64)]) -> Vec<(String, String, f64)> {
    let rows = rows.iter();
    rows.map(|(host, label, mean)| ((*host).to_owned(), (*label).to_owned(), *mean))
        .collect()
}

const USED: &str = "filesystem.used_bytes";

/// Three hosts, of which the daemon's own is the second.
async fn fleet(app: &App) {
    let (root, srv) = ("{mount_point=\"/\"}", "{mount_point=\"/srv\"}");
    let web = [("role", "web"), ("env", "prod")];
    store(
        app,
        "h0",
        &web,
        &[("load.one", "", 1, 1.0), (USED, root, 1, 10.0)],
    )
    .await;
    let all = [
        ("load.one", "", 1, 2.0),
        (USED, srv, 1, 21.0),
        (USED, root, 1, 20.0),
    ];
    store(app, "h1", &[("role", "web")], &all).await;
    store(app, "h2", &[("role", "db")], &[("load.one", "", 2, 3.0)]).await;
}

async fn each_series_names_its_host(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    fleet(&app).await;
    let path = format!("{HISTORY}?series=load.one&series={USED}&by=host");
    let answer = app.get(&eve.key, &path).await.expect(200);
    let all = [
        ("h0", "", 1.0),
        ("h1", "", 2.0),
        ("h2", "", 3.0),
        ("h0", "/", 10.0),
        ("h1", "/", 20.0),
        ("h1", "/srv", 21.0),
    ];
    assert_eq!(series(&answer), expected(&all));
    assert_eq!(answer["step"], 60);
    // One host is as it has always been, unless it is to be named.
    for (query, host) in [
        ("", "none"),
        ("&host=h1", "none"),
        ("&host=h1&by=host", "h1"),
    ] {
        let path = format!("{HISTORY}?series=load.one{query}");
        let answer = app.get(&eve.key, &path).await.expect(200);
        assert_eq!(series(&answer), expected(&[(host, "", 2.0)]), "{query}");
        let is_named = answer["series"][0].get("host").is_some();
        assert_eq!(is_named, host != "none", "{query}");
    }
}

async fn hosts_are_selected_by_id_name_and_label(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    fleet(&app).await;
    let (h0, h1, h2) = (("h0", "", 1.0), ("h1", "", 2.0), ("h2", "", 3.0));
    for (query, hosts) in [
        ("host=h2&host=h0", vec![h0, h2]),
        ("host=h2&host=name+of+h0&host=h2", vec![h0, h2]),
        ("label=role=web", vec![h0, h1]),
        ("label=role=web&label=env=prod", vec![h0]),
        ("host=h1&host=h2&label=role=web", vec![h1]),
        ("label=role=none", vec![]),
        ("host=h2&label=role=web", vec![]),
    ] {
        let path = format!("{HISTORY}?series=load.one&{query}");
        let answer = app.get(&eve.key, &path).await.expect(200);
        assert_eq!(series(&answer), expected(&hosts), "{query}");
    }
    let unknown = format!("{HISTORY}?series=load.one&host=h0&host=h9");
    app.get(&eve.key, &unknown)
        .await
        .expect_code(404, "host_unknown");
    let sql = "update hosts set name = 'twin' where id in ('h0', 'h2')";
    execute(database.engine, &database.url, sql.to_owned()).await;
    let path = format!("{HISTORY}?series=load.one&host=h1&host=twin");
    let message = "2 hosts are called that; their ids are h0, h2";
    let reply = app.get(&eve.key, &path).await;
    reply.expect_invalid(&[(&["query", "host"], message)]);
    for (query, field, message) in [
        ("by=name", "by", "Input should be 'host'"),
        (
            "label=web",
            "label",
            "Input should be NAME=VALUE, as in host.labels",
        ),
        (
            "host=h1&host=%00",
            "host",
            "String should not hold a NUL character",
        ),
    ] {
        let path = format!("{HISTORY}?series=load.one&{query}");
        let reply = app.get(&eve.key, &path).await;
        reply.expect_invalid(&[(&["query", field], message)]);
    }
}

async fn a_thousand_hosts_are_answered_and_more_are_refused(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    store(&app, "h1", &[("role", "web")], &[("load.one", "", 1, 2.0)]).await;
    let n = "with recursive n (n) as (select 1 union all select n + 1 from n where n < 999)";
    for sql in [
        format!(
            "{n} insert into hosts (id, name, labels, version, instance_id, first_seen, last_seen)
            select 'x' || n.n, 'name of x' || n.n, h.labels, '1', '', h.first_seen, h.last_seen
            from hosts h, n"
        ),
        format!(
            "{n} insert into host_series (host_id, name, labels)
            select 'x' || n.n, 'load.one', '' from n"
        ),
        "with recursive m (m) as (select 0 union all select m + 1 from m where m < 29)
        insert into host_samples_old (series_id, time, samples, mean, max)
        select s.id, t.time - m.m * STEP, 30, 2.0, 2.0
        from host_samples t, host_series s, m
        where not (s.host_id = 'h1' and m.m = 0)"
            .replace(
                "STEP",
                match database.engine {
                    linux_api_store::Engine::Sqlite => "60000",
                    linux_api_store::Engine::Postgres => "interval '1 minute'",
                },
            ),
    ] {
        execute(database.engine, &database.url, sql).await;
    }
    let path = format!("{HISTORY}?series=load.one&label=role=web");
    let answer = app.get(&eve.key, &path).await.expect(200);
    let found = answer["series"].as_array().unwrap();
    assert_eq!(found.len(), 1_000, "none is left out");
    let points: Vec<usize> = found
        .iter()
        .map(|one| one["points"].as_array().unwrap().len())
        .collect();
    assert!(points.iter().sum::<usize>() <= 10_000);
    // Thirty minutes of each, in steps that all fit.
    let step = answer["step"].as_u64().unwrap();
    assert!(
        step > 60 && points.iter().all(|count| *count >= 4),
        "{step}"
    );

    let path = format!("{HISTORY}?series=load.one&series=load.five&label=role=web");
    let advice = "narrow them down, or read them page by page with hosts_limit";
    let message = format!("Input should select at most 500 hosts for this request: {advice}");
    let reply = app.get(&eve.key, &path).await;
    reply.expect_invalid(&[(&["query", "label"], &message)]);
    store(&app, "h2", &[("role", "web")], &[]).await;
    let path = format!("{HISTORY}?series=load.one&by=host");
    let message = format!("Input should select at most 1000 hosts for this request: {advice}");
    let reply = app.get(&eve.key, &path).await;
    reply.expect_invalid(&[(&["query", "by"], &message)]);
    let statistics = "/api/v1/metrics/routes?label=role=web";
    let message = "Input should select at most 1000 hosts for this request: narrow them down with host \
                   or another label";
    let boss = app.admin().await;
    let reply = app.get(&boss.key, statistics).await;
    reply.expect_invalid(&[(&["query", "label"], message)]);
    more_than_a_thousand_are_read_page_by_page(&app, &eve.key).await;
    let hosts = "&host=x".repeat(1_001);
    let path = format!("{HISTORY}?series=load.one{hosts}");
    let reply = app.get(&eve.key, &path).await;
    let message = "Input should be at most 1000 hosts";
    reply.expect_invalid(&[(&["query", "host"], message)]);
}

async fn more_than_a_thousand_are_read_page_by_page(app: &App, key: &str) {
    for (query, limit, most) in [
        ("by=host", 400, 400),
        ("label=role=web", 1_000, 1_000),
        ("", 1_000, 1_000),
    ] {
        let mut found: Vec<String> = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{HISTORY}?series=load.one&{query}&hosts_limit={limit}{cursor}");
            let answer = app.get(key, &path).await.expect(200);
            let hosts = answer["series"].as_array().unwrap().iter();
            let before = found.len();
            found.extend(hosts.map(|one| one["host"].as_str().unwrap().to_owned()));
            assert!(found.len() - before <= most, "{query}");
            let Some(next) = answer["next_cursor"].as_str() else {
                assert!(answer.get("next_cursor").is_none(), "{query}");
                break;
            };
            cursor = format!("&cursor={next}");
        }
        let mut all = found.clone();
        all.sort();
        all.dedup();
        // One of the 1001 hosts has no samples.
        assert_eq!((found.len(), all.len()), (1_000, 1_000), "{query}");
    }
    let path = format!("{HISTORY}?series=load.one&host=h1&host=x1&host=x2&hosts_limit=2");
    let answer = app.get(key, &path).await.expect(200);
    assert_eq!(answer["series"].as_array().unwrap().len(), 2);
    let next = answer["next_cursor"].as_str().unwrap();
    let answer = app
        .get(key, &format!("{path}&cursor={next}"))
        .await
        .expect(200);
    assert_eq!(answer["series"][0]["host"], "x2");
    for (query, field, message) in [
        (
            "cursor=x",
            "cursor",
            "Input should be a cursor from an earlier response",
        ),
        (
            "hosts_limit=0",
            "hosts_limit",
            "Input should be greater than or equal to 1",
        ),
    ] {
        let reply = app
            .get(key, &format!("{HISTORY}?series=load.one&{query}"))
            .await;
        reply.expect_invalid(&[(&["query", field], message)]);
    }
}

async fn below_a_minute_only_the_own_host_answers(database: Database) {
    let app = App::new(&database).await;
    let eve = app.user("eve", Role::Viewer).await;
    app.sample_load(0.75, 50).await;
    fleet(&app).await;
    let path = format!("{HISTORY}?series=load.one&step=1&host=h1&by=host");
    let answer = app.get(&eve.key, &path).await.expect(200);
    assert_eq!(answer["step"], 1);
    assert_eq!(series(&answer), expected(&[("h1", "", 0.75)]));
    let path = format!("{HISTORY}?series=load.one&step=1&host=h1&host=h2");
    let answer = app.get(&eve.key, &path).await.expect(200);
    assert_eq!(answer["step"], 60);
    assert_eq!(
        series(&answer),
        expected(&[("h1", "", 2.0), ("h2", "", 3.0)])
    );
}
