//! `linux-api fleet`: the hosts whose daemons share one database.

mod forget;

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::Subcommand;

use super::hosts::HostError;
use super::rows::{Cell, Column, Listing, Tone, clean};
use super::{Context, completion, poll};
use linux_api_client::{Client, HostQuery};
use linux_api_wire::api::alerts::counts_text;
use linux_api_wire::api::fleet::{FigureLimit, FleetHost, HostSort, Order};
use linux_api_wire::fleet::{ClockFault, HostLabel, HostState};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units::{NOT_KNOWN, moment, percent, share, size, span, time};

/// The most hosts of a page: a fleet of a thousand is one request.
const PAGE: u32 = 1_000;

/// Show the hosts whose daemons share the daemon's database
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(visible_alias = "ls")]
    List(List),
    /// Show one of the hosts
    Show {
        /// Its name or id
        #[arg(add = completion::hosts())]
        host: String,
    },
    Forget(forget::Options),
}

/// List the hosts, with the newest figures that each has stored
#[derive(Debug, clap::Args)]
struct List {
    /// Only hosts with this in their name or id
    text: Option<String>,
    /// Only hosts in these states, separated by commas: up, late or down
    #[arg(long = "state", value_name = "STATES", value_delimiter = ',')]
    states: Vec<HostState>,
    /// Only hosts where this is at least so much, such as disk=90: cpu, memory and disk in percent, load, or
    /// uptime in seconds; repeatable
    #[arg(long, value_name = "FIGURE=NUMBER")]
    min: Vec<FigureLimit>,
    /// Only hosts where this is at most so much, such as uptime=3600; repeatable
    #[arg(long, value_name = "FIGURE=NUMBER")]
    max: Vec<FigureLimit>,
    /// What to sort by
    #[arg(
        long,
        help = "Sort by name, last_seen, cpu, memory, disk, load or uptime",
        value_name = "FIGURE",
        default_value = "name"
    )]
    sort: HostSort,
    /// Direction; default: figures from the largest on, names from A on
    #[arg(long, value_parser = ["asc", "desc"])]
    order: Option<String>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List(list) => list.run(ctx).await,
            Command::Show { host } => {
                let fetch = async |client: &Client| find(client, &host).await;
                poll::show(ctx, fetch, in_words).await
            }
            Command::Forget(options) => options.run(ctx).await,
        }
    }
}

impl List {
    async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        // The labels are those of the hosts in the database, and choose no remotes.
        let mut ctx = ctx.clone();
        let labels = std::mem::take(&mut ctx.options.labels);
        let labels = labels.into_iter();
        let query = HostQuery {
            labels: labels
                .map(|(name, value)| HostLabel { name, value })
                .collect(),
            states: self.states,
            text: self.text,
            min: self.min,
            max: self.max,
            sort: self.sort,
            order: match self.order.as_deref() {
                Some("asc") => Some(Order::Ascending),
                Some(_) => Some(Order::Descending),
                None => None,
            },
            limit: Some(PAGE),
        };
        let fetch = async |client: &Client| hosts(client, &query).await;
        poll::list(&ctx, &listing(), fetch).await
    }
}

/// All that a query selects, page after page.
async fn hosts(client: &Client, query: &HostQuery) -> Result<Vec<FleetHost>, HostError> {
    let mut hosts = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.query_fleet_hosts(query, cursor.as_deref()).await?;
        hosts.extend(page.items);
        let next = page.next_cursor;
        if next.is_none() || next == cursor {
            return Ok(hosts);
        }
        cursor = next;
    }
}

/// The host with this id, or the only one with this name.
async fn find(client: &Client, host: &str) -> Result<FleetHost, HostError> {
    let query = HostQuery {
        text: Some(host.to_owned()),
        limit: Some(PAGE),
        ..HostQuery::default()
    };
    let mut found: Vec<FleetHost> = hosts(client, &query).await?;
    if let Some(at) = found.iter().position(|one| one.id == host) {
        return Ok(found.swap_remove(at));
    }
    found.retain(|one| one.name == host);
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
    Cell::new(format!("{} ago", span(host.age_seconds)), tone(host))
}

fn tone(host: &FleetHost) -> Tone {
    match host.state {
        HostState::Down => Tone::Bad,
        HostState::Late => Tone::Warn,
        HostState::Up | HostState::Unknown => Tone::Plain,
    }
}

