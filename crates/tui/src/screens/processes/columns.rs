//! The columns of the process table.

use std::cmp::Ordering;
use std::time::Duration;

use super::calm::{CalmReadings, KEPT};
use super::tree::TreeRow;
use crate::app::App;
use crate::sanitize::cut;
use crate::table::{Sort, SortKey, Spot, TableCell, TableColumn};
use crate::theme::Theme;
use linux_api_wire::api::processes::Process;
use linux_api_wire::units::{
    compact::{bytes, percent, size},
    cpu_time,
};

/// From which width on there is room for traffic, units and the directories of programs.
const WIDE: u16 = 120;
/// From which widths on there is room for what is needed less often.
const NAMES: u16 = 136;
const TRENDS: u16 = 140;
const VIRTUAL: u16 = 152;
const SHARED: u16 = 160;
const STARTS: u16 = 180;
const PRIORITIES: u16 = 192;
const CGROUPS: u16 = 220;
/// The title of the last column, which takes what is left.
pub(super) const COMMAND: &str = "COMMAND";
/// How many there are.
const COLUMNS: usize = 20;
/// How deep a tree is drawn; deeper levels stand below each other.
const DEPTH: usize = 20;

/// A process, its place in the tree, and how it does.
#[derive(Clone, Copy)]
pub(super) struct ProcessRow<'a> {
    process: &'a Process,
    branch: &'a [bool],
    folded: usize,
    /// Percent of one core, calmed.
    cpu: Option<f64>,
    /// The same over time.
    trend: [Option<f64>; KEPT],
}

impl<'a> ProcessRow<'a> {
    pub(super) fn new(
        process: &'a Process,
        row: &'a TreeRow,
        calm: &CalmReadings,
        every: Duration,
    ) -> Self {
        Self {
            process,
            branch: &row.branch,
            folded: row.folded,
            cpu: calm.cpu(process),
            trend: calm.trend(process, every),
        }
    }

    const fn alone(process: &'a Process) -> Self {
        Self {
            process,
            branch: &[],
            folded: 0,
            cpu: process.cpu_percent,
            trend: [None; KEPT],
        }
    }
}

pub(super) type ProcessColumn<'a> = TableColumn<ProcessRow<'a>>;

