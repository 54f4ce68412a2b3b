//! What rules would have done over stored history.

use linux_api_wire::time::Timestamp;

use crate::evaluate::{States, evaluate};
use crate::notice::{Host, InstanceKey, Notice, NoticeKind};
use crate::reading::Reading;
use crate::rules::RuleSet;
use crate::severity::Severity;
use crate::state::Moment;
use crate::subject::Subject;

/// The notices that a run over history gives: the same function as in the live run, on the same data.
#[must_use]
pub fn replay(
    rules: &RuleSet,
    host: &Host,
    subject: &Subject,
    history: impl IntoIterator<Item = (Moment, Vec<Reading>)>,
) -> Vec<Notice> {
    let mut states = States::new();
    let mut notices = Vec::new();
    for (moment, readings) in history {
        let one = evaluate(rules, host, subject, Ok(&readings), &mut states, moment);
        notices.extend(one.notices);
    }
    notices
}

/// A time in which an instance fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// Which instance.
    pub instance: InstanceKey,
    /// The worst severity in it.
    pub severity: Severity,
    /// When the value reached the threshold.
    pub since: Timestamp,
    /// When the first notice was made.
    pub fired_at: Timestamp,
    /// When it was resolved; absent when it was not.
    pub resolved_at: Option<Timestamp>,
    /// What the first notice said.
    pub text: String,
}

/// The times in which instances fired, in the order in which they began: `would have fired 3 times`.
#[must_use]
pub fn episodes(notices: &[Notice]) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = Vec::new();
    for notice in notices {
        let is_open =
            |one: &&mut Episode| one.instance == notice.instance && one.resolved_at.is_none();
        let open = episodes.iter_mut().rev().find(is_open);
        match (open, notice.after) {
            (Some(open), Some(after)) => open.severity = open.severity.max(after),
            // What flaps goes on until it is calm.
            (Some(_), None) if notice.kind == NoticeKind::Flapping => {}
            (Some(open), None) => open.resolved_at = Some(notice.time),
            (None, Some(severity)) => episodes.push(Episode {
                instance: notice.instance.clone(),
                severity,
                since: notice.since,
                fired_at: notice.time,
                resolved_at: None,
                text: notice.text.to_string(),
            }),
            (None, None) => {}
        }
    }
    episodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::subject::Check;
    use crate::testing::{at, host, rule};
    use Severity::{Critical, Warning};
    use proptest::prelude::*;

    const RULE: &str = "
        name = \"d\"
        check = \"disk_space\"
        warning = { at = 85, for = \"2min\" }
        critical = { at = 95, for = \"1min\" }
        hysteresis = 3
        keep_firing = \"3min\"
        repeat = \"30min\"";

    fn reading(value: Option<u8>) -> Reading {
        let labels = Labels::one("mount_point", "/");
        match value {
            Some(value) => Reading::value(labels, f64::from(value), "used"),
            None => Reading::no_data(labels, "does not respond"),
        }
    }

    /// As a daemon runs: it stores a state when that has to replace the stored one, and a restart
    /// begins with what is stored.
    fn live(rules: &RuleSet, values: &[(Option<u8>, bool)]) -> Vec<Notice> {
        let subject = Subject::Check(Check::DiskSpace);
        let web = host("web-01");
        let (mut stored, mut states) = (String::from("[]"), States::new());
        let mut notices = Vec::new();
        for (place, (value, restarts)) in (0_u64..).zip(values) {
            let kept: Vec<_> = serde_json::from_str(&stored).unwrap();
            let kept: States = kept.into_iter().collect();
            if *restarts {
                states.clone_from(&kept);
            }
            let moment = Moment {
                now: at(place * 20),
                booted_at: None,
            };
            let one = evaluate(
                rules,
                &web,
                &subject,
                Ok(&[reading(*value)]),
                &mut states,
                moment,
            );
            let has_changed = states.len() != kept.len()
                || states.iter().any(|(key, state)| {
                    kept.get(key).is_none_or(|kept| state.has_to_replace(kept))
                });
            // The notice goes into the same transaction.
            assert!(has_changed || one.notices.is_empty());
            if has_changed {
                let rows: Vec<_> = states.iter().collect();
                stored = serde_json::to_string(&rows).unwrap();
            }
            notices.extend(one.notices);
        }
        notices
    }

    fn shape() -> impl Strategy<Value = Vec<(Option<u8>, bool)>> {
        let value = prop_oneof![
            8 => (78_u8..100).prop_map(Some),
            2 => Just(Some(50_u8)),
            1 => Just(None),
        ];
        // The same value for a while, so that it fires; a restart now and then.
        let stretch =
            (value, 1_usize..15, prop::bool::weighted(0.3)).prop_map(|(value, count, restarts)| {
                let mut stretch = vec![(value, false); count];
                stretch[0].1 = restarts;
                stretch
            });
        prop::collection::vec(stretch, 1..40).prop_map(|all| all.concat())
    }

    proptest! {
        /// A preview is what the live run did, restarts of the daemon included.
        #[test]
        fn a_replay_gives_the_notices_of_the_live_run(values in shape()) {
            let rules = RuleSet::only(vec![rule(RULE)]);
            let live = live(&rules, &values);
            let history = (0_u64..).zip(&values).map(|(place, (value, _))| {
                let now = at(place * 20);
                (Moment { now, booted_at: None }, vec![reading(*value)])
            });
            let subject = Subject::Check(Check::DiskSpace);
            let again = replay(&rules, &host("web-01"), &subject, history);
            prop_assert_eq!(again, live);
        }

        /// Whatever happens, what receivers were sent follows: each notice begins where the last ended.
        #[test]
        fn notices_of_an_instance_fit_together(values in shape()) {
            let rules = RuleSet::only(vec![rule(RULE)]);
            let mut last = None;
            for notice in live(&rules, &values) {
                prop_assert_eq!(notice.before, last);
                last = notice.after;
            }
        }
    }

    #[test]
    fn episodes_are_the_times_in_which_it_fired() {
        let rules = RuleSet::only(vec![rule(RULE)]);
        let subject = Subject::Check(Check::DiskSpace);
        let value = |seconds: u64| match seconds {
            600..=1_200 => 90,
            4_000..=5_000 => 96,
            9_000.. => 99,
            _ => 40,
        };
        let history = (0_u64..9_300).step_by(10).map(|seconds| {
            let now = at(seconds);
            (
                Moment {
                    now,
                    booted_at: None,
                },
                vec![reading(Some(value(seconds)))],
            )
        });
        let found = episodes(&replay(&rules, &host("web-01"), &subject, history));
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.severity, one.since, one.fired_at, one.resolved_at))
            .collect();
        assert_eq!(
            shown,
            [
                (Warning, at(600), at(720), Some(at(1_210 + 180))),
                (Critical, at(4_000), at(4_060), Some(at(5_010 + 180))),
                (Critical, at(9_000), at(9_060), None),
            ]
        );
    }
}
