//! Mergeable summaries of many durations, from which any percentile can be read.
//!
//! Percentiles can't be averaged, but sketches can be merged: over minutes, daemons and hosts the
//! merged sketch is that of all the values. The bins are those of a `DDSketch`
//! (<https://arxiv.org/abs/1908.10693>) with a relative error of 1 %; how they look as bytes is in
//! `docs/metrics-format.md`.

mod codec;
mod spread;

use std::sync::LazyLock;
use std::time::Duration;

use sketches_ddsketch::Config;

pub use codec::DecodeError;
pub use spread::Spread;

/// The most that an answered value differs from the true one, as a fraction of it.
pub const RELATIVE_ERROR: f64 = 0.01;
/// Values up to this one count as zero.
const SMALLEST: f64 = 1e-9;
/// Values above this one count as this one.
const LARGEST: f64 = 1e9;
/// The bins of [`SMALLEST`] and [`LARGEST`].
const KEYS: std::ops::RangeInclusive<i16> = -1037..=1036;

/// Maps values to bins: bin `k` holds the values from γᵏ up to γᵏ⁺¹ with γ = 1.01 / 0.99.
static BINS: LazyLock<Config> = LazyLock::new(|| Config::new(RELATIVE_ERROR, 2048, SMALLEST));

/// The value that stands for those in a bin, by key from the first of [`KEYS`]. A power for each bin
/// that is looked at was most of what a page of percentiles took.
static VALUES: LazyLock<Box<[f64]>> =
    LazyLock::new(|| KEYS.map(|key| BINS.value(i32::from(key))).collect());

/// Keys of whole microseconds up to 4 ms, which most requests take: a logarithm and a power each are
/// most of what it takes to count one.
static KEYS_OF_MICROS: LazyLock<Box<[i16]>> = LazyLock::new(|| {
    (0..4_096)
        .map(|micros| key_of(Duration::from_micros(micros).as_secs_f64()))
        .collect()
});

/// How often which values were seen, up to a relative error of 1 %.
///
/// Made for seconds: values from a nanosecond to a thousand million are distinguished, smaller and
/// negative ones count as zero.
#[derive(Debug, Clone, Default)]
pub struct Sketch {
    /// How many values were zero.
    zeros: u64,
    /// How many values each bin holds, without gaps.
    bins: Vec<u64>,
    /// The key of the first bin.
    first: i16,
}

