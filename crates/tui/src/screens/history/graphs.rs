//! The graphs of a series, one for each of its members.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use crate::app::App;
use crate::sanitize::clean;
use crate::widgets::chart::{binary_top, chart, round_top};
use crate::widgets::frame::boxed;
use linux_api_wire::api::history::{History, HistorySeries};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::compact::{bytes, percent, rate};

/// Fewest lines of one graph with its frame and figures.
const GRAPH: u16 = 6;

/// One graph below the other, as many as there is room for.
pub(super) fn draw_members(
    app: &App,
    history: &History,
    members: &[&HistorySeries],
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let all = members.len();
    let room = usize::from(area.height / GRAPH).max(1);
    let first = app.screens.history.first.min(all.saturating_sub(room));
    let shown = u16::try_from(all.min(room)).unwrap_or(1);
    let height = area.height / shown;
    for (place, series) in (0..shown).zip(&members[first..]) {
        let spot = Rect {
            y: area.y + place * height,
            height,
            ..area
        };
        draw_member(app, history, series, spot, frame);
    }
    if usize::from(shown) < all {
        let last = first + usize::from(shown);
        let text = format!(
            " {} to {last} of {all}, left and right for the others ",
            first + 1
        );
        let width = u16::try_from(text.width())
            .unwrap_or(u16::MAX)
            .min(area.width - 2);
        let line = Rect::new(
            area.right() - 1 - width,
            area.y + shown * height - 1,
            width,
            1,
        );
        frame.render_widget(Line::styled(text, theme.accent), line);
    }
}

/// The means of a member, its largest values behind them, and figures.
fn draw_member(
    app: &App,
    history: &History,
    series: &HistorySeries,
    spot: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let width = usize::from(spot.width - 2);
    let means = columns(app, history, series, width, |point| point[1]);
    let largest = columns(app, history, series, width, |point| point[2]);
    let top = match series.unit.as_str() {
        "percent" => round_top(&largest).max(100.0),
        "bytes" | "bytes_per_second" => binary_top(&largest),
        _ => round_top(&largest),
    };
    let labels: Vec<&str> = series.labels.values().map(String::as_str).collect();
    let title = clean(&format!("{} {}", series.name, labels.join(" ")));
    let mut inner = boxed(title.trim_end(), theme, spot, frame);
    if inner.height > 2 {
        let line = Rect { height: 1, ..inner };
        frame.render_widget(Line::styled(figures(series, top), theme.dim), line);
        inner.y += 1;
        inner.height -= 1;
    }
    if inner.height > 3 {
        let line = Rect::new(inner.x, inner.bottom() - 1, inner.width, 1);
        draw_times(app, line, frame);
        inner.height -= 1;
    }
    let is_old = app.freshness().is_old();
    let style = |fresh| if is_old { theme.dim } else { fresh };
    let buffer = frame.buffer_mut();
    chart(&largest, top, style(theme.second), theme, inner, buffer);
    chart(&means, top, style(theme.graph), theme, inner, buffer);
}

/// The newest, the mean and the largest value, and what the upper edge is.
fn figures(series: &HistorySeries, top: f64) -> String {
    let points = &series.points;
    let newest = points.last().map_or(f64::NAN, |point| point[1]);
    let count = u32::try_from(points.len()).map_or(f64::MAX, f64::from);
    let mean = points.iter().map(|point| point[1]).sum::<f64>() / count;
    let largest = points.iter().map(|point| point[2]).fold(f64::NAN, f64::max);
    let of = |value: f64| amount(value, &series.unit);
    format!(
        "last {}  mean {}  max {}  top {}",
        of(newest),
        of(mean),
        of(largest),
        of(top)
    )
}

/// Where the range begins, its middle and its end.
fn draw_times(app: &App, line: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let query = app.history_query(app.host());
    let half = app.screens.history.span / 2;
    // Hours say nothing about a week.
    let part = if app.screens.history.span > Duration::from_hours(48) {
        5..10
    } else {
        11..16
    };
    let label = |time: Timestamp| {
        time.to_string()
            .get(part.clone())
            .unwrap_or_default()
            .to_owned()
    };
    let places = [
        (0, label(query.from)),
        (line.width / 2 - 2, label(query.from.saturating_add(half))),
        (line.width - 5, label(query.to)),
    ];
    for (x, text) in places {
        let place = Rect::new(line.x + x, line.y, 5, 1);
        frame.render_widget(Line::styled(text, theme.dim), place);
    }
}

fn amount(value: f64, unit: &str) -> String {
    match unit {
        "percent" => format!("{}%", percent(value)),
        "bytes" => bytes(value),
        "bytes_per_second" => rate(value),
        "celsius" => format!("{value:.0} C"),
        _ => format!("{value:.2}"),
    }
}

/// Values as columns of the graph; where there is no point there is none here.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places on a screen; what lies outside is left out"
)]
fn columns(
    app: &App,
    history: &History,
    series: &HistorySeries,
    width: usize,
    value_of: impl Fn(&[f64; 3]) -> f64,
) -> Vec<Option<f64>> {
    let query = app.history_query(app.host());
    let per_cell = if app.settings.theme.glyphs.ascii {
        1
    } else {
        2
    };
    let cells = width * per_cell;
    let from = query.from.as_millis() as f64 / 1000.0;
    let span = app.screens.history.span.as_secs_f64().max(1.0);
    let step = (history.step.max(1)) as f64;
    let mut values = vec![None; cells];
    for point in &series.points {
        let time = point[0];
        // A point stands for all of its step.
        let start = (time - from) / span * cells as f64;
        let end = (time + step - from) / span * cells as f64;
        if !start.is_finite() || end < 0.0 || start >= cells as f64 {
            continue;
        }
        let first = start.max(0.0) as usize;
        let last = (end.ceil() as usize).clamp(first + 1, cells.max(first + 1));
        for value in values.iter_mut().take(last).skip(first) {
            // Of several points in one place the largest is seen.
            let here = value_of(point);
            *value = Some(value.map_or(here, |other: f64| other.max(here)));
        }
    }
    values
}
