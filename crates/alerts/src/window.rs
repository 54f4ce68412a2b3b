//! Times of the week by the clock of a time zone.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The days as they are written, from Monday on.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY_MINUTES: u16 = 24 * 60;
/// The most windows together.
const WINDOWS_MAX: usize = 20;

/// A time zone of the system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// The system has no such time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone {0:?} on this system; expected a name such as Europe/Berlin or UTC")]
pub struct UnknownZone(String);

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The day of the week (Monday is 0) and the minute of the day that its clock shows.
    fn shows(&self, now: Timestamp) -> (usize, u16) {
        let now = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
        let shown = self.zone.to_datetime(now);
        let day = shown.date().weekday().to_monday_zero_offset();
        let minute = i32::from(shown.hour()) * 60 + i32::from(shown.minute());
        (
            usize::try_from(day).unwrap_or(0),
            u16::try_from(minute).unwrap_or(0),
        )
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        let zone = TimeZone::get(name).map_err(|_| {
            let shown: String = name.chars().take(100).collect();
            UnknownZone(shown)
        })?;
        let name = name.to_owned();
        Ok(Self { name, zone })
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

/// A time of the week: `Sun 03:00-05:00`, `Mon-Fri 22:00-06:00`, `Sat,Sun 00:00-24:00`, `daily 22:00-07:00`.
///
/// It is what a clock on the wall shows: when clocks go forward, what they leave out is missing; when they go back,
/// an hour counts twice. A window that ends before it begins ends on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeeklyWindow {
    /// On which days it begins, from Monday on.
    days: [bool; 7],
    /// The minute of the day in which it begins.
    from: u16,
    /// The first minute that does not belong to it; 1440 is midnight.
    until: u16,
}

/// The text is no time of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected days and times such as \"Sun 03:00-05:00\", \"Mon-Fri 22:00-06:00\" or \"daily 22:00-07:00\""
)]
pub struct ParseWindowError;

impl WeeklyWindow {
    fn contains(&self, day: usize, minute: u16) -> bool {
        let is_overnight = self.until <= self.from;
        let began_today = self.days[day] && minute >= self.from;
        let began_before = self.days[(day + 6) % 7] && is_overnight;
        (began_today && (is_overnight || minute < self.until))
            || (began_before && minute < self.until)
    }
}

impl FromStr for WeeklyWindow {
    type Err = ParseWindowError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (days, times) = text.trim().split_once(' ').ok_or(ParseWindowError)?;
        let (from, until) = times.trim().split_once('-').ok_or(ParseWindowError)?;
        let (from, until) = (parse_time(from)?, parse_time(until)?);
        if from == until || from == DAY_MINUTES {
            return Err(ParseWindowError);
        }
        Ok(Self {
            days: parse_days(days)?,
            from,
            until,
        })
    }
}

fn parse_days(text: &str) -> Result<[bool; 7], ParseWindowError> {
    if text.eq_ignore_ascii_case("daily") {
        return Ok([true; 7]);
    }
    let day = |name: &str| {
        let found = DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
        found.ok_or(ParseWindowError)
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        match part.split_once('-') {
            None => days[day(part)?] = true,
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                let count = (last + 7 - first) % 7;
                for step in 0..=count {
                    days[(first + step) % 7] = true;
                }
            }
        }
    }
    Ok(days)
}

fn parse_time(text: &str) -> Result<u16, ParseWindowError> {
    let number = |part: &str, length: usize| {
        let is_number = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| part.parse::<u16>().ok()).flatten();
        number.ok_or(ParseWindowError)
    };
    let (hour, minute) = text.split_once(':').ok_or(ParseWindowError)?;
    let (hour, minute) = (number(hour, 2)?, number(minute, 2)?);
    let all = hour * 60 + minute;
    if minute > 59 || all > DAY_MINUTES {
        return Err(ParseWindowError);
    }
    Ok(all)
}

impl TryFrom<String> for WeeklyWindow {
    type Error = ParseWindowError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WeeklyWindow> for String {
    fn from(window: WeeklyWindow) -> Self {
        window.to_string()
    }
}

impl fmt::Display for WeeklyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days == [true; 7] {
            f.write_str("daily")?;
        } else {
            let named = DAYS.iter().zip(self.days).filter(|(_, is_in)| *is_in);
            let named: Vec<&str> = named.map(|(day, _)| *day).collect();
            f.write_str(&named.join(","))?;
        }
        let (from, until) = (self.from, self.until);
        write!(f, " {:02}:{:02}", from / 60, from % 60)?;
        write!(f, "-{:02}:{:02}", until / 60, until % 60)
    }
}

/// Times of the week in a time zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weekly {
    /// The times; at most 20.
    pub windows: Vec<WeeklyWindow>,
    /// Whose clock they are by.
    pub zone: Zone,
}

