//! Which time is shown, and how finely: zooming, moving, going to a time that was typed.

use std::time::Duration;

use super::LIST;
use crate::app::App;
use crate::host::HostState;
use crate::query::{EarlierHistoryQuery, HistoryQuery};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::floor;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// The ranges that zooming goes through, in seconds.
const RANGES: [u64; 16] = [
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    90 * DAY,
    180 * DAY,
    365 * DAY,
    3650 * DAY,
];
/// Steps that people can count in, in seconds.
const STEPS: [u64; 13] = [
    2, 5, 10, 30, MINUTE, 120, 300, 900, 1_800, HOUR, 10_800, 21_600, DAY,
];
/// How long a daemon keeps readings finer than a minute.
pub(super) const FINE: Duration = Duration::from_secs(HOUR);
/// What was typed: a moment, or a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jump {
    Moment(Timestamp),
    Day(Timestamp),
}

impl Jump {
    /// The same on a clock that is so many seconds behind.
    fn earlier(self, seconds: i32) -> Self {
        match self {
            Self::Moment(time) => Self::Moment(super::on_clock(time, -seconds)),
            Self::Day(time) => Self::Day(super::on_clock(time, -seconds)),
        }
    }
}

/// The next shorter range, or the next longer one.
pub(super) fn zoom(app: &mut App, shorter: bool) {
    let span = app.screens.history.span.as_secs();
    let next = if shorter {
        RANGES.into_iter().rev().find(|it| *it < span)
    } else {
        RANGES.into_iter().find(|it| *it > span)
    };
    if let Some(seconds) = next {
        app.set_range(Duration::from_secs(seconds));
    }
}

impl App {
    /// Shows so long a time. What is in the middle stays there, but the present stays at the edge.
    fn set_range(&mut self, span: Duration) {
        if let Some(end) = self.screens.history.end {
            let middle = end.saturating_sub(self.screens.history.span / 2);
            self.end_at(middle.saturating_add(span / 2));
        }
        self.screens.history.span = span;
    }

    pub(super) fn go_back(&mut self, by: Duration) {
        let end = self
            .screens
            .history
            .end
            .unwrap_or(self.time_of(self.host()));
        self.screens.history.end = Some(end.saturating_sub(by));
    }

    pub(super) fn go_forward(&mut self, by: Duration) {
        if let Some(end) = self.screens.history.end {
            self.end_at(end.saturating_add(by));
        }
    }

    /// Ends the range there; there is nothing beyond the present.
    fn end_at(&mut self, end: Timestamp) {
        self.screens.history.end = (end < self.time_of(self.host())).then_some(end);
    }

    /// Shows the next shorter time around a moment.
    pub(super) fn zoom_at(&mut self, moment: Timestamp) {
        self.screens.history.end = Some(moment.saturating_add(self.screens.history.span / 2));
        zoom(self, true);
        let end = moment.saturating_add(self.screens.history.span / 2);
        self.end_at(end);
    }

    /// Goes to the time that was typed.
    pub(crate) fn jump(&mut self, text: &str) {
        let offset = super::offset(self);
        let now = super::on_clock(self.time_of(self.host()), offset);
        // What names its zone is in that; the rest is read from the clock that is shown.
        let jump = match text.trim().parse() {
            Ok(time) => Some(Jump::Moment(time)),
            Err(_) => read_jump(text, now).map(|jump| jump.earlier(offset)),
        };
        match jump {
            Some(Jump::Moment(time)) => {
                self.end_at(time.saturating_add(self.screens.history.span / 2));
            }
            Some(Jump::Day(start)) => {
                self.screens.history.span = Duration::from_secs(DAY);
                self.end_at(start.saturating_add(self.screens.history.span));
            }
            None => {
                self.complain("expected a time: 03:12, -2h, 2026-11-20, 2026-11-20 03:12");
            }
        }
    }

    /// Reads `30m`, `6h`, `7d`; five minutes to ten years.
    pub(crate) fn range_by_name(&mut self, text: &str) {
        let limits = Duration::from_secs(RANGES[0])..=Duration::from_secs(3650 * DAY);
        match read_span(text).filter(|span| limits.contains(span)) {
            Some(span) => self.set_range(span),
            None => self.complain("range: expected 5m to 3650d, such as 6h or 7d"),
        }
    }

