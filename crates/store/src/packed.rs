//! An hour of one series, minute by minute, as it is packed into a row.

use linux_api_wire::time::Timestamp;

use super::arrays::{Counts, Reals};
use linux_api_wire::request_stats::Resolution;

/// Minutes of an hour.
pub(crate) const PLACES: usize = 60;

/// What was read of a series in a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// How many readings, one or more.
    pub(crate) samples: i16,
    pub(crate) mean: f32,
    pub(crate) max: f32,
}

impl Point {
    /// A point as it is stored: figures of seven digits. Nothing without readings, and for figures that
    /// are no numbers.
    pub(crate) fn of(samples: u64, mean: f64, max: f64) -> Option<Self> {
        if samples == 0 {
            return None;
        }
        Some(Self {
            samples: i16::try_from(samples).unwrap_or(i16::MAX),
            mean: figure(mean)?,
            max: figure(max)?,
        })
    }

    /// Two starts of a daemon may share a minute; the one with more readings counts, of equals the
    /// later.
    pub(crate) fn or(self, later: Self) -> Self {
        if self.samples <= later.samples {
            later
        } else {
            self
        }
    }
}

/// The number with seven digits next to `value`, as large as it may be; nothing for what is no number.
pub(crate) fn figure(value: f64) -> Option<f32> {
    if value.is_nan() {
        return None;
    }
    let value = value.clamp(f64::from(f32::MIN), f64::from(f32::MAX));
    let figure: f32 = format!("{value:.6e}").parse().ok()?;
    // Zero has no sign here.
    Some(figure + 0.0)
}

/// Readings of a series over an hour or a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Total {
    pub(crate) samples: i64,
    pub(crate) mean: f64,
    pub(crate) max: f64,
}

impl Total {
    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        let samples = self.samples.saturating_add(other.samples);
        Self {
            samples,
            mean: (self.sum() + other.sum()) / as_real(samples),
            max: self.max.max(other.max),
        }
    }

    /// What was made of more readings counts: some of them may be deleted by now.
    pub(crate) fn or(self, later: Self) -> Self {
        if self.samples <= later.samples {
            later
        } else {
            self
        }
    }

    pub(crate) fn sum(self) -> f64 {
        self.mean * as_real(self.samples)
    }
}

impl From<Point> for Total {
    fn from(point: Point) -> Self {
        Self {
            samples: point.samples.into(),
            mean: point.mean.into(),
            max: point.max.into(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of readings are far below 2^53"
)]
pub(crate) fn as_real(count: i64) -> f64 {
    count as f64
}

/// The points of an hour, by minute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PackedHour([Option<Point>; PLACES]);

impl Default for PackedHour {
    fn default() -> Self {
        Self([None; PLACES])
    }
}

/// The columns of a row of `host_hours`, but for its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HourColumns {
    pub(crate) samples: i16,
    pub(crate) odd: Option<Counts>,
    pub(crate) mean: Reals,
    pub(crate) max: Reals,
}

impl PackedHour {
    /// Reads a row. Elements beyond the sixtieth, and minutes without one of their figures, are none.
    pub(crate) fn of_columns(row: &HourColumns) -> Self {
        let mut hour = Self::default();
        let figures = row.mean.0.iter().zip(&row.max.0);
        for (place, (into, (mean, max))) in hour.0.iter_mut().zip(figures).enumerate() {
            let (Some(mean), Some(max)) = (*mean, *max) else {
                continue;
            };
            let odd = row.odd.as_ref().and_then(|odd| *odd.0.get(place)?);
            *into = Some(Point {
                samples: odd.unwrap_or(row.samples),
                mean,
                max,
            });
        }
        hour
    }

    /// As a row; the number of readings that most minutes have stands for all of these.
    pub(crate) fn to_columns(&self) -> HourColumns {
        let counts = || self.0.iter().flatten().map(|point| point.samples);
        let mut sorted: Vec<i16> = counts().collect();
        sorted.sort_unstable();
        let usual = sorted
            .chunk_by(|one, other| one == other)
            .max_by_key(|run| run.len())
            .and_then(|run| run.first().copied())
            .unwrap_or(0);
        let odd = counts().any(|one| one != usual).then(|| {
            let each = self.0.iter().map(|point| point.map(|one| one.samples));
            Counts(each.collect())
        });
        let list = |of: fn(Point) -> f32| Reals(self.0.iter().map(|one| one.map(of)).collect());
        HourColumns {
            samples: usual,
            odd,
            mean: list(|point| point.mean),
            max: list(|point| point.max),
        }
    }

    /// Adds a point at its minute.
    pub(crate) fn add(&mut self, time: Timestamp, point: Point) {
        if let Some(place) = self.0.get_mut(place_of(time)) {
            *place = Some(place.map_or(point, |known| known.or(point)));
        }
    }

    /// Adds what another one has.
    pub(crate) fn merge(&mut self, later: &Self) {
        for (own, later) in self.0.iter_mut().zip(&later.0) {
            *own = match (*own, *later) {
                (Some(own), Some(later)) => Some(own.or(later)),
                (own, later) => own.or(later),
            };
        }
    }

