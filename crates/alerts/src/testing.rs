//! What the tests of several modules need.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linux_api_wire::time::Timestamp;

use crate::labels::Labels;
use crate::message::Message;
use crate::notice::{Host, InstanceKey, Notice, NoticeKind};
use crate::plan::{Holding, plan};
use crate::reading::{Measure, Value};
use crate::rules::{Rule, RuleSource, compile};
use crate::severity::Severity;
use crate::state::{InstanceState, Moment, Subjected, step};

/// A rule of this TOML.
pub(crate) fn rule(text: &str) -> Rule {
    compile(toml::from_str(text).unwrap(), RuleSource::Stored).unwrap()
}

/// The time of this many seconds after a Monday's midnight in UTC.
pub(crate) fn at(seconds: u64) -> Timestamp {
    let monday: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    monday.saturating_add(Duration::from_secs(seconds))
}

/// A host of this name, which is its id as well.
pub(crate) fn host(name: &str) -> Host {
    Host {
        id: name.to_owned(),
        name: name.to_owned(),
        ..Host::default()
    }
}

/// The instance of a rule on a host.
pub(crate) fn key(rule: &Rule, host: &Host, labels: Labels) -> InstanceKey {
    InstanceKey {
        rule: rule.name.clone(),
        host: host.id.clone(),
        labels,
    }
}

/// A value without more.
pub(crate) fn value(main: f64) -> Measure {
    Measure::Value(Value {
        main,
        text: format!("{main}").as_str().into(),
        ..Value::default()
    })
}

/// One instance that is evaluated again and again.
pub(crate) struct Run {
    pub(crate) rule: Rule,
    host: Host,
    key: InstanceKey,
    pub(crate) state: Option<InstanceState>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) booted_at: Option<Timestamp>,
}

impl Run {
    pub(crate) fn of(text: &str) -> Self {
        let rule = rule(text);
        let host = host("web-01");
        Self {
            key: key(&rule, &host, Labels::default()),
            rule,
            host,
            state: None,
            notices: Vec::new(),
            booted_at: None,
        }
    }

    pub(crate) fn step(&mut self, seconds: u64, measure: &Measure) {
        let of = Subjected {
            rule: &self.rule,
            key: &self.key,
            host: &self.host,
        };
        let moment = Moment {
            now: at(seconds),
            booted_at: self.booted_at,
        };
        let step = step(of, self.state.as_ref(), measure, moment);
        self.state = step.state;
        self.notices.extend(step.notice);
    }

    /// Evaluates every ten seconds from one second to another, the latter not included.
    pub(crate) fn every_ten(&mut self, from: u64, until: u64, of: impl Fn(u64) -> f64) {
        for seconds in (from..until).step_by(10) {
            self.step(seconds, &value(of(seconds)));
        }
    }

    /// Stores the state and reads it again, as a restart does.
    pub(crate) fn restart(&mut self) {
        let stored = serde_json::to_string(&self.state).unwrap();
        self.state = serde_json::from_str(&stored).unwrap();
    }

    pub(crate) fn kinds(&self) -> Vec<NoticeKind> {
        self.notices.iter().map(|notice| notice.kind).collect()
    }
}

/// A notice of a rule that began to fire.
pub(crate) fn firing(rule: &str, host: &str, severity: Severity, time: Timestamp) -> Notice {
    let key = InstanceKey {
        rule: rule.parse().unwrap(),
        host: host.to_owned(),
        labels: Labels::default(),
    };
    Notice {
        id: Notice::id_of(&key, NoticeKind::Firing, time),
        time,
        kind: NoticeKind::Firing,
        instance: key,
        host: host.into(),
        host_labels: BTreeMap::new(),
        before: None,
        after: Some(severity),
        since: time,
        value: Some(97.0),
        text: "97% used".into(),
        threshold: "95% or more".to_owned(),
        channels: Vec::new(),
        quiet_hours: None,
        context: Vec::new(),
        act: None,
    }
}

/// The notice that ends what another began.
pub(crate) fn resolved(began: &Notice, time: Timestamp) -> Notice {
    Notice {
        id: Notice::id_of(&began.instance, NoticeKind::Resolved, time),
        time,
        kind: NoticeKind::Resolved,
        before: began.after,
        after: None,
        ..began.clone()
    }
}

/// The message of notices of one rule.
pub(crate) fn message(notices: &[Notice]) -> Message {
    let holding = Holding {
        silences: &[],
        quiet: &[],
        down: &BTreeSet::new(),
    };
    let plan = plan(notices, &BTreeMap::new(), &holding, at(1_000_000));
    assert_eq!(plan.bundles.len(), 1);
    Message::of(&plan.bundles[0])
}
