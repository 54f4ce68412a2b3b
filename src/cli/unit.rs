//! `linux-api unit`: the units of systemd.

mod detail;
mod limits;

use std::process::ExitCode;

use super::act::{Deed, Pace, parse_unit};
use super::hosts::HostError;
use super::rows::{Cell, Column, Listing, Tone};
use super::{Context, completion, poll};
use linux_api_client::Client;
use linux_api_client::acts::UnitVerb;
use linux_api_client::units::UnitQuery;
use linux_api_wire::api::units::UnitSummary;
use linux_api_wire::units::NOT_KNOWN;

/// Most units of one page.
const PAGE: u32 = 1000;

/// List units of systemd, show one, or act on some
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List units, by name
    #[command(visible_alias = "ls")]
    List(List),
    /// Show a unit with its last log lines
    ///
    /// The lines need the scope logs:read.
    Show(Show),
    /// Start units
    Start(Act),
    /// Stop units
    Stop(Act),
    /// Stop and start units
    Restart(Act),
    /// Have units read their configuration again
    Reload(Act),
    /// Forget that units have failed
    ResetFailed(Act),
    /// Start units with the system from now on
    Enable(Act),
    /// Start units with the system no longer
    Disable(Act),
    Limits(limits::Options),
}

#[derive(Debug, clap::Args)]
struct List {
    /// A part of the name, or a pattern with * and ?
    name: Option<String>,
    /// Only units that have failed
    #[arg(long, conflicts_with = "state")]
    failed: bool,
    /// Only in these states, separated by commas, such as active,activating
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Only of these types, separated by commas, such as service,timer
    #[arg(long = "type", value_name = "TYPES")]
    kind: Option<String>,
    /// Only enabled, disabled, static or masked ones
    #[arg(long, value_name = "WORD")]
    enabled: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Its name; without a type it is a service
    #[arg(value_parser = parse_unit, add = completion::units())]
    name: String,
    /// How many of its last log lines to show
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    lines: u8,
}

#[derive(Debug, clap::Args)]
struct Act {
    /// Their names; without a type they are services
    #[arg(required = true, value_name = "NAME", value_parser = parse_unit, add = completion::units())]
    units: Vec<String>,
    #[command(flatten)]
    pace: Pace,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let (act, verb) = match self.command {
            Command::List(list) => return list.run(ctx).await,
            Command::Show(show) => return show.run(ctx).await,
            Command::Limits(options) => return options.run(ctx).await,
            Command::Start(act) => (act, UnitVerb::Start),
            Command::Stop(act) => (act, UnitVerb::Stop),
            Command::Restart(act) => (act, UnitVerb::Restart),
            Command::Reload(act) => (act, UnitVerb::Reload),
            Command::ResetFailed(act) => (act, UnitVerb::ResetFailed),
            Command::Enable(act) => (act, UnitVerb::Enable),
            Command::Disable(act) => (act, UnitVerb::Disable),
        };
        Deed::Units(act.units, verb).run(ctx, &act.pace).await
    }
}

impl List {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let state = self.failed.then(|| "failed".to_owned()).or(self.state);
        let empty = match (&state, &self.name) {
            (Some(state), None) if state == "failed" => "no unit has failed",
            _ => "no unit fits",
        };
        let query = UnitQuery {
            state,
            kind: self.kind,
            name: self.name,
            enabled: self.enabled,
            limit: Some(PAGE),
            cursor: None,
        };
        let listing = Listing {
            empty: empty.to_owned(),
            ..listing()
        };
        let fetch = async |client: &Client| fetch(client, query.clone()).await;
        poll::list(ctx, &listing, fetch).await
    }
}

/// All pages.
async fn fetch(client: &Client, mut query: UnitQuery) -> Result<Vec<UnitSummary>, HostError> {
    let mut rows = Vec::new();
    loop {
        let page = client.units(&query).await?;
        rows.extend(page.items);
        if page.next_cursor.is_none() || page.next_cursor == query.cursor {
            return Ok(rows);
        }
        query.cursor = page.next_cursor;
    }
}

impl Show {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let fetch = async |client: &Client| {
            let unit = client.unit(&self.name, self.lines).await;
            unit.map_err(HostError::from)
        };
        poll::show(ctx, fetch, |unit| detail::in_words(ctx, unit)).await
    }
}

/// How good a state is.
fn tone(active: &str) -> Tone {
    match active {
        "active" => Tone::Good,
        "failed" => Tone::Bad,
        "activating" | "deactivating" | "reloading" => Tone::Warn,
        _ => Tone::Plain,
    }
}

fn text(text: Option<&str>) -> Cell {
    text.unwrap_or(NOT_KNOWN).into()
}

fn listing() -> Listing<UnitSummary> {
    Listing {
        columns: vec![
            Column::text("UNIT", |row: &UnitSummary| row.name.as_str().into()),
            Column::wide("LOAD", |row| text(row.load.as_deref())),
            Column::text("STATE", |row| match &row.active {
                Some(active) => Cell::new(active.as_str(), tone(active)),
                None => NOT_KNOWN.into(),
            }),
            Column::text("DETAIL", |row| text(row.sub.as_deref())),
            Column::text("ENABLED", |row| text(row.enabled.as_deref())),
            Column::wide("JOB", |row| text(row.job.as_deref())),
            Column::long("DESCRIPTION", |row| row.description.as_str().into()),
        ],
        name: |row| row.name.clone(),
        empty: String::new(),
    }
}
