//! Series of a host over time.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_store::Engine;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_wire::api_key::Scope;
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::series::SERIES;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;
use serde_json::json;

use crate::api::app::{App, START};
use crate::api::database::Database;
use crate::api::statement::execute;

on_both_engines! {
    a_host_that_is_unknown_is_not_found,
    every_series_is_listed_and_can_be_shown,
    stored_minutes_are_answered_by_series_and_label,
    longer_steps_join_minutes,
    a_step_is_kept_wherever_its_points_fit,
    hosts_with_one_name_are_told_apart,
    below_a_minute_the_last_hour_in_memory_answers,
    many_series_over_days_are_all_answered_in_full,
    what_minutes_no_longer_hold_comes_from_hours_and_days,
    bad_history_parameters_are_named,
}

const HISTORY: &str = "/api/v1/system/history";

fn before(minutes: u64) -> Timestamp {
    START.saturating_sub(Duration::from_mins(minutes))
}

fn sample(name: &str, labels: &str, time: Timestamp, mean: f64) -> HostSample {
    HostSample {
        name: name.to_owned(),
        labels: labels.to_owned(),
        time,
        samples: 30,
        mean,
        max: mean * 2.0,
    }
}

/// Stores samples of the host with this id; the daemon's own is `h1`.
async fn store(app: &App, host: &str, samples: &[HostSample]) {
    let host = HostReport {
        identity: HostIdentity {
            id: host.into(),
            name: format!("name of {host}"),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        },
        instance_id: "a1".into(),
        facts: None,
        sample: None,
    };
    let batch = Batch {
        host: &host,
        buckets: &[],
        samples,
    };
    app.store.flush(batch).await.unwrap();
}

async fn stored_minutes_are_answered_by_series_and_label(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let (root, srv) = ("{mount_point=\"/\"}", "{mount_point=\"/srv\"}");
    let used = "filesystem.used_bytes";
    let own = [
        sample("load.one", "", before(2), 0.5),
        sample("load.one", "", before(1), 1.5),
        sample(used, root, before(1), 10.0),
        sample(used, srv, before(1), 20.0),
    ];
    store(&app, "h1", &own).await;
    store(&app, "h2", &[sample("load.one", "", before(1), 9.0)]).await;

    let path =
        format!("{HISTORY}?series=load.one&series=filesystem.used_bytes&from=2027-01-15T07:00:00Z");
    let answer = app.get(&viewer.key, &path).await.expect(200);
    let point = |minutes: u64, mean: f64| {
        let seconds = before(minutes).as_millis() / 1_000;
        json!([f64::from(i32::try_from(seconds).unwrap()), mean, mean * 2.0])
    };
    let one = |name: &str, unit: &str, labels: serde_json::Value, points: serde_json::Value| json!({"name": name, "unit": unit, "labels": labels, "points": points});
    let expected = json!([
        one(
            "load.one",
            "count",
            json!({}),
            json!([point(2, 0.5), point(1, 1.5)])
        ),
        one(
            used,
            "bytes",
            json!({"mount_point": "/"}),
            json!([point(1, 10.0)])
        ),
        one(
            used,
            "bytes",
            json!({"mount_point": "/srv"}),
            json!([point(1, 20.0)])
        ),
    ]);
    assert_eq!(answer["series"], expected);
    assert_eq!(
        (&answer["step"], &answer["from"]),
        (&json!(60), &json!("2027-01-15T07:00:00Z"))
    );

    let path = format!("{HISTORY}?series=filesystem.used_bytes%7Bmount_point%3D%22/srv%22%7D");
    let answer = app.get(&viewer.key, &path).await.expect(200);
    assert_eq!(answer["series"], json!([expected[2]]));
    for host in ["h2", "name+of+h2"] {
        let path = format!("{HISTORY}?series=load.one&host={host}");
        let answer = app.get(&viewer.key, &path).await.expect(200);
        assert_eq!(answer["series"][0]["points"], json!([point(1, 9.0)]));
    }
    let path = format!("{HISTORY}?series=load.one&to=2027-01-15T07:59:00Z");
    let answer = app.get(&viewer.key, &path).await.expect(200);
    assert_eq!(
        answer["series"][0]["points"],
        json!([point(2, 0.5)]),
        "the end is left out"
    );
}

