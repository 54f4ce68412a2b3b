//! The brake of automatic acts: what did not help three times in an hour will not help a fourth time.

use std::time::Duration;

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::host_text::HostText;
use crate::name::Name;
use crate::notice::InstanceKey;
use crate::rules::{Remedy, Rule};
use crate::severity::Severity;
use crate::state::InstanceState;

#[cfg(test)]
mod tests;

/// The most acts of a host within [`WINDOW`].
pub const ACTS_MAX: usize = 3;
/// The time in which acts are counted, and how long all must be well until acts are possible again.
pub const WINDOW: Duration = Duration::from_hours(1);
/// So long a notice waits for the result of an act at most.
pub const RESULT_WAIT: Duration = Duration::from_mins(2);
/// More often than this an act is not repeated, however short the times of its rule are.
const AGAIN_MIN: Duration = Duration::from_mins(1);
/// So many acts are remembered to be shown.
const SHOWN: usize = 20;

/// The automatic acts of a host. Stored before an act is requested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Brake {
    /// The newest acts, oldest first; those of the last hour count.
    acts: Vec<AutomaticAct>,
    /// That nothing is done any more.
    gave_up: Option<GaveUp>,
    /// When acts became possible again.
    released: Option<Release>,
}

/// A unit that was to be restarted because a rule fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutomaticAct {
    /// By which id the executor knows it.
    pub id: Uuid,
    /// When it was decided.
    pub at: Timestamp,
    /// The rule.
    pub rule: Name,
    /// The alert, see [`InstanceKey::id`].
    pub alert: Uuid,
    /// The unit.
    pub unit: HostText,
    /// What became of it; absent while it is not known.
    #[serde(default)]
    pub outcome: Option<ActOutcome>,
    /// Whether it counts no longer, because an operator has looked.
    #[serde(default)]
    released: bool,
}

/// What became of an automatic act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActOutcome {
    /// In one word.
    pub result: ActResult,
    /// For people.
    pub text: HostText,
}

/// What became of an automatic act, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActResult {
    /// The unit was restarted.
    Done,
    /// Restarting it failed.
    Failed,
    /// It was not begun: the host does not allow it. It does not count.
    Refused,
    /// The result was lost.
    Unknown,
}

/// That nothing is done any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct GaveUp {
    id: Uuid,
    since: Timestamp,
    /// When something with an act last fired.
    fired_at: Timestamp,
    /// What did not help.
    text: HostText,
}

/// When acts became possible again, and by whom; an hour without makes them so, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Release {
    at: Timestamp,
    /// Which giving up it ended.
    ended: Option<Uuid>,
    by: Option<String>,
}

/// What is to be done when a rule with an act fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This act. It is counted already.
    Act(AutomaticAct),
    /// Nothing from now on, which is an alert.
    GiveUp,
    /// Nothing: it gave up before.
    Nothing,
}

impl ActResult {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Refused, Self::Unknown];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl AutomaticAct {
    /// What was done, for people.
    #[must_use]
    pub fn text(&self) -> HostText {
        match &self.outcome {
            Some(outcome) => outcome.text.clone(),
            None => HostText::new(&format!("a restart of {} was requested", self.unit)),
        }
    }

    fn counts(&self) -> bool {
        let outcome = self.outcome.as_ref();
        outcome.is_none_or(|outcome| outcome.result != ActResult::Refused)
    }

    /// Whether a notice is worth waiting for its result.
    #[must_use]
    pub fn is_awaited(&self, now: Timestamp) -> bool {
        self.outcome.is_none() && self.at <= now && now.since(self.at) < RESULT_WAIT
    }
}

/// After how long an act is due again when the alert still fires: the times in which the rule would have seen that
/// it is well, and that it is bad again.
#[must_use]
pub fn again_after(rule: &Rule, severity: Severity) -> Duration {
    let pending = rule.level(severity).map_or(AGAIN_MIN, |it| it.pending);
    pending.saturating_add(rule.keep_firing).max(AGAIN_MIN)
}

