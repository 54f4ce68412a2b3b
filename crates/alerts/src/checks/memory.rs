//! Memory, processors and what waits for them.

use std::collections::VecDeque;
use std::time::Duration;

use linux_api_wire::snapshot::{Load, Memory, Pressure, ResourcePressure};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units;
use serde::{Deserialize, Serialize};

use super::number;
use crate::labels::Labels;
use crate::reading::Reading;

/// Memory that is available, in percent; the second value is the time in which some task waited for memory (one
/// minute, percent), where the kernel reports it.
#[must_use]
pub fn memory_low(memory: Option<&Memory>, pressure: Option<&Pressure>) -> Vec<Reading> {
    let percent = memory.and_then(|it| units::share(it.available_bytes, it.total_bytes));
    let (Some(memory), Some(percent)) = (memory, percent) else {
        return vec![Reading::no_data(
            Labels::default(),
            "memory could not be read",
        )];
    };
    let waiting = pressure.and_then(|it| it.memory).map(|it| it.some.avg60);
    let available = units::size(memory.available_bytes);
    let total = units::size(memory.total_bytes);
    let text = format!(
        "{} available: {available} of {total}",
        units::percent(percent)
    );
    vec![Reading::value(Labels::default(), percent, &text).with_second(waiting)]
}

/// The time in which tasks waited, in percent: all tasks for `io` and `memory` over one minute, some task for `cpu`
/// over five. A resource that the kernel says nothing of has no reading.
#[must_use]
pub fn pressure(pressure: &Pressure) -> Vec<Reading> {
    let full = |one: ResourcePressure| one.full.map(|share| share.avg60);
    let shares = [
        (
            "cpu",
            "some task waited for a processor",
            pressure.cpu.map(|it| it.some.avg300),
        ),
        (
            "io",
            "all tasks waited for disks",
            pressure.io.and_then(full),
        ),
        (
            "memory",
            "all tasks waited for memory",
            pressure.memory.and_then(full),
        ),
    ];
    let reading = |(resource, what, share): (&str, &str, Option<f64>)| {
        let share = share?;
        let text = format!("{what} for {} of the time", units::percent(share));
        Some(Reading::value(
            Labels::one("resource", resource),
            share,
            &text,
        ))
    };
    shares.into_iter().filter_map(reading).collect()
}

/// The load of five minutes per processor, where the kernel reports no pressure on processors.
#[must_use]
pub fn load(load: Option<&Load>, cores: usize, pressure: Option<&Pressure>) -> Vec<Reading> {
    if cores == 0 || pressure.is_some_and(|it| it.cpu.is_some()) {
        return Vec::new();
    }
    let Some(load) = load else {
        return vec![Reading::no_data(
            Labels::default(),
            "the load could not be read",
        )];
    };
    let each = load.five / number(cores as u64);
    let processors = units::count(cores, "processor");
    let text = format!("load {:.2} on {processors}, {each:.1} for each", load.five);
    vec![Reading::value(Labels::default(), each, &text)]
}

/// How many processes the kernel killed for want of memory, over the last hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OomKills(VecDeque<(Timestamp, u64)>);

/// The time in which a kill is a warning.
const OOM_RECENT: Duration = Duration::from_mins(10);
/// The time in which kills are remembered.
const OOM_WINDOW: Duration = Duration::from_hours(1);

impl OomKills {
    /// Adds the counter of the kernel (`oom_kill` of `/proc/vmstat`). The first one is where it begins to count; a
    /// smaller one than before is a restart of the host, since which all of it counts.
    pub fn add(&mut self, now: Timestamp, counter: u64) {
        let last = self.0.back().copied();
        match last {
            Some((time, before)) if time > now || counter < before => {
                let since = if counter < before { 0 } else { before };
                self.0.clear();
                self.0.push_back((now, since));
            }
            None => self.0.push_back((now, counter)),
            Some(_) => {}
        }
        if self.0.back().is_some_and(|(_, before)| counter > *before) {
            self.0.push_back((now, counter));
        }
        // The last one before the window says from where to count.
        while self
            .0
            .get(1)
            .is_some_and(|(second, _)| now.since(*second) > OOM_WINDOW)
        {
            self.0.pop_front();
        }
    }

