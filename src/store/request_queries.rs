//! Requests per bucket, read as groups over all daemons.

use sqlx::FromRow;

use super::request_offsets::Groups;
use super::request_windows::Windows;
use super::{Store, StoreError, on_read};
use crate::model::request_stats::{RequestStats, Resolution};
use crate::model::sketch::Spread;
use crate::model::time::Timestamp;

/// Greater than every method.
const AFTER_METHODS: &str = "ZZZZ";
/// Greater than every instance id, which is hexadecimal.
const AFTER_INSTANCES: &str = "zzzz";
/// How many routes and statuses a bucket is thought to have.
const STATUSES_PER_BUCKET: usize = 16;
/// The most rows that are read at once.
const BATCH_MAX: usize = 4_000;

/// Which buckets to read. All conditions that are given must hold.
#[derive(Debug, Clone)]
pub struct StatsFilter {
    /// How long the buckets are.
    pub resolution: Resolution,
    /// Buckets that begin at or after this time.
    pub from: Timestamp,
    /// Buckets that begin at or before this time.
    pub to: Timestamp,
    /// Requests to this route.
    pub route: Option<String>,
    /// Requests to the host with this id or name.
    pub host: Option<String>,
    /// One group per method in place of one for all.
    pub by_method: bool,
}

/// A part of a list that is ordered by time.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The most rows.
    pub limit: u32,
    /// How many rows to leave out first.
    pub offset: i64,
    /// The newest first, or the oldest.
    pub newest_first: bool,
}

/// All requests of one bucket of time.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct TotalRow {
    /// When the bucket begins.
    pub time: Timestamp,
    /// Their method, when they are told apart by it.
    pub method: Option<String>,
    /// How many there were.
    pub requests: i64,
    /// Their durations together, in seconds.
    pub sum: f64,
    /// How many of them ended with a status of 500 or more.
    pub errors: i64,
}

/// The requests to one route in one bucket of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRow {
    /// When the bucket begins.
    pub time: Timestamp,
    /// Template of the route.
    pub route: String,
    /// Their method, when they are told apart by it.
    pub method: Option<String>,
    /// The requests; without their statuses. Where some were imported, their part of the sketch is
    /// an estimate from stored percentiles.
    pub stats: RequestStats,
    /// Stored percentiles (50, 95 and 99), when there is no better knowledge: all of the requests
    /// were imported, as one row.
    pub percentiles: Option<[f64; 3]>,
    /// Whether some of the requests were imported.
    pub imported: bool,
}

/// How often requests to a route ended with one status in one bucket of time.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct StatusRow {
    /// When the bucket begins.
    pub time: Timestamp,
    /// Template of the route.
    pub route: String,
    /// Their method, when they are told apart by it.
    pub method: Option<String>,
    /// HTTP status.
    pub status: i32,
    /// How often.
    pub count: i64,
}

/// The last group of a page of [`Store::list_route_stats`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePosition {
    /// Its time.
    pub time: Timestamp,
    /// Its route.
    pub route: String,
    /// Its method, when the page tells methods apart.
    pub method: Option<String>,
}

#[derive(FromRow)]
struct StoredStats {
    time: Timestamp,
    route: String,
    method: String,
    instance_id: String,
    requests: i64,
    sum: f64,
    min: f64,
    max: f64,
    sketch: Vec<u8>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

impl StoredStats {
    /// The stored percentiles, which only imported rows have.
    fn percentiles(&self) -> Option<[f64; 3]> {
        Some([self.p50?, self.p95?, self.p99?])
    }
}

/// Adds `where …` to a statement; a macro because the bound types differ per engine.
macro_rules! push_filter {
    ($query:expr, $filter:expr, $hosts:expr, $to:expr) => {{
        let filter: &$crate::store::request_queries::StatsFilter = $filter;
        $query.push(" where time >= ").push_bind(filter.from);
        $query.push(" and time <= ").push_bind($to);
        if let Some(route) = filter.route.as_deref() {
            $query.push(" and route = ").push_bind(route);
        }
        $crate::store::request_queries::push_hosts!($query, $hosts);
    }};
}

/// The ids themselves: with a query of them in their place, SQLite begins with the hosts, and then
/// sorts everything that they have.
macro_rules! push_hosts {
    ($query:expr, $hosts:expr) => {
        if let Some(hosts) = $hosts {
            let hosts: &[String] = hosts;
            $query.push(" and host_id in (");
            let mut list = $query.separated(", ");
            for id in hosts {
                list.push_bind(id.as_str());
            }
            $query.push(")");
        }
    };
}

/// Nearly all rows have the status 200; the others have indexes of their own, which a database uses
/// when it reads their condition in these words.
macro_rules! push_status {
    ($query:expr, $status:expr) => {
        if let Some(status) = $status {
            let status: u16 = status;
            $query.push(" and status = ").push_bind(i32::from(status));
            if status != 200 {
                $query.push(" and status <> 200");
            }
        }
    };
}

/// The time that a list begins with.
macro_rules! nearest {
    ($groups:expr, $filter:expr, $hosts:expr, $newest_first:expr) => {{
        let groups: $crate::store::request_offsets::Groups = $groups;
        let filter: &$crate::store::request_queries::StatsFilter = $filter;
        let mut query = sqlx::QueryBuilder::new("select time from ");
        query.push(groups.table(filter.resolution));
        $crate::store::request_queries::push_filter!(query, filter, $hosts, filter.to);
        $crate::store::request_queries::push_status!(query, groups.status());
        query.push(if $newest_first {
            " order by time desc limit 1"
        } else {
            " order by time limit 1"
        });
        query
    }};
}

pub(super) use {nearest, push_filter, push_hosts, push_status};

/// More hosts than this don't share a name.
const HOSTS_MAX: i64 = 100;

impl Store {
    /// The ids of the hosts that a filter asks for; `None` for all.
    async fn hosts_of(&self, filter: &StatsFilter) -> Result<Option<Vec<String>>, StoreError> {
        const SQL: &str = "select id from hosts where id = $1 or name = $1 order by id limit $2";
        let Some(host) = filter.host.as_deref() else {
            return Ok(None);
        };
        let found: Vec<(String,)> = on_read!(self, |tx| Ok(tx
            .fetch_all(sqlx::query_as(SQL).bind(host).bind(HOSTS_MAX))
            .await?))?;
        Ok(Some(found.into_iter().map(|(id,)| id).collect()))
    }

