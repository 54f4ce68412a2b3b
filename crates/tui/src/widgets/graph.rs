//! Values over time with a value axis, a time axis and a grid: the one graph of the dashboard.
//!
//! A [`Graph`] has a [`Window`] of time, [`Curve`]s that are made of [`Reading`]s, and a [`Unit`]. Its
//! columns are time: a reading is as wide as it lasted, and where nothing was read there is a gap as wide
//! as that. `below` turns it into a mirrored graph, whose second half hangs from the middle.
//!
//! ```text
//! let readings = stored(&series.points, history.step);
//! let mut graph = Graph::new(Window::live(now, span), Unit::named(&series.unit));
//! graph.above.push(Curve::area(&readings, Ink::Ramp(&theme.heat)));
//! let plot = graph.draw(theme, area, frame.buffer_mut());
//! let time = plot.time_at(mouse_column);
//! ```

mod axis;
mod columns;
mod paint;
mod readings;
mod unit;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::theme::{Ramp, Theme};
use linux_api_wire::time::Timestamp;

pub(crate) use columns::columns;
pub(crate) use readings::{Reading, stored};
pub(crate) use unit::Unit;

/// Fewest columns beside the curve for the newest value to be written at the right edge.
const EDGE_FROM: u16 = 34;

/// What curves are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// Dots, two columns and four lines in each cell.
    #[default]
    Braille,
    /// Bars of eighths of a cell.
    Blocks,
    /// A line of dots without a filled area.
    Line,
}

impl Shape {
    /// All of them with their names, in the order in which a key goes through them.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Braille, "braille"),
        (Self::Blocks, "blocks"),
        (Self::Line, "line"),
    ];

    /// What it is called in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(shape, _)| *shape == self);
        found.map_or("", |(_, name)| name)
    }

    /// The shape of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, own)| *own == name);
        found.map(|(shape, _)| *shape)
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|(shape, _)| *shape == self);
        Self::ALL[(place.unwrap_or(0) + 1) % Self::ALL.len()].0
    }
}

/// Which time a graph shows, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    /// The left edge.
    pub(crate) from: f64,
    /// The right edge.
    pub(crate) to: f64,
    /// Whether the right edge is now. Such a window goes on by whole columns: a column that is over stays
    /// as it is, and nothing is drawn again until there is a new one.
    is_live: bool,
}

impl Window {
    /// From one moment to another.
    pub(crate) fn fixed(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from: seconds(from),
            to: seconds(to),
            is_live: false,
        }
    }

    /// As long a time as `span` up to now.
    pub(crate) fn live(now: Timestamp, span: Duration) -> Self {
        let to = seconds(now);
        Self {
            from: to - span.as_secs_f64(),
            to,
            is_live: true,
        }
    }

    /// The same time, with whole columns where it is live.
    pub(crate) fn aligned(self, columns: u16) -> Self {
        let each = (self.to - self.from) / f64::from(columns.max(1));
        if !self.is_live || each <= 0.0 {
            return self;
        }
        // The column of now is the last one, from its first moment on.
        let to = ((self.to / each).floor() + 1.0) * each;
        Self {
            from: to - each * f64::from(columns),
            to,
            is_live: true,
        }
    }
}

/// A time in seconds since 1970, as history has it.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of a few thousand years"
)]
pub(crate) fn seconds(time: Timestamp) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// The colours of a curve.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ink<'a> {
    /// One style.
    Plain(Style),
    /// By height: the first colour at the base line, the last one at the top.
    Ramp(&'a Ramp),
}

impl Ink<'_> {
    /// How a value is drawn that has this part of the height, from 0 to 1.
    fn at(self, share: f64) -> Style {
        match self {
            Self::Plain(style) => style,
            Self::Ramp(ramp) => ramp.at(share),
        }
    }
}

/// Which value of readings is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The mean over the time of a column.
    Mean,
    /// The largest within the time of a column.
    Largest,
}

