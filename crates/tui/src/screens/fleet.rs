//! All hosts in one table.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::app::App;
use crate::app::state::FleetColumn;
use crate::freshness::Freshness;
use crate::host::Host;
use crate::table::SortColumn;
use crate::theme::level_letter;
use crate::units::{percent, span};
use crate::widgets::frame::{instead, state_text};
use crate::widgets::table::{Cell, Column, Table};

/// From which width on there is room for the time since the start and labels.
const WIDE: u16 = 110;
/// Below this width there is only room for the most needed.
const NARROW: u16 = 72;

/// The columns for this width, and by which of the sortable ones each is sorted.
pub(super) fn columns(width: u16) -> (Vec<Column>, Vec<Option<usize>>) {
    let mut columns = vec![
        Column::words("HOST", if width < NARROW { 14 } else { 18 }),
        Column::numbers("CPU%", 6),
        Column::numbers("MEM%", 6),
        Column::numbers("DISK%", 6),
        Column::numbers("LOAD", 6),
    ];
    if width >= NARROW {
        columns.push(Column::numbers("PSI%", 5));
        columns.push(Column::numbers("AGE", 6));
    }
    if width >= WIDE {
        columns.push(Column::numbers("UP", 5));
        columns.push(Column::words("LABELS", 24));
    }
    columns.push(Column::words("LATENCY", 0));
    let place = |column: &Column| {
        let mut sortable = FleetColumn::ALL.iter();
        sortable.position(|it| it.title() == column.title)
    };
    let places = columns.iter().map(place).collect();
    (columns, places)
}

pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let rows = app.fleet_rows();
    let (columns, _) = columns(area.width);
    let table_area = Rect {
        height: area.height - 1,
        ..area
    };
    let selected = app.fleet.table.cursor.position(&rows);
    let table = Table {
        columns: &columns,
        sort: Some(app.fleet.table.sort.heading()),
        offset: app.fleet.table.cursor.offset,
        selected,
        focused: true,
        rows: rows.len(),
        stale: false,
    };
    table.draw(table_area, frame.buffer_mut(), theme, |row| {
        let host = &app.hosts[rows[row]];
        let cells = columns.iter().map(|column| cell(app, host, column.title));
        cells.collect()
    });
    if rows.is_empty() {
        let text = if app.fleet.faults_only {
            "no host has trouble"
        } else {
            "no host fits the filter"
        };
        instead(text, theme.dim, theme, table_area, frame);
    }
    let summary = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    frame.render_widget(
        Line::styled(summary_text(app, rows.len()), theme.dim),
        summary,
    );
}

fn summary_text(app: &App, shown: usize) -> String {
    let mut text = format!("{shown} of {} hosts", app.hosts.len());
    if app.fleet.faults_only {
        text.push_str(", only those with trouble");
    }
    crate::sanitize::clean(&text)
}

fn cell(app: &App, host: &Host, title: &str) -> Cell {
    let theme = &app.settings.theme;
    let freshness = app.freshness_of(host);
    let is_old = freshness.is_old();
    let shade = |style: Style| if is_old { theme.dim } else { style };
    let shared = |column| match app.fleet_cell(host, column) {
        Some(value) => Cell::new(
            format!("{}{}", percent(value), level_letter(value)),
            shade(theme.share(value)),
        ),
        None => Cell::new("-", theme.dim),
    };
    let number = |column| match app.fleet_cell(host, column) {
        Some(value) => Cell::new(format!("{value:.2}"), shade(theme.text)),
        None => Cell::new("-", theme.dim),
    };
    match title {
        "HOST" => {
            let style = match freshness {
                Freshness::Failed { .. } => theme.bad,
                Freshness::Connecting(_) | Freshness::Late(_) => theme.warn,
                Freshness::Fresh(_) | Freshness::Frozen => theme.text,
            };
            Cell::new(host.name.clone(), style)
        }
        "CPU%" => shared(FleetColumn::Cpu),
        "MEM%" => shared(FleetColumn::Memory),
        "DISK%" => shared(FleetColumn::Disk),
        "LOAD" => number(FleetColumn::Load),
        "PSI%" => number(FleetColumn::Pressure),
        "UP" => {
            let snapshot = host.responses.snapshot.value();
            let seconds = snapshot.and_then(|snapshot| snapshot.uptime_seconds);
            let up = seconds.map(|it| span(Duration::from_secs(it)));
            let up = up.as_deref().and_then(|up| up.split(' ').next());
            Cell::new(up.unwrap_or("-"), shade(theme.dim))
        }
        "AGE" => match freshness.old_for() {
            Some(age) => Cell::new(span(age), theme.warn),
            None => Cell::new("", theme.dim),
        },
        "LABELS" => {
            let labels = host.labels.iter();
            let labels: Vec<String> = labels
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            Cell::new(labels.join(" "), theme.dim)
        }
        "LATENCY" => {
            let (text, style) = state_text(app, &freshness);
            Cell::new(text, style)
        }
        _ => Cell::new("", theme.dim),
    }
}
