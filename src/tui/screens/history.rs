//! Stored series over time: names on the left, the chosen one on the right.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::draw_absence;
use crate::api::history::{History, HistorySeries};
use crate::model::series::SERIES;
use crate::tui::app::App;
use crate::tui::app::history::{LIST, names};
use crate::tui::sanitize::clean;
use crate::tui::units::{bytes, percent, rate, span};
use crate::tui::widgets::chart::{chart, round_top};
use crate::tui::widgets::frame::{boxed, instead};
use crate::tui::widgets::table::{Cell, Column, Table};

/// Fewest lines of one graph with its title.
const GRAPH: u16 = 4;

pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    let last = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    let names_area = Rect {
        width: LIST - 1,
        height: area.height - 1,
        ..area
    };
    let graphs = Rect {
        x: area.x + LIST,
        width: area.width - LIST,
        height: area.height - 1,
        ..area
    };
    draw_names(app, names_area, frame);
    frame.render_widget(Line::styled(range_text(app), theme.dim), last);
    if draw_absence(app, host, &host.history, graphs, frame) {
        return;
    }
    let Some(history) = host.history.value() else {
        return;
    };
    let shown = app.history_query(host).series;
    let members: Vec<&HistorySeries> = history
        .series
        .iter()
        .filter(|series| series.name == shown && !series.points.is_empty())
        .collect();
    if members.is_empty() {
        let text = match host.history.error() {
            Some(error) => error.in_short(),
            None => "nothing is stored of this time".to_owned(),
        };
        instead(&text, theme.dim, theme, graphs, frame);
        return;
    }
    draw_members(app, history, &members, graphs, frame);
}

fn draw_names(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let names = names();
    let table = Table {
        columns: &[Column::words("SERIES", 0)],
        sort: None,
        offset: app.history.rows.offset,
        selected: app.history.rows.position(&names),
        rows: names.len(),
        stale: false,
    };
    table.draw(area, frame.buffer_mut(), theme, |row| {
        vec![Cell::new(names[row], theme.text)]
    });
}

/// From when to when, and what the series means.
fn range_text(app: &App) -> String {
    let query = app.history_query(app.host());
    let minute = |time: String| time.get(..16).unwrap_or_default().replace('T', " ");
    let back = if app.history.back.is_zero() {
        "live".to_owned()
    } else {
        format!("{} ago", span(app.history.back))
    };
    let meaning = SERIES
        .iter()
        .find(|series| series.name == query.series)
        .map_or("", |series| series.meaning);
    format!(
        "{} to {} UTC ({}, {back}), a point each {}: {meaning}",
        minute(query.from.to_string()),
        minute(query.to.to_string()),
        span(app.history.span),
        span(Duration::from_secs(query.step)),
    )
}

/// One graph below the other, as many as there is room for.
fn draw_members(
    app: &App,
    history: &History,
    members: &[&HistorySeries],
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let room = (area.height / GRAPH).max(1);
    let shown = u16::try_from(members.len()).unwrap_or(u16::MAX).min(room);
    let height = area.height / shown;
    for (place, series) in (0..shown).zip(members) {
        let spot = Rect {
            y: area.y + place * height,
            height,
            ..area
        };
        let is_old = app.host().history.error().is_some();
        let values = columns(app, history, series, usize::from(spot.width - 2));
        let top = if series.unit == "percent" {
            100.0_f64.max(round_top(&values))
        } else {
            round_top(&values)
        };
        let inner = boxed(&title(series, top), theme, spot, frame);
        let style = if is_old { theme.dim } else { theme.graph };
        chart(&values, top, style, theme, inner, frame.buffer_mut());
    }
    if usize::from(shown) < members.len() {
        let text = format!(
            "{} more need a higher terminal",
            members.len() - usize::from(shown)
        );
        let line = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        frame.render_widget(Line::styled(text, theme.dim), line);
    }
}

/// Name, labels, and the newest, mean and largest value.
fn title(series: &HistorySeries, top: f64) -> String {
    let labels: Vec<&str> = series.labels.values().map(String::as_str).collect();
    let newest = series.points.last().map_or(f64::NAN, |point| point[1]);
    let largest = series
        .points
        .iter()
        .map(|point| point[2])
        .fold(f64::NAN, f64::max);
    let of = |value: f64| amount(value, &series.unit);
    clean(&format!(
        "{} {}  now {}  largest {}  scale {}",
        series.name,
        labels.join(" "),
        of(newest),
        of(largest),
        of(top)
    ))
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

/// The means as columns of the graph; where there is no point there is none here.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places on a screen; what lies outside is left out"
)]
fn columns(app: &App, history: &History, series: &HistorySeries, width: usize) -> Vec<Option<f64>> {
    let query = app.history_query(app.host());
    let per_cell = if app.settings.theme.glyphs.ascii {
        1
    } else {
        2
    };
    let cells = width * per_cell;
    let from = query.from.as_millis() as f64 / 1000.0;
    let span = app.history.span.as_secs_f64().max(1.0);
    let step = (history.step.max(1)) as f64;
    let mut values = vec![None; cells];
    for [time, mean, _] in &series.points {
        // A point stands for all of its step.
        let start = (time - from) / span * cells as f64;
        let end = (time + step - from) / span * cells as f64;
        if !start.is_finite() || end < 0.0 || start >= cells as f64 {
            continue;
        }
        let first = start.max(0.0) as usize;
        let last = (end.ceil() as usize).clamp(first + 1, cells.max(first + 1));
        for value in values.iter_mut().take(last).skip(first) {
            *value = Some(*mean);
        }
    }
    values
}
