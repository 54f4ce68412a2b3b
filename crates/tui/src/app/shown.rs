//! The processes that are shown: heading, badge and rows come from one value, which is made once
//! from what is held and what was chosen.

use std::cmp::Ordering;

use super::App;
use super::processes::{Column, NO_KERNEL, ProcessId, ProcessesState, Row};
use crate::query::{ProcessQuery, ProcessRows};
use crate::table::{Sort, arrange, missing_last};
use crate::view::View;
use linux_api_wire::api::processes::Process;
use linux_api_wire::filter::Filter;

/// How much of what the host has the rows stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// The host picked and sorted them.
    Host {
        /// How many of them are held, from the first one on.
        held: usize,
        /// How many processes the filter picks there.
        total: usize,
    },
    /// All that there are were held, and were picked and sorted here.
    Whole,
    /// Only these were held, and were picked and sorted here: the host may have others.
    Part {
        /// How many are held.
        held: usize,
        /// How many there are of the query that the held ones answer.
        total: usize,
        /// What the host picked the held ones by, for people; nothing when they are of all.
        picked_by: Option<String>,
        /// Whether the chosen filter can't be applied here, and was not.
        is_unfiltered: bool,
    },
}

/// Processes as they are shown.
#[derive(Debug, Clone)]
pub struct ShownProcesses {
    key: Key,
    /// The order of the rows.
    pub sort: Sort<Column>,
    /// What the rows passed, as it was typed; empty without a filter.
    pub filter: String,
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// Who they are.
    pub ids: Vec<ProcessId>,
    /// How many processes were picked, folded ones included.
    pub picked: usize,
    /// What they stand for.
    pub coverage: Coverage,
}

/// What a value was made from: while this stays the same, so does the value.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    host: usize,
    generation: u64,
    view: View,
    filter: String,
    sort: Sort<Column>,
    tree: bool,
    folds: u64,
}

impl App {
    /// The processes of the current host as the view shows them; nothing before the first response.
    #[must_use]
    pub fn shown_processes(&self) -> Option<(&ShownProcesses, &ProcessRows)> {
        let rows = self.host().responses.processes.value()?;
        let shown = self.shown.as_ref()?;
        let is_current = shown.key.host == self.current
            && shown.key.generation == self.host().responses.processes.generation();
        is_current.then_some((shown, rows))
    }

