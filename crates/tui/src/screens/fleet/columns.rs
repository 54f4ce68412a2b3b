//! The columns of the fleet.

use std::time::Duration;

use ratatui::style::Style;

use super::query::{SPAN, TrailCurve};
use super::rows::{FleetRow, RowState};
use crate::app::App;
use crate::freshness::Freshness;
use crate::host::HostState;
use crate::screens::alerts::words::counts;
use crate::table::{SortKey, Spot, TableCell, TableColumn};
use crate::theme::{Theme, level_letter};
use crate::trail::{Figure, Way};
use crate::widgets::chart::sparkline;
use crate::widgets::frame::state_text;
use crate::widgets::graph::{Curve, Ink, Reading, Window, columns as in_columns, stored};
use linux_api_wire::units::compact::{percent, rate, span};

/// Below this width there is only room for the most needed.
const NARROW: u16 = 80;
/// From which width on there is room for the network's line, the mount point and more.
const MIDDLE: u16 = 116;
/// From which width on there is room for failed units beside lines and alerts.
const FAILED: u16 = 124;
/// From which width on there is room for the load and the uptime.
const WIDE: u16 = 152;
/// From which width on there is room for everything.
const FULL: u16 = 204;

pub(super) type HostColumn<'a> = TableColumn<FleetRow<'a>>;

/// A figure of a row that has a line.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line {
    Cpu,
    Memory,
    Network,
}

/// How wide a line is in a table of this width.
const fn line_width(width: u16) -> u16 {
    match width {
        0..NARROW => 4,
        NARROW..MIDDLE => 6,
        MIDDLE..WIDE => 10,
        WIDE..FULL => 14,
        _ => 18,
    }
}

const fn name_width(width: u16) -> u16 {
    match width {
        0..MIDDLE => 14,
        MIDDLE..WIDE => 18,
        WIDE..FULL => 20,
        _ => 28,
    }
}

fn name<'a>(width: u16) -> HostColumn<'a> {
    HostColumn::words("HOST", name_width(width), |at, row| {
        let style = match &row.state {
            _ if row.is_down() => at.theme.bad,
            _ if row.is_late() => at.theme.warn,
            RowState::Remote(_) => at.theme.text,
            _ => at.theme.dim,
        };
        TableCell::new(row.name, style)
    })
    .ascending(|row| Some(SortKey::Text(row.name)))
}

fn cpu<'a>() -> HostColumn<'a> {
    HostColumn::numbers("CPU%", 6, |at, row| share_cell(at, row, row.figures.cpu))
        .descending(|row| row.figures.cpu.map(SortKey::Number))
}

fn memory<'a>() -> HostColumn<'a> {
    HostColumn::numbers("MEM%", 6, |at, row| share_cell(at, row, row.memory()))
        .descending(|row| row.memory().map(SortKey::Number))
}

fn network<'a>() -> HostColumn<'a> {
    HostColumn::numbers("NET", 9, |at, row| {
        let text = row.figures.network.map(rate);
        text.map_or_else(|| at.dim("-"), |text| plain_cell(at, row, text))
    })
    .descending(|row| row.figures.network.map(SortKey::Number))
    .from(NARROW)
}

fn disk<'a>() -> HostColumn<'a> {
    HostColumn::numbers("DISK%", 6, |at, row| {
        if row.figures.is_stuck {
            return TableCell::new("stuck", at.theme.bad);
        }
        share_cell(at, row, row.figures.disk)
    })
    .descending(|row| row.figures.disk.map(SortKey::Number))
}

fn mount<'a>(width: u16) -> HostColumn<'a> {
    let own = if width < WIDE { 10 } else { 14 };
    HostColumn::words("FULLEST", own, |at, row| {
        at.dim(row.figures.mount.unwrap_or("-"))
    })
    .from(MIDDLE)
}

fn load<'a>() -> HostColumn<'a> {
    HostColumn::numbers("LOAD", 6, |at, row| number_cell(at, row, row.figures.load))
        .descending(|row| row.figures.load.map(SortKey::Number))
}

fn failed<'a>() -> HostColumn<'a> {
    HostColumn::numbers("FAIL", 4, |at, row| match row.figures.failed {
        None => at.dim("-"),
        Some(0) => at.dim("0"),
        Some(failed) => TableCell::new(failed.to_string(), shade(at, row, at.theme.bad)),
    })
    .descending(|row| row.figures.failed.map(SortKey::Whole))
}

