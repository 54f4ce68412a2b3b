//! Keys over boxes: help, questions, lists to choose from.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::App;
use crate::change::Change;
use crate::keymap::action::{BOTTOM, DOWN, HALF_DOWN, HALF_UP, PAGE_DOWN, PAGE_UP, TOP, UP};
use crate::keymap::{KeyAction, KeyPress, Lookup};
use crate::message::Effect;
use crate::popups::{HelpState, Popup, SIGNALS};

/// Most characters that are searched for in the help.
const SEARCH: usize = 40;

impl App {
    fn action_of(&self, key: KeyPress) -> Option<KeyAction> {
        match self.settings.keymap.look_up(self.place(), &[key]) {
            Lookup::Action(action) => Some(action),
            _ => None,
        }
    }

    /// Keys over the help: up and down scroll, `/` searches, the rest closes it.
    pub(super) fn on_help_key(&mut self, event: KeyEvent, key: KeyPress) {
        let page = i16::try_from(self.page()).unwrap_or(1);
        let action = self.action_of(key);
        let Some(Popup::Help(state)) = self.popups.last_mut() else {
            return;
        };
        if state.is_typing {
            type_search(state, event);
            return;
        }
        match (event.code, action) {
            (KeyCode::Char('/') | KeyCode::F(3), _) => {
                state.is_typing = true;
                state.scroll = 0;
            }
            (_, Some(DOWN)) => state.scroll_by(1),
            (_, Some(UP)) => state.scroll_by(-1),
            (_, Some(PAGE_DOWN | HALF_DOWN)) => state.scroll_by(page),
            (_, Some(PAGE_UP | HALF_UP)) => state.scroll_by(-page),
            (_, Some(TOP)) => state.scroll = 0,
            (_, Some(BOTTOM)) => state.scroll_by(i16::MAX),
            (KeyCode::Esc | KeyCode::Backspace, _) if !state.search.is_empty() => {
                state.search.clear();
            }
            _ => {
                self.popups.pop();
            }
        }
    }

    /// Keys over a new key: it is seen this once, so no stray key may close it.
    pub(super) fn on_secret_key(&mut self, code: KeyCode) -> Vec<Effect> {
        let Some(Popup::Secret { key, is_copied, .. }) = self.popups.last_mut() else {
            return Vec::new();
        };
        match code {
            KeyCode::Char('y' | 'Y') => {
                *is_copied = true;
                return vec![Effect::Copy(key.clone())];
            }
            KeyCode::Esc | KeyCode::Enter => {
                self.popups.pop();
            }
            _ => {}
        }
        Vec::new()
    }

    /// Keys over what became of acts: one that was meant for a row does not close it unread.
    pub(super) fn on_outcome_key(&mut self, code: KeyCode) {
        if matches!(code, KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q')) {
            self.popups.pop();
        }
    }

    pub(super) fn on_confirm_key(&mut self, code: KeyCode) -> Vec<Effect> {
        let Some(Popup::Confirm { yes, .. }) = self.popups.last_mut() else {
            return Vec::new();
        };
        let is_yes = match code {
            KeyCode::Left | KeyCode::Right | KeyCode::Tab | KeyCode::BackTab => {
                *yes = !*yes;
                return Vec::new();
            }
            KeyCode::Char('y' | 'Y') => true,
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => false,
            KeyCode::Enter => *yes,
            _ => return Vec::new(),
        };
        match self.popups.pop() {
            Some(Popup::Confirm { then, .. }) if is_yes => self.carry_out(then),
            _ => Vec::new(),
        }
    }

    pub(super) fn on_sort_key(&mut self, code: KeyCode, key: KeyPress) {
        let action = self.action_of(key);
        let Some(Popup::Sort { view, .. }) = self.popups.last() else {
            return;
        };
        let view = *view;
        let last = self.sortable(view).len().saturating_sub(1);
        let Some(Popup::Sort { chosen, .. }) = self.popups.last_mut() else {
            return;
        };
        match (code, action) {
            (KeyCode::Enter, _) => {
                let chosen = *chosen;
                self.popups.pop();
                self.sort_by_place(view, chosen);
            }
            _ if step(chosen, last, code, action) => {}
            _ => {
                self.popups.pop();
            }
        }
    }

    /// Keys over the columns of processes: what is changed is seen at once.
    pub(super) fn on_columns_key(&mut self, code: KeyCode, key: KeyPress) {
        let action = self.action_of(key);
        let columns = &mut self.screens.processes.columns;
        let last = columns.all().len().saturating_sub(1);
        let Some(Popup::Columns { chosen }) = self.popups.last_mut() else {
            return;
        };
        match code {
            KeyCode::Char(' ' | 'x') => columns.change(*chosen),
            KeyCode::Char('<' | 'K') | KeyCode::Left => *chosen = columns.shift(*chosen, false),
            KeyCode::Char('>' | 'J') | KeyCode::Right => *chosen = columns.shift(*chosen, true),
            KeyCode::Char('r') => columns.reset(),
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => {
                self.popups.pop();
            }
            _ => {
                step(chosen, last, code, action);
            }
        }
    }

    pub(super) fn on_signal_key(&mut self, code: KeyCode, key: KeyPress) {
        let action = self.action_of(key);
        let Some(Popup::Signals {
            processes,
            host,
            chosen,
        }) = self.popups.last_mut()
        else {
            return;
        };
        match (code, action) {
            (KeyCode::Enter, _) => {
                let (mut processes, host, chosen) = (processes.clone(), *host, *chosen);
                self.popups.pop();
                let Some((signal, escalate_after)) = SIGNALS.get(chosen).copied() else {
                    return;
                };
                let change = if processes.len() == 1 {
                    Change::Signal(processes.remove(0), signal, escalate_after)
                } else {
                    Change::SignalAll(processes, signal, escalate_after)
                };
                self.confirm_on(host, change);
            }
            (KeyCode::Esc | KeyCode::Char('q' | 'n'), _) => {
                self.popups.pop();
            }
            // A stray key chooses nothing.
            _ => {
                step(chosen, SIGNALS.len() - 1, code, action);
            }
        }
    }
}

/// Moves a choice in a list; whether the key was for that.
fn step(chosen: &mut usize, last: usize, code: KeyCode, action: Option<KeyAction>) -> bool {
    *chosen = match (code, action) {
        (KeyCode::Up, _) | (_, Some(UP)) => chosen.saturating_sub(1),
        (KeyCode::Down, _) | (_, Some(DOWN)) => (*chosen + 1).min(last),
        (KeyCode::Home, _) | (_, Some(TOP)) => 0,
        (KeyCode::End, _) | (_, Some(BOTTOM)) => last,
        _ => return false,
    };
    true
}

/// A key for the text that is searched for.
fn type_search(state: &mut HelpState, event: KeyEvent) {
    let is_plain = !event.modifiers.contains(KeyModifiers::CONTROL);
    match event.code {
        KeyCode::Char(letter) if is_plain && state.search.chars().count() < SEARCH => {
            state.search.push(letter);
        }
        KeyCode::Backspace => {
            state.search.pop();
        }
        KeyCode::Enter | KeyCode::Up | KeyCode::Down => state.is_typing = false,
        KeyCode::Esc => {
            state.is_typing = false;
            state.search.clear();
        }
        _ => {}
    }
    state.scroll = 0;
}
