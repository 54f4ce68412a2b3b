//! Units: start, stop, limit.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;

use super::acts::{ActId, Whole};
use crate::acts::Acts;
use crate::error::ApiError;
use crate::extract::{ApiJson, Caller, path_field, scope};
use crate::journal::Journal;
use crate::json::Json;
use linux_api_acts::names::UnitName;
use linux_api_acts::protocol::{Effect, Unit, UnitLimits, Verb};
use linux_api_host::units::AnyUnit;
use linux_api_wire::api::acts::{SetUnitLimits, UnitActResult};
use linux_api_wire::api::problem::FieldProblem;
use linux_api_wire::api::units::UnitLogLine;
use linux_api_wire::api_key::Scope;
use linux_api_wire::time::{Clock, Timestamp};

/// So many lines of the unit's log come with the result of an act.
const LOG_LINES: usize = 10;

type ActingCaller = Caller<scope::UnitsAct>;

/// The `{name}` of the path: a unit that can be acted on.
#[derive(Debug)]
pub(crate) struct PathUnitName(UnitName);

impl<A: Send + Sync> FromRequestParts<A> for PathUnitName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, ApiError> {
        let text = path_field(parts, state, "name").await?;
        UnitName::try_from(text).map(Self).map_err(|error| {
            ApiError::invalid(vec![FieldProblem {
                location: vec!["path".to_owned(), "name".to_owned()],
                message: error.to_string(),
            }])
        })
    }
}

/// The handlers of verbs that take nothing but the unit.
macro_rules! unit_verbs {
    ($($(#[$doc:meta])* $name:ident $path:literal $verb:ident;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post,
            path = $path,
            tag = "acts",
            params(
                ("name" = String, Path, description = "Name of the unit, such as nginx.service"),
                ("Idempotency-Key" = Option<String>, Header, max_length = 120, description = "Names the \
                    request: the same one again within 24 hours gets the first result and is not done twice")
            ),
            responses((status = 200, description = "What became of it; a job can have failed", body = UnitActResult))
        )]
        pub(crate) async fn $name(
            caller: ActingCaller,
            State(acts): State<Acts>,
            State(clock): State<Clock>,
            State(journal): State<Journal>,
            PathUnitName(unit): PathUnitName,
            id: ActId,
        ) -> Result<Json<UnitActResult>, ApiError> {
            act(&acts, (&clock, &journal), &caller, &id, Verb::$verb(Unit { unit })).await
        }
    )*};
}

unit_verbs! {
    /// Start a unit
    ///
    /// As far as the host's policy allows. The response is 200 also when systemd's job failed: `job` says so,
    /// and `log` has the last lines of the unit's log, for callers who may read logs.
    start_unit "/api/v1/system/units/{name}/start" Start;
    /// Stop a unit
    stop_unit "/api/v1/system/units/{name}/stop" Stop;
    /// Restart a unit
    ///
    /// The response is 200 also when systemd's job failed, as of the start.
    restart_unit "/api/v1/system/units/{name}/restart" Restart;
    /// Have a unit read its configuration again
    reload_unit "/api/v1/system/units/{name}/reload" Reload;
    /// Forget that a unit has failed
    reset_failed_unit "/api/v1/system/units/{name}/reset-failed" ResetFailed;
    /// Start a unit with the system from now on
    enable_unit "/api/v1/system/units/{name}/enable" Enable;
    /// Start a unit with the system no longer
    disable_unit "/api/v1/system/units/{name}/disable" Disable;
}

/// Limit what a service may use
///
/// Until the next boot, unless `persistent`. What is not named stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/system/units/{name}/limits",
    tag = "acts",
    params(
        ("name" = String, Path, description = "Name of the service, such as nginx.service"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 120, description = "Names the request: \
            the same one again within 24 hours gets the first result and is not done twice")
    ),
    request_body = SetUnitLimits,
    responses((status = 200, description = "They are set", body = UnitActResult))
)]
pub(crate) async fn limit_unit(
    caller: ActingCaller,
    State(acts): State<Acts>,
    State(clock): State<Clock>,
    State(journal): State<Journal>,
    PathUnitName(unit): PathUnitName,
    id: ActId,
    ApiJson(body): ApiJson<Whole<SetUnitLimits>>,
) -> Result<Json<UnitActResult>, ApiError> {
    let body = body.get()?;
    let verb = Verb::Limits(UnitLimits {
        unit,
        persistent: body.persistent,
        memory_max: body.memory_max,
        memory_high: body.memory_high,
        cpu_quota: body.cpu_quota,
        io_weight: body.io_weight,
        tasks_max: body.tasks_max,
    });
    act(&acts, (&clock, &journal), &caller, &id, verb).await
}

async fn act(
    acts: &Acts,
    (clock, journal): (&Clock, &Journal),
    caller: &ActingCaller,
    id: &ActId,
    verb: Verb,
) -> Result<Json<UnitActResult>, ApiError> {
    let began = clock.now();
    let done = acts.perform(caller, id.one(), verb).await;
    acts.record().await;
    let Effect::Unit {
        unit,
        job,
        pending,
        active,
        sub,
        result,
        exit_code,
        exit_signal,
    } = done?
    else {
        return Err(ApiError::internal(&"an act on a unit had another effect"));
    };
    let log = if caller.identity.allow(Scope::LogsRead).is_ok() {
        last_lines(journal, &unit, began).await
    } else {
        Vec::new()
    };
    Ok(Json(UnitActResult {
        unit,
        job,
        pending,
        active,
        sub,
        result,
        exit_code,
        exit_signal,
        log,
    }))
}

/// The last lines that a unit has written since a time, oldest first; none where the journal can't be read.
async fn last_lines(journal: &Journal, unit: &str, since: Timestamp) -> Vec<UnitLogLine> {
    let Ok(unit) = unit.parse::<AnyUnit>() else {
        return Vec::new();
    };
    let lines = journal.last_lines(&unit, Some(since), LOG_LINES).await;
    lines.unwrap_or_default()
}
