//! The mouse: the wheel moves the choice or zooms, a click chooses a tab, a column or a row, and a
//! click on the chosen row opens it.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::App;
use crate::keymap::action::{DOWN, OPEN, UP};
use crate::message::Effect;
use crate::popups::Popup;
use crate::table::heading_at;
use crate::widgets::frame;

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
            if let Popup::Help(state) = popup {
                let by = i16::try_from(WHEEL).unwrap_or(1);
                state.scroll_by(if up { -by } else { by });
                self.changed = true;
            }
            return Vec::new();
        }
        self.changed = true;
        if let Some(action) = self.place().screen().wheel(event.column, up) {
            return self.act(action);
        }
        let action = if up { UP } else { DOWN };
        (0..WHEEL).flat_map(|_| self.act(action)).collect()
    }

    fn on_click(&mut self, event: MouseEvent) -> Vec<Effect> {
        self.changed = true;
        let (x, y) = (event.column, event.row);
        let screen = self.place().screen();
        match y {
            0 => {}
            1 => {
                if let Some(view) = frame::tab_at(self.size.0, x) {
                    self.show(view);
                }
            }
            _ if y == screen.heading_line(self) => {
                let width = self.size.0;
                let heading = heading_at(&screen.shown_headings(self, width), width, x);
                let heading = heading.filter(|heading| heading.sort.is_some());
                if let (Some(heading), Some(table)) = (heading, screen.table_mut(self)) {
                    table.sort_by(&heading);
                }
            }
            _ if screen.click(self, (x, y)) => return self.act(OPEN),
            _ => {}
        }
        Vec::new()
    }

    /// Chooses the row of a table that fills the view; whether it was chosen already.
    pub(crate) fn click_row(&mut self, y: u16) -> bool {
        let row = usize::from(y.saturating_sub(FIRST_ROW));
        self.with_table(|table, page| row < page && table.click(row, page)) == Some(true)
    }
}
