//! Signals and nice values.

use axum::extract::State;
use futures_util::StreamExt as _;

use super::acts::{ActId, Whole};
use crate::acts::{Acts, NotDone, action, target};
use crate::error::ApiError;
use crate::extract::{ApiJson, Caller, PathPid, scope};
use crate::json::Json;
use linux_api_acts::protocol::{Effect, ReniceProcess, SignalProcess, Verb};
use linux_api_store::Store;
use linux_api_wire::api::acts::{
    ActOutcome, ProcessActResult, ProcessActResults, ProcessIdentity, SendSignal, SendSignals,
    SetNice, SetNices, SignalName,
};

/// The most processes of one request.
const MOST: usize = 100;
/// So many at once: the executor serves 32 connections.
const AT_ONCE: usize = 20;

type ActingCaller = Caller<scope::ProcessesAct>;

/// Send a signal to a process
///
/// As far as the host's policy allows. A process that has ended, or whose number is another's by now, gets
/// nothing: 409 `process_gone`.
#[utoipa::path(
    post,
    path = "/api/v1/system/processes/{pid}/signal",
    tag = "acts",
    params(
        ("pid" = u32, Path, description = "Number of the process"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 120, description = "Names the request: \
            the same one again within 24 hours gets the first result and is not done twice")
    ),
    request_body = SendSignal,
    responses((status = 200, description = "It was sent", body = ProcessActResult))
)]
pub(crate) async fn signal_process(
    caller: ActingCaller,
    State(acts): State<Acts>,
    PathPid(pid): PathPid,
    id: ActId,
    ApiJson(body): ApiJson<Whole<SendSignal>>,
) -> Result<Json<ProcessActResult>, ApiError> {
    let body = body.get()?;
    let process = ProcessIdentity {
        pid,
        start_ticks: body.start_ticks,
    };
    let verb = signal(process, body.signal, body.escalate_after);
    one(&acts, &caller, &id, process, verb).await
}

/// Change the nice value of a process
///
/// Of all its threads, as far as the host's policy allows.
#[utoipa::path(
    post,
    path = "/api/v1/system/processes/{pid}/renice",
    tag = "acts",
    params(
        ("pid" = u32, Path, description = "Number of the process"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 120, description = "Names the request: \
            the same one again within 24 hours gets the first result and is not done twice")
    ),
    request_body = SetNice,
    responses((status = 200, description = "It was changed", body = ProcessActResult))
)]
pub(crate) async fn renice_process(
    caller: ActingCaller,
    State(acts): State<Acts>,
    PathPid(pid): PathPid,
    id: ActId,
    ApiJson(body): ApiJson<Whole<SetNice>>,
) -> Result<Json<ProcessActResult>, ApiError> {
    let body = body.get()?;
    let process = ProcessIdentity {
        pid,
        start_ticks: body.start_ticks,
    };
    one(&acts, &caller, &id, process, renice(process, body.nice)).await
}

/// Send a signal to several processes
///
/// The response is 200 with a result for each, in the order of the request.
#[utoipa::path(
    post,
    path = "/api/v1/system/processes/signal",
    tag = "acts",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 120, description = "Names the request: \
        the same one again within 24 hours gets the first results and is not done twice")),
    request_body = SendSignals,
    responses((status = 200, description = "A result for each", body = ProcessActResults))
)]
pub(crate) async fn signal_processes(
    caller: ActingCaller,
    State(acts): State<Acts>,
    State(store): State<Store>,
    id: ActId,
    ApiJson(body): ApiJson<Whole<SendSignals>>,
) -> Result<Json<ProcessActResults>, ApiError> {
    let body = body.get()?;
    let verb = |process| signal(process, body.signal, body.escalate_after);
    all(&acts, &store, &caller, &id, &body.processes, verb).await
}

/// Change the nice values of several processes
///
/// The response is 200 with a result for each, in the order of the request.
#[utoipa::path(
    post,
    path = "/api/v1/system/processes/renice",
    tag = "acts",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 120, description = "Names the request: \
        the same one again within 24 hours gets the first results and is not done twice")),
    request_body = SetNices,
    responses((status = 200, description = "A result for each", body = ProcessActResults))
)]
pub(crate) async fn renice_processes(
    caller: ActingCaller,
    State(acts): State<Acts>,
    State(store): State<Store>,
    id: ActId,
    ApiJson(body): ApiJson<Whole<SetNices>>,
) -> Result<Json<ProcessActResults>, ApiError> {
    let body = body.get()?;
    let verb = |process| renice(process, body.nice);
    all(&acts, &store, &caller, &id, &body.processes, verb).await
}

async fn one(
    acts: &Acts,
    caller: &ActingCaller,
    id: &ActId,
    process: ProcessIdentity,
    verb: Verb,
) -> Result<Json<ProcessActResult>, ApiError> {
    let about = target(&verb);
    let done = acts.perform(caller, id.one(), verb).await;
    acts.record().await;
    match done {
        Ok(effect) => Ok(Json(result(process, effect))),
        Err(not_done) => Err(ApiError::from(not_done).about(about)),
    }
}

async fn all(
    acts: &Acts,
    store: &Store,
    caller: &ActingCaller,
    id: &ActId,
    processes: &[ProcessIdentity],
    verb: impl Fn(ProcessIdentity) -> Verb,
) -> Result<Json<ProcessActResults>, ApiError> {
    if !(1..=MOST).contains(&processes.len()) {
        let message = format!("processes: 1 to {MOST} are possible");
        return Err(NotDone::arguments(message).into());
    }
    // What is wrong for all of them is no result of each.
    if let Some(first) = processes.first() {
        verb(*first).check().map_err(NotDone::arguments)?;
    }
    let each = processes.iter().enumerate().map(|(place, process)| {
        let (process, verb) = (*process, verb(*process));
        async move {
            let (action, target) = (action(&verb), target(&verb));
            match acts.perform(caller, id.of(place), verb).await {
                Ok(effect) => result(process, effect),
                Err(not_done) => {
                    if not_done.is_refusal() {
                        let (origin, reason) = (caller.origin(), not_done.reason().to_owned());
                        let noted = store.note_refusal(&origin, action, target, reason).await;
                        if let Err(error) = noted {
                            tracing::warn!(%error, "a refused act is missing from the audit log");
                        }
                    }
                    not_done.into_result(process.pid, process.start_ticks)
                }
            }
        }
    });
    let each: Vec<_> = each.collect();
    let results = futures_util::stream::iter(each).buffered(AT_ONCE);
    let results = results.collect().await;
    acts.record().await;
    Ok(Json(ProcessActResults { results }))
}

fn result(process: ProcessIdentity, effect: Effect) -> ProcessActResult {
    let mut result = ProcessActResult {
        pid: process.pid,
        start_ticks: process.start_ticks,
        outcome: ActOutcome::Done,
        ended: None,
        killed: None,
        nice_before: None,
        code: None,
        message: None,
        remedy: None,
    };
    match effect {
        Effect::Signalled {
            ended,
            killed,
            spared,
        } => {
            result.ended = Some(ended);
            result.killed = Some(killed);
            result.message = spared;
        }
        Effect::Reniced { from, .. } => result.nice_before = Some(from),
        Effect::Allowed(_) | Effect::Unit { .. } => {}
    }
    result
}

const fn signal(process: ProcessIdentity, signal: SignalName, escalate_after: Option<u8>) -> Verb {
    Verb::Signal(SignalProcess {
        process,
        signal,
        escalate_after,
    })
}

const fn renice(process: ProcessIdentity, nice: i8) -> Verb {
    Verb::Renice(ReniceProcess { process, nice })
}
