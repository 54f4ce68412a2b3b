//! `linux-api status`: is the daemon up and ready?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context as _;

use super::{Context, FAILED, output};
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_daemon::run::record::Record;
use linux_api_wire::api::health::Check;

/// Show whether the daemon is up and ready
///
/// Polls the daemon of this machine; exits with 0 when it is ready, 1 otherwise.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print the response as JSON
    #[arg(long)]
    json: bool,
}

/// Where this machine reaches a daemon that listens on `address`.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback = match address {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        address.set_ip(loopback);
    }
    address
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let loaded = ctx.load(Vec::new());
        let base = match (&loaded, ctx.records().pop()) {
            (Ok(loaded), _) => {
                let server = &loaded.config.server;
                let scheme = if server.tls_certificate.is_some() {
                    "https"
                } else {
                    "http"
                };
                format!("{scheme}://{}", reachable(server.listen))
            }
            // The daemon that runs was started with another one.
            (Err(_), Some((_, Record { url: Some(url), .. }))) => url,
            (Err(_), _) => return loaded.map(|_| ExitCode::FAILURE).map_err(Into::into),
        };
        let probed = base.parse().with_context(|| base.clone())?;
        let client = Client::for_probes(probed)?;
        let readiness = client.readiness().await.map_err(|error| {
            let next = match error {
                ClientError::Offline { .. } => "start one with: linux-api serve",
                _ => error.advice(),
            };
            anyhow::Error::new(error).context(format!("no daemon responds at {base}; {next}"))
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
                "linux-api at {base} is {}\n\n{}{}{}",
                readiness.status,
                line("database", &checks.database),
                line("migrations", &checks.migrations),
                line("flusher", &checks.flusher),
            ))?;
            for warning in &readiness.warnings {
                output::text(&format!("warning: {warning}"))?;
            }
        }
        if let Err(error) = &loaded {
            output::note(&format!(
                "\nthe daemon runs with an older configuration; the present one can't be used:\n{error}"
            ));
        }
        let ready = readiness.status == "ready" && loaded.is_ok();
        Ok(if ready {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FAILED)
        })
    }
}
