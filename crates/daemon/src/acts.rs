//! Acts on this host. Who may is decided here; what is possible, no matter who requests it, by the executor, which
//! alone has the rights to act.

mod automatic;
mod copies;
mod not_done;
mod words;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::error::ApiError;
use crate::extract::{Caller, RequiredScope};
use linux_api_acts::client::{CallError, Client};
use linux_api_acts::names::Word;
use linux_api_acts::protocol::{Effect, Outcome, PolicyState, Request, Response, Status, Verb};
use linux_api_host::units::Units;
use linux_api_store::{Store, StoreError};
use linux_api_wire::api::acts::ActState;
use linux_api_wire::api::health::ActsHealth;
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::time::Clock;
use linux_api_wire::user::Role;

pub(crate) use copies::Behind;
pub(crate) use not_done::NotDone;
pub(crate) use words::{action, target};

/// How long an act waits for the database, which may be what is to be restarted.
const RECORD: Duration = Duration::from_secs(1);
/// How long the executor may take to begin an act.
const WINDOW: Duration = Duration::from_secs(30);
/// For how long what the executor said of itself is good enough.
const STATUS_AGE: Duration = Duration::from_secs(10);
/// How long a request to act may take, independent of `server.request_timeout`: jobs of systemd's and
/// processes that end by themselves are waited for.
const LONGEST: Duration = Duration::from_secs(200);

/// How long a request may take that does `action`.
pub(crate) fn longest(action: Option<Action>, usual: Duration) -> Duration {
    if action.is_some_and(Action::is_act) {
        usual.max(LONGEST)
    } else {
        usual
    }
}

/// The executor of this host, and the copy of its log in the database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Acts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    store: Store,
    clock: Clock,
    units: Units,
    /// What the executor last said of itself, or why it did not.
    status: Mutex<Option<(Instant, Result<Status, Silence>)>>,
    /// One copies at a time.
    copying: tokio::sync::Mutex<()>,
    /// Acts that have begun and whose results were not copied yet.
    open: Mutex<HashMap<String, Instant>>,
    /// There is something to copy.
    due: Notify,
}

/// Why the executor said nothing.
#[derive(Debug, Clone)]
struct Silence {
    reason: String,
    remedy: Option<&'static str>,
}

/// An act that is ready to be requested: everything about its caller is known.
#[derive(Debug)]
struct ReadyAct {
    actor: Actor,
    role: Role,
    id: Word,
    verb: Verb,
}

impl Acts {
    /// Acts through the executor at `socket`, and records in this database. `units` are those that are listed.
    #[must_use]
    pub fn new(socket: &Path, store: Store, clock: Clock, units: Units) -> Self {
        Self(Arc::new(Inner {
            client: Client::new(socket),
            store,
            clock,
            units,
            status: Mutex::default(),
            copying: tokio::sync::Mutex::default(),
            open: Mutex::default(),
            due: Notify::new(),
        }))
    }

    /// Has the executor act for a caller, who is looked at once more. The act goes on when the client has
    /// gone meanwhile, so that it is recorded to its end.
    ///
    /// # Errors
    /// Why it was not done.
    pub(crate) async fn perform<S: RequiredScope>(
        &self,
        caller: &Caller<S>,
        id: Word,
        verb: Verb,
    ) -> Result<Effect, NotDone> {
        verb.check().map_err(NotDone::arguments)?;
        let here = self.0.store.own_labels();
        if caller.identity.allow_on(&here).is_err() {
            let (user, hosts) = (&caller.identity.user, &caller.identity.hosts);
            return Err(ApiError::other_host(&user.name, hosts, &here).into());
        }
        let (actor, role) = caller.actor_of_act().await?;
        let act = ReadyAct {
            actor,
            role,
            id,
            verb,
        };
        let acts = self.clone();
        let work = tokio::spawn(async move {
            let is_of_unit = act.verb.unit().is_some();
            let done = acts.carry_out(act).await;
            // Whatever became of it: a result that is lost was an act too.
            if is_of_unit {
                acts.0.units.note_change();
            }
            done
        });
        work.await
            .unwrap_or_else(|_| Err(ApiError::panicked().into()))
    }

