//! What curves are made of: values that hold for a while.

/// How much longer than usual the distance to the next point may be for a point to last until then.
const REACH: f64 = 2.5;

/// A value from one moment to another, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    /// Its first moment.
    pub(crate) from: f64,
    /// Where it ends.
    pub(crate) to: f64,
    /// The mean.
    pub(crate) mean: f64,
    /// The largest value.
    pub(crate) max: f64,
}

impl Reading {
    /// A value that was the same all the time.
    pub(crate) const fn flat(from: f64, to: f64, value: f64) -> Self {
        Self {
            from,
            to,
            mean: value,
            max: value,
        }
    }

    /// How long it lasts, in seconds.
    pub(crate) fn length(&self) -> f64 {
        self.to - self.from
    }
}

/// Stored points, `[time, mean, largest]` as a daemon returns them with this step in seconds, as readings.
///
/// A point lasts until the next one. Where that is further away than usual something is missing: then it
/// lasts as long as the others do, and there is a gap. Readings may be further apart than the step, where
/// a daemon reads its host less often.
#[expect(clippy::cast_precision_loss, reason = "a step is a few days at most")]
pub(crate) fn stored(points: &[[f64; 3]], step: u64) -> Vec<Reading> {
    let mut distances: Vec<f64> = points
        .windows(2)
        .map(|pair| pair[1][0] - pair[0][0])
        .filter(|distance| distance.is_finite() && *distance > 0.0)
        .collect();
    distances.sort_by(f64::total_cmp);
    let median = distances.get(distances.len() / 2).copied();
    let usual = median.unwrap_or(0.0).max(step.max(1) as f64);
    let mut readings = Vec::with_capacity(points.len());
    for (place, [time, mean, max]) in points.iter().copied().enumerate() {
        let next = points.get(place + 1).map(|next| next[0]);
        let next = next.filter(|next| *next > time && next - time <= usual * REACH);
        let to = next.unwrap_or(time + usual);
        if time.is_finite() && mean.is_finite() {
            let max = if max.is_finite() { max.max(mean) } else { mean };
            readings.push(Reading {
                from: time,
                to,
                mean,
                max,
            });
        }
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(points: &[f64], step: u64) -> Vec<(f64, f64)> {
        let points: Vec<[f64; 3]> = points.iter().map(|time| [*time, 1.0, 2.0]).collect();
        let readings = stored(&points, step).into_iter();
        readings.map(|it| (it.from, it.to)).collect()
    }

    #[test]
    fn a_point_lasts_until_the_next_unless_something_is_missing() {
        let all = ends(&[0.0, 2.0, 4.0, 60.0, 62.0], 2);
        assert_eq!(
            all,
            [
                (0.0, 2.0),
                (2.0, 4.0),
                (4.0, 6.0),
                (60.0, 62.0),
                (62.0, 64.0)
            ]
        );
    }

    #[test]
    fn readings_further_apart_than_the_step_are_no_gaps() {
        let all = ends(&[0.0, 10.0, 21.0, 30.0], 2);
        assert_eq!(all, [(0.0, 10.0), (10.0, 21.0), (21.0, 30.0), (30.0, 40.0)]);
    }

    #[test]
    fn nonsense_is_left_out() {
        let points = [
            [f64::NAN, 1.0, 1.0],
            [5.0, f64::NAN, 1.0],
            [9.0, 1.0, f64::NAN],
        ];
        let readings = stored(&points, 1);
        assert_eq!(readings.len(), 1);
        assert!((readings[0].max - 1.0).abs() < 1e-9);
        assert!(ends(&[], 60).is_empty());
    }
}
