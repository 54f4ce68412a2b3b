//! Evaluates all instances of a subject on a host.

use std::collections::{BTreeMap, BTreeSet};

use linux_api_wire::time::Timestamp;

use crate::notice::{Host, InstanceKey, Notice};
use crate::reading::{Measure, Reading};
use crate::rules::{INSTANCES_MAX, RuleSet};
use crate::state::{InstanceState, Moment, Subjected, end, step};
use crate::subject::Subject;

/// The states that are remembered, of one host or of many. Those that are well are not among them.
pub type States = BTreeMap<InstanceKey, InstanceState>;

/// What an evaluation gave, beside the new states.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// What is to be sent, to be stored in one transaction with the states.
    pub notices: Vec<Notice>,
    /// How many instances were left out, because their rule has as many as it may have.
    pub left_out: usize,
}

/// Evaluates a subject on a host by what was read of it, and moves the states.
///
/// `readings` is everything there is of the subject on the host, or why it could not be read: then the
/// instances that are remembered are without data, and none ends because it is not listed.
#[must_use]
pub fn evaluate(
    rules: &RuleSet,
    host: &Host,
    subject: &Subject,
    readings: Result<&[Reading], &str>,
    states: &mut States,
    moment: Moment,
) -> Evaluation {
    let mut evaluation = Evaluation::default();
    let mut seen = BTreeSet::new();
    for reading in readings.unwrap_or_default() {
        for rule in rules.select(subject, &host.labels, &reading.labels) {
            let key = InstanceKey {
                rule: rule.name.clone(),
                host: host.id.clone(),
                labels: reading.labels.clone(),
            };
            let of = Subjected {
                rule,
                key: &key,
                host,
            };
            if seen.contains(&key) {
                continue;
            }
            apply(of, &reading.measure, states, moment, &mut evaluation);
            seen.insert(key);
        }
    }
    let absent = match readings {
        Err(why) => Measure::NoData(why.into()),
        Ok(_) if subject.absent_is_well() => Measure::Gone,
        Ok(_) => Measure::NoData("not among what was read".into()),
    };
    let rest = states
        .keys()
        .filter(|key| key.host == host.id && !seen.contains(*key));
    let rest: Vec<InstanceKey> = rest.cloned().collect();
    for key in rest {
        let Some(rule) = rules.get(&key.rule).filter(|rule| rule.subject == *subject) else {
            continue;
        };
        let mut counting = rules.select(subject, &host.labels, &key.labels);
        if counting.any(|one| one.name == rule.name) {
            let of = Subjected {
                rule,
                key: &key,
                host,
            };
            apply(of, &absent, states, moment, &mut evaluation);
        } else if let Some(state) = states.remove(&key) {
            let why = "another rule counts, or it is switched off";
            let notice = end(Some(rule), &key, host, &state, why, moment.now);
            evaluation.notices.extend(notice);
        }
    }
    evaluation
}

/// Ends what is remembered of a host by rules that are not there any more.
#[must_use]
pub fn end_without_rule(
    rules: &RuleSet,
    host: &Host,
    states: &mut States,
    now: Timestamp,
) -> Vec<Notice> {
    let is_orphan = |key: &InstanceKey| key.host == host.id && rules.get(&key.rule).is_none();
    end_all(rules, host, states, is_orphan, "the rule was deleted", now)
}

/// Ends all that is remembered of a host that was forgotten: nothing is evaluated there any more.
#[must_use]
pub fn end_host(rules: &RuleSet, host: &Host, states: &mut States, now: Timestamp) -> Vec<Notice> {
    let is_of_host = |key: &InstanceKey| key.host == host.id;
    end_all(
        rules,
        host,
        states,
        is_of_host,
        "the host was forgotten",
        now,
    )
}

fn end_all(
    rules: &RuleSet,
    host: &Host,
    states: &mut States,
    is_meant: impl Fn(&InstanceKey) -> bool,
    why: &str,
    now: Timestamp,
) -> Vec<Notice> {
    let meant = states.keys().filter(|key| is_meant(key));
    let meant: Vec<InstanceKey> = meant.cloned().collect();
    let ended = meant.into_iter().filter_map(|key| {
        let state = states.remove(&key)?;
        end(rules.get(&key.rule), &key, host, &state, why, now)
    });
    ended.collect()
}

fn apply(
    of: Subjected<'_>,
    measure: &Measure,
    states: &mut States,
    moment: Moment,
    evaluation: &mut Evaluation,
) {
    let stored = states.get(of.key);
    let step = step(of, stored, measure, moment);
    match step.state {
        None => {
            states.remove(of.key);
        }
        Some(_) if stored.is_none() && count(states, of.key) >= INSTANCES_MAX => {
            evaluation.left_out += 1;
            return;
        }
        Some(state) => {
            states.insert(of.key.clone(), state);
        }
    }
    evaluation.notices.extend(step.notice);
}

