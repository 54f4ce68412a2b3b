//! Rows of minutes and hours of a host's series, and what is made of the one to get the other.

use std::collections::{BTreeMap, BTreeSet};

use super::arrays::{Counts, Ids, Reals};
use super::packed::{HourColumns, PackedHour, Point, Total};
use crate::codec::stored_row;
use linux_api_wire::fleet::HostSample;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

#[derive(Debug)]
pub(super) struct SeriesId {
    id: i64,
    name: String,
    labels: String,
    last_day: Option<Timestamp>,
}

stored_row!(SeriesId { id, name, labels; db last_day: Option<Timestamp> });

/// A row of `host_minutes`.
#[derive(Debug)]
pub(super) struct MinuteRow {
    time: Timestamp,
    series: Ids,
    samples: Counts,
    mean: Reals,
    max: Reals,
}

stored_row!(MinuteRow { series, samples, mean, max; db time: Timestamp });

/// A row that an earlier program wrote.
#[derive(Debug)]
pub(super) struct OldRow {
    pub(super) series_id: i64,
    pub(super) time: Timestamp,
    pub(super) samples: i64,
    pub(super) mean: f64,
    pub(super) max: f64,
}

stored_row!(OldRow { series_id, samples, mean, max; db time: Timestamp });

impl OldRow {
    pub(super) fn point(&self) -> Option<Point> {
        Point::of(u64::try_from(self.samples).ok()?, self.mean, self.max)
    }
}

/// A row of `host_hours`.
#[derive(Debug)]
pub(super) struct HourRow {
    pub(super) series_id: i64,
    pub(super) time: Timestamp,
    samples: i16,
    samples_odd: Option<Counts>,
    mean: Reals,
    max: Reals,
}

stored_row!(HourRow { series_id, samples, samples_odd, mean, max; db time: Timestamp });

impl HourRow {
    /// Its points.
    pub(super) fn into_hour(self) -> PackedHour {
        PackedHour::of_columns(&HourColumns {
            samples: self.samples,
            odd: self.samples_odd,
            mean: self.mean,
            max: self.max,
        })
    }
}

/// A series, when an hour of it begins, and its points.
pub(super) type SeriesHour = ((i64, Timestamp), PackedHour);

/// What is known of a host in a minute, by series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Minute {
    pub(super) time: Timestamp,
    points: BTreeMap<i64, Point>,
}

/// A minute as its row has it.
pub(super) struct MinuteColumns {
    pub(super) series: Ids,
    pub(super) samples: Counts,
    pub(super) mean: Reals,
    pub(super) max: Reals,
}

impl Minute {
    pub(super) fn new(time: Timestamp) -> Self {
        Self {
            time,
            points: BTreeMap::new(),
        }
    }

    pub(super) fn of_row(row: &MinuteRow) -> Self {
        let figures = row.samples.0.iter().zip(&row.mean.0).zip(&row.max.0);
        let points = row.series.0.iter().zip(figures);
        Self {
            time: row.time,
            points: points
                .filter_map(|(id, ((samples, mean), max))| {
                    let point = Point {
                        samples: (*samples)?,
                        mean: (*mean)?,
                        max: (*max)?,
                    };
                    Some((*id, point))
                })
                .collect(),
        }
    }

    fn add(&mut self, id: i64, point: Point) {
        self.points
            .entry(id)
            .and_modify(|known| *known = known.or(point))
            .or_insert(point);
    }

    /// With what is also known of the minute.
    pub(super) fn and(mut self, later: &Self) -> Self {
        for (id, point) in &later.points {
            self.add(*id, *point);
        }
        self
    }

    pub(super) fn columns(&self) -> MinuteColumns {
        let points = || self.points.values();
        MinuteColumns {
            series: Ids(self.points.keys().copied().collect()),
            samples: Counts(points().map(|one| Some(one.samples)).collect()),
            mean: Reals(points().map(|one| Some(one.mean)).collect()),
            max: Reals(points().map(|one| Some(one.max)).collect()),
        }
    }
}

pub(super) fn series_of(samples: &[HostSample]) -> Vec<(&str, &str)> {
    let series: BTreeSet<(&str, &str)> = samples
        .iter()
        .map(|one| (one.name.as_str(), one.labels.as_str()))
        .collect();
    series.into_iter().collect()
}

/// The series that have no id yet.
pub(super) fn missing<'a>(
    series: &[(&'a str, &'a str)],
    known: &[SeriesId],
) -> Vec<(&'a str, &'a str)> {
    let known: BTreeSet<(&str, &str)> = known
        .iter()
        .map(|one| (one.name.as_str(), one.labels.as_str()))
        .collect();
    let missing = series.iter().filter(|one| !known.contains(*one));
    missing.copied().collect()
}

