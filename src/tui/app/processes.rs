//! The view of processes: which are asked for, in which order, and which of them are shown.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{Move, Rows};
use crate::api::processes::Process;
use crate::model::filter::Filter;
use crate::tui::message::{ProcessQuery, ProcessRows};

/// How many processes the overview asks for.
const OVERVIEW: usize = 40;
/// Processes are asked for in blocks, so that scrolling does not ask anew for every row.
const BLOCK: usize = 100;
/// Most lines of the process that is looked at closely, limits included.
const LINES: u16 = 60;
/// Most processes that are shown.
const MOST: usize = 10_000;

/// Picks all but kernel threads: they are the children of number 2, which starts them all.
const NO_KERNEL: &str = "(ppid != 2 and pid != 2)";

/// Columns of the process table that can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Its number.
    Pid,
    /// Whose it is.
    User,
    /// What it is doing.
    State,
    /// Nice value.
    Nice,
    /// Number of threads.
    Threads,
    /// Resident memory.
    Memory,
    /// Percent of memory.
    MemoryPercent,
    /// Percent of a core or of the machine.
    Cpu,
    /// CPU time.
    Time,
    /// Bytes read a second.
    Read,
    /// Bytes written a second.
    Written,
    /// Unit or container.
    Unit,
    /// Name or command line.
    Command,
}

impl Column {
    /// All of them, from left to right.
    pub const ALL: &'static [Self] = &[
        Self::Pid,
        Self::User,
        Self::State,
        Self::Nice,
        Self::Threads,
        Self::Memory,
        Self::MemoryPercent,
        Self::Cpu,
        Self::Time,
        Self::Read,
        Self::Written,
        Self::Unit,
        Self::Command,
    ];

    /// Its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pid => "PID",
            Self::User => "USER",
            Self::State => "S",
            Self::Nice => "NI",
            Self::Threads => "THR",
            Self::Memory => "RES",
            Self::MemoryPercent => "MEM%",
            Self::Cpu => "CPU%",
            Self::Time => "TIME",
            Self::Read => "READ/s",
            Self::Written => "WRITE/s",
            Self::Unit => "UNIT",
            Self::Command => "COMMAND",
        }
    }

    /// Its name in the API.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::User => "user",
            Self::State => "state",
            Self::Nice => "nice",
            Self::Threads => "threads",
            Self::Memory => "memory_bytes",
            Self::MemoryPercent => "memory_percent",
            Self::Cpu => "cpu_percent",
            Self::Time => "cpu_seconds",
            Self::Read => "read_bytes_per_second",
            Self::Written => "written_bytes_per_second",
            Self::Unit => "unit",
            Self::Command => "name",
        }
    }

    /// Whether people want the largest first.
    #[must_use]
    pub const fn largest_first(self) -> bool {
        !matches!(
            self,
            Self::Pid | Self::User | Self::State | Self::Nice | Self::Unit | Self::Command
        )
    }
}

/// A process and nothing else: numbers are used again, but not within the same moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it started.
    pub start_time: String,
}

impl ProcessId {
    /// The identity of a process.
    #[must_use]
    pub fn of(process: &Process) -> Self {
        Self {
            pid: process.pid,
            start_time: process.start_time.clone(),
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which of the processes.
    pub index: usize,
    /// Its place in the tree: for each level whether more siblings follow.
    pub branch: Vec<bool>,
    /// How many of its descendants are folded away.
    pub folded: usize,
}

/// The view of processes.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the screen"
)]
pub struct ProcessesState {
    /// The chosen process.
    pub rows: Rows<ProcessId>,
    /// What to sort by.
    pub sort: Column,
    /// Whether the largest comes first.
    pub descending: bool,
    /// In the filter language.
    pub filter: String,
    /// Whether the filter picks what it would leave out.
    pub inverted: bool,
    /// Whether to show who started whom.
    pub tree: bool,
    /// Processes whose descendants are folded away.
    pub folded: BTreeSet<ProcessId>,
    /// Whether to show command lines, not names.
    pub full_command: bool,
    /// Whether 100 % is the whole machine, not one core.
    pub whole_machine: bool,
    /// Whether kernel threads are hidden.
    pub hide_kernel: bool,
    /// How far the command lines are scrolled to the side.
    pub scroll: usize,
    /// The process that is looked at closely.
    pub opened: Option<ProcessId>,
    /// How many of its lines are above the first one seen.
    pub scrolled: u16,
}

impl ProcessesState {
    /// Scrolls the process that is looked at closely.
    pub(super) fn read_on(&mut self, by: Move) {
        self.scrolled = match by {
            Move::Top => 0,
            Move::Bottom => LINES,
            Move::By(by) => usize::from(self.scrolled)
                .saturating_add_signed(by)
                .try_into()
                .unwrap_or(LINES)
                .min(LINES),
        };
    }
}

impl Default for ProcessesState {
    fn default() -> Self {
        Self {
            rows: Rows::default(),
            sort: Column::Cpu,
            descending: true,
            filter: String::new(),
            inverted: false,
            tree: false,
            folded: BTreeSet::new(),
            full_command: true,
            whole_machine: false,
            hide_kernel: true,
            scroll: 0,
            opened: None,
            scrolled: 0,
        }
    }
}

impl ProcessesState {
    /// The filter as it is sent: turned round and without kernel threads where asked for.
    #[must_use]
    pub fn whole_filter(&self) -> String {
        let own = self.filter.trim();
        let kernel = self.hide_kernel.then_some(NO_KERNEL);
        let own = match (own.is_empty(), self.inverted) {
            (true, _) => None,
            (false, true) => Some(format!("not ({own})")),
            (false, false) => Some(format!("({own})")),
        };
        let parts: Vec<&str> = own.as_deref().into_iter().chain(kernel).collect();
        parts.join(" and ")
    }