    /// The points, each with its time; `hour` is when the first minute begins.
    pub(crate) fn points(&self, hour: Timestamp) -> impl Iterator<Item = (Timestamp, Point)> {
        let start = hour.as_millis();
        let points = (0_i64..).zip(&self.0);
        points.filter_map(move |(minute, point)| {
            let time = Timestamp::from_millis(start + minute * 60_000);
            point.map(|point| (time, point))
        })
    }

    /// All points together; nothing without any.
    pub(crate) fn total(&self) -> Option<Total> {
        let points = self.0.iter().flatten().copied();
        points.map(Total::from).reduce(Total::plus)
    }
}

/// Which minute of its hour a time is in.
fn place_of(time: Timestamp) -> usize {
    let hour = Resolution::Hour.start_of(time);
    usize::try_from((time.as_millis() - hour.as_millis()) / 60_000).unwrap_or(PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + number * 60_000)
    }

    fn point(samples: u64, mean: f64) -> Point {
        Point::of(samples, mean, mean * 2.0).unwrap()
    }

    #[test]
    fn figures_have_seven_digits_and_are_always_numbers() {
        for (value, expected) in [
            (0.1 + 0.2, 0.3),
            (1.0 / 3.0, 0.333_333_3),
            (12_345_678.0, 12_345_680.0),
            (16_777_217.0, 16_777_220.0),
            (-2.0, -2.0),
            (1e300, 3.402_823e38),
            (f64::INFINITY, 3.402_823e38),
            (f64::NEG_INFINITY, -3.402_823e38),
            (1e-300, 0.0),
        ] {
            assert_eq!(figure(value), Some(expected), "{value}");
        }
        assert_eq!(figure(f64::NAN), None);
        assert_eq!(figure(-0.0).unwrap().to_bits(), 0);
        assert_eq!(Point::of(0, 1.0, 1.0), None);
        assert_eq!(Point::of(1, f64::NAN, 1.0), None);
        assert_eq!(Point::of(u64::MAX, 1.0, 1.0).unwrap().samples, i16::MAX);
    }

    #[test]
    fn the_usual_number_of_readings_is_stored_once() {
        let mut hour = PackedHour::default();
        for number in 0..60 {
            hour.add(minute(number), point(30, 1.0));
        }
        let columns = hour.to_columns();
        assert_eq!((columns.samples, &columns.odd), (30, &None));
        hour.add(minute(7), point(31, 4.0));
        let columns = hour.to_columns();
        let odd = columns.odd.as_ref().unwrap();
        assert_eq!(
            (columns.samples, odd.0[6], odd.0[7]),
            (30, Some(30), Some(31))
        );
        assert_eq!(PackedHour::of_columns(&columns), hour);
        let total = hour.total().unwrap();
        assert_eq!((total.samples, total.max), (59 * 30 + 31, 8.0));
        assert_eq!(PackedHour::default().total(), None);
        let empty = PackedHour::default().to_columns();
        assert_eq!((empty.samples, empty.mean.0.len()), (0, 60));
    }

    #[test]
    fn more_readings_count_and_of_equals_the_later() {
        let mut hour = PackedHour::default();
        for (samples, mean) in [(10, 1.0), (9, 2.0), (10, 3.0)] {
            hour.add(minute(0), point(samples, mean));
        }
        let mut other = PackedHour::default();
        other.add(minute(0), point(5, 9.0));
        other.add(minute(59), point(5, 7.0));
        hour.merge(&other);
        let points: Vec<(Timestamp, Point)> = hour.points(minute(0)).collect();
        assert_eq!(
            points,
            [(minute(0), point(10, 3.0)), (minute(59), point(5, 7.0))]
        );
    }

    #[test]
    fn rows_that_others_wrote_are_read_as_far_as_they_go() {
        let row = HourColumns {
            samples: 3,
            odd: Some(Counts(vec![None, Some(4)])),
            mean: Reals(vec![Some(1.0), Some(2.0), Some(3.0), None]),
            max: Reals(vec![Some(1.0), Some(2.0), None, Some(4.0)]),
        };
        let hour = PackedHour::of_columns(&row);
        let samples: Vec<i16> = hour.points(minute(0)).map(|(_, one)| one.samples).collect();
        assert_eq!(samples, [3, 4]);
    }

    proptest::proptest! {
        #[test]
        fn an_hour_comes_back_from_its_row(
            points in proptest::collection::vec(
                proptest::option::of((1_u64..70, -1e12_f64..1e12, -1e3_f64..1e3)), PLACES)
        ) {
            let mut hour = PackedHour::default();
            for (number, one) in (0..).zip(points) {
                if let Some((samples, mean, max)) = one {
                    hour.add(minute(number), Point::of(samples, mean, max).unwrap());
                }
            }
            assert_eq!(PackedHour::of_columns(&hour.to_columns()), hour);
        }
    }
}
