//! The view of the past: which series, how long a time, and when it ends.

use std::time::Duration;

use super::App;
use super::popup::Purpose;
use crate::host::Host;
use crate::keymap::Action;
use crate::query::HistoryQuery;
use crate::table::Cursor;
use linux_api_wire::series::SERIES;
use linux_api_wire::time::Timestamp;

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
const STEPS: [u64; 10] = [2, 10, 30, MINUTE, 300, 900, HOUR, 10_800, 21_600, DAY];
/// How long a daemon keeps readings finer than a minute.
const FINE: Duration = Duration::from_secs(HOUR);
/// How wide the list of series is, with the space beside it.
pub const LIST: u16 = 34;

/// The view of the past.
#[derive(Debug, Clone)]
pub struct HistoryState {
    /// The chosen series.
    pub rows: Cursor<&'static str>,
    /// How long a time is shown.
    pub span: Duration,
    /// When it ends; nothing when it follows the present.
    pub end: Option<Timestamp>,
    /// How many members of the series are above the first one seen.
    pub first: usize,
}

impl Default for HistoryState {
    fn default() -> Self {
        Self {
            rows: Cursor::default(),
            span: FINE,
            end: None,
            first: 0,
        }
    }
}

/// The names of all series.
#[must_use]
pub fn names() -> Vec<&'static str> {
    SERIES.iter().map(|series| series.name).collect()
}

/// What somebody wants to see: a moment, or a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jump {
    Moment(Timestamp),
    Day(Timestamp),
}

impl App {
    pub(super) fn act_on_history(&mut self, action: Action) {
        let span = self.history.span;
        match action {
            Action::ZoomIn => self.zoom(RANGES.into_iter().rev().find(|it| *it < span.as_secs())),
            Action::ZoomOut => self.zoom(RANGES.into_iter().find(|it| *it > span.as_secs())),
            Action::Earlier => self.go_back(span / 10),
            Action::Later => self.go_forward(span / 10),
            Action::MuchEarlier => self.go_back(span),
            Action::MuchLater => self.go_forward(span),
            Action::Live => self.history.end = None,
            Action::Jump => self.ask(Purpose::Jump, ""),
            _ => {}
        }
    }

    fn zoom(&mut self, seconds: Option<u64>) {
        if let Some(seconds) = seconds {
            self.set_range(Duration::from_secs(seconds));
        }
    }

    /// Shows so long a time. What is in the middle stays there, but the present stays at the edge.
    pub(super) fn set_range(&mut self, span: Duration) {
        if let Some(end) = self.history.end {
            let middle = end.saturating_sub(self.history.span / 2);
            self.end_at(middle.saturating_add(span / 2));
        }
        self.history.span = span;
    }

    fn go_back(&mut self, by: Duration) {
        let end = self.history.end.unwrap_or(self.time_of(self.host()));
        self.history.end = Some(end.saturating_sub(by));
    }

    fn go_forward(&mut self, by: Duration) {
        if let Some(end) = self.history.end {
            self.end_at(end.saturating_add(by));
        }
    }

    /// Ends the range there; there is nothing beyond the present.
    fn end_at(&mut self, end: Timestamp) {
        self.history.end = (end < self.time_of(self.host())).then_some(end);
    }

    /// Goes to the time that was typed.
    pub(super) fn jump(&mut self, text: &str) {
        match read_jump(text, self.time_of(self.host())) {
            Some(Jump::Moment(time)) => self.end_at(time.saturating_add(self.history.span / 2)),
            Some(Jump::Day(start)) => {
                self.history.span = Duration::from_secs(DAY);
                self.end_at(start.saturating_add(self.history.span));
            }
            None => {
                self.complain("expected a time in UTC: 03:12, -2h, 2026-11-20, 2026-11-20 03:12");
            }
        }
    }

    /// Reads `30m`, `6h`, `7d`; five minutes to ten years.
    pub(super) fn range_by_name(&mut self, text: &str) {
        let limits = Duration::from_secs(RANGES[0])..=Duration::from_secs(3650 * DAY);
        match read_span(text).filter(|span| limits.contains(span)) {
            Some(span) => self.set_range(span),
            None => self.complain("range: expected 5m to 3650d, such as 6h or 7d"),
        }
    }

    /// The host's own time: its clock may be another than ours.
    #[must_use]
    pub fn time_of(&self, host: &Host) -> Timestamp {
        match host.responses.snapshot.value() {
            Some(snapshot) => snapshot.time,
            None => self.now.wall,
        }
    }

    /// The minute that the host is in.
    #[must_use]
    pub fn minute(&self, host: &Host) -> Timestamp {
        floor(self.time_of(host), MINUTE)
    }

    /// What to ask for: a point for each column or so, between whole steps, so that the question
    /// stays the same for a while.
    #[must_use]
    pub fn history_query(&self, host: &Host) -> HistoryQuery {
        let state = &self.history;
        let columns = u64::from(self.size.0.saturating_sub(LIST + 2)).max(20);
        let wanted = state.span.as_secs() / columns;
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
            series: state.rows.selected.unwrap_or(SERIES[0].name),
            from: to.saturating_sub(state.span),
            to,
            step,
        }
    }

    /// Goes through the members of a series, such as filesystems.
    pub(super) fn step_member(&mut self, forward: bool) {
        let series = self.history_query(self.host()).series;
        let history = self.host().responses.history.value();
        let members = history.map_or(0, |history| {
            let all = history.series.iter();
            all.filter(|it| it.name == series).count()
        });
        let state = &mut self.history;
        let next = if forward {
            state.first + 1
        } else {
            state.first.saturating_sub(1)
        };
        state.first = next.min(members.saturating_sub(1));
    }
}

/// The last whole step before a time.
fn floor(time: Timestamp, step: u64) -> Timestamp {
    let step = i64::try_from(step).unwrap_or(i64::MAX / 1000) * 1000;
    Timestamp::from_millis(time.as_millis().div_euclid(step) * step)
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

/// Reads a time in UTC: `03:12` is the last one before now, `-2h` is so long ago.
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
