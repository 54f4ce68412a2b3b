//! All series of the last hour, in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::bound::Bound;
use linux_api_wire::series::{Series, SeriesKey, SeriesSelector};
use linux_api_wire::time::Timestamp;

/// How far back it goes.
const KEPT: Duration = Duration::from_hours(1);
/// At most one value a second is kept; a little less, as timers are not exact.
const STEP_MIN: Duration = Duration::from_millis(900);

/// One series of the last hour.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentSeries {
    /// Which.
    pub key: SeriesKey,
    /// Its values, oldest first; where there was none, there is none. Precise to seven digits.
    pub points: Vec<(Timestamp, f64)>,
}

/// Columns of numbers that share their times: four bytes per value.
#[derive(Debug, Default)]
pub(super) struct Recent {
    times: VecDeque<Timestamp>,
    columns: HashMap<&'static str, BTreeMap<Box<str>, Column>>,
    bound: Bound,
}

/// The values of one series. The last one belongs to the last time; where times before its first
/// value are left, it had none.
#[derive(Debug)]
struct Column {
    key: SeriesKey,
    /// NaN where there was no value.
    values: VecDeque<f32>,
}

impl Recent {
    /// Begins a moment; `false` when it is too near to the one before to be kept.
    pub(super) fn begin(&mut self, time: Timestamp) -> bool {
        if let Some(last) = self.times.back() {
            if time < *last {
                // The clock was set back: times would be ambiguous.
                *self = Self::default();
            } else if time.since(*last) < STEP_MIN {
                return false;
            }
        }
        self.times.push_back(time);
        let oldest = time.saturating_sub(KEPT);
        while self.times.front().is_some_and(|first| *first < oldest) {
            self.times.pop_front();
        }
        let length = self.times.len();
        let mut has_gone = false;
        for columns in self.columns.values_mut() {
            columns.retain(|_, column| {
                column.values.push_back(f32::NAN);
                while column.values.len() > length
                    || column.values.front().is_some_and(|first| first.is_nan())
                {
                    column.values.pop_front();
                }
                has_gone |= column.values.is_empty();
                !column.values.is_empty()
            });
        }
        if has_gone {
            self.bound = Bound::default();
            for column in self.columns.values().flat_map(BTreeMap::values) {
                self.bound.admits(column.key.series, &column.key.label);
            }
        }
        true
    }

    /// Adds a value to the moment that was begun last.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seven digits are enough for a graph, and half the memory"
    )]
    pub(super) fn add(&mut self, series: &'static Series, label: &str, value: f64) {
        let columns = self.columns.entry(series.name).or_default();
        let value = value as f32;
        if let Some(column) = columns.get_mut(label) {
            if let Some(last) = column.values.back_mut() {
                *last = value;
            }
        } else if self.bound.admits(series, label) {
            let key = SeriesKey {
                series,
                label: label.into(),
            };
            let values = VecDeque::from([value]);
            columns.insert(label.into(), Column { key, values });
        }
    }

    pub(super) fn points(
        &self,
        selector: &SeriesSelector,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<RecentSeries> {
        let columns = self.columns.get(selector.series.name).into_iter();
        columns
            .flat_map(BTreeMap::values)
            .filter(|column| selector.matches(&column.key))
            .map(|column| {
                let skipped = self.times.len().saturating_sub(column.values.len());
                let times = self.times.iter().skip(skipped);
                let points = times
                    .zip(&column.values)
                    .filter(|(time, value)| !value.is_nan() && (from..=to).contains(*time))
                    .map(|(time, value)| (*time, shortest(*value)));
                RecentSeries {
                    key: column.key.clone(),
                    points: points.collect(),
                }
            })
            .collect()
    }
}