async fn longer_steps_join_minutes(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let minutes: Vec<HostSample> = (1..=120)
        .map(|minute| {
            sample(
                "load.one",
                "",
                before(minute),
                if minute <= 60 { 4.0 } else { 2.0 },
            )
        })
        .collect();
    store(&app, "h1", &minutes).await;
    for (query, step, points, mean) in [
        ("from=2027-01-15T06:00:00Z&step=1800", 1_800, 4, 2.0),
        ("from=2027-01-15T06:00:00Z&step=90", 120, 60, 2.0),
        ("from=2027-01-15T06:00:00Z&step=3600", 3_600, 2, 2.0),
        ("from=2027-01-05&step=86400", 86_400, 1, 3.0),
        // However long the range, there are two hours in it.
        ("from=2027-01-05", 60, 120, 2.0),
        ("from=2024-01-05", 60, 120, 2.0),
        ("from=2027-01-15&to=2047-01-15", 60, 120, 2.0),
        ("from=0001-01-01&to=9999-12-31", 60, 120, 2.0),
    ] {
        let path = format!("{HISTORY}?series=load.one&{query}");
        let answer = app.get(&viewer.key, &path).await.expect(200);
        let found = answer["series"][0]["points"].as_array().unwrap();
        assert_eq!(
            (&answer["step"], found.len()),
            (&json!(step), points),
            "{query}"
        );
        assert_eq!(
            (&found[0][1], &found[0][2]),
            (&json!(mean), &json!(if mean > 2.0 { 8.0 } else { 4.0 })),
            "{query}"
        );
    }
}

async fn below_a_minute_the_last_hour_in_memory_answers(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    app.sample_load(0.75, 50).await;
    let path = format!("{HISTORY}?series=load.one&step=1");
    let answer = app.get(&viewer.key, &path).await.expect(200);
    assert_eq!(answer["step"], 1);
    let points = answer["series"][0]["points"].as_array().unwrap();
    assert_eq!((&points[0][1], &points[0][2]), (&json!(0.75), &json!(0.75)));
    // What only the database can know has minutes.
    let path = format!("{HISTORY}?series=load.one&step=1&host=h9");
    store(&app, "h9", &[]).await;
    let answer = app.get(&viewer.key, &path).await.expect(200);
    assert_eq!(
        (&answer["step"], &answer["series"]),
        (&json!(60), &json!([]))
    );
}

async fn a_host_that_is_unknown_is_not_found(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    for host in ["h9", "web-99"] {
        for step in [1, 60] {
            let path = format!("{HISTORY}?series=load.one&step={step}&host={host}");
            let detail = "No host of this database has that id or name; GET /api/v1/fleet/hosts \
                          lists them.";
            let reply = app.get(&viewer.key, &path).await;
            reply.expect_problem(404, "host_unknown", detail);
        }
    }
    let path = format!("{HISTORY}?series=load.one&host=h1");
    app.get(&viewer.key, &path).await.expect(200);
}

async fn every_series_is_listed_and_can_be_shown(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let path = "/api/v1/system/series";
    let listed = app.get(&viewer.key, path).await.expect(200);
    let listed = listed["items"].as_array().unwrap();
    assert_eq!(listed.len(), SERIES.len());
    for one in listed {
        let path = format!("{HISTORY}?series={}", one["name"].as_str().unwrap());
        app.get(&viewer.key, &path).await.expect(200);
    }
    let used = listed
        .iter()
        .find(|one| one["name"] == "filesystem.used_bytes");
    let used = used.unwrap();
    assert_eq!(
        (&used["unit"], &used["labels"]),
        (&json!("bytes"), &json!(["mount_point"]))
    );
    assert!(!used["meaning"].as_str().unwrap().is_empty());
    let narrow = app.key(&viewer, &[Scope::KeysSelf], None).await;
    app.get(&narrow, path)
        .await
        .expect_code(403, "scope_missing");
}

const DAY: Duration = Duration::from_hours(24);

