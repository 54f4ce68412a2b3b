//! The daemon itself: greeting, probes, documentation. No key is needed here.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::health::{Check, Checks, Liveness, Readiness, Welcome};
use crate::server::edge::DOCS_CONTENT_SECURITY;
use crate::server::error::ApiError;
use crate::server::extract::FromThisHost;
use crate::server::notices::Notices;
use crate::server::state::Docs;
use crate::store::Store;
use crate::tasks::flusher::{FlusherHandle, FlusherHealth};

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

/// Probe whether the process lives
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

/// Probe whether the daemon can work
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
    let (database, migrations) = match store.schema_state().await {
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

/// The OpenAPI document.
pub(crate) async fn show_openapi(State(docs): State<Docs>) -> Result<Response, ApiError> {
    if !docs.enabled {
        return Err(ApiError::not_found());
    }
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], docs.openapi.to_string()).into_response())
}

/// The first page of the documentation. Its files are asked for below `/docs/`.
pub(crate) async fn show_docs(State(docs): State<Docs>) -> Result<Response, ApiError> {
    serve_file(&docs, "index.html")
}

/// A file of the documentation.
pub(crate) async fn show_docs_file(
    State(docs): State<Docs>,
    Path(file): Path<String>,
) -> Result<Response, ApiError> {
    serve_file(&docs, &file)
}

fn serve_file(docs: &Docs, name: &str) -> Result<Response, ApiError> {
    if !docs.enabled {
        return Err(ApiError::not_found());
    }
    let config = utoipa_swagger_ui::Config::from("/openapi.json")
        .display_request_duration(true)
        .persist_authorization(false)
        .validator_url("none");
    let file = utoipa_swagger_ui::serve(name, Arc::new(config))
        .map_err(|error| ApiError::internal(&error))?
        .ok_or_else(ApiError::not_found)?;
    let kind =
        HeaderValue::from_str(&file.content_type).map_err(|error| ApiError::internal(&error))?;
    let mut bytes = file.bytes.into_owned();
    if name == "index.html" {
        // The page may be shown at /docs, its files are below /docs/.
        let page =
            String::from_utf8_lossy(&bytes).replacen("<head>", "<head><base href=\"/docs/\">", 1);
        bytes = page.into_bytes();
    }
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, DOCS_CONTENT_SECURITY),
    ];
    Ok((headers, bytes).into_response())
}