    /// All requests per bucket of time.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_totals(
        &self,
        filter: &StatsFilter,
        span: Span,
    ) -> Result<Vec<TotalRow>, StoreError> {
        let hosts = self.hosts_of(filter).await?;
        if hosts.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let hosts = hosts.as_deref();
        let nearer = self
            .come_nearer(Groups::Totals, filter, hosts, span)
            .await?;
        let (filter, span) = (&nearer.0, nearer.1);
        let (durations, statuses) = tables(filter.resolution);
        let (method, group) = if filter.by_method {
            ("method", "time, method")
        } else {
            ("cast(null as text) as method", "time")
        };
        on_read!(self, |tx| {
            let mut windows = Windows::new(filter, span, 1);
            let mut rows: Vec<TotalRow> = Vec::new();
            while let Some(rest) = windows.rest(rows.len()) {
                let mut query = nearest!(Groups::Totals, rest, hosts, span.newest_first);
                let found: Option<(Timestamp,)> = tx.fetch_optional(query.build_query_as()).await?;
                let Some((nearest,)) = found else {
                    break;
                };
                let window = &windows.window(nearest);
                let mut query = sqlx::QueryBuilder::new("select time, ");
                query.push(method);
                query.push(", requests, sum, coalesce(errors, 0) as errors from (select ");
                query.push(group);
                query.push(", cast(sum(requests) as bigint) as requests, sum(sum) as sum from ");
                query.push(durations);
                push_filter!(query, window, hosts, window.to);
                query.push(" group by ").push(group);
                query.push(") s left join (select ").push(group);
                query.push(", cast(sum(count) as bigint) as errors from ");
                query.push(statuses);
                push_filter!(query, window, hosts, window.to);
                query.push(" and status >= 500 and status <> 200 group by ");
                query.push(group).push(") e using (").push(group);
                query.push(") order by time").push(order(span));
                if filter.by_method {
                    query.push(", method");
                }
                query.push(" limit ").push_bind(windows.limit());
                rows.extend(tx.fetch_all(query.build_query_as()).await?);
            }
            Ok(windows.page(rows))
        })
    }

    /// Requests per bucket of time and route, the newest first, routes of one time by name:
    /// at most `limit` groups after `position`.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or holds what is no sketch.
    pub async fn list_route_stats(
        &self,
        filter: &StatsFilter,
        position: Option<&RoutePosition>,
        limit: u32,
    ) -> Result<Vec<RouteRow>, StoreError> {
        let hosts = self.hosts_of(filter).await?;
        if hosts.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let hosts = hosts.as_deref();
        let limit = limit as usize;
        let mut groups: Vec<RouteRow> = Vec::new();
        let mut place = position.map(Place::after);
        // Most often a group is one row, and one more shows that the last group is whole.
        let mut batch = (limit + 1).clamp(64, BATCH_MAX);
        loop {
            let rows = self
                .read_stats(filter, hosts, place.as_ref(), batch)
                .await?;
            let is_last = rows.len() < batch;
            if let Some(row) = rows.last() {
                place = Some(Place {
                    time: row.time,
                    route: row.route.clone(),
                    method: row.method.clone(),
                    instance_id: row.instance_id.clone(),
                });
            }
            for row in rows {
                add_to_groups(&mut groups, row, filter.by_method)?;
                if groups.len() > limit {
                    groups.truncate(limit);
                    return Ok(groups);
                }
            }
            if is_last {
                return Ok(groups);
            }
            batch = BATCH_MAX;
        }
    }

