//! Durations as people write them: `500ms`, `30s`, `10min`, `2h`, `7d`.

use std::time::Duration;

/// Units from the largest to the smallest, with their milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// What a duration looks like, for errors.
pub const FORM: &str = "a duration such as \"500ms\", \"30s\", \"10min\", \"2h\" or \"7d\"";

/// Reads a duration: a whole number and a unit, with or without blanks in between. `None` when it is
/// none, or too long to count.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit.trim_start())?;
    Some(Duration::from_millis(
        number.parse::<u64>().ok()?.checked_mul(millis)?,
    ))
}

/// The duration in the largest unit that divides it, as [`parse`] reads it.
#[must_use]
pub fn text(duration: Duration) -> String {
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
        for one in ["500ms", "30s", "10min", "2h", "7d", "1500ms", "90s", "0s"] {
            assert_eq!(text(parse(one).unwrap()), one);
        }
        assert_eq!(parse("60 s"), Some(Duration::from_mins(1)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for one in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "1m",
            "1 hour",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(one), None, "{one}");
        }
    }
}