/// Which unit a rule restarts for an instance; none where it restarts nothing.
#[must_use]
pub fn unit_of(rule: &Rule, instance: &InstanceKey) -> Option<HostText> {
    match rule.remedy.as_ref()? {
        Remedy::Restart(unit) => Some(HostText::new(unit)),
        Remedy::RestartFailed => instance.labels.get("unit").map(HostText::new),
    }
}

impl Brake {
    /// Whether an act is due for an instance that fires: once when it began to, and again when it still fires after
    /// the times in which the rule would have seen that it is well.
    #[must_use]
    pub fn is_due(
        &self,
        rule: &Rule,
        instance: &InstanceKey,
        state: &InstanceState,
        now: Timestamp,
    ) -> bool {
        let (Some(fired_at), Some(severity)) = (state.fired_at(), state.severity()) else {
            return false;
        };
        let alert = instance.id();
        let mut acts = self.acts.iter().rev();
        let Some(last) = acts.find(|act| act.alert == alert && act.counts()) else {
            return true;
        };
        // A clock that was ahead counts from now on: the act then looks as if it was just done.
        last.at < fired_at || now.since(last.at) >= again_after(rule, severity)
    }

    /// Decides about an act for an instance, and counts it.
    pub fn decide(&mut self, instance: &InstanceKey, unit: &HostText, now: Timestamp) -> Decision {
        self.bound(now);
        if self.gave_up.is_some() {
            return Decision::Nothing;
        }
        let counted: Vec<&AutomaticAct> = self.counted(now).collect();
        if counted.len() < ACTS_MAX {
            let act = AutomaticAct {
                id: Uuid::new_v4(),
                at: now,
                rule: instance.rule.clone(),
                alert: instance.id(),
                unit: unit.clone(),
                outcome: None,
                released: false,
            };
            self.add(act.clone());
            return Decision::Act(act);
        }
        let mut units: Vec<&str> = counted.iter().map(|act| act.unit.as_str()).collect();
        units.dedup();
        let text = format!(
            "{ACTS_MAX} restarts in an hour did not help: {}",
            units.join(", ")
        );
        self.gave_up = Some(GaveUp {
            id: Uuid::new_v4(),
            since: now,
            fired_at: now,
            text: HostText::new(&text),
        });
        Decision::GiveUp
    }

    /// Notes that an act was not begun because the host does not allow it, once for as long as the reason is the
    /// same.
    pub fn note_refused(
        &mut self,
        instance: &InstanceKey,
        unit: &HostText,
        text: HostText,
        now: Timestamp,
    ) -> AutomaticAct {
        let alert = instance.id();
        let act = AutomaticAct {
            id: Uuid::new_v4(),
            at: now,
            rule: instance.rule.clone(),
            alert,
            unit: unit.clone(),
            outcome: Some(ActOutcome {
                result: ActResult::Refused,
                text,
            }),
            released: false,
        };
        self.acts.retain(|one| one.counts() || one.alert != alert);
        self.add(act.clone());
        act
    }

    /// Notes what became of an act.
    pub fn finish(&mut self, id: Uuid, outcome: ActOutcome) {
        if let Some(act) = self.acts.iter_mut().find(|act| act.id == id) {
            act.outcome = Some(outcome);
        }
    }

    fn add(&mut self, act: AutomaticAct) {
        self.acts.push(act);
        self.acts.sort_by_key(|act| act.at);
        // What counts is among the newest: no more than three an hour do.
        while self.acts.len() > SHOWN {
            let oldest_refused = self.acts.iter().position(|act| !act.counts());
            self.acts.remove(oldest_refused.unwrap_or(0));
        }
    }

    fn counted(&self, now: Timestamp) -> impl Iterator<Item = &AutomaticAct> {
        let is_recent = move |act: &&AutomaticAct| now.since(act.at) < WINDOW;
        let acts = self.acts.iter().filter(|act| act.counts());
        acts.filter(|act| !act.released).filter(is_recent)
    }