impl Sketch {
    /// A sketch of no values.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            zeros: 0,
            bins: Vec::new(),
            first: 0,
        }
    }

    /// Adds one value. What is not a number is left out.
    pub fn add(&mut self, value: f64) {
        self.add_many(value, 1);
    }

    /// Adds a duration in seconds.
    pub fn add_duration(&mut self, duration: Duration) {
        let nanos = duration.subsec_nanos();
        let is_short = duration.as_secs() == 0 && nanos > 0 && nanos.is_multiple_of(1_000);
        let micros = usize::try_from(nanos / 1_000).ok();
        match micros.and_then(|micros| KEYS_OF_MICROS.get(micros)) {
            Some(key) if is_short => self.add_to_bin(*key, 1),
            _ => self.add(duration.as_secs_f64()),
        }
    }

    fn add_many(&mut self, value: f64, count: u64) {
        if value.is_nan() || count == 0 {
            return;
        }
        if value > SMALLEST {
            self.add_to_bin(key_of(value), count);
        } else {
            self.zeros = self.zeros.saturating_add(count);
        }
    }

    /// Adds all values of another sketch.
    pub fn merge(&mut self, other: &Self) {
        self.zeros = self.zeros.saturating_add(other.zeros);
        for (key, count) in other.filled() {
            self.add_to_bin(key, count);
        }
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bins
            .iter()
            .fold(self.zeros, |sum, count| sum.saturating_add(*count))
    }

    /// The value that a share `q` of all values, 0 to 1, does not exceed; between two values it is
    /// interpolated. `None` without values.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantiles([q]).map(|[value]| value)
    }

    /// Several of [`Sketch::quantile`].
    #[must_use]
    pub fn quantiles<const N: usize>(&self, shares: [f64; N]) -> Option<[f64; N]> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        Some(shares.map(|q| {
            let (rank, fraction) = place(q, count);
            let [below, above] = self.neighbours(rank);
            // The difference first: equal values give just this value.
            below + (above - below) * fraction
        }))
    }

    /// The values at this rank, counted from 0, and at the next; the last one twice when there is
    /// no next.
    fn neighbours(&self, rank: u64) -> [f64; 2] {
        let mut below = (rank < self.zeros).then_some(0.0);
        if rank.saturating_add(1) < self.zeros {
            return [0.0, 0.0];
        }
        let (mut seen, mut last) = (self.zeros, 0.0);
        for (key, count) in self.filled() {
            seen = seen.saturating_add(count);
            last = value_of(key);
            if rank < seen {
                let below = *below.get_or_insert(last);
                if rank.saturating_add(1) < seen {
                    return [below, last];
                }
            }
        }
        [below.unwrap_or(last), last]
    }

    /// How many values lie up to each of `bounds`, which rise, and how many beyond the last: each
    /// value counts once. A value at most 1 % from a bound may count on its other side, but always
    /// on the same one.
    #[must_use]
    pub fn histogram(&self, bounds: &[f64]) -> Vec<u64> {
        let mut counts = vec![0_u64; bounds.len() + 1];
        let mut place = 0;
        if let Some(first) = counts.first_mut() {
            *first = self.zeros;
        }
        for (key, count) in self.filled() {
            let value = value_of(key);
            while bounds.get(place).is_some_and(|bound| value > *bound) {
                place += 1;
            }
            counts[place] = counts[place].saturating_add(count);
        }
        counts
    }

    /// How many bytes of memory it takes besides its own size.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bins.capacity() * size_of::<u64>()
    }

    /// The bins that hold something, by rising key.
    fn filled(&self) -> impl Iterator<Item = (i16, u64)> + '_ {
        (self.first..)
            .zip(self.bins.iter().copied())
            .filter(|(_, count)| *count > 0)
    }

    fn add_to_bin(&mut self, key: i16, count: u64) {
        if self.bins.is_empty() {
            self.first = key;
        }
        if key < self.first {
            let missing = usize::from(key.abs_diff(self.first));
            self.bins.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = key;
        }
        let place = usize::from(key.abs_diff(self.first));
        if place >= self.bins.len() {
            self.bins.resize(place + 1, 0);
        }
        if let Some(bin) = self.bins.get_mut(place) {
            *bin = bin.saturating_add(count);
        }
    }
}

/// Two sketches are equal when they hold the same values, wherever their bins begin.
impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        self.zeros == other.zeros && self.filled().eq(other.filled())
    }
}

fn value_of(key: i16) -> f64 {
    VALUES[usize::from(key.abs_diff(*KEYS.start()))]
}

fn key_of(value: f64) -> i16 {
    let key = BINS.key(value.min(LARGEST));
    i16::try_from(key)
        .unwrap_or(*KEYS.end())
        .clamp(*KEYS.start(), *KEYS.end())
}

