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
mod attention;
pub mod change;
pub mod demo;
pub mod display;
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
mod trail;
mod widgets;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use app::{App, DashboardSettings};
use change::NewRemote;
use feed::HostSource;
use host::HostState;
use run::RunOptions;

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
    /// How remotes are added.
    pub add_remote: RemoteAdder,
}

type AddRemote = Arc<dyn Fn(&NewRemote) -> Result<HostTarget, String> + Send + Sync>;

/// Adds a remote to the list of the user; by default nothing can be added.
#[derive(Clone, Default)]
pub struct RemoteAdder(Option<AddRemote>);

impl std::fmt::Debug for RemoteAdder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RemoteAdder")
            .field(&self.0.is_some())
            .finish()
    }
}

impl RemoteAdder {
    /// Adds them like this: the error says why one can't be added.
    pub fn new(
        add: impl Fn(&NewRemote) -> Result<HostTarget, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(add)))
    }

    /// Adds one, and makes a host of it.
    fn add(&self, remote: &NewRemote) -> Result<(HostState, HostSource), String> {
        match &self.0 {
            Some(add) => add(remote).map(host_of),
            None => Err("no remote can be added here".to_owned()),
        }
    }
}

/// A host that is not polled yet.
fn host_of(host: HostTarget) -> (HostState, HostSource) {
    let client = host.target.and_then(|target| Client::new(&target));
    let (address, source) = match client {
        Ok(client) => (client.address().to_string(), HostSource::Daemon(client)),
        Err(error) => (String::new(), HostSource::Unusable(error)),
    };
    (HostState::new(host.name, address, host.labels), source)
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
    let (hosts, sources) = targets.into_iter().map(host_of).unzip();
    Box::pin(begin(hosts, sources, start, clock)).await
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
    Box::pin(begin(hosts, sources, start, clock)).await
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
    let options = RunOptions {
        mouse: start.mouse,
        add_remote: start.add_remote,
    };
    let app = run::run(app, sources, clock, options).await?;
    Ok(app.remember())
}
