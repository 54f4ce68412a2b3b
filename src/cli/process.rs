//! `linux-api process`: the processes of a host.

mod act;
mod columns;
mod detail;
mod query;

use std::process::ExitCode;

use clap::Subcommand;

use super::exit::UsageError;
use super::hosts::HostError;
use super::{Context, completion, poll};
use linux_api_client::Client;
use linux_api_wire::api::processes::{Column, Order, ParseColumnError};
use linux_api_wire::filter::Filter;

pub(super) use query::{ProcessQuery, ProcessRow, busiest};

/// List processes, show one, or act on some
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List processes: all, or those that a filter picks
    ///
    /// FILTER is in the language of the dashboard and the API: comparisons such as `cpu > 10`, `memory >= 1G`,
    /// `user = www-data`, `name ~ '^kworker'`, joined by `and`, `or`, `not` and parentheses; a bare word is looked
    /// for in name and command.
    #[command(visible_alias = "ls")]
    List(List),
    /// Show everything about one process
    Show {
        /// Its number
        pid: u32,
    },
    /// Show the processes that use the processors most, once
    Top {
        /// Only those that this filter picks, as for `process list`
        filter: Vec<String>,
        /// How many to show
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    Signal(act::SignalOptions),
    Renice(act::ReniceOptions),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Which processes; several words are joined by spaces
    filter: Vec<String>,
    /// Column to sort by, such as cpu, memory, pid or name
    #[arg(long, value_name = "COLUMN", default_value = "pid", value_parser = parse_column, add = completion::columns())]
    sort: Column,
    /// Direction; default: amounts from the largest on, names from A on
    #[arg(long, value_parser = ["asc", "desc"])]
    order: Option<String>,
    /// The most processes to show of each host; default: all
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Columns to show, separated by commas
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', value_parser = parse_column, add = completion::columns())]
    fields: Vec<Column>,
}

fn parse_column(text: &str) -> Result<Column, String> {
    text.trim()
        .parse()
        .map_err(|error: ParseColumnError| error.to_string())
}

/// Words of the command line as one filter, checked before any host is polled.
fn parse_filter(words: &[String]) -> anyhow::Result<String> {
    let filter = words.join(" ");
    if !filter.trim().is_empty()
        && let Err(error) = filter.parse::<Filter>()
    {
        return Err(UsageError(format!("the filter {filter:?} can't be read: {error}")).into());
    }
    Ok(filter)
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List(list) => list.run(ctx).await,
            Command::Top { filter, limit } => {
                let mut query = busiest(ctx, limit);
                query.filter = parse_filter(&filter)?;
                run(ctx, &query).await
            }
            Command::Signal(options) => options.run(ctx).await,
            Command::Renice(options) => options.run(ctx).await,
            Command::Show { pid } => {
                let fetch =
                    async |client: &Client| client.process(pid).await.map_err(HostError::from);
                poll::show(ctx, fetch, |process| detail::in_words(ctx, process)).await
            }
        }
    }
}

impl List {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let filter = parse_filter(&self.filter)?;
        let order = match self.order.as_deref() {
            Some("asc") => Order::Ascending,
            Some(_) => Order::Descending,
            None => self.sort.usual_order(),
        };
        let query = ProcessQuery::new(ctx, filter, (self.sort, order), self.limit, self.fields);
        run(ctx, &query).await
    }
}

async fn run(ctx: &Context, query: &ProcessQuery) -> anyhow::Result<ExitCode> {
    let fetch = async |client: &Client| query.fetch(client).await;
    poll::list(ctx, &query.listing(), fetch).await
}
