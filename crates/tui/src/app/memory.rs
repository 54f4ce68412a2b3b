//! What the views remember from one run to the next.

use serde::{Deserialize, Serialize};

use super::App;
use super::processes::Column;
use super::state::{ApiColumn, FleetColumn};
use crate::table::SortColumn;
use crate::view::View;

/// What is kept, as TOML. No filter: one that is not seen being set hides rows unnoticed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the screen"
)]
#[serde(default)]
struct Memory {
    view: Option<String>,
    fleet_sort: Option<String>,
    fleet_descending: bool,
    process_sort: Option<String>,
    process_descending: Option<bool>,
    tree: bool,
    names_only: bool,
    whole_machine: bool,
    kernel_threads: bool,
    api_sort: Option<String>,
    api_descending: Option<bool>,
    history_series: Option<String>,
    history_seconds: Option<u64>,
}

impl App {
    /// What to keep.
    #[must_use]
    pub fn remember(&self) -> String {
        let memory = Memory {
            view: Some(self.view.title().to_owned()),
            fleet_sort: Some(self.fleet.table.sort.column.title().to_owned()),
            fleet_descending: self.fleet.table.sort.descending,
            process_sort: Some(self.processes.table.sort.column.title().to_owned()),
            process_descending: Some(self.processes.table.sort.descending),
            tree: self.processes.tree,
            names_only: !self.processes.full_command,
            whole_machine: self.processes.whole_machine,
            kernel_threads: !self.processes.hide_kernel,
            api_sort: Some(self.api.table.sort.column.title().to_owned()),
            api_descending: Some(self.api.table.sort.descending),
            history_series: self.history.rows.selected.map(str::to_owned),
            history_seconds: Some(self.history.span.as_secs()),
        };
        // Nothing in it can't be written; and then there is nothing to remember.
        toml::to_string(&memory).unwrap_or_default()
    }

    /// Takes up what was kept. A file of another version, or one that somebody broke, counts as
    /// none: it is only about convenience.
    pub fn recall(&mut self, text: &str) {
        let Ok(memory) = toml::from_str::<Memory>(text) else {
            return;
        };
        let view = View::ALL
            .iter()
            .find(|view| memory.view.as_deref() == Some(view.title()));
        // One host has its views at once, a fleet begins with the fleet.
        if self.hosts.len() == 1 {
            self.view = view.copied().unwrap_or(self.view);
        }
        let fleet = &mut self.fleet.table.sort;
        let column = memory.fleet_sort.as_deref().and_then(FleetColumn::named);
        fleet.column = column.unwrap_or(fleet.column);
        fleet.descending = memory.fleet_descending;
        let state = &mut self.processes;
        let sort = &mut state.table.sort;
        let column = memory.process_sort.as_deref().and_then(Column::named);
        sort.column = column.unwrap_or(sort.column);
        sort.descending = memory.process_descending.unwrap_or(sort.descending);
        state.tree = memory.tree;
        state.full_command = !memory.names_only;
        state.whole_machine = memory.whole_machine;
        state.hide_kernel = !memory.kernel_threads;
        let sort = &mut self.api.table.sort;
        let column = memory.api_sort.as_deref().and_then(ApiColumn::named);
        sort.column = column.unwrap_or(sort.column);
        sort.descending = memory.api_descending.unwrap_or(sort.descending);
        let series = super::history::names().into_iter();
        let mut series = series.filter(|name| memory.history_series.as_deref() == Some(name));
        self.history.rows.selected = series.next();
        if let Some(seconds) = memory.history_seconds {
            self.range_by_name(&format!("{seconds}s"));
            self.note = None;
        }
    }

    /// Opens a view.
    pub fn show_view(&mut self, view: View) {
        self.show(view);
    }

    /// Opens a host.
    pub fn open_host(&mut self, index: usize) {
        if index < self.hosts.len() {
            self.current = index;
            self.view = View::Overview;
        }
    }
}
