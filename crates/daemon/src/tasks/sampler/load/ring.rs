//! The load of the last day, one value a minute, in memory.

use std::collections::VecDeque;

use linux_api_wire::host::{LoadAverages, LoadValue};

/// The newest values, at most a day of them. Does no I/O and knows no time.
#[derive(Debug, Clone, Default)]
pub(super) struct LoadRing {
    /// Oldest first.
    values: VecDeque<LoadValue>,
}

impl LoadRing {
    /// Values kept: the minutes of a day.
    pub(super) const CAPACITY: usize = 1440;

    /// Adds a value, and drops the oldest one when there are too many.
    pub(super) fn push(&mut self, value: LoadValue) {
        if self.values.len() == Self::CAPACITY {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// Puts a better value in the place of the newest one.
    pub(super) fn replace_latest(&mut self, value: LoadValue) {
        self.values.pop_back();
        self.push(value);
    }

    /// The newest `n` values, or as many as there are, oldest first.
    pub(super) fn latest(&self, n: usize) -> Vec<LoadValue> {
        let skipped = self.values.len().saturating_sub(n);
        self.values.iter().skip(skipped).copied().collect()
    }

    /// Whether no value has been added.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The means of all values kept; `None` when there is none.
    pub(super) fn averages(&self) -> Option<LoadAverages> {
        let count = f64::from(
            u32::try_from(self.values.len())
                .ok()
                .filter(|count| *count > 0)?,
        );
        let mean = |part: fn(&LoadValue) -> f64| self.values.iter().map(part).sum::<f64>() / count;
        Some(LoadAverages {
            load_one: mean(|value| value.load_one),
            cpu_fraction: mean(|value| value.cpu_fraction),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(load_one: f64) -> LoadValue {
        LoadValue {
            load_one,
            cpu_fraction: load_one / 4096.0,
        }
    }

    #[test]
    fn an_empty_ring_has_no_average() {
        let ring = LoadRing::default();
        assert_eq!((ring.averages(), ring.latest(5)), (None, Vec::new()));
        assert!(ring.is_empty());
    }

    #[test]
    fn the_latest_come_oldest_first() {
        let mut ring = LoadRing::default();
        for load in [1.0, 2.0, 3.0] {
            ring.push(value(load));
        }
        assert_eq!(ring.latest(2), [value(2.0), value(3.0)]);
        assert_eq!(ring.latest(usize::MAX).len(), 3);
        assert_eq!(ring.latest(0), []);
        ring.replace_latest(value(6.0));
        assert_eq!(ring.latest(9), [value(1.0), value(2.0), value(6.0)]);
        let averages = ring.averages().unwrap();
        assert_eq!(
            averages,
            LoadAverages {
                load_one: 3.0,
                cpu_fraction: 3.0 / 4096.0
            }
        );
    }

    #[test]
    fn a_full_ring_forgets_the_oldest() {
        let mut ring = LoadRing::default();
        for minute in 0..1500_u16 {
            ring.push(value(f64::from(minute)));
        }
        let kept = ring.latest(usize::MAX);
        assert_eq!((kept.len(), kept[0]), (LoadRing::CAPACITY, value(60.0)));
        assert_eq!(kept[LoadRing::CAPACITY - 1], value(1499.0));
        // 60 to 1499 stay, and their mean is halfway.
        assert!((ring.averages().unwrap().load_one - 779.5).abs() < 1e-9);
    }
}
