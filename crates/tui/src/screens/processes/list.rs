//! The processes that are shown: heading, badge and rows come from one value, which is made once from
//! the newest response and what was chosen.

use std::collections::HashSet;

use crate::app::App;
use crate::query::{ProcessQuery, ProcessRows};
use crate::table::{Sort, arrange};
use linux_api_wire::api::processes::Process;
use linux_api_wire::filter::Filter;

use super::columns;
use super::state::{BUSIEST, NO_KERNEL, ProcessId, ProcessesState};
use super::tree::{TreeRow, as_tree};

/// The column whose order is calmed.
const CALMED: &str = "CPU%";

/// How much of what the host has the rows stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Coverage {
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
        /// How many there are of the query of the held ones.
        total: usize,
        /// What the host picked the held ones by, for people; nothing when they are of all.
        picked_by: Option<String>,
        /// Whether the chosen filter can't be applied here, and was not.
        is_unfiltered: bool,
    },
}

/// Processes as they are shown.
#[derive(Debug, Clone)]
pub(crate) struct ProcessTable {
    inputs: ListInputs,
    /// The order of the rows.
    pub(super) sort: Sort,
    /// What the rows passed, as it was typed; empty without a filter.
    pub(super) filter: String,
    /// The rows, in order.
    pub(super) rows: Vec<TreeRow>,
    /// How many processes were picked, folded ones included.
    pub(super) picked: usize,
    /// What they stand for.
    pub(super) coverage: Coverage,
    /// Columns that none of the rows has anything in.
    pub(super) empty: Vec<&'static str>,
}

/// What a list was made from: while this stays the same, so does the list.
#[derive(Debug, Clone, PartialEq)]
struct ListInputs {
    host: usize,
    generation: u64,
    is_overview: bool,
    filter: String,
    sort: Sort,
    tree: bool,
    folds: u64,
}

impl App {
    /// The processes of the current host as they are shown; nothing before the first response.
    pub(super) fn process_list(&self) -> Option<(&ProcessTable, &ProcessRows)> {
        let cache = &self.host().responses.processes;
        let list = self.screens.processes.list.as_ref()?;
        let inputs = &list.inputs;
        let is_current = inputs.host == self.current && inputs.generation == cache.generation();
        Some((list, cache.value().filter(|_| is_current)?))
    }

    /// Brings the list up to date, where anything about it changed.
    pub(crate) fn arrange_processes(&mut self, is_overview: bool) {
        let state = &self.screens.processes;
        let cache = &self.hosts[self.current].responses.processes;
        let inputs = ListInputs {
            host: self.current,
            generation: cache.generation(),
            is_overview,
            filter: self.process_query(is_overview).filter,
            sort: if is_overview {
                BUSIEST
            } else {
                state.table.sort
            },
            tree: state.tree && !is_overview,
            folds: state.folds,
        };
        if state.list.as_ref().map(|list| &list.inputs) == Some(&inputs) {
            return;
        }
        let response = cache.query().zip(cache.value());
        let now = self.now.since_start;
        let of = (self.current, cache.generation());
        let state = &mut self.screens.processes;
        let list = response.map(|(query, rows)| {
            state.calm.take(of, now, &rows.items);
            state.list(inputs, query, rows)
        });
        state.list = list;
    }
}

impl ProcessTable {
    /// The processes of the rows that have others below them.
    pub(super) fn parents<'a>(
        &'a self,
        items: &'a [Process],
    ) -> impl Iterator<Item = ProcessId> + 'a {
        let shown = self.rows.iter().map(|row| &items[row.index]);
        let parents: HashSet<u32> = shown
            .clone()
            .filter(|process| process.ppid != process.pid)
            .map(|process| process.ppid)
            .collect();
        let have = shown.filter(move |process| parents.contains(&process.pid));
        have.map(ProcessId::from)
    }
}

impl ProcessesState {
    fn list(
        &self,
        inputs: ListInputs,
        query: &ProcessQuery,
        response: &ProcessRows,
    ) -> ProcessTable {
        let items = &response.items;
        let (held, total) = (items.len(), response.total);
        let is_picked = query.filter == inputs.filter;
        let is_sorted = query.sort == columns::field(inputs.sort.title)
            && query.descending == inputs.sort.descending;
        let filter = inputs.filter.parse::<Filter>().ok();
        // What can't be seen here can't be filtered by.
        let filter = filter.filter(|filter| !filter.reads_cgroups());
        let is_unfiltered = !is_picked && filter.is_none() && !inputs.filter.is_empty();
        let keeps = |process: &Process| {
            let filter = filter.as_ref().filter(|_| !is_picked);
            filter.is_none_or(|filter| filter.matches(&process.filter_row()))
        };
        // The order of the host is that of one moment.
        let places = if inputs.sort.title == CALMED {
            let order = self.calm.order(inputs.sort.descending);
            arrange(items, keeps, Some(order))
        } else {
            let order = columns::order(inputs.sort);
            arrange(items, keeps, (!is_sorted).then_some(order))
        };
        let is_within = is_within(&inputs.filter, &query.filter);
        let is_whole = held >= total && is_within;
        let coverage = match (is_picked && is_sorted, is_whole && !is_unfiltered) {
            (true, _) => Coverage::Host { held, total },
            (false, true) => Coverage::Whole,
            (false, false) => Coverage::Part {
                held,
                total,
                picked_by: (!is_within).then(|| for_people(&query.filter)),
                is_unfiltered,
            },
        };
        let picked = places.len();
        let rows = if inputs.tree {
            as_tree(items, &places, &self.folded)
        } else {
            let plain = |index| TreeRow {
                index,
                branch: Vec::new(),
                folded: 0,
            };
            places.into_iter().map(plain).collect()
        };
        ProcessTable {
            sort: inputs.sort,
            filter: if is_unfiltered || inputs.is_overview {
                String::new()
            } else {
                self.typed_filter()
            },
            picked,
            rows,
            coverage,
            empty: columns::empty(items),
            inputs,
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
        let sorted = |title, descending| {
            let order = columns::order(Sort { title, descending });
            let places = arrange(&rows, |_| true, Some(order));
            places
                .into_iter()
                .map(|it| rows[it].pid)
                .collect::<Vec<_>>()
        };
        assert_eq!(sorted("CPU%", true), [2, 3, 9, 1]);
        assert_eq!(sorted("CPU%", false), [3, 9, 2, 1]);
        assert_eq!(sorted("USER", true), [1, 2, 9, 3]);
        assert_eq!(sorted("USER", false), [2, 9, 1, 3]);
    }
}
