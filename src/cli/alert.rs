//! `linux-api alert`: what fires, what changed, and what is done about it.

mod ack;
mod channel;
mod history;
mod ids;
mod list;
mod preview;
mod release;
mod rule;
mod silence;

use std::process::ExitCode;

use super::Context;
use super::rows::{Cell, Tone};
use linux_api_wire::api::alerts::AlertSeverity;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::units::{NOT_KNOWN, span};

/// List, acknowledge and silence alerts, and change their rules
///
/// Alerts are those of all hosts that share the database of the daemon.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    #[command(visible_alias = "ls")]
    List(list::Options),
    History(history::Options),
    Ack(ack::Options),
    Release(release::Options),
    Silence(silence::Options),
    Rule(rule::Options),
    Channel(channel::Options),
    Test(channel::Test),
    Preview(preview::Options),
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List(options) => options.run(ctx).await,
            Command::History(options) => options.run(ctx).await,
            Command::Ack(options) => options.run(ctx).await,
            Command::Release(options) => options.run(ctx).await,
            Command::Silence(options) => options.run(ctx).await,
            Command::Rule(options) => options.run(ctx).await,
            Command::Channel(options) => options.run(ctx).await,
            Command::Test(options) => options.run(ctx).await,
            Command::Preview(options) => options.run(ctx).await,
        }
    }
}

/// A severity in its colour; nothing where none fires.
fn severity(severity: Option<AlertSeverity>) -> Cell {
    match severity {
        Some(AlertSeverity::Critical) => Cell::new("critical", Tone::Bad),
        Some(AlertSeverity::Warning) => Cell::new("warning", Tone::Warn),
        None => NOT_KNOWN.into(),
    }
}

/// How long ago a time was, in its largest unit.
fn ago(time: Option<&str>) -> Cell {
    let time = time.and_then(|time| time.parse::<Timestamp>().ok());
    let Some(time) = time else {
        return NOT_KNOWN.into();
    };
    let span = span(Clock::system().now().since(time).as_secs());
    // The second unit says little in a table.
    let mut words = span.split(' ');
    let first: Vec<&str> = words.by_ref().take(2).collect();
    first.join(" ").into()
}

/// Values of labels with a text: `/srv: 97.2% used`.
fn value(labels: &std::collections::BTreeMap<String, String>, text: &str) -> Cell {
    let values: Vec<&str> = labels.values().map(String::as_str).collect();
    if values.is_empty() {
        return text.into();
    }
    format!("{}: {text}", values.join(", ")).into()
}

fn parse_severity(text: &str) -> Result<AlertSeverity, String> {
    text.parse()
        .map_err(|_| "expected warning or critical".to_owned())
}
