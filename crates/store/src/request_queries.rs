//! Requests per bucket, read as groups over all daemons.

use super::request_offsets::Groups;
use super::request_parts::{Page, Part, PartRows};
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
    /// Several groups in place of one for all hosts.
    pub split: Option<HostSplit>,
}

/// What distinguishes groups of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostSplit {
    /// Each is one.
    Host,
    /// Those with one value of the label of this name are one; so are those without that label, and those
    /// that are on the list of hosts no longer.
    Label(String),
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
    /// Value of the label, when rows are per value; empty for hosts without it.
    pub label: Option<String>,
    /// How many there were.
    pub requests: i64,
    /// Their durations together, in seconds.
    pub sum: f64,
    /// How many of them ended with a status of 500 or more.
    pub errors: i64,
}

stored_row!(TotalRow { method, host, label, requests, sum, errors; db time: Timestamp });

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
    /// Value of the label, when rows are per value; empty for hosts without it.
    pub label: Option<String>,
    /// HTTP status.
    pub status: i32,
    /// How often.
    pub count: i64,
}

stored_row!(StatusRow { route, method, host, label, status, count; db time: Timestamp });

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

/// Adds the table that groups are made of; with `label_value` when a label distinguishes them.
macro_rules! push_table {
    ($query:expr, $engine:expr, $filter:expr, $table:expr) => {{
        let filter: &$crate::request_queries::StatsFilter = $filter;
        if let Some($crate::request_queries::HostSplit::Label(name)) = &filter.split {
            $query.push("(select s.*, coalesce(h.value, '') as label_value from ");
            $query.push($table).push(" s left join (select id, ");
            match $engine {
                // Not by a path: some names have a meaning there.
                $crate::Engine::Sqlite => {
                    $query.push("(select value from json_each(labels) where key = ");
                    $query.push_bind(name.as_str()).push(")");
                }
                $crate::Engine::Postgres => {
                    $query.push("(cast(labels as json) ->> ");
                    $query.push_bind(name.as_str()).push(") collate \"C\"");
                }
            }
            $query.push(" as value from hosts) h on h.id = s.host_id) labelled");
        } else {
            $query.push($table);
        }
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
    ($groups:expr, $source:expr, $filter:expr, $hosts:expr, $newest_first:expr) => {{
        let groups: $crate::request_offsets::Groups = $groups;
        let source: $crate::merged::Source = $source;
        let filter: &$crate::request_queries::StatsFilter = $filter;
        let mut query = sqlx::QueryBuilder::new("select time from ");
        query.push(groups.table(source, filter.resolution));
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
    ($store:expr, $groups:expr, $source:expr, $filter:expr, $hosts:expr, $span:expr,
     |$query:ident, $window:ident| $push:block) => {
        on_read!($store, |tx| {
            let mut windows = Windows::new($filter, $span, $groups.per_bucket($filter));
            let mut rows = Vec::new();
            while let Some(rest) = windows.rest(rows.len()) {
                let mut query = nearest!($groups, $source, rest, $hosts, $span.newest_first);
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
            let passed = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            let rows = windows.page(rows);
            Ok(PartRows { rows, passed })
        })
    };
}

pub(super) use {nearest, push_filter, push_hosts, push_status, push_table};

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
        if filter.hosts.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let mut page = Page::new(filter, span);
        while let Some((part, span)) = page.next(self).await? {
            page.add(self.list_totals_of(&part, span).await?);
        }
        Ok(page.rows)
    }

    async fn list_totals_of(
        &self,
        part: &Part,
        span: Span,
    ) -> Result<PartRows<TotalRow>, StoreError> {
        let (groups, source) = (Groups::Totals, part.source);
        let nearer = self.come_nearer(groups, part, span).await?;
        let skipped = span.offset - nearer.1.offset;
        let (filter, span) = (&nearer.0, nearer.1);
        let (hosts, engine) = (filter.hosts.as_deref(), self.engine());
        let (durations, statuses) = source.tables(filter.resolution);
        let group = format!("time{}", filter.split());
        let read: Result<PartRows<TotalRow>, StoreError> = read_windows!(
            self,
            groups,
            source,
            filter,
            hosts,
            span,
            |query, window| {
                query.push(filter.columns());
                query.push(", requests, sum, coalesce(errors, 0) as errors from (select ");
                query.push(&group);
                query.push(", cast(sum(requests) as bigint) as requests, sum(sum) as sum from ");
                push_table!(query, engine, filter, durations);
                push_filter!(query, window, hosts, window.to);
                query.push(" group by ").push(&group);
                query.push(") s left join (select ").push(&group);
                query.push(", cast(sum(count) as bigint) as errors from ");
                push_table!(query, engine, filter, statuses);
                push_filter!(query, window, hosts, window.to);
                query.push(" and status >= 500 and status <> 200 group by ");
                query.push(&group).push(") e using (").push(&group);
                query.push(") order by time").push(order(span));
            }
        );
        Ok(read?.after(skipped))
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
        if filter.hosts.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let mut page = Page::new(filter, span);
        while let Some((part, span)) = page.next(self).await? {
            page.add(self.list_statuses_of(&part, status, span).await?);
        }
        Ok(page.rows)
    }

    async fn list_statuses_of(
        &self,
        part: &Part,
        status: Option<u16>,
        span: Span,
    ) -> Result<PartRows<StatusRow>, StoreError> {
        let (groups, source) = (Groups::Statuses(status), part.source);
        let nearer = self.come_nearer(groups, part, span).await?;
        let skipped = span.offset - nearer.1.offset;
        let (filter, span) = (&nearer.0, nearer.1);
        let (hosts, engine) = (filter.hosts.as_deref(), self.engine());
        let (_, table) = source.tables(filter.resolution);
        let read: Result<PartRows<StatusRow>, StoreError> = read_windows!(
            self,
            groups,
            source,
            filter,
            hosts,
            span,
            |query, window| {
                query.push(filter.columns());
                query.push(", route, status, cast(sum(count) as bigint) as count from ");
                push_table!(query, engine, filter, table);
                push_filter!(query, window, hosts, window.to);
                push_status!(query, status);
                query
                    .push(" group by time, route, status")
                    .push(filter.split());
                query.push(" order by time").push(order(span));
                query.push(", route, status");
            }
        );
        Ok(read?.after(skipped))
    }
}

impl StatsFilter {
    /// What distinguishes groups besides their time, route and status, as the end of a list.
    pub(super) const fn split(&self) -> &'static str {
        match (&self.split, self.by_method) {
            (None, false) => "",
            (None, true) => ", method",
            (Some(HostSplit::Host), false) => ", host_id",
            (Some(HostSplit::Host), true) => ", host_id, method",
            (Some(HostSplit::Label(_)), false) => ", label_value",
            (Some(HostSplit::Label(_)), true) => ", label_value, method",
        }
    }

    /// The columns of these.
    const fn columns(&self) -> &'static str {
        macro_rules! columns {
            ($host:literal, $label:literal, $method:literal) => {
                concat!(
                    $host,
                    " as host, ",
                    $label,
                    " as label, ",
                    $method,
                    " as method"
                )
            };
            ($host:literal, $label:literal) => {
                if self.by_method {
                    columns!($host, $label, "method")
                } else {
                    columns!($host, $label, "cast(null as text)")
                }
            };
        }
        match &self.split {
            None => columns!("cast(null as text)", "cast(null as text)"),
            Some(HostSplit::Host) => columns!("host_id", "cast(null as text)"),
            Some(HostSplit::Label(_)) => columns!("cast(null as text)", "label_value"),
        }
    }
}

const fn order(span: Span) -> &'static str {
    if span.newest_first { " desc" } else { " asc" }
}
