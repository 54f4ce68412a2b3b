//! The form for a new silence: of what, how long, why.

use std::collections::BTreeMap;

use crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::Popup;
use crate::app::App;
use crate::change::{AlertAct, Change, NewSilence};
use crate::sanitize::clean;
use crate::table::fit;
use crate::widgets::frame::message_box;
use linux_api_wire::api::alerts::AlertSeverity;

/// Most characters of a text, as the API takes a comment.
const TEXT: usize = 500;
/// Columns of a text.
const WIDTH: usize = 44;
/// How long a silence can last: words, and what the API takes.
const TIMES: [(&str, &str); 9] = [
    ("15 minutes", "15min"),
    ("30 minutes", "30min"),
    ("1 hour", "1h"),
    ("2 hours", "2h"),
    ("4 hours", "4h"),
    ("8 hours", "8h"),
    ("1 day", "1d"),
    ("3 days", "3d"),
    ("1 week", "7d"),
];
/// Two hours, as long as most work on a host.
const USUAL: usize = 3;

/// Which alerts by their severity.
const SEVERITIES: [(&str, Option<AlertSeverity>); 3] = [
    ("any", None),
    ("warnings only", Some(AlertSeverity::Warning)),
    ("critical ones only", Some(AlertSeverity::Critical)),
];

/// What a line of the form is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Rule,
    Host,
    Hosts,
    Label(String),
    Severity,
    Time,
    Comment,
}

impl Field {
    fn name(&self) -> &str {
        match self {
            Self::Rule => "rule",
            Self::Host => "host",
            Self::Hosts => "hosts",
            Self::Label(name) => name,
            Self::Severity => "level",
            Self::Time => "lasts",
            Self::Comment => "comment",
        }
    }
}

/// What a new silence is to be, while it is chosen.
#[derive(Debug, Clone)]
pub struct SilenceForm {
    host: usize,
    fields: Vec<(Field, Input)>,
    time: usize,
    severity: usize,
    /// The line that keys are about.
    line: usize,
    /// What is missing.
    problem: Option<&'static str>,
}

impl SilenceForm {
    /// An empty form for the daemon of this host.
    pub(crate) fn new(host: usize) -> Self {
        let fields = [
            Field::Rule,
            Field::Host,
            Field::Hosts,
            Field::Severity,
            Field::Time,
            Field::Comment,
        ];
        Self {
            host,
            fields: fields.map(|field| (field, Input::default())).into(),
            time: USUAL,
            severity: 0,
            line: 0,
            problem: None,
        }
    }

    /// Filled in from an alert, or from a rule; then how long it lasts is the first question.
    pub(crate) fn about(
        mut self,
        rule: &str,
        host: Option<&str>,
        labels: &BTreeMap<String, String>,
    ) -> Self {
        self.fields[0].1 = Input::new(rule.to_owned());
        self.fields[1].1 = Input::new(host.unwrap_or_default().to_owned());
        for (place, (name, value)) in labels.iter().enumerate() {
            let field = (Field::Label(name.clone()), Input::new(value.clone()));
            self.fields.insert(3 + place, field);
        }
        let time = self.fields.iter().position(|(it, _)| *it == Field::Time);
        self.line = time.unwrap_or(0);
        self
    }

    /// Takes a key; what follows from it.
    fn on_key(&mut self, event: KeyEvent) -> FormStep {
        self.problem = None;
        let last = self.fields.len() - 1;
        let (field, input) = &mut self.fields[self.line];
        let choice = match field {
            Field::Time => Some((&mut self.time, TIMES.len() - 1)),
            Field::Severity => Some((&mut self.severity, SEVERITIES.len() - 1)),
            _ => None,
        };
        match (event.code, choice) {
            (KeyCode::Esc, _) => return FormStep::Close,
            (KeyCode::Enter, _) => {
                if self.is_about_nothing() {
                    self.line = 0;
                    self.problem = Some("say of what: rule, host, or a level");
                    return FormStep::Stay;
                }
                return FormStep::Confirm;
            }
            (KeyCode::Up | KeyCode::BackTab, _) => self.line = self.line.saturating_sub(1),
            (KeyCode::Down | KeyCode::Tab, _) => self.line = (self.line + 1).min(last),
            (KeyCode::Left, Some((chosen, _))) => *chosen = chosen.saturating_sub(1),
            (KeyCode::Right | KeyCode::Char(' '), Some((chosen, most))) => {
                *chosen = (*chosen + 1).min(most);
            }
            (_, Some(_)) => {}
            (code, None) => {
                let is_full = input.value().chars().count() >= TEXT;
                if !is_full || !matches!(code, KeyCode::Char(_)) {
                    input.handle_event(&Event::Key(event));
                }
            }
        }
        FormStep::Stay
    }

