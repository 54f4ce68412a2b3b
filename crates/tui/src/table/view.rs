//! What is drawn of a table: rows below headings. Only the rows that are seen are made.

use std::borrow::Borrow;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::{AnyTable, Heading, Sort, Spot, TableCell, TableColumn};
use crate::app::App;
use crate::sanitize::{clean, cut};
use crate::theme::Theme;

/// Which rows are seen, and how they look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableView {
    /// What the headings say about the order.
    pub(crate) sort: Sort,
    /// How many rows are above the first one seen.
    pub(crate) offset: usize,
    /// The chosen row.
    pub(crate) selected: Option<usize>,
    /// Whether keys act on the chosen row; else it only says which one it is.
    pub(crate) focused: bool,
    /// How many rows there are.
    pub(crate) rows: usize,
    /// Whether what it shows is old.
    pub(crate) stale: bool,
}

impl TableView {
    /// A table as its state says.
    pub(crate) fn of(table: &dyn AnyTable) -> Self {
        Self {
            sort: table.sort(),
            offset: table.offset(),
            selected: table.position(),
            focused: true,
            rows: table.rows(),
            stale: false,
        }
    }

    /// The first of so many rows, of which none can be chosen.
    pub(crate) fn plain(rows: usize) -> Self {
        Self {
            sort: Sort::default(),
            offset: 0,
            selected: None,
            focused: false,
            rows,
            stale: false,
        }
    }

    /// Draws the headings and the rows that are seen.
    pub(crate) fn draw<R, B: Borrow<R>>(
        &self,
        columns: &[TableColumn<R>],
        app: &App,
        area: Rect,
        frame: &mut Frame<'_>,
        row: impl Fn(usize) -> B,
    ) {
        if area.height == 0 {
            return;
        }
        let theme = &app.settings.theme;
        let shown = columns.iter().filter(|it| it.heading.from <= area.width);
        let shown: Vec<&TableColumn<R>> = shown.collect();
        let headings: Vec<Heading> = shown.iter().map(|it| it.heading).collect();
        let widths = widths(&headings, area.width);
        let titles = headings.iter().map(|heading| {
            if heading.title != self.sort.title {
                return TableCell::new(heading.title, theme.title);
            }
            let mark = theme.glyphs.sort[usize::from(self.sort.descending)];
            TableCell::new(format!("{}{mark}", heading.title), theme.accent)
        });
        let buffer = frame.buffer_mut();
        let line = line(titles, &headings, &widths, theme, None);
        buffer.set_line(area.x, area.y, &line, area.width);
        let seen = self.rows.saturating_sub(self.offset);
        for (y, place) in (area.y + 1..area.bottom()).zip(self.offset..self.offset + seen) {
            let mark = if self.focused {
                theme.selected
            } else {
                theme.accent
            };
            let selected = (self.selected == Some(place)).then_some(mark);
            let row = row(place);
            let cells = shown.iter().zip(&widths).map(|(column, width)| {
                let width = usize::from(*width);
                (column.cell)(&Spot { app, theme, width }, row.borrow())
            });
            let line = self::line(cells, &headings, &widths, theme, selected);
            buffer.set_line(area.x, y, &line, area.width);
            let stale = self.stale.then_some(theme.dim);
            if let Some(style) = selected.or(stale) {
                buffer.set_style(Rect::new(area.x, y, area.width, 1), style);
            }
        }
        let rows = Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        };
        highlight(app, rows, buffer);
    }

    /// Marks the tagged rows of a table that was drawn there.
    pub(crate) fn mark_tagged(
        &self,
        table: &dyn AnyTable,
        theme: &Theme,
        area: Rect,
        frame: &mut Frame<'_>,
    ) {
        let last = self.rows.min(table.rows());
        for (y, place) in (area.y + 1..area.bottom()).zip(self.offset..last) {
            if table.is_tagged(place) {
                let row = Rect::new(area.x, y, area.width, 1);
                frame.buffer_mut().set_style(row, theme.tagged());
            }
        }
    }
}

/// What is laid over a text that was searched for.
fn matched(theme: &Theme) -> Style {
    theme
        .accent
        .add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
}

