//! `linux-api db`: the database, its schema and its backups.

mod backup;
mod backups;
mod import;
mod log;
mod place;

use std::process::ExitCode;

use super::Context;

/// Look after the database and its backups
///
/// Works on the configured database and its backup folder. What changes something is in the audit
/// log.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Log(log::Options),
    Backup(backup::Options),
    Backups(backups::Options),
    Import(import::Options),
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Log(options) => options.run(ctx).await,
            Command::Backup(options) => options.run(ctx).await,
            Command::Backups(options) => options.run(ctx).await,
            Command::Import(options) => options.run(ctx).await,
        }
    }
}