/// The series whose last day is later by these samples, by that day.
pub(super) fn later_days(
    samples: &[HostSample],
    known: &[SeriesId],
) -> BTreeMap<Timestamp, Vec<i64>> {
    let days = super::series_ends::last_days(samples);
    let mut later: BTreeMap<Timestamp, Vec<i64>> = BTreeMap::new();
    for one in known {
        let day = days.get(&(one.name.as_str(), one.labels.as_str())).copied();
        if let Some(day) = day.filter(|day| one.last_day.is_none_or(|known| known < *day)) {
            later.entry(day).or_default().push(one.id);
        }
    }
    later
}

/// The samples by minute and series.
pub(super) fn minutes_of(samples: &[HostSample], known: &[SeriesId]) -> Vec<Minute> {
    let ids: BTreeMap<(&str, &str), i64> = known
        .iter()
        .map(|one| ((one.name.as_str(), one.labels.as_str()), one.id))
        .collect();
    let mut minutes: BTreeMap<Timestamp, Minute> = BTreeMap::new();
    for one in samples {
        let id = ids.get(&(one.name.as_str(), one.labels.as_str()));
        let point = Point::of(one.samples, one.mean, one.max);
        if let (Some(id), Some(point)) = (id, point) {
            let time = Resolution::Minute.start_of(one.time);
            let minute = minutes.entry(time).or_insert_with(|| Minute::new(time));
            minute.add(*id, point);
        }
    }
    minutes.into_values().collect()
}

/// The minutes by series and hour.
pub(super) fn hours_of(rows: &[MinuteRow]) -> BTreeMap<(i64, Timestamp), PackedHour> {
    let mut hours: BTreeMap<(i64, Timestamp), PackedHour> = BTreeMap::new();
    for minute in rows.iter().map(Minute::of_row) {
        let hour = Resolution::Hour.start_of(minute.time);
        for (id, point) in minute.points {
            let hour = hours.entry((id, hour)).or_default();
            hour.add(minute.time, point);
        }
    }
    hours
}

/// Adds rows of earlier programs, which are older than what is there.
pub(super) fn put_below(hours: &mut BTreeMap<(i64, Timestamp), PackedHour>, rows: Vec<OldRow>) {
    let mut below: BTreeMap<(i64, Timestamp), PackedHour> = BTreeMap::new();
    for row in rows {
        if let Some(point) = row.point() {
            let hour = Resolution::Hour.start_of(row.time);
            let hour = below.entry((row.series_id, hour)).or_default();
            hour.add(row.time, point);
        }
    }
    for (key, mut older) in below {
        let hour = hours.entry(key).or_default();
        older.merge(hour);
        *hour = older;
    }
}

/// Hours after they were merged with the rows that there are.
pub(super) struct Merged {
    /// Those that differ from their row, or have none.
    pub(super) changed: Vec<SeriesHour>,
    /// How each of these is summed up, and whether it had a row.
    totals: Vec<((i64, Timestamp), Total, bool)>,
}

impl Merged {
    /// What they come to: all, or only those that had a row before.
    pub(super) fn totals(&self, all: bool) -> Vec<((i64, Timestamp), Total)> {
        let totals = self.totals.iter().filter(|(.., had_row)| all || *had_row);
        totals.map(|(key, total, _)| (*key, *total)).collect()
    }
}

pub(super) fn merged(hours: &[SeriesHour], found: Vec<HourRow>) -> Merged {
    let mut known: BTreeMap<(i64, Timestamp), PackedHour> = found
        .into_iter()
        .map(|row| ((row.series_id, row.time), row.into_hour()))
        .collect();
    let mut merged = Merged {
        changed: Vec::new(),
        totals: Vec::new(),
    };
    for (key, later) in hours {
        let before = known.remove(key);
        let mut hour = before.clone().unwrap_or_default();
        hour.merge(later);
        if let Some(total) = hour.total() {
            merged.totals.push((*key, total, before.is_some()));
            if before.as_ref() != Some(&hour) {
                merged.changed.push((*key, hour));
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_series_that_comes_twice_in_a_minute_more_readings_count() {
        let sample = |samples: u64, mean: f64| HostSample {
            name: "load.one".to_owned(),
            labels: String::new(),
            time: Timestamp::from_millis(60_000),
            samples,
            mean,
            max: mean,
        };
        let known = [SeriesId {
            id: 7,
            name: "load.one".to_owned(),
            labels: String::new(),
            last_day: None,
        }];
        let samples = [sample(20, 1.0), sample(10, 2.0), sample(0, 3.0)];
        assert_eq!(series_of(&samples), [("load.one", "")]);
        assert!(missing(&series_of(&samples), &known).is_empty());
        let minutes = minutes_of(&samples, &known);
        assert_eq!(minutes.len(), 1);
        let columns = minutes[0].columns();
        assert_eq!(columns.series, Ids(vec![7]));
        assert_eq!(columns.samples, Counts(vec![Some(20)]));
        assert_eq!(columns.mean, Reals(vec![Some(1.0)]));
    }
}
