//! What lies over a view and takes the keys first.

mod boxes;
mod help;
pub(crate) mod key_form;
mod lists;
mod prompt;
pub(crate) mod silence_form;

use std::fmt;
use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use tui_input::Input;

use super::app::App;
use super::change::{Change, NewRemote, ProcessRef};
use super::screen::View;
use linux_api_wire::api::acts::SignalName;

pub(crate) use help::HelpState;
use key_form::KeyForm;
use silence_form::SilenceForm;

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
        self.prompt_with(label, "", enter);
    }

    /// The same with a text to begin with, in whose place comes what is typed.
    pub(crate) fn prompt_with(
        &mut self,
        label: impl Into<String>,
        text: &str,
        enter: impl Fn(&mut Self, &str) + Send + Sync + 'static,
    ) {
        let label = label.into();
        let enter = Arc::new(enter);
        self.prompt(Purpose::Entry(PromptEntry { label, enter }), text);
        if let Some(Popup::Prompt { is_offer, .. }) = self.popups.last_mut() {
            *is_offer = !text.is_empty();
        }
    }
}

/// What a yes is to.
#[derive(Debug, Clone)]
pub enum Confirmed {
    /// Changes on a host.
    Changes(usize, Vec<Change>),
    /// The same change on several hosts.
    OnAll(Vec<usize>, Change),
    /// Another remote.
    AddRemote(NewRemote),
}

/// Something over the view.
#[derive(Debug, Clone)]
pub enum Popup {
    /// What the keys do.
    Help(HelpState),
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
        /// Which of the commands before it shows, counted from the newest one; none for what was typed.
        recalled: Option<usize>,
        /// Whether the text is an offer, in whose place comes what is typed.
        is_offer: bool,
    },
    /// A list to choose a column from.
    Sort {
        /// The view with the columns.
        view: View,
        /// The place of the chosen one among those that it can be sorted by.
        chosen: usize,
    },
    /// The columns of processes: which are shown, and in which order.
    Columns {
        /// The place of the chosen one.
        chosen: usize,
    },
    /// A list to choose a signal from.
    Signals {
        /// For which processes, one or more.
        processes: Vec<ProcessRef>,
        /// On which host.
        host: usize,
        /// The place of the chosen one among [`SIGNALS`].
        chosen: usize,
    },
    /// A question before something is changed.
    Confirm {
        /// The question, which names what and where, and what follows from a yes.
        lines: Vec<String>,
        /// What to do on yes.
        then: Confirmed,
        /// Whether yes is chosen; no at first.
        yes: bool,
    },
    /// What a new key is to be.
    KeyForm(Box<KeyForm>),
    /// What a new silence is to be.
    SilenceForm(Box<SilenceForm>),
    /// A new key, shown this once.
    Secret {
        /// Whose it is.
        title: String,
        /// The key.
        key: String,
        /// Whether it was sent to the clipboard.
        is_copied: bool,
    },
    /// What became of acts.
    Outcome {
        /// On which host.
        title: String,
        /// What became of each, with the last log lines; and whether it failed.
        lines: Vec<(String, bool)>,
    },
}

impl Popup {
    /// The help from its first line on.
    pub(crate) fn help() -> Self {
        Self::Help(HelpState::default())
    }
}

pub(crate) fn draw(app: &App, area: Rect, frame: &mut Frame<'_>) {
    for popup in &app.popups {
        match popup {
            Popup::Help(state) => help::draw(app, state, area, frame),
            Popup::Prompt {
                purpose,
                input,
                chosen,
                ..
            } => prompt::draw(app, purpose, input, *chosen, area, frame),
            Popup::Sort { view, chosen } => lists::draw_sort(app, *view, *chosen, area, frame),
            Popup::Columns { chosen } => lists::draw_columns(app, *chosen, area, frame),
            Popup::Signals {
                processes,
                host,
                chosen,
            } => lists::draw_signals(app, processes, *host, *chosen, area, frame),
            Popup::Confirm { lines, yes, .. } => boxes::draw_confirm(app, lines, *yes, area, frame),
            Popup::KeyForm(form) => form.draw(app, area, frame),
            Popup::SilenceForm(form) => form.draw(app, area, frame),
            Popup::Secret {
                title,
                key,
                is_copied,
            } => boxes::draw_secret(app, title, key, *is_copied, area, frame),
            Popup::Outcome { title, lines } => {
                boxes::draw_outcome(app, title, lines, area, frame);
            }
        }
    }
}
