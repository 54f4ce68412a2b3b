//! The processors: together over time, and each of them now.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::layout::{Block, CORES_FROM};
use super::{graph, titled, why_absent};
use crate::app::App;
use crate::trail::Figure;
use crate::widgets::frame::instead;
use crate::widgets::graph::{Curve, Ink, Unit};
use crate::widgets::meter::meter;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Core, Family};
use linux_api_wire::units::compact::percent;

/// Columns of one core with its bar: number, bar, percent.
const CORE: u16 = 17;
/// Most lines of cores that have bars.
const LINES: usize = 10;
/// Columns of the frame.
const FRAME: u16 = 2;

fn cores(snapshot: &Snapshot) -> &[Core] {
    snapshot.cpu.as_ref().map_or(&[], |cpu| &cpu.per_core)
}

/// How many lines the cores need in two columns.
pub(super) fn core_lines(snapshot: &Snapshot) -> u16 {
    let lines = cores(snapshot).len().div_ceil(2).min(LINES);
    u16::try_from(lines).unwrap_or(0)
}

/// How wide the box of cores is; nothing where there are none.
pub(super) fn cores_width(snapshot: &Snapshot, lines: u16, most: u16) -> u16 {
    let count = cores(snapshot).len();
    if count == 0 || lines == 0 {
        return 0;
    }
    let needed = count.div_ceil(usize::from(lines));
    let columns = u16::try_from(needed).unwrap_or(u16::MAX);
    let width = columns.saturating_mul(CORE).saturating_add(FRAME);
    if width <= most {
        return width.max(CORE * 2 + FRAME).min(most);
    }
    // One cell each, with numbers before each line.
    most.min(CORE * 3 + FRAME)
}

pub(super) fn draw(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let title = match &snapshot.cpu {
        Some(cpu) => {
            let used = percent(cpu.usage_percent);
            vec![
                format!("cpu {used}%{}", theme.level_mark(cpu.usage_percent)),
                format!("user {}", percent(cpu.user_percent)),
                format!("system {}", percent(cpu.system_percent)),
                format!("iowait {}", percent(cpu.iowait_percent)),
                format!("steal {}", percent(cpu.steal_percent)),
            ]
        }
        None => vec!["cpu".to_owned()],
    };
    let mut inner = titled(app, Block::Cpu, &title, area, frame);
    if snapshot.cpu.is_none() {
        let reason = why_absent(snapshot, Family::Cpu);
        instead(&reason, theme.dim, theme, inner, frame);
        return;
    }
    // Cores without a box of their own have a line here.
    let is_alone = app.screens.overview.is_enlarged || app.size.0 < CORES_FROM;
    if is_alone && inner.height >= 4 && !cores(snapshot).is_empty() {
        let line = Rect::new(inner.x, inner.bottom() - 1, inner.width, 1);
        inner.height -= 1;
        frame.render_widget(cells_line(app, cores(snapshot), line.width), line);
    }
    let readings = app.host().readings(&Figure::Cpu);
    let mut graph = graph(app, Unit::Percent);
    graph.top = Some(100.0);
    graph
        .above
        .push(Curve::area(&readings, Ink::Ramp(&theme.heat)));
    graph.draw(theme, inner, frame.buffer_mut());
}

/// The cores as a line of cells, as many as there is room for.
fn cells_line(app: &App, cores: &[Core], width: u16) -> Line<'static> {
    let theme = &app.settings.theme;
    let name = format!("{} cores ", cores.len());
    let room = usize::from(width).saturating_sub(name.len());
    let shown = if cores.len() > room {
        let rest = crate::widgets::parts::more(cores.len()).len() + 1;
        room.saturating_sub(rest)
    } else {
        cores.len()
    };
    let mut spans = vec![Span::styled(name, theme.dim)];
    spans.extend(cores.iter().take(shown).map(|core| cell(app, core)));
    if shown < cores.len() {
        let more = crate::widgets::parts::more(cores.len() - shown);
        spans.push(Span::styled(format!(" {more}"), theme.dim));
    }
    Line::from(spans)
}