    /// What is wrong with a filter; nothing when it can be used.
    #[must_use]
    pub fn problem(filter: &str) -> Option<String> {
        let filter = filter.trim();
        if filter.is_empty() {
            return None;
        }
        let problem = filter.parse::<Filter>().err()?;
        Some(problem.to_string())
    }

    /// What to ask for on the overview.
    #[must_use]
    pub fn overview_query(&self) -> ProcessQuery {
        ProcessQuery {
            filter: if self.hide_kernel {
                NO_KERNEL.to_owned()
            } else {
                String::new()
            },
            sort: Column::Cpu.field(),
            descending: true,
            limit: OVERVIEW,
        }
    }

    /// What to ask for: as many as are seen, in blocks; a tree needs them all.
    #[must_use]
    pub fn query(&self, height: u16) -> ProcessQuery {
        let seen = self.rows.offset + usize::from(height);
        let limit = if self.tree {
            MOST
        } else {
            (seen / BLOCK + 1) * BLOCK
        };
        ProcessQuery {
            filter: self.whole_filter(),
            sort: self.sort.field(),
            descending: self.descending,
            limit: limit.min(MOST),
        }
    }

    /// The rows to show, in order.
    #[must_use]
    pub fn shown(&self, processes: &ProcessRows) -> Vec<Row> {
        if self.tree {
            return self.shown_as_tree(&processes.items);
        }
        let plain = |index| Row {
            index,
            branch: Vec::new(),
            folded: 0,
        };
        (0..processes.items.len()).map(plain).collect()
    }

    fn shown_as_tree(&self, items: &[Process]) -> Vec<Row> {
        let pids: BTreeSet<u32> = items.iter().map(|process| process.pid).collect();
        let mut children: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut roots = Vec::new();
        for (index, process) in items.iter().enumerate() {
            // A process that is its own parent, or whose parent is not shown, is a root.
            if process.ppid != process.pid && pids.contains(&process.ppid) {
                children.entry(process.ppid).or_default().push(index);
            } else {
                roots.push(index);
            }
        }
        let mut rows = Vec::with_capacity(items.len());
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<(usize, Vec<bool>)> = Vec::new();
        waiting.extend(roots.into_iter().rev().map(|index| (index, Vec::new())));
        while let Some((index, branch)) = waiting.pop() {
            let process = &items[index];
            // A hostile answer may go round in circles.
            if !seen.insert(process.pid) {
                continue;
            }
            let own = children.get(&process.pid).map_or(&[][..], Vec::as_slice);
            let folded = self.folded.contains(&ProcessId::of(process));
            rows.push(Row {
                index,
                branch: branch.clone(),
                folded: if folded { own.len() } else { 0 },
            });
            if folded {
                continue;
            }
            for (place, child) in own.iter().enumerate().rev() {
                let mut deeper = branch.clone();
                deeper.push(place + 1 < own.len());
                waiting.push((*child, deeper));
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process {
            pid,
            ppid: parent,
            ..Process::default()
        }
    }

    fn tree(pairs: &[(u32, u32)], folded: &[u32]) -> Vec<(u32, usize, usize)> {
        let items: Vec<Process> = pairs.iter().map(|it| process(it.0, it.1)).collect();
        let id = |pid: &u32| ProcessId {
            pid: *pid,
            start_time: String::new(),
        };
        let state = ProcessesState {
            tree: true,
            folded: folded.iter().map(id).collect(),
            ..ProcessesState::default()
        };
        let rows = state.shown_as_tree(&items);
        rows.iter()
            .map(|row| (items[row.index].pid, row.branch.len(), row.folded))
            .collect()
    }

    #[test]
    fn children_stand_below_their_parents_and_orphans_are_roots() {
        let pairs = [(5, 3), (1, 0), (2, 1), (4, 2), (3, 1), (9, 77)];
        let shown = tree(&pairs, &[]);
        assert_eq!(
            shown,
            [
                (1, 0, 0),
                (2, 1, 0),
                (4, 2, 0),
                (3, 1, 0),
                (5, 2, 0),
                (9, 0, 0)
            ]
        );
        assert_eq!(tree(&pairs, &[1])[0], (1, 0, 2));
        assert_eq!(tree(&pairs, &[1]).len(), 2);
    }

    #[test]
    fn circles_end() {
        assert_eq!(tree(&[(1, 1), (2, 3), (3, 2)], &[]), [(1, 0, 0)]);
    }

    #[test]
    fn the_filter_is_sent_whole() {
        let mut state = ProcessesState::default();
        assert_eq!(state.whole_filter(), "(ppid != 2 and pid != 2)");
        state.filter = "nginx or cpu > 5".to_owned();
        state.inverted = true;
        state.hide_kernel = false;
        assert_eq!(state.whole_filter(), "not (nginx or cpu > 5)");
        state.hide_kernel = true;
        assert_eq!(ProcessesState::problem(&state.whole_filter()), None);
        assert!(ProcessesState::problem("cpu >").is_some());
    }

    #[test]
    fn only_what_is_seen_is_asked_for() {
        let mut state = ProcessesState::default();
        assert_eq!(state.query(24).limit, 100);
        state.rows.offset = 90;
        assert_eq!(state.query(24).limit, 200);
        state.tree = true;
        assert_eq!(state.query(24).limit, MOST);
    }
}
