//! What the hosts of the demonstration remember.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::message::{Health, HistoryQuery, Requests};
use linux_api_wire::api::health::{
    DatabaseHealth, DatabaseReady, FlushWorker, MetricsHealth, PoolHealth, QueueState, Ready,
    RequestCounters, SamplerHealth, SchemaHealth,
};
use linux_api_wire::api::history::{History, HistorySeries};
use linux_api_wire::api::metrics::{RouteMetrics, StatusCodeMetrics};
use linux_api_wire::series::SERIES;
use linux_api_wire::time::Timestamp;

/// Routes: template, requests a minute, median in milliseconds.
const ROUTES: [(&str, f64, f64); 6] = [
    ("/api/v1/system/snapshot", 120.0, 0.4),
    ("/api/v1/system/processes", 60.0, 2.1),
    ("/api/v1/user/me", 8.0, 0.3),
    ("/api/v1/system/history", 4.0, 6.8),
    ("/metrics", 4.0, 1.9),
    ("<unmatched>", 1.0, 0.1),
];
/// Minutes of the small graphs.
const MINUTES: u64 = 30;

/// A number from 0 to 1 that looks like chance and is not.
fn noise(seed: f64) -> f64 {
    (seed.sin() * 43_758.545).fract().abs()
}

pub(super) fn health(now: Timestamp) -> Health {
    let ready = || Ready { ready: true };
    let recent = now.saturating_sub(Duration::from_secs(4)).to_string();
    let read = now.saturating_sub(Duration::from_secs(1));
    Health {
        database: DatabaseHealth {
            postgresql: DatabaseReady {
                ready: true,
                migration_needed: false,
            },
            user_database: ready(),
            metric_database: ready(),
            engine: "sqlite".to_owned(),
            version: Some("3.51.3".to_owned()),
            timescaledb: None,
            timescale: None,
            latency_seconds: Some(0.000_2),
            error: None,
            schema: Some(SchemaHealth {
                revision: 3,
                known_revision: 3,
                pending: 0,
            }),
            pool: PoolHealth {
                open: 3,
                idle: 2,
                max: 5,
            },
        },
        metrics: MetricsHealth {
            flush_worker: FlushWorker {
                success_count: 8_640,
                error_count: 0,
                error_rate: 0.0,
                consecutive_failures: 0,
                last_error: None,
                last_success: Some(recent.clone()),
                last_attempt: Some(recent),
                interval_seconds: 10.0,
                requests: RequestCounters {
                    recorded: 282_114,
                    recovered: 0,
                    stored: 282_081,
                    dropped: 0,
                    queued: 33,
                },
                queue: QueueState {
                    buckets: 6,
                    bytes: 8_192,
                    samples: 1,
                    dropped_samples: 0,
                },
            },
            sampler: SamplerHealth {
                last_reading: Some(read.to_string()),
                dropped_minutes: 0,
                left_out_series: 0,
                families: BTreeMap::new(),
            },
        },
    }
}

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

pub(super) fn requests(now: Timestamp, host: u32) -> Requests {
    let hour = begin(now, 3600);
    let mut requests = Requests::default();
    for (place, (route, rate, median)) in (0_u32..).zip(ROUTES) {
        let seed = f64::from(place * 7 + host);
        let all = row(hour, route, rate * 42.0, median);
        let failed = all.requests / 900;
        let code = |status_code, count| StatusCodeMetrics {
            time: hour.to_string(),
            route: route.to_owned(),
            method: None,
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
            let time = begin(now, 60).saturating_sub(Duration::from_mins(minute));
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

/// The past of one series. Last night the host was down: nothing is stored of that time.
pub(super) fn history(query: &HistoryQuery, host: u32) -> History {
    let known = SERIES.iter().find(|series| series.name == query.series);
    let unit = known.map_or("count", |series| series.unit);
    let label = known.and_then(|series| series.label);
    let members: &[&str] = match label {
        Some("mount_point") => &["/", "/srv"],
        Some("device") => &["vda"],
        Some("interface") => &["eth0"],
        Some(_) => &["package"],
        None => &[""],
    };
    let height = match unit {
        "percent" => 60.0,
        "bytes" => 6e9,
        "bytes_per_second" => 4e6,
        "celsius" => 55.0,
        _ => 3.0,
    };
    let series = (0_u32..).zip(members).map(|(place, member)| {
        let seed = f64::from(host * 3 + place);
        let labels: BTreeMap<String, String> = label
            .map(|label| (label.to_owned(), (*member).to_owned()))
            .into_iter()
            .collect();
        HistorySeries {
            name: query.series.to_owned(),
            labels,
            unit: unit.to_owned(),
            points: points(query, height, seed),
        }
    });
    History {
        from: query.from.to_string(),
        to: query.to.to_string(),
        step: query.step,
        series: series.collect(),
    }
}

fn points(query: &HistoryQuery, height: f64, seed: f64) -> Vec<[f64; 3]> {
    let step = i64::try_from(query.step).unwrap_or(i64::MAX).max(1);
    let (from, to) = (query.from.as_millis() / 1000, query.to.as_millis() / 1000);
    let mut points = Vec::new();
    let mut time = from;
    while time < to && points.len() < 10_000 {
        // Ten minutes of each day are missing, from 06:30 on.
        let of_day = time.rem_euclid(86_400);
        if !(23_400..24_000).contains(&of_day) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds of a few thousand years"
            )]
            let moment = time as f64;
            let wave = 0.5 + 0.3 * (moment / 1_900.0 + seed).sin();
            let value = height * (wave + 0.15 * noise(moment / 7.0 + seed));
            points.push([moment, value, value * 1.2]);
        }
        time += step;
    }
    points
}
