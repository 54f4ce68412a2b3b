//! Times as people and programs write them.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use super::time::Timestamp;

/// Numbers beyond this one are milliseconds, not seconds; as seconds they are beyond the year 2600.
const SECONDS_MAX: f64 = 2e10;

/// A time: RFC 3339 or ISO 8601 (UTC without an offset), a date (its midnight, UTC), or seconds or
/// milliseconds since 1970; `None` when it is none of these, or neither database can hold it.
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let time = parse_number(text).or_else(|| parse_calendar(text))?;
    // What RFC 3339 and both databases can hold.
    (-62_135_596_800_000..=253_402_300_799_999)
        .contains(&time.as_millis())
        .then_some(time)
}

/// Time since 1970.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the conversion ends at the bounds of the type, which are refused"
)]
fn parse_number(text: &str) -> Option<Timestamp> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Other words, `inf` among them, are numbers to the parser too.
    if !digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    let is_millis = number.abs() > SECONDS_MAX;
    let millis = if is_millis { number } else { number * 1_000.0 };
    Some(Timestamp::from_millis(millis.round() as i64))
}

/// A date, or a date and a time of day with or without seconds and an offset.
fn parse_calendar(text: &str) -> Option<Timestamp> {
    const WITH_OFFSET: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"];
    const WITHOUT: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    if let Ok(date) = NaiveDate::from_str(text) {
        return Some(date.and_time(NaiveTime::MIN).and_utc().into());
    }
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    // A "+" of an offset arrives as a space when a client did not encode it.
    let text = format!("{date}T{}", rest.replace(' ', "+"));
    let with_offset = |format| DateTime::parse_from_str(&text, format).ok();
    let without = |format| NaiveDateTime::parse_from_str(&text, format).ok();
    let time = WITH_OFFSET.into_iter().find_map(with_offset);
    let time = time.map(|time| time.with_timezone(&Utc));
    let utc = || WITHOUT.into_iter().find_map(without);
    Some(time.or_else(|| utc().map(|time| time.and_utc()))?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_an_offset_are_utc() {
        let seven = "2026-11-23T07:00:00Z".parse().ok();
        for text in [
            "2026-11-23T07:00:00",
            "2026-11-23T07:00:00Z",
            "2026-11-23T08:00:00+01:00",
            "2026-11-23T08:00:00 01:00",
            "2026-11-23T08:00:00+0100",
            "2026-11-23T08:00:00+01",
            "2026-11-23 07:00:00",
            "2026-11-23 08:00:00 01:00",
            "2026-11-23T07:00",
            "2026-11-23T07:00Z",
            "2026-11-23t07:00:00z",
            "2026-11-23T07:00:00.000",
            "1795417200",
            "1795417200.0",
            "1795417200000",
        ] {
            assert_eq!(parse_time(text), seven, "{text}");
        }
        assert_eq!(
            parse_time("2026-11-23"),
            "2026-11-23T00:00:00Z".parse().ok()
        );
        let half = "2026-11-23T07:00:00.5Z".parse().ok();
        for text in ["1795417200.5", "2026-11-23T08:00:00.5+01:00"] {
            assert_eq!(parse_time(text), half, "{text}");
        }
        for text in [
            "",
            "x",
            "-",
            ".",
            "inf",
            "1e9",
            "2026-13-01",
            "2026-11-23T",
            "2026-11-23T25:00",
            "2026-11-23T07:00:00+01:00Z",
            "99999999999999999",
            "0x10",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
