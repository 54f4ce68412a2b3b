//! The view of the past: which series, how long a time, and how far back.

use std::time::Duration;

use super::App;
use super::rows::Rows;
use crate::model::series::SERIES;
use crate::model::time::Timestamp;
use crate::tui::host::Host;
use crate::tui::keymap::Action;
use crate::tui::message::HistoryQuery;

const SHORTEST: Duration = Duration::from_mins(5);
const LONGEST: Duration = Duration::from_hours(24 * 365);
/// Steps that people can count in, in seconds.
const STEPS: [u64; 10] = [2, 10, 30, 60, 300, 900, 3_600, 10_800, 21_600, 86_400];
/// How wide the list of series is, with the space beside it.
pub const LIST: u16 = 34;

/// The view of the past.
#[derive(Debug, Clone)]
pub struct HistoryState {
    /// The chosen series.
    pub rows: Rows<&'static str>,
    /// How long a time is shown.
    pub span: Duration,
    /// How long before the present it ends; nothing when it follows the present.
    pub back: Duration,
}

impl Default for HistoryState {
    fn default() -> Self {
        Self {
            rows: Rows::default(),
            span: Duration::from_hours(1),
            back: Duration::ZERO,
        }
    }
}

/// The names of all series.
#[must_use]
pub fn names() -> Vec<&'static str> {
    SERIES.iter().map(|series| series.name).collect()
}

impl App {
    pub(super) fn act_on_history(&mut self, action: Action) {
        let state = &mut self.history;
        match action {
            Action::ZoomIn => state.span = (state.span / 2).max(SHORTEST),
            Action::ZoomOut => state.span = (state.span * 2).min(LONGEST),
            Action::Earlier => state.back = state.back.saturating_add(state.span / 10),
            Action::Later => state.back = state.back.saturating_sub(state.span / 10),
            Action::MuchEarlier => state.back = state.back.saturating_add(state.span),
            Action::MuchLater => state.back = state.back.saturating_sub(state.span),
            Action::Live => state.back = Duration::ZERO,
            _ => {}
        }
    }

    /// The host's own time: its clock may be another than ours.
    fn time_of(&self, host: &Host) -> Timestamp {
        match host.snapshot.value() {
            Some(snapshot) => snapshot.time,
            None => self.now.wall,
        }
    }

    /// The minute that the host is in.
    pub(super) fn minute(&self, host: &Host) -> Timestamp {
        floor(self.time_of(host), 60)
    }

    /// What to ask for: a point for each column or so, between whole steps, so that the question
    /// stays the same for a while.
    #[must_use]
    pub fn history_query(&self, host: &Host) -> HistoryQuery {
        let state = &self.history;
        let columns = u64::from(self.size.0.saturating_sub(LIST + 2)).max(20);
        let fine = state.span.as_secs() / columns;
        // Below a minute only the last hour is kept.
        let recent = state.back.is_zero() && state.span <= Duration::from_hours(1);
        let least = if recent { 2 } else { 60 };
        let step = STEPS
            .into_iter()
            .find(|step| *step >= fine.max(least))
            .unwrap_or(STEPS[STEPS.len() - 1]);
        let end = self.time_of(host).saturating_sub(state.back);
        let to = floor(end, step);
        HistoryQuery {
            series: state.rows.selected.unwrap_or(SERIES[0].name),
            from: to.saturating_sub(state.span),
            to,
            step,
        }
    }
}

/// The last whole step before a time.
fn floor(time: Timestamp, step: u64) -> Timestamp {
    let step = i64::try_from(step).unwrap_or(i64::MAX / 1000) * 1000;
    Timestamp::from_millis(time.as_millis().div_euclid(step) * step)
}
