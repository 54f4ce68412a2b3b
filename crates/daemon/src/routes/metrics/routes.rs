//! Statistics of requests by route, with percentiles and pages that miss nothing.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use utoipa::IntoParams;

use super::query::{self, Bucket};
use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::host_params::{self, HostSelection, Split};
use crate::json::Json;
use crate::params::{QueryReader, parse_time};
use linux_api_store::Store;
use linux_api_store::request_queries::{HostSplit, StatsFilter};
use linux_api_store::request_routes::{RoutePosition, RouteRow};
use linux_api_wire::api::metrics::{RouteCursor, RouteMetrics};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::{Clock, Timestamp};

/// Which buckets to list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRoutes {
    /// Only requests to this route, a template or `<unmatched>`.
    #[param(max_length = 255)]
    route: Option<String>,
    /// Buckets that begin at or after this time; of hours and days also the one that it lies in.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<Timestamp>,
    /// Buckets that begin at or before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<Timestamp>,
    /// Where the next page starts: `next_cursor` of the `Link` header of an earlier response, or a
    /// time that all rows lie before.
    #[param(value_type = Option<String>)]
    cursor: Option<After>,
    /// The most rows to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// How long the buckets are.
    #[param(value_type = Option<Bucket>, inline)]
    bucket: Resolution,
    #[param(ignore)]
    hosts: HostSelection,
    #[param(ignore)]
    by: Split,
}

/// Where a page starts.
#[derive(Debug)]
enum After {
    /// With the rows before this time.
    Time(Timestamp),
    /// With the row after this one.
    Row(RouteCursor),
}

impl FromQuery for ListRoutes {
    fn read(query: &mut QueryReader) -> Self {
        let cursor = |text: &str| {
            let row = || RouteCursor::decode(text).map(After::Row);
            let after = parse_time(text).map(After::Time).or_else(row);
            after.ok_or_else(|| {
                "Input should be a valid datetime or date, or a cursor from an earlier response"
                    .to_owned()
            })
        };
        Self {
            route: query::route(query),
            start: query.time("start"),
            end: query.time("end"),
            cursor: query.read_with("cursor", cursor),
            limit: query.integer("limit", 1..=1000, 100),
            bucket: query::bucket(query),
            hosts: HostSelection::read(query),
            by: Split::read(query),
        }
    }
}

/// List requests by route over time
///
/// One row per minute and route, the newest first, of all daemons of the database together. When
/// there are more, the `Link` header leads to the next page.
#[utoipa::path(
    get,
    path = "/api/v1/metrics/routes",
    tag = "metrics",
    params(ListRoutes, HostSelection, Split),
    responses((
        status = 200,
        description = "The rows",
        body = Vec<RouteMetrics>,
        headers(("Link" = Option<String>, description = "The next page, with its cursor: \
            `</api/v1/metrics/routes?cursor=…>; rel=\"next\"; next_cursor=\"…\"`"))
    ))
)]
pub(crate) async fn list_route_metrics(
    _caller: Caller<scope::StatsRead>,
    State(store): State<Store>,
    State(clock): State<Clock>,
    uri: Uri,
    ApiQuery(query): ApiQuery<ListRoutes>,
) -> Result<(HeaderMap, Json<Vec<RouteMetrics>>), ApiError> {
    let limit = u32::try_from(query.limit).unwrap_or(1);
    let (filter, position) = query.resolve(&store, clock.now()).await?;
    // One more than requested shows whether there is a next page.
    let mut rows = store
        .list_route_stats(&filter, position.as_ref(), limit + 1)
        .await?;
    let mut headers = HeaderMap::new();
    if rows.len() > limit as usize {
        rows.truncate(limit as usize);
        if let Some(link) = rows.last().and_then(|last| next_link(&uri, last)) {
            headers.insert(header::LINK, link);
        }
    }
    let ids = rows.iter().filter_map(|row| row.host.as_deref());
    let names = host_params::names(&store, ids).await?;
    let metrics = |row: RouteRow| RouteMetrics {
        host_name: row.host.as_ref().and_then(|id| names.get(id).cloned()),
        ..route_metrics(row)
    };
    Ok((headers, Json(rows.into_iter().map(metrics).collect())))
}

impl ListRoutes {
    async fn resolve(
        self,
        store: &Store,
        now: Timestamp,
    ) -> Result<(StatsFilter, Option<RoutePosition>), ApiError> {
        let (from, mut to) =
            query::range(now, ("start", self.start), ("end", self.end), self.bucket)?;
        let position = match self.cursor {
            None => None,
            Some(After::Time(time)) if time < from => {
                let wrong = QueryReader::wrong("cursor", "Input should not be before start");
                return Err(ApiError::invalid(vec![wrong]));
            }
            Some(After::Time(time)) if query::is_future(time, now) => {
                let wrong = QueryReader::wrong("cursor", query::IN_FUTURE);
                return Err(ApiError::invalid(vec![wrong]));
            }
            Some(After::Time(time)) => {
                to = to.min(Timestamp::from_millis(time.as_millis().saturating_sub(1)));
                None
            }
            // The rows of such a list are no rows of this one.
            Some(After::Row(cursor))
                if cursor.method.is_some() != self.by.by_method
                    || cursor.host.is_some() != (self.by.hosts == Some(HostSplit::Host))
                    || cursor.label_value.is_some()
                        != matches!(self.by.hosts, Some(HostSplit::Label(_))) =>
            {
                let message = "Input should be a cursor from a response with the same by";
                return Err(ApiError::invalid(vec![QueryReader::wrong(
                    "cursor", message,
                )]));
            }
            Some(After::Row(cursor)) => Some(RoutePosition {
                time: cursor.time,
                route: cursor.route,
                method: cursor.method,
                host: cursor.host,
                label: cursor.label_value,
            }),
        };
        let filter = StatsFilter {
            resolution: self.bucket,
            from,
            to,
            route: self.route,
            hosts: query::ids_of(&self.hosts, store).await?,
            by_method: self.by.by_method,
            split: self.by.hosts,
        };
        Ok((filter, position))
    }
}

/// The same request with the cursor of the next page.
fn next_link(uri: &Uri, last: &RouteRow) -> Option<HeaderValue> {
    let cursor = RouteCursor {
        time: last.time,
        route: last.route.clone(),
        method: last.method.clone(),
        host: last.host.clone(),
        label_value: last.label.clone(),
    };
    let cursor = cursor.encode();
    let fields = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .filter(|(name, _)| name != "cursor");
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .append_pair("cursor", &cursor)
        .finish();
    let path = uri.path();
    let link = format!("<{path}?{query}>; rel=\"next\"; next_cursor=\"{cursor}\"");
    HeaderValue::from_str(&link).ok()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an average needs no more digits than a float has"
)]
fn route_metrics(row: RouteRow) -> RouteMetrics {
    let stats = &row.stats;
    let [p50, p95, p99] = row.percentiles.unwrap_or_else(|| {
        let values = stats.sketch.quantiles([0.50, 0.95, 0.99]);
        // Both ends are known exactly.
        let between = |value: f64| value.max(stats.min).min(stats.max);
        values.unwrap_or_default().map(between)
    });
    RouteMetrics {
        time: row.time.to_string(),
        requests: stats.requests,
        avg_response_time: stats.sum / stats.requests.max(1) as f64,
        min_response_time: stats.min,
        max_response_time: stats.max,
        p50,
        p95,
        p99,
        imported: row.imported,
        route: row.route,
        method: row.method,
        host: row.host,
        host_name: None,
        label_value: row.label,
    }
}