/// All columns, from left to right.
pub(super) fn columns<'a>() -> [ProcessColumn<'a>; COLUMNS] {
    [
        ProcessColumn::numbers("PID", 7, |at, row| at.dim(row.process.pid.to_string()))
            .ascending(|row| Some(SortKey::Whole(row.process.pid.into())))
            .field("pid"),
        ProcessColumn::words("USER", 9, |at, row| {
            let uid = || row.process.uid.map(|uid| uid.to_string());
            at.optional(row.process.user.clone().or_else(uid))
        })
        .ascending(|row| row.process.user.as_deref().map(SortKey::Text))
        .field("user"),
        ProcessColumn::numbers("PRI", 4, |at, row| {
            at.optional(row.process.priority.map(|it| it.to_string()))
        })
        .ascending(|row| row.process.priority.map(|it| SortKey::Number(it.into())))
        .field("priority")
        .from(PRIORITIES),
        ProcessColumn::words("S", 1, |at, row| state_cell(&row.process.state, at.theme))
            .ascending(|row| Some(SortKey::Text(&row.process.state)))
            .field("state"),
        ProcessColumn::numbers("NI", 3, |at, row| at.dim(row.process.nice.to_string()))
            .ascending(|row| Some(SortKey::Number(row.process.nice.into())))
            .field("nice"),
        ProcessColumn::numbers("THR", 4, |at, row| at.dim(row.process.threads.to_string()))
            .descending(|row| Some(SortKey::Whole(row.process.threads)))
            .field("threads")
            .from(WIDE),
        ProcessColumn::numbers("VIRT", 7, |at, row| at.dim(size(row.process.virtual_bytes)))
            .descending(|row| Some(SortKey::Whole(row.process.virtual_bytes)))
            .field("virtual_bytes")
            .from(VIRTUAL),
        ProcessColumn::numbers("RES", 7, |at, row| at.text(size(row.process.memory_bytes)))
            .descending(|row| Some(SortKey::Whole(row.process.memory_bytes)))
            .field("memory_bytes"),
        ProcessColumn::numbers("SHR", 7, |at, row| {
            at.optional(row.process.shared_bytes.map(size))
        })
        .descending(|row| row.process.shared_bytes.map(SortKey::Whole))
        .field("shared_bytes")
        .from(SHARED),
        ProcessColumn::numbers("MEM%", 5, |at, row| match row.process.memory_percent {
            Some(value) => TableCell::new(percent(value), at.theme.share(value)),
            None => at.dim("-"),
        })
        .descending(|row| row.process.memory_percent.map(SortKey::Number))
        .field("memory_percent"),
        ProcessColumn::numbers("CPU%", 6, |at, row| cpu_cell(at, row.cpu))
            .descending(|row| row.cpu.map(SortKey::Number))
            .field("cpu_percent"),
        ProcessColumn::words("TREND", 10, |at, row| trend_cell(at, row)).from(TRENDS),
        ProcessColumn::numbers("TIME", 8, |at, row| {
            at.dim(cpu_time(row.process.cpu_seconds))
        })
        .descending(|row| Some(SortKey::Number(row.process.cpu_seconds)))
        .field("cpu_seconds"),
        ProcessColumn::numbers("READ/s", 7, |at, row| {
            at.optional(row.process.read_bytes_per_second.map(bytes))
        })
        .descending(|row| row.process.read_bytes_per_second.map(SortKey::Number))
        .field("read_bytes_per_second")
        .from(WIDE),
        ProcessColumn::numbers("WRITE/s", 7, |at, row| {
            at.optional(row.process.written_bytes_per_second.map(bytes))
        })
        .descending(|row| row.process.written_bytes_per_second.map(SortKey::Number))
        .field("written_bytes_per_second")
        .from(WIDE),
        ProcessColumn::words("START", 10, |at, row| at.dim(start(at, row.process)))
            .ascending(|row| Some(SortKey::Text(&row.process.start_time)))
            .field("start_time")
            .from(STARTS),
        ProcessColumn::words("UNIT", 18, |at, row| {
            let unit = || row.process.unit.clone();
            at.optional(row.process.container.clone().or_else(unit))
        })
        .ascending(|row| row.process.unit.as_deref().map(SortKey::Text))
        .field("unit")
        .from(WIDE),
        ProcessColumn::words("CGROUP", 24, |at, row| {
            at.optional(row.process.cgroup.clone())
        })
        .ascending(|row| row.process.cgroup.as_deref().map(SortKey::Text))
        .field("cgroup")
        .from(CGROUPS),
        ProcessColumn::words("NAME", 15, |at, row| at.text(cut(&row.process.name)))
            .ascending(|row| Some(SortKey::Text(&row.process.name)))
            .field("name")
            .from(NAMES),
        ProcessColumn::words(COMMAND, 0, |at, row| at.text(command(at.app, row)))
            .ascending(|row| Some(SortKey::Text(&row.process.command)))
            .field("command"),
    ]
}

/// What the API calls the column of a title.
pub(super) fn field(title: &str) -> &'static str {
    let columns = columns();
    TableColumn::titled(&columns, title).map_or("", |column| column.heading().field)
}

/// The columns that none of these processes has anything in.
pub(super) fn empty(processes: &[Process]) -> Vec<&'static str> {
    // Where there are no rows, nothing is known of them.
    let has = |holds: fn(&Process) -> bool| processes.is_empty() || processes.iter().any(holds);
    let optional: [(&'static str, bool); 6] = [
        ("READ/s", has(|it| it.read_bytes_per_second.is_some())),
        ("WRITE/s", has(|it| it.written_bytes_per_second.is_some())),
        (
            "UNIT",
            has(|it| it.unit.is_some() || it.container.is_some()),
        ),
        ("CGROUP", has(|it| it.cgroup.is_some())),
        ("PRI", has(|it| it.priority.is_some())),
        ("MEM%", has(|it| it.memory_percent.is_some())),
    ];
    let without = optional.into_iter().filter(|(_, has_some)| !has_some);
    without.map(|(title, _)| title).collect()
}

