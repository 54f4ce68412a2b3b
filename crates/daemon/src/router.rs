//! All routes on one screen.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tower::Layer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::edge::{Edge, EdgeLayer, EdgeState, UNDOCUMENTED};
use super::openapi;
use super::routes::{
    admin, audit, docs, exposition, fleet, health, history, keys, legacy, load, metrics, processes,
    service, snapshot, system, users,
};
use super::state::SharedState;

/// Every documented route and the document itself.
///
/// The legacy routes are among them when they are switched on.
pub(crate) fn documented(legacy: bool) -> (Router<SharedState>, OpenApi) {
    let router = OpenApiRouter::with_openapi(openapi::base())
        // Without a key; edge/routes.rs lists the same.
        .routes(routes!(service::greet))
        .routes(routes!(service::probe_liveness))
        .routes(routes!(service::probe_readiness))
        // For Prometheus: with a key, or from the networks in metrics.networks.
        .routes(routes!(exposition::show_exposition))
        // The caller.
        .routes(routes!(users::register_user))
        .routes(routes!(users::delete_user))
        .routes(routes!(users::show_current_user))
        .routes(routes!(keys::list_own_keys, keys::create_own_key))
        .routes(routes!(keys::revoke_own_key))
        .routes(routes!(keys::rotate_own_key))
        // Admins.
        .routes(routes!(admin::list_users))
        .routes(routes!(admin::set_user_role))
        .routes(routes!(admin::activate_user))
        .routes(routes!(admin::deactivate_user))
        .routes(routes!(admin::protect_user))
        .routes(routes!(keys::list_user_keys, keys::create_user_key))
        .routes(routes!(keys::revoke_user_key))
        .routes(routes!(keys::rotate_user_key))
        .routes(routes!(audit::list_audit))
        // Statistics.
        .routes(routes!(metrics::list_global_metrics))
        .routes(routes!(metrics::list_route_metrics))
        .routes(routes!(metrics::list_status_code_metrics))
        .routes(routes!(health::show_metrics_health))
        .routes(routes!(health::show_database_health))
        .routes(routes!(fleet::list_hosts))
        // The host.
        .routes(routes!(snapshot::show_snapshot))
        .routes(routes!(snapshot::stream_snapshots))
        .routes(routes!(history::show_history))
        .routes(routes!(history::list_series))
        .routes(routes!(system::show_uptime))
        .routes(routes!(system::list_processes))
        .routes(routes!(system::show_system_info))
        .routes(routes!(system::show_system_user))
        .routes(routes!(processes::query_processes))
        .routes(routes!(processes::show_process))
        .routes(routes!(load::show_load_average))
        .routes(routes!(load::show_cpu_average))
        .routes(routes!(load::show_system_average))
        .routes(routes!(load::list_load_values))
        .routes(routes!(load::list_cpu_values))
        .routes(routes!(load::list_system_values));
    let router = if legacy {
        router
            .routes(routes!(legacy::show_legacy_caller))
            .routes(routes!(legacy::greet_legacy_admin))
            .routes(routes!(legacy::list_legacy_users))
            .routes(routes!(legacy::create_legacy_user))
            .routes(routes!(legacy::delete_legacy_user))
            .routes(routes!(legacy::show_legacy_uptime))
            .routes(routes!(legacy::show_legacy_processes))
            .routes(routes!(legacy::show_legacy_info))
            .routes(routes!(legacy::show_legacy_system_user))
            .routes(routes!(legacy::show_legacy_load))
    } else {
        router
    };
    let (router, mut document) = router.split_for_parts();
    openapi::complete(&mut document);
    (router, document)
}

/// The whole service: the edge, and behind it the router. The edge finds the route by itself, so that
/// what is wrapped around each route of the router stays thin: axum copies and boxes it per request.
pub(crate) fn service(
    router: Router<SharedState>,
    state: SharedState,
    edge: Arc<EdgeState>,
) -> Edge<Router> {
    let [document, page, folder, files] = UNDOCUMENTED;
    let router = router
        .route(document, get(docs::show_openapi))
        .route(page, get(docs::show_docs))
        .route(folder, get(docs::show_docs))
        .route(files, get(docs::show_docs_file))
        .with_state(state);
    EdgeLayer(edge).layer(router)
}
