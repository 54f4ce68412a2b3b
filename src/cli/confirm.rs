//! Confirmations of destructive commands.

use std::io::IsTerminal;

use anyhow::bail;

use linux_api_setup::prompt;

/// Whether the user confirms; `yes` skips the prompt. Without a terminal there is no prompt.
pub(super) fn confirm(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question} There is no terminal to confirm on: use --yes");
    }
    prompt::result(inquire::Confirm::new(question).with_default(false).prompt())
}
