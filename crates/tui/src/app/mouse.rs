//! The mouse: the wheel moves the choice or zooms, a click chooses a tab, a column or a row, and a
//! click on the chosen row opens it.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::App;
use super::history::LIST;
use super::popup::Popup;
use crate::keymap::Action;
use crate::message::Effect;
use crate::screens;
use crate::table::Cursor;
use crate::view::View;

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
                    self.sort_by(self.place(), place);
                }
            }
            row => return self.click_row(row, event.column),
        }
        Vec::new()
    }

    fn click_row(&mut self, y: u16, x: u16) -> Vec<Effect> {
        let page = self.page();
        let row = usize::from(y - FIRST_ROW);
        if self.view == View::Users {
            self.click_users(x, y);
            return Vec::new();
        }
        if row >= page {
            return Vec::new();
        }
        let was_chosen = match self.place() {
            View::Fleet => {
                let ids = self.fleet_rows();
                let cursor = &mut self.fleet.table.cursor;
                let was_chosen = choose(cursor, &ids, row, page);
                self.current = cursor.selected.unwrap_or(self.current);
                was_chosen
            }
            View::Processes => {
                let cursor = &mut self.processes.table.cursor;
                let shown = self.shown.as_ref();
                shown.is_some_and(|shown| choose(cursor, &shown.ids, row, page))
            }
            View::Api => {
                let ids = self.route_ids();
                choose(&mut self.api.table.cursor, &ids, row, page)
            }
            View::History if x < LIST => {
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

    /// A click chooses a box, and a row where it meets one.
    fn click_users(&mut self, x: u16, y: u16) {
        let boxes = screens::users_boxes(self.size.0, self.size.1);
        let Some(place) = boxes.iter().position(|it| it.contains((x, y).into())) else {
            return;
        };
        self.users.in_keys = place == 1;
        let page = self.users_page();
        // A line of the frame, and the titles of the columns.
        let row = usize::from(y - boxes[place].y).checked_sub(2);
        let Some(row) = row.filter(|row| *row < page) else {
            return;
        };
        if self.users.in_keys {
            let ids = self.key_ids();
            choose(&mut self.users.keys, &ids, row, page);
        } else {
            let ids = self.user_ids();
            choose(&mut self.users.rows, &ids, row, page);
        }
    }
}

/// Chooses the row that is seen there; tells whether it was the chosen one already.
fn choose<Id: Clone + PartialEq>(
    rows: &mut Cursor<Id>,
    ids: &[Id],
    row: usize,
    page: usize,
) -> bool {
    let place = rows.offset + row;
    if place >= ids.len() {
        return false;
    }
    let was_chosen = rows.position(ids) == Some(place);
    rows.choose(ids, place, page);
    was_chosen
}
