//! What is chosen on the view of processes, and what the host is polled for because of it.

use std::collections::BTreeSet;

use super::calm::CalmReadings;
use super::choice::ColumnChoice;
use super::columns;
use super::list::ProcessTable;
use crate::app::App;
use crate::query::{MoreColumns, ProcessQuery};
use crate::table::{AnyTable, Sort, TableState};
use linux_api_wire::api::processes::Process;
use linux_api_wire::filter::Filter;

/// Processes of the overview are polled in blocks of so many, which are as many as most terminals show.
const OVERVIEW: usize = 40;
/// Processes are polled in blocks, so that scrolling does not make another query of every row.
const BLOCK: usize = 100;
/// Most processes that are shown.
const MOST: usize = 10_000;
/// The order of the overview.
pub(super) const BUSIEST: Sort = Sort {
    title: "CPU%",
    descending: true,
};

/// Words of the filter language that stand in no row.
const OWN_WORDS: [&str; 18] = [
    "and",
    "or",
    "not",
    "name",
    "command",
    "user",
    "state",
    "pid",
    "ppid",
    "cpu",
    "mem",
    "memory",
    "threads",
    "unit",
    "cgroup",
    "container",
    "uid",
    "percent",
];

/// Picks all but kernel threads: they are the children of number 2, which starts them all.
pub(super) const NO_KERNEL: &str = "(ppid != 2 and pid != 2)";

/// A process and nothing else: numbers are used again, but not within the same moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it started.
    pub start_time: String,
}

impl From<&Process> for ProcessId {
    fn from(process: &Process) -> Self {
        Self {
            pid: process.pid,
            start_time: process.start_time.clone(),
        }
    }
}

impl PartialEq<&Process> for ProcessId {
    fn eq(&self, process: &&Process) -> bool {
        self.pid == process.pid && self.start_time == process.start_time
    }
}

/// The view of processes.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the screen"
)]
pub struct ProcessesState {
    /// The chosen process, the order, and a filter in the filter language.
    pub table: TableState<ProcessId>,
    /// Whether the filter picks what it would leave out.
    pub(super) inverted: bool,
    /// Whether to show who started whom.
    pub tree: bool,
    /// Processes whose descendants are folded away.
    pub(super) folded: BTreeSet<ProcessId>,
    /// Grows with each change of what is folded.
    pub(super) folds: u64,
    /// Whether to show command lines, not names.
    pub(super) full_command: bool,
    /// Whether 100 % is the whole machine, not one core.
    pub(super) whole_machine: bool,
    /// Whether kernel threads are hidden.
    pub(super) hide_kernel: bool,
    /// How far the command lines are scrolled to the side.
    pub(super) scroll: usize,
    /// Which columns are wanted.
    pub(crate) columns: ColumnChoice,
    /// The last readings of each process.
    pub(super) calm: CalmReadings,
    /// The process that is followed, and what it is called.
    pub(super) followed: Option<(ProcessId, String)>,
    /// The processes that are shown, here or on the overview.
    pub(super) list: Option<ProcessTable>,
}

