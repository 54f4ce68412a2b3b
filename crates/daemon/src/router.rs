//! All routes on one screen.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tower::Layer;
use utoipa::openapi::OpenApi;
use utoipa::openapi::tag::TagBuilder;
use utoipa_axum::routes;

use super::edge::{Edge, EdgeLayer, EdgeState, UNDOCUMENTED};
use super::old_routes::OldRoutes;
use super::openapi;
use super::route_list::{Entry, Routes};
use super::routes::{
    acts, admin, alerts, audit, docs, exposition, fleet, health, history, keys, load, logs,
    metrics, network, process_acts, processes, service, snapshot, system, unit_acts, units, users,
};
use super::state::SharedState;
use linux_api_wire::api_key::Scope::{
    AlertsRead, AlertsWrite, AuditRead, HostRead, KeysSelf, LogsRead, MetricsRead, ProcessesAct,
    StatsRead, UnitsAct, UsersAdmin,
};
use linux_api_wire::audit::Action;

/// Every documented route, the document itself, and who may call what.
///
/// `old` are routes that another crate brings along.
pub(crate) fn documented(
    old: Option<&mut OldRoutes>,
) -> (Router<SharedState>, OpenApi, Vec<Entry>) {
    let mut listed = add_v1(Routes::with_document(openapi::base()));
    let mut heading = None;
    if let Some(old) = old {
        listed = listed.merge(std::mem::take(&mut old.routes));
        heading = Some((old.tag, old.deprecation.prefix));
    }
    let (router, mut document, entries) = listed.split();
    if let Some(((name, description), _)) = heading {
        let tag = TagBuilder::new().name(name).description(Some(description));
        document.tags.get_or_insert_default().push(tag.build());
    }
    openapi::complete(&mut document, heading.map(|(_, prefix)| prefix));
    (router, document, entries)
}

/// The same routes without the document, which takes megabytes while it is made.
pub(crate) fn undocumented(old: Option<&mut OldRoutes>) -> (Router<SharedState>, Vec<Entry>) {
    let mut listed = add_v1(Routes::undocumented());
    if let Some(old) = old {
        listed = listed.merge(std::mem::take(&mut old.routes));
    }
    let (router, _, entries) = listed.split();
    (router, entries)
}

