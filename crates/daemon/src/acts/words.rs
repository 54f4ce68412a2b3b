//! Acts in the words of the audit log, and callers in those of the executor.

use linux_api_acts::names::Word;
use linux_api_acts::protocol::{self, AUTOMATIC_ROLE, Effect, Outcome, RULE_ACTOR, UnitVerb, Verb};
use linux_api_auth::identity::Identity;
use linux_api_store::acts::{ActOutcome, PlannedAct};
use linux_api_wire::api::acts::ActState;
use linux_api_wire::api_key::{KeyId, Scope};
use linux_api_wire::audit::{Action, Actor, Via};
use linux_api_wire::user::Role;

/// What stands before the uid in the executor's log where there is no key.
const UNIX: &str = "unix:";

/// The action of a verb.
pub(crate) fn action(verb: &Verb) -> Action {
    match verb.unit() {
        None => match verb {
            Verb::Renice(_) => Action::ProcessRenice,
            _ => Action::ProcessSignal,
        },
        Some((unit_verb, _)) => match unit_verb {
            UnitVerb::Start => Action::UnitStart,
            UnitVerb::Stop => Action::UnitStop,
            UnitVerb::Restart => Action::UnitRestart,
            UnitVerb::Reload => Action::UnitReload,
            UnitVerb::ResetFailed => Action::UnitResetFailed,
            UnitVerb::Enable => Action::UnitEnable,
            UnitVerb::Disable => Action::UnitDisable,
            UnitVerb::Limits => Action::UnitLimits,
        },
    }
}

/// What a verb is about: `unit:NAME` or `process:PID@START`.
pub(crate) fn target(verb: &Verb) -> String {
    match (verb.unit(), verb.process()) {
        (Some((_, unit)), _) => format!("unit:{unit}"),
        (None, Some(process)) => format!("process:{}@{}", process.pid, process.start_ticks),
        (None, None) => "host".to_owned(),
    }
}

/// The act as the audit log has it.
pub(super) fn planned(id: &Word, verb: &Verb) -> PlannedAct {
    PlannedAct {
        id: id.as_str().to_owned(),
        action: action(verb),
        target: target(verb),
        detail: match verb {
            Verb::Signal(it) => match it.escalate_after {
                Some(seconds) => format!("{}, KILL after {seconds} s", it.signal.as_str()),
                None => it.signal.as_str().to_owned(),
            },
            Verb::Renice(it) => format!("nice {}", it.nice),
            Verb::Limits(it) => {
                let mut limits = serde_json::to_value(it).unwrap_or_default();
                if let Some(members) = limits.as_object_mut() {
                    members.remove("unit");
                }
                limits.to_string()
            }
            _ => String::new(),
        },
    }
}

/// What became of an act, as the audit log has it.
pub(super) fn outcome(outcome: &Outcome) -> ActOutcome {
    let (result, detail) = match outcome {
        Outcome::Refused(refusal) => ("refused", refusal.message.clone()),
        Outcome::Failed(failure) => ("failed", failure.message.clone()),
        Outcome::Done(effect) => in_words(effect),
    };
    ActOutcome { result, detail }
}

fn in_words(effect: &Effect) -> (&'static str, String) {
    match effect {
        Effect::Allowed(decision) => ("done", decision.message.clone()),
        Effect::Reniced { from, .. } => ("done", format!("nice {from} before")),
        Effect::Signalled {
            ended,
            killed,
            spared,
        } => {
            let said = match (killed, ended, spared) {
                (_, _, Some(why)) => format!("it got no KILL: {why}"),
                (true, true, None) => "it got KILL and ended".to_owned(),
                (true, false, None) => "it got KILL".to_owned(),
                (false, true, None) => "it ended".to_owned(),
                (false, false, None) => "it runs on".to_owned(),
            };
            ("done", said)
        }
        Effect::Unit {
            job,
            pending,
            active,
            sub,
            ..
        } => {
            let is_done = matches!(job.as_deref(), None | Some("done" | "skipped"));
            let job = match (job, pending) {
                (_, true) => "the job goes on, ".to_owned(),
                (Some(job), false) => format!("job {job}, "),
                (None, false) => String::new(),
            };
            let result = if is_done { "done" } else { "failed" };
            (result, format!("{job}{active} ({sub})"))
        }
    }
}

/// Who an act is for. The executor can't check it, and records it as claimed.
pub(super) fn claimed(actor: &Actor, role: Role) -> protocol::Actor {
    let origin = &actor.origin;
    let key = match &origin.via {
        Via::Key(id) => Some(word(&id.0)),
        Via::Unix(uid) => Some(word(&format!("{UNIX}{uid}"))),
        Via::Cli(_) | Via::System | Via::Nobody => None,
    };
    let is_rule = origin.via == Via::System && origin.name.starts_with(RULE_ACTOR);
    let role = if is_rule {
        AUTOMATIC_ROLE
    } else {
        role.as_str()
    };
    protocol::Actor {
        name: word(&origin.name),
        role: Some(word(role)),
        key,
        address: origin.address.map(|address| word(&address.to_string())),
    }
}

/// An id that no other request has.
pub(super) fn random_id() -> Word {
    word(&uuid::Uuid::new_v4().to_string())
}

/// How a request came in, as it was claimed.
pub(super) fn via(key: Option<&Word>) -> Option<Via> {
    let key = key?.as_str();
    match key.strip_prefix(UNIX) {
        Some(uid) => uid.parse().ok().map(Via::Unix),
        None => Some(Via::Key(KeyId(key.to_owned()))),
    }
}

/// A text as a word; what has no place in one becomes `?`. Names of Linux accounts can have anything.
pub(super) fn word(text: &str) -> Word {
    let known = |one: char| one.is_ascii_graphic() && !"\"'\\".contains(one);
    let text: String = text
        .chars()
        .take(128)
        .map(|one| if known(one) { one } else { '?' })
        .collect();
    let word = Word::try_from(text).or_else(|_| Word::try_from("?".to_owned()));
    word.expect("a question mark is a word")
}

/// Leaves of what is possible on the host what the caller may.
pub(super) fn narrow(state: &mut ActState, caller: &Identity) {
    let units = caller.allow(Scope::UnitsAct);
    let processes = caller.allow(Scope::ProcessesAct);
    state.units &= units.is_ok();
    state.processes &= processes.is_ok();
    if state.available
        && let (Err(denied), Err(_)) = (units, processes)
    {
        state.available = false;
        state.reason = Some(denied.to_string());
        state.remedy = denied.remedy(&caller.user.name);
    }
}
