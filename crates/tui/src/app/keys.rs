//! Keys and pasted text: first to what lies on top, then to the view.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::App;
use crate::change::Change;
use crate::keymap::action::{DOWN, HALF_DOWN, HALF_UP, PAGE_DOWN, PAGE_UP, TOP, UP};
use crate::keymap::{KeyAction, KeyPress, Lookup};
use crate::message::Effect;
use crate::popups::{Popup, Purpose, SIGNALS};

/// Most characters that are typed into one line.
const LINE: usize = 1000;

impl App {
    pub(super) fn on_key(&mut self, event: KeyEvent) -> Vec<Effect> {
        if event.kind == KeyEventKind::Release {
            return Vec::new();
        }
        let key = KeyPress::of(&event);
        // Whatever is open: this one always ends.
        if Some(key) == KeyPress::parse("ctrl-c") {
            return vec![Effect::Quit];
        }
        match self.popups.last() {
            Some(Popup::Prompt { .. }) => self.on_prompt_key(event),
            Some(Popup::Confirm { .. }) => self.on_confirm_key(event.code),
            Some(Popup::Sort { .. }) => self.on_sort_key(event.code, key),
            Some(Popup::Signals { .. }) => self.on_signal_key(event.code, key),
            Some(Popup::Help { .. }) => self.on_reading_key(key),
            Some(Popup::Secret { .. }) => self.on_secret_key(event.code),
            None => self.on_view_key(key),
        }
    }

