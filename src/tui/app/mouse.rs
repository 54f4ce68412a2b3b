//! The mouse: the wheel moves the choice, a click chooses a tab, a column or a row.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::App;
use crate::tui::keymap::Action;
use crate::tui::message::Effect;
use crate::tui::screens;
use crate::tui::view::View;

/// How many rows the wheel moves.
const WHEEL: usize = 3;

impl App {
    pub(super) fn on_mouse(&mut self, event: MouseEvent) -> Vec<Effect> {
        if !self.popups.is_empty() {
            return Vec::new();
        }
        let action = match event.kind {
            MouseEventKind::ScrollUp => Action::Up,
            MouseEventKind::ScrollDown => Action::Down,
            MouseEventKind::Down(MouseButton::Left) => return self.on_click(event),
            _ => return Vec::new(),
        };
        self.changed = true;
        let mut effects = Vec::new();
        for _ in 0..WHEEL {
            effects.extend(self.act(action));
        }
        effects
    }

    fn on_click(&mut self, event: MouseEvent) -> Vec<Effect> {
        self.changed = true;
        match event.row {
            0 => {}
            1 => {
                if let Some(view) = screens::tab_at(event.column) {
                    self.show(view);
                }
            }
            2 => {
                if let Some(place) = screens::column_at(self, event.column) {
                    self.sort_by(self.view, place);
                }
            }
            row => self.choose_row(usize::from(row) - 3),
        }
        Vec::new()
    }

    fn choose_row(&mut self, row: usize) {
        let page = self.page();
        if row >= page {
            return;
        }
        match self.view {
            View::Fleet => {
                let ids = self.fleet_rows();
                let place = self.fleet.rows.offset + row;
                if place < ids.len() {
                    self.fleet.rows.choose(&ids, place, page);
                    self.current = self.fleet.rows.selected.unwrap_or(self.current);
                }
            }
            View::Processes => {
                let ids = self.process_ids();
                let place = self.processes.rows.offset + row;
                if place < ids.len() {
                    self.processes.rows.choose(&ids, place, page);
                }
            }
            _ => {}
        }
    }
}
