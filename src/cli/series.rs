//! `linux-api series`: what history there is.

use std::process::ExitCode;

use super::rows::{Column, Listing};
use super::{Context, poll};
use linux_api_client::Client;
use linux_api_wire::api::history::SeriesDescription;

/// List the series that have a history
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the series that have a history, with unit and meaning
    #[command(visible_alias = "ls")]
    List,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let Command::List = self.command;
        let listing = Listing {
            columns: vec![
                Column::text("NAME", |row: &SeriesDescription| row.name.as_str().into()),
                Column::text("UNIT", |row| row.unit.replace("_per_second", "/s").into()),
                Column::text("LABEL", |row| row.labels.join(",").into()),
                Column::long("MEANING", |row| row.meaning.as_str().into()),
            ],
            name: |row| row.name.clone(),
            empty: "the daemon keeps no series".to_owned(),
        };
        let fetch = async |client: &Client| Ok(client.series().await?.items);
        poll::list(ctx, &listing, fetch).await
    }
}