    /// The query: two points for each column or so, as dots have two, between whole steps, so that it
    /// stays the same for a while.
    #[must_use]
    pub fn history_query(&self, host: &HostState) -> HistoryQuery {
        let state = &self.screens.history;
        let columns = u64::from(self.size.0.saturating_sub(LIST + 2)).max(20);
        let wanted = state.span.as_secs() / (columns * 2);
        let now = self.time_of(host);
        let end = state.end.unwrap_or(now);
        let is_recent = end.saturating_sub(state.span) >= now.saturating_sub(FINE);
        let least = if is_recent { STEPS[0] } else { MINUTE };
        let step = STEPS
            .into_iter()
            .find(|step| *step >= wanted.max(least))
            .unwrap_or(STEPS[STEPS.len() - 1]);
        // The step that is not over yet holds the newest readings.
        let to = floor(
            end.saturating_add(Duration::from_millis(step * 1000 - 1)),
            step,
        );
        HistoryQuery {
            series: super::wanted_series(self),
            from: to.saturating_sub(state.span),
            to,
            step,
        }
    }

    /// The same query about the time that is laid behind; nothing where none is.
    pub(super) fn earlier_query(&self, host: &HostState) -> Option<EarlierHistoryQuery> {
        let before = self.screens.history.behind.before()?;
        let query = self.history_query(host);
        Some(EarlierHistoryQuery(HistoryQuery {
            from: query.from.saturating_sub(before),
            to: query.to.saturating_sub(before),
            // What was long ago is stored by the minute.
            step: query.step.max(MINUTE),
            ..query
        }))
    }
}

/// Reads a number with `s`, `m`, `h`, `d` or `w`.
fn read_span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => MINUTE,
        'h' => HOUR,
        'd' => DAY,
        'w' => 7 * DAY,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].trim().parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(unit)?))
}

/// Reads a time: `03:12` is the last one before now, `-2h` is so long ago.
fn read_jump(text: &str, now: Timestamp) -> Option<Jump> {
    let text = text.trim();
    if let Some(span) = text.strip_prefix('-') {
        return Some(Jump::Moment(now.saturating_sub(read_span(span)?)));
    }
    let whole = |date: &str, time: &str| {
        let seconds = if time.len() == 5 { ":00" } else { "" };
        format!("{date}T{time}{seconds}Z").parse::<Timestamp>().ok()
    };
    if let Ok(time) = text.parse() {
        return Some(Jump::Moment(time));
    }
    if let Some((date, time)) = text.split_once([' ', 'T']) {
        return Some(Jump::Moment(whole(date, time.trim_end_matches('Z'))?));
    }
    if text.contains(':') {
        let today = now.to_string();
        let time = whole(today.get(..10)?, text)?;
        let is_ahead = time > now;
        let day = Duration::from_secs(if is_ahead { DAY } else { 0 });
        return Some(Jump::Moment(time.saturating_sub(day)));
    }
    Some(Jump::Day(whole(text, "00:00")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = time("2026-11-23T07:02:00Z");
        let moment = |text: &str| Some(Jump::Moment(time(text)));
        for (text, expected) in [
            ("03:12", moment("2026-11-23T03:12:00Z")),
            ("23:59:30", moment("2026-11-22T23:59:30Z")),
            ("-2h", moment("2026-11-23T05:02:00Z")),
            ("-1w", moment("2026-11-16T07:02:00Z")),
            ("2026-11-20 03:12", moment("2026-11-20T03:12:00Z")),
            ("2026-11-20T03:12:05Z", moment("2026-11-20T03:12:05Z")),
            ("2026-11-20", Some(Jump::Day(time("2026-11-20T00:00:00Z")))),
        ] {
            assert_eq!(read_jump(text, now), expected, "{text}");
        }
        for text in [
            "",
            "-",
            "-2",
            "25:00",
            "2026-13-01",
            "noon",
            "-99999999999999999999h",
            "-é",
        ] {
            assert_eq!(read_jump(text, now), None, "{text}");
        }
    }
}
