//! Readings joined to points of equal steps.

use std::collections::BTreeMap;

use linux_api_wire::api::history::HistorySeries;
use linux_api_wire::time::Timestamp;

/// The most points of one response.
pub(super) const POINTS_MAX: usize = 10_000;

/// What is known of a series from a time on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) time: Timestamp,
    /// How many readings it stands for.
    pub(super) samples: u64,
    pub(super) mean: f64,
    pub(super) max: f64,
}

/// Series with points every `step` seconds, or every so many times that, so that there are not too
/// many points in all; and the step that it became.
pub(super) fn downsample(
    found: &[(HistorySeries, Vec<Reading>)],
    mut step: u64,
) -> (Vec<HistorySeries>, u64) {
    loop {
        let series: Vec<HistorySeries> = found
            .iter()
            .map(|(series, readings)| HistorySeries {
                points: points(readings, step),
                ..series.clone()
            })
            .filter(|series| !series.points.is_empty())
            .collect();
        let count: usize = series.iter().map(|one| one.points.len()).sum();
        // One point per series is the least that there can be.
        if count <= POINTS_MAX || count == series.len() {
            return (series, step);
        }
        step = step.saturating_mul(2);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of readings and seconds are far below 2^53"
)]
fn points(readings: &[Reading], step: u64) -> Vec<[f64; 3]> {
    let length = i64::try_from(step.saturating_mul(1_000)).unwrap_or(i64::MAX);
    // Sum weighted by the number of readings, that number, and the largest.
    let mut buckets: BTreeMap<i64, (f64, u64, f64)> = BTreeMap::new();
    for reading in readings {
        let start = reading.time.as_millis().div_euclid(length) * length;
        let bucket = buckets.entry(start).or_insert((0.0, 0, f64::NEG_INFINITY));
        let samples = reading.samples.max(1);
        bucket.0 += reading.mean * samples as f64;
        bucket.1 += samples;
        bucket.2 = bucket.2.max(reading.max);
    }
    let point = |(start, (sum, samples, max)): (i64, (f64, u64, f64))| {
        [
            start as f64 / 1_000.0,
            seven_digits(sum / samples as f64),
            seven_digits(max),
        ]
    };
    buckets.into_iter().map(point).collect()
}

/// The shortest number that stands for a figure as it is kept, which is of seven digits.
#[expect(clippy::cast_possible_truncation, reason = "that is what is wanted")]
fn seven_digits(value: f64) -> f64 {
    let kept = value as f32;
    kept.to_string().parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(second: i64, samples: u64, mean: f64) -> Reading {
        Reading {
            time: Timestamp::from_millis(second * 1_000),
            samples,
            mean,
            max: mean * 2.0,
        }
    }

    fn series(readings: Vec<Reading>) -> (HistorySeries, Vec<Reading>) {
        let series = HistorySeries {
            name: "load.one".to_owned(),
            unit: "count".to_owned(),
            ..HistorySeries::default()
        };
        (series, readings)
    }

    #[test]
    fn means_are_weighted_and_gaps_have_no_points() {
        let readings = vec![
            reading(0, 30, 1.0),
            reading(60, 10, 5.0),
            reading(600, 30, 7.0),
        ];
        let (series, step) = downsample(&[series(readings)], 120);
        assert_eq!(step, 120);
        assert_eq!(series[0].points, [[0.0, 2.0, 10.0], [600.0, 7.0, 14.0]]);
    }

    #[test]
    fn figures_are_written_in_their_own_digits() {
        for (value, expected) in [
            (f64::from(12.3_f32), "12.3"),
            (0.1 + 0.2, "0.3"),
            (8_123_456_512.0, "8123456500"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(seven_digits(value).to_string(), expected);
        }
    }

    #[test]
    fn too_many_points_make_the_step_longer() {
        let readings: Vec<Reading> = (0..9_000).map(|n| reading(n * 60, 1, 1.0)).collect();
        let all = [series(readings.clone()), series(readings)];
        let (series, step) = downsample(&all, 60);
        assert_eq!(step, 120);
        let count: usize = series.iter().map(|one| one.points.len()).sum();
        assert_eq!(count, 9_000);
    }
}