/// A core as one cell.
fn cell(app: &App, core: &Core) -> Span<'static> {
    let theme = &app.settings.theme;
    let share = core.usage_percent / 100.0;
    let sign = crate::widgets::meter::level(share, theme);
    Span::styled(sign, theme.heat.at(share))
}

pub(super) fn draw_cores(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let cores = cores(snapshot);
    let busiest = cores.iter().map(|core| core.usage_percent);
    let busiest = busiest.filter(|it| it.is_finite()).fold(0.0, f64::max);
    let title = [
        format!("cores {}", cores.len()),
        format!("busiest {}%", percent(busiest)),
        frequencies(cores),
    ];
    let inner = titled(app, Block::Cores, &title, area, frame);
    if inner.is_empty() || cores.is_empty() {
        return;
    }
    let lines = usize::from(inner.height);
    let columns = cores.len().div_ceil(lines);
    let columns = u16::try_from(columns).unwrap_or(u16::MAX);
    // A column is left free between two.
    if columns.saturating_mul(CORE) <= inner.width + 1 {
        draw_bars(app, cores, columns, inner, frame);
    } else {
        draw_cells(app, cores, inner, frame);
    }
}

/// The clocks of the cores, as far as the kernel reports them.
fn frequencies(cores: &[Core]) -> String {
    let known = || cores.iter().filter_map(|core| core.frequency_mhz);
    let known = || known().filter(|it| it.is_finite() && *it > 0.0);
    let (low, high) = (
        known().fold(f64::INFINITY, f64::min),
        known().fold(0.0, f64::max),
    );
    if high <= 0.0 {
        return String::new();
    }
    let [low, high] = [low, high].map(|mhz| format!("{:.1}", mhz / 1000.0));
    if low == high {
        format!("{high} GHz")
    } else {
        format!("{low} to {high} GHz")
    }
}

fn draw_bars(app: &App, cores: &[Core], columns: u16, inner: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let width = inner.width / columns.max(1);
    // Columns of one length.
    let lines = cores.len().div_ceil(usize::from(columns.max(1)));
    let lines = u16::try_from(lines)
        .unwrap_or(u16::MAX)
        .min(inner.height)
        .max(1);
    for (place, core) in (0_u16..).zip(cores) {
        let (x, y) = (place / lines, place % lines);
        let text = format!("{}%", percent(core.usage_percent));
        let name = format!("{:>3}", core.core);
        let gap = u16::from(x + 1 < columns);
        let line = meter(&name, Some(core.usage_percent), &text, width - gap, theme);
        let spot = Rect::new(inner.x + x * width, inner.y + y, width - gap, 1);
        frame.render_widget(line, spot);
    }
}

/// One cell for each core, with the number of the first one before each line.
fn draw_cells(app: &App, cores: &[Core], inner: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let digits = cores.iter().map(|core| core.core.to_string().len()).max();
    let digits = digits.unwrap_or(1);
    let each = usize::from(inner.width).saturating_sub(digits + 1).max(1);
    let lines = cores
        .len()
        .div_ceil(each)
        .min(usize::from(inner.height))
        .max(1);
    let each = cores.len().div_ceil(lines).min(each);
    for (row, cores_of_line) in (0..inner.height).zip(cores.chunks(each)) {
        let first = cores_of_line.first().map_or(0, |core| core.core);
        let mut spans = vec![Span::styled(format!("{first:>digits$} "), theme.dim)];
        let is_last = row + 1 == inner.height;
        let left = cores.len().saturating_sub((usize::from(row) + 1) * each);
        let more = crate::widgets::parts::more(left);
        let shown = if is_last && left > 0 {
            // What has no line is said in place of the last ones.
            each.saturating_sub(more.len() + 6)
        } else {
            each
        };
        spans.extend(cores_of_line.iter().take(shown).map(|core| cell(app, core)));
        if is_last && left > 0 {
            let hidden = left + cores_of_line.len().saturating_sub(shown);
            let more = crate::widgets::parts::more(hidden);
            spans.push(Span::styled(format!(" {more}"), theme.dim));
        }
        let spot = Rect::new(inner.x, inner.y + row, inner.width, 1);
        frame.render_widget(Line::from(spans), spot);
    }
}
