//! Measurements that were written while a clock was wrong are on top of no list.

use std::time::Duration;

use serde_json::Value;

use crate::api::app::{App, START};
use crate::api::database::Database;
use crate::api::statistics::{GET, MINUTE, store};

on_both_engines! {
    what_a_wrong_clock_wrote_is_listed_when_its_time_has_come,
}

const LISTS: [&str; 3] = ["global", "routes", "status-codes"];
const DAY: Duration = Duration::from_hours(24);

/// The times of a list, the newest first.
async fn times(app: &App, key: &str, query: &str) -> Vec<String> {
    let path = format!("/api/v1/metrics/{query}");
    let rows = app.get(key, &path).await.expect(200);
    let time = |row: &Value| row["time"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(time).collect()
}

async fn what_a_wrong_clock_wrote_is_listed_when_its_time_has_come(database: Database) {
    let app = App::new(&database).await;
    let boss = app.admin().await;
    let far = START.saturating_add(DAY * 400);
    // As far as clocks that are nearly right may differ.
    let near = START.saturating_add(Duration::from_mins(30));
    for time in [START, near, far] {
        store(&app, "h1", (MINUTE, time), (GET, "/a"), [1]).await;
    }
    let now = [near, START].map(|time| time.to_string());
    for list in LISTS {
        assert_eq!(times(&app, &boss.key, list).await, now, "{list}");
        let first = times(&app, &boss.key, &format!("{list}?limit=1")).await;
        assert_eq!(first, now[..1], "{list}");
    }
    let path = "/api/v1/metrics/routes?limit=1";
    let reply = app.get(&boss.key, path).await;
    let link = reply.header("link").unwrap();
    let (_, cursor) = link.rsplit_once("next_cursor=\"").unwrap();
    let query = format!("routes?cursor={}", cursor.trim_end_matches('"'));
    assert_eq!(times(&app, &boss.key, &query).await, now[1..]);

    app.clock.advance(DAY * 400);
    for list in LISTS {
        let times = times(&app, &boss.key, list).await;
        assert_eq!((times.len(), &times[0]), (3, &far.to_string()), "{list}");
    }
}