/// The number with the fewest digits that is kept as this one: 1.85 in place of 1.850000023841858.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::super::bound::SERIES_MAX;
    use super::*;

    #[test]
    fn values_have_no_more_digits_than_are_kept() {
        for (value, kept) in [(1.85, 1.85), (270_553_174_016.0, 270_553_170_000.0)] {
            let mut recent = Recent::default();
            add(&mut recent, 0, &[("load.one", "", value)]);
            assert_eq!(points(&recent, "load.one", 0, 1), [(0, kept)]);
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn selector(text: &str) -> SeriesSelector {
        text.parse().unwrap()
    }

    fn add(recent: &mut Recent, seconds: i64, values: &[(&str, &str, f64)]) -> bool {
        let keep = recent.begin(at(seconds));
        for (name, label, value) in values {
            recent.add(selector(name).series, label, *value);
        }
        keep
    }

    fn points(recent: &Recent, text: &str, from: i64, to: i64) -> Vec<(i64, f64)> {
        let found = recent.points(&selector(text), at(from), at(to));
        let all = found.into_iter().flat_map(|series| series.points);
        all.map(|(time, value)| (time.as_millis() / 1000, value))
            .collect()
    }

    #[test]
    fn values_are_found_by_series_label_and_time() {
        let mut recent = Recent::default();
        for second in 0..10 {
            let busy = f64::from(u32::try_from(second).unwrap());
            let mut values = vec![("disk.busy_percent", "sda", busy)];
            if (3..6).contains(&second) {
                values.push(("disk.busy_percent", "sdb", 50.0));
            }
            assert!(add(&mut recent, second, &values));
        }
        let sda = r#"disk.busy_percent{device="sda"}"#;
        assert_eq!(points(&recent, sda, 7, 8), [(7, 7.0), (8, 8.0)]);
        let sdb = r#"disk.busy_percent{device="sdb"}"#;
        assert_eq!(
            points(&recent, sdb, 0, 99),
            [(3, 50.0), (4, 50.0), (5, 50.0)]
        );
        let both = recent.points(&selector("disk.busy_percent"), at(0), at(99));
        assert_eq!(both.len(), 2);
        assert_eq!(points(&recent, "load.one", 0, 99), []);
    }

    #[test]
    fn it_goes_back_one_hour_and_forgets_what_is_gone() {
        let mut recent = Recent::default();
        add(
            &mut recent,
            0,
            &[("load.one", "", 1.0), ("disk.busy_percent", "usb", 1.0)],
        );
        for second in (2..8_000).step_by(2) {
            add(&mut recent, second, &[("load.one", "", 2.0)]);
        }
        assert_eq!(recent.times.len(), 1801);
        let load = points(&recent, "load.one", 0, 9_999);
        assert_eq!(
            (load.len(), load[0], load[1800]),
            (1801, (4398, 2.0), (7998, 2.0))
        );
        assert_eq!(recent.columns.values().map(BTreeMap::len).sum::<usize>(), 1);
        assert_eq!(points(&recent, "disk.busy_percent", 0, 9_999), []);
    }

    #[test]
    fn readings_within_one_second_and_series_beyond_the_bound_are_not_kept() {
        let mut recent = Recent::default();
        assert!(recent.begin(Timestamp::from_millis(1_000)));
        assert!(!recent.begin(Timestamp::from_millis(1_899)));
        assert!(recent.begin(Timestamp::from_millis(1_900)));
        let series = selector("disk.busy_percent").series;
        for number in 0..2 * SERIES_MAX {
            recent.add(series, &number.to_string(), 1.0);
        }
        let kept = recent.columns[series.name].len();
        assert!(kept > 100 && kept < SERIES_MAX, "{kept}");
        recent.add(selector("uptime.seconds").series, "", 1.0);
        assert_eq!(points(&recent, "uptime.seconds", 0, 9), [(1, 1.0)]);
    }

    #[test]
    fn a_clock_that_is_set_back_starts_a_new_hour() {
        let mut recent = Recent::default();
        add(&mut recent, 1_000, &[("load.one", "", 1.0)]);
        add(&mut recent, 10, &[("load.one", "", 2.0)]);
        assert_eq!(points(&recent, "load.one", 0, 9_999), [(10, 2.0)]);
    }
}
