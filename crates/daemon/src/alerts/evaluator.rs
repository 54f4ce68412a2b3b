//! Judges this host by its own readings, whether or not the database can be used.

use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt as _;
use linux_api_alerts::checks;
use linux_api_alerts::evaluate::{States, end_without_rule, evaluate};
use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::{ContextKind, Host, InstanceKey, Notice};
use linux_api_alerts::reading::Reading;
use linux_api_alerts::rules::RuleSet;
use linux_api_alerts::state::Moment;
use linux_api_alerts::subject::{Check, Subject};
use linux_api_store::alerts::states::StateFilter;
use linux_api_wire::time::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Alerts;
use super::keeper::Keeper;
use super::remedies::{Remedies, Turn};
use super::rules::RuleLoader;
use super::spool::Spool;
use crate::acts::Acts;
use crate::tasks::supervisor::every;

/// Time between two evaluations.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// The stored rules as they were last read, in the state directory: they count without the database too.
const RULES: &str = "alerts-rules.json";
/// When the first turn is: neither when flushes are nor when the leader's turns are.
const FIRST_TURN: Duration = Duration::from_millis(1_200);
/// How long what helps to understand notices may take to be read, for all of an evaluation.
const CONTEXT_TIME: Duration = Duration::from_secs(5);

/// What was read of a subject: all its instances, or why it could not be read.
pub type SubjectReadings = Vec<(Subject, Result<Vec<Reading>, String>)>;

/// Where readings come from.
pub trait ReadingSource: Send {
    /// Reads everything that can be judged on this host.
    fn read(&mut self, now: Timestamp) -> impl Future<Output = SubjectReadings> + Send;

    /// When the host started, if known.
    fn booted_at(&self) -> Option<Timestamp>;

    /// What helps to understand a notice, when it begins.
    fn context(&mut self, kind: &ContextKind) -> impl Future<Output = Vec<HostText>> + Send;
}

/// Judges this host.
#[derive(Debug)]
pub struct Evaluator<R> {
    alerts: Alerts,
    host: Host,
    readings: R,
    rules: RuleLoader,
    keeper: Keeper,
    spool: Spool,
    remedies: Remedies,
}

impl<R: ReadingSource> Evaluator<R> {
    /// An evaluator that goes on where an earlier start ended. Without a state directory, what is not stored is
    /// lost with the process.
    #[must_use]
    pub fn new(alerts: Alerts, host: Host, readings: R, state_folder: Option<&Path>) -> Self {
        let rules = state_folder.map(|folder| folder.join(RULES));
        let (spool, content) = Spool::open(state_folder);
        let brake = content.as_ref().map(|content| content.brake.clone());
        Self {
            keeper: content.map_or_else(Keeper::default, |it| Keeper::from_spool(it, &host.id)),
            remedies: Remedies::new(brake.unwrap_or_default()),
            rules: RuleLoader::new(rules),
            alerts,
            host,
            readings,
            spool,
        }
    }

    /// The same with what restarts units for rules.
    #[must_use]
    pub fn with_acts(mut self, acts: Acts) -> Self {
        self.remedies.act_by(acts);
        self
    }

