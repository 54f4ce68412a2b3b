//! The hosts of this database.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, PathHost, scope};
use crate::host_params;
use crate::json::Json;
use crate::params::QueryReader;
use linux_api_store::alerts::states::FiringCounts;
use linux_api_store::host_list::{FigureBound, HostFilter};
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::fleet::{
    FigureLimit, FleetHost, ForgottenHost, HostCursor, HostReading, HostSort, Order,
};
use linux_api_wire::api::page::{Page, ParseCursorError};
use linux_api_wire::api::problem::Problem;
use linux_api_wire::fleet::{HostFacts, HostLabel, HostRow, HostState};
use linux_api_wire::time::{Clock, Timestamp};

/// The most limits that one request may name in one field.
const LIMITS_MAX: usize = 20;

/// Which hosts to list, and how.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListHosts {
    /// Only hosts with this label, `NAME=VALUE`. May be repeated; all must hold.
    #[param(value_type = Option<Vec<String>>, max_items = 20, rename = "label",
        example = json!(["role=web"]))]
    labels: Vec<HostLabel>,
    /// Only hosts in these states, comma-separated: `up` (the daemon wrote within the last 90 seconds),
    /// `late` (within the last 5 minutes) or `down`.
    #[param(value_type = Option<String>, rename = "state", example = "late,down")]
    states: Vec<HostState>,
    /// Only hosts with this in their name or id, in upper or lower case.
    #[param(max_length = 256)]
    text: Option<String>,
    /// Only hosts of which this figure is at least so much, `FIGURE=NUMBER`: `cpu`, `memory` and `disk` (in
    /// percent), `load`, or `uptime` in seconds. Not hosts where it is not known, nor those that are down.
    /// May be repeated; all must hold.
    #[param(value_type = Option<Vec<String>>, max_items = 20, example = json!(["disk=90"]))]
    min: Vec<FigureLimit>,
    /// As `min`, but at most so much.
    #[param(value_type = Option<Vec<String>>, max_items = 20, example = json!(["uptime=3600"]))]
    max: Vec<FigureLimit>,
    /// What to sort by: `name`, `last_seen`, or of the newest figures `cpu`, `memory` and `disk` (in
    /// percent), `load` or `uptime`. Hosts without it come last; those that are down have no reading.
    #[param(value_type = Option<String>, default = "name",
        pattern = "^(name|last_seen|cpu|memory|disk|load|uptime)$", example = "cpu")]
    sort: HostSort,
    /// Without it names start with the smallest, everything else with the largest.
    #[param(value_type = Option<String>, pattern = "^(asc|desc)$", example = "desc")]
    order: Order,
    /// The most hosts to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// Where the next page starts, from `next_cursor` of an earlier response with the same `sort`
    /// and `order`.
    #[param(value_type = Option<String>)]
    cursor: Option<HostCursor>,
}

impl FromQuery for ListHosts {
    fn read(query: &mut QueryReader) -> Self {
        let sort: HostSort = query.parsed("sort").unwrap_or_default();
        let order = query.parsed("order").unwrap_or(sort.usual_order());
        let cursor =
            |text: &str| HostCursor::decode(text).ok_or_else(|| ParseCursorError.to_string());
        let cursor = query.read_with("cursor", cursor);
        if cursor
            .as_ref()
            .is_some_and(|cursor| !cursor.is_of(sort, order))
        {
            let message = "Input should be a cursor from a response with the same sort and order";
            query.problem("cursor", message);
        }
        Self {
            labels: host_params::labels(query),
            states: query.words("state").unwrap_or_default(),
            text: query.text("text", 256),
            min: limits(query, "min"),
            max: limits(query, "max"),
            sort,
            order,
            limit: query.integer("limit", 1..=1000, 100),
            cursor,
        }
    }
}

/// The limits of figures in a field that may be repeated.
fn limits(query: &mut QueryReader, name: &str) -> Vec<FigureLimit> {
    let named = query.repeated(name);
    if named.len() > LIMITS_MAX {
        query.problem(
            name,
            format!("Input should be at most {LIMITS_MAX} figures"),
        );
    }
    let mut limits = Vec::new();
    for text in named.iter().take(LIMITS_MAX) {
        match text.parse() {
            Ok(limit) => limits.push(limit),
            Err(error) => query.problem(name, format!("{error}")),
        }
    }
    limits
}

impl ListHosts {
    fn bounds(&self) -> Vec<FigureBound> {
        let least = self.min.iter().map(|limit| FigureBound {
            figure: limit.figure,
            least: Some(limit.value),
            most: None,
        });
        let most = self.max.iter().map(|limit| FigureBound {
            figure: limit.figure,
            least: None,
            most: Some(limit.value),
        });
        least.chain(most).collect()
    }
}

