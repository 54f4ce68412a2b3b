//! Rows below titles. Only the rows that are seen are made.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::sanitize::{clean, cut};
use crate::theme::Theme;

/// A column: its title and how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) title: &'static str,
    /// How many cells wide; 0 takes what is left, and only the last column may.
    pub(crate) width: u16,
    /// Whether values stand at its right edge.
    pub(crate) right: bool,
}

impl Column {
    /// A column of words.
    #[must_use]
    pub(crate) const fn words(title: &'static str, width: u16) -> Self {
        Self {
            title,
            width,
            right: false,
        }
    }

    /// A column of numbers.
    #[must_use]
    pub(crate) const fn numbers(title: &'static str, width: u16) -> Self {
        Self {
            title,
            width,
            right: true,
        }
    }
}

/// A text in a table.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// What it says; cut to the column.
    pub(crate) text: String,
    /// How it looks.
    pub(crate) style: Style,
}

impl Cell {
    /// A text that looks like this.
    #[must_use]
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        let text = text.into();
        Self { text, style }
    }
}

/// What a table looks like besides its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    /// Its columns.
    pub(crate) columns: &'a [Column],
    /// Which of them it is sorted by, and whether the largest comes first.
    pub(crate) sort: Option<(&'a str, bool)>,
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

impl Table<'_> {
    /// Draws the titles and the rows that are seen.
    pub(crate) fn draw(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        row: impl Fn(usize) -> Vec<Cell>,
    ) {
        if area.height == 0 {
            return;
        }
        let widths = widths(self.columns, area.width);
        let titles = self.columns.iter().map(|column| {
            let mark = match self.sort {
                Some((title, descending)) if title == column.title => {
                    theme.glyphs.sort[usize::from(descending)]
                }
                _ => "",
            };
            let style = if mark.is_empty() {
                theme.title
            } else {
                theme.accent
            };
            Cell::new(format!("{}{mark}", column.title), style)
        });
        let line = self.line(&titles.collect::<Vec<_>>(), &widths, theme, None);
        buffer.set_line(area.x, area.y, &line, area.width);
        let seen = usize::from(area.height - 1);
        for (place, index) in (self.offset..self.rows).take(seen).enumerate() {
            let y = area.y + 1 + u16::try_from(place).unwrap_or(0);
            let mark = if self.focused {
                theme.selected
            } else {
                theme.accent
            };
            let selected = (self.selected == Some(index)).then_some(mark);
            let line = self.line(&row(index), &widths, theme, selected);
            buffer.set_line(area.x, y, &line, area.width);
            if let Some(style) = selected {
                buffer.set_style(Rect::new(area.x, y, area.width, 1), style);
            } else if self.stale {
                buffer.set_style(Rect::new(area.x, y, area.width, 1), theme.dim);
            }
        }
    }

    fn line(
        &self,
        cells: &[Cell],
        widths: &[u16],
        theme: &Theme,
        selected: Option<Style>,
    ) -> Line<'static> {
        let mut spans = Vec::with_capacity(cells.len() * 2);
        for ((cell, column), width) in cells.iter().zip(self.columns).zip(widths) {
            if *width == 0 {
                continue;
            }
            let style = match selected {
                // Colours of values can't be read on the chosen row.
                Some(_) => Style::new(),
                None => cell.style,
            };
            let text = fit(&cell.text, usize::from(*width), column.right, theme);
            spans.push(Span::styled(text, style));
            spans.push(Span::raw(" "));
        }
        Line::from(spans)
    }
}

/// How wide each column is; those that find no room get nothing.
#[must_use]
pub(crate) fn widths(columns: &[Column], width: u16) -> Vec<u16> {
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
        let columns = [
            Column::numbers("A", 5),
            Column::words("B", 4),
            Column::words("C", 0),
        ];
        assert_eq!(widths(&columns, 20), [5, 4, 9]);
        assert_eq!(widths(&columns, 8), [5, 0, 0]);
    }
}
