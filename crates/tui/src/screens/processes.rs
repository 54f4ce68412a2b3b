//! The process table, on its own view and below the overview.

pub(crate) mod query;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::draw_absence;
use crate::app::App;
use crate::app::processes::{self as state, Row};
use crate::app::shown::{Coverage, ShownProcesses};
use crate::query::ProcessRows;
use crate::sanitize::{clean, cut};
use crate::table::SortColumn;
use crate::theme::Theme;
use crate::units::{bytes, counted, cpu_time, percent, size};
use crate::widgets::frame::instead;
use crate::widgets::table::{Cell, Column, Table};
use linux_api_wire::api::processes::Process;

/// From which width on there is room for traffic, units and the folders of programs.
const WIDE: u16 = 120;
/// How deep a tree is drawn; deeper levels stand below each other.
const DEPTH: usize = 20;

fn kinds(width: u16) -> Vec<state::Column> {
    let wide = [
        state::Column::Threads,
        state::Column::Read,
        state::Column::Written,
        state::Column::Unit,
    ];
    let all = state::Column::ALL.iter().copied();
    all.filter(|it| width >= WIDE || !wide.contains(it))
        .collect()
}

fn layout(kind: state::Column) -> Column {
    let title = kind.title();
    match kind {
        state::Column::Pid => Column::numbers(title, 7),
        state::Column::User => Column::words(title, 9),
        state::Column::State => Column::words(title, 1),
        state::Column::Nice => Column::numbers(title, 3),
        state::Column::Threads => Column::numbers(title, 4),
        state::Column::Memory | state::Column::Read | state::Column::Written => {
            Column::numbers(title, 7)
        }
        state::Column::MemoryPercent => Column::numbers(title, 5),
        state::Column::Cpu => Column::numbers(title, 6),
        state::Column::Time => Column::numbers(title, 8),
        state::Column::Unit => Column::words(title, 18),
        state::Column::Command => Column::words(title, 0),
    }
}

/// The columns for the terminal's width, and which of the sortable ones each is.
pub(super) fn columns(app: &App) -> (Vec<Column>, Vec<Option<usize>>) {
    let kinds = kinds(app.size.0);
    let place = |kind: &state::Column| state::Column::ALL.iter().position(|it| it == kind);
    let places = kinds.iter().map(place).collect();
    (kinds.into_iter().map(layout).collect(), places)
}

pub(super) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let table_area = Rect {
        height: area.height - 1,
        ..area
    };
    let summary = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    frame.render_widget(summary_line(app), summary);
    let Some((shown, processes)) = shown_or_why(app, table_area, frame) else {
        return;
    };
    let cursor = &app.processes.table.cursor;
    let chosen = (cursor.offset, cursor.position(&shown.ids));
    draw_rows(app, shown, processes, chosen, table_area, frame);
    if shown.rows.is_empty() {
        let theme = &app.settings.theme;
        let text = match shown.coverage {
            Coverage::Part { .. } => "no process that is held fits the filter",
            _ => "no process fits the filter",
        };
        instead(text, theme.dim, theme, table_area, frame);
    }
}

/// The busiest processes below the overview.
pub(super) fn draw_top(app: &App, area: Rect, frame: &mut Frame<'_>) {
    if area.height < 2 {
        return;
    }
    let Some((shown, processes)) = shown_or_why(app, area, frame) else {
        return;
    };
    let mut table_area = area;
    if let Coverage::Part { .. } = shown.coverage {
        // Else the busiest of those held would pass for the busiest of all.
        table_area.height -= 1;
        let line = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        let style = app.settings.theme.dim;
        frame.render_widget(Line::styled(clean(&coverage(shown)), style), line);
    }
    draw_rows(app, shown, processes, (0, None), table_area, frame);
}

/// What is shown; else it is drawn why there is nothing.
fn shown_or_why<'a>(
    app: &'a App,
    area: Rect,
    frame: &mut Frame<'_>,
) -> Option<(&'a ShownProcesses, &'a ProcessRows)> {
    let shown = app.shown_processes();
    let error = app
        .host()
        .responses
        .processes
        .error_of(&app.process_query());
    draw_absence(app, shown.is_some(), error, area, frame);
    shown
}

fn draw_rows(
    app: &App,
    shown: &ShownProcesses,
    processes: &ProcessRows,
    (offset, selected): (usize, Option<usize>),
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let kinds = kinds(area.width);
    let columns: Vec<Column> = kinds.iter().copied().map(layout).collect();
    let table = Table {
        columns: &columns,
        sort: Some(shown.sort.heading()),
        offset,
        selected,
        focused: true,
        rows: shown.rows.len(),
        stale: app.freshness().is_old(),
    };
    table.draw(area, frame.buffer_mut(), theme, |row| {
        let row = &shown.rows[row];
        cells(app, &kinds, &processes.items[row.index], row)
    });
}

/// How many processes are shown, and of how many that are held where others may be missing.
fn coverage(shown: &ShownProcesses) -> String {
    match &shown.coverage {
        Coverage::Host { total, .. } => counted(*total, "process", "es"),
        Coverage::Whole => counted(shown.picked, "process", "es"),
        Coverage::Part {
            held,
            total,
            picked_by,
            is_unfiltered,
        } => {
            let processes = counted(*held, "process", "es");
            let mut text = if shown.picked == *held {
                format!("{processes} held")
            } else {
                format!("{} of {processes} held", shown.picked)
            };
            if held < total {
                text.extend([", ", &total.to_string(), " on the host"]);
            }
            if let Some(filter) = picked_by {
                text.extend([", picked by: ", filter]);
            }
            if *is_unfiltered {
                text.push_str(", not filtered: control groups are not held");
            }
            text
        }
    }
}