fn alerts<'a>() -> HostColumn<'a> {
    HostColumn::numbers("ALERT", 6, |at, row| {
        let Some(alerts) = row.alerts else {
            return at.dim("-");
        };
        let style = match (alerts.critical, alerts.warning) {
            (0, 0) => at.theme.dim,
            (0, _) => at.theme.warn,
            _ => at.theme.bad,
        };
        TableCell::new(counts(alerts.critical, alerts.warning), style)
    })
    .descending(|row| row.alerts.map(|alerts| SortKey::Whole(alerts.weight())))
}

fn uptime<'a>() -> HostColumn<'a> {
    HostColumn::numbers("UP", 5, |at, row| {
        let up = row.figures.uptime;
        let up = up.map(|seconds| span(Duration::from_secs(seconds)));
        let up = up.as_deref().and_then(|up| up.split(' ').next());
        TableCell::new(up.unwrap_or("-"), shade(at, row, at.theme.dim))
    })
    .descending(|row| row.figures.uptime.map(SortKey::Whole))
}

fn labels<'a>() -> HostColumn<'a> {
    HostColumn::words("LABELS", 30, |at, row| {
        let labels = row.labels.iter();
        let labels: Vec<String> = labels
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        at.dim(labels.join(" "))
    })
}

fn state<'a>() -> HostColumn<'a> {
    HostColumn::words("STATE", 0, |at, row| {
        let (text, style) = state_of(at.app, row);
        TableCell::new(text, style)
    })
    .ascending(|row| Some(SortKey::Whole(row.rank())))
}

fn line<'a>(width: u16, cell: fn(&Spot<'_>, &FleetRow<'a>) -> TableCell) -> HostColumn<'a> {
    HostColumn::words("20m", line_width(width), cell)
}

/// The columns without lines.
pub(super) fn plain<'a>(width: u16) -> Vec<HostColumn<'a>> {
    vec![
        name(width),
        cpu(),
        memory(),
        disk(),
        load(),
        HostColumn::numbers("PSI%", 5, |at, row| {
            number_cell(at, row, row.figures.pressure)
        })
        .descending(|row| row.figures.pressure.map(SortKey::Number))
        .from(NARROW),
        failed().from(NARROW),
        alerts().from(NARROW),
        network().from(MIDDLE),
        mount(width),
        uptime().from(MIDDLE),
        labels().from(WIDE),
        state(),
    ]
}

/// The columns with a line for CPU, memory and network.
pub(super) fn with_lines<'a>(width: u16) -> Vec<HostColumn<'a>> {
    vec![
        name(width),
        cpu(),
        line(width, |at, row| line_cell(at, row, Line::Cpu)),
        memory(),
        line(width, |at, row| line_cell(at, row, Line::Memory)),
        network(),
        line(width, |at, row| line_cell(at, row, Line::Network)).from(MIDDLE),
        disk(),
        mount(width),
        load().from(WIDE),
        failed().from(FAILED),
        alerts().from(NARROW),
        uptime().from(WIDE),
        labels().from(FULL),
        state(),
    ]
}

/// How a host is, in words.
pub(super) fn state_of(app: &App, row: &FleetRow<'_>) -> (String, Style) {
    let theme = &app.settings.theme;
    let [up, waiting, down] = theme.glyphs.dots;
    match &row.state {
        RowState::Remote(freshness) => {
            let (text, style) = state_text(app, freshness);
            // The database may know more of a host that does not respond.
            let seen = row
                .stored
                .filter(|_| matches!(freshness, Freshness::Failed { .. }));
            match seen {
                Some(stored) => {
                    let age = in_minutes(Duration::from_secs(stored.age_seconds));
                    (format!("{text}, wrote {age} ago"), style)
                }
                None => (text, style),
            }
        }
        RowState::Up => (format!("{up} in database"), theme.good),
        RowState::Late(age) => (format!("{waiting} late {}", in_minutes(*age)), theme.warn),
        RowState::Down(age) => (format!("{down} down {}", in_minutes(*age)), theme.bad),
        RowState::Unlisted => (format!("{waiting} not known"), theme.dim),
    }
}