    /// Judges at each interval until stopped. What is not stored then is in the file.
    pub async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(tokio::time::sleep(FIRST_TURN))
            .await;
        every(INTERVAL, &stop, &mut self, |one| one.turn().boxed()).await;
    }

    /// Judges once, and stores what changed.
    pub async fn turn(&mut self) {
        let settings = self.alerts.settings();
        if !settings.enabled {
            return;
        }
        let (store, revision) = (self.alerts.store().clone(), self.alerts.rules_revision());
        let refreshed = self.rules.refresh(&settings.rules_dir, &store, revision);
        if let Some(rules) = refreshed.await {
            self.alerts.set_rules(rules);
        }
        let rules = self.alerts.rules();
        let set = &rules.set;
        let (filter, host_id) = (self.filter(), self.host.id.clone());
        let is_own = |key: &InstanceKey| key.host == host_id && !is_of_fleet(set, key);
        if store.is_ready() && !self.keeper.is_loaded() {
            // What is known here is judged either way.
            if let Err(error) = self.keeper.load(&store, &filter, is_own).await {
                tracing::debug!(%error, "can't read the states of alerts");
            }
        }
        self.remedies.sync(&store, &host_id).await;
        let now = store.clock().now();
        let mut read = self.readings.read(now).await;
        let gave_up = checks::gave_up(self.remedies.brake());
        read.push((Subject::Check(Check::GaveUp), Ok(gave_up)));
        let mut states = self.keeper.states.clone();
        let mut notices = self.judge(set, &read, &mut states, now);
        let deadline = Instant::now() + CONTEXT_TIME;
        for notice in &mut notices {
            self.remedies.explain(notice);
            let rule = set.get(&notice.instance.rule);
            let wanted = rule.and_then(|rule| notice.wanted_context(rule.subject.name()));
            if let Some(kind) = wanted {
                let context = self.readings.context(&kind);
                // The notice is worth more than what explains it.
                if let Ok(lines) = tokio::time::timeout_at(deadline, context).await {
                    notice.add_context(lines);
                }
            }
        }
        self.alerts.announce(&notices);
        self.keeper.note(states, notices);
        // A state that is stored before what is stored was read would be refused.
        let is_usable = store.is_ready() && self.keeper.is_loaded();
        let saved = if is_usable {
            self.keeper.save(&store, &filter, is_own).await
        } else {
            self.spool.write(&self.keeper, self.remedies.brake());
            Ok(())
        };
        let is_stored = is_usable && saved.is_ok();
        match saved {
            Ok(()) if is_usable && self.is_all_stored() => self.spool.remove(),
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(%error, "can't store the states of alerts");
                self.spool.write(&self.keeper, self.remedies.brake());
            }
        }
        let turn = Turn {
            alerts: &self.alerts,
            rules: set,
            host: &self.host,
            keeper: &mut self.keeper,
            spool: &mut self.spool,
            is_stored,
        };
        self.remedies.turn(turn).await;
        self.alerts.note_brake(self.remedies.brake());
        let waiting = self.keeper.waiting();
        self.alerts
            .note_evaluation(now, self.keeper.states.clone(), waiting);
    }

    fn is_all_stored(&self) -> bool {
        self.keeper.waiting() == 0 && !self.remedies.is_ahead()
    }

    fn filter(&self) -> StateFilter {
        StateFilter {
            host: Some(self.host.id.clone()),
            ..StateFilter::default()
        }
    }

    fn judge(
        &self,
        rules: &RuleSet,
        read: &SubjectReadings,
        states: &mut States,
        now: Timestamp,
    ) -> Vec<Notice> {
        let moment = Moment {
            now,
            booted_at: self.readings.booted_at(),
        };
        let mut host = self.host.clone();
        host.labels.clone_from(&self.alerts.store().own_labels());
        // A rule that could not be read is not one that was deleted.
        let is_complete = self.rules.has_stored() && self.alerts.rules().problems.is_empty();
        let mut notices = if is_complete {
            end_without_rule(rules, &host, states, now)
        } else {
            Vec::new()
        };
        let mut left_out = 0;
        for (subject, readings) in read {
            let readings = readings.as_deref().map_err(String::as_str);
            let one = evaluate(rules, &host, subject, readings, states, moment);
            notices.extend(one.notices);
            left_out += one.left_out;
        }
        // What is judged by a rule and was not read at all is without data.
        let mut silent: Vec<Subject> = Vec::new();
        for rule in rules.rules() {
            let is_read = read.iter().any(|(subject, _)| *subject == rule.subject);
            let is_fleet = rule.subject == Subject::Check(Check::HostDown);
            if !is_read && !is_fleet && !silent.contains(&rule.subject) {
                silent.push(rule.subject);
            }
        }
        for subject in silent {
            let why = Err("it can't be read on this host");
            notices.extend(evaluate(rules, &host, &subject, why, states, moment).notices);
        }
        if left_out > 0 {
            tracing::debug!(left_out, "rules have more instances than are judged");
        }
        notices
    }
}

/// Whether the daemon that judges for all keeps the state.
pub(super) fn is_of_fleet(rules: &RuleSet, key: &InstanceKey) -> bool {
    let subject = Subject::Check(Check::HostDown);
    rules
        .get(&key.rule)
        .is_some_and(|rule| rule.subject == subject)
}
