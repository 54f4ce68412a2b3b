//! What one daemon judges for all: whether hosts are down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linux_api_wire::time::Timestamp;
use linux_api_wire::units;

use crate::evaluate::{Evaluation, States, evaluate};
use crate::labels::Labels;
use crate::name::Name;
use crate::notice::Host;
use crate::reading::Reading;
use crate::rules::RuleSet;
use crate::state::{Moment, Status};
use crate::subject::{Check, Subject};

/// How often a daemon writes that it lives, at least.
pub const PRESENCE_INTERVAL: Duration = Duration::from_secs(30);

/// A host and when its daemon last wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetHost {
    /// The host.
    pub host: Host,
    /// When its daemon last wrote, by the clock of the one that judges.
    pub last_seen: Timestamp,
}

/// Since when a daemon can judge the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// When it took the lease.
    pub lease_since: Timestamp,
    /// When its database became reachable.
    pub database_since: Timestamp,
}

impl Leadership {
    /// Whether it has been able to see each host write once. Before, all hosts look as if they were down when
    /// in truth the database was.
    #[must_use]
    pub fn may_judge(&self, now: Timestamp) -> bool {
        let since = self.lease_since.max(self.database_since);
        now.since(since) >= PRESENCE_INTERVAL
    }
}

/// Evaluates `host_down` for all hosts. Hosts that are not listed were forgotten, and are well.
#[must_use]
pub fn evaluate_hosts(
    rules: &RuleSet,
    hosts: &[FleetHost],
    leadership: Leadership,
    states: &mut States,
    now: Timestamp,
) -> Evaluation {
    let subject = Subject::Check(Check::HostDown);
    let moment = Moment {
        now,
        booted_at: None,
    };
    let may_judge = leadership.may_judge(now);
    let mut all = Evaluation::default();
    let mut forgotten: BTreeSet<String> = states.keys().map(|key| key.host.clone()).collect();
    // Only the states of this check: others are those of the host's own daemon.
    let mut own = split_off(rules, &subject, states);
    for FleetHost { host, last_seen } in hosts {
        forgotten.remove(&host.id);
        let seconds = now.since(*last_seen).as_secs();
        let text = format!("last seen {} ago", units::span(seconds));
        let reading = Reading::value(
            Labels::default(),
            now.since(*last_seen).as_secs_f64(),
            &text,
        );
        let readings = [reading];
        let readings = if may_judge {
            Ok(&readings[..])
        } else {
            Err("the daemon that judges has not yet seen all hosts write")
        };
        let one = evaluate(rules, host, &subject, readings, &mut own, moment);
        all.notices.extend(one.notices);
        all.left_out += one.left_out;
    }
    for id in forgotten {
        let host = Host {
            name: id.clone(),
            id,
            ..Host::default()
        };
        let one = evaluate(rules, &host, &subject, Ok(&[]), &mut own, moment);
        all.notices.extend(one.notices);
    }
    states.extend(own);
    all
}

/// Takes the states of a subject out of all.
fn split_off(rules: &RuleSet, subject: &Subject, states: &mut States) -> States {
    let is_own = |rule: &Name| rules.get(rule).is_some_and(|rule| rule.subject == *subject);
    let all = std::mem::take(states);
    let (own, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        all.into_iter().partition(|(key, _)| is_own(&key.rule));
    *states = others;
    own
}

/// The ids of the hosts that are down, or look so: their other alerts wait.
#[must_use]
pub fn down_hosts(rules: &RuleSet, states: &States) -> BTreeSet<String> {
    let subject = Subject::Check(Check::HostDown);
    let is_down = |status| matches!(status, Status::Pending | Status::Firing);
    states
        .iter()
        .filter(|(key, state)| {
            let is_of_check = rules
                .get(&key.rule)
                .is_some_and(|rule| rule.subject == subject);
            is_of_check && is_down(state.status())
        })
        .map(|(key, _)| key.host.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::NoticeKind;
    use crate::testing::{at, host};

    fn leader(seconds: u64) -> Leadership {
        Leadership {
            lease_since: at(seconds),
            database_since: at(0),
        }
    }

    fn hosts(count: usize, last_seen: u64) -> Vec<FleetHost> {
        let one = |number| FleetHost {
            host: host(&format!("web-{number:03}")),
            last_seen: at(last_seen),
        };
        (0..count).map(one).collect()
    }

    struct Fleet {
        rules: RuleSet,
        states: States,
    }

    impl Fleet {
        fn new() -> Self {
            Self {
                rules: RuleSet::new(Vec::new()).0,
                states: States::new(),
            }
        }

        fn run(&mut self, hosts: &[FleetHost], leader: Leadership, now: u64) -> Vec<NoticeKind> {
            let all = evaluate_hosts(&self.rules, hosts, leader, &mut self.states, at(now));
            all.notices.iter().map(|notice| notice.kind).collect()
        }
    }

    #[test]
    fn a_host_is_down_within_170_seconds_and_back_after_a_minute() {
        let mut fleet = Fleet::new();
        let mut fired = None;
        for now in (1_000..1_400).step_by(10) {
            let kinds = fleet.run(&hosts(1, 1_000), leader(0), now);
            if kinds == [NoticeKind::Firing] {
                assert_eq!(fired.replace(now), None);
            }
        }
        assert_eq!(fired, Some(1_150));
        assert_eq!(down_hosts(&fleet.rules, &fleet.states).len(), 1);
        let mut resolved = None;
        for now in (1_400..1_600).step_by(10) {
            if !fleet.run(&hosts(1, now), leader(0), now).is_empty() {
                resolved = Some(now);
            }
        }
        assert_eq!(resolved, Some(1_460));
        assert!(down_hosts(&fleet.rules, &fleet.states).is_empty());
    }

    #[test]
    fn an_outage_of_the_database_takes_no_host_down() {
        let mut fleet = Fleet::new();
        let all = hosts(200, 1_000);
        for now in (1_000..1_020).step_by(10) {
            assert_eq!(fleet.run(&all, leader(0), now), []);
        }
        // Away from 1 020 to 1 320; then all hosts write again within half a minute.
        let back = Leadership {
            lease_since: at(1_320),
            database_since: at(1_320),
        };
        for now in (1_320..1_350).step_by(10) {
            assert_eq!(fleet.run(&all, back, now), []);
        }
        for now in (1_350..2_000).step_by(10) {
            assert_eq!(fleet.run(&hosts(200, now - now % 30), back, now), []);
        }
        assert!(down_hosts(&fleet.rules, &fleet.states).is_empty());
    }

    #[test]
    fn a_forgotten_host_is_resolved_and_other_states_stay() {
        let mut fleet = Fleet::new();
        for now in (1_000..1_200).step_by(10) {
            fleet.run(&hosts(1, 1_000), leader(0), now);
        }
        let other = crate::notice::InstanceKey {
            rule: "memory_low".parse().unwrap(),
            host: "web-009".to_owned(),
            labels: Labels::default(),
        };
        fleet
            .states
            .insert(other.clone(), crate::state::InstanceState::default());
        let mut kinds = Vec::new();
        for now in (1_200..1_300).step_by(10) {
            kinds.extend(fleet.run(&[], leader(0), now));
        }
        assert_eq!(kinds, [NoticeKind::Resolved]);
        assert!(fleet.states.contains_key(&other));
    }
}
