//! The daemon itself: greeting and probes. No key is needed here.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::extract::FromThisHost;
use crate::json::Json;
use crate::notices::Notices;
use crate::state::{Docs, HistorySince};
use crate::tasks::flusher::{FlusherHandle, FlusherHealth};
use linux_api_store::{Availability, Store, StoreError};
use linux_api_wire::api::health::{Check, Checks, Liveness, Readiness, Welcome};

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
/// The database responds, its schema is right, and queued measurements are being written.
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
    State(HistorySince(since)): State<HistorySince>,
    FromThisHost(in_full): FromThisHost,
) -> Response {
    let state = store.availability().borrow().clone();
    let found = if state.is_ready() {
        look_at_schema(&store).await
    } else {
        DatabaseChecks::of(&state, in_full)
    };
    let (database, migrations) = (found.database, found.migrations);
    let flusher = check_flusher(&flusher.health());
    let code = if notices.has_failed() {
        Some("task_failed")
    } else if found.code.is_none() && !flusher.ok {
        Some("flusher_stuck")
    } else {
        found.code
    };
    let (status, word) = match code {
        None => (StatusCode::OK, "ready"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let checks = Checks {
        database,
        migrations,
        flusher,
    };
    (
        status,
        Json(Readiness {
            status: word.to_owned(),
            code: code.map(str::to_owned),
            checks,
            warnings: notices.show(in_full),
            ephemeral: since.is_some(),
            history_since: since.map(|since| since.to_string()),
        }),
    )
        .into_response()
}

/// What readiness says of the database.
struct DatabaseChecks {
    code: Option<&'static str>,
    database: Check,
    migrations: Check,
}

fn check(ok: bool, detail: impl Into<String>) -> Check {
    Check {
        ok,
        detail: detail.into(),
    }
}

/// For clients from other hosts, which don't get addresses and names of the network behind the daemon.
const AWAY: &str = "the database does not respond";

impl DatabaseChecks {
    /// Of a database that is not in use, from what is known of it: it is not queried.
    fn of(state: &Availability, in_full: bool) -> Self {
        let reason = state.reason();
        let (database, migrations) = match state {
            Availability::Ready => (check(true, ""), check(true, "")),
            Availability::Away(_) if in_full => (check(false, &*reason), check(false, "unknown")),
            Availability::Away(_) => (check(false, AWAY), check(false, "unknown")),
            Availability::Preparing { .. } => {
                let step = format!("migrating: {reason}");
                (check(true, "being prepared"), check(false, step))
            }
            Availability::Refused(obstacle) => {
                let shown = if in_full { &*reason } else { obstacle.code };
                let is_of_schema = ["schema_too_new", "schema_altered", "migrations_pending"]
                    .contains(&obstacle.code)
                    || obstacle.code == "migration_failed";
                if is_of_schema {
                    (check(true, "not used"), check(false, shown))
                } else {
                    (check(false, shown), check(false, "unknown"))
                }
            }
        };
        Self {
            code: Some(state.code()),
            database,
            migrations,
        }
    }
}

async fn look_at_schema(store: &Store) -> DatabaseChecks {
    let found = tokio::time::timeout(PATIENCE, store.schema_state()).await;
    match found.unwrap_or(Err(StoreError::DeadlineExceeded(PATIENCE))) {
        Ok(state) => {
            let pending = state.pending.len();
            let detail = if pending == 0 {
                format!("revision {}", state.current)
            } else {
                format!("revision {}, {pending} pending", state.current)
            };
            DatabaseChecks {
                code: (pending > 0).then_some("migrations_pending"),
                database: check(true, store.engine().as_str()),
                migrations: check(pending == 0, detail),
            }
        }
        Err(error) => {
            tracing::debug!(%error, "not ready");
            DatabaseChecks {
                code: Some("database_away"),
                database: check(false, AWAY),
                migrations: check(false, "unknown"),
            }
        }
    }
}

fn check_flusher(health: &FlusherHealth) -> Check {
    let detail = match (health.consecutive_failures, health.last_success) {
        (0, Some(_)) => "the last write succeeded".to_owned(),
        (0, None) => "nothing was written yet".to_owned(),
        (1, _) => "the last write failed".to_owned(),
        (failures, _) => format!("the last {failures} writes failed"),
    };
    Check {
        ok: !health.is_stuck(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_writes_are_counted_in_words() {
        let said = |consecutive_failures| {
            let health = FlusherHealth {
                consecutive_failures,
                ..FlusherHealth::default()
            };
            check_flusher(&health).detail
        };
        assert_eq!(said(0), "nothing was written yet");
        assert_eq!(said(1), "the last write failed");
        assert_eq!(said(2), "the last 2 writes failed");
    }
}
