//! Requests to the daemon: one row per route, and how the chosen one ended.

pub(crate) mod query;

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::{draw_absence, draw_nobody};
use crate::app::{App, RouteRow};
use crate::sanitize::clean;
use crate::theme::Theme;
use crate::units::{count, latency, percent};
use crate::widgets::chart::{chart, round_top, sparkline};
use crate::widgets::frame::{boxed, instead};
use crate::widgets::table::{Cell, Column, Table, widths};
use linux_api_wire::api_key::Scope;

/// Fewest columns of a terminal for the slowest request besides.
const WIDE: u16 = 110;
/// Fewest lines of the view for a graph of the chosen route below the table.
const HIGH: u16 = 30;
/// Lines of that graph.
const GRAPH: u16 = 12;
/// Columns of the list of status codes beside it.
const CODES: u16 = 40;

/// The columns, and by which of the sortable ones each is sorted.
pub(super) fn columns(width: u16) -> (Vec<Column>, Vec<Option<usize>>) {
    let route = match width {
        WIDE.. => (width - 82).min(60),
        72.. => 26,
        _ => 20,
    };
    let mut columns = vec![
        Column::words("ROUTE", route),
        Column::numbers("REQ", 6),
        Column::numbers("ERR%", 5),
        Column::numbers("P50", 8),
        Column::numbers("P95", 8),
        Column::numbers("P99", 8),
    ];
    if width >= WIDE {
        columns.push(Column::numbers("MAX", 8));
    }
    let places = (0..columns.len()).map(Some).chain([None]).collect();
    columns.push(Column::words("BY MINUTE", 0));
    (columns, places)
}

pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let host = app.host();
    if let Some(reason) = host.forbids(Scope::StatsRead) {
        if draw_nobody(app, area, frame) {
            return;
        }
        let text = format!("requests: {reason}");
        instead(&text, theme.dim, theme, area, frame);
        return;
    }
    let below = if area.height >= HIGH { GRAPH } else { 1 };
    let body = Rect {
        height: area.height - below,
        ..area
    };
    let last = Rect {
        y: body.bottom(),
        height: below,
        ..area
    };
    let error = host.responses.requests.error();
    if draw_absence(
        app,
        host.responses.requests.value().is_some(),
        error,
        body,
        frame,
    ) {
        return;
    }
    let rows = app.shown_routes();
    let (columns, _) = columns(area.width);
    let widths = widths(&columns, area.width);
    let selected = app.api.table.cursor.selected.as_ref();
    let selected = rows
        .iter()
        .position(|row| Some(&row.metrics.route) == selected);
    let table = Table {
        columns: &columns,
        sort: Some(app.api.table.sort.heading()),
        offset: app.api.table.cursor.offset,
        selected,
        focused: true,
        rows: rows.len(),
        stale: app.freshness().is_old(),
    };
    table.draw(body, frame.buffer_mut(), theme, |row| {
        cells(app, &rows[row], &widths)
    });
    if rows.is_empty() {
        let text = if app.api.table.filter.is_empty() {
            "no requests in this hour yet"
        } else {
            "no route fits the filter"
        };
        instead(text, theme.dim, theme, body, frame);
    }
    let Some(chosen) = selected.map(|place| &rows[place]) else {
        return;
    };
    if below > 1 {
        draw_chosen(app, chosen, last, frame);
    } else {
        frame.render_widget(codes_line(app, chosen), last);
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn cells(app: &App, row: &RouteRow<'_>, widths: &[u16]) -> Vec<Cell> {
    let theme = &app.settings.theme;
    let metrics = row.metrics;
    let time = |seconds: f64| Cell::new(latency(seconds), theme.text);
    let errors = if row.error_percent > 0.0 {
        theme.bad
    } else {
        theme.dim
    };
    let width = |place: usize| usize::from(widths.get(place).copied().unwrap_or(0));
    let last = widths.len().saturating_sub(1);
    let top = round_top(&row.minutes);
    let line = sparkline(&row.minutes, top, width(last).min(row.minutes.len()), theme);
    let route = end_of(&metrics.route, width(0), theme);
    let mut cells = vec![
        Cell::new(route, theme.text),
        Cell::new(count(metrics.requests as f64), theme.text),
        Cell::new(percent(row.error_percent), errors),
        time(metrics.p50),
        time(metrics.p95),
        time(metrics.p99),
    ];
    if last > cells.len() {
        cells.push(time(metrics.max_response_time));
    }
    cells.push(Cell::new(line, theme.graph));
    cells
}

/// A route of at most this width: routes differ at their ends.
fn end_of(route: &str, width: usize, theme: &Theme) -> String {
    let route = clean(route);
    if route.width() <= width {
        return route;
    }
    let mut used = 1;
    let kept: Vec<&str> = route
        .graphemes(true)
        .rev()
        .take_while(|grapheme| {
            used += grapheme.width();
            used <= width
        })
        .collect();
    let end: String = kept.into_iter().rev().collect();
    format!("{}{end}", theme.glyphs.ellipsis)
}

/// The chosen route by minute, and how its requests ended.
fn draw_chosen(app: &App, chosen: &RouteRow<'_>, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let graph = Rect {
        width: area.width - CODES,
        ..area
    };
    let list = Rect {
        x: graph.right(),
        width: CODES,
        ..area
    };
    let top = round_top(&chosen.minutes);
    let route = clean(&chosen.metrics.route);
    let title = format!("requests per minute, last half hour, up to {top}: {route}");
    let inner = boxed(&title, theme, graph, frame);
    // As many columns of dots per minute as there is room for.
    let dots = if theme.glyphs.ascii { 1 } else { 2 };
    let each = (usize::from(inner.width) * dots / chosen.minutes.len().max(1)).max(1);
    let minutes = chosen.minutes.iter();
    let values: Vec<Option<f64>> = minutes
        .flat_map(|value| std::iter::repeat_n(*value, each))
        .collect();
    chart(&values, top, theme.graph, theme, inner, frame.buffer_mut());
    let inner = boxed(
        &format!("responses since {} UTC", hour(chosen)),
        theme,
        list,
        frame,
    );
    for (row, (code, times)) in (0..inner.height).zip(codes(app, chosen)) {
        let style = code_style(theme, code);
        let line = Line::from(vec![
            Span::styled(format!("{code} "), style),
            Span::styled(format!("{:<24}", meaning(code)), theme.dim),
            Span::styled(format!("{:>8}", count_of(times)), theme.text),
        ]);
        frame.render_widget(
            line,
            Rect::new(inner.x + 1, inner.y + row, inner.width - 1, 1),
        );
    }
}

