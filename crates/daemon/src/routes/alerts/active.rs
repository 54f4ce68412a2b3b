//! Alerts as they are now, and acknowledgements.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use linux_api_alerts::labels::Pattern;
use linux_api_store::alerts::states::StateFilter;
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::alerts::{AcknowledgeAlert, Alert, AlertList, AlertSeverity, AlertStatus};
use linux_api_wire::api::page::{Cursor, ParseCursorError};
use linux_api_wire::api::problem::Problem;
use linux_api_wire::time::{Clock, Timestamp};
use utoipa::IntoParams;
use uuid::Uuid;

use super::instance::InstanceSelection;
use super::view::{View, current_with_brakes};
use super::{PathAlert, missing, order};
use crate::alerts::Alerts;
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery, Caller, FromBody, FromQuery, scope};
use crate::host_params::{HOSTS_MAX, HostSelection};
use crate::json::Json;
use crate::params::{BodyReader, QueryReader};
use crate::state::OwnHost;

/// The longest comment, in characters.
const COMMENT_MAX: usize = 500;

/// Which alerts to list; all conditions must hold.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAlerts {
    /// Only in these states, comma-separated: `pending`, `firing`, `clearing`, `unknown`, `ok`. Without it those that
    /// fire or clear, those among them without data included.
    #[param(value_type = Option<String>, rename = "state", example = "firing,pending")]
    states: Option<Vec<AlertStatus>>,
    /// Only of this severity.
    severity: Option<AlertSeverity>,
    /// Only of the rule with this name, or of those whose names match where it has `*` or `?`.
    #[param(value_type = Option<String>, max_length = 64, example = "disk_*")]
    rule: Option<Pattern>,
    /// `true`: only those that no one has acknowledged, no silence holds back and whose host is not down.
    #[param(default = false, required = false)]
    unseen: bool,
    /// The most alerts to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// Where the next page starts, from `next_cursor` of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<Place>,
    #[param(ignore)]
    hosts: HostSelection,
    #[param(ignore)]
    instance: InstanceSelection,
}

/// A place in the list: what [`order`] returns for the last alert of a page.
type Place = (u8, Timestamp, String);

impl FromQuery for ListAlerts {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            states: query.words("state"),
            severity: query.parsed("severity"),
            rule: query.text("rule", 64).map(Pattern::from),
            unseen: query.boolean("unseen", false),
            limit: query.integer("limit", 1..=1000, 100),
            cursor: query.read_with("cursor", |text| {
                place(text).ok_or_else(|| ParseCursorError.to_string())
            }),
            hosts: HostSelection::read(query),
            instance: InstanceSelection::read(query),
        }
    }
}

fn place(cursor: &str) -> Option<Place> {
    let Cursor { time, id } = Cursor::decode(cursor).ok()?;
    let (rank, id) = id.split_once(':')?;
    let id = Uuid::parse_str(id).ok()?;
    Some((rank.parse().ok()?, time, id.to_string()))
}

