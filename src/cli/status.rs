//! `linux-api status`: is the daemon up and ready?

use std::cell::Cell as Shared;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;

use super::exit::{FAILED, Worst};
use super::globals::Format;
use super::hosts::{HostError, LOCAL};
use super::rows::{Cell, Column, Listing, Tone};
use super::{Context, exit, output, poll};
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_config::LoadedConfig;
use linux_api_daemon::run::record::Record;
use linux_api_wire::api::health::{Check, Readiness};
use linux_api_wire::units::NOT_KNOWN;

/// Show whether the daemon is up and ready
///
/// Polls the daemon of this machine, or the chosen ones, and exits with 0 when all are ready. Of many hosts it
/// shows a row each, also for those that can't be reached.
#[derive(Debug, clap::Args)]
pub(super) struct Options;

/// How a host is among others.
#[derive(Debug, Serialize)]
struct HostStatus {
    /// `ready`, `not ready`, `not reached`, `not allowed` or `failed`.
    state: &'static str,
    /// Of the daemon's program.
    version: Option<String>,
    /// How long it took to respond that it is ready or not.
    latency_ms: Option<u128>,
    /// Why it is not ready; warnings when it is.
    reason: Option<String>,
    /// Labels of the remote.
    labels: BTreeMap<String, String>,
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
        if ctx.means_many() {
            return of_many(ctx).await;
        }
        if ctx.options.remotes.is_empty() {
            return of_this_machine(ctx).await;
        }
        let (client, _here) = ctx.one_client().await?;
        let readiness = client.readiness().await.map_err(|error| {
            let advice = error.advice();
            anyhow::Error::new(error).context(advice)
        })?;
        let name = client.address().to_string();
        show(ctx, &name, &readiness)?;
        Ok(ready_or_not(is_ready(&readiness)))
    }
}

fn is_ready(readiness: &Readiness) -> bool {
    readiness.status == "ready"
}

