//! All hosts in one table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::tui::app::App;
use crate::tui::app::state::FleetColumn;
use crate::tui::host::{Host, Link};
use crate::tui::theme::level_letter;
use crate::tui::units::{percent, span};
use crate::tui::widgets::frame::{instead, link_text};
use crate::tui::widgets::table::{Cell, Column, Table};

/// From which width on there is room for labels.
const WITH_LABELS: u16 = 110;

/// The columns for this width, and by which of the sortable ones each is sorted.
pub(super) fn columns(width: u16) -> (Vec<Column>, Vec<Option<usize>>) {
    let mut columns = vec![
        Column::words("HOST", 18),
        Column::numbers("CPU%", 6),
        Column::numbers("MEM%", 6),
        Column::numbers("DISK%", 6),
        Column::numbers("LOAD", 6),
        Column::numbers("PSI%", 5),
        Column::numbers("UP", 7),
        Column::numbers("AGE", 6),
    ];
    let mut places: Vec<Option<usize>> = (0..6).map(Some).chain([None, None]).collect();
    if width >= WITH_LABELS {
        columns.push(Column::words("LABELS", 24));
        places.push(None);
    }
    columns.push(Column::words("LATENCY", 0));
    places.push(Some(6));
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
    let selected = app.fleet.rows.position(&rows);
    let table = Table {
        columns: &columns,
        sort: Some((app.fleet.sort.title(), app.fleet.descending)),
        offset: app.fleet.rows.offset,
        selected,
        rows: rows.len(),
        stale: false,
    };
    let with_labels = area.width >= WITH_LABELS;
    table.draw(table_area, frame.buffer_mut(), theme, |row| {
        cells(app, &app.hosts[rows[row]], with_labels)
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
    if !app.fleet.filter.is_empty() {
        text.push_str(", filter: ");
        text.push_str(&app.fleet.filter);
    }
    crate::tui::sanitize::clean(&text)
}

fn cells(app: &App, host: &Host, with_labels: bool) -> Vec<Cell> {
    let theme = &app.settings.theme;
    let stale = host.is_stale(app.now, app.pace(host));
    let shade = |style: Style| if stale { theme.dim } else { style };
    let value = |column| app.fleet_cell(host, column);
    let shared = |column| match value(column) {
        Some(value) => Cell::new(
            format!("{}{}", percent(value), level_letter(value)),
            shade(theme.share(value)),
        ),
        None => Cell::new("-", theme.dim),
    };
    let number = |column| match value(column) {
        Some(value) => Cell::new(format!("{value:.2}"), shade(theme.text)),
        None => Cell::new("-", theme.dim),
    };
    let (link, link_style) = link_text(app, &host.link);
    let name_style = match host.link {
        Link::Down { .. } => theme.bad,
        Link::Connecting { .. } => theme.warn,
        Link::Up { .. } => theme.text,
    };
    let snapshot = host.snapshot.value();
    let up = snapshot.and_then(|snapshot| snapshot.uptime_seconds);
    let up = up.map_or_else(
        || "-".to_owned(),
        |it| span(std::time::Duration::from_secs(it)),
    );
    let up = up.split(' ').next().unwrap_or_default().to_owned();
    let age = if stale {
        Cell::new(span(host.snapshot.age(app.now)), theme.warn)
    } else {
        Cell::new("", theme.dim)
    };
    let mut cells = vec![
        Cell::new(host.name.clone(), name_style),
        shared(FleetColumn::Cpu),
        shared(FleetColumn::Memory),
        shared(FleetColumn::Disk),
        number(FleetColumn::Load),
        number(FleetColumn::Pressure),
        Cell::new(up, shade(theme.dim)),
        age,
    ];
    if with_labels {
        let labels: Vec<String> = host
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        cells.push(Cell::new(labels.join(" "), theme.dim));
    }
    cells.push(Cell::new(link, link_style));
    cells
}