/// Compares two processes as the API does: what is missing comes last both ways, and the lower number
/// decides among equals.
pub(super) fn order<'a>(sort: Sort) -> impl Fn(&'a Process, &'a Process) -> Ordering {
    let mut columns = columns().into_iter();
    let column = columns.find(|column| column.heading().title == sort.title);
    move |one, other| {
        let order = column.as_ref().map_or(Ordering::Equal, |column| {
            let (one, other) = (ProcessRow::alone(one), ProcessRow::alone(other));
            column.compare(&one, &other, sort.descending)
        });
        order.then(one.pid.cmp(&other.pid))
    }
}

/// When a process started: the time of today, else the day, in UTC.
fn start(at: &Spot<'_>, process: &Process) -> String {
    let now = at.app.time_of(at.app.host()).to_string();
    let time = process.start_time.as_str();
    let (Some(day), Some(clock)) = (time.get(..10), time.get(11..19)) else {
        return "-".to_owned();
    };
    if now.get(..10) == Some(day) {
        clock.to_owned()
    } else {
        day.to_owned()
    }
}

/// CPU use over time, where the full height is one core.
fn trend_cell(at: &Spot<'_>, row: &ProcessRow<'_>) -> TableCell {
    let levels = at.theme.glyphs.levels;
    let level = |value: f64| {
        let share = (value / 100.0).clamp(0.0, 1.0);
        let mut steps = (1_u32..).zip(levels);
        let count = f64::from(u32::try_from(levels.len()).unwrap_or(1));
        let found = steps.find(|(step, _)| share * count <= f64::from(*step));
        found.map_or(levels[levels.len() - 1], |(_, glyph)| *glyph)
    };
    let glyphs = row.trend.iter().map(|value| match value {
        // Nothing to speak of is no bar; nothing known is no mark.
        Some(value) if *value < 0.05 => "\u{b7}",
        Some(value) => level(*value),
        None => " ",
    });
    let text: String = glyphs.collect();
    let text = if at.theme.glyphs.ascii {
        text.replace('\u{b7}', ".")
    } else {
        text
    };
    TableCell::new(text, at.theme.graph)
}

fn cpu_cell(at: &Spot<'_>, cpu: Option<f64>) -> TableCell {
    let Some(of_core) = cpu else {
        return at.dim("-");
    };
    let snapshot = at.app.host().responses.snapshot.value();
    let cpu = snapshot.and_then(|it| it.cpu.as_ref());
    let cores = cpu.map_or(1, |cpu| cpu.per_core.len().max(1));
    let cores = f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
    let is_whole = at.app.screens.processes.whole_machine;
    let shown = percent(if is_whole { of_core / cores } else { of_core });
    if of_core < 0.05 {
        return at.dim(shown);
    }
    TableCell::new(shown, at.theme.share(of_core))
}

fn state_cell(state: &str, theme: &Theme) -> TableCell {
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
    TableCell::new(letter, style)
}

/// A command line without the directory of its program: on narrow terminals there would be nothing
/// else to see. Sideways scrolling shows it.
fn without_directory(command: &str) -> &str {
    let program = command.split(' ').next().unwrap_or_default();
    let start = program.rfind('/').map_or(0, |place| place + 1);
    // A program is not called nothing.
    if start < program.len() {
        &command[start..]
    } else {
        command
    }
}

fn command(app: &App, row: &ProcessRow<'_>) -> String {
    let state = &app.screens.processes;
    let process = row.process;
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
        without_directory(&name)
    } else {
        &name
    };
    let scrolled = name.chars().skip(state.scroll);
    text.extend(scrolled);
    text
}
