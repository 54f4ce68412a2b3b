//! `linux-api alert channel` and `linux-api alert test`: where notices go.

use std::process::ExitCode;

use super::ago;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use crate::cli::{Context, completion, output, poll};
use linux_api_client::Client;
use linux_api_wire::api::alerts::{
    AlertChannel, AlertDelivery, AlertDeliveryState, ChannelTestResult,
};
use linux_api_wire::units::{NOT_KNOWN, time};

/// List channels, and what became of messages to them
///
/// Channels are in the configuration of the daemon, `[[alerts.channels]]`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the channels of the daemon, by name
    ///
    /// Addresses are secrets and shown cut.
    #[command(visible_alias = "ls")]
    List,
    /// List the newest messages to channels, and what became of them
    Deliveries(Deliveries),
}

#[derive(Debug, clap::Args)]
struct Deliveries {
    /// The newest ones to show
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List => {
                let fetch = async |client: &Client| Ok(client.alert_channels().await?.items);
                poll::list(ctx, &channels(), fetch).await
            }
            Command::Deliveries(Deliveries { limit }) => {
                let fetch = async |client: &Client| Ok(client.alert_deliveries(limit).await?.items);
                poll::list(ctx, &deliveries(), fetch).await
            }
        }
    }
}

/// Send a test message to a channel
///
/// Now and once. Fails when the receiver did not take it. Needs the role operator or admin; admins see what the
/// receiver wrote.
#[derive(Debug, clap::Args)]
pub(super) struct Test {
    /// Its name, as `alert channel list` shows it
    #[arg(add = completion::channels())]
    channel: String,
}

impl Test {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let (client, _here) = ctx.one_client().await?;
        let result = client.test_alert_channel(&self.channel).await?;
        output::document(ctx, &result, || in_words(&result))?;
        Ok(if result.delivered {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn in_words(result: &ChannelTestResult) -> String {
    let status = result.status.map(|status| format!(" (status {status})"));
    let status = status.unwrap_or_default();
    let time = format!("after {} ms", result.milliseconds);
    let mut text = if result.delivered {
        format!("{} took the message{status} {time}", result.channel)
    } else {
        let error = result.error.as_deref().unwrap_or("no reason is known");
        format!(
            "{} did not take the message{status} {time}: {error}",
            result.channel
        )
    };
    if let Some(body) = &result.body {
        text.push_str("\nits response begins: ");
        text.push_str(body.trim());
    }
    text
}

fn channels() -> Listing<AlertChannel> {
    Listing {
        columns: vec![
            Column::text("NAME", |row: &AlertChannel| row.name.as_str().into()),
            Column::text("KIND", |row| row.kind.as_str().into()),
            Column::text("SENDS", |row| {
                if row.can_send {
                    Cell::new("yes", Tone::Good)
                } else {
                    Cell::new("no", Tone::Bad)
                }
            }),
            Column::text("LAST", |row| match &row.last_delivery {
                Some(last) => state(last),
                None => NOT_KNOWN.into(),
            }),
            Column::text("AGO", |row| {
                ago(row.last_delivery.as_ref().map(|last| &*last.updated_at))
            }),
            Column::long("ADDRESS", |row| row.address.as_str().into()),
            Column::long("PROBLEM", |row| {
                row.problem.as_deref().unwrap_or_default().into()
            }),
        ],
        name: |row| row.name.clone(),
        empty: "there are no channels: alerts are only shown; docs/alerts.md says how to add one"
            .to_owned(),
    }
}

fn state(delivery: &AlertDelivery) -> Cell {
    let tone = match delivery.state {
        AlertDeliveryState::Delivered => Tone::Good,
        AlertDeliveryState::Waiting if delivery.attempts == 0 => Tone::Plain,
        AlertDeliveryState::Waiting => Tone::Warn,
        AlertDeliveryState::Gone | AlertDeliveryState::GivenUp => Tone::Bad,
    };
    Cell::new(delivery.state.as_str(), tone)
}

fn deliveries() -> Listing<AlertDelivery> {
    Listing {
        columns: vec![
            Column::text("TIME (UTC)", |row: &AlertDelivery| {
                time(&row.updated_at).into()
            }),
            Column::text("CHANNEL", |row| row.channel.as_str().into()),
            Column::text("STATE", state),
            Column::number("TRIED", |row| row.attempts.to_string().into()),
            Column::number("STATUS", |row| {
                let status = row.status.map(|status| status.to_string());
                status.unwrap_or_else(|| NOT_KNOWN.to_owned()).into()
            }),
            Column::long("ERROR", |row| {
                row.error.as_deref().unwrap_or_default().into()
            }),
            Column::wide("NEXT (UTC)", |row| {
                row.next_attempt
                    .as_deref()
                    .map_or(NOT_KNOWN.into(), |next| time(next).into())
            }),
            Column::wide("MESSAGE", |row| row.message_id.as_str().into()),
        ],
        name: |row| format!("{}/{}", row.message_id, row.channel),
        empty: "nothing was sent".to_owned(),
    }
}