impl Weekly {
    /// Whether a moment is in one of the windows.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        let (day, minute) = self.zone.shows(now);
        let windows = self.windows.iter().take(WINDOWS_MAX);
        windows
            .into_iter()
            .any(|window| window.contains(day, minute))
    }

    /// Whether there are windows, and not too many.
    ///
    /// # Errors
    /// Says how many there may be.
    pub fn check(&self) -> Result<(), String> {
        if self.windows.is_empty() || self.windows.len() > WINDOWS_MAX {
            return Err(format!("expected 1 to {WINDOWS_MAX} windows"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone with the rules of Berlin, whether or not the system has zones.
    fn berlin() -> Zone {
        Zone {
            name: "Europe/Berlin".to_owned(),
            zone: TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
        }
    }

    fn weekly(windows: &[&str], zone: Zone) -> Weekly {
        let windows = windows.iter().map(|text| text.parse().unwrap()).collect();
        Weekly { windows, zone }
    }

    fn is_in(weekly: &Weekly, time: &str) -> bool {
        weekly.contains(time.parse().unwrap())
    }

    /// The minutes from one time to another that are in the windows.
    fn minutes(weekly: &Weekly, from: &str, until: &str) -> usize {
        let (from, until): (Timestamp, Timestamp) = (from.parse().unwrap(), until.parse().unwrap());
        let all = (from.as_millis()..until.as_millis()).step_by(60_000);
        all.filter(|time| weekly.contains(Timestamp::from_millis(*time)))
            .count()
    }

    #[test]
    fn windows_read_back() {
        for (text, shown) in [
            ("Sun 03:00-05:00", "Sun 03:00-05:00"),
            ("Mon-Fri 22:00-06:00", "Mon,Tue,Wed,Thu,Fri 22:00-06:00"),
            ("Sat-Mon 00:00-24:00", "Mon,Sat,Sun 00:00-24:00"),
            ("daily 22:00-07:00", "daily 22:00-07:00"),
            ("sat,SUN  08:15-09:00", "Sat,Sun 08:15-09:00"),
        ] {
            let window: WeeklyWindow = text.parse().unwrap();
            assert_eq!(window.to_string(), shown);
            assert_eq!(shown.parse(), Ok(window));
        }
        for text in [
            "",
            "Sun",
            "Sun 3:00-5:00",
            "Sun 03:00",
            "Sun 03:00-03:00",
            "Sun 03:00-25:00",
            "Sun 24:00-03:00",
            "Sun 03:60-04:00",
            "Day 03:00-04:00",
            "Sun+Mon 03:00-04:00",
            "Sun 03:00-24:01",
        ] {
            assert_eq!(
                text.parse::<WeeklyWindow>(),
                Err(ParseWindowError),
                "{text}"
            );
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let night = weekly(&["Fri 22:00-06:00"], Zone::utc());
        // 27 November 2026 is a Friday.
        assert!(!is_in(&night, "2026-11-27T21:59:59Z"));
        assert!(is_in(&night, "2026-11-27T22:00:00Z"));
        assert!(is_in(&night, "2026-11-28T05:59:59Z"));
        assert!(!is_in(&night, "2026-11-28T06:00:00Z"));
        assert!(!is_in(&night, "2026-11-27T03:00:00Z"));
        let day = weekly(&["Sun 00:00-24:00"], Zone::utc());
        assert_eq!(
            minutes(&day, "2026-11-23T00:00:00Z", "2026-12-07T00:00:00Z"),
            2 * 1440
        );
    }

    #[test]
    fn nights_are_as_long_as_the_clock_makes_them() {
        let night = weekly(&["daily 22:00-06:00"], berlin());
        // Clocks go forward on 29 March 2026 and back on 25 October 2026.
        let noon = |from, until| minutes(&night, from, until);
        assert_eq!(noon("2026-03-27T11:00:00Z", "2026-03-28T11:00:00Z"), 8 * 60);
        assert_eq!(noon("2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z"), 7 * 60);
        assert_eq!(noon("2026-10-24T10:00:00Z", "2026-10-25T11:00:00Z"), 9 * 60);
        // It ends at six by the clock on the wall, before and after the change.
        assert!(is_in(&night, "2026-03-28T04:59:00Z") && !is_in(&night, "2026-03-28T05:00:00Z"));
        assert!(is_in(&night, "2026-03-29T03:59:00Z") && !is_in(&night, "2026-03-29T04:00:00Z"));
        assert!(is_in(&night, "2026-10-25T04:59:00Z") && !is_in(&night, "2026-10-25T05:00:00Z"));
        // What the clock leaves out is missing, and what it shows twice counts twice.
        let left_out = weekly(&["Sun 02:15-02:45"], berlin());
        assert_eq!(
            minutes(&left_out, "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"),
            0
        );
        assert_eq!(
            minutes(&left_out, "2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z"),
            60
        );
    }

    #[test]
    fn zones_are_those_of_the_system() {
        assert_eq!("UTC".parse::<Zone>().unwrap().name(), "UTC");
        let error = "Europe/Nowhere".parse::<Zone>().unwrap_err().to_string();
        assert!(
            error.starts_with("there is no time zone \"Europe/Nowhere\""),
            "{error}"
        );
        assert!("../../etc/passwd".parse::<Zone>().is_err());
        if std::path::Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
            let zone: Zone = "Europe/Berlin".parse().unwrap();
            let night = Weekly {
                windows: vec!["daily 22:00-06:00".parse().unwrap()],
                zone,
            };
            let minutes = minutes(&night, "2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z");
            assert_eq!(minutes, 7 * 60);
        }
    }
}
