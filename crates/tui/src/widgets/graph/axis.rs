//! What surrounds the curves: values at the left, times below, the grid, the newest value at the right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::unit::Unit;
use super::{Ink, Mark, Plot};
use crate::theme::Theme;
use linux_api_wire::time::Timestamp;

/// Fewest columns of a graph that has a value axis.
const LABELS_FROM: u16 = 20;
/// Fewest lines of a half that has a label in its middle.
const MIDDLE_FROM: u16 = 4;
/// Fewest columns from one time to the next.
const TICK: f64 = 11.0;
/// Distances of times that people can count in, in seconds.
const STEPS: [f64; 20] = [
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1_800.0,
    3_600.0,
    7_200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    604_800.0,
    2_592_000.0,
    31_536_000.0,
];
const DAY: f64 = 86_400.0;

/// A value beside its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    /// The line, from the upper edge of the curves.
    row: u16,
    text: String,
    /// Whether a line of the grid goes through it.
    has_grid: bool,
}

/// The values of the axis.
pub(super) fn labels(
    unit: Unit,
    tops: [f64; 2],
    is_mirrored: bool,
    [upper, lower]: [u16; 2],
) -> Vec<Label> {
    let label = |row, value, has_grid| Label {
        row,
        text: unit.tick(value),
        has_grid,
    };
    let mut labels = vec![label(0, tops[0], true)];
    if upper >= MIDDLE_FROM {
        labels.push(label(upper / 2, tops[0] / 2.0, true));
    }
    if is_mirrored {
        if upper >= 2 {
            labels.push(label(upper - 1, 0.0, false));
        }
        if lower >= MIDDLE_FROM {
            labels.push(label(upper + lower / 2, tops[1] / 2.0, true));
        }
        if lower >= 2 {
            labels.push(label(upper + lower - 1, tops[1], true));
        }
    } else {
        // On the line of the times, or beside the lowest one.
        labels.push(label(upper, 0.0, false));
    }
    labels
}

/// Columns of the axis, its line included; none where the graph needs them.
pub(super) fn label_width(labels: &[Label], width: u16) -> u16 {
    if width < LABELS_FROM {
        return 0;
    }
    let widest = labels.iter().map(|label| label.text.width()).max();
    u16::try_from(widest.unwrap_or(0) + 1).unwrap_or(0)
}

/// A time below a graph.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// The column, from the left edge of the curves.
    column: u16,
    text: String,
}

/// The shortest distance of times that leaves room between them.
fn step(plot: &Plot) -> f64 {
    let least = plot.column_seconds() * TICK;
    let found = STEPS.into_iter().find(|step| *step >= least);
    found.unwrap_or(STEPS[STEPS.len() - 1])
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the width"
)]
fn column(plot: &Plot, time: f64) -> u16 {
    let place = (time - plot.window.from) / plot.column_seconds();
    (place.round().max(0.0) as u16).min(plot.area.width.saturating_sub(1))
}

/// Times as long ago, from the right edge on.
pub(super) fn ticks_ago(plot: &Plot) -> Vec<Tick> {
    let step = step(plot);
    let span = plot.window.to - plot.window.from;
    let mut ago = 0.0;
    let mut ticks = Vec::new();
    while ago <= span * 1.001 && ticks.len() < usize::from(plot.area.width) {
        let text = match ago {
            ago if ago <= 0.0 => "now".to_owned(),
            ago if ago < 60.0 => format!("-{ago:.0}s"),
            // Steps from a minute on are whole minutes, hours or days.
            ago if ago % DAY == 0.0 => format!("-{:.0}d", ago / DAY),
            ago if ago % 3_600.0 == 0.0 => format!("-{:.0}h", ago / 3_600.0),
            ago if ago % 60.0 == 0.0 => format!("-{:.0}m", ago / 60.0),
            ago => format!("-{:.0}m{:.0}s", (ago / 60.0).floor(), ago % 60.0),
        };
        ticks.push(Tick {
            column: column(plot, plot.window.to - ago),
            text,
        });
        ago += step;
    }
    ticks
}

