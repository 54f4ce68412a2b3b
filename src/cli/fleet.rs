//! `linux-api fleet`: the hosts whose daemons share one database.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::Subcommand;

use super::hosts::HostError;
use super::rows::{Cell, Column, Listing, Tone, clean};
use super::units::{NOT_KNOWN, moment, percent, share, size, span, time};
use super::{Context, poll};
use linux_api_client::Client;
use linux_api_wire::api::fleet::FleetHost;
use linux_api_wire::time::Timestamp;

/// A daemon that lives writes at least every half minute; one that did not for so long is away.
const AWAY_SECONDS: u64 = 120;

/// Show the hosts whose daemons share the daemon's database
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the hosts, with the newest reading that each has stored
    #[command(visible_alias = "ls")]
    List,
    /// Show one of the hosts
    Show {
        /// Its name or id
        host: String,
    },
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List => poll::list(ctx, &listing(), hosts).await,
            Command::Show { host } => {
                let fetch = async |client: &Client| find(client, &host).await;
                poll::show(ctx, fetch, in_words).await
            }
        }
    }
}

/// All of them, page after page.
async fn hosts(client: &Client) -> Result<Vec<FleetHost>, HostError> {
    let mut hosts = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.fleet_hosts(cursor.as_deref()).await?;
        hosts.extend(page.items);
        let next = page.next_cursor;
        if next.is_none() || next == cursor {
            return Ok(hosts);
        }
        cursor = next;
    }
}

async fn find(client: &Client, host: &str) -> Result<FleetHost, HostError> {
    let mut found: Vec<FleetHost> = hosts(client).await?;
    found.retain(|one| one.id == host || one.name == host);
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (Some(_), others) => Err(HostError::Other(anyhow!(
            "{} hosts are called {host}: use the id, which fleet list -o wide shows",
            others + 1
        ))),
        (None, _) => Err(HostError::Other(anyhow!(
            "no host {host} writes to this daemon's database; linux-api fleet list shows them"
        ))),
    }
}

fn labels(host: &FleetHost) -> String {
    let labels = host.labels.iter();
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    labels.join(" ")
}

/// How long ago it wrote.
fn seen(host: &FleetHost) -> Cell {
    let tone = if host.age_seconds > AWAY_SECONDS {
        Tone::Bad
    } else {
        Tone::Plain
    };
    Cell::new(format!("{} ago", span(host.age_seconds)), tone)
}

fn listing() -> Listing<FleetHost> {
    fn memory(host: &FleetHost) -> Option<f64> {
        let sample = host.sample.as_ref()?;
        share(sample.memory_used_bytes?, sample.memory_total_bytes?)
    }
    fn part(value: Option<f64>) -> Cell {
        value.map_or_else(
            || NOT_KNOWN.into(),
            |value| Cell::new(percent(value), Tone::of_percent(value)),
        )
    }
    Listing {
        columns: vec![
            Column::text("NAME", |host: &FleetHost| host.name.as_str().into()),
            Column::long("LABELS", |host| labels(host).into()),
            Column::text("VERSION", |host| host.version.as_str().into()),
            Column::text("LAST SEEN", seen),
            Column::number("CPU", |host| {
                part(host.sample.as_ref().and_then(|it| it.cpu_usage_percent))
            }),
            Column::number("LOAD", |host| {
                let load = host.sample.as_ref().and_then(|it| it.load_one);
                let load = load.map(|load| format!("{load:.2}"));
                load.unwrap_or_else(|| NOT_KNOWN.to_owned()).into()
            }),
            Column::number("MEM", |host| part(memory(host))),
            Column::number("UP", |host| {
                let up = host.sample.as_ref().and_then(|it| it.uptime_seconds);
                up.map_or_else(|| NOT_KNOWN.to_owned(), span).into()
            }),
            Column::wide("FIRST SEEN", |host| time(&host.first_seen).into()),
            Column::wide("ID", |host| host.id.as_str().into()),
        ],
        name: |host| host.name.clone(),
        empty: "no host has written to this database yet".to_owned(),
    }
}

fn in_words(host: &FleetHost) -> String {
    let sample = host.sample.clone().unwrap_or_default();
    let not_known = || "not known".to_owned();
    let memory = match (sample.memory_used_bytes, sample.memory_total_bytes) {
        (Some(used), Some(total)) => format!("{} of {} used", size(used), size(total)),
        _ => not_known(),
    };
    let read = host.sample_time.as_deref();
    let read = read.and_then(|text| text.parse::<Timestamp>().ok());
    let lines = [
        ("name", host.name.clone()),
        ("id", host.id.clone()),
        ("labels", labels(host)),
        ("version", host.version.clone()),
        ("first seen", format!("{} UTC", time(&host.first_seen))),
        (
            "last seen",
            format!(
                "{} UTC, {} ago",
                time(&host.last_seen),
                span(host.age_seconds)
            ),
        ),
        (
            "reading",
            read.map_or_else(not_known, |it| format!("of {} UTC", moment(it))),
        ),
        (
            "cpu",
            sample.cpu_usage_percent.map_or_else(not_known, percent),
        ),
        (
            "load",
            sample
                .load_one
                .map_or_else(not_known, |it| format!("{it:.2}")),
        ),
        ("memory", memory),
        ("up", sample.uptime_seconds.map_or_else(not_known, span)),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a text never fails.
        let _ = writeln!(
            text,
            "{}",
            format!("{name:<11} {}", clean(&value)).trim_end()
        );
    }
    text
}