/// How many instances of the same rule on the same host are remembered.
fn count(states: &States, key: &InstanceKey) -> usize {
    let first = InstanceKey {
        labels: crate::labels::Labels::default(),
        ..key.clone()
    };
    let same = |one: &&InstanceKey| one.rule == key.rule && one.host == key.host;
    states
        .range(first..)
        .map(|(key, _)| key)
        .take_while(same)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::notice::NoticeKind;
    use crate::severity::Severity;
    use crate::state::Status;
    use crate::subject::Check;
    use crate::testing::{at, host, rule};

    fn units(names: &[&str]) -> Vec<Reading> {
        let reading = |name: &&str| Reading::value(Labels::one("unit", name), 1.0, "failed");
        names.iter().map(reading).collect()
    }

    fn moment(seconds: u64) -> Moment {
        Moment {
            now: at(seconds),
            booted_at: None,
        }
    }

    fn quick(name: &str, more: &str) -> crate::rules::Rule {
        rule(&format!(
            "name = \"{name}\"\nfor = \"0s\"\nkeep_firing = \"0s\"\n{more}"
        ))
    }

    #[test]
    fn directories_with_different_thresholds_fire_by_their_own() {
        let rules = RuleSet::new(vec![quick(
            "data",
            "check = \"disk_space\"\nwarning = 95\nlabels = { mount_point = \"/data\" }",
        )]);
        let subject = Subject::Check(Check::DiskSpace);
        let mut states = States::new();
        let reading = |mount_point: &str| {
            let labels = Labels::one("mount_point", mount_point);
            Reading::value(labels, 90.0, "90% used").with_second(Some(1e9))
        };
        let readings = [reading("/"), reading("/data")];
        let web = host("web-01");
        let mut notices = Vec::new();
        for seconds in (0..=400).step_by(10) {
            let of = moment(seconds);
            let now = evaluate(&rules.0, &web, &subject, Ok(&readings), &mut states, of);
            notices.extend(now.notices);
        }
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].instance.rule.as_str(), "disk_space");
        assert_eq!(notices[0].instance.labels, Labels::one("mount_point", "/"));
        assert_eq!(notices[0].after, Some(Severity::Warning));
    }

    #[test]
    fn what_is_not_listed_is_well_or_not_known_but_never_when_nothing_was_read() {
        let rules = RuleSet::only(vec![quick("u", "check = \"unit_failed\"\nwarning = 1")]);
        let subject = Subject::Check(Check::UnitFailed);
        let (web, mut states) = (host("web-01"), States::new());
        let run = |seconds, readings: Result<&[Reading], &str>, states: &mut States| {
            let kinds = evaluate(&rules, &web, &subject, readings, states, moment(seconds));
            let kinds: Vec<NoticeKind> = kinds.notices.iter().map(|it| it.kind).collect();
            kinds
        };
        let both = units(&["a.service", "b.service"]);
        let fired = run(0, Ok(&both), &mut states);
        assert_eq!(fired, [NoticeKind::Firing, NoticeKind::Firing]);
        assert_eq!(run(10, Err("the bus does not respond"), &mut states), []);
        assert!(
            states
                .values()
                .all(|state| state.status() == Status::Unknown)
        );
        let one = units(&["a.service"]);
        assert_eq!(run(20, Ok(&one), &mut states), [NoticeKind::Resolved]);
        assert_eq!(run(30, Ok(&[]), &mut states), [NoticeKind::Resolved]);

        let rules = RuleSet::only(vec![quick("d", "check = \"disk_space\"\nwarning = 80")]);
        let subject = Subject::Check(Check::DiskSpace);
        let reading = Reading::value(Labels::one("mount_point", "/mnt"), 90.0, "90% used");
        let mut states = States::new();
        let fired = evaluate(
            &rules,
            &web,
            &subject,
            Ok(&[reading]),
            &mut states,
            moment(0),
        );
        assert_eq!(fired.notices.len(), 1);
        let gone = evaluate(&rules, &web, &subject, Ok(&[]), &mut states, moment(10));
        assert_eq!(gone.notices, []);
        assert_eq!(states.values().next().unwrap().status(), Status::Unknown);
    }

    #[test]
    fn a_rule_that_does_not_count_any_more_ends_what_it_began() {
        let subject = Subject::Check(Check::UnitFailed);
        let (web, mut states) = (host("web-01"), States::new());
        let rules = RuleSet::only(vec![quick("u", "check = \"unit_failed\"\nwarning = 1")]);
        let failed = units(&["a.service"]);
        let fired = evaluate(&rules, &web, &subject, Ok(&failed), &mut states, moment(0));
        assert_eq!(fired.notices.len(), 1);
        let mut kept = states.clone();

        let off = quick("u", "check = \"unit_failed\"\nwarning = 1\nenabled = false");
        let off = RuleSet::only(vec![off]);
        let ended = evaluate(&off, &web, &subject, Ok(&failed), &mut states, moment(10));
        assert_eq!(ended.notices[0].kind, NoticeKind::Ended);
        assert!(states.is_empty());

        let none = RuleSet::only(Vec::new());
        let other = end_without_rule(&none, &host("web-02"), &mut kept, at(10));
        assert_eq!(other, []);
        let mut forgotten = kept.clone();
        let ended = end_without_rule(&none, &web, &mut kept, at(10));
        assert_eq!(ended[0].kind, NoticeKind::Ended);
        assert_eq!(ended[0].text.as_str(), "the rule was deleted");
        assert!(kept.is_empty());
        let ended = end_host(&rules, &web, &mut forgotten, at(10));
        assert_eq!(ended[0].text.as_str(), "the host was forgotten");
        assert!(forgotten.is_empty());
    }

    #[test]
    fn a_rule_has_a_bounded_number_of_instances() {
        let rules = RuleSet::only(vec![quick("u", "check = \"unit_failed\"\nwarning = 1")]);
        let subject = Subject::Check(Check::UnitFailed);
        let names: Vec<String> = (0..INSTANCES_MAX + 7)
            .map(|it| format!("u{it}.service"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (web, mut states) = (host("web-01"), States::new());
        let readings = units(&names);
        let first = evaluate(
            &rules,
            &web,
            &subject,
            Ok(&readings),
            &mut states,
            moment(0),
        );
        assert_eq!((first.notices.len(), first.left_out), (INSTANCES_MAX, 7));
        assert_eq!(states.len(), INSTANCES_MAX);
        let second = evaluate(
            &rules,
            &web,
            &subject,
            Ok(&readings),
            &mut states,
            moment(10),
        );
        assert_eq!((second.notices.len(), second.left_out), (0, 7));
    }
}
