//! `linux-api db log`: every attempt to change the schema.

use std::process::ExitCode;

use serde::Serialize;

use super::context::DatabaseContext;
use crate::cli::table::table;
use crate::cli::{Context, output};
use linux_api_store::migrations::MigrationLogRow;
use linux_api_wire::time::Timestamp;

/// List every attempt to change the schema, oldest first
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The newest attempts to show
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One attempt, for programs.
#[derive(Serialize)]
struct Attempt {
    revision: i64,
    direction: String,
    status: String,
    error: Option<String>,
    started_at: Timestamp,
    finished_at: Timestamp,
    program_version: String,
}

impl From<MigrationLogRow> for Attempt {
    fn from(row: MigrationLogRow) -> Self {
        Self {
            revision: row.revision,
            direction: row.direction,
            status: row.status,
            error: row.error,
            started_at: row.started_at,
            finished_at: row.finished_at,
            program_version: row.program_version,
        }
    }
}

impl Attempt {
    fn cells(self) -> Vec<String> {
        let millis = self.finished_at.since(self.started_at).as_millis();
        vec![
            self.started_at.to_string(),
            self.revision.to_string(),
            self.direction,
            self.status,
            format!("{millis} ms"),
            self.program_version,
            self.error.unwrap_or_default(),
        ]
    }
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let store = DatabaseContext::of(ctx)?.open().await?;
        let mut rows = match store.schema_state().await {
            // The log is a table of the schema.
            Ok(state) if state.current == 0 => Vec::new(),
            _ => store.list_migration_log(self.limit).await?,
        };
        store.close().await;
        rows.reverse();
        let attempts = rows.into_iter().map(Attempt::from);
        if self.json {
            output::json(&attempts.collect::<Vec<_>>())?;
        } else {
            let heads = [
                "STARTED", "REVISION", "WAY", "STATUS", "TOOK", "PROGRAM", "ERROR",
            ];
            let rows: Vec<_> = attempts.map(Attempt::cells).collect();
            output::text(&table(&heads, &rows))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
