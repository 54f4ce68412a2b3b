//! Lays cells out below their titles.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Cell, Tone};
use crate::cli::sanitize::sanitize;

/// The least width of a column that is cut.
const CUT_MIN: usize = 8;

/// The head of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) title: &'static str,
    pub(super) is_number: bool,
    pub(super) is_cut: bool,
}

impl Head {
    pub(super) const fn text(title: &'static str) -> Self {
        Self {
            title,
            is_number: false,
            is_cut: false,
        }
    }
}

/// What the terminal can show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) width: Option<usize>,
    pub(super) color: bool,
    pub(super) utf8: bool,
}

/// A text from elsewhere that steers no terminal and forges no second row.
pub(in crate::cli) fn clean(text: &str) -> String {
    sanitize(text).replace(['\n', '\t'], " ")
}

/// A clean text in its colour.
pub(in crate::cli) fn paint(text: &str, tone: Tone, color: bool) -> String {
    match tone.sequence() {
        Some(begin) if color => format!("{begin}{text}\u{1b}[0m"),
        _ => text.to_owned(),
    }
}

/// Lays out rows below their titles; columns are as wide as their widest cell on the terminal.
pub(super) fn lay_out(heads: &[Head], rows: Vec<Vec<Cell>>, look: &Look) -> String {
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .map(|row| {
            let clean = |cell: Cell| Cell {
                text: clean(&cell.text),
                tone: cell.tone,
            };
            row.into_iter().map(clean).collect()
        })
        .collect();
    let mut widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.text.width()).max().unwrap_or(0);
            widest.max(head.title.width())
        })
        .collect();
    if let Some(width) = look.width {
        shrink(heads, &mut widths, width);
    }
    let mut text = String::new();
    let titles: Vec<Cell> = heads.iter().map(|head| Cell::from(head.title)).collect();
    let bold = look.color.then_some("\u{1b}[1m");
    write_row(&mut text, heads, &widths, &titles, look, bold);
    for row in &rows {
        write_row(&mut text, heads, &widths, row, look, None);
    }
    text
}

/// Makes the widest columns that may be cut narrower, one by one, until the row fits.
fn shrink(heads: &[Head], widths: &mut [usize], width: usize) {
    loop {
        let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let excess = total.saturating_sub(width);
        let widest = (0..widths.len())
            .filter(|column| heads[*column].is_cut && widths[*column] > CUT_MIN)
            .max_by_key(|column| widths[*column]);
        let (Some(widest), true) = (widest, excess > 0) else {
            return;
        };
        // Down to the next widest at most, so that two of them share the loss.
        let next = (0..widths.len())
            .filter(|column| *column != widest && heads[*column].is_cut)
            .map(|column| widths[column])
            .max()
            .unwrap_or(CUT_MIN);
        let floor = next.min(widths[widest] - 1).max(CUT_MIN);
        widths[widest] = widths[widest].saturating_sub(excess).max(floor);
    }
}

fn write_row(
    text: &mut String,
    heads: &[Head],
    widths: &[usize],
    row: &[Cell],
    look: &Look,
    style: Option<&str>,
) {
    let last = row.len().saturating_sub(1);
    for (place, (cell, head)) in row.iter().zip(heads).enumerate() {
        let shown = if head.is_cut {
            cut(&cell.text, widths[place], look.utf8)
        } else {
            cell.text.clone()
        };
        let padding = " ".repeat(widths[place].saturating_sub(shown.width()));
        let (before, after) = if head.is_number {
            (padding.as_str(), "")
        } else if place == last {
            ("", "")
        } else {
            ("", padding.as_str())
        };
        let style = style.or(if look.color {
            cell.tone.sequence()
        } else {
            None
        });
        text.push_str(before);
        match style {
            Some(style) if !shown.is_empty() => {
                text.push_str(style);
                text.push_str(&shown);
                text.push_str("\u{1b}[0m");
            }
            _ => text.push_str(&shown),
        }
        text.push_str(after);
        if place < last {
            text.push_str("  ");
        }
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

/// The beginning of a text that is too wide, and a mark that there is more.
fn cut(text: &str, width: usize, utf8: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mark = if utf8 { '…' } else { '~' };
    let mut shown = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        shown.push(character);
    }
    shown.push(mark);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look {
        width: None,
        color: false,
        utf8: true,
    };

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells.iter().map(|cell| Cell::from(*cell)).collect()
    }

    #[test]
    fn columns_align_also_beside_wide_characters_and_no_cell_forges_a_row() {
        let rows = vec![row(&["漢字", "x"]), row(&["a\nb", "\u{1b}[2Jy"])];
        assert_eq!(
            lay_out(&[Head::text("NAME"), Head::text("WHAT")], rows, &PLAIN),
            "NAME  WHAT\n漢字  x\na b   [2Jy\n"
        );
    }

    #[test]
    fn numbers_are_flush_right_and_never_cut() {
        let number = Head {
            is_number: true,
            ..Head::text("MEMORY")
        };
        let long = Head {
            is_cut: true,
            ..Head::text("COMMAND")
        };
        let rows = vec![
            row(&["1", "4096 GiB", "a command that is far too long"]),
            row(&["22", "1 B", "short"]),
        ];
        let heads = [Head::text("PID"), number, long];
        let narrow = Look {
            width: Some(27),
            ..PLAIN
        };
        assert_eq!(
            lay_out(&heads, rows.clone(), &narrow),
            "PID    MEMORY  COMMAND\n1    4096 GiB  a command t…\n22        1 B  short\n"
        );
        // It can't be made to fit: then the numbers stay whole.
        let tiny = Look {
            width: Some(5),
            utf8: false,
            ..PLAIN
        };
        let text = lay_out(&heads, rows, &tiny);
        assert!(text.contains("4096 GiB  a comma~"), "{text}");
    }

    #[test]
    fn two_columns_that_may_be_cut_share_the_loss() {
        let cut = |title| Head {
            is_cut: true,
            ..Head::text(title)
        };
        let heads = [cut("A"), cut("B")];
        let mut widths = [60, 40];
        shrink(&heads, &mut widths, 62);
        assert_eq!(widths, [30, 30]);
        let mut widths = [60, 10];
        shrink(&heads, &mut widths, 62);
        assert_eq!(widths, [50, 10]);
    }

    #[test]
    fn colour_surrounds_the_text_and_moves_no_column() {
        let look = Look {
            color: true,
            ..PLAIN
        };
        let bad = vec![
            vec![Cell::new("full", Tone::Bad), Cell::from("x")],
            row(&["ok", "y"]),
        ];
        let heads = [Head::text("A"), Head::text("B")];
        assert_eq!(
            lay_out(&heads, bad, &look),
            "\u{1b}[1mA\u{1b}[0m     \u{1b}[1mB\u{1b}[0m\n\u{1b}[31mfull\u{1b}[0m  x\nok    y\n"
        );
    }
}
