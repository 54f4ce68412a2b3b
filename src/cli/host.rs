//! `linux-api host`: how a host is, on one page.

mod overview;

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::hosts::HostError;
use super::{Context, poll};
use linux_api_client::Client;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::Family;

pub(super) use overview::{networks, summary};

/// How often a daemon that has just started is polled for its second reading, and how long to wait before.
const TRIES: u32 = 10;
const BETWEEN_READINGS: Duration = Duration::from_millis(300);

/// Whether the use of processors is known, or why not.
fn has_rates(snapshot: &Snapshot) -> bool {
    let status = snapshot.status.get(&Family::Cpu);
    snapshot.cpu.is_some() || status.is_some_and(|status| status.error.is_some())
}

/// Show how a host is
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show processors, memory, file systems, networks, disks, pressure and sensors
    ///
    /// The newest reading of the daemon. What could not be read is named with the reason. `-o wide` also shows each
    /// processor and login session.
    #[command(visible_aliases = ["list", "ls"])]
    Show,
}

/// A reading, for programs and for people.
#[derive(Debug, Serialize)]
pub(super) struct HostReading {
    #[serde(flatten)]
    json: Value,
    #[serde(skip)]
    pub(super) snapshot: Snapshot,
}

impl HostReading {
    /// Polls the newest one. Among many hosts `host` is the name that the user gave it, so that the host's own
    /// name moves to `hostname`.
    pub(super) async fn of(client: &Client, is_one_of_many: bool) -> Result<Self, HostError> {
        let mut snapshot = client.snapshot().await?;
        let mut tries = 0;
        // Rates are known from the second reading on, which a daemon takes soon after its start.
        while tries < TRIES && !has_rates(&snapshot) {
            tokio::time::sleep(BETWEEN_READINGS).await;
            snapshot = client.snapshot().await?;
            tries += 1;
        }
        let mut json = serde_json::to_value(&snapshot).map_err(anyhow::Error::new)?;
        if let (true, Value::Object(fields)) = (is_one_of_many, &mut json)
            && let Some(name) = fields.remove("host")
        {
            fields.insert("hostname".to_owned(), name);
        }
        Ok(Self { json, snapshot })
    }
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let Command::Show = self.command;
        let are_many = ctx.means_many();
        let fetch = async |client: &Client| HostReading::of(client, are_many).await;
        poll::show(ctx, fetch, |reading| overview::page(ctx, &reading.snapshot)).await
    }
}
