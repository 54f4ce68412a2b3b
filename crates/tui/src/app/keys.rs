//! Keys and pasted text: first to what lies on top, then to the view.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::act::Search;
use super::{App, Suggestion, suggestions};
use crate::keymap::{KeyPress, Lookup};
use crate::message::Effect;
use crate::popups::{Popup, Purpose};

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
            Some(Popup::Prompt { .. }) => return self.on_prompt_key(event),
            Some(Popup::Confirm { .. }) => return self.on_confirm_key(event.code),
            Some(Popup::Secret { .. }) => return self.on_secret_key(event.code),
            Some(Popup::Sort { .. }) => self.on_sort_key(event.code, key),
            Some(Popup::Columns { .. }) => self.on_columns_key(event.code, key),
            Some(Popup::Signals { .. }) => self.on_signal_key(event.code, key),
            Some(Popup::Help(_)) => self.on_help_key(event, key),
            Some(Popup::KeyForm(_)) => self.on_form_key(event),
            Some(Popup::SilenceForm(_)) => self.on_silence_key(event),
            Some(Popup::Outcome { .. }) => self.on_outcome_key(event.code),
            None => return self.on_view_key(key),
        }
        Vec::new()
    }

    pub(super) fn on_paste(&mut self, text: &str) -> Vec<Effect> {
        for character in text.chars().filter(|it| !it.is_control()).take(LINE) {
            let event = KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE);
            match self.popups.last() {
                Some(Popup::Prompt { .. }) => {
                    self.on_prompt_key(event);
                }
                Some(Popup::KeyForm(_)) => self.on_form_key(event),
                Some(Popup::SilenceForm(_)) => self.on_silence_key(event),
                _ => break,
            }
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
                    self.act_elsewhere(key)
                }
            }
        }
    }

    fn on_prompt_key(&mut self, event: KeyEvent) -> Vec<Effect> {
        let Some(Popup::Prompt {
            purpose,
            input,
            before,
            chosen,
            recalled,
            is_offer,
        }) = self.popups.last_mut()
        else {
            return Vec::new();
        };
        let is_palette = matches!(purpose, Purpose::Palette);
        // What was offered gives way to what is typed.
        let is_typed = matches!(event.code, KeyCode::Char(_))
            && !event.modifiers.contains(KeyModifiers::CONTROL);
        if std::mem::take(is_offer) && is_typed {
            input.reset();
        }
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
            KeyCode::Up | KeyCode::Down if is_palette => {
                self.recall_command(event.code == KeyCode::Up);
            }
            KeyCode::Up | KeyCode::Down => {}
            KeyCode::Tab if is_palette => self.complete_command(),
            _ if input.value().chars().count() < LINE
                || !matches!(event.code, KeyCode::Char(_)) =>
            {
                input.handle_event(&Event::Key(event));
                *chosen = 0;
                *recalled = None;
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
            Purpose::Find => {
                self.find(&typed, Search::Here);
            }
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
            // An empty line finds again what was searched for before.
            Purpose::Find if typed.is_empty() => {
                self.popups.pop();
            }
            Purpose::Find => {
                if !self.find(&typed, Search::Next) {
                    self.complain(format!("no row holds {typed:?}"));
                }
            }
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
            recalled: None,
            is_offer: false,
        });
    }

    /// Takes the chosen suggestion into the line.
    fn complete_command(&mut self) {
        let Some(Popup::Prompt { input, chosen, .. }) = self.popups.last() else {
            return;
        };
        let suggested = suggestions(self, input.value());
        let Some(Suggestion { text, .. }) = suggested.into_iter().nth(*chosen) else {
            return;
        };
        if let Some(Popup::Prompt { input, chosen, .. }) = self.popups.last_mut() {
            **input = Input::new(text);
            *chosen = 0;
        }
    }
}
