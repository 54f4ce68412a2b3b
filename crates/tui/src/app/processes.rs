//! The view of processes: which are asked for, in which order, and which of them are shown.

use std::collections::{BTreeMap, BTreeSet};

use crate::query::ProcessQuery;
use crate::table::{Move, Sort, SortColumn, TableState};
use linux_api_wire::api::processes::Process;
use linux_api_wire::filter::Filter;

/// How many processes the overview asks for.
const OVERVIEW: usize = 40;
/// Processes are asked for in blocks, so that scrolling does not ask anew for every row.
const BLOCK: usize = 100;
/// Most lines of the process that is looked at closely, limits included.
const LINES: u16 = 60;
/// Most processes that are shown.
const MOST: usize = 10_000;

/// Picks all but kernel threads: they are the children of number 2, which starts them all.
pub(super) const NO_KERNEL: &str = "(ppid != 2 and pid != 2)";

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

impl SortColumn for Column {
    const ALL: &'static [Self] = &[
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

    fn title(self) -> &'static str {
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

    fn largest_first(self) -> bool {
        !matches!(
            self,
            Self::Pid | Self::User | Self::State | Self::Nice | Self::Unit | Self::Command
        )
    }
}

impl Column {
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
    /// The chosen process, the order, and a filter in the filter language.
    pub table: TableState<ProcessId, Column>,
    /// Whether the filter picks what it would leave out.
    pub inverted: bool,
    /// Whether to show who started whom.
    pub tree: bool,
    /// Processes whose descendants are folded away.
    pub folded: BTreeSet<ProcessId>,
    /// Grows with each change of what is folded.
    pub(super) folds: u64,
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
            table: TableState::new(Sort::by(Column::Cpu)),
            inverted: false,
            tree: false,
            folded: BTreeSet::new(),
            folds: 0,
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
    /// Folds the descendants of a process away, or unfolds them.
    pub(super) fn fold(&mut self, process: ProcessId, away: bool) {
        if away {
            self.folded.insert(process);
        } else {
            self.folded.remove(&process);
        }
        self.folds += 1;
    }

    /// The filter with one more condition, in place of a turned one too.
    pub(super) fn narrowed(&self, condition: &str) -> String {
        let own = self.typed_filter();
        let joined = |own: &str| format!("{own} and {condition}");
        if own.is_empty() {
            return condition.to_owned();
        }
        if own.split(" and ").any(|part| part == condition) {
            return own;
        }
        // Only `or` binds weaker than `and`.
        let has_or = own
            .split(|it: char| it.is_whitespace() || "()".contains(it))
            .any(|word| word.eq_ignore_ascii_case("or"));
        if has_or && !self.inverted {
            joined(&format!("({own})"))
        } else {
            joined(&own)
        }
    }

    /// The filter as it is sent: turned round and without kernel threads where asked for.
    #[must_use]
    pub fn whole_filter(&self) -> String {
        let own = self.table.filter.trim();
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

    /// The filter of the overview.
    fn overview_filter(&self) -> &'static str {
        if self.hide_kernel { NO_KERNEL } else { "" }
    }

    /// The order of the overview.
    pub(super) fn overview_sort() -> Sort<Column> {
        Sort::by(Column::Cpu)
    }

    /// What to ask for on the overview.
    #[must_use]
    pub fn overview_query(&self) -> ProcessQuery {
        let sort = Self::overview_sort();
        ProcessQuery {
            filter: self.overview_filter().to_owned(),
            sort: sort.column.field(),
            descending: sort.descending,
            limit: OVERVIEW,
        }
    }

    /// What to ask for: as many as are seen, in blocks; a tree needs them all.
    #[must_use]
    pub fn query(&self, height: u16) -> ProcessQuery {
        let seen = self.table.cursor.offset + usize::from(height);
        let limit = if self.tree {
            MOST
        } else {
            (seen / BLOCK + 1) * BLOCK
        };
        ProcessQuery {
            filter: self.whole_filter(),
            sort: self.table.sort.column.field(),
            descending: self.table.sort.descending,
            limit: limit.min(MOST),
        }
    }

    /// The rows at these places as a tree: children below their parents, siblings in the order of
    /// the places.
    pub(super) fn as_tree(&self, items: &[Process], places: &[usize]) -> Vec<Row> {
        let pids: BTreeSet<u32> = places.iter().map(|place| items[*place].pid).collect();
        let mut children: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut roots = Vec::new();
        for index in places.iter().copied() {
            let process = &items[index];
            // A process that is its own parent, or whose parent is not shown, is a root.
            if process.ppid != process.pid && pids.contains(&process.ppid) {
                children.entry(process.ppid).or_default().push(index);
            } else {
                roots.push(index);
            }
        }
        let mut rows = Vec::with_capacity(places.len());
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
        let places: Vec<usize> = (0..items.len()).collect();
        let rows = state.as_tree(&items, &places);
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
        state.table.filter = "nginx or cpu > 5".to_owned();
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
        state.table.cursor.offset = 90;
        assert_eq!(state.query(24).limit, 200);
        state.tree = true;
        assert_eq!(state.query(24).limit, MOST);
    }
}
