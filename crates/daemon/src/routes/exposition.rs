//! The daemon and its host for Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use crate::exposition::{Exposition, Format};
use crate::extract::Scraper;
use crate::json::exactly;
use crate::state::SharedState;

/// Show all series of the daemon and its host
///
/// For Prometheus and compatible scrapers: OpenMetrics 1.0 for clients that accept it, else the format
/// 0.0.4. The host's series have node_exporter's names. Without a key it serves addresses in
/// `metrics.networks`.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    responses((
        status = 200,
        description = "The series",
        content(
            (String = "text/plain; version=0.0.4; charset=utf-8"),
            (String = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        )
    ))
)]
pub(crate) async fn show_exposition(
    _scraper: Scraper,
    State(state): State<SharedState>,
    headers: HeaderMap,
) -> Response {
    let metrics = state.collector.metrics().await;
    let (counters, process) = state.collector.counters();
    let format = Format::wanted(&headers);
    let exposition = Exposition {
        time: state.clock.now(),
        host: counters,
        metrics,
        snapshot: state.host.newest(),
        process,
        requests: state.recorder.totals(),
        flusher: state.flusher.health(),
        dropped_minutes: state.host.dropped_minutes(),
        left_out_series: state.host.left_out_series() as u64,
        engine: state.store.engine(),
        pool: state.store.pool_state(),
        alerts: state.alerts.own_states(),
        alerts_health: state.alerts.health(),
    };
    let text = exposition.render(format);
    let body = exactly(text.into_bytes());
    ([(header::CONTENT_TYPE, format.kind())], body).into_response()
}
