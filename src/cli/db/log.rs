//! `linux-api db log`: every attempt to change the schema.

use std::process::ExitCode;

use serde::Serialize;

use super::context::DatabaseContext;
use crate::cli::Context;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use linux_api_store::migrations::MigrationLogRow;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::moment;

/// List every attempt to change the schema, oldest first
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The newest attempts to show
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
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

fn listing() -> Listing<Attempt> {
    Listing {
        columns: vec![
            Column::text("STARTED", |row: &Attempt| moment(row.started_at).into()),
            Column::number("REVISION", |row| row.revision.to_string().into()),
            Column::text("WAY", |row| row.direction.as_str().into()),
            Column::text("STATUS", |row| {
                let is_well = row.error.is_none();
                Cell::new(&*row.status, if is_well { Tone::Plain } else { Tone::Bad })
            }),
            Column::number("TOOK", |row| {
                let took = row.finished_at.since(row.started_at);
                format!("{} ms", took.as_millis()).into()
            }),
            Column::text("PROGRAM", |row| row.program_version.as_str().into()),
            Column::long("ERROR", |row| row.error.clone().unwrap_or_default().into()),
        ],
        name: |row| row.revision.to_string(),
        empty: "the schema was never changed".to_owned(),
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
        let attempts: Vec<Attempt> = rows.into_iter().map(Attempt::from).collect();
        listing().print(ctx, &attempts)?;
        Ok(ExitCode::SUCCESS)
    }
}
