//! The fleet as tiles: a box of four lines for each host.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line as TextLine, Span};
use unicode_width::UnicodeWidthStr;

use super::columns::{Line, line_of, state_of};
use super::rows::FleetRow;
use crate::app::App;
use crate::sanitize::clean;
use crate::screens::alerts::words::counts;
use crate::table::{AnyTable, fit};
use crate::theme::Theme;
use crate::widgets::frame::boxed;
use linux_api_wire::units::compact::{percent, rate};

/// Fewest columns of a tile.
const WIDTH: u16 = 38;
/// Lines of a tile.
const HEIGHT: u16 = 4;

/// How many tiles are beside each other, and how many rows of them are seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiling {
    pub(super) beside: usize,
    pub(super) rows: usize,
}

impl Tiling {
    /// As many as an area has room for.
    pub(super) fn of(area: Rect) -> Self {
        Self {
            beside: usize::from(area.width / WIDTH).max(1),
            rows: usize::from(area.height / HEIGHT).max(1),
        }
    }

    /// The place of the first tile that is seen, so that the chosen one is.
    fn first(self, table: &dyn AnyTable) -> usize {
        let chosen = table.position().unwrap_or(0) / self.beside;
        let wanted = table.offset() / self.beside;
        let least = (chosen + 1).saturating_sub(self.rows);
        wanted.clamp(least, chosen.max(least)) * self.beside
    }

    /// Where the tile of a place is, if it is seen.
    fn area_of(self, place: usize, first: usize, area: Rect) -> Option<Rect> {
        let place = place.checked_sub(first)?;
        let (row, column) = (place / self.beside, place % self.beside);
        let width = area.width / u16::try_from(self.beside).ok()?;
        let y = area.y + u16::try_from(row).ok()?.checked_mul(HEIGHT)?;
        let tile = Rect {
            x: area.x + u16::try_from(column).ok()? * width,
            y,
            width,
            height: HEIGHT,
        };
        (row < self.rows && tile.bottom() <= area.bottom()).then_some(tile)
    }

    /// The place of the tile at a column and line.
    pub(super) fn place_at(
        self,
        table: &dyn AnyTable,
        area: Rect,
        spot: (u16, u16),
    ) -> Option<usize> {
        let first = self.first(table);
        let seen = first..(first + self.rows * self.beside).min(table.rows());
        seen.into_iter().find(|place| {
            let tile = self.area_of(*place, first, area);
            tile.is_some_and(|tile| tile.contains(spot.into()))
        })
    }
}

/// Draws the tiles that there is room for.
pub(super) fn draw(app: &App, rows: &[&FleetRow<'_>], area: Rect, frame: &mut Frame<'_>) {
    let table = &app.screens.fleet.table;
    let tiling = Tiling::of(area);
    let first = tiling.first(table);
    for (place, row) in rows.iter().enumerate().skip(first) {
        let Some(tile) = tiling.area_of(place, first, area) else {
            break;
        };
        let is_chosen = table.position() == Some(place);
        draw_tile(app, row, is_chosen, table.is_tagged(place), tile, frame);
    }
}

fn draw_tile(
    app: &App,
    row: &FleetRow<'_>,
    is_chosen: bool,
    is_tagged: bool,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let inner = boxed("", theme, area, frame);
    let (state, state_style) = state_of(app, row);
    let room = usize::from(area.width.saturating_sub(4));
    let name = clean(row.name);
    let name = fit(&name, name.width().min(room), false, theme);
    let name_style = match row.rank() {
        _ if is_chosen => theme.selected,
        _ if is_tagged => theme.tagged(),
        0 => theme.bad,
        1 | 2 => theme.warn,
        _ => theme.title,
    };
    let left = room.saturating_sub(name.width() + 2);
    let state = clean(&state);
    let state = fit(&state, state.width().min(left), false, theme);
    let title = TextLine::from(vec![
        Span::styled(name, name_style),
        Span::styled(" ", theme.border),
        Span::styled(state, state_style),
    ]);
    let top = Rect::new(area.x + 2, area.y, area.width.saturating_sub(4), 1);
    frame.render_widget(title, top);
    let lines = [
        first_line(row, theme, inner.width),
        second_line(row, theme, inner.width),
    ];
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        frame.render_widget(line, Rect::new(inner.x, y, inner.width, 1));
    }
}

