//! Channels, their tests, and the log of deliveries.

use std::time::Instant;

use axum::extract::State;
use linux_api_alerts::delivery::Reception;
use linux_api_alerts::message::{Message, MessageStatus};
use linux_api_alerts::severity::Severity;
use linux_api_store::Store;
use linux_api_store::alerts::deliveries::DeliveryLine;
use linux_api_wire::api::alerts::{
    AlertChannel, AlertChannels, AlertDelivery, AlertDeliveryState, ChannelTestResult,
};
use linux_api_wire::api::page::Page;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::time::Clock;
use linux_api_wire::user::Role;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{PathChannel, missing};
use crate::alerts::Alerts;
use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::json::Json;
use crate::params::QueryReader;
use crate::state::OwnHost;

/// In how many of the newest deliveries the last one of a channel is looked for.
const LOOKED_THROUGH: u32 = 1_000;

/// List channels
///
/// Where this daemon sends notices. Addresses are secrets and shown cut.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/channels",
    tag = "alerts",
    responses((status = 200, description = "All of them", body = AlertChannels))
)]
pub(crate) async fn list_channels(
    _caller: Caller<scope::AlertsRead>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
) -> Result<Json<AlertChannels>, ApiError> {
    alerts.refresh_channels().await;
    let deliveries = store.delivery_log(LOOKED_THROUGH).await?;
    let (settings, set, health) = (alerts.settings(), alerts.channels(), alerts.health());
    let mut items: Vec<AlertChannel> = settings
        .channels
        .iter()
        .map(|channel| {
            let ready = set.all.get(&channel.name);
            let last = deliveries
                .iter()
                .find(|one| one.channel == channel.name.as_str());
            AlertChannel {
                name: channel.name.to_string(),
                kind: channel.kind.as_str().to_owned(),
                address: match ready {
                    Some(Ok(ready)) => ready.shown(),
                    _ => String::new(),
                },
                can_send: matches!(ready, Some(Ok(_))),
                problem: match ready {
                    Some(Ok(_)) => None,
                    Some(Err(why)) => Some(why.clone()),
                    None => Some("its secrets were not read yet".to_owned()),
                },
                last_delivery: last.map(delivery),
            }
        })
        .collect();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(AlertChannels {
        items,
        enabled: health.enabled,
        can_send: health.can_send,
        is_sender: health.leads && health.can_send,
        heartbeat: health.heartbeat,
        peers: health.peers,
    }))
}

/// Test a channel
///
/// Sends a message that says that it is a test, now and once, with a row in the audit log. The response is 200 also
/// when the receiver took it not: `delivered` says so. What the receiver wrote is for admins only.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/channels/{channel}/test",
    tag = "alerts",
    params(("channel" = String, Path, description = "Its name", max_length = 64, example = "ops")),
    responses(
        (status = 200, description = "What the receiver did", body = ChannelTestResult),
        (status = 404, description = "This daemon has no such channel", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn test_channel(
    caller: Caller<scope::AlertsWrite>,
    State(store): State<Store>,
    State(alerts): State<Alerts>,
    State(clock): State<Clock>,
    State(OwnHost(own)): State<OwnHost>,
    PathChannel(channel): PathChannel,
) -> Result<Json<ChannelTestResult>, ApiError> {
    let settings = alerts.settings();
    if !settings.channels.iter().any(|one| one.name == channel) {
        let detail =
            "This daemon has no channel with this name; GET /api/v1/alerts/channels lists them.";
        return Err(missing("channel_not_found", detail));
    }
    store
        .begin_channel_test(&caller.actor().await?, &channel)
        .await?;
    alerts.refresh_channels().await;
    let by = &caller.identity.user.name;
    let message = Message {
        id: Uuid::new_v4(),
        time: clock.now(),
        status: MessageStatus::Firing,
        severity: Severity::Warning,
        title: format!("Test of the channel {channel}"),
        text: format!("{by} tests this channel from the daemon of host {own}. Nothing is wrong."),
        fields: Vec::new(),
        notices: Vec::new(),
    };
    let began = Instant::now();
    let result = alerts.send(&channel, &message).await;
    let is_admin = caller.identity.user.role == Role::Admin;
    Ok(Json(ChannelTestResult {
        channel: channel.to_string(),
        delivered: result.reception == Reception::Taken,
        status: result.status,
        milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        error: result.error,
        body: Some(result.body).filter(|body| is_admin && !body.is_empty()),
    }))
}

/// How many deliveries to list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListDeliveries {
    /// The most deliveries to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
}

impl FromQuery for ListDeliveries {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            limit: query.integer("limit", 1..=1000, 100),
        }
    }
}

/// List deliveries
///
/// The newest messages on their way to channels, and what became of them; a single page.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/deliveries",
    tag = "alerts",
    params(ListDeliveries),
    responses((status = 200, description = "The newest ones", body = Page<AlertDelivery>))
)]
pub(crate) async fn list_deliveries(
    _caller: Caller<scope::AlertsRead>,
    State(store): State<Store>,
    ApiQuery(query): ApiQuery<ListDeliveries>,
) -> Result<Json<Page<AlertDelivery>>, ApiError> {
    let limit = u32::try_from(query.limit).unwrap_or(1);
    let lines = store.delivery_log(limit).await?;
    Ok(Json(Page {
        items: lines.iter().map(delivery).collect(),
        next_cursor: None,
    }))
}

fn delivery(line: &DeliveryLine) -> AlertDelivery {
    AlertDelivery {
        message_id: line.message.to_string(),
        channel: line.channel.clone(),
        state: match line.state.as_str() {
            "delivered" => AlertDeliveryState::Delivered,
            "gone" => AlertDeliveryState::Gone,
            "given_up" => AlertDeliveryState::GivenUp,
            _ => AlertDeliveryState::Waiting,
        },
        attempts: line.attempts,
        next_attempt: line.next_attempt.map(|time| time.to_string()),
        updated_at: line.updated_at.to_string(),
        status: line.status,
        error: line.error.clone(),
    }
}