    /// The filter that the shown rows passed, where there is one.
    #[must_use]
    pub fn shown_filter(&self) -> Option<String> {
        let text = match self.place() {
            View::Processes => match self.shown_processes() {
                Some((shown, _)) => shown.filter.clone(),
                None => self.processes.typed_filter(),
            },
            View::Process => String::new(),
            _ => self.filter().to_owned(),
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// Brings the shown processes up to date, where anything about them changed.
    pub(super) fn arrange_processes(&mut self) {
        let view = self.view;
        if !matches!(view, View::Overview | View::Processes) {
            return;
        }
        let state = &self.processes;
        let host = &self.hosts[self.current];
        let on_overview = view == View::Overview;
        let key = Key {
            host: self.current,
            generation: host.responses.processes.generation(),
            view,
            filter: if on_overview {
                state.overview_query().filter
            } else {
                state.whole_filter()
            },
            sort: if on_overview {
                ProcessesState::overview_sort()
            } else {
                state.table.sort
            },
            tree: state.tree && !on_overview,
            folds: state.folds,
        };
        if self.shown.as_ref().is_some_and(|shown| shown.key == key) {
            return;
        }
        let held = host
            .responses
            .processes
            .query()
            .zip(host.responses.processes.value());
        self.shown = held.map(|(query, rows)| state.shown(key, query, rows));
    }
}

impl ProcessesState {
    /// What was typed, turned round where that was asked for.
    #[must_use]
    pub fn typed_filter(&self) -> String {
        let own = self.table.filter.trim();
        if self.inverted && !own.is_empty() {
            format!("not ({own})")
        } else {
            own.to_owned()
        }
    }

    fn shown(&self, key: Key, query: &ProcessQuery, held: &ProcessRows) -> ShownProcesses {
        let items = &held.items;
        let is_picked = query.filter == key.filter;
        let is_sorted =
            query.sort == key.sort.column.field() && query.descending == key.sort.descending;
        let filter = key.filter.parse::<Filter>().ok();
        // What can't be seen here can't be filtered by.
        let filter = filter.filter(|filter| !filter.reads_cgroups());
        let is_unfiltered = !is_picked && filter.is_none() && !key.filter.is_empty();
        let keeps = |process: &Process| {
            let filter = filter.as_ref().filter(|_| !is_picked);
            filter.is_none_or(|filter| filter.matches(&process.filter_row()))
        };
        let order = |one: &Process, other: &Process| {
            key.sort.column.compare(one, other, key.sort.descending)
        };
        let places = arrange(items, keeps, (!is_sorted).then_some(order));
        let is_whole = items.len() >= held.total && is_within(&key.filter, &query.filter);
        let coverage = match (is_picked && is_sorted, is_whole && !is_unfiltered) {
            (true, _) => Coverage::Host {
                held: items.len(),
                total: held.total,
            },
            (false, true) => Coverage::Whole,
            (false, false) => Coverage::Part {
                held: items.len(),
                total: held.total,
                picked_by: (!is_within(&key.filter, &query.filter))
                    .then(|| for_people(&query.filter)),
                is_unfiltered,
            },
        };
        let picked = places.len();
        let rows = if key.tree {
            self.as_tree(items, &places)
        } else {
            let plain = |index| Row {
                index,
                branch: Vec::new(),
                folded: 0,
            };
            places.into_iter().map(plain).collect()
        };
        let ids = rows.iter().map(|row| ProcessId::of(&items[row.index]));
        ShownProcesses {
            sort: key.sort,
            filter: if is_unfiltered || key.view == View::Overview {
                String::new()
            } else {
                self.typed_filter()
            },
            ids: ids.collect(),
            picked,
            rows,
            coverage,
            key,
        }
    }
}

/// Whether everything that the one filter picks is picked by the other too, as far as the way shows
/// in which filters are put together.
fn is_within(inner: &str, outer: &str) -> bool {
    outer.is_empty()
        || inner == outer
        || inner
            .strip_suffix(outer)
            .is_some_and(|rest| rest.ends_with(") and "))
}

/// A filter as it was typed, from how it was sent.
fn for_people(filter: &str) -> String {
    let own = filter.strip_suffix(NO_KERNEL).unwrap_or(filter);
    let own = own.strip_suffix(" and ").unwrap_or(own);
    if own.is_empty() {
        return "no kernel threads".to_owned();
    }
    let bare = own.strip_prefix('(').and_then(|own| own.strip_suffix(')'));
    bare.unwrap_or(own).to_owned()
}

impl Column {
    /// Compares two processes as the API does: what is missing comes last both ways, and the lower
    /// number decides among equals.
    #[must_use]
    pub fn compare(self, one: &Process, other: &Process, descending: bool) -> Ordering {
        let number = |of: fn(&Process) -> Option<f64>| {
            missing_last(of(one), of(other), descending, f64::total_cmp)
        };
        let whole = |of: fn(&Process) -> u64| {
            missing_last(Some(of(one)), Some(of(other)), descending, u64::cmp)
        };
        let text = |of: fn(&Process) -> Option<&str>| {
            missing_last(of(one), of(other), descending, Ord::cmp)
        };
        let order = match self {
            Self::Pid => whole(|it| it.pid.into()),
            Self::User => text(|it| it.user.as_deref()),
            Self::State => text(|it| Some(&it.state)),
            Self::Nice => number(|it| Some(it.nice.into())),
            Self::Threads => whole(|it| it.threads),
            Self::Memory => whole(|it| it.memory_bytes),
            Self::MemoryPercent => number(|it| it.memory_percent),
            Self::Cpu => number(|it| it.cpu_percent),
            Self::Time => number(|it| Some(it.cpu_seconds)),
            Self::Read => number(|it| it.read_bytes_per_second),
            Self::Written => number(|it| it.written_bytes_per_second),
            Self::Unit => text(|it| it.unit.as_deref()),
            Self::Command => text(|it| Some(&it.name)),
        };
        order.then(one.pid.cmp(&other.pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrower_filter_is_told_from_another_one() {
        let whole = |own: &str, hide_kernel: bool| {
            let mut state = ProcessesState::default();
            own.clone_into(&mut state.table.filter);
            state.hide_kernel = hide_kernel;
            state.whole_filter()
        };
        assert!(is_within(&whole("nginx", true), &whole("", true)));
        assert!(is_within(&whole("nginx", false), &whole("", false)));
        assert!(is_within(&whole("nginx", true), &whole("", false)));
        assert!(!is_within(&whole("", true), &whole("nginx", true)));
        assert!(!is_within(&whole("", false), &whole("", true)));
        assert!(!is_within(&whole("a", true), &whole("b", true)));
        assert_eq!(for_people(&whole("a or b", true)), "a or b");
        assert_eq!(for_people(&whole("a or b", false)), "a or b");
        assert_eq!(for_people(NO_KERNEL), "no kernel threads");
    }

    #[test]
    fn rows_are_compared_as_the_api_does() {
        let process = |pid, cpu_percent, user: Option<&str>| Process {
            pid,
            cpu_percent,
            user: user.map(str::to_owned),
            ..Process::default()
        };
        let rows = [
            process(3, Some(1.0), None),
            process(1, None, Some("b")),
            process(2, Some(7.0), Some("a")),
            process(9, Some(1.0), Some("a")),
        ];
        let sorted = |column: Column, descending| {
            let order = |one: &Process, other: &Process| column.compare(one, other, descending);
            let places = arrange(&rows, |_| true, Some(order));
            places
                .into_iter()
                .map(|it| rows[it].pid)
                .collect::<Vec<_>>()
        };
        assert_eq!(sorted(Column::Cpu, true), [2, 3, 9, 1]);
        assert_eq!(sorted(Column::Cpu, false), [3, 9, 2, 1]);
        assert_eq!(sorted(Column::User, true), [1, 2, 9, 3]);
        assert_eq!(sorted(Column::User, false), [2, 9, 1, 3]);
    }
}
