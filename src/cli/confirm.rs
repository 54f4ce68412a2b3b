//! Asking before something is destroyed.

use std::io::IsTerminal;

use anyhow::bail;

use linux_api_setup::prompt::asked;

/// Whether a person wants it: `yes` answers for them. Without a terminal nobody can be asked.
pub(super) fn ask(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question} There is no terminal to ask on: say --yes");
    }
    asked(inquire::Confirm::new(question).with_default(false).prompt())
}
