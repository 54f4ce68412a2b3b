//! `linux-api db rollback`: takes migrations back, for an older program.

use std::process::ExitCode;

use anyhow::bail;

use super::context::DatabaseContext;
use crate::cli::progress::TerminalProgress;
use crate::cli::{Context, confirm, output};
use linux_api_config::BeforeMigration;
use linux_api_store::Store;
use linux_api_store::backup::Reason;
use linux_api_store::migrations::{MigrationOutcome, Run};
use linux_api_wire::audit::Action;

/// Revert the newest migration, after a backup
///
/// For downgrading to an older program. Data that only the newer tables hold is lost. Stop the daemon
/// first: it would apply the migration again at its start.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Revert every migration above this revision; 0 empties the database
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(0..))]
    to: Option<i64>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        let store = match place.open_alone().await {
            Ok(store) => store,
            Err(error) => {
                let target = self.to.map_or("newest".to_owned(), |to| to.to_string());
                let target = format!("revision:{target}");
                let options = place.options.clone();
                place
                    .note_refused(options, Action::DbRollback, &target, &error)
                    .await;
                return Err(error);
            }
        };
        let done = self.roll_back(&place, &store, ctx).await;
        store.close().await;
        done.map(|()| ExitCode::SUCCESS)
    }

    async fn roll_back(
        &self,
        place: &DatabaseContext,
        store: &Store,
        ctx: &Context,
    ) -> anyhow::Result<()> {
        let current = store.schema_state().await?.current;
        let target = self.to.unwrap_or((current - 1).max(0));
        if target >= current {
            return output::text(&format!(
                "nothing to do: the database has revision {current}"
            ));
        }
        let copy = match place.loaded.config.backup.before_migration {
            BeforeMigration::Off => {
                "There will be NO backup: backup.before_migration is off.".to_owned()
            }
            kind => format!("A backup ({}) is made first.", kind.as_str()),
        };
        let question = format!(
            "Take the schema back from revision {current} to {target}, with what only the newer \
             tables hold? {copy}"
        );
        if !confirm::confirm(ctx, &question)? {
            bail!("nothing was changed");
        }
        let progress = TerminalProgress::new(ctx);
        let run = Run {
            target: Some(target),
            actor: Some(&place.actor),
            progress: &progress,
        };
        let done = store
            .rollback_as(&run, async |store: &Store| {
                place.save_before(store, Reason::Rollback, &progress).await
            })
            .await;
        drop(progress);
        match done {
            Ok(MigrationOutcome::Nothing) => output::text("nothing to do"),
            Ok(MigrationOutcome::From(from, to)) => {
                output::text(&format!("reverted from revision {from} to {to}"))
            }
            Err(error) => {
                let outcome: Result<String, _> = Err(&error);
                let target = format!("revision:{target}");
                place
                    .audit(store, Action::DbRollback, &target, outcome)
                    .await?;
                Err(error.into())
            }
        }
    }
}
