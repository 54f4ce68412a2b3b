//! Statistics of requests, for admins.

mod query;
mod routes;

use axum::extract::State;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::host_params::{self, HostSelection, Split};
use crate::json::Json;
use crate::params::QueryReader;
use linux_api_store::Store;
use linux_api_store::request_queries::{Span, StatsFilter, StatusRow, TotalRow};
use linux_api_wire::api::metrics::{GlobalMetrics, StatusCodeMetrics};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::{Clock, Timestamp};
use query::Bucket;

pub(crate) use routes::{__path_list_route_metrics, list_route_metrics};

/// Which buckets to list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListGlobal {
    /// Buckets that begin at or after this time; of hours and days also the one that it lies in.
    #[param(value_type = Option<String>, format = DateTime)]
    start_time: Option<Timestamp>,
    /// Buckets that begin at or before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    end_time: Option<Timestamp>,
    /// The most rows to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// How many rows to leave out first.
    #[param(minimum = 0, default = 0, required = false)]
    offset: i64,
    /// The newest first, or the oldest.
    #[param(default = true, required = false)]
    newest_first: bool,
    /// How long the buckets are.
    #[param(value_type = Option<Bucket>, inline)]
    bucket: Resolution,
    #[param(ignore)]
    hosts: HostSelection,
    #[param(ignore)]
    by: Split,
}

impl FromQuery for ListGlobal {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            start_time: query.time("start_time"),
            end_time: query.time("end_time"),
            limit: query.integer("limit", 1..=1000, 100),
            offset: query.integer("offset", 0..=i64::MAX, 0),
            newest_first: query.boolean("newest_first", true),
            bucket: query::bucket(query),
            hosts: HostSelection::read(query),
            by: Split::read(query),
        }
    }
}

/// List all requests over time
///
/// One row per minute with requests, of all daemons of the database together.
#[utoipa::path(
    get,
    path = "/api/v1/metrics/global",
    tag = "metrics",
    params(ListGlobal, HostSelection, Split),
    responses((status = 200, description = "The rows", body = Vec<GlobalMetrics>))
)]
pub(crate) async fn list_global_metrics(
    _caller: Caller<scope::StatsRead>,
    State(store): State<Store>,
    State(clock): State<Clock>,
    ApiQuery(query): ApiQuery<ListGlobal>,
) -> Result<Json<Vec<GlobalMetrics>>, ApiError> {
    let (from, to) = query::range(
        clock.now(),
        ("start_time", query.start_time),
        ("end_time", query.end_time),
        query.bucket,
    )?;
    let filter = StatsFilter {
        resolution: query.bucket,
        from,
        to,
        route: None,
        hosts: query::ids_of(&query.hosts, &store).await?,
        by_method: query.by.by_method,
        split: query.by.hosts,
    };
    let span = span(query.limit, query.offset, query.newest_first);
    let rows = store.list_totals(&filter, span).await?;
    let ids = rows.iter().filter_map(|row| row.host.as_deref());
    let names = host_params::names(&store, ids).await?;
    let metrics = |row: TotalRow| GlobalMetrics {
        host_name: row.host.as_ref().and_then(|id| names.get(id).cloned()),
        ..global_metrics(row)
    };
    Ok(Json(rows.into_iter().map(metrics).collect()))
}

/// Which buckets to list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListStatusCodes {
    /// Only requests to this route, a template or `<unmatched>`.
    #[param(max_length = 255)]
    route: Option<String>,
    /// Only requests that ended with this status.
    #[param(minimum = 100, maximum = 599)]
    status_code: Option<i64>,
    /// Buckets that begin at or after this time; of hours and days also the one that it lies in.
    #[param(value_type = Option<String>, format = DateTime)]
    start_time: Option<Timestamp>,
    /// Buckets that begin at or before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    end_time: Option<Timestamp>,
    /// The most rows to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// How many rows to leave out first.
    #[param(minimum = 0, default = 0, required = false)]
    offset: i64,
    /// The newest first, or the oldest.
    #[param(default = true, required = false)]
    newest_first: bool,
    /// How long the buckets are.
    #[param(value_type = Option<Bucket>, inline)]
    bucket: Resolution,
    #[param(ignore)]
    hosts: HostSelection,
    #[param(ignore)]
    by: Split,
}

impl FromQuery for ListStatusCodes {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            route: query::route(query),
            status_code: query.optional_integer("status_code", 100..=599),
            start_time: query.time("start_time"),
            end_time: query.time("end_time"),
            limit: query.integer("limit", 1..=1000, 100),
            offset: query.integer("offset", 0..=i64::MAX, 0),
            newest_first: query.boolean("newest_first", true),
            bucket: query::bucket(query),
            hosts: HostSelection::read(query),
            by: Split::read(query),
        }
    }
}

/// List how requests ended over time
///
/// One row per minute, route and status, of all daemons of the database together.
#[utoipa::path(
    get,
    path = "/api/v1/metrics/status-codes",
    tag = "metrics",
    params(ListStatusCodes, HostSelection, Split),
    responses((status = 200, description = "The rows", body = Vec<StatusCodeMetrics>))
)]
pub(crate) async fn list_status_code_metrics(
    _caller: Caller<scope::StatsRead>,
    State(store): State<Store>,
    State(clock): State<Clock>,
    ApiQuery(query): ApiQuery<ListStatusCodes>,
) -> Result<Json<Vec<StatusCodeMetrics>>, ApiError> {
    let (from, to) = query::range(
        clock.now(),
        ("start_time", query.start_time),
        ("end_time", query.end_time),
        query.bucket,
    )?;
    let filter = StatsFilter {
        resolution: query.bucket,
        from,
        to,
        route: query.route,
        hosts: query::ids_of(&query.hosts, &store).await?,
        by_method: query.by.by_method,
        split: query.by.hosts,
    };
    let status = query.status_code.and_then(|code| u16::try_from(code).ok());
    let span = span(query.limit, query.offset, query.newest_first);
    let rows = store.list_status_counts(&filter, status, span).await?;
    let ids = rows.iter().filter_map(|row| row.host.as_deref());
    let names = host_params::names(&store, ids).await?;
    let metrics = |row: StatusRow| StatusCodeMetrics {
        host_name: row.host.as_ref().and_then(|id| names.get(id).cloned()),
        ..status_code_metrics(row)
    };
    Ok(Json(rows.into_iter().map(metrics).collect()))
}

fn span(limit: i64, offset: i64, newest_first: bool) -> Span {
    Span {
        limit: u32::try_from(limit).unwrap_or(1),
        offset,
        newest_first,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "averages and rates need no more digits than a float has"
)]
fn global_metrics(row: TotalRow) -> GlobalMetrics {
    // A row stands for at least one request.
    let requests = row.requests.max(1) as f64;
    GlobalMetrics {
        time: row.time.to_string(),
        method: row.method,
        host: row.host,
        host_name: None,
        label_value: row.label,
        total_requests: unsigned(row.requests),
        avg_response_time: row.sum / requests,
        error_rate: row.errors as f64 / requests,
    }
}

fn status_code_metrics(row: StatusRow) -> StatusCodeMetrics {
    StatusCodeMetrics {
        time: row.time.to_string(),
        route: row.route,
        method: row.method,
        host: row.host,
        host_name: None,
        label_value: row.label,
        status_code: u16::try_from(row.status).unwrap_or_default(),
        count: unsigned(row.count),
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
