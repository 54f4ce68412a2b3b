//! `linux-api status`: is the daemon up and ready?

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use super::{Context, FAILED, output};
use crate::api::health::{Check, Readiness};

const TIMEOUT: Duration = Duration::from_secs(5);

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
        let url = format!("http://{address}/readyz");
        // The same provider everywhere: two in one binary would have to be told apart.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .context("prepare the request")?;
        let answer = client.get(&url).send().await.with_context(|| {
            format!("no daemon answers at {address}; start one with: linux-api serve")
        })?;
        let readiness: Readiness = answer
            .json()
            .await
            .with_context(|| format!("what answers at {address} is not linux-api"))?;
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
