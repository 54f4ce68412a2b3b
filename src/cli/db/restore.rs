//! `linux-api db restore`: puts a backup in the place of a database.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::backups::name_of;
use super::context::DatabaseContext;
use crate::cli::progress::TerminalProgress;
use crate::cli::{Context, completion, confirm, output};
use linux_api_config::{ConfigValue, DatabaseUrl};
use linux_api_store::backup::{self, BackupScope, RestoreOrder};
use linux_api_store::{Options as StoreOptions, Store};
use linux_api_wire::audit::Action;
use linux_api_wire::time::Clock;

/// Replace everything in the database by a backup
///
/// Refused while a daemon uses the database. The current content is saved first, all rows are compared,
/// then the databases are swapped in one step. If interrupted, you have either the old or the new
/// database, never a mix. A backup from one engine can be restored into the other.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Name of a backup in the backup directory, or the path of one
    #[arg(value_name = "NAME|PATH", add = completion::backups())]
    backup: PathBuf,
    /// Another database than the configured one; - reads the URL from standard input, which keeps a
    /// password out of the process list
    #[arg(long, value_name = "URL")]
    into: Option<String>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        let path = place.backup(&self.backup)?;
        let (target, shown) = self.target(&place)?;
        let progress = TerminalProgress::new(ctx);
        let reading = path.clone();
        let checked = tokio::task::spawn_blocking(move || backup::check(&reading));
        let manifest = checked.await.context("read the backup")??;
        let what = match manifest.scope {
            BackupScope::All => "everything",
            BackupScope::Security => "users, keys, the audit log and settings",
        };
        let question = format!(
            "Replace {what} in {shown} by the backup of {} ({} rows)? The current content is saved first.",
            manifest.time,
            manifest.rows()
        );
        if !confirm::confirm(ctx, &question)? {
            bail!("nothing was changed");
        }
        let clock = Clock::system();
        let order = RestoreOrder {
            backup: &path,
            target: target.clone(),
            copies: place.backups(),
            actor: &place.actor,
            clock: &clock,
            progress: &progress,
        };
        let restored = backup::restore(order).await;
        drop(progress);
        let restored = match restored {
            Ok(restored) => restored,
            Err(error) => {
                let name = format!("backup:{}", name_of(&path));
                let action = Action::DbRestore;
                place.note_refused(target, action, &name, &error).await;
                return Err(error.into());
            }
        };
        let manifest = restored.manifest;
        output::text(&format!(
            "restored {} rows of {} into {shown}",
            manifest.rows(),
            manifest.time
        ))?;
        if let Some(safety) = restored.safety {
            output::text(&format!(
                "previous content saved as: {}",
                safety.path.display()
            ))?;
        }
        if let Some(kept) = restored.kept {
            output::text(&format!(
                "the previous database could not be read; it is kept as: {kept}"
            ))?;
        }
        let known = Store::newest_revision(target.engine()?);
        if manifest.schema_revision < known {
            output::text(&format!(
                "it has revision {}; the next start of the daemon, or linux-api db migrate, brings \
                 it to {known}",
                manifest.schema_revision
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The database to restore into, and how to show it.
    fn target(&self, place: &DatabaseContext) -> anyhow::Result<(StoreOptions, String)> {
        let Some(into) = &self.into else {
            let shown = place.loaded.config.database.url.to_string();
            return Ok((place.options.clone(), shown));
        };
        let mut text = into.clone();
        if into == "-" {
            text.clear();
            let mut input = std::io::stdin().lock();
            input
                .read_to_string(&mut text)
                .context("read the URL from standard input")?;
        }
        let url =
            DatabaseUrl::from_text(text.trim()).map_err(|why| anyhow::anyhow!("--into: {why}"))?;
        if into != "-" && url.has_password() {
            bail!(
                "--into: others can see a password among the arguments; give the URL on standard \
                 input with --into -, or the password in the environment as PGPASSWORD"
            );
        }
        let options = StoreOptions {
            url: url.expose().to_owned().into(),
            direct_url: None,
            admin_url: None,
            owner_url: None,
            pooler: false,
            ..place.options.clone()
        };
        Ok((options, url.to_string()))
    }
}