fn ready_or_not(ready: bool) -> ExitCode {
    if ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

async fn of_this_machine(ctx: &Context) -> anyhow::Result<ExitCode> {
    let loaded = ctx.load(Vec::new());
    let base = match (&loaded, ctx.records().pop()) {
        (Ok(loaded), _) => url_of(loaded),
        // The daemon that runs was started with another one.
        (Err(_), Some((_, Record { url: Some(url), .. }))) => url,
        (Err(_), _) => return loaded.map(|_| ExitCode::FAILURE).map_err(Into::into),
    };
    let probed = base.parse().with_context(|| base.clone())?;
    let client = Client::for_probes(probed)?;
    let client = match ctx.options.timeout {
        Some(timeout) => client.with_timeout(timeout),
        None => client,
    };
    let readiness = client.readiness().await.map_err(|error| {
        let next = match error {
            ClientError::Offline { .. } => "start one with: linux-api serve",
            _ => error.advice(),
        };
        anyhow::Error::new(error).context(format!("no daemon responds at {base}; {next}"))
    })?;
    show(ctx, &base, &readiness)?;
    if let Err(error) = &loaded {
        output::note(&format!(
            "\nthe daemon runs with an older configuration; the present one can't be used:\n{error}"
        ));
    }
    Ok(ready_or_not(is_ready(&readiness) && loaded.is_ok()))
}

/// Where the daemon of this configuration listens.
fn url_of(loaded: &LoadedConfig) -> String {
    let server = &loaded.config.server;
    let scheme = if server.tls_certificate.is_some() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{}", reachable(server.listen))
}

fn show(ctx: &Context, base: &str, readiness: &Readiness) -> anyhow::Result<()> {
    if ctx.format() == Format::Name {
        let name = ctx.options.remotes.first();
        return output::text(name.map_or(LOCAL, String::as_str));
    }
    output::document(ctx, readiness, || {
        let line = |name: &str, check: &Check| {
            let word = if check.ok { "ok" } else { "fail" };
            format!("{name:<12}{word:<6}{}\n", check.detail)
        };
        let checks = &readiness.checks;
        let mut text = format!(
            "linux-api at {base} is {}\n\n{}{}{}",
            readiness.status,
            line("database", &checks.database),
            line("migrations", &checks.migrations),
            line("flusher", &checks.flusher),
        );
        for warning in &readiness.warnings {
            // Writing to a text never fails.
            let _ = writeln!(text, "warning: {warning}");
        }
        text
    })
}

async fn of_many(ctx: &Context) -> anyhow::Result<ExitCode> {
    let listing = Listing {
        columns: vec![
            Column::text("STATE", |row: &HostStatus| {
                let is_ready = row.state == "ready";
                Cell::new(row.state, if is_ready { Tone::Good } else { Tone::Bad })
            }),
            Column::text("VERSION", |row| {
                row.version.as_deref().unwrap_or(NOT_KNOWN).into()
            }),
            Column::number("LATENCY", |row| {
                let latency = row.latency_ms.map(|ms| format!("{ms} ms"));
                latency.unwrap_or_else(|| NOT_KNOWN.to_owned()).into()
            }),
            Column::wide("LABELS", |row| {
                let labels = row.labels.iter();
                let labels: Vec<String> = labels
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                labels.join(" ").into()
            }),
            Column::long("REASON", |row| {
                row.reason.clone().unwrap_or_default().into()
            }),
        ],
        // As its host.
        name: |_| String::new(),
        empty: "no host is chosen".to_owned(),
    };
    let not_ready = Shared::new(false);
    let hosts = ctx.hosts().await?;
    let labels = hosts.all.iter();
    let labels: BTreeMap<String, BTreeMap<String, String>> = labels
        .map(|host| (host.name.clone(), host.labels.clone()))
        .collect();
    let fetch = async |client: &Client| {
        let status = HostStatus::of(client).await?;
        not_ready.set(not_ready.get() || status.state != "ready");
        Ok(vec![status])
    };
    let mut worst: Worst = poll::list_failures(
        ctx,
        hosts,
        &listing,
        fetch,
        HostStatus::failed,
        |name, row| {
            row.labels = labels.get(name).cloned().unwrap_or_default();
        },
    )
    .await?;
    if not_ready.get() {
        worst.note(FAILED);
    }
    Ok(worst.into())
}

impl HostStatus {
    async fn of(client: &Client) -> Result<Self, HostError> {
        let start = Instant::now();
        let readiness = client.readiness().await?;
        let latency = start.elapsed();
        // Ready or not, a key that is refused is what the user has to know of.
        client.current_user().await?;
        let checks = &readiness.checks;
        let failing: Vec<&str> = [&checks.database, &checks.migrations, &checks.flusher]
            .into_iter()
            .filter(|check| !check.ok)
            .map(|check| check.detail.as_str())
            .collect();
        let reason = if failing.is_empty() {
            readiness.warnings.join("; ")
        } else {
            failing.join("; ")
        };
        Ok(Self {
            state: if is_ready(&readiness) {
                "ready"
            } else {
                "not ready"
            },
            version: version(client).await,
            latency_ms: Some(latency.as_millis()),
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            labels: BTreeMap::new(),
        })
    }

    fn failed(error: &HostError) -> Self {
        Self {
            state: match exit::of_host(error) {
                exit::NOT_REACHED => "not reached",
                exit::NOT_ALLOWED => "not allowed",
                _ => "failed",
            },
            version: None,
            latency_ms: None,
            reason: Some(error.in_short()),
            labels: BTreeMap::new(),
        }
    }
}

/// The version of the daemon's program, as it wrote it to its database; `None` when the key may not read it.
async fn version(client: &Client) -> Option<String> {
    let page = client.fleet_hosts(None).await.ok()?;
    if let [only] = &page.items[..] {
        return Some(only.version.clone());
    }
    // Several daemons share the database.
    let name = client.system_info().await.ok()?.node_name;
    let mut hosts = page.items.into_iter();
    hosts
        .find(|host| host.name == name)
        .map(|host| host.version)
}
