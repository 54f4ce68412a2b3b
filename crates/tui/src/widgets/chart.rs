//! Values over time as columns. Where nothing was read there is a gap, never a zero.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::theme::Theme;

/// Dots of a Braille cell from the bottom up, left and right column (Unicode block U+2800).
const BRAILLE: [[u32; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// Draws values from the left to the right edge, newest last. `top` is the value of the upper edge.
pub(crate) fn chart(
    values: &[Option<f64>],
    top: f64,
    style: Style,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.is_empty() {
        return;
    }
    let per_cell = if theme.glyphs.has_braille { 2 } else { 1 };
    let columns = usize::from(area.width) * per_cell;
    let seen = &values[values.len().saturating_sub(columns)..];
    let first = columns - seen.len();
    let at = |column: usize| column.checked_sub(first).and_then(|it| seen[it]);
    for x in 0..area.width {
        let cell = usize::from(x) * per_cell;
        for y in 0..area.height {
            let below = usize::from(area.height - 1 - y);
            let symbol = if theme.glyphs.has_braille {
                braille([at(cell), at(cell + 1)], top, area.height, below)
            } else {
                ascii(at(cell), top, area.height, below)
            };
            if let Some(symbol) = symbol {
                let target = &mut buffer[(area.x + x, area.y + y)];
                target.set_char(symbol).set_style(style);
            }
        }
    }
}

/// How many quarters of cells a value reaches up; something small but present reaches one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is between 0 and four times the height"
)]
fn quarters(value: f64, top: f64, height: u16) -> usize {
    if !value.is_finite() || top <= 0.0 {
        return 0;
    }
    let most = f64::from(height) * 4.0;
    let reached = (value / top * most).clamp(0.0, most).round() as usize;
    reached.max(1)
}

fn braille(values: [Option<f64>; 2], top: f64, height: u16, below: usize) -> Option<char> {
    let mut dots = 0;
    for (value, column) in values.into_iter().zip(BRAILLE) {
        let Some(value) = value else { continue };
        let reached = quarters(value, top, height)
            .saturating_sub(below * 4)
            .min(4);
        dots |= column[..reached].iter().sum::<u32>();
    }
    (dots > 0).then(|| char::from_u32(0x2800 + dots)).flatten()
}

fn ascii(value: Option<f64>, top: f64, height: u16, below: usize) -> Option<char> {
    let reached = quarters(value?, top, height)
        .saturating_sub(below * 4)
        .min(4);
    [None, Some('.'), Some(':'), Some('|'), Some('#')][reached]
}

/// One line of levels, newest last: a chart that fits into a table.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the value is between 0 and the number of levels"
)]
pub(crate) fn sparkline(values: &[Option<f64>], top: f64, width: usize, theme: &Theme) -> String {
    let seen = &values[values.len().saturating_sub(width)..];
    let levels = theme.glyphs.levels;
    let level = |value: &Option<f64>| match value {
        Some(value) if value.is_finite() && top > 0.0 => {
            let place = value / top * (levels.len() - 1) as f64;
            levels[(place.round().max(0.0) as usize).min(levels.len() - 1)]
        }
        Some(_) => levels[0],
        None => " ",
    };
    let line: String = seen.iter().map(level).collect();
    format!("{}{line}", " ".repeat(width - seen.len()))
}

/// A round number that is at least the largest value.
#[must_use]
pub(crate) fn round_top(values: &[Option<f64>]) -> f64 {
    let largest = values
        .iter()
        .flatten()
        .copied()
        .filter(|it| it.is_finite())
        .fold(0.0, f64::max);
    if largest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(largest.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|top| *top >= largest)
        .unwrap_or(largest)
}

/// A power of two that is at least the largest value: round where sizes are counted in Ki and Mi.
#[must_use]
pub(crate) fn binary_top(values: &[Option<f64>]) -> f64 {
    let finite = values.iter().flatten().copied();
    let largest = finite.filter(|it| it.is_finite()).fold(1.0, f64::max);
    2_f64.powf(largest.log2().ceil())
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::tui::ThemeName;

    fn drawn(values: &[Option<f64>], ascii: bool) -> Vec<String> {
        let theme = Theme::new(ThemeName::Default, true, ascii);
        let area = Rect::new(0, 0, 4, 2);
        let mut buffer = Buffer::empty(area);
        chart(values, 100.0, Style::new(), &theme, area, &mut buffer);
        let line = |y| (0..4).map(|x| buffer[(x, y)].symbol().to_owned()).collect();
        (0..2).map(line).collect()
    }

    #[test]
    fn a_gap_is_empty_and_a_zero_is_not() {
        let values = [Some(100.0), None, Some(50.0), Some(0.0)];
        assert_eq!(drawn(&values, true), ["#   ", "# #."]);
        let values: Vec<_> = [100.0, 100.0, 0.0, 0.0].map(Some).to_vec();
        let values = [&values[..], &[None, None, None, Some(50.0)]].concat();
        assert_eq!(drawn(&values, false), ["⣿   ", "⣿⣀ ⢸"]);
    }

    #[test]
    fn nonsense_values_draw_something_small() {
        let values = [f64::NAN, f64::INFINITY, -5.0, 1e300].map(Some);
        assert_eq!(drawn(&values, true)[1].chars().last(), Some('#'));
    }

    #[test]
    fn the_upper_edge_is_round() {
        assert!((round_top(&[Some(3.0), None]) - 5.0).abs() < 1e-9);
        assert!((round_top(&[Some(130.0)]) - 200.0).abs() < 1e-9);
        assert!((round_top(&[]) - 1.0).abs() < 1e-9);
        assert!((binary_top(&[Some(130.0), None]) - 256.0).abs() < 1e-9);
        assert!((binary_top(&[Some(f64::NAN)]) - 1.0).abs() < 1e-9);
    }
}
