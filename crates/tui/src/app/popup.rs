//! What lies over a view and takes the keys first.

use tui_input::Input;

use crate::change::Change;
use crate::view::View;

/// What a line of text is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To show only some rows; takes effect with every key.
    Filter,
    /// To find a row; takes effect with every key.
    Find,
    /// To run a command.
    Palette,
    /// To go to a time in the past.
    Jump,
    /// To name a new user.
    UserName,
    /// To name a new key.
    KeyName {
        /// Of this user, by id; the caller's own when absent.
        user_id: Option<String>,
        /// The name of that user.
        user: String,
    },
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
        /// Of which view.
        view: View,
        /// The chosen place.
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
