//! `linux-api help`: the help of a command, as git and cargo show it.

use std::process::ExitCode;

use anyhow::bail;

use super::{command, output};

/// Show the help of a command
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The command, such as `user add`; without one, all of them
    #[arg(value_name = "COMMAND")]
    path: Vec<String>,
}

impl Options {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut command = command();
        command.build();
        let mut found = &mut command;
        for word in &self.path {
            let name = found.get_bin_name().unwrap_or("linux-api").to_owned();
            found = match found.find_subcommand_mut(word) {
                Some(below) => below,
                None => bail!("{name} has no command {word}"),
            };
        }
        output::text(&found.render_long_help().to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}
