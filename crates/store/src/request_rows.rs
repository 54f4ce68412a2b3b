//! One row of requests to a route as it is read: its columns, and its place in the order of a list.

use super::merged::Source;
use super::request_queries::{HostSplit, StatsFilter};
use super::request_routes::RoutePosition;
use crate::codec::stored_row;
use linux_api_wire::time::Timestamp;

/// Greater than every method.
const AFTER_METHODS: &str = "ZZZZ";
/// Greater than every instance id, which is hexadecimal.
const AFTER_INSTANCES: &str = "zzzz";

pub(super) struct StoredStats {
    pub(super) time: Timestamp,
    pub(super) route: String,
    /// Of what distinguishes groups of hosts.
    pub(super) place: String,
    pub(super) method: String,
    pub(super) instance_id: String,
    pub(super) requests: i64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sketch: Vec<u8>,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) imported: bool,
}

stored_row!(StoredStats { route, place, method, instance_id, requests, sum, min, max, sketch, p50, p95, p99, imported; db time: Timestamp });

/// The columns of [`StoredStats`].
pub(super) const fn row_columns(source: Source, filter: &StatsFilter) -> &'static str {
    macro_rules! columns {
        ($place:literal) => {
            concat!(
                "time, route, ",
                $place,
                " as place, method, instance_id, requests, sum, min, max, sketch, p50, p95, p99,
                (p50 is not null) as imported"
            )
        };
    }
    match (source, &filter.split) {
        (Source::Merged, _) => {
            "time, route, '' as place, method, '' as instance_id, requests, sum, min, max, sketch,
                p50, p95, p99, imported"
        }
        (Source::Rows, None) => columns!("''"),
        (Source::Rows, Some(HostSplit::Host)) => columns!("host_id"),
        (Source::Rows, Some(HostSplit::Label(_))) => columns!("label_value"),
    }
}

/// What rows are sorted by within one time.
pub(super) const fn row_order(source: Source, filter: &StatsFilter) -> &'static str {
    match (source, &filter.split) {
        (Source::Merged, _) => "route, method",
        (Source::Rows, None) => "route, method, instance_id",
        (Source::Rows, Some(HostSplit::Host)) => "route, host_id, method, instance_id",
        (Source::Rows, Some(HostSplit::Label(_))) => "route, label_value, method, instance_id",
    }
}

impl StoredStats {
    /// The stored percentiles, which only imported rows have.
    pub(super) fn percentiles(&self) -> Option<[f64; 3]> {
        Some([self.p50?, self.p95?, self.p99?])
    }
}

/// Adds how rows compare with a place in the order within one time; a macro because the bound types differ
/// per engine.
macro_rules! push_comparison {
    ($query:expr, $source:expr, $filter:expr, $operator:literal, $place:expr) => {{
        $query
            .push("(")
            .push($crate::request_rows::row_order($source, $filter));
        $query.push(concat!(") ", $operator, " ("));
        $query.push_bind($place.route.as_str());
        if $filter.split.is_some() {
            $query.push(", ").push_bind($place.place.as_str());
        }
        $query.push(", ").push_bind($place.method.as_str());
        if $source == $crate::merged::Source::Rows {
            $query.push(", ").push_bind($place.instance_id.as_str());
        }
        $query.push(")");
    }};
}

/// Adds to a selection which of the rows a page has.
macro_rules! push_page {
    ($query:expr, $source:expr, $filter:expr, $hosts:expr, $place:expr, $batch:expr) => {{
        let place: Option<&$crate::request_rows::RowPosition> = $place;
        let source: $crate::merged::Source = $source;
        let batch: usize = $batch;
        let to = place.map_or($filter.to, |place| place.time.min($filter.to));
        $crate::request_queries::push_filter!($query, $filter, $hosts, to);
        if let Some(place) = place {
            // Nothing is later than the place. With an `or` in place of this `not`, SQLite evaluates
            // both parts separately and sorts the whole range, which takes it seconds.
            $query
                .push(" and not (time = ")
                .push_bind($crate::codec::Db(place.time));
            $query.push(" and ");
            $crate::request_rows::push_comparison!($query, source, $filter, "<=", place);
            $query.push(")");
        }
        $query.push(" order by time desc, ");
        $query.push($crate::request_rows::row_order(source, $filter)).push(" limit ");
        $query.push_bind(i64::try_from(batch).unwrap_or(i64::MAX));
    }};
}

/// The same with the rows of one time alone, which the primary key has in their order: rows of a large fleet
/// need not be sorted for each batch, nor be passed over again.
macro_rules! push_page_of_time {
    ($query:expr, $source:expr, $filter:expr, $hosts:expr, $time:expr, $place:expr, $batch:expr) => {{
        let place: Option<&$crate::request_rows::RowPosition> = $place;
        let source: $crate::merged::Source = $source;
        let time: ::linux_api_wire::time::Timestamp = $time;
        let batch: usize = $batch;
        $query
            .push(" where time = ")
            .push_bind($crate::codec::Db(time));
        if let Some(route) = $filter.route.as_deref() {
            $query.push(" and route = ").push_bind(route);
        }
        $crate::request_queries::push_hosts!($query, $hosts);
        if let Some(place) = place.filter(|place| place.time == time) {
            if $filter.split.is_some() {
                // There the key ends with the route.
                $query
                    .push(" and route >= ")
                    .push_bind(place.route.as_str());
            }
            $query.push(" and ");
            $crate::request_rows::push_comparison!($query, source, $filter, ">", place);
        }
        $query
            .push(" order by ")
            .push($crate::request_rows::row_order(source, $filter));
        $query.push(" limit ");
        $query.push_bind(i64::try_from(batch).unwrap_or(i64::MAX));
    }};
}

pub(super) use {push_comparison, push_page, push_page_of_time};

/// A row in the order of the list: what comes after it is read next.
pub(super) struct RowPosition {
    pub(super) time: Timestamp,
    pub(super) route: String,
    /// What the order has only when it distinguishes groups of hosts.
    pub(super) place: String,
    pub(super) method: String,
    pub(super) instance_id: String,
}

impl RowPosition {
    /// Before all rows of a time and of later ones.
    pub(super) const fn first(time: Timestamp) -> Self {
        Self {
            time,
            route: String::new(),
            place: String::new(),
            method: String::new(),
            instance_id: String::new(),
        }
    }

    pub(super) fn of(row: &StoredStats) -> Self {
        Self {
            time: row.time,
            route: row.route.clone(),
            place: row.place.clone(),
            method: row.method.clone(),
            instance_id: row.instance_id.clone(),
        }
    }

    pub(super) fn after(position: &RoutePosition) -> Self {
        let place = position.host.as_deref().or(position.label.as_deref());
        Self {
            time: position.time,
            route: position.route.clone(),
            place: place.unwrap_or_default().to_owned(),
            method: position
                .method
                .clone()
                .unwrap_or_else(|| AFTER_METHODS.to_owned()),
            instance_id: AFTER_INSTANCES.to_owned(),
        }
    }
}
