//! CPU use over the last readings: the mean of three, so that rows stay where they are, and more of them for the
//! line of a row.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::table::missing_last;
use linux_api_wire::api::processes::Process;

/// How many readings a shown value is the mean of.
const MEAN: usize = 3;
/// How many readings are kept for the line of a row.
pub(super) const KEPT: usize = 10;
/// A process changes its place when its value has changed by this many percent: rows whose values differ by less
/// than twice as much may stand in either order.
const STEP: f64 = 0.25;
/// Responses closer to each other than this are one reading: another filter shows the same scan once more.
const CLOSE: Duration = Duration::from_millis(500);

/// A process: its number, and when it started in ticks of the kernel.
type CalmKey = (u32, u64);

/// The last readings of the processes of one host.
#[derive(Debug, Clone, Default)]
pub(super) struct CalmReadings {
    host: usize,
    generation: u64,
    /// When the readings came, the newest last.
    times: VecDeque<Duration>,
    processes: HashMap<CalmKey, CalmProcess>,
}

#[derive(Debug, Clone, Default)]
struct CalmProcess {
    /// When each was read, and its percent of one core; the newest last.
    readings: VecDeque<(Duration, f64)>,
    /// What it is sorted by.
    rank: f64,
}

const fn key(process: &Process) -> CalmKey {
    (process.pid, process.start_ticks)
}

impl CalmReadings {
    /// Takes the processes of a response of a host, each response once.
    pub(super) fn take(
        &mut self,
        (host, generation): (usize, u64),
        now: Duration,
        processes: &[Process],
    ) {
        if self.host != host {
            *self = Self::default();
        }
        if self.generation == generation {
            return;
        }
        (self.host, self.generation) = (host, generation);
        let last = self.times.back().copied();
        let at = last.filter(|last| now.saturating_sub(*last) < CLOSE);
        let at = at.unwrap_or_else(|| {
            self.times.push_back(now);
            now
        });
        if self.times.len() > KEPT {
            self.times.pop_front();
        }
        let oldest = self.times.front().copied().unwrap_or_default();
        let since = self.mean_since();
        for process in processes {
            let Some(cpu) = process.cpu_percent.filter(|cpu| cpu.is_finite()) else {
                continue;
            };
            let own = self.processes.entry(key(process)).or_default();
            let is_new = own.readings.is_empty();
            if own.readings.back().is_some_and(|(time, _)| *time == at) {
                own.readings.pop_back();
            }
            own.readings.push_back((at, cpu));
            let mean = own.mean(since).unwrap_or(cpu);
            if is_new || (mean - own.rank).abs() >= STEP {
                own.rank = mean;
            }
        }
        // What ended, or was not read for so long, says nothing any more.
        self.processes.retain(|_, own| {
            own.readings.retain(|(time, _)| *time >= oldest);
            !own.readings.is_empty()
        });
    }

    /// From when on readings count for what is shown.
    fn mean_since(&self) -> Duration {
        let place = self.times.len().saturating_sub(MEAN);
        self.times.get(place).copied().unwrap_or_default()
    }

    /// How many readings a shown value is the mean of.
    pub(super) fn count(&self) -> usize {
        self.times.len().min(MEAN)
    }

    /// CPU use in percent of one core, as the mean of the last readings.
    pub(super) fn cpu(&self, process: &Process) -> Option<f64> {
        let own = self.processes.get(&key(process));
        let mean = own.and_then(|own| own.mean(self.mean_since()));
        mean.or(process.cpu_percent)
    }

    /// What a process is sorted by: stays the same while its CPU use hardly changes.
    pub(super) fn rank(&self, process: &Process) -> Option<f64> {
        let own = self.processes.get(&key(process));
        own.map(|own| own.rank).or(process.cpu_percent)
    }

