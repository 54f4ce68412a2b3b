//! Prompts for a line of text, with the editing that shells have: Ctrl-U, Ctrl-W, Ctrl-A, Ctrl-K and the
//! others. inquire, which makes all other prompts, inserts a `u` for Ctrl-U.

use std::io::Write as _;

use anyhow::Context as _;
use rustyline::Editor;
use rustyline::config::{Behavior, Config};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;

use super::prompt::PromptAbort;

/// The line that a person types, without the blanks around it; `default` for an empty one. Prompts
/// again, with the reason, while `check` refuses it.
///
/// # Errors
/// [`PromptAbort`] when the person gives up, else why the terminal can't be used.
pub(super) fn prompt(
    question: &str,
    default: Option<&str>,
    check: impl Fn(&str) -> Result<(), String>,
) -> anyhow::Result<String> {
    // Standard output may be a file or a pipe to `tee`.
    let config = Config::builder().behavior(Behavior::PreferTerm).build();
    let mut editor: Editor<(), MemHistory> =
        Editor::with_history(config, MemHistory::new()).context("open the terminal")?;
    let prompt = match default {
        Some(default) => format!("? {question} [{default}] "),
        None => format!("? {question} "),
    };
    loop {
        let typed = match editor.readline(&prompt) {
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Err(PromptAbort.into()),
            typed => typed.context("read from the prompt")?,
        };
        let text = match (typed.trim(), default) {
            ("", Some(default)) => default,
            (text, _) => text,
        };
        match check(text) {
            Ok(()) => return Ok(text.to_owned()),
            Err(why) => say(&why)?,
        }
        // To be corrected, not typed again.
        let _ = editor.add_history_entry(text);
    }
}

/// A line between questions, for people.
///
/// # Errors
/// When standard error can't be written to.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stderr(), "  {text}").context("write to the terminal")
}
