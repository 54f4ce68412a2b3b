//! What the keys do on the views.

use super::App;
use super::popup::{Popup, Purpose};
use super::processes::{Column, ProcessId};
use super::rows::Move;
use super::state::{ApiColumn, FleetColumn};
use crate::model::snapshot::Filesystem;
use crate::tui::host::Link;
use crate::tui::keymap::Action;
use crate::tui::message::Effect;
use crate::tui::units::share;
use crate::tui::view::View;

/// What the columns are called that a view can be sorted by.
#[must_use]
pub fn sort_titles(view: View) -> Vec<&'static str> {
    match view {
        View::Fleet => FleetColumn::ALL.iter().map(|it| it.title()).collect(),
        View::Processes => Column::ALL.iter().map(|it| it.title()).collect(),
        View::Api => ApiColumn::ALL.iter().map(|it| it.title()).collect(),
        _ => Vec::new(),
    }
}

impl App {
    /// Does what a key asks for.
    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        if let Some(view) = action.view() {
            self.show(view);
            return Vec::new();
        }
        match action {
            Action::Quit => return vec![Effect::Quit],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Reload => return vec![Effect::Reload(self.current)],
            Action::Help => self.popups.push(Popup::Help { scroll: 0 }),
            Action::Palette => self.ask(Purpose::Palette, ""),
            Action::Back => self.back(),
            Action::Open => self.open(),
            Action::NextView => self.show(self.view.step(1)),
            Action::PreviousView => self.show(self.view.step(-1)),
            Action::NextHost => self.step_host(1),
            Action::PreviousHost => self.step_host(-1),
            Action::Freeze => return self.freeze(),
            Action::Filter => {
                let text = self.filter().to_owned();
                self.ask(Purpose::Filter, &text);
            }
            Action::Find => self.ask(Purpose::Find, ""),
            Action::FaultsOnly => self.fleet.faults_only = !self.fleet.faults_only,
            Action::SortMenu => {
                let chosen = self.sort_place();
                let view = self.view;
                self.popups.push(Popup::Sort { view, chosen });
            }
            Action::SortLeft => self.sort_by(self.view, self.sort_place().saturating_sub(1)),
            Action::SortRight => self.sort_by(self.view, self.sort_place() + 1),
            Action::Reverse => self.reverse(),
            Action::Up => self.go(Move::By(-1)),
            Action::Down => self.go(Move::By(1)),
            Action::Top => self.go(Move::Top),
            Action::Bottom => self.go(Move::Bottom),
            Action::PageUp => self.go(Move::By(-self.page().cast_signed())),
            Action::PageDown => self.go(Move::By(self.page().cast_signed())),
            Action::HalfUp => self.go(Move::By(-(self.page() / 2).cast_signed())),
            Action::HalfDown => self.go(Move::By((self.page() / 2).cast_signed())),
            Action::Left => self.sideways(false),
            Action::Right => self.sideways(true),
            _ => return self.act_on_view(action),
        }
        Vec::new()
    }

    fn act_on_view(&mut self, action: Action) -> Vec<Effect> {
        match self.view {
            View::Processes => self.act_on_processes(action),
            View::Users => self.act_on_users(action),
            View::History => self.act_on_history(action),
            _ => {}
        }
        Vec::new()
    }

    fn act_on_processes(&mut self, action: Action) {
        let state = &mut self.processes;
        match action {
            Action::SortPid => self.sort_processes(Column::Pid),
            Action::SortCpu => self.sort_processes(Column::Cpu),
            Action::SortMemory => self.sort_processes(Column::Memory),
            Action::SortTime => self.sort_processes(Column::Time),
            Action::Tree => state.tree = !state.tree,
            Action::FullCommand => state.full_command = !state.full_command,
            Action::PercentBase => state.whole_machine = !state.whole_machine,
            Action::KernelThreads => state.hide_kernel = !state.hide_kernel,
            Action::InvertFilter => state.inverted = !state.inverted && !state.filter.is_empty(),
            Action::UserFilter => self.filter_by_user(),
            _ => {}
        }
    }

    fn filter_by_user(&mut self) {
        if !self.processes.filter.is_empty() {
            self.processes.filter.clear();
            return;
        }
        let rows = self.hosts[self.current].processes.value();
        let chosen = self.processes.rows.selected.as_ref();
        let user = rows.zip(chosen).and_then(|(rows, chosen)| {
            let process = rows.items.iter().find(|it| ProcessId::of(it) == *chosen)?;
            let uid = || process.uid.map(|uid| uid.to_string());
            process.user.clone().or_else(uid)
        });
        if let Some(user) = user {
            let quoted = user.replace('\\', "\\\\").replace('"', "\\\"");
            self.processes.filter = format!("user = \"{quoted}\"");
        }
    }

    fn sort_processes(&mut self, column: Column) {
        let state = &mut self.processes;
        state.descending = if state.sort == column {
            !state.descending
        } else {
            column.largest_first()
        };
        state.sort = column;
    }

    /// Sorts a view by the column that stands there; the same again turns it round.
    pub(super) fn sort_by(&mut self, view: View, place: usize) {
        match view {
            View::Fleet => {
                let Some(column) = FleetColumn::ALL.get(place) else {
                    return;
                };
                let fleet = &mut self.fleet;
                fleet.descending = if fleet.sort == *column {
                    !fleet.descending
                } else {
                    *column != FleetColumn::Name
                };
                fleet.sort = *column;
            }
            View::Processes => {
                if let Some(column) = Column::ALL.get(place) {
                    self.sort_processes(*column);
                }
            }
            View::Api => {
                let Some(column) = ApiColumn::ALL.get(place) else {
                    return;
                };
                let api = &mut self.api;
                api.descending = if api.sort == *column {
                    !api.descending
                } else {
                    *column != ApiColumn::Route
                };
                api.sort = *column;
            }
            _ => {}
        }
    }

    fn sort_place(&self) -> usize {
        let place = match self.view {
            View::Fleet => FleetColumn::ALL
                .iter()
                .position(|it| *it == self.fleet.sort),
            View::Processes => Column::ALL.iter().position(|it| *it == self.processes.sort),
            View::Api => ApiColumn::ALL.iter().position(|it| *it == self.api.sort),
            _ => None,
        };
        place.unwrap_or(0)
    }

    fn reverse(&mut self) {
        match self.view {
            View::Fleet => self.fleet.descending = !self.fleet.descending,
            View::Processes => self.processes.descending = !self.processes.descending,
            View::Api => self.api.descending = !self.api.descending,
            _ => {}
        }
    }

    /// Shows a view; one that is about a host shows the one chosen in the fleet.
    pub(super) fn show(&mut self, view: View) {
        self.processes.opened = None;
        self.view = view;
    }

    fn back(&mut self) {
        if self.processes.opened.take().is_some() {
            return;
        }
        match self.view {
            View::Users if self.users.in_keys => self.users.in_keys = false,
            View::Fleet if !self.fleet.filter.is_empty() => self.fleet.filter.clear(),
            View::Processes if !self.processes.filter.is_empty() => {
                self.processes.filter.clear();
                self.processes.inverted = false;
            }
            View::Users if !self.users.filter.is_empty() => self.users.filter.clear(),
            View::Api if !self.api.filter.is_empty() => self.api.filter.clear(),
            View::Overview if self.hosts.len() > 1 => self.show(View::Fleet),
            View::Fleet | View::Overview => {}
            _ => self.show(View::Overview),
        }
    }

    fn open(&mut self) {
        match self.view {
            View::Fleet => {
                if let Some(host) = self.fleet.rows.selected {
                    self.current = host;
                    self.show(View::Overview);
                }
            }
            View::Overview => self.show(View::Processes),
            View::Processes => {
                self.processes.opened = self.processes.rows.selected.clone();
                self.processes.scrolled = 0;
            }
            View::Users => self.users.in_keys = true,
            View::Health | View::Api | View::History => {}
        }
    }

    fn step_host(&mut self, by: isize) {
        let count = self.hosts.len().cast_signed();
        let next = (self.current.cast_signed() + by).rem_euclid(count);
        self.current = next.unsigned_abs();
        self.processes.opened = None;
        let name = self.host().name.clone();
        self.say(name);
    }

    fn freeze(&mut self) -> Vec<Effect> {
        if self.frozen.take().is_some() {
            return (0..self.hosts.len()).map(Effect::Reload).collect();
        }
        self.frozen = Some(self.now);
        Vec::new()
    }

    fn go(&mut self, by: Move) {
        let page = self.page();
        match self.view {
            View::Fleet => {
                let ids = self.fleet_rows();
                self.fleet.rows.go(&ids, by, page);
                self.current = self.fleet.rows.selected.unwrap_or(self.current);
            }
            View::Processes if self.processes.opened.is_some() => self.processes.read_on(by),
            View::Processes => {
                let ids = self.process_ids();
                self.processes.rows.go(&ids, by, page);
            }
            View::Api => {
                let ids = self.route_ids();
                self.api.rows.go(&ids, by, page);
            }
            View::History => {
                self.history.rows.go(&super::history::names(), by, page);
                self.history.first = 0;
            }
            View::Users if self.users.in_keys => {
                let ids = self.key_ids();
                self.users.keys.go(&ids, by, page);
            }
            View::Users => {
                let ids = self.user_ids();
                self.users.rows.go(&ids, by, page);
            }
            _ => {}
        }
    }

    fn sideways(&mut self, right: bool) {
        match self.view {
            View::Processes if self.processes.tree => {
                if let Some(chosen) = self.processes.rows.selected.clone() {
                    if right {
                        self.processes.folded.remove(&chosen);
                    } else {
                        self.processes.folded.insert(chosen);
                    }
                }
            }
            View::Processes if right => self.processes.scroll += 8,
            View::Processes => self.processes.scroll = self.processes.scroll.saturating_sub(8),
            View::Users => self.users.in_keys = right,
            View::History => self.step_member(right),
            _ => {}
        }
    }

    pub(super) fn filter(&self) -> &str {
        match self.view {
            View::Fleet => &self.fleet.filter,
            View::Processes => &self.processes.filter,
            View::Users => &self.users.filter,
            View::Api => &self.api.filter,
            _ => "",
        }
    }

    pub(super) fn set_filter(&mut self, text: &str) {
        let text = text.to_owned();
        match self.view {
            View::Fleet => self.fleet.filter = text,
            View::Processes => {
                self.processes.filter = text;
                self.processes.rows.offset = 0;
            }
            View::Users => self.users.filter = text,
            View::Api => self.api.filter = text,
            _ => {}
        }
    }

    /// Chooses the first row that holds the text, or the next one after the chosen one.
    pub(super) fn find(&mut self, text: &str, next: bool) {
        let wanted = text.to_lowercase();
        if wanted.is_empty() {
            return;
        }
        let page = self.page();
        let after = |place: Option<usize>| place.map_or(0, |place| place + usize::from(next));
        let first = |names: &[String], start: usize| {
            let places = (start..names.len()).chain(0..start.min(names.len()));
            places
                .into_iter()
                .find(|place| names[*place].to_lowercase().contains(&wanted))
        };
        match self.view {
            View::Fleet => {
                let ids = self.fleet_rows();
                let names: Vec<String> =
                    ids.iter().map(|id| self.hosts[*id].name.clone()).collect();
                let start = after(self.fleet.rows.position(&ids));
                if let Some(place) = first(&names, start) {
                    self.fleet.rows.choose(&ids, place, page);
                }
            }
            View::Processes => {
                let ids = self.process_ids();
                let rows = self.hosts[self.current].processes.value();
                let rows = rows.map(|rows| (self.processes.shown(rows), &rows.items));
                let names: Vec<String> = rows.map_or_else(Vec::new, |(shown, items)| {
                    let name =
                        |index: usize| format!("{} {}", items[index].name, items[index].command);
                    shown.iter().map(|row| name(row.index)).collect()
                });
                let start = after(self.processes.rows.position(&ids));
                if let Some(place) = first(&names, start) {
                    self.processes.rows.choose(&ids, place, page);
                }
            }
            _ => {}
        }
    }

    /// The hosts to show, in order.
    #[must_use]
    pub fn fleet_rows(&self) -> Vec<usize> {
        let wanted = self.fleet.filter.to_lowercase();
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
        if self.fleet.sort == FleetColumn::Name {
            rows.sort_by(|a, b| self.hosts[*a].name.cmp(&self.hosts[*b].name));
        } else {
            // What is not known comes last, whichever way it is sorted.
            rows.sort_by(|a, b| {
                let (a, b) = (self.fleet_value(*a), self.fleet_value(*b));
                match (a, b) {
                    (Some(a), Some(b)) if self.fleet.descending => b.total_cmp(&a),
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                }
            });
            return rows;
        }
        if self.fleet.descending {
            rows.reverse();
        }
        rows
    }

    /// The value of a host in the column that the fleet is sorted by.
    fn fleet_value(&self, index: usize) -> Option<f64> {
        let host = &self.hosts[index];
        self.fleet_cell(host, self.fleet.sort)
    }

    /// A host's value in one column.
    #[must_use]
    pub fn fleet_cell(&self, host: &crate::tui::host::Host, column: FleetColumn) -> Option<f64> {
        let snapshot = host.snapshot.value();
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

    /// Who the shown processes are, in order.
    #[must_use]
    pub fn process_ids(&self) -> Vec<ProcessId> {
        let Some(rows) = self.host().processes.value() else {
            return Vec::new();
        };
        let shown = self.processes.shown(rows);
        let id = |index: usize| ProcessId::of(&rows.items[index]);
        shown.into_iter().map(|row| id(row.index)).collect()
    }

    /// Keeps every choice on its row after anything changed.
    pub(super) fn keep_selection(&mut self) {
        let page = self.page();
        match self.view {
            View::Fleet => {
                let ids = self.fleet_rows();
                if self.fleet.rows.selected.is_none() && ids.contains(&self.current) {
                    self.fleet.rows.selected = Some(self.current);
                }
                self.fleet.rows.keep(&ids, page);
                self.current = self.fleet.rows.selected.unwrap_or(self.current);
            }
            View::Processes if self.host().processes.value().is_some() => {
                let ids = self.process_ids();
                self.processes.rows.keep(&ids, page);
            }
            View::Api => {
                let ids = self.route_ids();
                self.api.rows.keep(&ids, page);
            }
            View::History => self.history.rows.keep(&super::history::names(), page),
            View::Users => {
                let ids = self.user_ids();
                self.users.rows.keep(&ids, page);
                let ids = self.key_ids();
                self.users.keys.keep(&ids, page);
            }
            _ => {}
        }
    }
}