/// List alerts
///
/// What fires now on the hosts of this database: critical ones first, then those that fire for longest. `counts`
/// is about all of them, whatever is selected.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    tag = "alerts",
    params(ListAlerts, HostSelection, InstanceSelection),
    responses(
        (status = 200, description = "A page of alerts", body = AlertList),
        (status = 404, description = "No host of this database has that id or name", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_alerts(
    _caller: Caller<scope::AlertsRead>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
    State(OwnHost(own)): State<OwnHost>,
    State(clock): State<Clock>,
    ApiQuery(query): ApiQuery<ListAlerts>,
) -> Result<Json<AlertList>, ApiError> {
    let hosts: Option<BTreeSet<String>> = if query.hosts.is_narrow() {
        let known = query.hosts.select_known(&store, &own, HOSTS_MAX).await?;
        Some(known.into_iter().map(|host| host.id).collect())
    } else {
        None
    };
    let now = clock.now();
    let (all, counts, mut brakes) = current_with_brakes(&store, &alerts, now).await?;
    if let Some(hosts) = &hosts {
        brakes.retain(|brake| hosts.contains(&brake.host_id));
    }
    let is_meant = |one: &super::view::CurrentAlert| {
        let alert = &one.alert;
        let is_in_state = match &query.states {
            Some(states) => states.contains(&alert.status),
            None => alert.severity.is_some(),
        };
        is_in_state
            && query
                .severity
                .is_none_or(|severity| alert.severity == Some(severity))
            && query
                .rule
                .as_ref()
                .is_none_or(|rule| rule.matches(&alert.rule))
            && hosts
                .as_ref()
                .is_none_or(|hosts| hosts.contains(&alert.host_id))
            && (!query.unseen || alert.needs_attention())
            && query.instance.matches(&one.instance.labels)
    };
    let meant: Vec<Alert> = all
        .into_iter()
        .filter(is_meant)
        .map(|one| one.alert)
        .collect();
    let total = meant.len();
    let limit = usize::try_from(query.limit).unwrap_or(1);
    let after = |alert: &Alert| {
        query
            .cursor
            .as_ref()
            .is_none_or(|last| order(alert) > *last)
    };
    let mut items: Vec<Alert> = meant.into_iter().filter(after).take(limit + 1).collect();
    let is_more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| is_more).map(|last| {
        let (rank, time, id) = order(last);
        let id = format!("{rank}:{id}");
        Cursor { time, id }.encode()
    });
    Ok(Json(AlertList {
        time: now.to_string(),
        counts,
        total,
        items,
        next_cursor,
        brakes,
    }))
}

/// What is written about an alert that was seen.
#[derive(Debug)]
pub(crate) struct Acknowledge {
    comment: String,
}

impl FromBody for Acknowledge {
    const IS_OPTIONAL: bool = true;

    fn read(body: &mut BodyReader) -> Self {
        let comment = body.text("comment").unwrap_or_default();
        if comment.chars().count() > COMMENT_MAX {
            let message = format!("String should have at most {COMMENT_MAX} characters");
            body.problem("comment", message);
        }
        Self { comment }
    }
}

/// Acknowledge an alert
///
/// Says that the caller has seen it: it is not repeated. Ends when the alert ends or gets worse. The alert that is
/// acknowledged is the one that fires when the request is carried out, not one that has ended meanwhile.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{alert_id}/acknowledge",
    tag = "alerts",
    params(("alert_id" = Uuid, Path, description = "Id of the alert",
        example = "2b1f0c9a-7d3e-8a41-9c55-0e6f4b7a8d12")),
    request_body = AcknowledgeAlert,
    responses(
        (status = 200, description = "The alert as it is now", body = Alert),
        (status = 404, description = "No alert with this id fires", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn acknowledge_alert(
    caller: Caller<scope::AlertsWrite>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
    State(clock): State<Clock>,
    PathAlert(id): PathAlert,
    ApiJson(body): ApiJson<Acknowledge>,
) -> Result<Json<Alert>, ApiError> {
    let actor = caller.actor().await?;
    let acknowledged = store.acknowledge_alert(&actor, id, &body.comment).await;
    let acknowledged = acknowledged.map_err(|error| match error {
        StoreError::Refused(Refusal::AlertNotFiring) => missing(
            "alert_not_firing",
            "No alert with this id fires; GET /api/v1/alerts lists those that do.",
        ),
        error => error.into(),
    })?;
    let instance = acknowledged.instance;
    let filter = StateFilter {
        host: Some(instance.host.clone()),
        ..StateFilter::default()
    };
    let of_host = store.alert_states(&filter).await?;
    let mut states: BTreeMap<_, _> = of_host
        .into_iter()
        .map(|one| (one.instance, one.state))
        .collect();
    states.insert(instance.clone(), acknowledged.state.clone());
    let view = View::new(&store, &alerts, &states, clock.now()).await?;
    Ok(Json(view.alert(instance, &acknowledged.state).alert))
}