/// The place of a quantile among `count` sorted values: a rank, counted from 0, and how far towards
/// the next.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank needs no more digits than the error bound leaves, and is not negative"
)]
fn place(q: f64, count: u64) -> (u64, f64) {
    let last = count - 1;
    let exact = q.clamp(0.0, 1.0) * last as f64;
    let rank = (exact as u64).min(last);
    (rank, (exact - rank as f64).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sketches_ddsketch::DDSketch;

    use super::*;

    fn sketch_of(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::new();
        for value in values {
            sketch.add(*value);
        }
        sketch
    }

    /// Durations as requests have them, from a microsecond to an hour, and a few zeros.
    fn durations() -> impl Strategy<Value = Vec<f64>> {
        let one =
            prop_oneof![9 => (-6.0_f64..3.6).prop_map(|power| 10_f64.powf(power)), 1 => Just(0.0)];
        proptest::collection::vec(one, 1..200)
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_one_percent_of_the_true_value(mut values in durations(), q in 0.0..=1.0) {
            let answer = sketch_of(&values).quantile(q).unwrap();
            values.sort_by(f64::total_cmp);
            let (rank, fraction) = place(q, values.len() as u64);
            let rank = usize::try_from(rank).unwrap();
            let next = values[(rank + 1).min(values.len() - 1)];
            let truth = values[rank] + (next - values[rank]) * fraction;
            // A little more than 1 % for the rounding of floating-point numbers at a bin's edge.
            prop_assert!((answer - truth).abs() <= truth * RELATIVE_ERROR * 1.000_001, "{answer} {truth}");
        }

        #[test]
        fn a_merged_sketch_is_the_sketch_of_the_union(left in durations(), right in durations()) {
            let mut merged = sketch_of(&left);
            merged.merge(&sketch_of(&right));
            prop_assert_eq!(&merged, &sketch_of(&[left.clone(), right.clone()].concat()));
            let mut other_way = sketch_of(&right);
            other_way.merge(&sketch_of(&left));
            prop_assert_eq!(merged, other_way);
        }

        #[test]
        fn values_are_those_of_the_published_algorithm(values in durations(), q in 0.001..0.999) {
            let mut reference = DDSketch::new(*BINS);
            for value in &values {
                reference.add(*value);
            }
            // It returns the value below.
            let (rank, _) = place(q, values.len() as u64);
            let [below, _] = sketch_of(&values).neighbours(rank);
            prop_assert_eq!(Some(below), reference.quantile(q).unwrap());
        }
    }

    #[test]
    fn between_few_values_quantiles_are_interpolated() {
        let near = |answer: Option<f64>, truth: f64| {
            let answer = answer.unwrap();
            assert!(
                (answer - truth).abs() <= truth * 0.010_001,
                "{answer} {truth}"
            );
        };
        let sketch = sketch_of(&[0.1, 0.2, 0.3, 1.3]);
        near(sketch.quantile(0.0), 0.1);
        near(sketch.quantile(0.5), 0.25);
        near(sketch.quantile(0.95), 1.15);
        near(sketch.quantile(0.99), 1.27);
        near(sketch.quantile(1.0), 1.3);
        near(sketch_of(&[0.0, 0.0, 0.5]).quantile(0.75), 0.25);
        assert_eq!(sketch_of(&[0.0, 0.0, 0.5]).quantile(0.5), Some(0.0));
        let one = sketch_of(&[0.7; 3]);
        assert_eq!(one.quantile(0.3), one.quantile(1.0));
    }

    #[test]
    fn a_histogram_counts_every_value_once() {
        let sketch = sketch_of(&[0.0, 0.002, 0.02, 0.03, 0.5, 7.0]);
        assert_eq!(sketch.histogram(&[0.01, 0.1, 1.0]), [2, 2, 1, 1]);
        assert_eq!(sketch.histogram(&[]), [6]);
        assert_eq!(Sketch::new().histogram(&[1.0]), [0, 0]);
    }

    #[test]
    fn a_duration_counts_as_its_seconds() {
        let micros = (0..5_000).map(Duration::from_micros);
        let others = [1, 999, 1_001, 4_095_001].map(Duration::from_nanos);
        for duration in micros.chain(others).chain([Duration::from_secs(3)]) {
            let mut sketch = Sketch::new();
            sketch.add_duration(duration);
            let mut same = Sketch::new();
            same.add(duration.as_secs_f64());
            assert_eq!(sketch.encode(), same.encode(), "{duration:?}");
        }
    }

    #[test]
    fn values_beyond_the_ends_count_at_the_ends() {
        let sketch = sketch_of(&[
            f64::NEG_INFINITY,
            -1.0,
            1e-10,
            f64::NAN,
            1e12,
            f64::INFINITY,
        ]);
        assert_eq!(sketch.count(), 5);
        assert_eq!(sketch.quantile(0.0), Some(0.0));
        let largest = sketch.quantile(1.0).unwrap();
        assert!((largest - LARGEST).abs() <= LARGEST * RELATIVE_ERROR);
        assert_eq!(key_of(SMALLEST), *KEYS.start());
        assert_eq!(key_of(LARGEST), *KEYS.end());
        assert_eq!(Sketch::new().quantile(0.5), None);
    }
}
