//! The mouse: the wheel moves the choice or zooms, a click chooses a tab, a column or a row, and a
//! click on the chosen row opens it.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::App;
use super::history::LIST;
use super::popup::Popup;
use super::rows::Rows;
use crate::tui::keymap::Action;
use crate::tui::message::Effect;
use crate::tui::screens;
use crate::tui::view::View;

/// How many rows the wheel moves.
const WHEEL: u16 = 3;
/// The line of the first row of a table that fills the view.
const FIRST_ROW: u16 = 3;

impl App {
    pub(super) fn on_mouse(&mut self, event: MouseEvent) -> Vec<Effect> {
        let up = match event.kind {
            MouseEventKind::ScrollUp => true,
            MouseEventKind::ScrollDown => false,
            MouseEventKind::Down(MouseButton::Left) if self.popups.is_empty() => {
                return self.on_click(event);
            }
            _ => return Vec::new(),
        };
        if let Some(popup) = self.popups.last_mut() {
            if let Popup::Help { scroll } = popup {
                let lines = u16::try_from(Action::ALL.len()).unwrap_or(0);
                *scroll = if up {
                    scroll.saturating_sub(WHEEL)
                } else {
                    (*scroll + WHEEL).min(lines)
                };
                self.changed = true;
            }
            return Vec::new();
        }
        self.changed = true;
        // Over a graph of the past the wheel zooms.
        if self.view == View::History && event.column >= LIST {
            return self.act(if up { Action::ZoomIn } else { Action::ZoomOut });
        }
        let action = if up { Action::Up } else { Action::Down };
        (0..WHEEL).flat_map(|_| self.act(action)).collect()
    }

    fn on_click(&mut self, event: MouseEvent) -> Vec<Effect> {
        self.changed = true;
        match event.row {
            0 => {}
            1 => {
                if let Some(view) = screens::tab_at(self.size.0, event.column) {
                    self.show(view);
                }
            }
            2 => {
                if let Some(place) = screens::column_at(self, event.column) {
                    self.sort_by(self.view, place);
                }
            }
            row => return self.click_row(usize::from(row - FIRST_ROW), event.column),
        }
        Vec::new()
    }

    fn click_row(&mut self, row: usize, column: u16) -> Vec<Effect> {
        let page = self.page();
        if row >= page || self.processes.opened.is_some() {
            return Vec::new();
        }
        let was_chosen = match self.view {
            View::Fleet => {
                let ids = self.fleet_rows();
                let was_chosen = choose(&mut self.fleet.rows, &ids, row, page);
                self.current = self.fleet.rows.selected.unwrap_or(self.current);
                was_chosen
            }
            View::Processes => {
                let ids = self.process_ids();
                choose(&mut self.processes.rows, &ids, row, page)
            }
            View::Api => {
                let ids = self.route_ids();
                choose(&mut self.api.rows, &ids, row, page)
            }
            View::Users => {
                self.users.in_keys = column >= screens::keys_begin(self.size.0);
                if self.users.in_keys {
                    let ids = self.key_ids();
                    choose(&mut self.users.keys, &ids, row, page);
                } else {
                    let ids = self.user_ids();
                    choose(&mut self.users.rows, &ids, row, page);
                }
                false
            }
            View::History if column < LIST => {
                let ids = super::history::names();
                choose(&mut self.history.rows, &ids, row, page);
                self.history.first = 0;
                false
            }
            _ => false,
        };
        if was_chosen {
            return self.act(Action::Open);
        }
        Vec::new()
    }
}

/// Chooses the row that is seen there; tells whether it was the chosen one already.
fn choose<Id: Clone + PartialEq>(rows: &mut Rows<Id>, ids: &[Id], row: usize, page: usize) -> bool {
    let place = rows.offset + row;
    if place >= ids.len() {
        return false;
    }
    let was_chosen = rows.position(ids) == Some(place);
    rows.choose(ids, place, page);
    was_chosen
}