    async fn read_stats(
        &self,
        filter: &StatsFilter,
        hosts: Option<&[String]>,
        place: Option<&Place>,
        batch: usize,
    ) -> Result<Vec<StoredStats>, StoreError> {
        let (durations, _) = tables(filter.resolution);
        let to = place.map_or(filter.to, |place| place.time.min(filter.to));
        on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new(
                "select time, route, method, instance_id, requests, sum, min, max, sketch,
                    p50, p95, p99 from ",
            );
            query.push(durations);
            push_filter!(query, filter, hosts, to);
            if let Some(place) = place {
                query.push(" and (time < ").push_bind(place.time);
                query.push(" or (route, method, instance_id) > (");
                query.push_bind(place.route.as_str()).push(", ");
                query.push_bind(place.method.as_str()).push(", ");
                query.push_bind(place.instance_id.as_str()).push("))");
            }
            query.push(" order by time desc, route, method, instance_id limit ");
            query.push_bind(i64::try_from(batch).unwrap_or(i64::MAX));
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })
    }

    /// How often which status was answered, per bucket of time and route.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_status_counts(
        &self,
        filter: &StatsFilter,
        status: Option<u16>,
        span: Span,
    ) -> Result<Vec<StatusRow>, StoreError> {
        let hosts = self.hosts_of(filter).await?;
        if hosts.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let (hosts, groups) = (hosts.as_deref(), Groups::Statuses(status));
        let nearer = self.come_nearer(groups, filter, hosts, span).await?;
        let (filter, span) = (&nearer.0, nearer.1);
        let (_, table) = tables(filter.resolution);
        let (method, group) = if filter.by_method {
            ("method", "time, route, status, method")
        } else {
            ("cast(null as text) as method", "time, route, status")
        };
        on_read!(self, |tx| {
            let mut windows = Windows::new(filter, span, STATUSES_PER_BUCKET);
            let mut rows: Vec<StatusRow> = Vec::new();
            while let Some(rest) = windows.rest(rows.len()) {
                let mut query = nearest!(groups, rest, hosts, span.newest_first);
                let found: Option<(Timestamp,)> = tx.fetch_optional(query.build_query_as()).await?;
                let Some((nearest,)) = found else {
                    break;
                };
                let window = &windows.window(nearest);
                let mut query = sqlx::QueryBuilder::new("select time, route, ");
                query.push(method);
                query.push(", status, cast(sum(count) as bigint) as count from ");
                query.push(table);
                push_filter!(query, window, hosts, window.to);
                push_status!(query, status);
                query.push(" group by ").push(group);
                query.push(" order by time").push(order(span));
                query.push(", route, status");
                if filter.by_method {
                    query.push(", method");
                }
                query.push(" limit ").push_bind(windows.limit());
                rows.extend(tx.fetch_all(query.build_query_as()).await?);
            }
            Ok(windows.page(rows))
        })
    }
}

/// The tables of durations and of statuses.
pub(super) const fn tables(resolution: Resolution) -> (&'static str, &'static str) {
    match resolution {
        Resolution::Minute => ("request_stats", "request_status"),
        Resolution::Hour => ("request_stats_hourly", "request_status_hourly"),
        Resolution::Day => ("request_stats_daily", "request_status_daily"),
    }
}

const fn order(span: Span) -> &'static str {
    if span.newest_first { " desc" } else { " asc" }
}

/// A row in the order of the list: what comes after it is read next.
struct Place {
    time: Timestamp,
    route: String,
    method: String,
    instance_id: String,
}

impl Place {
    fn after(position: &RoutePosition) -> Self {
        Self {
            time: position.time,
            route: position.route.clone(),
            method: position
                .method
                .clone()
                .unwrap_or_else(|| AFTER_METHODS.to_owned()),
            instance_id: AFTER_INSTANCES.to_owned(),
        }
    }
}

fn add_to_groups(
    groups: &mut Vec<RouteRow>,
    row: StoredStats,
    by_method: bool,
) -> Result<(), StoreError> {
    let corrupt = |column| StoreError::Corrupt {
        table: "request_stats",
        column,
    };
    let percentiles = row.percentiles();
    let method = by_method.then_some(row.method);
    let is_same =
        |last: &RouteRow| last.time == row.time && last.route == row.route && last.method == method;
    if !groups.last().is_some_and(is_same) {
        groups.push(RouteRow {
            time: row.time,
            route: row.route,
            method,
            stats: RequestStats::default(),
            percentiles,
            imported: false,
        });
    } else if let Some(group) = groups.last_mut() {
        // Percentiles of several rows can't be joined; those of the sketch can.
        group.percentiles = None;
    }
    let Some(group) = groups.last_mut() else {
        return Ok(());
    };
    group.imported |= percentiles.is_some();
    let stats = &mut group.stats;
    let requests = u64::try_from(row.requests).map_err(|_| corrupt("requests"))?;
    stats.requests = stats.requests.saturating_add(requests);
    stats.sum += row.sum;
    stats.min = stats.min.min(row.min);
    stats.max = stats.max.max(row.max);
    if let Some(percentiles) = percentiles {
        stats.sketch.add_spread(&Spread {
            count: requests,
            min: row.min,
            percentiles,
            max: row.max,
        });
    }
    let merged = stats.sketch.merge_encoded(&row.sketch);
    merged.map_err(|_| corrupt("sketch"))
}
