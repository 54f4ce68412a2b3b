//! Alerts as they are now, with what holds their notices back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use linux_api_alerts::brake::Brake;
use linux_api_alerts::fleet::down_hosts;
use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::{InstanceKey, Notice, NoticeKind};
use linux_api_alerts::plan::{HeldBy, Holding};
use linux_api_alerts::severity::Severity;
use linux_api_alerts::silence::Silence;
use linux_api_alerts::state::InstanceState;
use linux_api_store::alerts::states::StateFilter;
use linux_api_store::{Store, StoreError};
use linux_api_wire::api::alerts::{
    Alert, AlertAcknowledgement, AlertBrake, AlertCounts, AlertSeverity, AlertStatus,
};
use linux_api_wire::time::Timestamp;
use uuid::Uuid;

use super::{brakes, convert};
use crate::alerts::{Alerts, RulesInForce};

/// The most hosts whose names are read in one statement.
const HOSTS_AT_ONCE: usize = 500;

/// Restarts of the last day are shown.
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// What the alerts of now are seen with.
pub(super) struct View {
    rules: Arc<RulesInForce>,
    /// Names and labels by id.
    hosts: BTreeMap<String, (String, BTreeMap<String, String>)>,
    silences: Vec<Silence>,
    /// Automatic restarts, by the id of the host.
    brakes: BTreeMap<String, Brake>,
    down: BTreeSet<String>,
    now: Timestamp,
}

/// An alert with what it was made of.
pub(crate) struct CurrentAlert {
    pub(super) instance: InstanceKey,
    /// The notice that would be made of it now, for what looks at notices.
    pub(super) notice: Notice,
    pub(crate) alert: Alert,
}

/// All alerts of the database that are remembered, in the order of lists, and how many there are of each kind.
pub(crate) async fn current(
    store: &Store,
    alerts: &Alerts,
    now: Timestamp,
) -> Result<(Vec<CurrentAlert>, AlertCounts), StoreError> {
    let (all, counts, _) = current_with_brakes(store, alerts, now).await?;
    Ok((all, counts))
}

/// The same with the automatic restarts of hosts.
pub(super) async fn current_with_brakes(
    store: &Store,
    alerts: &Alerts,
    now: Timestamp,
) -> Result<(Vec<CurrentAlert>, AlertCounts, Vec<AlertBrake>), StoreError> {
    let stored = store.alert_states(&StateFilter::default()).await?;
    let states: BTreeMap<InstanceKey, InstanceState> = stored
        .into_iter()
        .map(|one| (one.instance, one.state))
        .collect();
    let view = View::new(store, alerts, &states, now).await?;
    let mut all: Vec<CurrentAlert> = states
        .into_iter()
        .map(|(instance, state)| view.alert(instance, &state))
        .collect();
    all.sort_by_cached_key(|one| order(&one.alert));
    let counts = counts(&all);
    Ok((all, counts, view.brakes()))
}

/// The order of lists: critical ones first, then those that fire for longest.
pub(crate) fn order(alert: &Alert) -> (u8, Timestamp, String) {
    let rank = match alert.severity {
        Some(AlertSeverity::Critical) => 0,
        Some(AlertSeverity::Warning) => 1,
        None => 2,
    };
    let time = alert.fired_at.as_ref().or(alert.since.as_ref());
    let time = time.and_then(|time| time.parse().ok());
    let last = Timestamp::from_millis(253_402_300_799_999);
    (rank, time.unwrap_or(last), alert.id.clone())
}

fn counts(all: &[CurrentAlert]) -> AlertCounts {
    let count = |is_meant: &dyn Fn(&Alert) -> bool| {
        let found = all.iter().filter(|one| is_meant(&one.alert)).count();
        u64::try_from(found).unwrap_or(u64::MAX)
    };
    AlertCounts {
        critical: count(&|it| it.severity == Some(AlertSeverity::Critical)),
        warning: count(&|it| it.severity == Some(AlertSeverity::Warning)),
        unseen: count(&Alert::needs_attention),
        pending: count(&|it| it.status == AlertStatus::Pending),
        unknown: count(&|it| it.status == AlertStatus::Unknown),
    }
}

