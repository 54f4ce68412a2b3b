//! `linux-api db status`: what the database is and how it is.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::backups::BackupRow;
use super::context::DatabaseContext;
use crate::cli::{Context, output};
use linux_api_store::backup;
use linux_api_store::migrations::SchemaState;
use linux_api_store::{Engine, Store};
use linux_api_wire::api::health::TimescaleHealth;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::size;

/// Show engine, schema, size, rows and the newest backup
///
/// Exits with 0 when the schema is one that this program can use and nothing is pending.
#[derive(Debug, clap::Args)]
pub(super) struct Options;

/// All of it, for programs.
#[derive(Serialize)]
struct Status {
    database: String,
    engine: String,
    version: String,
    timescaledb: Option<String>,
    /// Absent on SQLite.
    timescale: Option<Extension>,
    revision: i64,
    known_revision: i64,
    pending: Vec<i64>,
    bytes: i64,
    tables: Vec<TableRows>,
    backup_directory: String,
    last_backup: Option<BackupRow>,
}

/// Whether the database uses TimescaleDB, as in `GET /api/v1/health/database`.
#[derive(Serialize)]
struct Extension {
    #[serde(flatten)]
    found: TimescaleHealth,
    /// Whether the configuration allows it (`database.timescaledb`).
    enabled: bool,
}

#[derive(Serialize)]
struct TableRows {
    name: String,
    rows: u64,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        let store = place.open().await?;
        let status = Status::of(&place, &store).await;
        let now = store.clock().now();
        store.close().await;
        let status = status?;
        output::document(ctx, &status, || status.in_words(now))?;
        Ok(if status.pending.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(crate::cli::FAILED)
        })
    }
}

impl Status {
    async fn of(place: &DatabaseContext, store: &Store) -> anyhow::Result<Self> {
        let SchemaState {
            current,
            known,
            pending,
        } = store.schema_state().await?;
        let description = store.describe().await?;
        let timescale = match store.engine() {
            Engine::Sqlite => None,
            Engine::Postgres => Some(store.timescale().await?),
        };
        let tables = store.rows_per_table().await?.into_iter();
        let folder = place.backups();
        let newest = backup::list(folder)?.into_iter().next();
        Ok(Self {
            database: place.loaded.config.database.url.to_string(),
            engine: store.engine().as_str().to_owned(),
            version: description.version,
            timescaledb: description.timescaledb,
            timescale: timescale.map(|found| Extension {
                found: found.into_health(),
                enabled: place.loaded.config.database.timescaledb,
            }),
            revision: current,
            known_revision: known,
            pending,
            bytes: store.size_bytes().await?,
            tables: tables
                .map(|(name, rows)| TableRows { name, rows })
                .collect(),
            backup_directory: folder.display().to_string(),
            last_backup: newest.map(BackupRow::from),
        })
    }

    fn in_words(&self, now: Timestamp) -> String {
        let schema = match self.pending.len() {
            0 if self.revision > self.known_revision => {
                format!("newer than this program's {}", self.known_revision)
            }
            0 => "up to date".to_owned(),
            count => format!(
                "{count} pending, up to {}; apply with: linux-api db migrate",
                self.known_revision
            ),
        };
        let timescaledb = self.timescale.as_ref().map_or_else(
            || "not available: SQLite has none".to_owned(),
            |found| found.in_words(self.timescaledb.as_deref()),
        );
        let backup = match &self.last_backup {
            Some(backup) => format!(
                "{} ({} ago, {}, {})",
                backup.name,
                age(now.since(backup.time).as_secs()),
                backup.scope,
                size(backup.bytes)
            ),
            None => format!("none in {}", self.backup_directory),
        };
        let bytes = u64::try_from(self.bytes).unwrap_or(0);
        let mut text = format!(
            "engine       {} {}\ntimescaledb  {timescaledb}\nrevision     {} ({schema})\n\
             size         {}\nlast backup  {backup}\n\nrows\n",
            self.engine,
            self.version,
            self.revision,
            size(bytes)
        );
        for table in &self.tables {
            // Writing to a string never fails.
            let _ = writeln!(text, "{:>12}  {}", table.rows, table.name);
        }
        text
    }
}

impl Extension {
    /// Whether it is used, and what to do when it could be; `version` is the one in the database.
    fn in_words(&self, version: Option<&str>) -> String {
        let found = &self.found;
        let how = if !self.enabled {
            "disabled by the configuration; set database.timescaledb = true"
        } else if found.loaded {
            "use it with: linux-api db migrate"
        } else {
            "its server does not load it; add timescaledb to shared_preload_libraries"
        };
        match (version, &found.available_version) {
            (Some(version), _) if found.used => format!(
                "{version}, used: {} hypertables with {} chunks, {} of them compressed",
                found.hypertables, found.chunks, found.compressed_chunks
            ),
            (Some(version), _) if found.hypertables > 0 => format!(
                "{version}, used for {} tables only ({how})",
                found.hypertables
            ),
            (Some(version), _) => format!("{version}, installed but not used ({how})"),
            (None, Some(version)) => format!("{version} is available but not installed ({how})"),
            (None, None) => "not available on this server".to_owned(),
        }
    }
}

/// How long ago, in the largest useful unit.
fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(used: bool, enabled: bool, loaded: bool) -> Extension {
        let found = TimescaleHealth {
            used,
            available_version: Some("2.19.3".to_owned()),
            loaded,
            hypertables: if used { 9 } else { 0 },
            chunks: 12,
            compressed_chunks: 3,
        };
        Extension { found, enabled }
    }

    #[test]
    fn whether_hypertables_are_used_is_said_and_what_to_do() {
        let version = Some("2.19.3");
        for (found, version, words) in [
            (
                extension(true, true, true),
                version,
                "2.19.3, used: 9 hypertables with 12 chunks, 3 of",
            ),
            (
                extension(false, true, true),
                version,
                "installed but not used (use it with: linux-api db migrate",
            ),
            (
                extension(false, false, true),
                version,
                "installed but not used (disabled by the configuration; set database.timescaledb",
            ),
            (
                extension(false, true, true),
                None,
                "2.19.3 is available but not installed (use it with",
            ),
            (
                extension(false, true, false),
                None,
                "add timescaledb to shared_preload_libraries",
            ),
        ] {
            let said = found.in_words(version);
            assert!(said.contains(words), "{said}");
        }
        let mut none = extension(false, true, false);
        none.found.available_version = None;
        assert_eq!(none.in_words(None), "not available on this server");
    }
}
