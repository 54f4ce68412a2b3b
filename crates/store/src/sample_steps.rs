//! Samples of series, added up by step, and what is not packed of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlx_macros::FromRow;

use super::host_minutes::{HourRow, OldRow};
use super::host_samples::{SampleFilter, SampleRow};
use super::packed::{PackedHour, Point, Total, as_real};
use crate::codec::stored_row;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// A series by its id.
#[derive(FromRow)]
pub(super) struct Series {
    pub(super) id: i64,
    pub(super) host: String,
    pub(super) labels: String,
}

/// A point of a minute that is not packed.
pub(super) struct OpenRow {
    pub(super) series_id: i64,
    pub(super) time: Timestamp,
    pub(super) samples: i16,
    pub(super) mean: f32,
    pub(super) max: f32,
}

stored_row!(OpenRow { series_id, samples, mean, max; db time: Timestamp });

pub(super) type Key = (i64, Timestamp);

/// Samples of series, by step.
pub(super) struct Steps<'a> {
    pub(super) filter: &'a SampleFilter,
    /// In milliseconds.
    pub(super) step: i64,
    pub(super) found: BTreeMap<(i64, i64), (f64, i64, f64)>,
}

impl Steps<'_> {
    /// Adds samples that begin at a time, where that is in the range.
    pub(super) fn add(&mut self, series: i64, time: Timestamp, total: Total) {
        if time < self.filter.from || time >= self.filter.to {
            return;
        }
        let start = time.as_millis().div_euclid(self.step) * self.step;
        self.add_step(series, start, total);
    }

    pub(super) fn add_step(&mut self, series: i64, start: i64, total: Total) {
        let nothing = (0.0, 0, f64::NEG_INFINITY);
        let step = self.found.entry((series, start)).or_insert(nothing);
        step.0 += total.sum();
        step.1 = step.1.saturating_add(total.samples);
        step.2 = step.2.max(total.max);
    }

    pub(super) fn add_all(&mut self, rows: Vec<OldRow>) {
        for row in rows {
            self.add_step(row.series_id, row.time.as_millis(), total(&row));
        }
    }

    /// The steps by host, labels and time, at most so many.
    pub(super) fn into_rows(self, mut series: Vec<Series>, limit: usize) -> Vec<SampleRow> {
        series.sort_by(|one, other| (&one.host, &one.labels).cmp(&(&other.host, &other.labels)));
        let mut rows = Vec::with_capacity(self.found.len().min(limit));
        for one in series {
            let (host, labels): (Arc<str>, Arc<str>) = (one.host.into(), one.labels.into());
            let range = (one.id, i64::MIN)..=(one.id, i64::MAX);
            for ((_, start), (sum, samples, max)) in self.found.range(range) {
                if rows.len() == limit {
                    return rows;
                }
                rows.push(SampleRow {
                    host: Arc::clone(&host),
                    labels: Arc::clone(&labels),
                    time: Timestamp::from_millis(*start),
                    samples: *samples,
                    mean: sum / as_real(*samples),
                    max: *max,
                });
            }
        }
        rows
    }
}

pub(super) fn total(row: &OldRow) -> Total {
    Total {
        samples: row.samples,
        mean: row.mean,
        max: row.max,
    }
}

/// Minutes that are not packed, and the range of hours or days that they are in.
pub(super) struct Open {
    pub(super) points: BTreeMap<Key, Point>,
    /// Of whole buckets; empty without any.
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Open {
    /// `end` is where the range ends that they were read from.
    pub(super) fn of(rows: Vec<OpenRow>, bucket: Resolution, end: Timestamp) -> Self {
        let points: BTreeMap<Key, Point> = rows
            .into_iter()
            .map(|row| {
                let point = Point {
                    samples: row.samples,
                    mean: row.mean,
                    max: row.max,
                };
                ((row.series_id, row.time), point)
            })
            .collect();
        let times = || points.keys().map(|(_, time)| bucket.start_of(*time));
        let (from, to) = match (times().min(), times().max()) {
            (Some(first), Some(last)) => (first, last.saturating_add(bucket.length())),
            _ => (end, end),
        };
        Self { points, from, to }
    }

    /// Adds rows of earlier programs.
    pub(super) fn put_below(&mut self, rows: &[OldRow]) {
        for row in rows {
            if let Some(older) = row.point() {
                self.points
                    .entry((row.series_id, row.time))
                    .and_modify(|point| *point = older.or(*point))
                    .or_insert(older);
            }
        }
    }

    /// Whether anything of a packed hour is also here.
    pub(super) fn touches(&self, row: &HourRow) -> bool {
        let end = row.time.saturating_add(Resolution::Hour.length());
        let range = (row.series_id, row.time)..(row.series_id, end);
        self.points.range(range).next().is_some()
    }

    /// The hours that have any, with what is packed of them, summed up.
    pub(super) fn hours(&self, packed: Vec<HourRow>) -> BTreeMap<Key, Total> {
        let mut hours: BTreeMap<Key, PackedHour> = packed
            .into_iter()
            .filter(|row| self.touches(row))
            .map(|row| ((row.series_id, row.time), row.into_hour()))
            .collect();
        for ((series, time), point) in &self.points {
            let hour = Resolution::Hour.start_of(*time);
            let hour = hours.entry((*series, hour)).or_default();
            hour.add(*time, *point);
        }
        let totals = hours.into_iter();
        totals
            .filter_map(|(key, hour)| Some((key, hour.total()?)))
            .collect()
    }
}

/// Puts totals over those that are stored.
pub(super) fn put_over(stored: &[OldRow], later: BTreeMap<Key, Total>) -> BTreeMap<Key, Total> {
    let mut all: BTreeMap<Key, Total> = stored
        .iter()
        .map(|row| ((row.series_id, row.time), total(row)))
        .collect();
    for (key, later) in later {
        let known = all.entry(key).or_insert(later);
        *known = known.or(later);
    }
    all
}

/// Days that some hours are in, summed up from all hours.
pub(super) fn days_of(hours: &BTreeMap<Key, Total>, of: &BTreeSet<Key>) -> BTreeMap<Key, Total> {
    let mut days: BTreeMap<Key, Total> = BTreeMap::new();
    for ((series, hour), total) in hours {
        let key = (*series, Resolution::Day.start_of(*hour));
        if of.contains(&key) {
            days.entry(key)
                .and_modify(|day| *day = day.plus(*total))
                .or_insert(*total);
        }
    }
    days
}
