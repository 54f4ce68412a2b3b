//! The dashboard: one or many hosts, local or remote, always over HTTP.
//!
//! Where to start:
//!
//! - [`screen::View`] lists the screens, `screen::Screen` is what each of them has, and `screens` holds
//!   them: all of a screen is in its module.
//! - [`app::App`] is the dashboard without terminal, network and clock; a [`message::AppMessage`] goes in,
//!   [`message::Effect`]s come out.
//! - [`query::Query`] is what a host is polled for, [`change::Change`] what is changed on it; `feed` does
//!   both, and [`host::HostState`] keeps what came back.
//! - `table` is the one table; `run` joins all of it with a terminal.
//!
//! Nothing here knows of the server, the store or the collector.

pub mod app;
pub mod change;
pub mod demo;
mod feed;
mod freshness;
pub mod host;
mod input;
pub mod keymap;
pub mod message;
mod outbox;
pub mod picture;
mod popups;
pub mod query;
mod run;
pub mod sanitize;
pub mod screen;
pub mod screens;
mod table;
mod terminal;
pub mod theme;
mod widgets;

use std::collections::BTreeMap;
use std::io;

use app::{App, DashboardSettings};
use feed::HostSource;
use host::HostState;

use linux_api_client::error::ClientError;
use linux_api_client::{Client, Target};
use linux_api_wire::time::Clock;

/// A host to show.
#[derive(Debug, Clone)]
pub struct HostTarget {
    /// What the user calls it.
    pub name: String,
    /// What it is called besides.
    pub labels: BTreeMap<String, String>,
    /// How to reach it; the error says why it can't be.
    pub target: Result<Target, ClientError>,
}

/// How to begin.
#[derive(Debug, Clone)]
pub struct LaunchOptions {
    /// Colours, keys, pace.
    pub settings: DashboardSettings,
    /// Whether to capture the mouse.
    pub mouse: bool,
    /// The host to open first, by name.
    pub first: Option<String>,
    /// What the views remembered of the run before.
    pub state: Option<String>,
}

/// Shows these hosts until the user ends it; returns what the views remember.
///
/// # Errors
/// When the terminal can't be used.
pub async fn run(
    targets: Vec<HostTarget>,
    start: LaunchOptions,
    clock: Clock,
) -> io::Result<String> {
    let mut hosts = Vec::new();
    let mut sources = Vec::new();
    for host in targets {
        let client = host.target.and_then(|target| Client::new(&target));
        let (address, source) = match client {
            Ok(client) => (client.address().to_string(), HostSource::Daemon(client)),
            Err(error) => (String::new(), HostSource::Unusable(error)),
        };
        hosts.push(HostState::new(host.name, address, host.labels));
        sources.push(source);
    }
    begin(hosts, sources, start, clock).await
}

/// Shows a scripted fleet, without any daemon.
///
/// # Errors
/// When the terminal can't be used.
pub async fn run_demo(start: LaunchOptions, clock: Clock) -> io::Result<String> {
    let (hosts, sources) = demo::fleet(&clock)
        .into_iter()
        .map(|(host, source)| (host, HostSource::Demo(source)))
        .unzip();
    begin(hosts, sources, start, clock).await
}

async fn begin(
    hosts: Vec<HostState>,
    sources: Vec<HostSource>,
    start: LaunchOptions,
    clock: Clock,
) -> io::Result<String> {
    let first = start.first.as_ref();
    let first = first.and_then(|name| hosts.iter().position(|host| host.name == *name));
    let mut app = App::new(hosts, start.settings, (80, 24));
    if let Some(state) = &start.state {
        app.recall(state);
    }
    if let Some(first) = first {
        app.open_host(first);
    }
    let app = run::run(app, sources, clock, start.mouse).await?;
    Ok(app.remember())
}
