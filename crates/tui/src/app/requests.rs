//! The view of requests: one row per route, in order.

use std::collections::BTreeMap;

use super::App;
use super::state::ApiColumn;
use crate::query::RequestCounts;
use linux_api_wire::api::metrics::RouteMetrics;
use linux_api_wire::time::Timestamp;

/// How many minutes the small graphs show, the running one included.
const MINUTES: usize = 30;

/// A route in the newest hour.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRow<'a> {
    /// What the daemon tells.
    pub metrics: &'a RouteMetrics,
    /// How many of its requests the daemon could not answer (status 500 and above), in percent.
    pub error_percent: f64,
    /// Requests per minute, the oldest first; none where there were none.
    pub minutes: Vec<Option<f64>>,
}

impl App {
    /// The routes to show, in order.
    #[must_use]
    pub fn shown_routes(&self) -> Vec<RouteRow<'_>> {
        let Some(requests) = self.host().responses.requests.value() else {
            return Vec::new();
        };
        let wanted = self.api.table.filter.to_lowercase();
        let mut rows = routes(requests, self.minute(self.host()));
        rows.retain(|row| row.metrics.route.to_lowercase().contains(&wanted));
        rows.sort_by(|a, b| {
            let order = match self.api.table.sort.column {
                ApiColumn::Route => a.metrics.route.cmp(&b.metrics.route),
                ApiColumn::Requests => a.metrics.requests.cmp(&b.metrics.requests),
                ApiColumn::Errors => a.error_percent.total_cmp(&b.error_percent),
                ApiColumn::P50 => a.metrics.p50.total_cmp(&b.metrics.p50),
                ApiColumn::P95 => a.metrics.p95.total_cmp(&b.metrics.p95),
                ApiColumn::P99 => a.metrics.p99.total_cmp(&b.metrics.p99),
                ApiColumn::Slowest => {
                    let slowest = |row: &RouteRow<'_>| row.metrics.max_response_time;
                    slowest(a).total_cmp(&slowest(b))
                }
            };
            if self.api.table.sort.descending {
                order.reverse()
            } else {
                order
            }
        });
        rows
    }

    pub(super) fn route_ids(&self) -> Vec<String> {
        let rows = self.shown_routes().into_iter();
        rows.map(|row| row.metrics.route.clone()).collect()
    }
}

/// The newest hour of each route, with its errors and its minutes.
fn routes(requests: &RequestCounts, now: Timestamp) -> Vec<RouteRow<'_>> {
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
        .map(|(route, metrics)| RouteRow {
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
