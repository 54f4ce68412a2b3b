//! Restarts that rules of this host have done: when they are due, what holds them back, and their brake.
//!
//! The order of an act: the executor says whether it would act; then it is decided and counted in one transaction,
//! by the rule, the silences and the state as they are in it; then it is requested; then its result is stored,
//! also in the notice that waits to be sent. Without the database, memory and the spool file take its place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linux_api_alerts::brake::{
    ActOutcome, ActResult, AutomaticAct, Brake, Decision, again_after, unit_of,
};
use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::{Host, InstanceKey, Notice, NoticeKind};
use linux_api_alerts::rules::{Rule, RuleSet, RuleSource};
use linux_api_alerts::silence::Silence;
use linux_api_alerts::state::{InstanceState, Status};
use linux_api_alerts::subject::{Check, Subject};
use linux_api_store::alerts::brakes::ActBasis;
use linux_api_store::{Store, StoreError};
use linux_api_wire::time::Timestamp;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Alerts;
use super::keeper::Keeper;
use super::spool::Spool;
use crate::acts::Acts;

/// How long a turn waits for the result of an act; the next turns look for it again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many acts are tried in one turn that the host does not allow.
const TRIES: usize = 5;
/// How old the silences may be that count while the database is away, and how exactly an hour of quiet is stored.
const SELDOM: Duration = Duration::from_mins(1);
/// After the executor refused what it had said it would do, nothing is tried for so long.
const DISTRUST: Duration = Duration::from_mins(15);

/// The acts of this host.
#[derive(Debug, Default)]
pub(super) struct Remedies {
    acts: Option<Acts>,
    brake: Brake,
    /// Whether what is stored was read.
    is_loaded: bool,
    /// Whether there is something that is not stored.
    is_ahead: bool,
    running: Option<Running>,
    /// When acts were tried last that the host does not allow, by alert.
    tried: BTreeMap<Uuid, Timestamp>,
    distrusted_at: Option<Timestamp>,
    silences: Vec<Silence>,
    silences_at: Option<Timestamp>,
    stored_at: Option<Timestamp>,
}

/// An act that was requested.
#[derive(Debug)]
struct Running {
    instance: InstanceKey,
    act: AutomaticAct,
    task: JoinHandle<ActOutcome>,
}

/// What a turn has to do with.
pub(super) struct Turn<'a> {
    pub(super) alerts: &'a Alerts,
    pub(super) rules: &'a RuleSet,
    pub(super) host: &'a Host,
    pub(super) keeper: &'a mut Keeper,
    pub(super) spool: &'a mut Spool,
    /// Whether the states of this turn are stored.
    pub(super) is_stored: bool,
}

/// An instance that fires, and the unit that its rule restarts.
struct Candidate {
    rule: Rule,
    instance: InstanceKey,
    state: InstanceState,
    unit: HostText,
}

impl Remedies {
    /// Goes on with what an earlier start could not store.
    pub(super) fn new(brake: Brake) -> Self {
        Self {
            is_ahead: brake != Brake::default(),
            brake,
            ..Self::default()
        }
    }

    pub(super) fn act_by(&mut self, acts: Acts) {
        self.acts = Some(acts);
    }

    pub(super) const fn brake(&self) -> &Brake {
        &self.brake
    }

    /// Whether there is something that is not stored.
    pub(super) const fn is_ahead(&self) -> bool {
        self.is_ahead
    }

    /// Brings together what is stored and what is known here.
    pub(super) async fn sync(&mut self, store: &Store, host: &str) {
        let is_known = self.is_loaded && !self.is_ahead && self.brake.gave_up().is_none();
        if is_known || !store.is_ready() {
            return;
        }
        let now = store.clock().now();
        let stored = if self.is_ahead {
            store.merge_alert_brake(host, &self.brake).await
        } else {
            store.alert_brake(host).await
        };
        match stored {
            Ok(stored) => {
                // An operator may have released it.
                self.brake.merge(&stored);
                self.stored_at = Some(now);
                self.is_ahead = false;
                if !self.is_loaded {
                    self.is_loaded = true;
                    self.end_lost();
                }
            }
            Err(error) => tracing::debug!(%error, "can't read the automatic acts"),
        }
    }