/// One curve of a graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Curve<'a> {
    /// In the order of time; they do not overlap.
    pub(crate) readings: &'a [Reading],
    /// Which value of them.
    pub(crate) part: Part,
    /// In which colours.
    pub(crate) ink: Ink<'a>,
    /// Whether it is a line whatever shape was chosen: several areas would hide each other.
    pub(crate) is_line: bool,
}

impl<'a> Curve<'a> {
    /// The means as an area, or as the chosen shape says.
    pub(crate) const fn area(readings: &'a [Reading], ink: Ink<'a>) -> Self {
        Self {
            readings,
            part: Part::Mean,
            ink,
            is_line: false,
        }
    }

    /// The means as a line.
    pub(crate) const fn line(readings: &'a [Reading], ink: Ink<'a>) -> Self {
        Self {
            is_line: true,
            ..Self::area(readings, ink)
        }
    }

    /// The same readings by their largest values: a shade behind the means.
    pub(crate) const fn largest(mut self) -> Self {
        self.part = Part::Largest;
        self
    }
}

/// How times stand below a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// As long ago: `-10m`, `-5m`, `now`.
    Ago,
    /// On a clock that is so many seconds ahead of UTC.
    Clock(i32),
    /// Not at all.
    Hidden,
}

/// Something that happened at a moment: a line through the graph with a sign at its top.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    /// In seconds since 1970.
    pub(crate) time: f64,
    /// One cell wide.
    pub(crate) sign: char,
    /// How it looks.
    pub(crate) style: Style,
}

/// Values over time, to be drawn.
#[derive(Debug, Clone)]
pub(crate) struct Graph<'a> {
    /// Which time.
    pub(crate) window: Window,
    /// What values are.
    pub(crate) unit: Unit,
    /// The curves upwards, the last one in front.
    pub(crate) above: Vec<Curve<'a>>,
    /// The curves that hang from the middle; without any there is no lower half.
    pub(crate) below: Vec<Curve<'a>>,
    /// The value of the upper edge; nothing for a round one that holds all that is seen.
    pub(crate) top: Option<f64>,
    /// What curves are made of.
    pub(crate) shape: Shape,
    /// What stands below.
    pub(crate) times: Times,
    /// Whether the newest values are written at the right edge, where there is room.
    pub(crate) has_edge: bool,
    /// A moment to point at.
    pub(crate) cursor: Option<f64>,
    /// What happened.
    pub(crate) marks: Vec<Mark>,
}

/// Where a graph has its curves, to find times by columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plot {
    /// The cells of the curves, without the axes.
    pub(crate) area: Rect,
    /// The times of its left and right edge.
    pub(crate) window: Window,
    /// The values of the upper edge, and of the lower one of a mirrored graph.
    pub(crate) tops: [f64; 2],
}

impl Plot {
    /// How long one column of cells is, in seconds.
    pub(crate) fn column_seconds(&self) -> f64 {
        (self.window.to - self.window.from) / f64::from(self.area.width.max(1))
    }

    /// The middle of the time of a column of the terminal; nothing outside.
    pub(crate) fn time_at(&self, column: u16) -> Option<f64> {
        let is_inside = (self.area.left()..self.area.right()).contains(&column);
        let place = f64::from(column.saturating_sub(self.area.x)) + 0.5;
        is_inside.then(|| self.window.from + place * self.column_seconds())
    }

    /// The column of the terminal in which a time is; nothing outside.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the width"
    )]
    pub(crate) fn column_of(&self, time: f64) -> Option<u16> {
        let place = (time - self.window.from) / self.column_seconds();
        let is_inside = place >= 0.0 && place < f64::from(self.area.width);
        is_inside.then(|| self.area.x + place as u16)
    }
}

impl<'a> Graph<'a> {
    /// A graph without curves.
    pub(crate) const fn new(window: Window, unit: Unit) -> Self {
        Self {
            window,
            unit,
            above: Vec::new(),
            below: Vec::new(),
            top: None,
            shape: Shape::Braille,
            times: Times::Ago,
            has_edge: true,
            cursor: None,
            marks: Vec::new(),
        }
    }

