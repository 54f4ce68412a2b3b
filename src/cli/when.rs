//! Times as people write them on the command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use linux_api_config::ConfigValue;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::time_text::parse_time;

/// A distance from now, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Span(Duration),
    Moment(Timestamp),
}

/// The text is no time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a duration such as 30d or 12h, a date such as 2036-01-01, or a time such as 2036-01-01T08:00:00Z")
    }
}

impl std::error::Error for NotATime {}

impl FromStr for When {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        // Seconds since 1970 are for programs; here a bare number is a unit that was forgotten.
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotATime);
        }
        let span = Duration::from_text(text).map(Self::Span);
        span.ok()
            .or_else(|| parse_time(text).map(Self::Moment))
            .ok_or(NotATime)
    }
}

/// A time that is still to come: `30d` is in thirty days.
///
/// # Errors
/// When the text is no time, or the time has passed.
pub(super) fn future(text: &str) -> Result<Timestamp, String> {
    future_at(text, Clock::system().now())
}

fn future_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let time = match text.parse().map_err(|error: NotATime| error.to_string())? {
        When::Span(span) => now.saturating_add(span),
        When::Moment(time) => time,
    };
    if time <= now {
        return Err("the time is in the past".to_owned());
    }
    Ok(time)
}

/// A time that has passed: `30d` is thirty days ago.
///
/// # Errors
/// When the text is no time.
pub(super) fn past(text: &str) -> Result<Timestamp, NotATime> {
    past_at(text, Clock::system().now())
}

fn past_at(text: &str, now: Timestamp) -> Result<Timestamp, NotATime> {
    Ok(match text.parse()? {
        When::Span(span) => now.saturating_sub(span),
        When::Moment(time) => time,
    })
}

/// How long ago something was: `30d`, or the time since a date or time.
///
/// # Errors
/// When the text is no time, or the time is in the future.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    age_at(text, Clock::system().now())
}

fn age_at(text: &str, now: Timestamp) -> Result<Duration, String> {
    match text.parse().map_err(|error: NotATime| error.to_string())? {
        When::Span(span) => Ok(span),
        When::Moment(time) if time <= now => Ok(now.since(time)),
        When::Moment(_) => Err("the time is in the future".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn durations_dates_and_times_are_read_everywhere() {
        let now: Timestamp = "2026-11-23T07:00:00Z".parse().unwrap();
        let in_a_month = now.saturating_add(DAY * 30);
        assert_eq!(future_at("30d", now), Ok(in_a_month));
        let new_year: Timestamp = "2036-01-01T00:00:00Z".parse().unwrap();
        for text in [
            "2036-01-01",
            "2036-01-01T00:00:00Z",
            "2036-01-01 00:00",
            "2036-01-01T01:00+01:00",
        ] {
            assert_eq!(future_at(text, now), Ok(new_year), "{text}");
        }
        assert_eq!(past_at("12h", now), Ok(now.saturating_sub(DAY / 2)));
        let morning: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        assert_eq!(past_at("2026-11-22", now), Ok(morning));
        assert_eq!(age_at("90d", now), Ok(DAY * 90));
        assert_eq!(age_at("2026-11-22T07:00:00Z", now), Ok(DAY));
    }

    #[test]
    fn what_is_no_time_says_what_is() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        for text in ["", "30", "tomorrow", "1m", "2036-13-01", "-1d"] {
            assert!(past_at(text, now).is_err(), "{text}");
            let error = future_at(text, now).unwrap_err();
            assert!(
                error.contains("30d") && error.contains("2036-01-01"),
                "{error}"
            );
        }
        assert!(future_at("2020-01-01", now).unwrap_err().contains("past"));
        assert!(future_at("0s", now).is_err());
        assert!(
            age_at("2099-01-01", now)
                .unwrap_err()
                .contains("in the future")
        );
    }
}
