//! Automatic restarts, and the brake that an operator releases.

use axum::extract::State;
use linux_api_alerts::brake::Brake;
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::alerts::AlertBrake;
use linux_api_wire::api::problem::Problem;

use super::{convert, missing};
use crate::error::ApiError;
use crate::extract::{Caller, PathHost, scope};
use crate::json::Json;

/// Release the brake of a host
///
/// Has automatic restarts be possible again after three in an hour did not help, or has those of the last hour count
/// no longer. The alert `gave_up` ends with the next evaluation. The executor of the host counts by itself, and
/// still allows three in an hour.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/hosts/{host_id}/release",
    tag = "alerts",
    params(("host_id" = String, Path, description = "Id of the host", max_length = 256,
        example = "3f2a9c0d1e4b5a69")),
    responses(
        (status = 200, description = "The brake as it is now", body = AlertBrake),
        (status = 404, description = "There is no host with this id", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "No automatic restart of this host counts", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn release_brake(
    caller: Caller<scope::AlertsWrite>,
    State(store): State<Store>,
    PathHost(id): PathHost,
) -> Result<Json<AlertBrake>, ApiError> {
    let released = store.release_alert_brake(&caller.actor().await?, &id).await;
    let brake = released.map_err(|error| match error {
        StoreError::Refused(Refusal::HostNotFound) => missing(
            "host_unknown",
            "No host of this database has that id; GET /api/v1/fleet/hosts lists them.",
        ),
        StoreError::Refused(Refusal::NothingGivenUp) => {
            let detail = "No automatic restart of this host counts: there is nothing to release.";
            ApiError::refused(axum::http::StatusCode::CONFLICT, "nothing_given_up", detail)
        }
        error => error.into(),
    })?;
    let names = store.label_hosts(&[&id]).await?;
    let name = names.into_values().next().map(|(name, _)| name);
    let name = name.unwrap_or_else(|| id.clone());
    Ok(Json(shown(&id, name, &brake)))
}

/// A brake as clients see it.
pub(super) fn shown(host_id: &str, host: String, brake: &Brake) -> AlertBrake {
    let gave_up = brake.gave_up();
    AlertBrake {
        host_id: host_id.to_owned(),
        host,
        gave_up_at: gave_up.map(|(since, _)| since.to_string()),
        text: gave_up.map(|(_, text)| text.to_string()),
        acts: brake.acts().iter().map(convert::act).collect(),
    }
}