impl Default for ProcessesState {
    fn default() -> Self {
        Self {
            table: TableState::sorted(BUSIEST.title, BUSIEST.descending).resting(),
            inverted: false,
            tree: false,
            folded: BTreeSet::new(),
            folds: 0,
            full_command: true,
            whole_machine: false,
            hide_kernel: true,
            scroll: 0,
            columns: ColumnChoice::default(),
            calm: CalmReadings::default(),
            followed: None,
            list: None,
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

    /// Unfolds all processes, or folds all of these.
    pub(super) fn fold_all(&mut self, parents: impl Iterator<Item = ProcessId>) {
        if self.folded.is_empty() {
            self.folded.extend(parents);
        } else {
            self.folded.clear();
        }
        self.folds += 1;
    }

    /// The words of the filter as they stand in rows: what is not one of its own words.
    pub(super) fn filter_words(&self) -> Vec<String> {
        let own = self.table.filter.as_str();
        let mut words = Vec::new();
        // Every other part is within quotes.
        for (place, part) in own.split('"').enumerate() {
            if place % 2 == 1 {
                words.push(
                    part.trim_start_matches('^')
                        .trim_end_matches('$')
                        .to_owned(),
                );
                continue;
            }
            let is_within = |it: char| it.is_alphanumeric() || "-_./@:".contains(it);
            let all = part.split(|it: char| !is_within(it));
            let is_text = |word: &&str| {
                word.chars().any(char::is_alphabetic)
                    && !OWN_WORDS.contains(&word.to_ascii_lowercase().as_str())
                    && !is_amount(word)
            };
            words.extend(all.filter(is_text).map(str::to_owned));
        }
        words
    }

    /// What was typed, turned round where that was chosen.
    #[must_use]
    pub fn typed_filter(&self) -> String {
        let own = self.table.filter.trim();
        if self.inverted && !own.is_empty() {
            format!("not ({own})")
        } else {
            own.to_owned()
        }
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

    /// The filter as it is sent: turned round and without kernel threads where chosen.
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

    /// The query of the overview: as many as can be seen.
    fn overview_query(&self, height: u16) -> ProcessQuery {
        let filter = if self.hide_kernel { NO_KERNEL } else { "" };
        let limit = usize::from(height).next_multiple_of(OVERVIEW);
        query(filter.to_owned(), BUSIEST, limit)
    }

    /// The query of the view: as many as are seen, in blocks; a tree needs them all.
    fn query(&self, width: u16, height: u16) -> ProcessQuery {
        let seen = self.table.offset + usize::from(height);
        // One that is followed may be anywhere.
        let is_lost = self.table.is_followed && self.table.position().is_none();
        let limit = if self.tree || is_lost {
            MOST
        } else {
            (seen / BLOCK + 1) * BLOCK
        };
        ProcessQuery {
            more: MoreColumns {
                cgroups: self.columns.wants("CGROUP", width),
                priorities: self.columns.wants("PRI", width),
                shared: self.columns.wants("SHR", width),
            },
            ..query(self.whole_filter(), self.table.sort, limit.min(MOST))
        }
    }
}

/// Whether a word of a filter is a number, with or without a unit.
fn is_amount(word: &str) -> bool {
    let number = word.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    !number.is_empty() && number.chars().all(|it| it.is_ascii_digit() || it == '.')
}

fn query(filter: String, sort: Sort, limit: usize) -> ProcessQuery {
    ProcessQuery {
        filter,
        sort: columns::field(sort.title),
        descending: sort.descending,
        limit,
        more: MoreColumns::default(),
    }
}

impl App {
    /// The query of the processes that are shown on the overview, or on their own view.
    #[must_use]
    pub fn process_query(&self, is_overview: bool) -> ProcessQuery {
        let state = &self.screens.processes;
        if is_overview {
            state.overview_query(self.size.1)
        } else {
            state.query(self.size.0, self.size.1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_words_of_a_filter_are_told_from_its_language() {
        let words = |filter: &str| {
            let mut state = ProcessesState::default();
            filter.clone_into(&mut state.table.filter);
            state.filter_words()
        };
        assert_eq!(words("nginx"), ["nginx"]);
        assert_eq!(
            words("cpu > 5 and (user = www-data or memory > 1.5G)"),
            ["www-data"]
        );
        assert_eq!(words("not name ~ \"^php fpm$\""), ["php fpm"]);
        assert!(words("pid = 42").is_empty() && words("").is_empty());
    }

    #[test]
    fn only_what_is_seen_is_asked_for() {
        let mut state = ProcessesState::default();
        assert_eq!(state.query(80, 24).limit, 100);
        state.table.offset = 90;
        assert_eq!(state.query(80, 24).limit, 200);
        state.tree = true;
        assert_eq!(state.query(80, 24).limit, MOST);
    }
}