    /// Compares two processes by that; the lower number decides among equals.
    pub(super) fn order<'a>(
        &'a self,
        descending: bool,
    ) -> impl Fn(&'a Process, &'a Process) -> Ordering {
        move |one, other| {
            let (rank, other_rank) = (self.rank(one), self.rank(other));
            let by_rank = missing_last(rank, other_rank, descending, f64::total_cmp);
            by_rank.then(one.pid.cmp(&other.pid))
        }
    }

    /// CPU use over time, a value for each step before the newest reading; nothing where none was read.
    pub(super) fn trend(&self, process: &Process, step: Duration) -> [Option<f64>; KEPT] {
        let mut values = [None; KEPT];
        let (Some(own), Some(newest)) = (self.processes.get(&key(process)), self.times.back())
        else {
            return values;
        };
        let step = step.as_secs_f64().max(0.001);
        for (time, cpu) in &own.readings {
            let age = newest.saturating_sub(*time).as_secs_f64();
            let back = (age / step).round();
            let mut places = (0..KEPT).rev().zip(0_u32..);
            let found = places.find(|(_, ago)| f64::from(*ago) >= back);
            if let Some((place, _)) = found {
                values[place] = Some(*cpu);
            }
        }
        values
    }
}

impl CalmProcess {
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are three readings at most"
    )]
    fn mean(&self, since: Duration) -> Option<f64> {
        let recent = self.readings.iter().filter(|(time, _)| *time >= since);
        let (count, sum) = recent.fold((0_usize, 0.0), |(count, sum), (_, cpu)| {
            (count + 1, sum + cpu)
        });
        (count > 0).then(|| sum / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, cpu: f64) -> Process {
        Process {
            pid,
            cpu_percent: Some(cpu),
            ..Process::default()
        }
    }

    fn after(readings: &[&[(u32, f64)]]) -> CalmReadings {
        let mut calm = CalmReadings::default();
        for (number, reading) in (1..).zip(readings) {
            let processes: Vec<Process> = reading.iter().map(|it| process(it.0, it.1)).collect();
            calm.take((0, number), Duration::from_secs(2 * number), &processes);
        }
        calm
    }

    fn same(one: Option<f64>, other: f64) -> bool {
        one.is_some_and(|one| (one - other).abs() < 1e-9)
    }

    #[test]
    fn a_value_is_the_mean_of_three_readings() {
        let calm = after(&[&[(7, 90.0)], &[(7, 30.0)], &[(7, 0.0)], &[(7, 30.0)]]);
        assert!(same(calm.cpu(&process(7, 30.0)), 20.0));
        assert_eq!(calm.count(), 3);
        // One that was away for a while is no mean with what it was before.
        let calm = after(&[&[(7, 90.0)], &[], &[], &[(7, 10.0)]]);
        assert!(same(calm.cpu(&process(7, 10.0)), 10.0));
        assert!(same(calm.cpu(&process(8, 4.0)), 4.0), "one that is new");
    }

    #[test]
    fn a_small_change_is_no_reason_to_move() {
        let calm = after(&[&[(7, 5.0)], &[(7, 5.4)]]);
        assert!(same(calm.cpu(&process(7, 5.4)), 5.2));
        assert!(same(calm.rank(&process(7, 5.4)), 5.0));
        let calm = after(&[&[(7, 5.0)], &[(7, 5.4)], &[(7, 7.0)]]);
        assert!(same(calm.rank(&process(7, 7.0)), 5.8));
    }

    #[test]
    fn the_same_response_and_one_right_after_it_are_one_reading() {
        let mut calm = CalmReadings::default();
        let at = Duration::from_millis;
        calm.take((0, 1), at(0), &[process(7, 10.0)]);
        calm.take((0, 1), at(2000), &[process(7, 50.0)]);
        assert!(same(calm.cpu(&process(7, 0.0)), 10.0));
        calm.take((0, 2), at(2000), &[process(7, 20.0)]);
        calm.take((0, 3), at(2100), &[process(7, 20.0), process(8, 1.0)]);
        assert!(same(calm.cpu(&process(7, 0.0)), 15.0));
        calm.take((1, 3), at(2200), &[process(7, 3.0)]);
        assert!(same(calm.cpu(&process(7, 0.0)), 3.0), "another host");
    }

    #[test]
    fn a_trend_has_a_gap_where_nothing_was_read() {
        let calm = after(&[&[(7, 1.0)], &[(8, 0.0)], &[(7, 3.0)]]);
        let trend = calm.trend(&process(7, 3.0), Duration::from_secs(2));
        assert_eq!(trend[KEPT - 3..], [Some(1.0), None, Some(3.0)]);
        assert!(trend[..KEPT - 3].iter().all(Option::is_none));
    }
}