/// A span without seconds: nothing is drawn again when one has passed.
fn in_minutes(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    match minutes {
        0 => "<1m".to_owned(),
        1..60 => format!("{minutes}m"),
        // More is of a wrong clock.
        1_440_000.. => ">999d".to_owned(),
        _ => span(Duration::from_secs(minutes * 60)),
    }
}

/// The style, or that of stale data where the row is stale.
fn shade(at: &Spot<'_>, row: &FleetRow<'_>, style: Style) -> Style {
    if row.is_old() { at.theme.dim } else { style }
}

fn share_cell(at: &Spot<'_>, row: &FleetRow<'_>, value: Option<f64>) -> TableCell {
    let Some(value) = value else {
        return at.dim("-");
    };
    let text = format!("{}{}", percent(value), level_letter(value));
    TableCell::new(text, shade(at, row, at.theme.share(value)))
}

fn plain_cell(at: &Spot<'_>, row: &FleetRow<'_>, text: String) -> TableCell {
    TableCell::new(text, shade(at, row, at.theme.text))
}

fn number_cell(at: &Spot<'_>, row: &FleetRow<'_>, value: Option<f64>) -> TableCell {
    match value {
        Some(value) => plain_cell(at, row, format!("{value:.2}")),
        None => at.dim("-"),
    }
}

fn line_cell(at: &Spot<'_>, row: &FleetRow<'_>, of: Line) -> TableCell {
    let (text, style) = line_of(row, of, at.width, at.theme);
    TableCell::new(text, style)
}

/// The line of a figure, and how it looks.
pub(super) fn line_of(
    row: &FleetRow<'_>,
    of: Line,
    width: usize,
    theme: &Theme,
) -> (String, Style) {
    let empty = TrailCurve::default();
    let trail = row.trail;
    let curve = match of {
        Line::Cpu => trail.map(|it| &it.cpu),
        Line::Memory => trail.map(|it| &it.memory),
        Line::Network => trail.map(|it| &it.network),
    };
    let values = values(curve.unwrap_or(&empty), of, row, width);
    let top = match of {
        Line::Cpu => 100.0,
        Line::Memory => row.figures.memory.map_or(1.0, |(_, total)| whole(total)),
        // Its height says how it changed, the number beside it how much it is.
        Line::Network => values.iter().flatten().copied().fold(1024.0, f64::max),
    };
    let style = match of {
        _ if row.is_old() => theme.dim,
        Line::Network => theme.second,
        Line::Cpu | Line::Memory => theme.graph,
    };
    (sparkline(&values, top, width, theme), style)
}

#[expect(clippy::cast_precision_loss, reason = "the height of a line")]
const fn whole(value: u64) -> f64 {
    value as f64
}

/// In so many columns up to now: what is stored, and from there on what was read.
fn values(curve: &TrailCurve, of: Line, row: &FleetRow<'_>, width: usize) -> Vec<Option<f64>> {
    let mut readings = stored(&curve.points, curve.step);
    let end = readings.last().map_or(f64::NEG_INFINITY, |it| it.to);
    if let Some(host) = row.remote {
        let interface = row.trail.and_then(|trail| trail.interface.as_deref());
        readings.extend(live(host, of, interface, end));
    }
    let curve = Curve::area(&readings, Ink::Plain(Style::new()));
    let count = u16::try_from(width).unwrap_or(u16::MAX);
    in_columns(&curve, Window::live(row.now, SPAN).aligned(count), width)
}

/// What was read of a remote after a time.
fn live(host: &HostState, of: Line, interface: Option<&str>, after: f64) -> Vec<Reading> {
    let figure = |way| match of {
        Line::Cpu => Figure::Cpu,
        Line::Memory => Figure::Memory,
        Line::Network => interface.map_or(Figure::Network(way), |it| Figure::Interface(it, way)),
    };
    let mut readings: Vec<Reading> = host.trail.live(&figure(Way::In), after).collect();
    if matches!(of, Line::Network) {
        let sent: Vec<Reading> = host.trail.live(&figure(Way::Out), after).collect();
        // Both are of the same readings.
        for (both, sent) in readings.iter_mut().zip(sent) {
            both.mean += sent.mean;
            both.max += sent.max;
        }
    }
    readings
}
