//! What lies over a view and takes the keys first.

mod help;

use std::fmt;
use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;
use tui_input::Input;
use unicode_width::UnicodeWidthStr;

use super::app::{App, suggestions};
use super::change::{Change, ProcessRef};
use super::keymap::KeyAction;
use super::sanitize::clean;
use super::screen::View;
use super::table::Heading;
use super::widgets::frame::message_box;
use linux_api_wire::api::acts::SignalName;

/// The signals to choose from, the first one chosen at first; with KILL after so many seconds.
pub(crate) const SIGNALS: &[(SignalName, Option<u8>)] = &[
    (SignalName::Term, None),
    (SignalName::Term, Some(10)),
    (SignalName::Kill, None),
    (SignalName::Hup, None),
    (SignalName::Int, None),
    (SignalName::Quit, None),
    (SignalName::Usr1, None),
    (SignalName::Usr2, None),
    (SignalName::Stop, None),
    (SignalName::Cont, None),
];

/// What a line of text is for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// To show only some rows; takes effect with every key.
    Filter,
    /// To find a row; takes effect with every key.
    Find,
    /// To run a command.
    Palette,
    /// What a screen needs it for; takes effect with Enter.
    Entry(PromptEntry),
}

type Enter = Arc<dyn Fn(&mut App, &str) + Send + Sync>;

/// A text that a screen needs.
#[derive(Clone)]
pub struct PromptEntry {
    label: String,
    enter: Enter,
}

impl PromptEntry {
    /// Takes the text; an empty one is none.
    pub(crate) fn enter(&self, app: &mut App, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            (self.enter)(app, text);
        }
    }
}

impl fmt::Debug for PromptEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.label.fmt(f)
    }
}

impl App {
    /// Opens a line for a text, and what is done with it.
    pub(crate) fn prompt_for(
        &mut self,
        label: impl Into<String>,
        enter: impl Fn(&mut Self, &str) + Send + Sync + 'static,
    ) {
        let label = label.into();
        let enter = Arc::new(enter);
        self.prompt(Purpose::Entry(PromptEntry { label, enter }), "");
    }
}

/// Something over the view.
#[derive(Debug, Clone)]
pub enum Popup {
    /// What the keys do.
    Help {
        /// First line that is seen.
        scroll: u16,
    },
    /// A line of text at the bottom.
    Prompt {
        /// What for.
        purpose: Purpose,
        /// The text so far.
        input: Box<Input>,
        /// What was there before, for Esc.
        before: String,
        /// The chosen suggestion.
        chosen: usize,
    },
    /// A list to choose a column from.
    Sort {
        /// The view with the columns.
        view: View,
        /// The place of the chosen one among those that it can be sorted by.
        chosen: usize,
    },
    /// A list to choose a signal from.
    Signals {
        /// For which process.
        process: ProcessRef,
        /// On which host.
        host: usize,
        /// The place of the chosen one among [`SIGNALS`].
        chosen: usize,
    },
    /// A question before something is changed.
    Confirm {
        /// The question, which names what and where, and what follows from a yes.
        lines: Vec<String>,
        /// On which host.
        host: usize,
        /// What to do on yes.
        change: Change,
        /// Whether yes is chosen; no at first.
        yes: bool,
    },
    /// A new key, shown this once.
    Secret {
        /// Whose it is.
        title: String,
        /// The key.
        key: String,
        /// Whether it was sent to the clipboard.
        is_copied: bool,
    },
}

pub(crate) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    for popup in &app.popups {
        match popup {
            Popup::Help { scroll } => help::draw(app, *scroll, area, frame),
            Popup::Prompt {
                purpose,
                input,
                chosen,
                ..
            } => draw_prompt(app, purpose, input, *chosen, area, frame),
            Popup::Sort { view, chosen } => draw_sort(app, *view, *chosen, area, frame),
            Popup::Signals {
                process,
                host,
                chosen,
            } => draw_signals(app, process, *host, *chosen, area, frame),
            Popup::Confirm { lines, yes, .. } => draw_confirm(app, lines, *yes, area, frame),
            Popup::Secret {
                title,
                key,
                is_copied,
            } => draw_secret(app, title, key, *is_copied, area, frame),
        }
    }
}