/// List the hosts of this database
///
/// The daemons that share it, with their newest figures. Figures change while pages are read: a host
/// whose figure passes the end of a page meanwhile is on both pages or on neither; a list by name misses
/// none.
#[utoipa::path(
    get,
    path = "/api/v1/fleet/hosts",
    tag = "fleet",
    params(ListHosts),
    responses((status = 200, description = "A page of hosts", body = Page<FleetHost>))
)]
pub(crate) async fn list_hosts(
    _caller: Caller<scope::HostRead>,
    State(store): State<Store>,
    State(clock): State<Clock>,
    ApiQuery(query): ApiQuery<ListHosts>,
) -> Result<Json<Page<FleetHost>>, ApiError> {
    let limit = u32::try_from(query.limit).unwrap_or(1);
    let (sort, order) = (query.sort, query.order);
    let filter = HostFilter {
        bounds: query.bounds(),
        labels: query.labels,
        states: query.states,
        text: query.text,
    };
    // One more than requested shows whether there is a next page.
    let mut rows = store
        .filter_hosts(&filter, (sort, order), query.cursor.as_ref(), limit + 1)
        .await?;
    let is_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| is_more).map(|last| {
        let cursor = HostCursor {
            sort,
            order,
            value: last.value,
            name: last.host.name.clone(),
            id: last.host.id.clone(),
        };
        cursor.encode()
    });
    let now = clock.now();
    let ids: Vec<&str> = rows.iter().map(|row| row.host.id.as_str()).collect();
    let alerts = store.count_alerts(&ids).await?;
    let items = rows.into_iter().map(|row| {
        let alerts = alerts.get(&row.host.id).copied().unwrap_or_default();
        fleet_host(row.host, alerts, now)
    });
    Ok(Json(Page {
        items: items.collect(),
        next_cursor,
    }))
}

/// Forget a host
///
/// For hosts that are gone for good. Only a host that is down can be forgotten; one that comes back is
/// listed again, with what it writes from then on. The host leaves the list at once. Its series and
/// statistics are removed a little at a time, which begins within ten minutes; with TimescaleDB
/// statistics stay until they are too old.
#[utoipa::path(
    delete,
    path = "/api/v1/fleet/hosts/{host_id}",
    tag = "fleet",
    params(("host_id" = String, Path, description = "Id of the host", max_length = 64,
        example = "3f2a9c0d1e4b5a69")),
    responses(
        (status = 202, description = "The host is off the list", body = ForgottenHost),
        (status = 404, description = "There is no host with this id", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The host is not down", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn forget_host(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    PathHost(id): PathHost,
) -> Result<(StatusCode, Json<ForgottenHost>), ApiError> {
    let forgotten = store.forget_host(&caller.actor().await?, &id).await;
    let host = forgotten.map_err(|error| match error {
        StoreError::Refused(Refusal::HostNotFound) => {
            let detail = "No host of this database has that id; GET /api/v1/fleet/hosts lists them.";
            ApiError::refused(StatusCode::NOT_FOUND, "host_unknown", detail)
        }
        StoreError::Refused(Refusal::HostAlive) => {
            let detail = "The daemon of this host wrote to the database within the last 5 minutes, or \
                          says that it lives; a host can be forgotten when it is down.";
            ApiError::refused(StatusCode::CONFLICT, "host_alive", detail)
        }
        error => error.into(),
    })?;
    let body = ForgottenHost {
        id: host.id,
        name: host.name,
        last_seen: host.last_seen.to_string(),
    };
    Ok((StatusCode::ACCEPTED, Json(body)))
}

fn fleet_host(row: HostRow, alerts: FiringCounts, now: Timestamp) -> FleetHost {
    let fault = row.clock_fault(now);
    let (facts_time, facts) = row.facts.unzip();
    let all = alerts.critical + alerts.warning;
    let facts = facts.map(|facts| HostFacts {
        alerts: Some(all),
        alerts_critical: Some(alerts.critical),
        alerts_warning: Some(alerts.warning),
        ..facts
    });
    let facts_time = facts_time.map(|time| time.to_string());
    FleetHost {
        id: row.id,
        name: row.name,
        labels: row.labels,
        version: row.version,
        instance_id: row.instance_id,
        first_seen: row.first_seen.to_string(),
        last_seen: row.last_seen.to_string(),
        age_seconds: now.since(row.last_seen).as_secs(),
        state: HostState::of(row.last_seen, now),
        alerts: Some(all),
        failed_units: facts.as_ref().and_then(|facts| facts.failed_units),
        clock: fault.map(|(fault, _)| fault),
        clock_ahead_seconds: fault.map(|(_, ahead)| ahead),
        sample_time: facts_time.clone(),
        sample: facts.as_ref().map(HostReading::from),
        facts_time,
        facts,
    }
}
