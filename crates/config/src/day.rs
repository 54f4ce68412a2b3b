//! A day, as people write it.

use std::fmt;

use chrono::{NaiveDate, NaiveTime};
use toml::Value;

use super::value::{ConfigValue, wrong_type};
use linux_api_wire::time::Timestamp;

/// A day of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(NaiveDate);

impl Day {
    /// The day of this date; the first of 1970 when there is none such.
    pub(super) fn new(year: i32, month: u32, day: u32) -> Self {
        Self(NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default())
    }

    /// When it begins.
    #[must_use]
    pub fn start(self) -> Timestamp {
        self.0.and_time(NaiveTime::MIN).and_utc().into()
    }

    /// As in HTTP headers: `Fri, 31 Dec 2027 00:00:00 GMT` (RFC 9110, section 5.6.7).
    #[must_use]
    pub fn http_date(self) -> String {
        self.0.format("%a, %d %b %Y 00:00:00 GMT").to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ConfigValue for Day {
    fn type_name() -> String {
        "a day such as \"2027-12-31\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        // Years of four digits, because headers have no others.
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        day.filter(|_| text.len() == 10)
            .map(Self)
            .ok_or_else(|| format!("expected {}, not {text:?}", Self::type_name()))
    }

    fn from_toml(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Self::from_text(text),
            // TOML has days of its own.
            Value::Datetime(time) if time.time.is_none() => Self::from_text(&time.to_string()),
            other => Err(wrong_type::<Self>(other)),
        }
    }

    fn to_toml(&self) -> Option<Value> {
        Some(self.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_with_and_without_quotes() {
        let day = Day::new(2027, 12, 31);
        assert_eq!(Day::from_text("2027-12-31"), Ok(day));
        let file: toml::Table = "a = 2027-12-31\nb = \"2027-12-31\"\nc = 2027-12-31T00:00:00Z"
            .parse()
            .unwrap();
        assert_eq!(Day::from_toml(&file["a"]), Ok(day));
        assert_eq!(Day::from_toml(&file["b"]), Ok(day));
        assert!(Day::from_toml(&file["c"]).is_err());
        assert_eq!(day.start().to_string(), "2027-12-31T00:00:00Z");
        assert_eq!(day.http_date(), "Fri, 31 Dec 2027 00:00:00 GMT");
        for wrong in ["", "2027-13-01", "31.12.2027", "2027-1-1", "12027-12-31"] {
            assert!(Day::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