    async fn carry_out(&self, act: ReadyAct) -> Result<Effect, NotDone> {
        let role = self.begin(&act).await?;
        match self.request(&act, self.request_of(&act, role)).await {
            Ok(Response {
                outcome: Outcome::Done(effect),
                ..
            }) => Ok(effect),
            Ok(response) => Err(NotDone::by_response(response, &act.verb)),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the row before an act. Returns the role that its actor has now.
    ///
    /// # Errors
    /// When the actor may not act any more.
    async fn begin(&self, act: &ReadyAct) -> Result<Role, ApiError> {
        let planned = words::planned(&act.id, &act.verb);
        // The last decision before the act, by the rows as they are now; while the database is away, by what
        // is known.
        match timeout(RECORD, self.0.store.begin_act(&act.actor, &planned)).await {
            Ok(Ok(now)) => return Ok(now),
            Ok(Err(error)) if error.is_outage() || matches!(error, StoreError::Full(_)) => {
                tracing::info!(%error, id = planned.id, "an act begins without the database");
            }
            // It responds, and what it says lets no one act.
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => tracing::info!(id = planned.id, "an act begins without the database"),
        }
        Ok(act.role)
    }

    fn request_of(&self, act: &ReadyAct, role: Role) -> Request {
        let actor = words::claimed(&act.actor, role);
        Request {
            id: act.id.clone(),
            not_after: self.0.clock.now().saturating_add(WINDOW),
            automatic: actor.is_automatic(),
            actor,
            signature: None,
            verb: act.verb.clone(),
        }
    }

    /// Has the executor act, and writes what its log does not have.
    async fn request(&self, act: &ReadyAct, request: Request) -> Result<Response, CallError> {
        let planned = words::planned(&act.id, &act.verb);
        let replied = self.call(request).await;
        // What the executor's log has is copied from there; the rest is known here alone.
        let own = match &replied {
            Ok(response) if response.replayed => {
                let first = words::outcome(&response.outcome);
                Some((first.result, format!("the first result: {}", first.detail)))
            }
            Err(error) => Some(("failed", error.to_string())),
            Ok(_) => None,
        };
        if let Some((result, detail)) = own {
            let ended = self.0.store.end_act(&act.actor, &planned, result, &detail);
            // Without the database the log has it.
            let _ = timeout(RECORD, ended).await;
        }
        replied
    }

    /// The same request again gets the result of the first: what was lost on the way is requested once more.
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        match self.0.client.act(request.clone()).await {
            Err(CallError::Lost(reason)) => {
                tracing::warn!(
                    reason,
                    "the executor's result was lost, and is requested again"
                );
                // When this fails too, whether the first one was done is not known.
                let again = self.0.client.act(request).await;
                again.map_err(|_| CallError::Lost(reason))
            }
            replied => replied,
        }
    }

    /// Copies what acts have left in the executor's log; what does not succeed soon is done later.
    pub(crate) async fn record(&self) {
        if !matches!(timeout(RECORD, self.copy()).await, Ok(Ok(Behind::No))) {
            self.0.due.notify_one();
        }
    }

    /// Whether acts are possible, and for this caller.
    pub(crate) async fn state<S: RequiredScope>(&self, caller: &Caller<S>) -> ActState {
        let status = self.status(STATUS_AGE).await;
        let mut state = match &status {
            Ok(status) => state_of(status),
            Err(silence) => not_available(&silence.reason, silence.remedy),
        };
        words::narrow(&mut state, &caller.identity);
        state
    }

    /// Whether one act on a unit is possible for this caller. It is not done.
    ///
    /// # Errors
    /// When the caller may not be who it was any more.
    pub(crate) async fn state_of_act<S: RequiredScope>(
        &self,
        caller: &Caller<S>,
        verb: Verb,
    ) -> Result<ActState, ApiError> {
        let state = self.state(caller).await;
        if !state.available || !state.units {
            return Ok(state);
        }
        let (actor, role) = caller.actor_of_act().await?;
        let request = self.request_of(
            &ReadyAct {
                actor,
                role,
                id: words::random_id(),
                verb,
            },
            role,
        );
        Ok(match self.0.client.test(request).await {
            Ok(Outcome::Refused(refusal)) => {
                let decided_by = refusal.rule.map(|rule| format!(" ({rule})"));
                let reason = format!("{}{}", refusal.message, decided_by.unwrap_or_default());
                not_available(&reason, refusal.remedy.as_deref())
            }
            // That a unit is not there is said by the act.
            Ok(_) => state,
            Err(error) => not_available(&error.to_string(), not_done::remedy(&error)),
        })
    }

    /// What the executor says of itself, not older than `age`. Starts it where it does not run.
    async fn status(&self, age: Duration) -> Result<Status, Silence> {
        if let Some((since, known)) = &*lock(&self.0.status)
            && since.elapsed() < age
        {
            return known.clone();
        }
        let status = self.0.client.status().await.map_err(|error| Silence {
            remedy: not_done::remedy(&error),
            reason: error.to_string(),
        });
        *lock(&self.0.status) = Some((Instant::now(), status.clone()));
        status
    }

    /// As last seen, without a request to the executor.
    pub(crate) fn health(&self) -> ActsHealth {
        let known = lock(&self.0.status).clone();
        let mut health = ActsHealth::default();
        match known {
            None => {}
            Some((_, Err(silence))) => health.reason = Some(silence.reason),
            Some((_, Ok(status))) => {
                health.executor = Some(status.program);
                match status.policy {
                    PolicyState::Closed(problem) => health.policy_problem = Some(problem),
                    PolicyState::InForce { automatic, .. } => {
                        health.policy_in_force = true;
                        health.policy_automatic = automatic;
                    }
                }
                health.log_problem = status.log.problem;
                health.log_verified = status.log.verified.map(|time| time.to_string());
                health.log_lines = status.log.head.map(|head| head.seq);
                health.refused = status.refused;
            }
        }
        health
    }
}

fn state_of(status: &Status) -> ActState {
    if let Some(problem) = &status.log.problem {
        let reason = format!("nothing acts on this host: {problem}");
        return not_available(&reason, Some("sudo linux-api audit verify"));
    }
    match &status.policy {
        PolicyState::Closed(problem) => {
            let reason = format!("the policy of this host is closed by a mistake: {problem}");
            not_available(&reason, Some("sudo linux-api policy show"))
        }
        PolicyState::InForce {
            units: false,
            processes: false,
            ..
        } => {
            let reason = "the policy of this host allows nothing";
            not_available(reason, Some("sudo linux-api policy preset services UNIT"))
        }
        PolicyState::InForce {
            units,
            processes,
            automatic,
            ..
        } => ActState {
            available: true,
            reason: None,
            remedy: None,
            units: *units,
            processes: *processes,
            automatic: *automatic,
        },
    }
}

fn not_available(reason: &str, remedy: Option<&str>) -> ActState {
    ActState {
        available: false,
        reason: Some(reason.to_owned()),
        remedy: remedy.map(str::to_owned),
        units: false,
        processes: false,
        automatic: false,
    }
}

/// A panic of another thread left nothing half done in these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
