//! Requests to a daemon, as it counts them.

use std::time::Duration;

use crate::demo::{DemoScript, noise};
use crate::query::Query;
use linux_api_client::error::ClientError;
use linux_api_client::{Buckets, Client};
use linux_api_wire::api::metrics::{RouteMetrics, StatusCodeMetrics};
use linux_api_wire::time::Timestamp;

/// Most rows of statistics in one response, as the API allows.
const BUCKETS: u32 = 1000;
/// How many minutes the small graphs show, the running one included.
pub(crate) const MINUTES: u16 = 30;

/// Requests to a daemon.
#[derive(Debug, Clone, Default)]
pub struct RequestCounts {
    /// Per route, in the newest hour.
    pub hours: Vec<RouteMetrics>,
    /// Per route and minute, the newest first.
    pub minutes: Vec<RouteMetrics>,
    /// Per route and status, in the newest hour.
    pub codes: Vec<StatusCodeMetrics>,
}

/// Requests to the daemon around this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestsQuery(pub Timestamp);

impl Query for RequestsQuery {
    type Response = RequestCounts;

    /// Hours are merged by the daemon: percentiles of minutes can't be averaged.
    async fn fetch(&self, client: &Client) -> Result<RequestCounts, ClientError> {
        let hour = Buckets {
            bucket: "1h",
            start: self.0.saturating_sub(Duration::from_hours(1)),
            limit: BUCKETS,
        };
        let minutes = Buckets {
            bucket: "1m",
            start: self.0.saturating_sub(Duration::from_mins(MINUTES.into())),
            limit: BUCKETS,
        };
        let (hours, minutes, codes) = tokio::try_join!(
            client.route_metrics(&hour),
            client.route_metrics(&minutes),
            client.status_codes(&hour),
        )?;
        Ok(RequestCounts {
            hours,
            minutes,
            codes,
        })
    }

    fn scripted(&self, script: &DemoScript) -> Result<RequestCounts, ClientError> {
        Ok(scripted(script.now(), script.number()))
    }

    fn is_like(&self, _other: &Self) -> bool {
        true
    }
}

/// Routes: template, requests a minute, median in milliseconds.
const ROUTES: [(&str, f64, f64); 6] = [
    ("/api/v1/system/snapshot", 120.0, 0.4),
    ("/api/v1/system/processes", 60.0, 2.1),
    ("/api/v1/user/me", 8.0, 0.3),
    ("/api/v1/system/history", 4.0, 6.8),
    ("/metrics", 4.0, 1.9),
    ("<unmatched>", 1.0, 0.1),
];
fn begin(now: Timestamp, seconds: i64) -> Timestamp {
    let length = seconds * 1000;
    Timestamp::from_millis(now.as_millis().div_euclid(length) * length)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "scripted counts of moderate size"
)]
fn row(time: Timestamp, route: &str, requests: f64, median: f64) -> RouteMetrics {
    let median = median / 1000.0;
    RouteMetrics {
        time: time.to_string(),
        route: route.to_owned(),
        method: None,
        host: None,
        host_name: None,
        label_value: None,
        requests: requests as u64,
        avg_response_time: median * 1.2,
        min_response_time: median * 0.4,
        max_response_time: median * 31.0,
        p50: median,
        p95: median * 2.6,
        p99: median * 5.3,
        imported: false,
    }
}

fn scripted(now: Timestamp, host: u32) -> RequestCounts {
    let hour = begin(now, 3600);
    let mut requests = RequestCounts::default();
    for (place, (route, rate, median)) in (0_u32..).zip(ROUTES) {
        let seed = f64::from(place * 7 + host);
        let all = row(hour, route, rate * 42.0, median);
        let failed = all.requests / 900;
        let code = |status_code, count| StatusCodeMetrics {
            time: hour.to_string(),
            route: route.to_owned(),
            method: None,
            host: None,
            host_name: None,
            label_value: None,
            status_code,
            count,
        };
        if route.starts_with('<') {
            requests.codes.push(code(404, all.requests));
        } else {
            requests.codes.push(code(200, all.requests - failed));
            requests.codes.push(code(503, failed));
        }
        requests.hours.push(all);
        for minute in 0..MINUTES {
            let time = begin(now, 60).saturating_sub(Duration::from_mins(minute.into()));
            #[expect(
                clippy::cast_precision_loss,
                reason = "minutes of a few thousand years"
            )]
            let moment = (time.as_millis() / 60_000) as f64;
            let requested = rate * (0.4 + 0.9 * noise(moment + seed));
            requests.minutes.push(row(time, route, requested, median));
        }
    }
    requests
}