#[rustfmt::skip]
fn add_v1(routes: Routes) -> Routes {
    routes
        .public(routes!(service::greet))
        .public(routes!(service::probe_liveness))
        .public(routes!(service::probe_readiness))
        // For Prometheus: with a key, or from the networks in metrics.networks.
        .read(MetricsRead, routes!(exposition::show_exposition))
        // The caller.
        .change(UsersAdmin, Action::UserCreate, routes!(users::register_user))
        .change(KeysSelf, Action::UserDelete, routes!(users::delete_user))
        .read(KeysSelf, routes!(users::show_current_user))
        .read(KeysSelf, routes!(keys::list_own_keys))
        .change(KeysSelf, Action::KeyCreate, routes!(keys::create_own_key))
        .change(KeysSelf, Action::KeyRevoke, routes!(keys::revoke_own_key))
        .change(KeysSelf, Action::KeyRotate, routes!(keys::rotate_own_key))
        // Admins.
        .read(UsersAdmin, routes!(admin::list_users))
        .change(UsersAdmin, Action::UserRole, routes!(admin::set_user_role))
        .change(UsersAdmin, Action::UserHosts, routes!(admin::set_user_hosts))
        .change(UsersAdmin, Action::UserActivate, routes!(admin::activate_user))
        .change(UsersAdmin, Action::UserDeactivate, routes!(admin::deactivate_user))
        .change(UsersAdmin, Action::UserProtect, routes!(admin::protect_user))
        .read(UsersAdmin, routes!(keys::list_user_keys))
        .change(UsersAdmin, Action::KeyCreate, routes!(keys::create_user_key))
        .change(UsersAdmin, Action::KeyRevoke, routes!(keys::revoke_user_key))
        .change(UsersAdmin, Action::KeyRotate, routes!(keys::rotate_user_key))
        .read(AuditRead, routes!(audit::list_audit))
        // Statistics.
        .read(StatsRead, routes!(metrics::list_global_metrics))
        .read(StatsRead, routes!(metrics::list_route_metrics))
        .read(StatsRead, routes!(metrics::list_status_code_metrics))
        .read(StatsRead, routes!(health::show_metrics_health))
        .read(StatsRead, routes!(health::show_database_health))
        .read(HostRead, routes!(fleet::list_hosts))
        .change(UsersAdmin, Action::HostForget, routes!(fleet::forget_host))
        // The host.
        .read(HostRead, routes!(snapshot::show_snapshot))
        .read(HostRead, routes!(snapshot::stream_snapshots))
        .read(HostRead, routes!(history::show_history))
        .read(HostRead, routes!(history::list_series))
        .read(HostRead, routes!(system::show_uptime))
        .read(HostRead, routes!(system::list_processes))
        .read(HostRead, routes!(system::show_system_info))
        .read(HostRead, routes!(system::show_system_user))
        .read(HostRead, routes!(processes::query_processes))
        .read(HostRead, routes!(processes::show_process))
        .read(HostRead, routes!(network::show_network))
        .read(HostRead, routes!(units::list_units))
        .read(HostRead, routes!(units::show_unit))
        .read(LogsRead, routes!(logs::list_logs))
        .read(LogsRead, routes!(logs::stream_logs))
        .read(HostRead, routes!(load::show_load_average))
        .read(HostRead, routes!(load::show_cpu_average))
        .read(HostRead, routes!(load::show_system_average))
        .read(HostRead, routes!(load::list_load_values))
        .read(HostRead, routes!(load::list_cpu_values))
        .read(HostRead, routes!(load::list_system_values))
        // Alerts.
        .read(AlertsRead, routes!(alerts::active::list_alerts))
        .read(AlertsRead, routes!(alerts::history::list_alert_history))
        .change(AlertsWrite, Action::AlertAcknowledge, routes!(alerts::active::acknowledge_alert))
        .change(AlertsWrite, Action::AlertRelease, routes!(alerts::brakes::release_brake))
        .read(AlertsRead, routes!(alerts::rules::list_rules))
        .change(AlertsWrite, Action::AlertRule, routes!(alerts::rules::put_rule))
        .change(AlertsWrite, Action::AlertRuleDelete, routes!(alerts::rules::delete_rule))
        .read(AlertsRead, routes!(alerts::preview::preview_rule))
        .read(AlertsRead, routes!(alerts::silences::list_silences))
        .change(AlertsWrite, Action::AlertSilence, routes!(alerts::silences::add_silence))
        .change(AlertsWrite, Action::AlertUnsilence, routes!(alerts::silences::end_silence))
        .read(AlertsRead, routes!(alerts::channels::list_channels))
        .change(AlertsWrite, Action::AlertTest, routes!(alerts::channels::test_channel))
        .read(AlertsRead, routes!(alerts::channels::list_deliveries))
        // Acts on the host, as far as its policy allows.
        .read(HostRead, routes!(acts::show_act_state))
        .change(ProcessesAct, Action::ProcessSignal, routes!(process_acts::signal_process))
        .change(ProcessesAct, Action::ProcessSignal, routes!(process_acts::signal_processes))
        .change(ProcessesAct, Action::ProcessRenice, routes!(process_acts::renice_process))
        .change(ProcessesAct, Action::ProcessRenice, routes!(process_acts::renice_processes))
        .change(UnitsAct, Action::UnitStart, routes!(unit_acts::start_unit))
        .change(UnitsAct, Action::UnitStop, routes!(unit_acts::stop_unit))
        .change(UnitsAct, Action::UnitRestart, routes!(unit_acts::restart_unit))
        .change(UnitsAct, Action::UnitReload, routes!(unit_acts::reload_unit))
        .change(UnitsAct, Action::UnitResetFailed, routes!(unit_acts::reset_failed_unit))
        .change(UnitsAct, Action::UnitEnable, routes!(unit_acts::enable_unit))
        .change(UnitsAct, Action::UnitDisable, routes!(unit_acts::disable_unit))
        .change(UnitsAct, Action::UnitLimits, routes!(unit_acts::limit_unit))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_the_same_without_their_document() {
        let list = |entries: Vec<Entry>| -> Vec<_> {
            let one = |entry: Entry| (entry.template, entry.method, entry.scope, entry.action);
            entries.into_iter().map(one).collect()
        };
        let all = list(documented(None).2);
        assert!(all.len() > 40);
        assert_eq!(list(undocumented(None).1), all);
    }
}