async fn a_step_is_kept_wherever_its_points_fit(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    store(&app, "h1", &[sample("load.one", "", before(1), 4.0)]).await;
    let (minute, hour, start) = match database.engine {
        Engine::Sqlite => ("n.n * 60000", "n.n * 3600000", "t.time - t.time % 3600000"),
        Engine::Postgres => (
            "n.n * interval '1 minute'",
            "n.n * interval '1 hour'",
            "date_trunc('hour', t.time, 'UTC')",
        ),
    };
    for (table, first, step, rows) in [
        ("host_samples_hourly", start, hour, 500 * 24),
        ("host_samples_old", "t.time", minute, 30 * 1_440),
    ] {
        let sql = format!(
            "with recursive n (n) as (select 1 union all select n + 1 from n where n < {rows}),
                t as materialized (select series_id, time from host_samples)
            insert into {table} (series_id, time, samples, mean, max)
            select t.series_id, {first} - {step}, 30, 4.0, 8.0 from t, n"
        );
        execute(database.engine, &database.url, sql).await;
    }
    for (days, step, answered, points) in [
        (20, 300, 300, 5_760),
        (29, 60, 480, 5_220),
        (29, 3_600, 3_600, 696),
        // Minutes are kept for thirty days, hours for longer.
        (100, 60, 3_600, 2_400),
        (499, 60, 7_200, 5_988),
    ] {
        let from = START.saturating_sub(DAY * days);
        let path = format!("{HISTORY}?series=load.one&from={from}&step={step}");
        let answer = app.get(&viewer.key, &path).await.expect(200);
        let found = answer["series"][0]["points"].as_array().unwrap().len();
        assert_eq!(
            (&answer["step"], found),
            (&json!(answered), points),
            "{days}"
        );
    }
}

async fn hosts_with_one_name_are_told_apart(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    app.sample_load(0.75, 50).await;
    for id in ["h1", "h7", "h8"] {
        store(&app, id, &[sample("load.one", "", before(1), 4.0)]).await;
    }
    // The daemon's own host has its last hour by its name too.
    let path = format!("{HISTORY}?series=load.one&step=1&host=name+of+h1");
    let answer = app.get(&viewer.key, &path).await.expect(200);
    assert_eq!(answer["step"], 1);
    let sql = "update hosts set name = 'twin' where id in ('h7', 'h8')";
    execute(database.engine, &database.url, sql.to_owned()).await;
    let reply = app
        .get(&viewer.key, &format!("{HISTORY}?series=load.one&host=twin"))
        .await;
    let message = "2 hosts are called that; their ids are h7, h8";
    reply.expect_invalid(&[(&["query", "host"], message)]);
    let path = format!("{HISTORY}?series=load.one&host=h7");
    let answer = app.get(&viewer.key, &path).await.expect(200);
    assert_eq!(answer["series"][0]["points"][0][1], 4.0);
}

/// More buckets than are ever read one by one, of which the last series and the newest time are the
/// first to be missed.
async fn many_series_over_days_are_all_answered_in_full(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let used = "filesystem.used_bytes";
    for volume in 0..20 {
        let labels = format!("{{mount_point=\"/vol{volume:02}\"}}");
        store(&app, "h1", &[sample(used, &labels, before(1), 10.0)]).await;
    }
    let minute = match database.engine {
        Engine::Sqlite => "n.n * 60000",
        Engine::Postgres => "n.n * interval '1 minute'",
    };
    let sql = format!(
        "with recursive n (n) as (select 1 union all select n + 1 from n where n < 8638),
            t as materialized (select series_id, time from host_samples)
        insert into host_samples_old (series_id, time, samples, mean, max)
        select t.series_id, t.time - {minute}, 30, 10.0, 20.0 from t, n"
    );
    execute(database.engine, &database.url, sql).await;

    let from = START.saturating_sub(DAY * 6);
    let path = format!("{HISTORY}?series={used}&from={from}");
    let answer = app.get(&viewer.key, &path).await.expect(200);
    let series = answer["series"].as_array().unwrap();
    let step = answer["step"].as_u64().unwrap();
    assert_eq!(series.len(), 20);
    for one in series {
        let points = one["points"].as_array().unwrap();
        let (first, last) = (&points[0][0], &points[points.len() - 1][0]);
        let (first, last) = (first.as_f64().unwrap(), last.as_f64().unwrap());
        assert_eq!(
            points.len(),
            usize::try_from(6 * 86_400 / step).unwrap(),
            "{}",
            one["labels"]
        );
        assert!(last - first >= 5.9 * 86_400.0, "{}", one["labels"]);
        assert!(points.iter().all(|one| one[1] == 10.0 && one[2] == 20.0));
    }
    // A single one is returned at the requested step.
    let path =
        format!("{HISTORY}?series={used}%7Bmount_point%3D%22/vol19%22%7D&from={from}&step=60");
    let answer = app.get(&viewer.key, &path).await.expect(200);
    assert_eq!(answer["step"], 60);
    let series = answer["series"].as_array().unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0]["labels"], json!({"mount_point": "/vol19"}));
    assert_eq!(series[0]["points"].as_array().unwrap().len(), 8_639);
}

