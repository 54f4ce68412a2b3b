//! What changed: the notices of alerts.

use axum::extract::State;
use linux_api_alerts::name::Name;
use linux_api_alerts::notice::Notice;
use linux_api_store::Store;
use linux_api_store::alerts::history::NoticeFilter;
use linux_api_wire::api::alerts::{AlertChange, AlertNotice, AlertSeverity};
use linux_api_wire::api::page::{Cursor, Page};
use linux_api_wire::api::problem::Problem;
use linux_api_wire::time::Timestamp;
use utoipa::IntoParams;
use uuid::Uuid;

use super::convert;
use super::instance::InstanceSelection;
use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::host_params::{HOSTS_MAX, HostSelection};
use crate::json::Json;
use crate::params::QueryReader;
use crate::state::OwnHost;

/// The most rows that are looked through for one page, where labels select few of them.
const LOOKED_THROUGH: u32 = 10_000;
/// How many rows are read at once for that.
const READ_AT_ONCE: u32 = 1_000;

/// Which changes to list; all conditions must hold.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAlertHistory {
    /// Only these changes, comma-separated: `firing`, `escalated`, `lowered`, `resolved`, `repeated`, `flapping`,
    /// `settled`, `ended`, `gave_up`.
    #[param(value_type = Option<String>, rename = "change", example = "firing,escalated")]
    changes: Vec<AlertChange>,
    /// Only of this severity: the one then, or the one that ended.
    severity: Option<AlertSeverity>,
    /// Only of the rule with this name.
    #[param(value_type = Option<String>, example = "disk_space")]
    rule: Option<Name>,
    /// At or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// At or before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The most changes to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// Where the next page starts, from `next_cursor` of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    #[param(ignore)]
    hosts: HostSelection,
    #[param(ignore)]
    instance: InstanceSelection,
}

impl FromQuery for ListAlertHistory {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            changes: query.words("change").unwrap_or_default(),
            severity: query.parsed("severity"),
            rule: query.parsed("rule"),
            from: query.time("from"),
            to: query.time("to"),
            limit: query.integer("limit", 1..=1000, 100),
            cursor: query.cursor("cursor", |id| Uuid::parse_str(id).is_ok()),
            hosts: HostSelection::read(query),
            instance: InstanceSelection::read(query),
        }
    }
}

/// List what changed
///
/// Each change of an alert, newest first: when it began, got worse, was repeated and ended. Whether it was sent is
/// in the deliveries. With `instance` a page can be short or empty and lead on nevertheless: labels are looked for in
/// 10 000 changes at a time.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/history",
    tag = "alerts",
    params(ListAlertHistory, HostSelection, InstanceSelection),
    responses(
        (status = 200, description = "A page of changes", body = Page<AlertNotice>),
        (status = 404, description = "No host of this database has that id or name", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_alert_history(
    _caller: Caller<scope::AlertsRead>,
    State(store): State<Store>,
    State(OwnHost(own)): State<OwnHost>,
    ApiQuery(query): ApiQuery<ListAlertHistory>,
) -> Result<Json<Page<AlertNotice>>, ApiError> {
    let hosts = if query.hosts.is_narrow() {
        let known = query.hosts.select_known(&store, &own, HOSTS_MAX).await?;
        Some(known.into_iter().map(|host| host.id).collect())
    } else {
        None
    };
    let filter = NoticeFilter {
        hosts,
        rule: query.rule,
        kinds: query
            .changes
            .iter()
            .copied()
            .map(convert::kind_of_wire)
            .collect(),
        severity: query.severity.map(convert::severity_of_wire),
        from: query.from,
        to: query.to,
        before: query.cursor.map(|cursor| (cursor.time, cursor.id)),
    };
    let limit = usize::try_from(query.limit).unwrap_or(1);
    let (found, last) = find(&store, filter, &query.instance, limit).await?;
    Ok(Json(Page {
        items: found.iter().map(convert::notice).collect(),
        next_cursor: last.map(|cursor| cursor.encode()),
    }))
}

/// At most `limit` notices, and the place of the last one that was looked at, when there may be more.
async fn find(
    store: &Store,
    mut filter: NoticeFilter,
    instance: &InstanceSelection,
    limit: usize,
) -> Result<(Vec<Notice>, Option<Cursor>), ApiError> {
    let at_once = if instance.is_narrow() {
        READ_AT_ONCE
    } else {
        // One more than requested shows whether there is a next page.
        u32::try_from(limit + 1).unwrap_or(READ_AT_ONCE)
    };
    let mut found = Vec::new();
    let mut last: Option<Cursor> = None;
    let mut looked_through = 0;
    loop {
        let rows = store.alert_history(&filter, at_once).await?;
        let is_last = rows.len() < at_once as usize;
        for notice in rows {
            if found.len() == limit {
                return Ok((found, last));
            }
            last = Some(Cursor {
                time: notice.time,
                id: notice.id.to_string(),
            });
            if instance.matches(&notice.instance.labels) {
                found.push(notice);
            }
        }
        looked_through += at_once;
        if is_last {
            return Ok((found, None));
        }
        if looked_through >= LOOKED_THROUGH {
            return Ok((found, last));
        }
        filter.before = last.as_ref().map(|last| (last.time, last.id.clone()));
    }
}
