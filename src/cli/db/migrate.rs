//! `linux-api db migrate`: brings the schema up to date.

use std::process::ExitCode;

use super::context::DatabaseContext;
use crate::cli::progress::TerminalProgress;
use crate::cli::{Context, output};
use linux_api_config::BeforeMigration;
use linux_api_daemon::run::database::keep_chunks;
use linux_api_store::Store;
use linux_api_store::backup::Reason;
use linux_api_store::migrations::{MigrationOutcome, Run};
use linux_api_wire::audit::Action;

/// Apply pending migrations, after a backup
///
/// All of them run in one transaction. A new database is created, on either engine. The daemon does the
/// same at its start, unless database.migrate is false.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Revision to stop at
    #[arg(long, value_name = "REVISION")]
    to: Option<i64>,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        if self.dry_run && place.is_new()? {
            return output::text("would create the database, with all migrations")
                .map(|()| ExitCode::SUCCESS);
        }
        let store = place.open_or_make().await?;
        if self.dry_run {
            self.show(&place, &store).await?;
        } else {
            self.migrate(&place, &store, ctx).await?;
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }

    async fn migrate(
        &self,
        place: &DatabaseContext,
        store: &Store,
        ctx: &Context,
    ) -> anyhow::Result<()> {
        let progress = TerminalProgress::new(ctx);
        let run = Run {
            target: self.to,
            actor: Some(&place.actor),
            progress: &progress,
        };
        let migrated = store
            .migrate_as(&run, async |store: &Store| {
                place.save_before(store, Reason::Migration, &progress).await
            })
            .await;
        drop(progress);
        match migrated {
            Ok(done) => {
                match done {
                    MigrationOutcome::Nothing => {
                        output::text("nothing to do: no migration is pending")?;
                    }
                    MigrationOutcome::From(from, to) => {
                        output::text(&format!("migrated from revision {from} to {to}"))?;
                    }
                }
                self.use_timescaledb(place, store).await
            }
            Err(error) => {
                let target = match self.to {
                    Some(revision) => format!("revision:{revision}"),
                    None => format!("revision:{}", store.known_revision()),
                };
                let outcome: Result<String, _> = Err(&error);
                place
                    .audit(store, Action::DbMigrate, &target, outcome)
                    .await?;
                Err(error.into())
            }
        }
    }

    /// Goes on to what the daemon would do as it starts, when that is the newest schema.
    async fn use_timescaledb(&self, place: &DatabaseContext, store: &Store) -> anyhow::Result<()> {
        if !place.loaded.config.database.timescaledb || self.to.is_some() {
            return Ok(());
        }
        let before = store.timescale().await?;
        let retention = &place.loaded.config.retention;
        if before.is_used() {
            keep_chunks(store, retention).await;
        }
        if before.is_used() || !before.is_usable() {
            return Ok(());
        }
        output::note("moving the measurements into hypertables of TimescaleDB");
        let after = store.use_timescaledb().await?;
        if after.is_used() {
            keep_chunks(store, retention).await;
            output::text("measurements are now stored by TimescaleDB")?;
        }
        Ok(())
    }

    async fn show(&self, place: &DatabaseContext, store: &Store) -> anyhow::Result<()> {
        let state = store.schema_state().await?;
        let pending = store.pending_up_to(&state, self.to)?;
        if pending.is_empty() {
            return output::text(&format!(
                "nothing to do: the database has revision {} and no migration is pending",
                state.current
            ));
        }
        let backup = match place.loaded.config.backup.before_migration {
            _ if state.current == 0 => "no backup: the database is empty".to_owned(),
            BeforeMigration::Off => "no backup: backup.before_migration is off".to_owned(),
            kind => format!(
                "a backup ({}) in {}",
                kind.as_str(),
                place.backups().display()
            ),
        };
        output::text(&format!("would make {backup}, then apply:"))?;
        for (revision, name) in store.known_migrations() {
            if pending.contains(&revision) {
                output::text(&format!("{revision:>4}  {name}"))?;
            }
        }
        Ok(())
    }
}