/// The range says how fine the steps may be, and its age how fine they can be.
async fn what_minutes_no_longer_hold_comes_from_hours_and_days(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    let at = |days: u32, hours: u64| {
        START
            .saturating_sub(DAY * days)
            .saturating_add(Duration::from_hours(hours))
    };
    let times = [at(500, 0), at(100, 0), at(100, 2), at(10, 0), at(10, 2)];
    let samples = times.map(|time| sample("load.one", "", time, 4.0));
    store(&app, "h1", &samples).await;
    // As the daemon that cleans up does it first.
    while app.store.pack_left_minutes().await.unwrap() > 0 {}
    for (resolution, keep) in [(Resolution::Minute, 30), (Resolution::Hour, 400)] {
        let cutoff = START.saturating_sub(DAY * keep);
        while app
            .store
            .delete_old_samples(resolution, cutoff)
            .await
            .unwrap()
            > 0
        {}
    }
    let short = Duration::from_mins(20);
    for (from, to, step, points) in [
        (at(10, 0), at(10, 3), 60, 2),
        // The daemon was off; the hour around it has no rows of these minutes.
        (at(10, 0).saturating_add(short), at(10, 1), 60, 0),
        (at(100, 0), at(100, 3), 3_600, 2),
        (at(100, 2), at(100, 2).saturating_add(short), 3_600, 1),
        (at(100, 0), at(10, 3), 3_600, 4),
        (at(500, 0), at(500, 3), 86_400, 1),
        (at(600, 0), at(600, 3), 60, 0),
    ] {
        let path = format!("{HISTORY}?series=load.one&from={from}&to={to}");
        let answer = app.get(&viewer.key, &path).await.expect(200);
        let found = answer["series"][0]["points"].as_array().map_or(0, Vec::len);
        assert_eq!((&answer["step"], found), (&json!(step), points), "{path}");
    }
}

async fn bad_history_parameters_are_named(database: Database) {
    let app = App::new(&database).await;
    let viewer = app.user("eve", Role::Viewer).await;
    for (query, field, message) in [
        ("", "series", "Input should be 1 to 20 names"),
        (
            "series=load.two",
            "series",
            "there is no series \"load.two\"; GET /api/v1/system/series lists all",
        ),
        (
            "series=load.one%7Ba%3D%22b%22%7D",
            "series",
            "expected load.one without a label",
        ),
        (
            "series=load.one&step=0",
            "step",
            "Input should be greater than or equal to 1",
        ),
        (
            "series=load.one&from=x",
            "from",
            "Input should be a valid datetime or date",
        ),
        (
            "series=load.one&host=%00",
            "host",
            "String should not hold a NUL character",
        ),
        (
            "series=filesystem.used_bytes%7Bmount_point%3D%22%00%22%7D",
            "series",
            "String should not hold a NUL character",
        ),
        (
            "series=load.one&from=2027-01-16",
            "from",
            "Input should not be in the future",
        ),
        (
            "series=load.one&from=2027-01-15&to=2027-01-14",
            "to",
            "Input should not be before from",
        ),
    ] {
        let reply = app.get(&viewer.key, &format!("{HISTORY}?{query}")).await;
        reply.expect_invalid(&[(&["query", field], message)]);
    }
}
