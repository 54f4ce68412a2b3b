//! Confirmations of destructive commands.

use std::io::IsTerminal;

use anyhow::bail;

use super::Context;
use linux_api_setup::prompt::result;

/// Whether the user confirms; `--yes` skips the prompt. Without a terminal there is no prompt.
pub(super) fn confirm(ctx: &Context, question: &str) -> anyhow::Result<bool> {
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
    result(inquire::Confirm::new(question).with_default(false).prompt())
}
