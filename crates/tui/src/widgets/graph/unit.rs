//! What the values of a graph are, and how they are written.

use std::time::Duration;

use linux_api_wire::units::compact::{self, span};

/// What the values of a graph are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Percent, whose upper edge is 100 at least.
    Percent,
    /// Bytes, counted in Ki and Mi.
    Bytes,
    /// The same per second.
    Rate,
    /// Degrees.
    Celsius,
    /// A length of time in seconds.
    Seconds,
    /// Other numbers.
    Count,
}

impl Unit {
    /// The unit that the API calls so.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "percent" => Self::Percent,
            "bytes" => Self::Bytes,
            "bytes_per_second" => Self::Rate,
            "celsius" => Self::Celsius,
            "seconds" => Self::Seconds,
            _ => Self::Count,
        }
    }

    /// A value with its unit, in [`Self::widest`] columns less one at most.
    pub(crate) fn value(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{}%", compact::percent(value)),
            Self::Bytes => compact::bytes(value),
            Self::Rate => compact::rate(value),
            Self::Celsius if value.is_finite() => format!("{value:.0}"),
            Self::Seconds if value.is_finite() && value >= 0.0 => {
                let length = Duration::try_from_secs_f64(value);
                length.map_or_else(|_| "?".to_owned(), span)
            }
            Self::Count if (0.0..99.5).contains(&value) => trimmed(value),
            Self::Count => compact::count(value),
            _ => "?".to_owned(),
        }
    }

    /// Columns for the longest value and a space before it.
    pub(super) const fn widest(self) -> u16 {
        match self {
            Self::Celsius => 5,
            Self::Percent => 6,
            Self::Count => 8,
            Self::Bytes => 7,
            Self::Rate => 9,
            Self::Seconds => 12,
        }
    }

    /// A value of the axis, which is a round one.
    pub(super) fn tick(self, value: f64) -> String {
        match self {
            Self::Percent => trimmed(value),
            _ if value <= 0.0 => "0".to_owned(),
            Self::Bytes | Self::Rate => compact::bytes(value).replace(".0 ", "").replace(' ', ""),
            _ => self.value(value),
        }
    }

    /// A round value that is at least as large as all of these: for bytes, which are counted in Ki and Mi, a
    /// power of two or three quarters of one, so that the half of it is round too.
    pub(super) fn round_top(self, values: impl Iterator<Item = f64>) -> f64 {
        let largest = values.filter(|it| it.is_finite()).fold(0.0, f64::max);
        match self {
            Self::Percent => largest.max(100.0),
            Self::Bytes | Self::Rate => {
                let largest = largest.max(1024.0);
                let power = 2_f64.powf(largest.log2().ceil());
                // Three quarters of it is round as well: 12 Mi, and its half.
                if largest > power * 0.75 {
                    power
                } else {
                    power * 0.75
                }
            }
            _ if largest <= 0.0 => 1.0,
            _ => {
                let power = 10_f64.powf(largest.log10().floor());
                let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
                let found = steps.into_iter().find(|top| *top >= largest);
                found.unwrap_or(largest)
            }
        }
    }
}

/// A number with as many decimals as it has, two at most.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn the_upper_edge_is_round() {
        let top = |unit: Unit, values: &[f64]| unit.round_top(values.iter().copied());
        assert!((top(Unit::Percent, &[3.0]) - 100.0).abs() < 1e-9);
        assert!((top(Unit::Percent, &[250.0]) - 250.0).abs() < 1e-9);
        assert!((top(Unit::Rate, &[1_300_000.0]) - 1_572_864.0).abs() < 1e-9);
        assert!((top(Unit::Count, &[130.0]) - 200.0).abs() < 1e-9);
        assert!((top(Unit::Count, &[f64::NAN]) - 1.0).abs() < 1e-9);
        assert_eq!(Unit::Rate.tick(2_097_152.0), "2Mi");
        assert_eq!(Unit::Rate.tick(512.0 * 1024.0), "512Ki");
        assert_eq!(Unit::Percent.tick(50.0), "50");
        assert_eq!(Unit::Count.tick(0.5), "0.5");
    }

    #[test]
    fn no_value_is_wider_than_its_unit_says() {
        let units = [
            Unit::Percent,
            Unit::Bytes,
            Unit::Rate,
            Unit::Celsius,
            Unit::Count,
            Unit::Seconds,
        ];
        for unit in units {
            let is_small = matches!(unit, Unit::Percent | Unit::Celsius);
            let most = if is_small { 9_999.0 } else { 1e9 };
            let mut value = 0.001;
            while value < most {
                let text = unit.value(value);
                assert!(text.width() < usize::from(unit.widest()), "{unit:?} {text}");
                value *= 1.7;
            }
            assert_eq!(
                unit.value(f64::NAN),
                unit.value(f64::INFINITY).replace("inf", "?")
            );
        }
    }
}
