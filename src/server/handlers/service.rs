//! The daemon itself: greeting and probes. No key is needed here.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::health::{Check, Checks, Liveness, Readiness, Welcome};
use crate::server::extract::FromThisHost;
use crate::server::json::Json;
use crate::server::notices::Notices;
use crate::server::state::Docs;
use crate::store::{Store, StoreError};
use crate::tasks::flusher::{FlusherHandle, FlusherHealth};

/// How long the probe waits for the database: who probes often gives up after a second or two, and
/// waits for the driver otherwise, which tries again until the deadline when it is refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// Greet
///
/// What this is and where its documentation is.
#[utoipa::path(
    get,
    path = "/",
    tag = "service",
    responses((status = 200, description = "A greeting", body = Welcome))
)]
pub(crate) async fn greet(State(docs): State<Docs>) -> Json<Welcome> {
    let message = if docs.enabled {
        "API is running. See /docs for documentation."
    } else {
        "API is running"
    };
    Json(Welcome {
        message: message.to_owned(),
        version: "v1".to_owned(),
        docs: docs.enabled.then(|| "/docs".to_owned()),
    })
}

/// Liveness probe
///
/// Touches nothing but the process.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "service",
    responses((status = 200, description = "It lives", body = Liveness))
)]
pub(crate) async fn probe_liveness() -> Json<Liveness> {
    Json(Liveness {
        status: "alive".to_owned(),
    })
}

/// Readiness probe
///
/// The database answers, its schema is right, and what waits to be written gets written.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "service",
    responses(
        (status = 200, description = "It is ready", body = Readiness),
        (status = 503, description = "It is not; the checks say why", body = Readiness),
    )
)]
pub(crate) async fn probe_readiness(
    State(store): State<Store>,
    State(flusher): State<FlusherHandle>,
    State(notices): State<Notices>,
    FromThisHost(in_full): FromThisHost,
) -> Response {
    let asked = tokio::time::timeout(PATIENCE, store.schema_state()).await;
    let asked = asked.unwrap_or(Err(StoreError::DeadlineExceeded(PATIENCE)));
    let (database, migrations) = match asked {
        Ok(state) => {
            let detail = if state.pending.is_empty() {
                format!("revision {}", state.current)
            } else {
                format!(
                    "revision {}, {} pending",
                    state.current,
                    state.pending.len()
                )
            };
            let database = Check {
                ok: true,
                detail: store.engine().as_str().to_owned(),
            };
            (
                database,
                Check {
                    ok: state.pending.is_empty(),
                    detail,
                },
            )
        }
        Err(error) => {
            tracing::debug!(%error, "not ready");
            let away = |detail: &str| Check {
                ok: false,
                detail: detail.to_owned(),
            };
            (away("the database does not answer"), away("unknown"))
        }
    };
    let flusher = check_flusher(&flusher.health());
    let ready = database.ok && migrations.ok && flusher.ok;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = if ready { "ready" } else { "not ready" };
    let checks = Checks {
        database,
        migrations,
        flusher,
    };
    (
        status,
        Json(Readiness {
            status: word.to_owned(),
            checks,
            warnings: notices.show(in_full),
        }),
    )
        .into_response()
}

fn check_flusher(health: &FlusherHealth) -> Check {
    let detail = match (health.consecutive_failures, health.last_success) {
        (0, Some(_)) => "the last write succeeded".to_owned(),
        (0, None) => "nothing was written yet".to_owned(),
        (failures, _) => format!("{failures} writes failed in a row"),
    };
    Check {
        ok: !health.is_stuck(),
        detail,
    }
}
