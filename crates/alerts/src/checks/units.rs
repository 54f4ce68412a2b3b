//! Units of systemd, and processes that should run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::number;
use crate::labels::Labels;
use crate::reading::Reading;
use crate::rules::ProcessMatch;

/// So many restarts within [`RESTARTS_WINDOW`] are as bad as a failure.
pub const RESTARTS: u64 = 5;
/// The time in which restarts are counted.
pub const RESTARTS_WINDOW: Duration = Duration::from_mins(10);

/// How often units were restarted by systemd, by its counter `NRestarts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRestarts(BTreeMap<String, Vec<(Timestamp, u64)>>);

impl UnitRestarts {
    /// Adds the counters of all units that have restarted at least once. Units that are not among them are
    /// forgotten.
    pub fn add(&mut self, now: Timestamp, counters: &BTreeMap<String, u64>) {
        self.0.retain(|unit, _| counters.contains_key(unit));
        for (unit, counter) in counters {
            let known = self.0.entry(unit.clone()).or_default();
            // A smaller counter is that of a unit that was started by hand; a later time, of another clock.
            let is_broken = |(time, before): &(Timestamp, u64)| time > &now || before > counter;
            if known.last().is_some_and(is_broken) {
                known.clear();
            }
            if known.last().is_none_or(|(_, before)| before != counter) {
                known.push((now, *counter));
            }
            while known
                .get(1)
                .is_some_and(|(second, _)| now.since(*second) > RESTARTS_WINDOW)
            {
                known.remove(0);
            }
        }
    }

    /// The units that were restarted at least five times in ten minutes, with how often.
    #[must_use]
    pub fn frequent(&self, now: Timestamp) -> BTreeMap<String, u64> {
        let within = |known: &Vec<(Timestamp, u64)>| {
            let before = known
                .iter()
                .rev()
                .find(|(time, _)| now.since(*time) > RESTARTS_WINDOW);
            let from = before.or(known.first()).map_or(0, |(_, counter)| *counter);
            known
                .last()
                .map_or(0, |(_, last)| last.saturating_sub(from))
        };
        let all = self
            .0
            .iter()
            .map(|(unit, known)| (unit.clone(), within(known)));
        all.filter(|(_, count)| *count >= RESTARTS).collect()
    }
}

/// The units that have failed, and those that restart again and again. All others are well.
#[must_use]
pub fn unit_failed(failed: &[String], frequent: &BTreeMap<String, u64>) -> Vec<Reading> {
    let failed: BTreeSet<&String> = failed.iter().collect();
    let restarted = frequent.iter().filter(|(unit, _)| !failed.contains(unit));
    let restarted = restarted.map(|(unit, count)| {
        let text = format!("was restarted {count} times in 10 min");
        Reading::value(Labels::one("unit", unit), 1.0, &text)
    });
    let failed = failed
        .iter()
        .map(|unit| Reading::value(Labels::one("unit", unit), 1.0, "has failed"));
    failed.chain(restarted).collect()
}

/// How many processes match, for each process that a rule names; absent where that could not be read.
#[must_use]
pub fn process_missing(counted: &[(ProcessMatch, Option<u64>)]) -> Vec<Reading> {
    let reading = |(process, count): &(ProcessMatch, Option<u64>)| {
        let name = process.label();
        let labels = Labels::one("process", &name);
        match count {
            None => Reading::no_data(labels, "processes could not be read"),
            Some(0) => Reading::value(labels, 0.0, "does not run"),
            Some(count) => Reading::value(labels, number(*count), &format!("{count} run")),
        }
    };
    counted.iter().map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn counters(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
        pairs
            .iter()
            .map(|(unit, count)| ((*unit).to_owned(), *count))
            .collect()
    }

    #[test]
    fn five_restarts_in_ten_minutes_are_many() {
        let mut restarts = UnitRestarts::default();
        for step in 0..5 {
            restarts.add(
                at(step * 100),
                &counters(&[("a.service", 20 + step), ("b.service", 3)]),
            );
            assert!(restarts.frequent(at(step * 100)).is_empty());
        }
        restarts.add(at(500), &counters(&[("a.service", 25), ("b.service", 3)]));
        assert_eq!(restarts.frequent(at(500)), counters(&[("a.service", 5)]));
        assert_eq!(restarts.frequent(at(1_200)), counters(&[]));
        // Started by hand: its counter begins again.
        restarts.add(at(1_300), &counters(&[("a.service", 1)]));
        assert!(restarts.frequent(at(1_300)).is_empty());
        assert_eq!(restarts.0.len(), 1);
    }

    #[test]
    fn a_unit_that_failed_is_listed_once() {
        let failed = ["b.service".to_owned(), "a.mount".to_owned()];
        let frequent = counters(&[("b.service", 7), ("c.service", 6)]);
        let readings = unit_failed(&failed, &frequent);
        let units: Vec<&str> = readings
            .iter()
            .map(|it| it.labels.get("unit").unwrap())
            .collect();
        assert_eq!(units, ["a.mount", "b.service", "c.service"]);
    }

    #[test]
    fn processes_are_named_by_their_unit_or_file_and_account() {
        let unit = ProcessMatch {
            unit: Some("a.service".to_owned()),
            ..ProcessMatch::default()
        };
        let file = ProcessMatch {
            executable: Some("/usr/bin/x".to_owned()),
            uid: Some(0),
            ..ProcessMatch::default()
        };
        let readings = process_missing(&[(unit, Some(0)), (file, None)]);
        let shown: Vec<String> = readings.iter().map(|it| it.labels.to_string()).collect();
        assert_eq!(
            shown,
            [
                r#"{process="a.service"}"#,
                r#"{process="/usr/bin/x of uid 0"}"#
            ]
        );
    }
}
