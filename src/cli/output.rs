//! The only place that prints.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::globals::Format;
use super::sanitize::{escape_json, sanitize};
use super::{Context, USAGE};

/// The reader of the output has gone, as in `linux-api … | head`; not a failure.
#[derive(Debug, thiserror::Error)]
#[error("the output was closed")]
pub(crate) struct OutputClosed;

/// Prints text for people, with a line break at its end.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    let text = sanitize(text);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write(format!("{text}{end}").as_bytes())
}

/// Prints a text whose parts were sanitised and then coloured.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(super) fn styled(text: &str) -> anyhow::Result<()> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write(format!("{text}{end}").as_bytes())
}

/// Prints a value for programs.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value).context("write the output as JSON")?;
    write(format!("{}\n", escape_json(&text)).as_bytes())
}

/// Prints a value for programs as one line.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(crate) fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string(value).context("write the output as JSON")?;
    write(format!("{}\n", escape_json(&text)).as_bytes())
}

/// Prints one row of a JSON array that is printed row by row.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(super) fn json_item(value: &impl Serialize, is_first: bool) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value).context("write the output as JSON")?;
    let text = escape_json(&text).replace('\n', "\n  ");
    let before = if is_first { "[" } else { "," };
    write(format!("{before}\n  {text}").as_bytes())
}

/// Prints bytes as they are.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(super) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    write(bytes)
}

/// Prints one document: as JSON, or in words for people.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(super) fn document(
    ctx: &Context,
    value: &impl Serialize,
    words: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    match ctx.format() {
        Format::Json => json(value),
        Format::Jsonl => json_line(value),
        Format::Table | Format::Wide | Format::Name => text(&words()),
    }
}

/// As [`document`], with words whose parts were sanitised and then coloured.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(super) fn styled_document(
    ctx: &Context,
    value: &impl Serialize,
    words: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    match ctx.format() {
        Format::Json => json(value),
        Format::Jsonl => json_line(value),
        Format::Table | Format::Wide | Format::Name => styled(&words()),
    }
}

/// Says that a file was written.
///
/// # Errors
/// When the output can't be written, [`OutputClosed`] when its reader has gone.
pub(crate) fn written(path: &Path) -> anyhow::Result<()> {
    text(&format!("{} written", path.display()))
}

fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        result => result.context("write to standard output"),
    }
}

/// Prints a note for people, beside the output.
pub(super) fn note(text: &str) {
    complain(&format!("{text}\n"));
}

/// Reports why the program fails.
pub(super) fn error(error: &anyhow::Error) {
    complain(&format!("error: {}\n", reasons(error)));
}

/// Says why it ends here, though nothing failed.
pub(super) fn farewell(why: &anyhow::Error) {
    complain(&format!("{}\n", reasons(why)));
}

/// The error and its causes, each said once: some name their cause in their own text.
fn reasons(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Shows help, the version or what is wrong with the arguments.
pub(super) fn usage(answer: &clap::Error) -> ExitCode {
    // Nothing is left to be done when this can't be printed either.
    let _ = answer.print();
    u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Prints what a run without a command shows.
pub(super) fn what_next(text: &str) -> ExitCode {
    complain(text);
    ExitCode::from(USAGE)
}

fn complain(text: &str) {
    // Nothing is left to be done when this can't be printed either.
    let _ = io::stderr().lock().write_all(sanitize(text).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_named_is_not_repeated() {
        let cause = io::Error::other("no route to host");
        let middle = anyhow::Error::from(cause).context("can't connect: no route to host");
        let error = middle.context("open the database");
        assert_eq!(
            reasons(&error),
            "open the database: can't connect: no route to host"
        );
        assert_eq!(reasons(&anyhow::anyhow!("alone")), "alone");
    }
}