    fn within(&self, window: Duration, now: Timestamp) -> u64 {
        let before = self
            .0
            .iter()
            .rev()
            .find(|(time, _)| now.since(*time) > window);
        let from = before.or(self.0.front()).map_or(0, |(_, counter)| *counter);
        self.0
            .back()
            .map_or(0, |(_, last)| last.saturating_sub(from))
    }

    /// The kills of the last ten minutes; the second value is those of the last hour.
    #[must_use]
    pub fn reading(&self, now: Timestamp) -> Vec<Reading> {
        if self.0.is_empty() {
            return vec![Reading::no_data(
                Labels::default(),
                "/proc/vmstat could not be read",
            )];
        }
        let (recent, hour) = (self.within(OOM_RECENT, now), self.within(OOM_WINDOW, now));
        let text = format!("{recent} killed for want of memory in 10 min, {hour} in an hour");
        let reading = Reading::value(Labels::default(), number(recent), &text);
        vec![reading.with_second(Some(number(hour)))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Measure;
    use crate::testing::at;
    use linux_api_wire::snapshot::PressureShare;

    fn values(readings: &[Reading]) -> Vec<(String, f64, Option<f64>)> {
        let value = |reading: &Reading| match &reading.measure {
            Measure::Value(value) => (reading.labels.to_string(), value.main, value.second),
            other => panic!("{other:?}"),
        };
        readings.iter().map(value).collect()
    }

    fn resource(some: f64, full: Option<f64>) -> ResourcePressure {
        let share = |avg60| PressureShare {
            avg60,
            avg300: avg60 / 2.0,
            ..PressureShare::default()
        };
        ResourcePressure {
            some: share(some),
            full: full.map(share),
        }
    }

    #[test]
    fn memory_has_its_pressure_where_there_is_one() {
        let memory = Memory {
            total_bytes: 1_000,
            available_bytes: 80,
            ..Memory::default()
        };
        let psi = Pressure {
            memory: Some(resource(1.5, Some(0.5))),
            ..Pressure::default()
        };
        let with = values(&memory_low(Some(&memory), Some(&psi)));
        assert_eq!(with, [(String::new(), 8.0, Some(1.5))]);
        let without = values(&memory_low(Some(&memory), None));
        assert_eq!(without, [(String::new(), 8.0, None)]);
        assert!(matches!(
            memory_low(None, None)[0].measure,
            Measure::NoData(_)
        ));
    }

    #[test]
    fn pressure_is_what_all_or_some_tasks_wait_for() {
        let psi = Pressure {
            cpu: Some(resource(50.0, None)),
            io: Some(resource(60.0, Some(40.0))),
            memory: None,
        };
        let found = values(&pressure(&psi));
        assert_eq!(
            found,
            [
                (r#"{resource="cpu"}"#.to_owned(), 25.0, None),
                (r#"{resource="io"}"#.to_owned(), 40.0, None),
            ]
        );
        let five = Load {
            five: 10.0,
            ..Load::default()
        };
        assert_eq!(load(Some(&five), 4, Some(&psi)), []);
        assert_eq!(
            values(&load(Some(&five), 4, None)),
            [(String::new(), 2.5, None)]
        );
    }

    #[test]
    fn kills_are_counted_in_ten_minutes_and_an_hour() {
        let mut kills = OomKills::default();
        let of = |kills: &OomKills, now| {
            let all = values(&kills.reading(at(now)));
            (all[0].1, all[0].2.unwrap())
        };
        kills.add(at(0), 7);
        assert_eq!(of(&kills, 0), (0.0, 0.0));
        kills.add(at(100), 8);
        kills.add(at(110), 8);
        assert_eq!(of(&kills, 110), (1.0, 1.0));
        kills.add(at(1_000), 10);
        assert_eq!(of(&kills, 1_000), (2.0, 3.0));
        assert_eq!(of(&kills, 1_601), (0.0, 3.0));
        kills.add(at(3_701), 10);
        assert_eq!(of(&kills, 3_701), (0.0, 2.0));
        assert_eq!(of(&kills, 4_601), (0.0, 0.0));
        // A restart of the host: what was killed since counts.
        kills.add(at(5_000), 1);
        assert_eq!(of(&kills, 5_000), (1.0, 1.0));
        let stored = serde_json::to_string(&kills).unwrap();
        assert_eq!(serde_json::from_str::<OomKills>(&stored).unwrap(), kills);
        assert!(matches!(
            OomKills::default().reading(at(0))[0].measure,
            Measure::NoData(_)
        ));
    }
}