impl View {
    pub(super) async fn new(
        store: &Store,
        alerts: &Alerts,
        states: &BTreeMap<InstanceKey, InstanceState>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let rules = alerts.rules();
        let down = down_hosts(&rules.set, states);
        let brakes = store.alert_brakes().await?;
        let of_states = states.keys().map(|key| key.host.as_str());
        let ids: BTreeSet<&str> = of_states.chain(brakes.keys().map(String::as_str)).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let mut hosts = BTreeMap::new();
        for some in ids.chunks(HOSTS_AT_ONCE) {
            hosts.extend(store.label_hosts(some).await?);
        }
        for peer in &alerts.settings().peers {
            let id = format!("peer:{}", peer.address);
            hosts.insert(id, (peer.name.clone(), BTreeMap::new()));
        }
        Ok(Self {
            silences: store.alert_silences(now).await?,
            rules,
            hosts,
            brakes,
            down,
            now,
        })
    }

    /// An alert as it is now.
    pub(super) fn alert(&self, instance: InstanceKey, state: &InstanceState) -> CurrentAlert {
        let rule = self.rules.set.get(&instance.rule);
        let severity = state.severity();
        // Of what is pending: the threshold that it comes to first.
        let is_critical = state.critical.since().is_some() && state.warning.since().is_none();
        let of = severity.unwrap_or(if is_critical {
            Severity::Critical
        } else {
            Severity::Warning
        });
        let notice = self.notice_of(&instance, state);
        let held = severity.and_then(|_| self.held(&notice));
        let alert = Alert {
            id: instance.id().to_string(),
            rule: instance.rule.to_string(),
            host: self.host_name(&instance.host),
            host_id: instance.host.clone(),
            labels: convert::labels(&instance.labels),
            status: convert::status(state.status()),
            severity: severity.map(convert::severity),
            since: state.since().map(|time| time.to_string()),
            fired_at: state.fired_at().map(|time| time.to_string()),
            evaluated_at: Some(state.evaluated_at.to_string()),
            value: state.value,
            unit: rule.map(|rule| rule.subject.unit().to_owned()),
            text: state.text.to_string(),
            threshold: rule.and_then(|rule| rule.threshold_text(of)),
            description: rule.and_then(|rule| rule.definition.description.clone()),
            acknowledged: state
                .acknowledged
                .as_ref()
                .map(|seen| AlertAcknowledgement {
                    by: seen.by.clone(),
                    at: seen.at.to_string(),
                    comment: seen.comment.clone(),
                }),
            silenced_by: match held {
                Some(HeldBy::Silence(id)) => Some(id.to_string()),
                _ => None,
            },
            inhibited: held == Some(HeldBy::HostDown),
            flapping: state.flapping,
            act: state.since().and_then(|since| {
                let act = self.brakes.get(&instance.host)?.last_of(instance.id())?;
                (act.at >= since).then(|| convert::act(act))
            }),
        };
        CurrentAlert {
            instance,
            notice,
            alert,
        }
    }

    /// The brakes of hosts that are worth a look.
    pub(super) fn brakes(&self) -> Vec<AlertBrake> {
        let is_recent = |brake: &Brake| {
            let last = brake.acts().last();
            brake.gave_up().is_some() || last.is_some_and(|act| self.now.since(act.at) < DAY)
        };
        let recent = self.brakes.iter().filter(|(_, brake)| is_recent(brake));
        recent
            .map(|(id, brake)| brakes::shown(id, self.host_name(id), brake))
            .collect()
    }

    fn host_name(&self, id: &str) -> String {
        let known = self.hosts.get(id);
        known.map_or_else(|| id.to_owned(), |(name, _)| name.clone())
    }

    /// What holds the notices of an alert back. Quiet hours are not looked at: they pass by themselves.
    fn held(&self, notice: &Notice) -> Option<HeldBy> {
        let holding = Holding {
            silences: &self.silences,
            quiet: &[],
            down: &self.down,
        };
        holding.holds(notice, self.now)
    }

    fn notice_of(&self, instance: &InstanceKey, state: &InstanceState) -> Notice {
        let host = self.hosts.get(&instance.host);
        Notice {
            id: Uuid::nil(),
            time: self.now,
            kind: NoticeKind::Repeated,
            instance: instance.clone(),
            host: HostText::new(host.map_or(&instance.host, |(name, _)| name)),
            host_labels: host.map(|(_, labels)| labels.clone()).unwrap_or_default(),
            before: state.severity(),
            after: state.severity(),
            since: state.since().unwrap_or(self.now),
            value: state.value,
            text: state.text.clone(),
            threshold: String::new(),
            channels: Vec::new(),
            quiet_hours: None,
            context: Vec::new(),
            act: None,
        }
    }
}
