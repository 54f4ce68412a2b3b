//! Means and maxima per minute, until they are stored.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::bound::Bound;
use linux_api_wire::series::{Minute, MinuteValue, Series, SeriesKey};
use linux_api_wire::time::Timestamp;

/// Finished minutes kept for a database that is away; then the oldest are dropped and counted.
const FINISHED_MAX: usize = 180;
const MINUTE_MS: i64 = 60_000;

/// The open minute and the finished ones.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    open: Option<Open>,
    finished: VecDeque<Arc<Minute>>,
    dropped: u64,
    left_out: usize,
}

#[derive(Debug)]
struct Open {
    time: Timestamp,
    sums: HashMap<&'static str, HashMap<Box<str>, Sum>>,
    bound: Bound,
}

#[derive(Debug)]
struct Sum {
    key: SeriesKey,
    total: f64,
    max: f64,
    count: u32,
}

impl Minutes {
    /// Begins a reading; finishes the open minute when the reading is not of it.
    pub(super) fn begin(&mut self, time: Timestamp) {
        self.left_out = 0;
        let millis = time.as_millis();
        let time = Timestamp::from_millis(millis - millis.rem_euclid(MINUTE_MS));
        if self.open.as_ref().is_some_and(|open| open.time == time) {
            return;
        }
        if let Some(open) = self.open.take() {
            self.finish(open.minute());
        }
        self.open = Some(Open {
            time,
            sums: HashMap::new(),
            bound: Bound::default(),
        });
    }

    fn finish(&mut self, minute: Minute) {
        // After the clock was set back the same minute may come again: the newer one counts.
        self.finished.retain(|earlier| earlier.time != minute.time);
        if self.finished.len() >= FINISHED_MAX {
            self.finished.pop_front();
            self.dropped += 1;
        }
        self.finished.push_back(Arc::new(minute));
    }

    /// Adds a value to the reading that was begun last.
    pub(super) fn add(&mut self, series: &'static Series, label: &str, value: f64) {
        let Some(open) = &mut self.open else {
            return;
        };
        let sums = open.sums.entry(series.name).or_default();
        if let Some(sum) = sums.get_mut(label) {
            sum.total += value;
            sum.max = sum.max.max(value);
            sum.count += 1;
        } else if open.bound.admits(series, label) {
            let sum = Sum {
                key: SeriesKey {
                    series,
                    label: label.into(),
                },
                total: value,
                max: value,
                count: 1,
            };
            sums.insert(label.into(), sum);
        } else {
            self.left_out += 1;
        }
    }

    /// How many series of the reading that was begun last had no room.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    pub(super) fn finished(&self) -> Vec<Arc<Minute>> {
        self.finished.iter().cloned().collect()
    }

    pub(super) fn open(&self) -> Option<Minute> {
        self.open.as_ref().map(Open::minute)
    }

    pub(super) fn forget(&mut self, time: Timestamp) {
        self.finished.retain(|minute| minute.time > time);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Open {
    fn minute(&self) -> Minute {
        let mut values: Vec<MinuteValue> = self
            .sums
            .values()
            .flat_map(HashMap::values)
            .map(|sum| MinuteValue {
                key: sum.key.clone(),
                mean: sum.total / f64::from(sum.count),
                max: sum.max,
                count: sum.count,
            })
            .collect();
        values.sort_by(|a, b| {
            let (a, b) = (&a.key, &b.key);
            (a.series.name, &a.label).cmp(&(b.series.name, &b.label))
        });
        Minute {
            time: self.time,
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::series::SeriesSelector;

    fn add(minutes: &mut Minutes, seconds: i64, name: &str, label: &str, value: f64) {
        minutes.begin(Timestamp::from_millis(seconds * 1000));
        let selector: SeriesSelector = name.parse().unwrap();
        minutes.add(selector.series, label, value);
    }

    fn rows(minute: &Minute) -> Vec<(String, f64, f64, u32)> {
        let row = |value: &MinuteValue| (value.key.to_string(), value.mean, value.max, value.count);
        minute.values.iter().map(row).collect()
    }

    #[test]
    fn a_minute_has_the_mean_and_the_maximum_of_each_series() {
        let mut minutes = Minutes::default();
        assert_eq!(minutes.open(), None);
        add(&mut minutes, 120, "load.one", "", 1.0);
        add(&mut minutes, 120, "disk.busy_percent", "sdb", 7.0);
        add(&mut minutes, 120, "disk.busy_percent", "sda", -2.0);
        add(&mut minutes, 179, "load.one", "", 4.0);
        assert_eq!(minutes.finished(), []);
        let open = minutes.open().unwrap();
        add(&mut minutes, 180, "load.one", "", 9.0);
        let finished = minutes.finished();
        assert_eq!((finished.len(), &*finished[0]), (1, &open));
        assert_eq!(open.time, Timestamp::from_millis(120_000));
        let row = |name: &str, mean, max, count| (name.to_owned(), mean, max, count);
        assert_eq!(
            rows(&open),
            [
                row(r#"disk.busy_percent{device="sda"}"#, -2.0, -2.0, 1),
                row(r#"disk.busy_percent{device="sdb"}"#, 7.0, 7.0, 1),
                row("load.one", 2.5, 4.0, 2),
            ]
        );
        assert_eq!(
            rows(&minutes.open().unwrap()),
            [row("load.one", 9.0, 9.0, 1)]
        );
    }

    #[test]
    fn finished_minutes_wait_until_they_are_stored_and_the_oldest_are_dropped() {
        let mut minutes = Minutes::default();
        for minute in 0..200 {
            add(&mut minutes, 60 * minute, "load.one", "", 1.0);
        }
        let times: Vec<i64> = minutes
            .finished()
            .iter()
            .map(|minute| minute.time.as_millis() / 60_000)
            .collect();
        assert_eq!((times.len(), times[0], times[179]), (180, 19, 198));
        assert_eq!(minutes.dropped(), 19);
        minutes.forget(Timestamp::from_millis(197 * 60_000));
        assert_eq!(minutes.finished().len(), 1);
    }

    #[test]
    fn series_without_room_are_counted_per_reading() {
        let mut minutes = Minutes::default();
        for number in 0..2_000 {
            add(
                &mut minutes,
                60,
                "disk.busy_percent",
                &number.to_string(),
                1.0,
            );
        }
        minutes.begin(Timestamp::from_millis(61_000));
        let series = "disk.busy_percent"
            .parse::<SeriesSelector>()
            .unwrap()
            .series;
        for number in 0..2_000 {
            minutes.add(series, &number.to_string(), 1.0);
        }
        let kept = minutes.open().unwrap().values.len();
        assert_eq!(minutes.left_out(), 2_000 - kept);
        assert!(kept > 100);
    }

    #[test]
    fn a_minute_that_comes_again_replaces_itself() {
        let mut minutes = Minutes::default();
        for (seconds, value) in [(60, 1.0), (120, 2.0), (60, 3.0), (120, 4.0)] {
            add(&mut minutes, seconds, "load.one", "", value);
        }
        let finished = minutes.finished();
        let means: Vec<f64> = finished
            .iter()
            .map(|minute| minute.values[0].mean)
            .collect();
        assert_eq!(means, [2.0, 3.0]);
        let open = rows(&minutes.open().unwrap());
        assert_eq!(open, [("load.one".to_owned(), 4.0, 4.0, 1)]);
    }
}
