//! The routes of a daemon in its newest hour.

use std::collections::BTreeMap;

use super::query;
use crate::query::RequestCounts;
use linux_api_wire::api::metrics::RouteMetrics;
use linux_api_wire::time::Timestamp;

/// How many minutes the small graphs show, the running one included.
const MINUTES: usize = query::MINUTES as usize;

/// A route in the newest hour.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteActivity<'a> {
    /// What the daemon counted.
    pub metrics: &'a RouteMetrics,
    /// How many of its requests failed (status 500 and above), in percent.
    pub error_percent: f64,
    /// Requests per minute, the oldest first; none where there were none.
    pub minutes: Vec<Option<f64>>,
}

/// The newest hour of each route, with its errors and its minutes.
pub(super) fn routes(requests: &RequestCounts, now: Timestamp) -> Vec<RouteActivity<'_>> {
    let mut newest: BTreeMap<&str, &RouteMetrics> = BTreeMap::new();
    for row in &requests.hours {
        let known = newest.entry(&row.route).or_insert(row);
        if row.time > known.time {
            *known = row;
        }
    }
    let mut minutes: BTreeMap<(&str, usize), f64> = BTreeMap::new();
    for row in &requests.minutes {
        let Some(place) = row.time.parse().ok().and_then(|it| place_of(it, now)) else {
            continue;
        };
        let count = u32::try_from(row.requests).map_or(f64::MAX, f64::from);
        *minutes.entry((&row.route, place)).or_default() += count;
    }
    newest
        .into_iter()
        .map(|(route, metrics)| RouteActivity {
            metrics,
            error_percent: error_percent(requests, metrics),
            minutes: (0..MINUTES)
                .map(|place| minutes.get(&(route, place)).copied())
                .collect(),
        })
        .collect()
}

/// Where a minute stands when the newest one is the last of them.
fn place_of(minute: Timestamp, newest: Timestamp) -> Option<usize> {
    let ago = newest.as_millis().checked_sub(minute.as_millis())?;
    let ago = usize::try_from(ago.div_euclid(60_000)).ok()?;
    (MINUTES - 1).checked_sub(ago)
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn error_percent(requests: &RequestCounts, metrics: &RouteMetrics) -> f64 {
    let of_route = requests
        .codes
        .iter()
        .filter(|row| row.route == metrics.route && row.time == metrics.time);
    let (mut all, mut failed) = (0_u64, 0_u64);
    for row in of_route {
        all = all.saturating_add(row.count);
        if row.status_code >= 500 {
            failed = failed.saturating_add(row.count);
        }
    }
    if all == 0 {
        return 0.0;
    }
    failed as f64 / all as f64 * 100.0
}
