//! Confirmations of destructive commands.

use std::io::IsTerminal;

use anyhow::bail;

use super::Context;
use linux_api_setup::prompt::asked;

/// Whether the user confirms; `--yes` skips the prompt. Without a terminal there is no prompt.
pub(super) fn ask(ctx: &Context, question: &str) -> anyhow::Result<bool> {
    if ctx.options.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question} There is no terminal to confirm on: use --yes");
    }
    prompt(question)
}

/// Whether the user confirms at the prompt.
pub(super) fn prompt(question: &str) -> anyhow::Result<bool> {
    asked(inquire::Confirm::new(question).with_default(false).prompt())
}
