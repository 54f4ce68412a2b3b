//! Requests per bucket, read as groups over all daemons.

use super::request_offsets::Groups;
use super::request_windows::Windows;
use super::{Store, StoreError, on_read};
use crate::codec::{Db, stored_row};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

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
    /// Requests to the hosts with these ids.
    pub hosts: Option<Vec<String>>,
    /// One group per method in place of one for all.
    pub by_method: bool,
    /// One group per host in place of one for all.
    pub by_host: bool,
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
#[derive(Debug, Clone, PartialEq)]
pub struct TotalRow {
    /// When the bucket begins.
    pub time: Timestamp,
    /// Their method, when rows are per method.
    pub method: Option<String>,
    /// Id of the host, when rows are per host.
    pub host: Option<String>,
    /// How many there were.
    pub requests: i64,
    /// Their durations together, in seconds.
    pub sum: f64,
    /// How many of them ended with a status of 500 or more.
    pub errors: i64,
}

stored_row!(TotalRow { method, host, requests, sum, errors; db time: Timestamp });

/// How often requests to a route ended with one status in one bucket of time.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusRow {
    /// When the bucket begins.
    pub time: Timestamp,
    /// Template of the route.
    pub route: String,
    /// Their method, when rows are per method.
    pub method: Option<String>,
    /// Id of the host, when rows are per host.
    pub host: Option<String>,
    /// HTTP status.
    pub status: i32,
    /// How often.
    pub count: i64,
}

stored_row!(StatusRow { route, method, host, status, count; db time: Timestamp });

/// Adds `where …` to a statement; a macro because the bound types differ per engine.
macro_rules! push_filter {
    ($query:expr, $filter:expr, $hosts:expr, $to:expr) => {{
        let filter: &$crate::request_queries::StatsFilter = $filter;
        $query
            .push(" where time >= ")
            .push_bind($crate::codec::Db(filter.from));
        $query
            .push(" and time <= ")
            .push_bind($crate::codec::Db($to));
        if let Some(route) = filter.route.as_deref() {
            $query.push(" and route = ").push_bind(route);
        }
        $crate::request_queries::push_hosts!($query, $hosts);
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
        let groups: $crate::request_offsets::Groups = $groups;
        let filter: &$crate::request_queries::StatsFilter = $filter;
        let mut query = sqlx::QueryBuilder::new("select time from ");
        query.push(groups.table(filter.resolution));
        $crate::request_queries::push_filter!(query, filter, $hosts, filter.to);
        $crate::request_queries::push_status!(query, groups.status());
        query.push(if $newest_first {
            " order by time desc limit 1"
        } else {
            " order by time limit 1"
        });
        query
    }};
}

/// A page, read window by window; the block adds to `select time, ` how the groups of a window are
/// read, up to the last parts of their order, which are the host and the method.
macro_rules! read_windows {
    ($store:expr, $groups:expr, $filter:expr, $hosts:expr, $span:expr,
     |$query:ident, $window:ident| $push:block) => {
        on_read!($store, |tx| {
            let mut windows = Windows::new($filter, $span, $groups.per_bucket($filter));
            let mut rows = Vec::new();
            while let Some(rest) = windows.rest(rows.len()) {
                let mut query = nearest!($groups, rest, $hosts, $span.newest_first);
                let found: Option<(Db<Timestamp>,)> = tx.fetch_optional(query.build_query_as()).await?;
                let Some((nearest,)) = found else {
                    break;
                };
                let $window = &windows.window(nearest.0);
                let mut $query = sqlx::QueryBuilder::new("select time, ");
                $push
                $query.push($filter.split());
                $query.push(" limit ").push_bind(windows.limit());
                rows.extend(tx.fetch_all($query.build_query_as()).await?);
            }
            Ok(windows.page(rows))
        })
    };
}

pub(super) use {nearest, push_filter, push_hosts, push_status};

impl Store {
    /// All requests per bucket of time.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_totals(
        &self,
        filter: &StatsFilter,
        span: Span,
    ) -> Result<Vec<TotalRow>, StoreError> {
        let hosts = filter.hosts.as_deref();
        if hosts.is_some_and(<[String]>::is_empty) {
            return Ok(Vec::new());
        }
        let nearer = self
            .come_nearer(Groups::Totals, filter, hosts, span)
            .await?;
        let (filter, span) = (&nearer.0, nearer.1);
        let (durations, statuses) = tables(filter.resolution);
        let group = format!("time{}", filter.split());
        read_windows!(
            self,
            Groups::Totals,
            filter,
            hosts,
            span,
            |query, window| {
                query.push(filter.columns());
                query.push(", requests, sum, coalesce(errors, 0) as errors from (select ");
                query.push(&group);
                query.push(", cast(sum(requests) as bigint) as requests, sum(sum) as sum from ");
                query.push(durations);
                push_filter!(query, window, hosts, window.to);
                query.push(" group by ").push(&group);
                query.push(") s left join (select ").push(&group);
                query.push(", cast(sum(count) as bigint) as errors from ");
                query.push(statuses);
                push_filter!(query, window, hosts, window.to);
                query.push(" and status >= 500 and status <> 200 group by ");
                query.push(&group).push(") e using (").push(&group);
                query.push(") order by time").push(order(span));
            }
        )
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
        let (hosts, groups) = (filter.hosts.as_deref(), Groups::Statuses(status));
        if hosts.is_some_and(<[String]>::is_empty) {
            return Ok(Vec::new());
        }
        let nearer = self.come_nearer(groups, filter, hosts, span).await?;
        let (filter, span) = (&nearer.0, nearer.1);
        let (_, table) = tables(filter.resolution);
        read_windows!(self, groups, filter, hosts, span, |query, window| {
            query.push(filter.columns());
            query.push(", route, status, cast(sum(count) as bigint) as count from ");
            query.push(table);
            push_filter!(query, window, hosts, window.to);
            push_status!(query, status);
            query
                .push(" group by time, route, status")
                .push(filter.split());
            query.push(" order by time").push(order(span));
            query.push(", route, status");
        })
    }
}

impl StatsFilter {
    /// What distinguishes groups besides their time, route and status, as the end of a list.
    pub(super) const fn split(&self) -> &'static str {
        match (self.by_host, self.by_method) {
            (false, false) => "",
            (false, true) => ", method",
            (true, false) => ", host_id",
            (true, true) => ", host_id, method",
        }
    }

    /// The columns of these.
    const fn columns(&self) -> &'static str {
        match (self.by_host, self.by_method) {
            (false, false) => "cast(null as text) as host, cast(null as text) as method",
            (false, true) => "cast(null as text) as host, method",
            (true, false) => "host_id as host, cast(null as text) as method",
            (true, true) => "host_id as host, method",
        }
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