/// Marks where the rows hold what was searched for, or what they were picked by.
fn highlight(app: &App, area: Rect, buffer: &mut Buffer) {
    let mut wanted = app.place().screen().highlights(app);
    wanted.push(app.found.clone());
    let wanted: Vec<Vec<String>> = wanted
        .iter()
        .map(|text| text.trim().to_lowercase())
        .filter(|text| !text.is_empty())
        .map(|text| text.graphemes(true).map(str::to_owned).collect())
        .collect();
    if wanted.is_empty() {
        return;
    }
    let style = matched(&app.settings.theme);
    for y in area.top()..area.bottom() {
        let cells: Vec<String> = (area.left()..area.right())
            .map(|x| buffer[(x, y)].symbol().to_lowercase())
            .collect();
        for text in &wanted {
            for start in 0..cells.len().saturating_sub(text.len() - 1) {
                if cells[start..].starts_with(text) {
                    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
                    let x = area.x + u16::try_from(start).unwrap_or(u16::MAX);
                    buffer.set_style(Rect::new(x, y, length, 1), style);
                }
            }
        }
    }
}

fn line(
    cells: impl Iterator<Item = TableCell>,
    headings: &[Heading],
    widths: &[u16],
    theme: &Theme,
    selected: Option<Style>,
) -> Line<'static> {
    let mut spans = Vec::with_capacity(headings.len() * 2);
    for ((cell, heading), width) in cells.zip(headings).zip(widths) {
        if *width == 0 {
            continue;
        }
        let style = match selected {
            // Colours of values can't be read on the chosen row.
            Some(_) => Style::new(),
            None => cell.style,
        };
        let text = fit(&cell.text, usize::from(*width), heading.right, theme);
        spans.push(Span::styled(text, style));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

/// The heading that stands there, where a table of these columns is so wide.
pub(crate) fn heading_at(headings: &[Heading], width: u16, x: u16) -> Option<Heading> {
    let shown = headings.iter().filter(|it| it.from <= width);
    let shown: Vec<Heading> = shown.copied().collect();
    let mut start = 0;
    for (heading, width) in shown.iter().zip(widths(&shown, width)) {
        if width > 0 && (start..=start + width).contains(&x) {
            return Some(*heading);
        }
        start += width + 1;
    }
    None
}

/// How wide each column is; those that find no room get nothing.
#[must_use]
fn widths(columns: &[Heading], width: u16) -> Vec<u16> {
    let mut left = width;
    columns
        .iter()
        .map(|column| {
            let own = if column.width == 0 {
                left
            } else {
                column.width
            };
            if own > left {
                left = 0;
                return 0;
            }
            left = left.saturating_sub(own + 1);
            own
        })
        .collect()
}

/// A text of exactly this width.
#[must_use]
pub(crate) fn fit(text: &str, width: usize, right: bool, theme: &Theme) -> String {
    let text = clean(text);
    let wide = text.width();
    if wide <= width {
        let padding = " ".repeat(width - wide);
        return if right {
            padding + &text
        } else {
            text + &padding
        };
    }
    let room = width.saturating_sub(1);
    let mut kept = String::new();
    let mut used = 0;
    for grapheme in cut(&text).graphemes(true) {
        let own = grapheme.width();
        if used + own > room {
            break;
        }
        kept.push_str(grapheme);
        used += own;
    }
    kept.push_str(theme.glyphs.ellipsis);
    kept + &" ".repeat(width.saturating_sub(used + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::tui::ThemeName;

    #[test]
    fn texts_fit_exactly_also_wide_and_hostile_ones() {
        let theme = Theme::new(ThemeName::Default, true, false);
        for text in [
            "",
            "ab",
            "abcdefgh",
            "漢字漢字漢字",
            "a\u{1b}[2J\u{202e}b",
            "e\u{301}",
        ] {
            for width in 1..10 {
                for right in [false, true] {
                    let fitted = fit(text, width, right, &theme);
                    assert_eq!(fitted.width(), width, "{text:?} {fitted:?}");
                }
            }
        }
        assert_eq!(fit("ab", 4, true, &theme), "  ab");
        assert_eq!(fit("abcdef", 4, false, &theme), "abc…");
    }

    #[test]
    fn columns_without_room_are_left_out() {
        let column = |width| {
            let column: TableColumn<()> =
                TableColumn::words("A", width, |_, ()| TableCell::new("", Style::new()));
            column.heading
        };
        let columns = [column(5), column(4), column(0)];
        assert_eq!(widths(&columns, 20), [5, 4, 9]);
        assert_eq!(widths(&columns, 8), [5, 0, 0]);
    }
}
