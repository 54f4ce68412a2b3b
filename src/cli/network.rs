//! `linux-api network`: the network interfaces of a host.

use std::process::ExitCode;

use anyhow::anyhow;

use super::host::networks;
use super::hosts::HostError;
use super::rows::Listing;
use super::{Context, poll};
use linux_api_client::Client;
use linux_api_wire::snapshot::{Family, Network};

/// List network interfaces and their traffic
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List network interfaces, with what they received and sent
    #[command(visible_aliases = ["ls", "show"])]
    List,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let Command::List = self.command;
        let listing = Listing {
            columns: networks(),
            name: |one: &Network| one.interface.clone(),
            empty: "the host has no network interface".to_owned(),
        };
        poll::list(ctx, &listing, fetch).await
    }
}

async fn fetch(client: &Client) -> Result<Vec<Network>, HostError> {
    let snapshot = client.snapshot().await?;
    let status = snapshot.status.get(&Family::Networks);
    let reason = status.and_then(|status| status.error.clone());
    snapshot.networks.ok_or_else(|| {
        let reason = reason.unwrap_or_else(|| "the daemon has not read them yet".to_owned());
        HostError::Other(anyhow!("network interfaces are not known: {reason}"))
    })
}
