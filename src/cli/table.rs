//! Rows for people, in aligned columns.

use unicode_width::UnicodeWidthStr;

use super::sanitize::sanitize;

/// Lays out rows below their titles; columns are as wide as their widest cell on the terminal.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let titles = titles.iter().map(|title| (*title).to_owned()).collect();
    let clean = |row: &Vec<String>| -> Vec<String> {
        // A line break within a cell would forge a row.
        let cells = row.iter();
        cells
            .map(|cell| sanitize(cell).replace(['\n', '\t'], " "))
            .collect()
    };
    let all: Vec<Vec<String>> = std::iter::once(titles)
        .chain(rows.iter().map(clean))
        .collect();
    let columns = all.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let padding = " ".repeat(width - cell.width() + 2);
            line.push_str(cell);
            line.push_str(&padding);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_also_beside_wide_characters_and_no_cell_forges_a_row() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let rows = [row(["漢字", "x"]), row(["a\nb", "\u{1b}[2Jy"])];
        assert_eq!(
            table(&["NAME", "WHAT"], &rows),
            "NAME  WHAT\n漢字  x\na b   [2Jy\n"
        );
    }
}
