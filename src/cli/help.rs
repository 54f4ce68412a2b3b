//! `linux-api help`: the help of a command, as git and cargo show it.

use std::process::ExitCode;

use super::exit::{self, UsageError};
use super::{command, output};

/// Show the help of a command
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The command, such as `user add`, or `exit-codes`; without one, all of them
    #[arg(value_name = "COMMAND")]
    path: Vec<String>,
}

impl Options {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.path == ["exit-codes"] {
            output::text(exit::HELP)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut command = command();
        command.build();
        let mut found = &mut command;
        for word in &self.path {
            let name = found.get_bin_name().unwrap_or("linux-api").to_owned();
            found = match found.find_subcommand_mut(word) {
                Some(below) => below,
                None => {
                    return Err(UsageError(format!("{name} has no command {word}")).into());
                }
            };
        }
        output::text(&found.render_long_help().to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}
