//! `linux-api status`: is the daemon up and ready?

use std::process::ExitCode;

use anyhow::Context as _;

use super::{Context, FAILED, output};
use crate::api::health::Check;
use crate::client::error::ClientError;
use crate::client::{Client, Target};

/// Show whether the daemon is up and ready
///
/// Asks the daemon of this machine; exits with 0 when it is ready, 1 otherwise.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let loaded = ctx.load(Vec::new())?;
        let address = loaded.config.server.listen;
        let url = format!("http://{address}");
        let target = Target {
            address: url.parse().with_context(|| url.clone())?,
            key: None,
            ca_file: None,
        };
        let readiness = Client::new(&target)?.readiness().await.map_err(|error| {
            let next = match error {
                ClientError::Offline { .. } => "start one with: linux-api serve",
                _ => error.advice(),
            };
            anyhow::Error::new(error).context(format!("no daemon answers at {address}; {next}"))
        })?;
        if self.json {
            output::json(&readiness)?;
        } else {
            let line = |name: &str, check: &Check| {
                let word = if check.ok { "ok" } else { "fail" };
                format!("{name:<12}{word:<6}{}\n", check.detail)
            };
            let checks = &readiness.checks;
            output::text(&format!(
                "linux-api at http://{address} is {}\n\n{}{}{}",
                readiness.status,
                line("database", &checks.database),
                line("migrations", &checks.migrations),
                line("flusher", &checks.flusher),
            ))?;
        }
        let ready = readiness.status == "ready";
        Ok(if ready {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FAILED)
        })
    }
}
