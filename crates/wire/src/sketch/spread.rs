//! What a few percentiles say about many values.

use super::Sketch;

/// More points than this would not say more than the five that are known.
const POINTS: u64 = 128;

/// All that is known of some values: how many there were, the ends and three percentiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many values there were.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// Half, 95 % and 99 % of them did not exceed these.
    pub percentiles: [f64; 3],
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The value that a share `q` of them did not exceed, as if they lay evenly between those that
    /// are known.
    #[must_use]
    fn quantile(&self, q: f64) -> f64 {
        let [p50, p95, p99] = self.percentiles;
        let known = [
            (0.0, self.min),
            (0.5, p50),
            (0.95, p95),
            (0.99, p99),
            (1.0, self.max),
        ];
        let mut below = known[0];
        for above in known {
            if q <= above.0 {
                let width = above.0 - below.0;
                let part = if width > 0.0 {
                    (q - below.0) / width
                } else {
                    0.0
                };
                return below.1 + (above.1 - below.1) * part;
            }
            below = above;
        }
        self.max
    }
}

impl Sketch {
    /// Adds values of which only this is known. Percentiles of the sketch are estimates then; they
    /// lie between the same known values as the true ones.
    pub fn add_spread(&mut self, spread: &Spread) {
        let points = spread.count.min(POINTS);
        let mut added = 0;
        for point in 1..=points {
            let (part, whole) = (float(point), float(points));
            // The ends are values too; of many, each point stands in the middle of its share.
            let q = match spread.count {
                1 => 0.5,
                count if count <= POINTS => (part - 1.0) / (whole - 1.0),
                _ => (part - 0.5) / whole,
            };
            let share = u128::from(spread.count) * u128::from(point) / u128::from(points);
            let until = u64::try_from(share).unwrap_or(spread.count);
            self.add_many(spread.quantile(q), until - added);
            added = until;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most 128")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<f64>, expected: f64, tolerance: f64) {
        let found = found.unwrap();
        assert!(
            (found - expected).abs() <= expected * tolerance,
            "{found} is not about {expected}"
        );
    }

    #[test]
    fn a_sketch_of_a_spread_answers_with_its_percentiles() {
        for count in [2, 100, 5_000, 3_000_000_000] {
            let spread = Spread {
                count,
                min: 0.01,
                percentiles: [0.02, 0.05, 0.09],
                max: 0.2,
            };
            let mut sketch = Sketch::new();
            sketch.add_spread(&spread);
            assert_eq!(sketch.count(), count);
            if count > 2 {
                near(sketch.quantile(0.5), 0.02, 0.05);
                near(sketch.quantile(0.95), 0.05, 0.05);
                near(sketch.quantile(0.99), 0.09, 0.1);
            }
        }
    }

    #[test]
    fn two_spreads_weigh_as_much_as_they_count() {
        let of = |count, value: f64| Spread {
            count,
            min: value,
            percentiles: [value; 3],
            max: value,
        };
        let mut sketch = Sketch::new();
        sketch.add_spread(&of(9_900, 0.01));
        sketch.add_spread(&of(100, 1.0));
        sketch.add_spread(&of(1, 0.01));
        sketch.add_spread(&of(0, 7.0));
        near(sketch.quantile(0.95), 0.01, 0.02);
        near(sketch.quantile(0.995), 1.0, 0.02);
        assert_eq!(sketch.count(), 10_001);
    }
}