/// The style, or that of stale data where the row is stale.
fn shade(row: &FleetRow<'_>, theme: &Theme, style: Style) -> Style {
    if row.is_old() { theme.dim } else { style }
}

/// A share in five columns with its name.
fn share<'a>(
    name: &'a str,
    value: Option<f64>,
    row: &FleetRow<'_>,
    theme: &Theme,
) -> [Span<'a>; 2] {
    let (text, style) = match value {
        Some(value) => (format!("{}%", percent(value)), theme.share(value)),
        None => ("-".to_owned(), theme.dim),
    };
    [
        Span::styled(name, theme.dim),
        Span::styled(format!("{text:>5} "), shade(row, theme, style)),
    ]
}

fn line(row: &FleetRow<'_>, of: Line, width: usize, theme: &Theme) -> Span<'static> {
    let (text, style) = line_of(row, of, width, theme);
    Span::styled(text, style)
}

fn first_line(row: &FleetRow<'_>, theme: &Theme, width: u16) -> TextLine<'static> {
    // Two names, two shares, and a space between them.
    let each = usize::from(width).saturating_sub(22) / 2;
    let mut spans = Vec::new();
    spans.extend(share("cpu ", row.figures.cpu, row, theme));
    spans.push(line(row, Line::Cpu, each, theme));
    spans.extend(share("  mem ", row.memory(), row, theme));
    spans.push(line(row, Line::Memory, each, theme));
    TextLine::from(spans)
}

fn second_line(row: &FleetRow<'_>, theme: &Theme, width: u16) -> TextLine<'static> {
    let mut spans = Vec::new();
    let rates = row.figures.network.map_or_else(|| "-".to_owned(), rate);
    spans.push(Span::styled("net ", theme.dim));
    spans.push(Span::styled(
        format!("{rates:>9} "),
        shade(row, theme, theme.text),
    ));
    let (failed, failed_style) = troubles(row, theme);
    let disk = match row.figures.disk {
        Some(value) => format!("{}%", percent(value)),
        None => "-".to_owned(),
    };
    let used = 14 + 2 + 1 + disk.width() + failed.as_deref().map_or(0, UnicodeWidthStr::width);
    let room = usize::from(width).saturating_sub(used);
    let mount = clean(row.figures.mount.unwrap_or("disk"));
    let mount = fit(&mount, mount.width().min(room), false, theme);
    let each = (usize::from(width).saturating_sub(22) / 2).min(room.saturating_sub(mount.width()));
    spans.push(line(row, Line::Network, each, theme));
    spans.push(Span::styled(format!("  {mount} "), theme.dim));
    let style = row
        .figures
        .disk
        .map_or(theme.dim, |value| theme.share(value));
    spans.push(Span::styled(disk, shade(row, theme, style)));
    spans.extend(failed.map(|text| Span::styled(text, failed_style)));
    TextLine::from(spans)
}

/// The alerts of a host, or where none is known to fire its units that have failed.
fn troubles(row: &FleetRow<'_>, theme: &Theme) -> (Option<String>, Style) {
    if let Some(alerts) = row.alerts.filter(|alerts| alerts.weight() > 0) {
        let style = if alerts.critical > 0 {
            theme.bad
        } else {
            theme.warn
        };
        let text = format!("  {}", counts(alerts.critical, alerts.warning));
        return (Some(text), style);
    }
    let failed = row.figures.failed.filter(|failed| *failed > 0);
    let failed = failed.map(|failed| format!("  {failed} failed"));
    (failed, shade(row, theme, theme.bad))
}