/// Times of a clock that is so many seconds ahead of UTC.
#[expect(
    clippy::cast_possible_truncation,
    reason = "seconds of a few thousand years"
)]
pub(super) fn ticks_of_clock(plot: &Plot, offset: i32) -> Vec<Tick> {
    let step = step(plot);
    let offset = f64::from(offset);
    let mut time = ((plot.window.from + offset) / step).ceil() * step;
    let mut ticks = Vec::new();
    while time <= plot.window.to + offset && ticks.len() < usize::from(plot.area.width) {
        let text = Timestamp::from_millis((time * 1000.0) as i64).to_string();
        let part = match step {
            step if step >= 28.0 * DAY => 0..7,
            step if step >= DAY => 5..10,
            // A day begins.
            _ if time % DAY == 0.0 => 5..10,
            step if step >= 60.0 => 11..16,
            _ => 11..19,
        };
        ticks.push(Tick {
            column: column(plot, time - offset),
            text: text.get(part).unwrap_or_default().to_owned(),
        });
        time += step;
    }
    ticks
}

fn put(buffer: &mut Buffer, x: u16, y: u16, sign: &str, style: Style) {
    if let Some(cell) = buffer.cell_mut((x, y)) {
        cell.set_symbol(sign).set_style(style);
    }
}

/// The lines of the grid, which curves are drawn over.
pub(super) fn draw_grid(
    plot: &Plot,
    labels: &[Label],
    ticks: &[Tick],
    theme: &Theme,
    buffer: &mut Buffer,
) {
    let area = plot.area;
    let [across, down] = theme.glyphs.grid;
    // Without any column to spare a grid would only disturb.
    if area.width < LABELS_FROM {
        return;
    }
    for tick in ticks.iter().filter(|tick| tick.column > 0) {
        for y in area.top()..area.bottom() {
            put(buffer, area.x + tick.column, y, down, theme.grid);
        }
    }
    for label in labels.iter().filter(|label| label.has_grid) {
        let y = area.y + label.row;
        for x in area.left()..area.right() {
            if y < area.bottom() {
                put(buffer, x, y, across, theme.grid);
            }
        }
    }
}

/// The values of the axis, and its line.
pub(super) fn draw_labels(
    labels: &[Label],
    area: Rect,
    width: u16,
    has_times: bool,
    theme: &Theme,
    buffer: &mut Buffer,
) {
    if width == 0 {
        return;
    }
    let [line, tick] = theme.glyphs.axis;
    let x = area.x + width - 1;
    let lines = area.height - u16::from(has_times);
    for y in area.y..area.y + lines {
        put(buffer, x, y, line, theme.grid);
    }
    for label in labels {
        let y = area.y + label.row;
        if y >= area.bottom() {
            continue;
        }
        let room = usize::from(width - 1);
        let text = format!("{:>room$}", label.text);
        buffer.set_stringn(area.x, y, text, room, theme.dim);
        put(buffer, x, y, tick, theme.grid);
    }
}

/// The times, the newest first: one that has no room left is left out.
pub(super) fn draw_ticks(
    ticks: &[Tick],
    plot: &Plot,
    area: Rect,
    theme: &Theme,
    buffer: &mut Buffer,
) {
    let y = area.bottom() - 1;
    let mut free = i32::from(plot.area.right());
    let mut sorted: Vec<&Tick> = ticks.iter().collect();
    sorted.sort_by_key(|tick| std::cmp::Reverse(tick.column));
    for tick in sorted {
        let width = i32::try_from(tick.text.width()).unwrap_or(0);
        let middle = i32::from(plot.area.x + tick.column) - width / 2;
        let x = middle.min(i32::from(plot.area.right()) - width);
        let x = x.max(i32::from(plot.area.x));
        if x + width > free {
            continue;
        }
        free = x - 1;
        if let Ok(x) = u16::try_from(x) {
            buffer.set_string(x, y, &tick.text, theme.dim);
        }
    }
}

