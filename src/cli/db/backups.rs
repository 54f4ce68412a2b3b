//! `linux-api db backups`: which backups there are.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::context::DatabaseContext;
use crate::cli::globals::Format;
use crate::cli::rows::{Column, Listing};
use crate::cli::{Context, output};
use linux_api_store::backup::{self, BackupInfo};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::size;

/// List the backups, newest first
///
/// Each was read back and compared when it was made; `linux-api db verify` does so again.
#[derive(Debug, clap::Args)]
pub(super) struct Options;

/// One backup, for programs.
#[derive(Debug, Serialize)]
pub(super) struct BackupRow {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) time: Timestamp,
    pub(super) reason: String,
    pub(super) scope: String,
    pub(super) engine: String,
    pub(super) schema_revision: i64,
    pub(super) program_version: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl From<BackupInfo> for BackupRow {
    fn from(info: BackupInfo) -> Self {
        let (rows, bytes) = (info.manifest.rows(), info.manifest.bytes());
        let manifest = info.manifest;
        Self {
            name: name_of(&info.path),
            path: info.path,
            time: manifest.time,
            reason: manifest.reason.as_str().to_owned(),
            scope: manifest.scope.as_str().to_owned(),
            engine: format!("{} {}", manifest.engine, manifest.engine_version),
            schema_revision: manifest.schema_revision,
            program_version: manifest.program_version,
            rows,
            bytes,
        }
    }
}

impl BackupRow {
    /// One line for a person.
    pub(super) fn in_words(&self) -> String {
        format!(
            "{}: {} rows, {}, revision {}, {}",
            self.path.display(),
            self.rows,
            size(self.bytes),
            self.schema_revision,
            self.scope
        )
    }
}

fn listing(folder: &Path) -> Listing<BackupRow> {
    Listing {
        columns: vec![
            Column::text("NAME", |row: &BackupRow| row.name.as_str().into()),
            Column::text("REASON", |row| row.reason.as_str().into()),
            Column::text("SCOPE", |row| row.scope.as_str().into()),
            Column::long("ENGINE", |row| row.engine.as_str().into()),
            Column::number("REVISION", |row| row.schema_revision.to_string().into()),
            Column::number("ROWS", |row| row.rows.to_string().into()),
            Column::number("SIZE", |row| size(row.bytes).into()),
            Column::wide("PROGRAM", |row| row.program_version.as_str().into()),
            Column::wide("PATH", |row| row.path.display().to_string().into()),
        ],
        name: |row| row.name.clone(),
        empty: format!(
            "no backups in {}; make one with: linux-api db backup",
            folder.display()
        ),
    }
}

impl Options {
    #[expect(clippy::unused_async, reason = "every command is run the same way")]
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        let listed = backup::list(place.backups())?;
        let listed: Vec<BackupRow> = listed.into_iter().map(BackupRow::from).collect();
        if matches!(ctx.format(), Format::Table | Format::Wide) && !listed.is_empty() {
            output::text(&format!("in {}\n", place.backups().display()))?;
        }
        listing(place.backups()).print(ctx, &listed)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The last part of a backup's path.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
