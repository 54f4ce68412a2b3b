//! Curves as cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::columns::columns;
use super::{Curve, Plot, Shape};
use crate::theme::Theme;

/// The first of the characters that are made of dots.
const BRAILLE: u32 = 0x2800;
/// The dots of a cell from the bottom up, left and right column.
const DOTS: [[u32; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];
/// Parts of a cell in ASCII.
const ASCII: [&str; 5] = [" ", ".", ":", "|", "#"];

/// One half of a graph: values go away from its base line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half {
    pub(super) area: Rect,
    /// The value at the far edge.
    pub(super) top: f64,
    /// Whether it hangs from its base line.
    pub(super) is_down: bool,
}

impl Half {
    /// The line of the terminal that is so many lines away from the base.
    const fn line(&self, away: u16) -> u16 {
        if self.is_down {
            self.area.y + away
        } else {
            self.area.y + self.area.height - 1 - away
        }
    }

    /// How many parts of cells a value reaches, of so many in each; something small but present reaches one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and eight times the height"
    )]
    fn reach(&self, value: f64, parts: u16) -> u16 {
        if value.is_nan() || self.top <= 0.0 {
            return 0;
        }
        let most = f64::from(self.area.height) * f64::from(parts);
        let reached = (value / self.top * most).clamp(0.0, most).round() as u16;
        reached.max(1)
    }

    /// The colours of a line.
    fn style(&self, curve: &Curve<'_>, away: u16) -> Style {
        curve
            .ink
            .at((f64::from(away) + 0.5) / f64::from(self.area.height.max(1)))
    }
}

/// Draws one curve over what is there.
pub(super) fn draw_curve(
    curve: &Curve<'_>,
    shape: Shape,
    plot: &Plot,
    half: Half,
    theme: &Theme,
    buffer: &mut Buffer,
) {
    let shape = if curve.is_line { Shape::Line } else { shape };
    let per_cell = if theme.glyphs.has_braille && shape != Shape::Blocks {
        2
    } else {
        1
    };
    let count = usize::from(plot.area.width) * per_cell;
    let values = columns(curve, plot.window, count);
    let cells = (half.area.left()..half.area.right()).zip(values.chunks(per_cell));
    match shape {
        Shape::Line if theme.glyphs.has_braille => draw_line(curve, &values, half, buffer),
        Shape::Line => {
            for (x, values) in cells {
                draw_sign(curve, values[0], x, half, theme, buffer);
            }
        }
        _ if per_cell == 2 => {
            for (x, values) in cells {
                draw_dots(curve, values, x, half, buffer);
            }
        }
        _ => {
            for (x, values) in cells {
                draw_bar(curve, values[0], x, half, theme, buffer);
            }
        }
    }
}

/// A style that keeps nothing of what is in a cell, but what is behind it.
fn alone(style: Style) -> Style {
    Style::new()
        .fg(Color::Reset)
        .remove_modifier(Modifier::all())
        .patch(style)
}

/// Adds dots to a cell.
fn add_dots(buffer: &mut Buffer, (x, y): (u16, u16), dots: u32, style: Style) {
    let Some(cell) = buffer.cell_mut((x, y)).filter(|_| dots > 0) else {
        return;
    };
    let present = cell.symbol().chars().next().map_or(0, u32::from);
    let present = present.checked_sub(BRAILLE).filter(|it| *it < 256);
    if let Some(sign) = char::from_u32(BRAILLE + (present.unwrap_or(0) | dots)) {
        cell.set_char(sign).set_style(alone(style));
    }
}

/// The dots of a cell up to this place, from its base.
fn dots_up_to(reached: u16, away: u16, column: usize, is_down: bool) -> u32 {
    let count = usize::from(reached.saturating_sub(away * 4).min(4));
    let column = DOTS[column];
    if is_down {
        column[4 - count..].iter().sum()
    } else {
        column[..count].iter().sum()
    }
}

fn draw_dots(curve: &Curve<'_>, values: &[Option<f64>], x: u16, half: Half, buffer: &mut Buffer) {
    for away in 0..half.area.height {
        let mut dots = 0;
        for (column, value) in values.iter().enumerate() {
            let reached = value.map_or(0, |value| half.reach(value, 4));
            dots |= dots_up_to(reached, away, column, half.is_down);
        }
        let style = half.style(curve, away);
        add_dots(buffer, (x, half.line(away)), dots, style);
    }
}

/// A line from each value to the next; a gap ends it.
fn draw_line(curve: &Curve<'_>, values: &[Option<f64>], half: Half, buffer: &mut Buffer) {
    let mut before: Option<u16> = None;
    for (place, value) in values.iter().enumerate() {
        let Some(value) = value else {
            before = None;
            continue;
        };
        // From 1 on: the dot at the upper end of what an area would fill.
        let reached = half.reach(*value, 4).max(1);
        let (low, high) = match before {
            Some(before) if before < reached => (before + 1, reached),
            Some(before) if before > reached => (reached, before - 1),
            _ => (reached, reached),
        };
        before = Some(reached);
        let x = half.area.x + u16::try_from(place / 2).unwrap_or(u16::MAX);
        for dot in low..=high {
            let away = (dot - 1) / 4;
            let inside = usize::from((dot - 1) % 4);
            let inside = if half.is_down { 3 - inside } else { inside };
            let dots = DOTS[place % 2][inside];
            let style = half.style(curve, away);
            add_dots(buffer, (x, half.line(away)), dots, style);
        }
    }
}

/// A line of signs, where there are no dots.
fn draw_sign(
    curve: &Curve<'_>,
    value: Option<f64>,
    x: u16,
    half: Half,
    theme: &Theme,
    buffer: &mut Buffer,
) {
    let Some(value) = value else { return };
    let away = (half.reach(value, 1).max(1) - 1).min(half.area.height - 1);
    if let Some(cell) = buffer.cell_mut((x, half.line(away))) {
        let style = alone(half.style(curve, away));
        cell.set_symbol(theme.glyphs.point).set_style(style);
    }
}

/// A bar of parts of cells.
fn draw_bar(
    curve: &Curve<'_>,
    value: Option<f64>,
    x: u16,
    half: Half,
    theme: &Theme,
    buffer: &mut Buffer,
) {
    let Some(value) = value else { return };
    let levels: &[&str] = if theme.glyphs.ascii {
        &ASCII
    } else {
        theme.glyphs.bars
    };
    let parts = u16::try_from(levels.len() - 1).unwrap_or(1);
    let reached = half.reach(value, parts);
    for away in 0..half.area.height {
        let count = reached.saturating_sub(away * parts).min(parts);
        if count == 0 {
            break;
        }
        let mut style = alone(half.style(curve, away));
        let mut level = usize::from(count);
        // There are no bars that hang: the rest of the cell is drawn in the colours turned round.
        if half.is_down && count < parts && !theme.glyphs.ascii {
            level = usize::from(parts - count);
            style = style.add_modifier(Modifier::REVERSED);
        }
        if let Some(cell) = buffer.cell_mut((x, half.line(away))) {
            cell.set_symbol(levels[level]).set_style(style);
        }
    }
}
