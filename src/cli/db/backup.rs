//! `linux-api db backup`: a copy of the database, while it is in use.

use std::path::PathBuf;
use std::process::ExitCode;

use super::backups::{BackupRow, name_of};
use super::context::DatabaseContext;
use crate::cli::progress::TerminalProgress;
use crate::cli::{Context, output};
use linux_api_store::backup::{self, BackupOrder, BackupScope, Reason};
use linux_api_wire::audit::Action;

/// Make a backup, also while the daemon is running
///
/// All tables are read in one snapshot. The backup is read back and compared before it gets its name, so
/// that one that is interrupted or does not fit on the disk is never listed.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only users, keys, the audit log and settings
    #[arg(long)]
    security: bool,
    /// Directory for the backup, instead of backup.directory
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        let store = place.open().await?;
        let progress = TerminalProgress::new(ctx);
        let scope = if self.security {
            BackupScope::Security
        } else {
            BackupScope::All
        };
        let folder = self.to.as_deref().unwrap_or(place.backups());
        let order = BackupOrder {
            folder,
            scope,
            reason: Reason::Command,
            progress: &progress,
        };
        let made = backup::create(&store, order).await;
        drop(progress);
        let target = match &made {
            Ok(info) => name_of(&info.path),
            Err(_) => format!("{}", folder.display()),
        };
        let outcome = made.as_ref().map(|_| scope.as_str().to_owned());
        place
            .audit(
                &store,
                Action::DbBackup,
                &format!("backup:{target}"),
                outcome,
            )
            .await?;
        store.close().await;
        let listed = BackupRow::from(made?);
        output::document(ctx, &listed, || listed.in_words())?;
        Ok(ExitCode::SUCCESS)
    }
}
