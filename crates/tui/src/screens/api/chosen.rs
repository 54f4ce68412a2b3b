//! The chosen route: its requests by minute, and how they ended.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::RouteActivity;
use crate::app::App;
use crate::sanitize::clean;
use crate::theme::Theme;
use crate::widgets::chart::{chart, round_top};
use crate::widgets::frame::boxed;
use linux_api_wire::units::compact::count;

/// Columns of the list of status codes beside the graph.
const CODES: u16 = 40;

/// The chosen route by minute, and how its requests ended.
pub(super) fn draw(app: &App, chosen: &RouteActivity<'_>, area: Rect, frame: &mut Frame<'_>) {
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
fn hour<'a>(chosen: &RouteActivity<'a>) -> &'a str {
    chosen.metrics.time.get(11..16).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn count_of(times: u64) -> String {
    count(times as f64)
}

/// How the requests of a route ended in this hour.
fn codes(app: &App, chosen: &RouteActivity<'_>) -> BTreeMap<u16, u64> {
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
pub(super) fn codes_line(app: &App, chosen: &RouteActivity<'_>) -> Line<'static> {
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
