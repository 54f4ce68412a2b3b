//! `linux-api db prune`: deletes backups that are no longer wanted, or measurements of a time that has not
//! come.

mod after;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;

use super::backups::name_of;
use super::context::DatabaseContext;
use crate::cli::{Context, confirm, output, when};
use linux_api_store::backup::{self, Rule};
use linux_api_wire::audit::Action;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::units::size;

/// Delete backups by number and age, never the newest intact backup, or measurements of the future
///
/// Default: the limits of `backup.keep` and `backup.max_age`, which the daemon applies to the backups
/// that it made. With --after it deletes no backups, but what was measured by a clock that was wrong: the
/// history and statistics of all hosts that begin after a time.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// How many of the newest to keep
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Delete backups that are older: a duration such as 90d, a date, or a time
    #[arg(long, value_name = "TIME", value_parser = when::age)]
    older_than: Option<Duration>,
    /// Delete measurements that begin after this time in place of backups: a duration from now such as 1h, a
    /// date, or a time; never one that has passed
    #[arg(long, value_name = "TIME", value_parser = when::future, conflicts_with_all = ["keep", "older_than"])]
    after: Option<Timestamp>,
    /// Only show what would be deleted
    #[arg(long)]
    dry_run: bool,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        if let Some(after) = self.after {
            return after::delete(ctx, &place, after, self.dry_run).await;
        }
        let settings = &place.loaded.config.backup;
        let is_told = self.keep.is_some() || self.older_than.is_some();
        let rule = if is_told {
            Rule {
                keep: self.keep.map(|keep| keep as usize),
                max_age: self.older_than,
                automatic_only: false,
            }
        } else {
            Rule {
                keep: Some(settings.keep),
                max_age: settings.max_age,
                automatic_only: false,
            }
        };
        let (folder, now) = (place.backups().to_owned(), Clock::system().now());
        let found = tokio::task::spawn_blocking(move || backup::surplus(&folder, rule, now));
        let found = found.await??;
        for (info, error) in &found.damaged {
            output::note(&format!("damaged: {}: {error}", name_of(&info.path)));
        }
        if found.surplus.is_empty() {
            output::text("nothing to delete")?;
            return Ok(ExitCode::SUCCESS);
        }
        let bytes = found.surplus.iter().map(|info| info.manifest.bytes()).sum();
        let names: Vec<String> = found
            .surplus
            .iter()
            .map(|info| name_of(&info.path))
            .collect();
        if self.dry_run {
            output::text(&format!(
                "would delete {}:\n{}",
                size(bytes),
                names.join("\n")
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        let question = format!(
            "Delete {} backups ({}), the newest of them {}?",
            names.len(),
            size(bytes),
            names[0]
        );
        if !confirm::confirm(ctx, &question)? {
            bail!("nothing was deleted");
        }
        let store = place.open().await?;
        for (info, name) in found.surplus.iter().zip(&names) {
            // Noted before it is gone: what can't be noted is not done.
            let target = format!("backup:{name}");
            let outcome: Result<String, String> = Ok(size(info.manifest.bytes()));
            place
                .audit(&store, Action::DbPrune, &target, outcome)
                .await?;
            backup::delete(info)?;
            output::text(&format!("deleted {name}"))?;
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}