/// What a status is called (RFC 9110).
fn meaning(code: u16) -> &'static str {
    let status = reqwest::StatusCode::from_u16(code).ok();
    status.and_then(|it| it.canonical_reason()).unwrap_or("")
}

fn code_style(theme: &Theme, code: u16) -> Style {
    match code {
        500.. => theme.bad,
        400..=499 => theme.warn,
        _ => theme.good,
    }
}

/// When the hour of a row began.
fn hour<'a>(chosen: &RouteRow<'a>) -> &'a str {
    chosen.metrics.time.get(11..16).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn count_of(times: u64) -> String {
    count(times as f64)
}

/// How the requests of a route ended in this hour.
fn codes(app: &App, chosen: &RouteRow<'_>) -> BTreeMap<u16, u64> {
    let mut codes: BTreeMap<u16, u64> = BTreeMap::new();
    let requests = app.host().responses.requests.value();
    let rows = requests.map_or(&[][..], |it| &it.codes);
    for row in rows {
        if row.route == chosen.metrics.route && row.time == chosen.metrics.time && row.count > 0 {
            let times = codes.entry(row.status_code).or_default();
            *times = times.saturating_add(row.count);
        }
    }
    codes
}

/// The same in one line.
fn codes_line(app: &App, chosen: &RouteRow<'_>) -> Line<'static> {
    let theme = &app.settings.theme;
    let title = format!(
        "since {} UTC  {}  ",
        hour(chosen),
        clean(&chosen.metrics.route)
    );
    let mut spans = vec![Span::styled(title, theme.dim)];
    for (code, times) in codes(app, chosen) {
        spans.push(Span::styled(format!("{code} "), code_style(theme, code)));
        spans.push(Span::styled(format!("{}  ", count_of(times)), theme.text));
    }
    Line::from(spans)
}
