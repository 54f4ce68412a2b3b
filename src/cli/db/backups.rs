//! `linux-api db backups`: which backups there are.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::context::DatabaseContext;
use crate::cli::table::table;
use crate::cli::{Context, output};
use linux_api_store::backup::{self, BackupInfo};
use linux_api_wire::time::Timestamp;

/// List the backups, newest first
///
/// Each was read back and compared when it was made; `linux-api db verify` does so again.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

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

    fn cells(self) -> Vec<String> {
        vec![
            self.name,
            self.reason,
            self.scope,
            self.engine,
            self.schema_revision.to_string(),
            self.rows.to_string(),
            size(self.bytes),
        ]
    }
}

impl Options {
    #[expect(clippy::unused_async, reason = "every command is run the same way")]
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        let listed = backup::list(place.backups())?;
        let listed: Vec<BackupRow> = listed.into_iter().map(BackupRow::from).collect();
        if self.json {
            output::json(&listed)?;
        } else if listed.is_empty() {
            output::text(&format!(
                "no backups in {}; make one with: linux-api db backup",
                place.backups().display()
            ))?;
        } else {
            let heads = [
                "NAME", "REASON", "SCOPE", "ENGINE", "REVISION", "ROWS", "SIZE",
            ];
            let rows: Vec<_> = listed.into_iter().map(BackupRow::cells).collect();
            output::text(&format!(
                "in {}\n\n{}",
                place.backups().display(),
                table(&heads, &rows)
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The last part of a backup's path.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Bytes for people, with binary units.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let mut number = bytes as f64;
    while number >= 1024.0 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{number:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_with_binary_units() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
    }
}