fn summary_line(app: &App) -> Line<'static> {
    let theme = &app.settings.theme;
    let state = &app.processes;
    if let Some(error) = app
        .host()
        .responses
        .processes
        .error_of(&app.process_query())
    {
        return Line::styled(clean(&error.in_short()), theme.bad);
    }
    let Some((shown, _)) = app.shown_processes() else {
        return Line::default();
    };
    let base = if state.whole_machine {
        "of the machine"
    } else {
        "of one core"
    };
    let mut text = match shown.coverage {
        // The rest is fetched on the way down, unless nothing is.
        Coverage::Host { held, total } if held < total && (app.frozen.is_some() || state.tree) => {
            format!("the first {held} of {total} processes")
        }
        _ => coverage(shown),
    };
    text.extend([", CPU% ", base]);
    if state.hide_kernel {
        text.push_str(", no kernel threads");
    }
    if state.tree {
        text.push_str(", tree");
    }
    Line::styled(clean(&text), theme.dim)
}

fn cells(app: &App, kinds: &[state::Column], process: &Process, row: &Row) -> Vec<Cell> {
    let theme = &app.settings.theme;
    let optional = |value: Option<String>| {
        let style = if value.is_some() {
            theme.text
        } else {
            theme.dim
        };
        Cell::new(value.unwrap_or_else(|| "-".to_owned()), style)
    };
    let cell = |kind: &state::Column| match kind {
        state::Column::Pid => Cell::new(process.pid.to_string(), theme.dim),
        state::Column::User => optional(
            process
                .user
                .clone()
                .or_else(|| process.uid.map(|uid| uid.to_string())),
        ),
        state::Column::State => state_cell(&process.state, theme),
        state::Column::Nice => Cell::new(process.nice.to_string(), theme.dim),
        state::Column::Threads => Cell::new(process.threads.to_string(), theme.dim),
        state::Column::Memory => Cell::new(size(process.memory_bytes), theme.text),
        state::Column::MemoryPercent => match process.memory_percent {
            Some(value) => Cell::new(percent(value), theme.share(value)),
            None => optional(None),
        },
        state::Column::Cpu => cpu_cell(app, process),
        state::Column::Time => Cell::new(cpu_time(process.cpu_seconds), theme.dim),
        state::Column::Read => optional(process.read_bytes_per_second.map(bytes)),
        state::Column::Written => optional(process.written_bytes_per_second.map(bytes)),
        state::Column::Unit => optional(process.container.clone().or_else(|| process.unit.clone())),
        state::Column::Command => Cell::new(command(app, process, row), theme.text),
    };
    kinds.iter().map(cell).collect()
}

fn cpu_cell(app: &App, process: &Process) -> Cell {
    let theme = &app.settings.theme;
    let Some(of_core) = process.cpu_percent else {
        return Cell::new("-", theme.dim);
    };
    let cpu = app
        .host()
        .responses
        .snapshot
        .value()
        .and_then(|it| it.cpu.as_ref());
    let cores = cpu.map_or(1, |cpu| cpu.per_core.len().max(1));
    let cores = f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
    let shown = if app.processes.whole_machine {
        of_core / cores
    } else {
        of_core
    };
    let style = if of_core < 0.05 {
        theme.dim
    } else {
        theme.share(of_core)
    };
    Cell::new(percent(shown), style)
}

fn state_cell(state: &str, theme: &Theme) -> Cell {
    let (letter, style) = match state {
        "running" => ("R", theme.good),
        "sleeping" => ("S", theme.dim),
        "disk-sleep" => ("D", theme.warn),
        "zombie" => ("Z", theme.bad),
        "stopped" => ("T", theme.warn),
        "tracing-stop" => ("t", theme.warn),
        "idle" => ("I", theme.dim),
        _ => ("?", theme.dim),
    };
    Cell::new(letter, style)
}

/// A command line without the folder of its program: on narrow terminals there would be nothing
/// else to see. Sideways scrolling shows it.
fn without_folder(command: &str) -> &str {
    let program = command.split(' ').next().unwrap_or_default();
    let start = program.rfind('/').map_or(0, |place| place + 1);
    // A program is not called nothing.
    if start < program.len() {
        &command[start..]
    } else {
        command
    }
}

fn command(app: &App, process: &Process, row: &Row) -> String {
    let state = &app.processes;
    let [branch, last, line, collapsed] = app.settings.theme.glyphs.tree;
    let mut text = String::new();
    let depth = row.branch.len();
    for (level, more) in row.branch.iter().enumerate().take(DEPTH) {
        text.push_str(match (level + 1 == depth, more) {
            (true, true) => branch,
            (true, false) => last,
            (false, true) => line,
            (false, false) => "  ",
        });
    }
    if row.folded > 0 {
        text.push_str(collapsed);
    }
    let full = state.full_command && !process.command.is_empty();
    let name = if full {
        cut(&process.command).to_owned()
    } else {
        // As ps shows what has no command line.
        if process.command.is_empty() && !process.name.is_empty() {
            format!("[{}]", cut(&process.name))
        } else {
            cut(&process.name).to_owned()
        }
    };
    let name = if full && state.scroll == 0 && app.size.0 < WIDE {
        without_folder(&name)
    } else {
        &name
    };
    let scrolled = name.chars().skip(state.scroll);
    text.extend(scrolled);
    text
}
