//! Readings as the columns of a graph.

use super::{Curve, Part, Window};

/// Less of a column than this is no value of it.
const TRACE: f64 = 0.02;

/// The value of each of so many columns of equal time; nothing where nothing was read.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places between 0 and a few hundred columns"
)]
pub(crate) fn columns(curve: &Curve<'_>, window: Window, count: usize) -> Vec<Option<f64>> {
    let each = (window.to - window.from) / count.max(1) as f64;
    if each.is_nan() || each <= 0.0 {
        return vec![None; count];
    }
    // The sum weighted by time, the time, and the largest.
    let mut sums = vec![(0.0_f64, 0.0_f64, f64::NEG_INFINITY); count];
    for reading in curve.readings {
        let begin = (reading.from - window.from) / each;
        let end = (reading.to - window.from) / each;
        let is_known = begin.is_finite() && end.is_finite() && reading.mean.is_finite();
        if !is_known || end <= 0.0 || begin >= count as f64 {
            continue;
        }
        let first = begin.max(0.0) as usize;
        let last = (end.ceil() as usize).min(count);
        for (place, sum) in sums.iter_mut().enumerate().take(last).skip(first) {
            let inside = end.min(place as f64 + 1.0) - begin.max(place as f64);
            if inside >= TRACE.min(end - begin) {
                sum.0 += reading.mean * inside;
                sum.1 += inside;
                sum.2 = sum.2.max(reading.max);
            }
        }
    }
    let value = |(sum, weight, largest): (f64, f64, f64)| {
        (weight > 0.0).then(|| match curve.part {
            Part::Mean => sum / weight,
            Part::Largest => largest,
        })
    };
    sums.into_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::style::Style;

    use super::super::{Ink, Reading, Window, seconds};
    use super::*;
    use linux_api_wire::time::Timestamp;

    fn of(readings: &[Reading], part: Part, count: usize) -> Vec<Option<f64>> {
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let mut curve = Curve::area(readings, Ink::Plain(Style::new()));
        curve.part = part;
        columns(&curve, Window::fixed(at(0), at(10)), count)
    }

    #[test]
    fn a_gap_is_as_wide_as_it_was_long() {
        let readings = [Reading::flat(0.0, 3.0, 5.0), Reading::flat(8.0, 10.0, 7.0)];
        let values = of(&readings, Part::Mean, 10);
        let seen: Vec<bool> = values.iter().map(Option::is_some).collect();
        let gap = [
            true, true, true, false, false, false, false, false, true, true,
        ];
        assert_eq!(seen, gap);
    }

    #[test]
    fn a_column_has_the_mean_over_its_time_or_the_largest() {
        let readings = [Reading::flat(0.0, 1.0, 9.0), Reading::flat(1.0, 4.0, 1.0)];
        let mean = of(&readings, Part::Mean, 2)[0].unwrap();
        assert!((mean - 3.0).abs() < 1e-9, "{mean}");
        let largest = of(&readings, Part::Largest, 2)[0].unwrap();
        assert!((largest - 9.0).abs() < 1e-9, "{largest}");
    }

    #[test]
    fn what_lies_outside_or_is_nonsense_is_left_out() {
        let readings = [
            Reading::flat(-9.0, -1.0, 1.0),
            Reading::flat(12.0, 20.0, 1.0),
            Reading::flat(f64::NAN, 5.0, 1.0),
            Reading::flat(1.0, f64::INFINITY, f64::NAN),
        ];
        assert_eq!(of(&readings, Part::Mean, 5), [None; 5]);
    }

    #[test]
    fn a_live_window_goes_on_by_whole_columns() {
        let at = |millis: i64| Timestamp::from_millis(1_795_417_320_000 + millis);
        let window = |millis| Window::live(at(millis), Duration::from_mins(10)).aligned(60);
        let first = window(0);
        assert_eq!(window(9_000).to.to_bits(), first.to.to_bits());
        assert!((window(10_000).to - first.to - 10.0).abs() < 1e-6);
        for millis in 0..12_000 {
            let window = window(millis);
            let now = seconds(at(millis));
            assert!(window.to > now && window.to <= now + 10.0 + 1e-6);
            assert!((window.to - window.from - 600.0).abs() < 1e-6);
        }
    }
}
