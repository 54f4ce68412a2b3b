//! Durations as people write them: `500ms`, `30s`, `10min`, `2h`, `7d`.

use std::time::Duration;

use toml::Value;

use super::value::ConfigValue;

/// Units from the largest to the smallest, with their milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl ConfigValue for Duration {
    fn type_name() -> String {
        "a duration such as \"500ms\", \"30s\", \"10min\", \"2h\" or \"7d\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| format!("expected {}, not {text:?}", Self::type_name()))
    }

    fn to_toml(&self) -> Option<Value> {
        Some(to_text(*self).into())
    }
}

fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit.trim_start())?;
    Some(Duration::from_millis(
        number.parse::<u64>().ok()?.checked_mul(millis)?,
    ))
}

/// The duration in the largest unit that divides it.
fn to_text(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let (name, size) = UNITS
        .into_iter()
        .find(|(_, size)| millis.is_multiple_of(*size))
        .unwrap_or(("ms", 1));
    format!("{}{name}", millis / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in ["500ms", "30s", "10min", "2h", "7d", "1500ms", "90s", "0s"] {
            assert_eq!(to_text(Duration::from_text(text).unwrap()), text);
        }
        assert_eq!(Duration::from_text("60 s"), Ok(Duration::from_mins(1)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "1m",
            "1 hour",
            "99999999999999999999d",
        ] {
            assert!(Duration::from_text(text).is_err(), "{text}");
        }
    }
}
