//! The form for a new key: its name, when it ends, and what it may do.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::Popup;
use crate::app::App;
use crate::change::{Change, KeyOwner, NewKey};
use crate::sanitize::clean;
use crate::table::fit;
use crate::widgets::frame::message_box;
use linux_api_wire::api_key::Scope;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;

/// Most characters of a name, as the API takes it.
const NAME: usize = 64;
/// When a key can end: words, and days; 0 for never.
const ENDS: [(&str, u64); 6] = [
    ("never", 0),
    ("in 1 day", 1),
    ("in 7 days", 7),
    ("in 30 days", 30),
    ("in 90 days", 90),
    ("in 1 year", 365),
];
/// Lines of the form before its scopes.
const NAME_LINE: usize = 0;
const END_LINE: usize = 1;
const FIRST_SCOPE: usize = 2;

/// What a new key is to be, while it is chosen.
#[derive(Debug, Clone)]
pub struct KeyForm {
    owner: KeyOwner,
    host: usize,
    name: Input,
    /// The place of the chosen one among [`ENDS`].
    end: usize,
    /// What the role of the owner allows, and whether it is chosen. None chosen is all of it.
    scopes: Vec<(Scope, bool)>,
    /// The line that keys are about.
    line: usize,
    /// What is missing.
    problem: Option<&'static str>,
}

impl KeyForm {
    /// A form for a key of this user on this host; of a role of a later version the daemon decides.
    pub(crate) fn new(owner: KeyOwner, host: usize, role: Option<Role>) -> Self {
        let allowed = Scope::ALL
            .into_iter()
            .filter(|scope| role.is_none_or(|role| role >= scope.role()));
        Self {
            owner,
            host,
            name: Input::default(),
            end: 0,
            scopes: allowed.map(|scope| (scope, false)).collect(),
            line: NAME_LINE,
            problem: None,
        }
    }

    /// Takes a key; what follows from it.
    fn on_key(&mut self, event: KeyEvent) -> FormStep {
        self.problem = None;
        let last = FIRST_SCOPE + self.scopes.len() - 1;
        match (event.code, self.line) {
            (KeyCode::Esc, _) => return FormStep::Close,
            (KeyCode::Enter, _) => {
                if self.name.value().trim().is_empty() {
                    self.line = NAME_LINE;
                    self.problem = Some("a key needs a name");
                    return FormStep::Stay;
                }
                return FormStep::Confirm;
            }
            (KeyCode::Up | KeyCode::BackTab, line) => self.line = line.saturating_sub(1),
            (KeyCode::Down | KeyCode::Tab, line) => self.line = (line + 1).min(last),
            (KeyCode::Left, END_LINE) => self.end = self.end.saturating_sub(1),
            (KeyCode::Right | KeyCode::Char(' '), END_LINE) => {
                self.end = (self.end + 1).min(ENDS.len() - 1);
            }
            (KeyCode::Char(' ' | 'x'), line) if line >= FIRST_SCOPE => {
                let chosen = &mut self.scopes[line - FIRST_SCOPE].1;
                *chosen = !*chosen;
            }
            (code, NAME_LINE) => {
                let is_full = self.name.value().chars().count() >= NAME;
                if !is_full || !matches!(code, KeyCode::Char(_)) {
                    self.name.handle_event(&Event::Key(event));
                }
            }
            _ => {}
        }
        FormStep::Stay
    }

    /// What was chosen.
    fn key(&self, now: Timestamp) -> NewKey {
        let chosen = self.scopes.iter().filter(|(_, is_chosen)| *is_chosen);
        NewKey {
            name: self.name.value().trim().to_owned(),
            scopes: chosen.map(|(scope, _)| *scope).collect(),
            expires_at: self.end_from(now).map(|end| end.to_string()),
        }
    }

    fn end_from(&self, now: Timestamp) -> Option<Timestamp> {
        let (_, days) = ENDS[self.end];
        let after = Duration::from_hours(24).saturating_mul(u32::try_from(days).unwrap_or(0));
        (days > 0).then(|| now.saturating_add(after))
    }