    fn is_about_nothing(&self) -> bool {
        let silence = self.silence();
        silence.rule.is_none()
            && silence.host.is_none()
            && silence.hosts.is_none()
            && silence.labels.is_empty()
            && silence.severity.is_none()
    }

    /// What was chosen; an empty line says nothing.
    fn silence(&self) -> NewSilence {
        let (words, duration) = TIMES[self.time];
        let mut silence = NewSilence {
            severity: SEVERITIES[self.severity].1,
            duration: duration.to_owned(),
            lasts: words.to_owned(),
            ..NewSilence::default()
        };
        for (field, input) in &self.fields {
            let text = input.value().trim();
            if text.is_empty() {
                continue;
            }
            let text = text.to_owned();
            match field {
                Field::Rule => silence.rule = Some(text),
                Field::Host => silence.host = Some(text),
                Field::Hosts => silence.hosts = Some(text),
                Field::Label(name) => {
                    silence.labels.insert(name.clone(), text);
                }
                Field::Comment => silence.comment = text,
                Field::Severity | Field::Time => {}
            }
        }
        silence
    }

    pub(super) fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let host = &app.hosts[self.host];
        let name_width = self.fields.iter().map(|(field, _)| field.name().len());
        let name_width = name_width.max().unwrap_or(0).clamp(8, 16);
        let room = usize::from(area.width).saturating_sub(name_width + 8);
        let width = WIDTH.min(room).max(8);
        // The chosen line is among those that find room.
        let seen = usize::from(area.height).saturating_sub(8).max(1);
        let first = (self.line + 1).saturating_sub(seen);
        let fields = self.fields.iter().enumerate().skip(first).take(seen);
        let mut lines = Vec::new();
        for (place, (field, input)) in fields {
            let is_chosen = place == self.line;
            let value = match field {
                Field::Time => format!("< {} >", TIMES[self.time].0),
                Field::Severity => format!("< {} >", SEVERITIES[self.severity].0),
                _ => {
                    let scroll = input.visual_scroll(width - 1);
                    let text: String = input.value().chars().skip(scroll).collect();
                    let cursor = if is_chosen { "_" } else { "" };
                    format!("{}{cursor}", clean(&text))
                }
            };
            let style = if is_chosen {
                theme.selected
            } else {
                theme.text
            };
            let name = fit(field.name(), name_width, false, theme);
            lines.push(Line::from(vec![
                Span::styled(format!("{name} "), theme.title),
                Span::styled(fit(&value, width, false, theme), style),
            ]));
        }
        lines.push(Line::default());
        lines.push(match self.problem {
            Some(problem) => Line::styled(problem, theme.bad),
            None => Line::styled(
                "* and ? stand for any text; hosts: labels, as env=prod",
                theme.dim,
            ),
        });
        let hint = "arrows and Tab move, Enter goes on, Esc closes";
        lines.push(Line::styled(hint, theme.dim));
        let title = clean(&format!("new silence, by the daemon of {}", host.name));
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
    /// Keys over the form of a new silence.
    pub(crate) fn on_silence_key(&mut self, event: KeyEvent) {
        let Some(Popup::SilenceForm(form)) = self.popups.last_mut() else {
            return;
        };
        match form.on_key(event) {
            FormStep::Stay => {}
            FormStep::Close => {
                self.popups.pop();
            }
            FormStep::Confirm => {
                let (host, silence) = (form.host, form.silence());
                self.popups.pop();
                self.confirm_on(host, Change::Alerts(AlertAct::Silence(silence)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    fn press(form: &mut SilenceForm, code: KeyCode) -> FormStep {
        form.on_key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn what_is_left_empty_is_not_matched_and_all_of_it_is_no_silence() {
        let labels = BTreeMap::from([("mount_point".to_owned(), "/srv".to_owned())]);
        let mut form = SilenceForm::new(0).about("disk_space", Some("db-01"), &labels);
        // A longer time, and a comment.
        press(&mut form, KeyCode::Right);
        press(&mut form, KeyCode::Down);
        for letter in "moving it".chars() {
            press(&mut form, KeyCode::Char(letter));
        }
        assert!(matches!(
            press(&mut form, KeyCode::Enter),
            FormStep::Confirm
        ));
        let silence = form.silence();
        assert_eq!(silence.rule.as_deref(), Some("disk_space"));
        assert_eq!(
            (silence.duration.as_str(), silence.comment.as_str()),
            ("4h", "moving it")
        );
        assert_eq!(silence.labels, labels);
        let mut form = SilenceForm::new(0);
        assert!(matches!(press(&mut form, KeyCode::Enter), FormStep::Stay));
        assert!(form.problem.is_some());
    }
}
