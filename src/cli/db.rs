//! `linux-api db`: the database, its schema and its backups.

mod backup;
mod backups;
mod context;
mod grant;
#[cfg(feature = "legacy")]
mod import;
mod log;
mod migrate;
mod prune;
mod restore;
mod rollback;
mod status;
mod verify;

use std::process::ExitCode;

use super::Context;

/// Manage the database and its backups
///
/// Works on the configured database and its backup directory, without the daemon. Changes are recorded in the
/// audit log.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Status(status::Options),
    Migrate(migrate::Options),
    Rollback(rollback::Options),
    Log(log::Options),
    Backup(backup::Options),
    Backups(backups::Options),
    Verify(verify::Options),
    Restore(restore::Options),
    Prune(prune::Options),
    Grant(grant::Options),
    #[cfg(feature = "legacy")]
    Import(import::Options),
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Status(options) => options.run(ctx).await,
            Command::Migrate(options) => options.run(ctx).await,
            Command::Rollback(options) => options.run(ctx).await,
            Command::Log(options) => options.run(ctx).await,
            Command::Backup(options) => options.run(ctx).await,
            Command::Backups(options) => options.run(ctx).await,
            Command::Verify(options) => options.run(ctx).await,
            Command::Restore(options) => options.run(ctx).await,
            Command::Prune(options) => options.run(ctx).await,
            Command::Grant(options) => options.run(ctx).await,
            #[cfg(feature = "legacy")]
            Command::Import(options) => options.run(ctx).await,
        }
    }
}