/// What is wrong with its clock, in words.
fn clock(host: &FleetHost) -> Option<String> {
    let way = match host.clock? {
        ClockFault::Ahead => "ahead",
        ClockFault::Behind => "behind",
        ClockFault::Unknown => return Some("clock wrong".to_owned()),
    };
    let apart = host.clock_ahead_seconds.unwrap_or_default().unsigned_abs();
    Some(format!("clock {} {way}", span(apart)))
}

/// Its state, and the reason where that is not that its daemon does not write.
fn state(host: &FleetHost) -> Cell {
    let state = host.state.as_str();
    match clock(host) {
        Some(clock) => Cell::new(format!("{state}, {clock}"), Tone::Bad),
        None => Cell::new(state, tone(host)),
    }
}

fn listing() -> Listing<FleetHost> {
    fn memory(host: &FleetHost) -> Option<f64> {
        let facts = host.newest();
        share(facts.memory_used_bytes?, facts.memory_total_bytes?)
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
            Column::text("STATE", state),
            Column::text("LAST SEEN", seen),
            Column::number("CPU", |host| part(host.newest().cpu_usage_percent)),
            Column::number("LOAD", |host| {
                let load = host.newest().load_one.map(|load| format!("{load:.2}"));
                load.unwrap_or_else(|| NOT_KNOWN.to_owned()).into()
            }),
            Column::number("MEM", |host| part(memory(host))),
            Column::number("DISK", |host| part(host.newest().disk_used_percent)),
            Column::text("ALERTS", alerts),
            Column::number("UP", |host| {
                let up = host.newest().uptime_seconds;
                up.map_or_else(|| NOT_KNOWN.to_owned(), span).into()
            }),
            Column::wide("FULLEST", |host| {
                let path = host.newest().disk_mount_point;
                path.unwrap_or_else(|| NOT_KNOWN.to_owned()).into()
            }),
            Column::wide("FIRST SEEN", |host| time(&host.first_seen).into()),
            Column::wide("ID", |host| host.id.as_str().into()),
        ],
        name: |host| host.name.clone(),
        empty: "no such host writes to this database".to_owned(),
    }
}

/// `2C 1W`; of a daemon of an earlier version only how many there are.
fn alerts(host: &FleetHost) -> Cell {
    let facts = host.newest();
    match (facts.alerts_critical, facts.alerts_warning, host.alerts) {
        (Some(critical), Some(warning), _) => {
            let tone = match (critical, warning) {
                (0, 0) => Tone::Plain,
                (0, _) => Tone::Warn,
                _ => Tone::Bad,
            };
            Cell::new(counts_text(critical, warning), tone)
        }
        (_, _, Some(all)) => all.to_string().into(),
        _ => NOT_KNOWN.into(),
    }
}

fn in_words(host: &FleetHost) -> String {
    let facts = host.newest();
    let not_known = || "not known".to_owned();
    let memory = match (facts.memory_used_bytes, facts.memory_total_bytes) {
        (Some(used), Some(total)) => format!("{} of {} used", size(used), size(total)),
        _ => not_known(),
    };
    let disk = match (facts.disk_used_percent, &facts.disk_mount_point) {
        (Some(used), Some(mount_point)) => format!("{} of {mount_point} used", percent(used)),
        _ => not_known(),
    };
    let read = host.facts_time.as_deref().or(host.sample_time.as_deref());
    let read = read.and_then(|text| text.parse::<Timestamp>().ok());
    let lines = [
        ("name", host.name.clone()),
        ("id", host.id.clone()),
        ("labels", labels(host)),
        ("version", host.version.clone()),
        ("state", state(host).text().to_owned()),
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
            "figures",
            read.map_or_else(not_known, |it| format!("of {} UTC", moment(it))),
        ),
        (
            "cpu",
            facts.cpu_usage_percent.map_or_else(not_known, percent),
        ),
        (
            "load",
            facts
                .load_one
                .map_or_else(not_known, |it| format!("{it:.2}")),
        ),
        ("memory", memory),
        ("disk", disk),
        ("alerts", alerts(host).text().to_owned()),
        ("up", facts.uptime_seconds.map_or_else(not_known, span)),
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
