//! The journal with long lines wrapped: a line has as many rows as it needs.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::super::wrap;
use super::{LogRow, columns, message};
use crate::app::App;
use crate::table::{AnyTable, TableColumn, TableView};
use linux_api_wire::api::logs::LogEntry;

/// The line of the first row on the screen.
const FIRST_ROW: u16 = 3;
/// Most rows of one line.
const MOST: usize = 50;

/// Draws the lines around the chosen one.
pub(super) fn draw(app: &App, entries: &[LogEntry], area: Rect, frame: &mut Frame<'_>) {
    let rows = rows(app, entries, area);
    let chosen = app.screens.logs.table.position();
    let view = TableView {
        stale: app.freshness().is_old(),
        ..TableView::plain(rows.len())
    };
    view.draw(&columns(), app, area, frame, |row| rows[row].1.clone());
    for (y, (place, _)) in (area.y + 1..area.bottom()).zip(&rows) {
        if Some(*place) == chosen {
            let line = Rect::new(area.x, y, area.width, 1);
            frame
                .buffer_mut()
                .set_style(line, app.settings.theme.selected);
        }
    }
}

/// Chooses the line that was clicked on.
pub(super) fn click(app: &mut App, y: u16) {
    let body = app.body();
    let area = Rect {
        height: body.height.saturating_sub(1),
        ..body
    };
    let entries = app.screens.logs.entries(app.current).unwrap_or_default();
    let row = usize::from(y.saturating_sub(FIRST_ROW));
    let place = rows(app, entries, area).get(row).map(|(place, _)| *place);
    if let Some(place) = place {
        app.with_table(|table, page| table.choose(place, page));
    }
}

/// The rows that are seen, each with the place of its line: from the first line that is seen on, or from a later
/// one, so that all of the chosen one is seen.
fn rows<'a>(app: &App, entries: &'a [LogEntry], area: Rect) -> Vec<(usize, LogRow<'a>)> {
    let height = usize::from(area.height.saturating_sub(1));
    let headings = TableColumn::headings(&columns()).into_iter();
    let before = headings.filter(|it| it.width > 0 && it.from <= area.width);
    let used: u16 = before.map(|heading| heading.width + 1).sum();
    let width = usize::from(area.width.saturating_sub(used + 1)).max(1);
    let parts = |entry: &LogEntry| {
        let mut parts = wrap(message(entry), width);
        parts.truncate(MOST);
        parts
    };
    let table = &app.screens.logs.table;
    let chosen = table.position().unwrap_or(0).min(entries.len());
    let mut first = table.offset().min(chosen);
    let mut needed: usize = entries
        .iter()
        .take(chosen + 1)
        .skip(first)
        .map(|entry| parts(entry).len())
        .sum();
    while needed > height && first < chosen {
        needed -= parts(&entries[first]).len();
        first += 1;
    }
    let mut rows = Vec::new();
    for (place, entry) in entries.iter().enumerate().skip(first) {
        if rows.len() >= height {
            break;
        }
        for (number, part) in parts(entry).into_iter().enumerate() {
            let row = LogRow {
                entry,
                part: Some(part),
                is_first: number == 0,
            };
            rows.push((place, row));
        }
    }
    rows.truncate(height);
    rows
}