    pub(super) fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let host = &app.hosts[self.host];
        let style = |line: usize| {
            if line == self.line {
                theme.selected
            } else {
                theme.text
            }
        };
        let field = |line: usize, name: &str, value: String| {
            Line::from(vec![
                Span::styled(format!("{name:<8} "), theme.title),
                Span::styled(value, style(line)),
            ])
        };
        let (words, _) = ENDS[self.end];
        let end = self.end_from(app.time_of(host));
        let end = end.map(|end| end.to_string());
        let end = end.as_deref().and_then(|end| end.get(..16));
        let end = end.map_or_else(String::new, |end| {
            format!(", {} UTC", end.replace('T', " "))
        });
        let cursor = if self.line == NAME_LINE { "_" } else { "" };
        let any = self.scopes.iter().any(|(_, is_chosen)| *is_chosen);
        let all = if any {
            "only those that are chosen"
        } else {
            "all that the role of the user allows"
        };
        let mut lines = vec![
            field(
                NAME_LINE,
                "name",
                format!("{:<32}", format!("{}{cursor}", clean(self.name.value()))),
            ),
            field(END_LINE, "ends", format!("< {words}{end} >")),
            Line::from(vec![
                Span::styled(format!("{:<8} ", "scopes"), theme.title),
                Span::styled(all, theme.dim),
            ]),
        ];
        // The chosen line is among those that find room.
        let room = usize::from(area.height).saturating_sub(9).max(1);
        let chosen = self.line.saturating_sub(FIRST_SCOPE);
        let first = (chosen + 1).saturating_sub(room);
        let width = usize::from(area.width).saturating_sub(30).max(10);
        let scopes = self.scopes.iter().enumerate().skip(first).take(room);
        for (place, (scope, is_chosen)) in scopes {
            let mark = if *is_chosen { "x" } else { " " };
            let meaning = scope.meaning();
            let meaning = fit(meaning, width.min(meaning.len()), false, theme);
            let name = format!(" [{mark}] {:<15}", scope.as_str());
            lines.push(Line::from(vec![
                Span::styled(name, style(FIRST_SCOPE + place)),
                Span::styled(format!(" {meaning}"), theme.dim),
            ]));
        }
        lines.push(Line::default());
        let hint = "arrows and Tab move, Space chooses, Enter goes on, Esc closes";
        lines.push(match self.problem {
            Some(problem) => Line::styled(problem, theme.bad),
            None => Line::styled(hint, theme.dim),
        });
        let title = clean(&format!("new key of {} on {}", self.owner.name, host.name));
        message_box(&title, lines, theme, area, frame);
    }
}

/// What follows from a key on the form.
enum FormStep {
    Stay,
    Close,
    Confirm,
}

impl App {
    /// Keys over the form of a new key.
    pub(crate) fn on_form_key(&mut self, event: KeyEvent) {
        let Some(Popup::KeyForm(form)) = self.popups.last_mut() else {
            return;
        };
        match form.on_key(event) {
            FormStep::Stay => {}
            FormStep::Close => {
                self.popups.pop();
            }
            FormStep::Confirm => {
                let (owner, host) = (form.owner.clone(), form.host);
                let now = self.time_of(&self.hosts[host]);
                let Some(Popup::KeyForm(form)) = self.popups.pop() else {
                    return;
                };
                self.confirm_on(host, Change::CreateKey(owner, form.key(now)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    fn form(role: Role) -> KeyForm {
        let owner = KeyOwner {
            id: None,
            name: "grafana".to_owned(),
        };
        KeyForm::new(owner, 0, Some(role))
    }

    fn press(form: &mut KeyForm, code: KeyCode) -> FormStep {
        form.on_key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn only_scopes_of_the_role_can_be_chosen_and_none_is_all() {
        let now: Timestamp = "2026-11-23T07:02:00Z".parse().unwrap();
        let mut form = form(Role::Viewer);
        assert!(
            form.scopes
                .iter()
                .all(|(scope, _)| scope.role() == Role::Viewer)
        );
        assert!(matches!(press(&mut form, KeyCode::Enter), FormStep::Stay));
        for letter in "my key".chars() {
            press(&mut form, KeyCode::Char(letter));
        }
        assert!(matches!(
            press(&mut form, KeyCode::Enter),
            FormStep::Confirm
        ));
        let key = form.key(now);
        assert_eq!((key.name.as_str(), key.scopes.len()), ("my key", 0));
        assert_eq!(key.expires_at, None);
        for code in [KeyCode::Down, KeyCode::Right, KeyCode::Right, KeyCode::Down] {
            press(&mut form, code);
        }
        press(&mut form, KeyCode::Char(' '));
        let key = form.key(now);
        assert_eq!(key.scopes, [Scope::HostRead]);
        let end = key.expires_at.unwrap();
        assert!(end.starts_with("2026-11-30T07:02:00"), "{end}");
    }
}
