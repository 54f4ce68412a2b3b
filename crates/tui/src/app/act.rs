//! What the keys do on the views.

use super::App;
use super::popup::{Popup, Purpose};
use super::processes::{Column, ProcessesState};
use super::state::{ApiColumn, FleetColumn};
use crate::keymap::Action;
use crate::message::Effect;
use crate::table::{Move, SortColumn};
use crate::view::View;

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
            // On a page that lies over a view it leads back, as in every other program of its kind.
            Action::Quit if self.place() != self.view => self.back(),
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
                let view = self.place();
                self.popups.push(Popup::Sort { view, chosen });
            }
            Action::SortLeft => self.sort_by(self.place(), self.sort_place().saturating_sub(1)),
            Action::SortRight => self.sort_by(self.place(), self.sort_place() + 1),
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
        match self.place() {
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
            Action::SortPid => state.table.sort_by(Column::Pid),
            Action::SortCpu => state.table.sort_by(Column::Cpu),
            Action::SortMemory => state.table.sort_by(Column::Memory),
            Action::SortTime => state.table.sort_by(Column::Time),
            Action::Tree => state.tree = !state.tree,
            Action::FullCommand => state.full_command = !state.full_command,
            Action::PercentBase => state.whole_machine = !state.whole_machine,
            Action::KernelThreads => state.hide_kernel = !state.hide_kernel,
            Action::InvertFilter => {
                state.inverted = !state.inverted && !state.table.filter.is_empty();
            }
            Action::UserFilter => self.filter_by_user(),
            _ => {}
        }
    }

    /// Narrows what is shown to the processes of the chosen one's user, whatever is filtered by
    /// already.
    fn filter_by_user(&mut self) {
        let chosen = self.processes.table.cursor.selected.as_ref();
        let shown = self.shown_processes();
        let user = shown.zip(chosen).and_then(|((shown, rows), chosen)| {
            let place = shown.ids.iter().position(|id| id == chosen)?;
            let process = &rows.items[shown.rows[place].index];
            let uid = || process.uid.map(|uid| uid.to_string());
            process.user.clone().or_else(uid)
        });
        let Some(user) = user else {
            return;
        };
        let quoted = user.replace('\\', "\\\\").replace('"', "\\\"");
        let added = format!("user = \"{quoted}\"");
        let narrowed = self.processes.narrowed(&added);
        if let Some(problem) = ProcessesState::problem(&narrowed) {
            self.complain(problem);
            return;
        }
        self.processes.inverted = false;
        self.set_filter(&narrowed);
    }

    /// Sorts a view by the column that stands there; the same again turns it round.
    pub(super) fn sort_by(&mut self, view: View, place: usize) {
        match view {
            View::Fleet => self.fleet.table.sort_by_place(place),
            View::Processes => self.processes.table.sort_by_place(place),
            View::Api => self.api.table.sort_by_place(place),
            _ => {}
        }
    }

    fn sort_place(&self) -> usize {
        match self.place() {
            View::Fleet => self.fleet.table.sort_place(),
            View::Processes => self.processes.table.sort_place(),
            View::Api => self.api.table.sort_place(),
            _ => 0,
        }
    }

    fn reverse(&mut self) {
        match self.place() {
            View::Fleet => self.fleet.table.reverse(),
            View::Processes => self.processes.table.reverse(),
            View::Api => self.api.table.reverse(),
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
            View::Fleet if self.fleet.faults_only => self.fleet.faults_only = false,
            View::Fleet | View::Processes | View::Users | View::Api
                if !self.filter().is_empty() =>
            {
                self.processes.inverted &= self.view != View::Processes;
                self.set_filter("");
            }
            View::Overview if self.hosts.len() > 1 => self.show(View::Fleet),
            View::Fleet | View::Overview => {}
            _ => self.show(View::Overview),
        }
    }

    fn open(&mut self) {
        match self.place() {
            View::Fleet => {
                if let Some(host) = self.fleet.table.cursor.selected {
                    self.current = host;
                    self.show(View::Overview);
                }
            }
            View::Overview => self.show(View::Processes),
            View::Processes => {
                self.processes.opened = self.processes.table.cursor.selected.clone();
                self.processes.scrolled = 0;
            }
            View::Users => self.users.in_keys = true,
            View::Health | View::Api | View::History | View::Process => {}
        }
    }

    fn step_host(&mut self, by: isize) {
        let count = self.hosts.len().cast_signed();
        let next = (self.current.cast_signed() + by).rem_euclid(count);
        self.current = next.unsigned_abs();
        self.fleet.table.cursor.selected = Some(self.current);
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
        match self.place() {
            View::Fleet => {
                let ids = self.fleet_rows();
                let cursor = &mut self.fleet.table.cursor;
                cursor.go(&ids, by, page);
                self.current = cursor.selected.unwrap_or(self.current);
            }
            View::Process => self.processes.read_on(by),
            View::Processes => {
                if let Some(shown) = &self.shown {
                    self.processes.table.cursor.go(&shown.ids, by, page);
                }
            }
            View::Api => {
                let ids = self.route_ids();
                self.api.table.cursor.go(&ids, by, page);
            }
            View::History => {
                self.history.rows.go(&super::history::names(), by, page);
                self.history.first = 0;
            }
            View::Users if self.is_in_keys() => {
                let ids = self.key_ids();
                let page = self.users_page();
                self.users.keys.go(&ids, by, page);
            }
            View::Users => {
                let ids = self.user_ids();
                let page = self.users_page();
                self.users.rows.go(&ids, by, page);
            }
            View::Overview | View::Health => {}
        }
    }

    fn sideways(&mut self, right: bool) {
        match self.place() {
            View::Processes if self.processes.tree => {
                if let Some(chosen) = self.processes.table.cursor.selected.clone() {
                    self.processes.fold(chosen, !right);
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
        match self.place() {
            View::Fleet => &self.fleet.table.filter,
            View::Processes => &self.processes.table.filter,
            View::Users => &self.users.filter,
            View::Api => &self.api.table.filter,
            _ => "",
        }
    }

    pub(super) fn set_filter(&mut self, text: &str) {
        let text = text.to_owned();
        match self.place() {
            View::Fleet => self.fleet.table.filter = text,
            View::Processes => {
                self.processes.table.filter = text;
                self.processes.table.cursor.offset = 0;
            }
            View::Users => self.users.filter = text,
            View::Api => self.api.table.filter = text,
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
        match self.place() {
            View::Fleet => {
                let ids = self.fleet_rows();
                let names: Vec<String> =
                    ids.iter().map(|id| self.hosts[*id].name.clone()).collect();
                let cursor = &mut self.fleet.table.cursor;
                if let Some(place) = first(&names, after(cursor.position(&ids))) {
                    cursor.choose(&ids, place, page);
                }
            }
            View::Processes => {
                let Some((shown, rows)) = self.shown_processes() else {
                    return;
                };
                let name = |index: usize| {
                    let process = &rows.items[index];
                    format!("{} {}", process.name, process.command)
                };
                let names: Vec<String> = shown.rows.iter().map(|row| name(row.index)).collect();
                let start = after(self.processes.table.cursor.position(&shown.ids));
                if let (Some(place), Some(shown)) = (first(&names, start), &self.shown) {
                    let cursor = &mut self.processes.table.cursor;
                    cursor.choose(&shown.ids, place, page);
                }
            }
            _ => {}
        }
    }
}