    /// What an earlier start requested has lost its result.
    fn end_lost(&mut self) {
        let running = self.running.as_ref().map(|running| running.act.id);
        let is_lost = |act: &&AutomaticAct| act.outcome.is_none() && Some(act.id) != running;
        let lost = self.brake.acts().iter().filter(is_lost);
        for act in lost.cloned().collect::<Vec<_>>() {
            let text = format!(
                "whether {} was restarted is not known: the daemon ended before the result came",
                act.unit
            );
            let outcome = ActOutcome {
                result: ActResult::Unknown,
                text: HostText::new(&text),
            };
            self.brake.finish(act.id, outcome);
            self.is_ahead = true;
        }
    }

    /// Adds to a notice what was done about its alert.
    pub(super) fn explain(&self, notice: &mut Notice) {
        if notice.kind == NoticeKind::GaveUp {
            let acts = self.brake.acts().iter().rev().take(3).rev();
            let line = |act: &AutomaticAct| {
                let time = linux_api_wire::units::moment(act.at);
                HostText::new(&format!("{time} UTC, {}: {}", act.rule, act.text()))
            };
            notice.add_context(acts.map(line));
            return;
        }
        let last = self.brake.last_of(notice.instance.id());
        let is_refused = |act: &AutomaticAct| {
            let outcome = act.outcome.as_ref();
            outcome.is_some_and(|outcome| outcome.result == ActResult::Refused)
        };
        // Why nothing was done is said once, when it begins.
        let last = last.filter(|act| act.at >= notice.since && !is_refused(act));
        notice.act = last.cloned();
    }

    /// Does what is due. One act at a time: the next one is decided by what is so after it.
    pub(super) async fn turn(&mut self, mut turn: Turn<'_>) {
        let Some(acts) = self.acts.clone() else {
            return;
        };
        self.finish(&mut turn, Duration::ZERO).await;
        let all = candidates(&turn);
        self.note(!all.is_empty(), turn.alerts.store().clock().now());
        let firing: BTreeSet<Uuid> = all.iter().map(|one| one.instance.id()).collect();
        self.tried.retain(|alert, _| firing.contains(alert));
        if !all.is_empty() {
            self.read_silences(&turn).await;
        }
        let mut tries = 0;
        for one in all {
            let now = turn.alerts.store().clock().now();
            let is_busy = self.running.is_some() || tries >= TRIES;
            if is_busy || self.is_held_back(now) {
                return;
            }
            if !self.is_due(&one, now) || !self.is_meant(&one, &turn, None, now) {
                continue;
            }
            let of_unit = one.rule.subject == Subject::Check(Check::UnitFailed)
                && one.instance.labels.get("unit") == Some(one.unit.as_str());
            if of_unit && !acts.has_failed(one.unit.as_str()).await {
                continue;
            }
            let allowed = acts.test_automatic(&one.rule.name, one.unit.as_str());
            if let Err(why) = allowed.await {
                tries += 1;
                self.refuse(&one, why, &mut turn).await;
                continue;
            }
            if let Some(act) = self.decide(&one, &mut turn).await {
                tracing::warn!(rule = %act.rule, unit = %act.unit, "restarts a unit because a rule fires");
                self.running = Some(Running {
                    instance: one.instance,
                    task: tokio::spawn(acts.clone().perform_automatic(act.clone())),
                    act,
                });
                self.finish(&mut turn, PATIENCE).await;
                return;
            }
        }
    }

    fn is_held_back(&self, now: Timestamp) -> bool {
        let is_recent = |at: Timestamp| at <= now && now.since(at) < DISTRUST;
        self.brake.gave_up().is_some() || self.distrusted_at.is_some_and(is_recent)
    }

