//! Requests to the daemon: one row per route, and how the chosen one ended.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::draw_absence;
use crate::model::api_key::Scope;
use crate::tui::app::{App, RouteRow};
use crate::tui::sanitize::clean;
use crate::tui::units::{count, latency, percent};
use crate::tui::widgets::chart::{round_top, sparkline};
use crate::tui::widgets::frame::instead;
use crate::tui::widgets::table::{Cell, Column, Table};

/// The columns, and by which of the sortable ones each is sorted.
pub(super) fn columns() -> (Vec<Column>, Vec<Option<usize>>) {
    let columns = vec![
        Column::words("ROUTE", 34),
        Column::numbers("REQ", 6),
        Column::numbers("ERR%", 5),
        Column::numbers("P50", 8),
        Column::numbers("P95", 8),
        Column::numbers("P99", 8),
        Column::numbers("MAX", 8),
        Column::words("LAST HALF HOUR", 31),
    ];
    let places = (0..7).map(Some).chain([None]).collect();
    (columns, places)
}

pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    if let Some(reason) = host.forbids(Scope::StatsRead) {
        let text = format!("requests: {reason}");
        instead(&text, theme.dim, theme, area, frame);
        return;
    }
    let last = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    let body = Rect {
        height: area.height - 1,
        ..area
    };
    if draw_absence(app, host, &host.requests, body, frame) {
        return;
    }
    let rows = app.shown_routes();
    let (columns, _) = columns();
    let selected = app.api.rows.selected.as_ref();
    let selected = rows
        .iter()
        .position(|row| Some(&row.metrics.route) == selected);
    let table = Table {
        columns: &columns,
        sort: Some((app.api.sort.title(), app.api.descending)),
        offset: app.api.rows.offset,
        selected,
        rows: rows.len(),
        stale: host.requests.error().is_some() || host.is_stale(app.now, app.pace(host)),
    };
    table.draw(body, frame.buffer_mut(), theme, |row| {
        cells(app, &rows[row])
    });
    if rows.is_empty() {
        let text = if app.api.filter.is_empty() {
            "no requests in this hour yet"
        } else {
            "no route fits the filter"
        };
        instead(text, theme.dim, theme, body, frame);
    }
    let chosen = selected.map(|place| &rows[place]);
    frame.render_widget(codes(app, chosen), last);
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn cells(app: &App, row: &RouteRow<'_>) -> Vec<Cell> {
    let theme = &app.settings.theme;
    let metrics = row.metrics;
    let time = |seconds: f64| Cell::new(latency(seconds), theme.text);
    let errors = if row.error_percent > 0.0 {
        theme.bad
    } else {
        theme.dim
    };
    let top = round_top(&row.minutes);
    let line = sparkline(&row.minutes, top, 31, theme);
    vec![
        Cell::new(metrics.route.clone(), theme.text),
        Cell::new(count(metrics.requests as f64), theme.text),
        Cell::new(percent(row.error_percent), errors),
        time(metrics.p50),
        time(metrics.p95),
        time(metrics.p99),
        time(metrics.max_response_time),
        Cell::new(line, theme.graph),
    ]
}

/// How the requests of a route ended in this hour.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn codes(app: &App, chosen: Option<&RouteRow<'_>>) -> Line<'static> {
    let theme = &app.settings.theme;
    let (Some(chosen), Some(requests)) = (chosen, app.host().requests.value()) else {
        return Line::default();
    };
    let hour = chosen.metrics.time.get(11..16).unwrap_or_default();
    let title = format!("since {hour} UTC  {}  ", clean(&chosen.metrics.route));
    let mut spans = vec![Span::styled(title, theme.dim)];
    let mut codes: BTreeMap<u16, u64> = BTreeMap::new();
    for row in &requests.codes {
        if row.route == chosen.metrics.route && row.time == chosen.metrics.time {
            *codes.entry(row.status_code).or_default() += row.count;
        }
    }
    for (code, times) in codes {
        let style = match code {
            500.. => theme.bad,
            400..=499 => theme.warn,
            _ => theme.good,
        };
        spans.push(Span::styled(format!("{code} "), style));
        spans.push(Span::styled(
            format!("{}  ", count(times as f64)),
            theme.text,
        ));
    }
    Line::from(spans)
}
