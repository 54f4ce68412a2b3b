//! The one place where text meets the terminal: no text can send it control sequences.
//!
//! Every cell passes here on its way out, so no screen has to remember to clean a field. Screens cut
//! what servers sent by [`cut`] before they measure it, because measuring megabytes takes time.

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use unicode_width::UnicodeWidthStr;

use linux_api_wire::harmless::is_harmless;

/// Most bytes of one text on a screen: more than the widest terminal shows.
const CUT: usize = 1024;

/// The beginning of a text, long enough for every terminal.
#[must_use]
pub fn cut(text: &str) -> &str {
    text.get(..CUT.min(text.len())).unwrap_or_else(|| {
        let whole = (0..=CUT).rev().find(|end| text.is_char_boundary(*end));
        &text[..whole.unwrap_or(0)]
    })
}

/// The text without the characters that a terminal must not see, and with a space for those that
/// break lines.
#[must_use]
pub fn clean(text: &str) -> String {
    let safe = |character: char| match character {
        '\n' | '\t' | '\r' => Some(' '),
        other => is_harmless(other).then_some(other),
    };
    cut(text).chars().filter_map(safe).collect()
}

/// A terminal that shows only harmless cells, and where it reads no UTF-8 only ASCII: there the bytes
/// 0x80 to 0x9F of other characters would steer it.
#[derive(Debug)]
pub struct CleanBackend<B> {
    inner: B,
    is_ascii: bool,
}

impl<B> CleanBackend<B> {
    /// Guards this terminal; one that `is_ascii` shows a `?` for each cell that is not.
    pub const fn new(inner: B, is_ascii: bool) -> Self {
        Self { inner, is_ascii }
    }

    /// The guarded terminal.
    pub const fn inner(&self) -> &B {
        &self.inner
    }

    /// The guarded terminal, to be changed.
    pub const fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

/// A cell of the same width that may be shown; `None` when the cell may.
fn replaced(cell: &Cell, is_ascii: bool) -> Option<Cell> {
    let symbol = cell.symbol();
    let may_pass = |it: char| is_harmless(it) && (it.is_ascii() || !is_ascii);
    if symbol.chars().all(may_pass) {
        return None;
    }
    let width = symbol.width();
    let mut replaced = cell.clone();
    // As wide as before, and blank behind the mark: code that draws over the first half of a wide
    // cell relies on the other half being gone too.
    let unknown = format!("{:width$}", "?");
    if is_ascii {
        // A letter without its accent would be another name.
        replaced.set_symbol(&unknown);
        return Some(replaced);
    }
    let kept: String = symbol.chars().filter(|it| is_harmless(*it)).collect();
    // What looks wider or narrower without its joiners would shift the rest of the line.
    if kept.width() == width && !kept.is_empty() {
        replaced.set_symbol(&kept);
    } else {
        replaced.set_symbol(&unknown);
    }
    Some(replaced)
}

impl<B: Backend> Backend for CleanBackend<B> {
    type Error = B::Error;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Self::Error>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let cells: Vec<(u16, u16, &Cell, Option<Cell>)> = content
            .map(|(x, y, cell)| (x, y, cell, replaced(cell, self.is_ascii)))
            .collect();
        let safe = cells
            .iter()
            .map(|(x, y, cell, replaced)| (*x, *y, replaced.as_ref().unwrap_or(cell)));
        self.inner.draw(safe)
    }

    fn hide_cursor(&mut self) -> Result<(), Self::Error> {
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), Self::Error> {
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> Result<Position, Self::Error> {
        self.inner.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Self::Error> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> Result<(), Self::Error> {
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> Result<(), Self::Error> {
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> Result<Size, Self::Error> {
        self.inner.size()
    }

    fn window_size(&mut self) -> Result<WindowSize, Self::Error> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_keeps_its_width_and_loses_what_steers() {
        let symbol = |symbol: &str| {
            let mut cell = Cell::default();
            cell.set_symbol(symbol);
            replaced(&cell, false).map(|cell| cell.symbol().to_owned())
        };
        assert_eq!(symbol("a"), None);
        assert_eq!(symbol("漢"), None);
        assert_eq!(symbol("a\u{200d}").as_deref(), Some("a"));
        assert_eq!(symbol("\u{1b}").as_deref(), Some("?"));
        let family = "👩\u{200d}👩";
        let safe = symbol(family).unwrap();
        assert_eq!(safe.width(), family.width());
    }

    #[test]
    fn a_terminal_without_utf8_gets_ascii_of_the_same_width() {
        for symbol in ["é", "e\u{301}", "漢", "\u{9b}", "─", "👩\u{200d}👩", "ě"] {
            let mut cell = Cell::default();
            cell.set_symbol(symbol);
            let shown = replaced(&cell, true).unwrap();
            assert_eq!(shown.symbol().trim_end(), "?", "{symbol:?}");
            assert_eq!(shown.symbol().len(), symbol.width().max(1), "{symbol:?}");
        }
        let mut cell = Cell::default();
        cell.set_symbol("a");
        assert_eq!(replaced(&cell, true), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "漢".repeat(2 << 20);
        assert_eq!(cut(&long).len(), CUT - CUT % 3);
        assert_eq!(clean("a\u{1b}]0;x\u{7}\nb"), "a]0;x b");
    }
}