    fn is_due(&self, one: &Candidate, now: Timestamp) -> bool {
        if !self.brake.is_due(&one.rule, &one.instance, &one.state, now) {
            return false;
        }
        let (Some(severity), Some(fired_at)) = (one.state.severity(), one.state.fired_at()) else {
            return false;
        };
        let Some(tried) = self.tried.get(&one.instance.id()) else {
            return true;
        };
        *tried < fired_at || now.since(*tried) >= again_after(&one.rule, severity)
    }

    /// Whether nothing keeps the rule from acting: a silence, a person who has seen the alert, or that the rule or the
    /// state is another one by now.
    fn is_meant(
        &self,
        one: &Candidate,
        turn: &Turn<'_>,
        basis: Option<&ActBasis>,
        now: Timestamp,
    ) -> bool {
        let notice = notice_of(one, turn, now);
        let Some(basis) = basis else {
            let is_silenced = self.silences.iter().any(|it| it.holds(&notice, now));
            return !is_silenced && one.state.acknowledged.is_none();
        };
        let is_firing = |state: &InstanceState| {
            state.status() == Status::Firing && state.acknowledged.is_none()
        };
        let is_same_rule = match one.rule.source {
            RuleSource::Stored => basis.rule.as_ref() == Some(&one.rule.definition),
            RuleSource::Stock | RuleSource::File(_) => true,
        };
        is_same_rule
            && basis.state.as_ref().is_some_and(is_firing)
            && !basis.silences.iter().any(|it| it.holds(&notice, now))
    }

    /// Decides about an act and counts it, so that it may be requested.
    async fn decide(&mut self, one: &Candidate, turn: &mut Turn<'_>) -> Option<AutomaticAct> {
        let store = turn.alerts.store().clone();
        let decision = if turn.is_stored {
            let decided = store.change_alert_brake(&one.instance, |brake, basis| {
                let now = store.clock().now();
                brake.merge(&self.brake);
                let decision = self
                    .is_meant(one, turn, Some(basis), now)
                    .then(|| brake.decide(&one.instance, &one.unit, now));
                let act = match &decision {
                    Some(Decision::Act(act)) => Some(act.clone()),
                    _ => None,
                };
                ((decision, brake.clone()), act)
            });
            match decided.await {
                Ok((decision, brake)) => {
                    self.brake = brake;
                    decision?
                }
                Err(error) => {
                    // Whether it was counted is not known: it is decided again in the next turn.
                    tracing::debug!(%error, "an automatic act could not be counted");
                    return None;
                }
            }
        } else {
            let now = store.clock().now();
            self.is_ahead = true;
            let decision = self.brake.decide(&one.instance, &one.unit, now);
            if let Decision::Act(act) = &decision {
                turn.keeper.note_act(&one.instance, act);
            }
            if !turn.spool.write(turn.keeper, &self.brake) {
                // Counted in memory, so that it is not tried again and again.
                return None;
            }
            decision
        };
        match decision {
            Decision::Act(act) => Some(act),
            Decision::GiveUp | Decision::Nothing => None,
        }
    }

    /// Notes that the host does not allow an act, once for the same reason.
    async fn refuse(&mut self, one: &Candidate, why: HostText, turn: &mut Turn<'_>) {
        let now = turn.alerts.store().clock().now();
        let alert = one.instance.id();
        self.tried.insert(alert, now);
        let is_known = self.brake.last_of(alert).is_some_and(|act| {
            let is_same = act.outcome.as_ref().is_some_and(|it| it.text == why);
            is_same
                && one
                    .state
                    .fired_at()
                    .is_some_and(|fired_at| act.at >= fired_at)
        });
        if is_known {
            return;
        }
        tracing::warn!(rule = %one.rule.name, why = %why, "a unit is not restarted");
        turn.alerts.note_act(ActResult::Refused);
        let change =
            |brake: &mut Brake| brake.note_refused(&one.instance, &one.unit, why.clone(), now);
        self.change(&one.instance, turn, change).await;
    }

