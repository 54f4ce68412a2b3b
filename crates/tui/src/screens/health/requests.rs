//! The requests of a daemon over the last half hour.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::super::api::minute;
use super::super::api::query::MINUTES;
use crate::app::App;
use crate::query::RequestCounts;
use crate::screens::draw_absence;
use crate::widgets::frame::{boxed, instead};
use crate::widgets::graph::{Curve, Graph, Ink, Reading, Unit, Window, seconds};
use linux_api_wire::api_key::Scope;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::compact::count;

/// How many minutes are over of those that are polled: the newest one goes on.
const OVER: u16 = MINUTES - 1;
/// Length of a bucket in seconds.
const MINUTE: f64 = 60.0;

/// All requests by minute, and how many there were in the newest hour.
pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    let requests = &host.responses.requests;
    let title = requests.value().map_or_else(
        || "requests a minute".to_owned(),
        |requests| {
            format!(
                "requests a minute, {} since the hour began",
                in_hour(requests)
            )
        },
    );
    let inner = boxed(&title, theme, area, frame);
    if let Some(reason) = host.forbids(Scope::StatsRead) {
        instead(
            &format!("requests: {reason}"),
            theme.dim,
            theme,
            inner,
            frame,
        );
        return;
    }
    if draw_absence(
        app,
        requests.value().is_some(),
        requests.error(),
        inner,
        frame,
    ) {
        return;
    }
    let Some(requests) = requests.value() else {
        return;
    };
    let to = minute(app);
    let from = to.saturating_sub(std::time::Duration::from_mins(OVER.into()));
    let readings = readings(requests, from, to);
    let mut graph = Graph::new(Window::fixed(from, to), Unit::Count);
    graph.shape = app.settings.display.shape;
    graph
        .above
        .push(Curve::area(&readings, Ink::Plain(theme.graph)));
    graph.draw(theme, inner, frame.buffer_mut());
}

/// The minutes that are over; one without requests has none, which is a value too.
fn readings(requests: &RequestCounts, from: Timestamp, to: Timestamp) -> Vec<Reading> {
    let mut minutes = vec![0.0; usize::from(OVER)];
    for row in &requests.minutes {
        let Ok(time) = row.time.parse::<Timestamp>() else {
            continue;
        };
        let ago = to.as_millis().saturating_sub(time.as_millis()) / 60_000;
        let place = usize::try_from(ago)
            .ok()
            .and_then(|ago| minutes.len().checked_sub(ago));
        if let Some(minute) = place.and_then(|place| minutes.get_mut(place)) {
            *minute += u32::try_from(row.requests).map_or(f64::MAX, f64::from);
        }
    }
    let begin = seconds(from);
    let at = |place: u16| begin + f64::from(place) * MINUTE;
    (0..OVER)
        .zip(minutes)
        .map(|(place, value)| Reading::flat(at(place), at(place + 1), value))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn in_hour(requests: &RequestCounts) -> String {
    let newest = requests.hours.iter().map(|row| row.time.as_str()).max();
    let rows = requests
        .hours
        .iter()
        .filter(|row| Some(row.time.as_str()) == newest);
    count(rows.map(|row| row.requests).sum::<u64>() as f64)
}
