//! Rows by minute become rows by minute, hour and day, with no more in memory than the buckets that
//! are open.

use std::collections::BTreeMap;

use linux_api_wire::request_stats::Resolution;
use linux_api_wire::sketch::{Sketch, Spread};
use linux_api_wire::time::Timestamp;

/// A finished bucket: how long it is, when it begins, whose it is, and what it holds.
pub(super) type Bucket<K, V> = (Resolution, Timestamp, K, V);

/// Adds rows that come in the order of their time.
#[derive(Debug)]
pub(super) struct Rollup<K, V> {
    open: [Open<K, V>; 3],
    finished: Vec<Bucket<K, V>>,
}

#[derive(Debug)]
struct Open<K, V> {
    resolution: Resolution,
    /// Buckets that begin earlier are not kept.
    from: Timestamp,
    start: Timestamp,
    groups: BTreeMap<K, V>,
}

impl<K: Ord + Clone, V: Default> Rollup<K, V> {
    /// A rollup that keeps, per resolution from minutes to days, what begins at `from` or later.
    pub(super) fn new(from: [Timestamp; 3]) -> Self {
        let open = |place: usize| Open {
            resolution: Resolution::ALL[place],
            from: from[place],
            start: Timestamp::from_millis(i64::MIN),
            groups: BTreeMap::new(),
        };
        Self {
            open: [open(0), open(1), open(2)],
            finished: Vec::new(),
        }
    }

    /// Adds one row to the buckets of its time.
    pub(super) fn add(&mut self, time: Timestamp, key: &K, add: impl Fn(&mut V)) {
        for open in &mut self.open {
            let start = open.resolution.start_of(time);
            if start != open.start {
                open.close(&mut self.finished);
                open.start = start;
            }
            if start >= open.from {
                match open.groups.get_mut(key) {
                    Some(group) => add(group),
                    None => add(open.groups.entry(key.clone()).or_default()),
                }
            }
        }
    }

    /// How many finished buckets wait.
    pub(super) fn waiting(&self) -> usize {
        self.finished.len()
    }

    /// Takes the finished buckets.
    pub(super) fn take(&mut self) -> Vec<Bucket<K, V>> {
        std::mem::take(&mut self.finished)
    }

    /// Ends all buckets and takes them.
    pub(super) fn finish(mut self) -> Vec<Bucket<K, V>> {
        for open in &mut self.open {
            open.close(&mut self.finished);
        }
        self.finished
    }
}

impl<K: Ord, V> Open<K, V> {
    fn close(&mut self, finished: &mut Vec<Bucket<K, V>>) {
        let (resolution, start) = (self.resolution, self.start);
        let groups = std::mem::take(&mut self.groups).into_iter();
        finished.extend(groups.map(|(key, group)| (resolution, start, key, group)));
    }
}

/// The requests of some rows to one route.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) count: u64,
    pub(super) sum: f64,
    ends: Option<(f64, f64)>,
    /// Of the only row, as they were stored.
    only: Option<Spread>,
    /// Of several rows: percentiles can't be joined, what they say about the values can.
    sketch: Sketch,
}

impl Requests {
    /// Adds one row; `sum` is how long its requests took together.
    pub(super) fn add(&mut self, row: &Spread, sum: f64) {
        match (self.ends, self.only.take()) {
            (None, _) => self.only = Some(*row),
            (Some(_), first) => {
                for spread in first.iter().chain([row]) {
                    self.sketch.add_spread(spread);
                }
            }
        }
        self.count = self.count.saturating_add(row.count);
        self.sum += sum;
        let (min, max) = self.ends.unwrap_or((row.min, row.max));
        self.ends = Some((min.min(row.min), max.max(row.max)));
    }

    /// The shortest and the longest.
    pub(super) fn ends(&self) -> (f64, f64) {
        self.ends.unwrap_or_default()
    }

    /// The 50th, 95th and 99th percentile: of one row as they were, of several an estimate.
    pub(super) fn percentiles(&self) -> [f64; 3] {
        let (min, max) = self.ends();
        match &self.only {
            Some(row) => row.percentiles,
            None => [0.50, 0.95, 0.99].map(|q| {
                let value = self.sketch.quantile(q).unwrap_or_default();
                value.max(min).min(max)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn spread(count: u64, value: f64) -> Spread {
        Spread {
            count,
            min: value / 2.0,
            percentiles: [value; 3],
            max: value * 2.0,
        }
    }

    #[test]
    fn rows_are_rolled_up_and_old_minutes_are_not_kept() {
        let early = at("1970-01-01T00:00:00Z");
        let minutes = at("2026-11-23T08:00:00Z");
        let mut rollup: Rollup<&str, u64> = Rollup::new([minutes, early, early]);
        for (time, key, count) in [
            ("2026-11-23T07:58:00Z", "a", 1),
            ("2026-11-23T07:59:00Z", "a", 2),
            ("2026-11-23T08:00:00Z", "a", 4),
            ("2026-11-23T08:00:00Z", "b", 8),
            ("2026-11-24T00:00:00Z", "a", 16),
        ] {
            rollup.add(at(time), &key, |sum| *sum += count);
        }
        let mut found: Vec<_> = rollup.take();
        found.extend(rollup.finish());
        let found: Vec<_> = found
            .into_iter()
            .map(|(resolution, time, key, sum)| (resolution, time.to_string(), key, sum))
            .collect();
        let row = |resolution, time: &str, key, sum| (resolution, time.to_owned(), key, sum);
        for expected in [
            row(Resolution::Minute, "2026-11-23T08:00:00Z", "a", 4),
            row(Resolution::Minute, "2026-11-23T08:00:00Z", "b", 8),
            row(Resolution::Minute, "2026-11-24T00:00:00Z", "a", 16),
            row(Resolution::Hour, "2026-11-23T07:00:00Z", "a", 3),
            row(Resolution::Hour, "2026-11-23T08:00:00Z", "a", 4),
            row(Resolution::Hour, "2026-11-23T08:00:00Z", "b", 8),
            row(Resolution::Hour, "2026-11-24T00:00:00Z", "a", 16),
            row(Resolution::Day, "2026-11-23T00:00:00Z", "a", 7),
            row(Resolution::Day, "2026-11-23T00:00:00Z", "b", 8),
            row(Resolution::Day, "2026-11-24T00:00:00Z", "a", 16),
        ] {
            assert!(found.contains(&expected), "{expected:?} in {found:?}");
        }
        assert_eq!(found.len(), 10);
    }

    #[test]
    fn one_row_keeps_its_percentiles_and_several_are_joined_by_what_they_count() {
        let mut requests = Requests::default();
        requests.add(&spread(9_900, 0.01), 99.0);
        let exact = requests.percentiles().map(f64::to_bits);
        assert_eq!(exact, [0.01_f64; 3].map(f64::to_bits));
        requests.add(&spread(100, 1.0), 100.0);
        let [p50, p95, p99] = requests.percentiles();
        assert!((0.009..0.011).contains(&p50) && (0.009..0.011).contains(&p95));
        assert!((0.01..=0.6).contains(&p99), "{p99}");
        assert_eq!((requests.count, requests.ends()), (10_000, (0.005, 2.0)));
        assert!((requests.sum - 199.0).abs() < 1e-9);
    }
}
