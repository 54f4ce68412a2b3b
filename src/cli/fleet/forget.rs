//! `linux-api fleet forget`: takes a host off the list for good.

use std::process::ExitCode;

use anyhow::bail;

use super::find;
use crate::cli::{Context, completion, confirm, output};
use linux_api_wire::api::fleet::FleetHost;
use linux_api_wire::units::{span, time};

/// Forget a host that is gone for good, with its history and statistics
///
/// Only a host that is down can be forgotten. It leaves the list at once; what is stored of it is deleted a
/// little at a time. One that comes back is listed again, with what it writes from then on. Needs an admin.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Its name or id
    #[arg(add = completion::hosts())]
    host: String,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let (client, _here) = ctx.one_client().await?;
        let host = find(&client, &self.host).await?;
        let question = question(&host, &client.address().to_string());
        if !confirm::confirm(ctx, &question)? {
            bail!("nothing was forgotten");
        }
        let forgotten = client.forget_host(&host.id).await?;
        output::document(ctx, &forgotten, || {
            format!(
                "forgot {} ({}); its history and statistics are being deleted",
                forgotten.name, forgotten.id
            )
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Names the host, so that it is no other of that name, and all that goes with it.
fn question(host: &FleetHost, daemon: &str) -> String {
    format!(
        "Forget {} ({}, last seen {} UTC, {} ago) and delete its history and statistics from the database of \
         {daemon}?",
        host.name,
        host.id,
        time(&host.last_seen),
        span(host.age_seconds)
    )
}
