//! `linux-api top`: the host and its busiest processes, once.

use std::process::ExitCode;

use serde::Serialize;

use super::host::{HostReading, summary};
use super::process::{self, ProcessRow};
use super::{Context, poll};
use linux_api_client::Client;

/// Show the host and its busiest processes, once
///
/// For a moment's look and for scripts; `linux-api tui` keeps looking. The same as `host show` in short and
/// `process top`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// How many processes to show
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Both, for programs.
#[derive(Debug, Serialize)]
struct Top {
    #[serde(flatten)]
    reading: HostReading,
    top_processes: Vec<ProcessRow>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let are_many = ctx.means_many();
        let query = process::busiest(ctx, self.limit);
        let fetch = async |client: &Client| {
            Ok(Top {
                reading: HostReading::of(client, are_many).await?,
                top_processes: query.fetch(client).await?,
            })
        };
        let listing = query.listing();
        poll::show(ctx, fetch, |top| {
            let summary = summary(ctx, &top.reading.snapshot);
            let table = listing.in_words(ctx, &top.top_processes);
            format!("{summary}\n{table}")
        })
        .await
    }
}