    pub(super) fn on_paste(&mut self, text: &str) -> Vec<Effect> {
        for character in text.chars().filter(|it| !it.is_control()).take(LINE) {
            if !matches!(self.popups.last(), Some(Popup::Prompt { .. })) {
                break;
            }
            let event = KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE);
            self.on_prompt_key(event);
        }
        Vec::new()
    }

    fn on_view_key(&mut self, key: KeyPress) -> Vec<Effect> {
        self.pressed.push(key);
        match self.settings.keymap.look_up(self.place(), &self.pressed) {
            Lookup::Pending => Vec::new(),
            Lookup::Action(action) => {
                self.pressed.clear();
                self.act(action)
            }
            Lookup::Nothing => {
                // The second key may be the first of another sequence.
                let again = self.pressed.len() > 1;
                self.pressed.clear();
                if again {
                    self.on_view_key(key)
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// Keys over something that is only read: up and down scroll, the rest closes it.
    fn on_reading_key(&mut self, key: KeyPress) -> Vec<Effect> {
        let page = u16::try_from(self.page()).unwrap_or(1);
        let action = match self.settings.keymap.look_up(self.place(), &[key]) {
            Lookup::Action(action) => Some(action),
            _ => None,
        };
        if let Some(Popup::Help { scroll }) = self.popups.last_mut() {
            match action {
                Some(DOWN) => *scroll = scroll.saturating_add(1),
                Some(UP) => *scroll = scroll.saturating_sub(1),
                Some(PAGE_DOWN | HALF_DOWN) => *scroll = scroll.saturating_add(page),
                Some(PAGE_UP | HALF_UP) => *scroll = scroll.saturating_sub(page),
                Some(TOP) => *scroll = 0,
                _ => {
                    self.popups.pop();
                }
            }
            // What is not there can't be scrolled to.
            let lines = u16::try_from(KeyAction::all().len()).unwrap_or(0);
            if let Some(Popup::Help { scroll }) = self.popups.last_mut() {
                *scroll = (*scroll).min(lines);
            }
        }
        Vec::new()
    }

    /// Keys over a new key: it is seen this once, so no stray key may close it.
    fn on_secret_key(&mut self, code: KeyCode) -> Vec<Effect> {
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

    fn on_confirm_key(&mut self, code: KeyCode) -> Vec<Effect> {
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
            Some(Popup::Confirm { host, change, .. }) if is_yes => vec![self.send(host, change)],
            _ => Vec::new(),
        }
    }

    fn on_sort_key(&mut self, code: KeyCode, key: KeyPress) -> Vec<Effect> {
        let action = self.settings.keymap.look_up(self.place(), &[key]);
        let Some(Popup::Sort { view, chosen }) = self.popups.last_mut() else {
            return Vec::new();
        };
        let view = *view;
        let last = Self::sortable(view).len().saturating_sub(1);
        match (code, action) {
            (KeyCode::Enter, _) => {
                let chosen = *chosen;
                self.popups.pop();
                self.sort_by_place(view, chosen);
            }
            (KeyCode::Up, _) | (_, Lookup::Action(UP)) => {
                *chosen = chosen.saturating_sub(1);
            }
            (KeyCode::Down, _) | (_, Lookup::Action(DOWN)) => {
                *chosen = (*chosen + 1).min(last);
            }
            _ => {
                self.popups.pop();
            }
        }
        Vec::new()
    }

    fn on_signal_key(&mut self, code: KeyCode, key: KeyPress) -> Vec<Effect> {
        let action = self.settings.keymap.look_up(self.place(), &[key]);
        let Some(Popup::Signals {
            process,
            host,
            chosen,
        }) = self.popups.last_mut()
        else {
            return Vec::new();
        };
        match (code, action) {
            (KeyCode::Enter, _) => {
                let (process, host, chosen) = (process.clone(), *host, *chosen);
                self.popups.pop();
                if let Some((signal, escalate_after)) = SIGNALS.get(chosen) {
                    let change = Change::Signal(process, *signal, *escalate_after);
                    self.confirm_on(host, change);
                }
            }
            (KeyCode::Up, _) | (_, Lookup::Action(UP)) => *chosen = chosen.saturating_sub(1),
            (KeyCode::Down, _) | (_, Lookup::Action(DOWN)) => {
                *chosen = (*chosen + 1).min(SIGNALS.len() - 1);
            }
            (KeyCode::Esc | KeyCode::Char('q' | 'n'), _) => {
                self.popups.pop();
            }
            // A stray key chooses nothing.
            _ => {}
        }
        Vec::new()
    }

    fn on_prompt_key(&mut self, event: KeyEvent) -> Vec<Effect> {
        let Some(Popup::Prompt {
            purpose,
            input,
            before,
            chosen,
        }) = self.popups.last_mut()
        else {
            return Vec::new();
        };
        match event.code {
            KeyCode::Esc => {
                let (purpose, before) = (purpose.clone(), before.clone());
                self.popups.pop();
                if matches!(purpose, Purpose::Filter) {
                    self.place().screen().set_filter(self, &before);
                }
                return Vec::new();
            }
            KeyCode::Enter => return self.on_prompt_enter(),
            KeyCode::Up => *chosen = chosen.saturating_sub(1),
            KeyCode::Down => *chosen = chosen.saturating_add(1),
            KeyCode::Tab if matches!(purpose, Purpose::Palette) => {
                let typed = input.value().to_owned();
                if let Some(best) = super::palette::suggestions(&typed).get(*chosen) {
                    **input = Input::new((*best).to_owned());
                    *chosen = 0;
                }
            }
            _ if input.value().chars().count() < LINE
                || !matches!(event.code, KeyCode::Char(_)) =>
            {
                input.handle_event(&Event::Key(event));
                *chosen = 0;
            }
            _ => {}
        }
        let (purpose, typed) = match self.popups.last() {
            Some(Popup::Prompt { purpose, input, .. }) => {
                (purpose.clone(), input.value().to_owned())
            }
            _ => return Vec::new(),
        };
        match purpose {
            // A filter that is not finished yet must not empty the table.
            Purpose::Filter => {
                let screen = self.place().screen();
                if screen.filter_problem(&typed).is_none() {
                    screen.set_filter(self, &typed);
                }
            }
            Purpose::Find => self.find(&typed, false),
            _ => {}
        }
        Vec::new()
    }

    fn on_prompt_enter(&mut self) -> Vec<Effect> {
        let Some(Popup::Prompt {
            purpose,
            input,
            chosen,
            ..
        }) = self.popups.last()
        else {
            return Vec::new();
        };
        let (purpose, typed, chosen) = (purpose.clone(), input.value().to_owned(), *chosen);
        match purpose {
            Purpose::Filter => {
                if let Some(problem) = self.place().screen().filter_problem(&typed) {
                    // The prompt stays open, so that the text can be corrected.
                    self.complain(problem);
                    return Vec::new();
                }
                self.popups.pop();
                self.place().screen().set_filter(self, &typed);
            }
            Purpose::Find => self.find(&typed, true),
            Purpose::Palette => {
                self.popups.pop();
                return self.run_command(&typed, chosen);
            }
            Purpose::Entry(entry) => {
                self.popups.pop();
                entry.enter(self, &typed);
            }
        }
        Vec::new()
    }

    /// Opens a line of text.
    pub(crate) fn prompt(&mut self, purpose: Purpose, text: &str) {
        self.popups.push(Popup::Prompt {
            purpose,
            input: Box::new(Input::new(text.to_owned())),
            before: text.to_owned(),
            chosen: 0,
        });
    }
}
