//! The view of all hosts: which of them are shown, in which order; and the choices on all tables.

use super::App;
use super::state::FleetColumn;
use crate::host::{Host, Link};
use crate::table::missing_last;
use crate::units::share;
use crate::view::View;
use linux_api_wire::snapshot::Filesystem;

impl App {
    /// The hosts to show, in order.
    #[must_use]
    pub fn fleet_rows(&self) -> Vec<usize> {
        let wanted = self.fleet.table.filter.to_lowercase();
        let holds = |index: &usize| {
            let host = &self.hosts[*index];
            let labels = host
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            let mut texts = labels.chain([host.name.clone(), host.address.clone()]);
            let kept = wanted.is_empty() || texts.any(|it| it.to_lowercase().contains(&wanted));
            kept && (!self.fleet.faults_only || host.has_trouble())
        };
        let mut rows: Vec<usize> = (0..self.hosts.len()).filter(holds).collect();
        let sort = self.fleet.table.sort;
        rows.sort_by(|one, other| {
            let (one, other) = (&self.hosts[*one], &self.hosts[*other]);
            let names = one.name.cmp(&other.name);
            if sort.column == FleetColumn::Name {
                return if sort.descending {
                    names.reverse()
                } else {
                    names
                };
            }
            let value = |host| self.fleet_cell(host, sort.column);
            missing_last(value(one), value(other), sort.descending, f64::total_cmp).then(names)
        });
        rows
    }

    /// A host's value in one column.
    #[must_use]
    pub fn fleet_cell(&self, host: &Host, column: FleetColumn) -> Option<f64> {
        let snapshot = host.responses.snapshot.value();
        match column {
            FleetColumn::Name => None,
            FleetColumn::Cpu => Some(snapshot?.cpu.as_ref()?.usage_percent),
            FleetColumn::Memory => {
                let memory = snapshot?.memory.as_ref()?;
                Some(share(memory.used_bytes, memory.total_bytes))
            }
            FleetColumn::Disk => {
                let all = snapshot?.filesystems.as_deref()?.iter();
                all.filter_map(Filesystem::strain).max_by(f64::total_cmp)
            }
            FleetColumn::Load => Some(snapshot?.load.as_ref()?.one),
            FleetColumn::Pressure => {
                let all = snapshot?.pressure.as_ref()?;
                let parts = [all.cpu, all.memory, all.io].into_iter().flatten();
                parts.map(|it| it.some.avg10).max_by(f64::total_cmp)
            }
            FleetColumn::Latency => match &host.link {
                Link::Up { latency } => Some(latency.as_secs_f64()),
                _ => None,
            },
        }
    }

    /// Keeps every choice on its row after anything changed.
    pub(super) fn keep_selection(&mut self) {
        let page = self.page();
        match self.view {
            View::Fleet => {
                let ids = self.fleet_rows();
                let cursor = &mut self.fleet.table.cursor;
                if cursor.selected.is_none() && ids.contains(&self.current) {
                    cursor.selected = Some(self.current);
                }
                cursor.keep(&ids, page);
                self.current = cursor.selected.unwrap_or(self.current);
            }
            View::Processes => {
                if let Some(shown) = &self.shown {
                    self.processes.table.cursor.keep(&shown.ids, page);
                }
            }
            View::Api => {
                let ids = self.route_ids();
                self.api.table.cursor.keep(&ids, page);
            }
            View::History => self.history.rows.keep(&super::history::names(), page),
            View::Users => {
                let page = self.users_page();
                let ids = self.user_ids();
                self.users.rows.keep(&ids, page);
                let ids = self.key_ids();
                self.users.keys.keep(&ids, page);
            }
            _ => {}
        }
    }
}
