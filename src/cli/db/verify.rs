//! `linux-api db verify`: is a backup what was written?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::backups::name_of;
use super::context::DatabaseContext;
use crate::cli::globals::Format;
use crate::cli::progress::TerminalProgress;
use crate::cli::{Context, FAILED, completion, output};
use linux_api_store::backup::{self, BackupError, Manifest};
use linux_api_wire::progress::Progress;
use linux_api_wire::time::Clock;

/// Read a backup in full and compare it with its checksums
///
/// Default: the newest one. Exits with 1 when one is damaged.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Name of a backup in the backup directory, or the path of one
    #[arg(value_name = "NAME|PATH", conflicts_with = "all", add = completion::backups())]
    backup: Option<PathBuf>,
    /// Every directory that looks like a backup, also those that are not listed
    #[arg(long)]
    all: bool,
    /// Also restore it into a scratch database, and compare every row
    #[arg(long)]
    restore: bool,
}

/// What was found, for programs.
#[derive(Serialize)]
struct VerifyRow {
    path: PathBuf,
    ok: bool,
    rows: Option<u64>,
    error: Option<String>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        let paths = match &self.backup {
            Some(named) => vec![place.backup(named)?],
            None if self.all => backup::backup_directories(place.backups())?,
            None => newest(place.backups())?,
        };
        if paths.is_empty() {
            anyhow::bail!(
                "no backups in {}; make one with: linux-api db backup",
                place.backups().display()
            );
        }
        let mut found = Vec::new();
        for path in paths {
            let checked = self.verify(&path, &place, ctx).await;
            let one = VerifyRow {
                path,
                ok: checked.is_ok(),
                rows: checked.as_ref().ok().map(Manifest::rows),
                error: checked.err().map(|error| error.to_string()),
            };
            match ctx.format() {
                Format::Json => {}
                Format::Jsonl => output::json_line(&one)?,
                Format::Table | Format::Wide | Format::Name => one.print()?,
            }
            found.push(one);
        }
        if ctx.format() == Format::Json {
            output::json(&found)?;
        }
        let all_ok = found.iter().all(|one| one.ok);
        Ok(if all_ok {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FAILED)
        })
    }

    async fn verify(
        &self,
        path: &Path,
        place: &DatabaseContext,
        ctx: &Context,
    ) -> Result<Manifest, BackupError> {
        let progress = TerminalProgress::new(ctx);
        if self.restore {
            let clock = Clock::system();
            let folder = place.backups();
            return backup::try_restore(path, &place.options, folder, &clock, &progress).await;
        }
        progress.begin(&format!("verify {}", name_of(path)), None);
        let path = path.to_owned();
        let checked = tokio::task::spawn_blocking(move || backup::check(&path));
        let manifest = checked
            .await
            .map_err(|error| BackupError::Stopped(error.to_string()))??;
        progress.advance(manifest.rows());
        progress.end();
        Ok(manifest)
    }
}

impl VerifyRow {
    fn print(&self) -> anyhow::Result<()> {
        let name = name_of(&self.path);
        output::text(&match (&self.error, self.rows) {
            (Some(error), _) => format!("{name}: DAMAGED: {error}"),
            (None, rows) => format!("{name}: ok, {} rows", rows.unwrap_or(0)),
        })
    }
}

fn newest(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let newest = backup::list(folder)?.into_iter().next();
    Ok(newest.into_iter().map(|info| info.path).collect())
}