/// The newest values right of the curves, as high as they are.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the height"
)]
pub(super) fn draw_edges(
    values: [Option<f64>; 2],
    texts: &[Option<String>; 2],
    inks: [Option<Ink<'_>>; 2],
    tops: [f64; 2],
    halves: [Rect; 2],
    buffer: &mut Buffer,
) {
    for half in 0..2 {
        let (Some(value), Some(text), Some(ink)) = (values[half], &texts[half], inks[half]) else {
            continue;
        };
        let area = halves[half];
        if area.is_empty() {
            continue;
        }
        let share = (value / tops[half].max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        let share = if share.is_nan() { 0.0 } else { share };
        let row = ((share * f64::from(area.height)) as u16).min(area.height - 1);
        let y = if half == 0 {
            area.bottom() - 1 - row
        } else {
            area.y + row
        };
        buffer.set_string(area.right() + 1, y, text, ink.at(share));
    }
}

/// Lines through the graph at moments.
pub(super) fn draw_marks(
    plot: &Plot,
    marks: &[Mark],
    cursor: Option<f64>,
    theme: &Theme,
    buffer: &mut Buffer,
) {
    let down = theme.glyphs.grid[1];
    let area = plot.area;
    for mark in marks {
        let Some(x) = plot.column_of(mark.time) else {
            continue;
        };
        for y in area.top()..area.bottom() {
            let is_free = buffer
                .cell((x, y))
                .is_some_and(|it| it.symbol() == " " || it.symbol() == down);
            if is_free {
                put(buffer, x, y, down, mark.style);
            }
        }
        let mut sign = [0; 4];
        put(
            buffer,
            x,
            area.y,
            mark.sign.encode_utf8(&mut sign),
            mark.style,
        );
    }
    if let Some(x) = cursor.and_then(|time| plot.column_of(time)) {
        for y in area.top()..area.bottom() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                if cell.symbol() == " " || theme.glyphs.grid.contains(&cell.symbol()) {
                    cell.set_symbol(theme.glyphs.axis[0]);
                }
                cell.set_style(theme.accent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Window;
    use super::*;

    fn plot(width: u16, from: i64, seconds: u64) -> Plot {
        let from = Timestamp::from_millis(from * 1000);
        Plot {
            area: Rect::new(0, 0, width, 5),
            window: Window::fixed(from, from.saturating_add(Duration::from_secs(seconds))),
            tops: [100.0; 2],
        }
    }

    fn texts(ticks: &[Tick]) -> Vec<(u16, &str)> {
        ticks.iter().map(|it| (it.column, &*it.text)).collect()
    }

    #[test]
    fn times_are_round_and_where_they_belong() {
        let ago = ticks_ago(&plot(60, 0, 600));
        let expected = [
            (59, "now"),
            (48, "-2m"),
            (36, "-4m"),
            (24, "-6m"),
            (12, "-8m"),
            (0, "-10m"),
        ];
        assert_eq!(texts(&ago), expected);
        let start = "2026-11-23T22:30:00Z"
            .parse::<Timestamp>()
            .unwrap()
            .as_millis()
            / 1000;
        let clock = ticks_of_clock(&plot(48, start, 7_200), 0);
        let expected = [
            (0, "22:30"),
            (12, "23:00"),
            (24, "23:30"),
            (36, "11-24"),
            (47, "00:30"),
        ];
        assert_eq!(texts(&clock), expected);
        let ahead = ticks_of_clock(&plot(48, start, 7_200), 3_600);
        assert_eq!(texts(&ahead)[0], (0, "23:30"));
    }

    #[test]
    fn every_width_and_length_has_times_that_do_not_overlap() {
        for width in 1..250 {
            for span in [1, 60, 600, 3_600, 86_400, 604_800, 315_360_000] {
                let plot = plot(width, 1_795_417_320, span);
                for ticks in [ticks_ago(&plot), ticks_of_clock(&plot, 7_200)] {
                    let area = Rect::new(0, 0, width, 6);
                    let mut buffer = Buffer::empty(area);
                    let theme = Theme::plain();
                    draw_ticks(&ticks, &plot, area, &theme, &mut buffer);
                    let line: String = (0..width).map(|x| buffer[(x, 5)].symbol()).collect();
                    for word in line.split_whitespace() {
                        let is_whole = ticks.iter().any(|tick| tick.text == word);
                        assert!(is_whole || width < 8, "{width} {span}: {line:?}");
                    }
                }
            }
        }
    }
}
