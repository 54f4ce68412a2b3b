//! The hosts of this database.

use axum::extract::State;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::json::Json;
use crate::params::QueryReader;
use linux_api_store::Store;
use linux_api_wire::api::fleet::{FleetHost, HostCursor};
use linux_api_wire::api::page::{Page, ParseCursorError};
use linux_api_wire::fleet::HostRow;
use linux_api_wire::time::{Clock, Timestamp};

/// Which hosts to list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListHosts {
    /// The most hosts to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// Where the next page starts, from `next_cursor` of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<HostCursor>,
}

impl FromQuery for ListHosts {
    fn read(query: &mut QueryReader) -> Self {
        let cursor =
            |text: &str| HostCursor::decode(text).ok_or_else(|| ParseCursorError.to_string());
        Self {
            limit: query.integer("limit", 1..=1000, 100),
            cursor: query.read_with("cursor", cursor),
        }
    }
}

/// List the hosts of this database
///
/// The daemons that share it, by name.
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
    let after = query
        .cursor
        .as_ref()
        .map(|cursor| (cursor.name.as_str(), cursor.id.as_str()));
    let limit = u32::try_from(query.limit).unwrap_or(1);
    let mut rows = store.list_hosts(after, limit + 1).await?;
    let is_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| is_more).map(|last| {
        let cursor = HostCursor {
            name: last.name.clone(),
            id: last.id.clone(),
        };
        cursor.encode()
    });
    let now = clock.now();
    Ok(Json(Page {
        items: rows.into_iter().map(|row| fleet_host(row, now)).collect(),
        next_cursor,
    }))
}

fn fleet_host(row: HostRow, now: Timestamp) -> FleetHost {
    FleetHost {
        id: row.id,
        name: row.name,
        labels: row.labels,
        version: row.version,
        instance_id: row.instance_id,
        first_seen: row.first_seen.to_string(),
        last_seen: row.last_seen.to_string(),
        age_seconds: now.since(row.last_seen).as_secs(),
        sample_time: row.sample_time.map(|time| time.to_string()),
        sample: row
            .sample
            .and_then(|sample| serde_json::from_str(&sample).ok()),
    }
}
