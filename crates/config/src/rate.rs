//! Rates as people write them: `100/minute`, `10/s burst 60`.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use toml::Value;

use super::value::ConfigValue;

/// The largest number of requests per unit, and the largest burst. With it no sum of the arithmetic
/// in nanoseconds leaves 64 bits.
const MOST: u32 = 1_000_000;

/// Names of each unit, the one that is shown first, with its seconds.
const UNITS: [(&[&str], u64); 3] = [
    (&["s", "second"], 1),
    (&["minute", "min"], 60),
    (&["hour", "h"], 3_600),
];

/// So many requests per unit of time, and so many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    /// Seconds.
    unit: u64,
    burst: NonZeroU32,
}

impl Rate {
    /// `count` requests per `unit` seconds and `burst` at once, each 1 where it is 0.
    pub(super) fn new(count: u32, unit: u64, burst: u32) -> Self {
        Self {
            count: NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN),
            unit,
            burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
        }
    }

    /// The time in which one more request is earned.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_secs(self.unit) / self.count.get()
    }

    /// The rate as older clients know it: `10 per 1 minute`.
    #[must_use]
    pub fn in_words(self) -> String {
        let unit = match self.unit {
            1 => "second",
            60 => "minute",
            _ => "hour",
        };
        format!("{} per 1 {unit}", self.count)
    }

    /// How many requests may come at once after a pause.
    #[must_use]
    pub const fn burst(self) -> NonZeroU32 {
        self.burst
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, seconds)| *seconds == self.unit);
        let unit = unit.map_or("s", |(names, _)| names[0]);
        write!(f, "{}/{unit}", self.count)?;
        if self.burst != self.count {
            write!(f, " burst {}", self.burst)?;
        }
        Ok(())
    }
}

impl ConfigValue for Rate {
    fn type_name() -> String {
        "a rate such as \"100/minute\" or \"10/s burst 60\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let expected = || format!("expected {}, not {text:?}", Self::type_name());
        let (rate, burst) = match text.split_once(" burst ") {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let (count, unit) = rate.trim().split_once('/').ok_or_else(expected)?;
        let number = |text: &str, what: &str| {
            let text = text.trim();
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(expected());
            }
            match text.parse::<u32>() {
                Ok(number @ 1..=MOST) => Ok(number),
                _ => Err(format!("the {what} must be from 1 to {MOST}, not {text}")),
            }
        };
        let count = number(count, "rate")?;
        let (_, seconds) = UNITS
            .iter()
            .find(|(names, _)| names.contains(&unit.trim()))
            .ok_or_else(|| {
                let unit = unit.trim();
                if unit.contains(' ') {
                    return expected();
                }
                format!("unknown unit {unit:?} of a rate, expected \"s\", \"minute\" or \"hour\"")
            })?;
        let burst = burst.map_or(Ok(count), |burst| number(burst, "burst"))?;
        Ok(Self::new(count, *seconds, burst))
    }

    fn to_toml(&self) -> Option<Value> {
        Some(self.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "10/s burst 60",
            "100/minute",
            "1/hour",
            "30/minute burst 10",
        ] {
            assert_eq!(Rate::from_text(text).unwrap().to_string(), text);
        }
        for (text, same) in [
            ("20/second", "20/s"),
            ("5/min", "5/minute"),
            ("5/h", "5/hour"),
            (" 5 / s  burst  5 ", "5/s"),
        ] {
            assert_eq!(Rate::from_text(text).unwrap().to_string(), same);
        }
    }

    #[test]
    fn a_rate_is_an_interval_and_a_burst() {
        let rate = Rate::from_text("10/s burst 60").unwrap();
        assert_eq!(rate.interval(), Duration::from_millis(100));
        assert_eq!(rate.burst().get(), 60);
        let rate = Rate::from_text("100/minute").unwrap();
        assert_eq!(rate.interval(), Duration::from_millis(600));
        assert_eq!(rate.burst().get(), 100);
    }

    #[test]
    fn what_is_no_rate_is_refused_with_the_reason() {
        let expected = "expected a rate such as \"100/minute\" or \"10/s burst 60\", not ";
        for text in [
            "",
            "10",
            "ten/s",
            "-1/s",
            "1.5/s",
            "10/s burst",
            "10/s burst x",
            "10/s bursts 5",
            "/s",
        ] {
            let refused = Rate::from_text(text).unwrap_err();
            assert_eq!(refused, format!("{expected}{text:?}"));
        }
        for (text, message) in [
            ("0/s", "the rate must be from 1 to 1000000, not 0"),
            ("10/s burst 0", "the burst must be from 1 to 1000000, not 0"),
            (
                "1000001/s",
                "the rate must be from 1 to 1000000, not 1000001",
            ),
            (
                "10/s burst 99999999999999",
                "the burst must be from 1 to 1000000, not 99999999999999",
            ),
            (
                "10/day",
                "unknown unit \"day\" of a rate, expected \"s\", \"minute\" or \"hour\"",
            ),
        ] {
            assert_eq!(Rate::from_text(text).unwrap_err(), message);
        }
    }
}