    /// Notes whether anything with an act fires on the host. An hour after giving up without, acts are
    /// possible again.
    pub fn note(&mut self, fires: bool, now: Timestamp) {
        self.bound(now);
        match &mut self.gave_up {
            Some(gave_up) if fires => gave_up.fired_at = now,
            Some(gave_up) if now.since(gave_up.fired_at) >= WINDOW => {
                self.release(None, now);
            }
            _ => {}
        }
    }

    /// Whether nothing is done any more, and what did not help.
    #[must_use]
    pub fn gave_up(&self) -> Option<(Timestamp, &HostText)> {
        let gave_up = self.gave_up.as_ref();
        gave_up.map(|gave_up| (gave_up.since, &gave_up.text))
    }

    /// When something with an act last fired, while nothing is done any more.
    #[must_use]
    pub fn last_fired_at(&self) -> Option<Timestamp> {
        self.gave_up.as_ref().map(|gave_up| gave_up.fired_at)
    }

    /// Who had acts be possible again, unless it gave up after that; absent where an hour without did.
    #[must_use]
    pub fn released_by(&self) -> Option<&str> {
        self.released.as_ref()?.by.as_deref()
    }

    /// Has acts be possible again: an operator has looked, or nothing fired for an hour.
    pub fn release(&mut self, by: Option<&str>, now: Timestamp) {
        for act in &mut self.acts {
            act.released = true;
        }
        self.released = Some(Release {
            at: now,
            ended: self.gave_up.take().map(|gave_up| gave_up.id),
            by: by.map(str::to_owned),
        });
    }

    /// The acts that are remembered, oldest first.
    #[must_use]
    pub fn acts(&self) -> &[AutomaticAct] {
        &self.acts
    }

    /// The newest act for an alert.
    #[must_use]
    pub fn last_of(&self, alert: Uuid) -> Option<&AutomaticAct> {
        self.acts.iter().rev().find(|act| act.alert == alert)
    }

    /// Whether acts in the last hour count, or it gave up.
    #[must_use]
    pub fn is_in_use(&self, now: Timestamp) -> bool {
        self.gave_up.is_some() || self.counted(now).next().is_some()
    }

    /// Brings together what is stored and what was done while that could not be reached. Whatever either of them
    /// knows counts: acts, giving up, and a release that came after it.
    pub fn merge(&mut self, other: &Self) {
        for act in &other.acts {
            match self.acts.iter_mut().find(|own| own.id == act.id) {
                Some(own) => {
                    own.released |= act.released;
                    if own.outcome.is_none() {
                        own.outcome.clone_from(&act.outcome);
                    }
                }
                None => self.add(act.clone()),
            }
        }
        let at = |release: &Option<Release>| release.as_ref().map(|release| release.at);
        if at(&other.released) > at(&self.released) {
            self.released.clone_from(&other.released);
        }
        let until = |gave_up: &Option<GaveUp>| gave_up.as_ref().map(|gave_up| gave_up.fired_at);
        if until(&other.gave_up) > until(&self.gave_up) {
            self.gave_up.clone_from(&other.gave_up);
        }
        if let Some(release) = &self.released {
            let is_over = |gave_up: &mut GaveUp| {
                gave_up.since < release.at || release.ended == Some(gave_up.id)
            };
            self.gave_up.take_if(is_over);
        }
    }

    /// Moves what lies in the future to now: what a clock did that was ahead counts from now on.
    fn bound(&mut self, now: Timestamp) {
        for act in &mut self.acts {
            act.at = now.min(act.at);
        }
        if let Some(gave_up) = &mut self.gave_up {
            gave_up.since = gave_up.since.min(now);
            gave_up.fired_at = gave_up.fired_at.min(now);
        }
        if let Some(release) = &mut self.released {
            release.at = release.at.min(now);
        }
    }
}