    /// The newest value of the first curve of each half; nothing where it is not of now.
    pub(crate) fn newest(&self) -> [Option<f64>; 2] {
        let of = |curves: &[Curve<'a>]| {
            let newest = curves.last()?.readings.last()?;
            let is_now = newest.to + newest.length() * 3.0 >= self.window.to;
            (!self.window.is_live || is_now).then_some(newest.mean)
        };
        [of(&self.above), of(&self.below)]
    }

    /// Draws it. The axes take the left columns and the last line of the area, where it has enough.
    pub(crate) fn draw(&self, theme: &Theme, area: Rect, buffer: &mut Buffer) -> Plot {
        let has_times = self.times != Times::Hidden && area.height >= 3;
        let height = area.height - u16::from(has_times);
        let is_mirrored = !self.below.is_empty() && height >= 2;
        let upper = if is_mirrored {
            height.div_ceil(2)
        } else {
            height
        };
        let tops = self.tops(area.width);
        let labels = axis::labels(self.unit, tops, is_mirrored, [upper, height - upper]);
        let left = axis::label_width(&labels, area.width);
        let edges = self
            .newest()
            .map(|value| value.map(|it| self.unit.value(it)));
        let right = if self.has_edge && area.width >= EDGE_FROM + left {
            // The widest that a value of this unit is: the curve must not jump with its length.
            self.unit.widest()
        } else {
            0
        };
        let plot_area = Rect {
            x: area.x + left,
            width: area.width.saturating_sub(left + right),
            height,
            ..area
        };
        let plot = Plot {
            area: plot_area,
            window: self.window.aligned(plot_area.width),
            tops,
        };
        if plot_area.is_empty() {
            return plot;
        }
        let lower_area = Rect {
            y: plot_area.y + upper,
            height: height - upper,
            ..plot_area
        };
        let upper_area = Rect {
            height: upper,
            ..plot_area
        };
        let ticks = self.ticks(&plot);
        axis::draw_grid(&plot, &labels, &ticks, theme, buffer);
        for (curves, half, top, is_down) in [
            (&self.above, upper_area, tops[0], false),
            (&self.below, lower_area, tops[1], true),
        ] {
            if half.is_empty() {
                continue;
            }
            let half = paint::Half {
                area: half,
                top,
                is_down,
            };
            for curve in curves {
                paint::draw_curve(curve, self.shape, &plot, half, theme, buffer);
            }
        }
        axis::draw_marks(&plot, &self.marks, self.cursor, theme, buffer);
        axis::draw_labels(&labels, area, left, has_times, theme, buffer);
        if has_times {
            axis::draw_ticks(&ticks, &plot, area, theme, buffer);
        }
        if right > 0 {
            let inks = [&self.above, &self.below].map(|all| all.last().map(|it| it.ink));
            let halves = [upper_area, lower_area];
            axis::draw_edges(self.newest(), &edges, inks, tops, halves, buffer);
        }
        plot
    }

    /// The values of the upper and of the lower edge.
    fn tops(&self, width: u16) -> [f64; 2] {
        let window = self.window.aligned(width);
        let of = |curves: &[Curve<'a>]| {
            let seen = curves.iter().flat_map(|curve| {
                let seen = curve.readings.iter();
                let seen = seen.filter(|it| it.to > window.from && it.from < window.to);
                seen.map(|it| match curve.part {
                    Part::Mean => it.mean,
                    Part::Largest => it.max,
                })
            });
            self.unit.round_top(seen)
        };
        match self.top {
            Some(top) => [top; 2],
            None => [of(&self.above), of(&self.below)],
        }
    }

    fn ticks(&self, plot: &Plot) -> Vec<axis::Tick> {
        match self.times {
            Times::Ago => axis::ticks_ago(plot),
            Times::Clock(offset) => axis::ticks_of_clock(plot, offset),
            Times::Hidden => Vec::new(),
        }
    }
}