fn draw_prompt(
    app: &App,
    purpose: &Purpose,
    input: &Input,
    chosen: usize,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let line = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    let label = match purpose {
        Purpose::Filter => "filter: ".to_owned(),
        Purpose::Find => "find: ".to_owned(),
        Purpose::Palette => ":".to_owned(),
        Purpose::Entry(entry) => clean(&entry.label),
    };
    let label_width = u16::try_from(label.width())
        .unwrap_or(0)
        .min(line.width / 2);
    let room = usize::from(line.width.saturating_sub(label_width + 1));
    let scroll = input.visual_scroll(room);
    let text: String = input.value().chars().skip(scroll).collect();
    frame.render_widget(Clear, line);
    let spans = vec![
        Span::styled(label, theme.key),
        Span::styled(clean(&text), theme.text),
    ];
    frame.render_widget(Line::from(spans), line);
    let cursor = u16::try_from(input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
    let x = (line.x + label_width + cursor).min(line.right() - 1);
    frame.set_cursor_position((x, line.y));
    let above = Rect::new(area.x, line.y - 1, area.width, 1);
    match purpose {
        Purpose::Filter => {
            if let Some(problem) = app.place().screen().filter_problem(input.value()) {
                frame.render_widget(Clear, above);
                frame.render_widget(Line::styled(clean(&problem), theme.bad), above);
            }
        }
        Purpose::Palette => draw_suggestions(app, input.value(), chosen, line, frame),
        _ => {}
    }
}

fn draw_suggestions(app: &App, typed: &str, chosen: usize, line: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let names = suggestions(typed);
    let chosen = chosen.min(names.len().saturating_sub(1));
    let height = u16::try_from(names.len()).unwrap_or(0).min(line.y);
    let top = line.y - height;
    for (place, name) in (0..height).zip(names) {
        let spot = Rect::new(line.x, top + place, line.width.min(72), 1);
        let help = KeyAction::named(name).map_or("", |action| action.help);
        frame.render_widget(Clear, spot);
        let text = format!(" {name:<18} {help}");
        let style = if usize::from(place) == chosen {
            theme.selected
        } else {
            theme.text
        };
        let text = format!("{text:<72}");
        frame.render_widget(Line::styled(text, style), spot);
    }
}

fn draw_sort(app: &App, view: View, chosen: usize, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let headings = App::sortable(view);
    let line = |(place, heading): (usize, Heading)| {
        let style = if place == chosen {
            theme.selected
        } else {
            theme.text
        };
        Line::styled(format!(" {:<14} ", heading.title), style)
    };
    let lines = headings.into_iter().enumerate().map(line).collect();
    message_box("sort by", lines, theme, area, frame);
}

fn draw_signals(
    app: &App,
    process: &ProcessRef,
    host: usize,
    chosen: usize,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let line = |(place, (signal, escalate_after)): (usize, &(SignalName, Option<u8>))| {
        let style = if place == chosen {
            theme.selected
        } else {
            theme.text
        };
        let text = match escalate_after {
            None => format!(" {:<6} {:<32} ", signal.as_str(), signal.meaning()),
            Some(after) => {
                let words = format!("end, and after {after} s KILL");
                format!(" {:<6} {words:<32} ", signal.as_str())
            }
        };
        Line::styled(text, style)
    };
    let mut lines = vec![
        Line::raw(clean(&process.in_words())),
        Line::raw(clean(&format!("on {}", app.hosts[host].name))),
        Line::default(),
    ];
    lines.extend(SIGNALS.iter().enumerate().map(line));
    message_box("signal", lines, theme, area, frame);
}

fn draw_confirm(app: &App, lines: &[String], yes: bool, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let mut shown: Vec<Line<'static>> = lines.iter().map(|it| Line::raw(clean(it))).collect();
    shown.push(Line::default());
    let style = |chosen: bool| if chosen { theme.selected } else { theme.text };
    shown.push(Line::from(vec![
        Span::styled("  No  ", style(!yes)),
        Span::raw("   "),
        Span::styled("  Yes  ", style(yes)),
        Span::styled("   y yes, n or Esc no", theme.dim),
    ]));
    message_box("confirm [y/N]", shown, theme, area, frame);
}

fn draw_secret(
    app: &App,
    title: &str,
    key: &str,
    is_copied: bool,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let copy = if is_copied {
        "Sent to the terminal's clipboard (OSC 52), if it allows that."
    } else {
        "y copies it to the terminal's clipboard (OSC 52)."
    };
    let lines = vec![
        Line::default(),
        Line::styled(clean(key), theme.accent),
        Line::default(),
        Line::styled("It is shown this once. Esc or Enter closes.", theme.dim),
        Line::styled(copy, if is_copied { theme.good } else { theme.dim }),
    ];
    message_box(&clean(title), lines, theme, area, frame);
}
