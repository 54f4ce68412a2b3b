//! Restarts that rules of alerts have done. The executor counts them by itself, and allows no other act.

use std::time::Duration;

use linux_api_acts::names::UnitName;
use linux_api_acts::protocol::{Effect, Outcome, Refusal, RefusalCode, Response, Unit, Verb};
use linux_api_alerts::brake::{ActOutcome, ActResult, AutomaticAct};
use linux_api_alerts::host_text::HostText;
use linux_api_alerts::name::Name;
use linux_api_wire::audit::Actor;
use linux_api_wire::user::Role;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Acts, ReadyAct, not_done, words};

/// How long the executor may take to say whether it would act.
const TEST: Duration = Duration::from_secs(10);

impl Acts {
    /// Whether a unit may be restarted for a rule. It is not done.
    ///
    /// # Errors
    /// Why not, for people.
    pub(crate) async fn test_automatic(&self, rule: &Name, unit: &str) -> Result<(), HostText> {
        let refused = |why: &str, remedy: Option<&str>| {
            let remedy = remedy.map(|remedy| format!("; to change that: {remedy}"));
            let remedy = remedy.unwrap_or_default();
            HostText::new(&format!("{unit} is not restarted: {why}{remedy}"))
        };
        let act = ready(Uuid::new_v4(), rule, unit).map_err(|why| refused(&why, None))?;
        let request = self.request_of(&act, act.role);
        match timeout(TEST, self.0.client.test(request)).await {
            Ok(Ok(Outcome::Done(_))) => Ok(()),
            Ok(Ok(Outcome::Refused(refusal))) => {
                Err(refused(&reason(&refusal), refusal.remedy.as_deref()))
            }
            Ok(Ok(Outcome::Failed(failure))) => Err(refused(&failure.message, None)),
            Ok(Err(error)) => Err(refused(&error.to_string(), not_done::remedy(&error))),
            Err(_) => Err(refused("the executor did not respond in time", None)),
        }
    }

    /// Has a unit restarted for a rule, with rows in the audit log as any act has.
    pub(crate) async fn perform_automatic(self, act: AutomaticAct) -> ActOutcome {
        let unit = act.unit.as_str();
        let outcome = |result, text: &str| ActOutcome {
            result,
            text: HostText::new(text),
        };
        let not_restarted = |why: &str| format!("{unit} is not restarted: {why}");
        let ready = match ready(act.id, &act.rule, unit) {
            Ok(ready) => ready,
            Err(why) => return outcome(ActResult::Refused, &not_restarted(&why)),
        };
        let role = match self.begin(&ready).await {
            Ok(role) => role,
            Err(error) => return outcome(ActResult::Refused, &not_restarted(error.reason())),
        };
        let done = self.request(&ready, self.request_of(&ready, role)).await;
        self.0.units.note_change();
        self.record().await;
        match done {
            Ok(Response {
                outcome: Outcome::Done(effect),
                ..
            }) => {
                let (result, text) = in_words(unit, &effect);
                outcome(result, &text)
            }
            Ok(Response {
                outcome: Outcome::Refused(refusal),
                ..
            }) => outcome(ActResult::Refused, &not_restarted(&reason(&refusal))),
            Ok(Response {
                outcome: Outcome::Failed(failure),
                ..
            }) => outcome(ActResult::Failed, &not_restarted(&failure.message)),
            Err(error) => {
                let text = format!("whether {unit} was restarted is not known: {error}");
                outcome(ActResult::Unknown, &text)
            }
        }
    }

    /// Whether a unit that had failed when that was read last has failed still; true where that can't be read.
    pub(crate) async fn has_failed(&self, unit: &str) -> bool {
        let units = &self.0.units;
        let is_listed = || units.failed_names().iter().any(|name| name == unit);
        // One that is restarted over and over is not listed.
        !is_listed() || units.failed().await.is_err() || is_listed()
    }
}

/// The act, unless the unit is none that can be acted on.
fn ready(id: Uuid, rule: &Name, unit: &str) -> Result<ReadyAct, String> {
    let unit = UnitName::try_from(unit.to_owned()).map_err(|error| error.to_string())?;
    Ok(ReadyAct {
        actor: Actor::rule(rule.as_str()),
        // That of an actor which is the program itself; the executor gets another one.
        role: Role::Admin,
        id: words::word(&id.to_string()),
        verb: Verb::Restart(Unit { unit }),
    })
}

fn reason(refusal: &Refusal) -> String {
    match &refusal.rule {
        Some(rule) if refusal.code == RefusalCode::Policy => {
            format!("{} ({rule})", refusal.message)
        }
        _ => refusal.message.clone(),
    }
}

/// What a restart has come to.
fn in_words(unit: &str, effect: &Effect) -> (ActResult, String) {
    let Effect::Unit {
        job,
        pending,
        active,
        sub,
        result,
        exit_code,
        ..
    } = effect
    else {
        return (ActResult::Unknown, format!("restarted {unit}"));
    };
    let is_done = matches!(job.as_deref(), None | Some("done" | "skipped"));
    if *pending {
        let text = format!("restarts {unit}, which takes longer");
        return (ActResult::Done, text);
    }
    match (is_done, &**active, &**sub) {
        (true, "active", "running") => {
            (ActResult::Done, format!("restarted {unit}: running again"))
        }
        (true, "active" | "reloading", sub) => {
            (ActResult::Done, format!("restarted {unit}: active ({sub})"))
        }
        _ => {
            let code = exit_code.map_or_else(String::new, |code| format!(" {code}"));
            let why = result.as_deref().filter(|result| *result != "success");
            let why = why.map_or_else(|| sub.clone(), |result| format!("{result}{code}"));
            let text = format!("restarted {unit}: {active} again ({why})");
            (ActResult::Failed, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(job: Option<&str>, active: &str, sub: &str, result: &str) -> Effect {
        Effect::Unit {
            unit: "a.service".to_owned(),
            job: job.map(str::to_owned),
            pending: false,
            active: active.to_owned(),
            sub: sub.to_owned(),
            result: Some(result.to_owned()),
            exit_code: Some(3),
            exit_signal: None,
        }
    }

    #[test]
    fn results_say_whether_it_helped() {
        let words = |effect: &Effect| in_words("a.service", effect).1;
        let running = effect(Some("done"), "active", "running", "success");
        assert_eq!(words(&running), "restarted a.service: running again");
        let once = effect(Some("done"), "active", "exited", "success");
        assert_eq!(words(&once), "restarted a.service: active (exited)");
        let failed = effect(Some("failed"), "failed", "failed", "exit-code");
        let (result, text) = in_words("a.service", &failed);
        assert_eq!(text, "restarted a.service: failed again (exit-code 3)");
        assert_eq!(result, ActResult::Failed);
        let again = effect(Some("done"), "activating", "auto-restart", "success");
        assert_eq!(
            words(&again),
            "restarted a.service: activating again (auto-restart)"
        );
    }

    #[test]
    fn only_names_of_units_are_requested() {
        let rule: Name = "web".parse().unwrap();
        for unit in ["srv.mount", "a;id.service", "", "app@.service"] {
            assert!(ready(Uuid::nil(), &rule, unit).is_err(), "{unit}");
        }
        let act = ready(Uuid::nil(), &rule, "a.service").unwrap();
        let claimed = words::claimed(&act.actor, act.role);
        assert!(claimed.is_automatic());
        assert_eq!(claimed.name.as_str(), "alert:web");
        assert_eq!(
            (claimed.role.unwrap().as_str(), claimed.key),
            ("automatic", None)
        );
    }
}