    /// Stores what became of the act that runs, when that is known within a time.
    async fn finish(&mut self, turn: &mut Turn<'_>, patience: Duration) {
        let Some(running) = &mut self.running else {
            return;
        };
        let Ok(ended) = tokio::time::timeout(patience, &mut running.task).await else {
            return;
        };
        let outcome = ended.unwrap_or_else(|error| ActOutcome {
            result: ActResult::Unknown,
            text: HostText::new(&format!(
                "a restart ended by a fault of the program: {error}"
            )),
        });
        let Some(Running { instance, act, .. }) = self.running.take() else {
            return;
        };
        tracing::info!(rule = %act.rule, outcome = %outcome.text, "an automatic act has ended");
        turn.alerts.note_act(outcome.result);
        if outcome.result == ActResult::Refused {
            self.distrusted_at = Some(turn.alerts.store().clock().now());
        }
        let change = |brake: &mut Brake| {
            brake.finish(act.id, outcome.clone());
            let mut ended = act.clone();
            ended.outcome = Some(outcome.clone());
            ended
        };
        self.change(&instance, turn, change).await;
    }

    /// Changes the brake and the notices that wait, where they are.
    async fn change(
        &mut self,
        instance: &InstanceKey,
        turn: &mut Turn<'_>,
        change: impl Fn(&mut Brake) -> AutomaticAct + Send + Sync,
    ) {
        let act = change(&mut self.brake);
        turn.keeper.note_act(instance, &act);
        self.is_ahead = true;
        if !turn.is_stored {
            turn.spool.write(turn.keeper, &self.brake);
            return;
        }
        let own = &self.brake;
        let stored = turn
            .alerts
            .store()
            .change_alert_brake(instance, |brake, _| {
                brake.merge(own);
                (brake.clone(), Some(act.clone()))
            });
        let stored: Result<Brake, StoreError> = stored.await;
        match stored {
            Ok(brake) => {
                self.brake = brake;
                self.is_ahead = false;
            }
            Err(error) => tracing::debug!(%error, "what an automatic act did is stored later"),
        }
    }

    /// Notes whether anything with an act fires; an hour without ends that it gave up.
    fn note(&mut self, fires: bool, now: Timestamp) {
        if self.brake.gave_up().is_none() {
            return;
        }
        self.brake.note(fires, now);
        let is_old = |at: Timestamp| at > now || now.since(at) >= SELDOM;
        self.is_ahead |= self.brake.gave_up().is_none() || self.stored_at.is_none_or(is_old);
    }

    async fn read_silences(&mut self, turn: &Turn<'_>) {
        let store = turn.alerts.store();
        let now = store.clock().now();
        let is_recent = |at: Timestamp| at <= now && now.since(at) < SELDOM;
        if !turn.is_stored || self.silences_at.is_some_and(is_recent) {
            return;
        }
        if let Ok(silences) = store.alert_silences(now).await {
            self.silences = silences;
            self.silences_at = Some(now);
        }
    }
}

/// The instances that fire and whose rule restarts a unit.
fn candidates(turn: &Turn<'_>) -> Vec<Candidate> {
    let states = turn.keeper.states.iter();
    let firing =
        states.filter(|(key, state)| key.host == turn.host.id && state.status() == Status::Firing);
    let candidate = |(instance, state): (&InstanceKey, &InstanceState)| {
        let rule = turn.rules.get(&instance.rule)?;
        Some(Candidate {
            unit: unit_of(rule, instance)?,
            rule: rule.clone(),
            instance: instance.clone(),
            state: state.clone(),
        })
    };
    firing.filter_map(candidate).collect()
}

/// The notice that would be made now, for what looks at notices.
fn notice_of(one: &Candidate, turn: &Turn<'_>, now: Timestamp) -> Notice {
    Notice {
        id: Uuid::nil(),
        time: now,
        kind: NoticeKind::Repeated,
        instance: one.instance.clone(),
        host: HostText::new(&turn.host.name),
        host_labels: (*turn.alerts.store().own_labels()).clone(),
        before: one.state.severity(),
        after: one.state.severity(),
        since: one.state.since().unwrap_or(now),
        value: one.state.value,
        text: one.state.text.clone(),
        threshold: String::new(),
        channels: Vec::new(),
        quiet_hours: None,
        context: Vec::new(),
        act: None,
    }
}
