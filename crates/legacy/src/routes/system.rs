//! The host, as the legacy routes show it.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa::IntoParams;

use crate::bodies::{LegacyInfo, LegacyLoad, LegacyLoads};
use linux_api_daemon::handler::{
    ApiError, ApiQuery, Caller, FromQuery, Json, QueryReader, ShowSystemUser, WrittenJson,
    WrittenList, list_processes, scope, show_system_info, show_system_user, show_uptime,
};
use linux_api_daemon::tasks::sampler::LoadSampler;
use linux_api_host::Collector;
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api::system::{ListedProcess, NamedAccount, Uptime};
use linux_api_wire::host::LoadValue;
use linux_api_wire::time::Clock;

/// Show the uptime
#[utoipa::path(
    get,
    path = "/api/legacy/system/uptime",
    tag = "legacy",
    responses((status = 200, description = "The uptime", body = Uptime))
)]
pub(super) async fn show_legacy_uptime(
    caller: Caller<scope::HostRead>,
    collector: State<Collector>,
) -> Result<Json<Uptime>, ApiError> {
    show_uptime(caller, collector).await
}

/// List processes
#[utoipa::path(
    get,
    path = "/api/legacy/system/processes",
    tag = "legacy",
    responses((status = 200, description = "All processes", body = Vec<ListedProcess>))
)]
pub(super) async fn show_legacy_processes(
    caller: Caller<scope::HostRead>,
    collector: State<Collector>,
    written: State<WrittenList>,
) -> Result<WrittenJson, ApiError> {
    list_processes(caller, collector, written).await
}

/// Show what the host is
#[utoipa::path(
    get,
    path = "/api/legacy/system/system-infos",
    tag = "legacy",
    responses((status = 200, description = "What the host is", body = LegacyInfo))
)]
pub(super) async fn show_legacy_info(
    caller: Caller<scope::HostRead>,
    collector: State<Collector>,
    clock: State<Clock>,
) -> Result<Json<LegacyInfo>, ApiError> {
    let Json(info) = show_system_info(caller, collector, clock).await?;
    Ok(Json(info.into()))
}

/// Show a Linux account
#[utoipa::path(
    get,
    path = "/api/legacy/system/system-user",
    tag = "legacy",
    params(ShowSystemUser),
    responses(
        (status = 200, description = "The account under its name", body = NamedAccount),
        (status = 404, description = "There is no such account", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn show_legacy_system_user(
    caller: Caller<scope::HostRead>,
    collector: State<Collector>,
    query: ApiQuery<ShowSystemUser>,
) -> Result<Json<NamedAccount>, ApiError> {
    let shown = show_system_user(caller, collector, query).await;
    shown.map_err(|error| {
        if error.status() == StatusCode::NOT_FOUND {
            let detail = "User not found on the system";
            ApiError::new(StatusCode::NOT_FOUND, "account_not_found", detail)
        } else {
            error
        }
    })
}

/// How to show the load.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ShowLegacyLoad {
    /// To how many digits behind the point values are rounded; negative ones round before it.
    #[param(default = 2, required = false)]
    decimal_places: i64,
    /// How many of the newest minutes to list.
    #[param(minimum = 1, maximum = 1440, default = 3, required = false)]
    last_load_length: i64,
}

impl FromQuery for ShowLegacyLoad {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            decimal_places: query.integer("decimal_places", i64::MIN..=i64::MAX, 2),
            last_load_length: query.integer("last_load_length", 1..=1440, 3),
        }
    }
}

/// Show load and processor use
///
/// Averages and the newest minutes; the processors' are fractions.
#[utoipa::path(
    get,
    path = "/api/legacy/system/avg-load",
    tag = "legacy",
    params(ShowLegacyLoad),
    responses((status = 200, description = "Both", body = LegacyLoad))
)]
pub(super) async fn show_legacy_load(
    _caller: Caller<scope::HostRead>,
    State(load): State<LoadSampler>,
    ApiQuery(query): ApiQuery<ShowLegacyLoad>,
) -> Json<LegacyLoad> {
    let count = usize::try_from(query.last_load_length).unwrap_or(1);
    let values = load.values(count).unwrap_or_default();
    let averages = load.averages();
    let places = query.decimal_places;
    let loads = |average: Option<f64>, value: fn(&LoadValue) -> f64| LegacyLoads {
        average_load: rounded(average.unwrap_or_default(), places),
        last_loads: values
            .iter()
            .map(|one| rounded(value(one), places))
            .collect(),
    };
    Json(LegacyLoad {
        system: loads(averages.map(|all| all.load_one), |one| one.load_one),
        cpu: loads(averages.map(|all| all.cpu_fraction), |one| one.cpu_fraction),
    })
}

/// As Python rounds: to the nearest, halves to the even digit.
fn rounded(value: f64, places: i64) -> f64 {
    if let Ok(digits) = usize::try_from(places) {
        // More digits than these change nothing.
        return format!("{value:.*}", digits.min(17))
            .parse()
            .unwrap_or(value);
    }
    let unit = 10_f64.powi(i32::try_from(places.max(-300).unsigned_abs()).unwrap_or(300));
    (value / unit).round_ties_even() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_as_python_does() {
        for (value, places, expected) in [
            (3.436_2, 2, 3.44),
            (2.675, 2, 2.67),
            (0.5, 0, 0.0),
            (1.5, 0, 2.0),
            (3.43, 100, 3.43),
            (17.0, -1, 20.0),
            (25.0, -1, 20.0),
            (3.0, i64::MIN, 0.0),
        ] {
            assert!(
                (rounded(value, places) - expected).abs() < 1e-12,
                "{value} {places}"
            );
        }
    }
}
