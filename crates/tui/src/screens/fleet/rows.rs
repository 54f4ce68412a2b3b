//! The rows of the fleet: remotes, and hosts that only a database knows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::query::HostTrail;
use crate::app::App;
use crate::freshness::Freshness;
use crate::host::HostState;
use linux_api_wire::api::alerts::AlertSeverity;
use linux_api_wire::api::fleet::FleetHost;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::fleet::{LATE_FOR, UP_FOR};
use linux_api_wire::snapshot::{Filesystem, Network};
use linux_api_wire::time::Timestamp;
use linux_api_wire::units;

/// After this time without a list nothing is known of the hosts that only it has.
const LISTED_FOR: Duration = Duration::from_mins(1);

/// What distinguishes a row from all others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum FleetId {
    /// A remote, by its place.
    Remote(usize),
    /// A host of a database that is no remote, by its id.
    Stored(Arc<str>),
}

impl PartialEq<&Self> for FleetId {
    fn eq(&self, other: &&Self) -> bool {
        self == *other
    }
}

impl From<&Self> for FleetId {
    fn from(other: &Self) -> Self {
        other.clone()
    }
}

/// How a host is.
#[derive(Debug, Clone)]
pub(super) enum RowState<'a> {
    /// A remote: how new what it says is.
    Remote(Freshness<'a>),
    /// It writes to its database.
    Up,
    /// It wrote so long ago, which is longer than it should be.
    Late(Duration),
    /// It wrote so long ago that it does not live.
    Down(Duration),
    /// The daemon that listed it does not respond.
    Unlisted,
}

/// The newest figures of a host.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures<'a> {
    pub(super) cpu: Option<f64>,
    /// Used and all of the memory, in bytes.
    pub(super) memory: Option<(u64, u64)>,
    /// How full the fullest filesystem is in percent.
    pub(super) disk: Option<f64>,
    pub(super) mount: Option<&'a str>,
    pub(super) load: Option<f64>,
    pub(super) pressure: Option<f64>,
    pub(super) failed: Option<u64>,
    pub(super) uptime: Option<u64>,
    /// Bytes a second in both directions.
    pub(super) network: Option<f64>,
    /// Whether something can't be read that should be.
    pub(super) is_stuck: bool,
}

/// How many alerts of a host fire that no one has seen, silenced or explained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct HostAlerts {
    pub(super) critical: u64,
    pub(super) warning: u64,
}

impl HostAlerts {
    /// The more, the worse; one that is critical is worse than any number of warnings.
    pub(super) const fn weight(self) -> u64 {
        self.critical
            .saturating_mul(1 << 32)
            .saturating_add(self.warning)
    }
}

/// One host.
#[derive(Debug)]
pub(super) struct FleetRow<'a> {
    pub(super) id: FleetId,
    pub(super) name: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) remote: Option<&'a HostState>,
    pub(super) stored: Option<&'a FleetHost>,
    pub(super) trail: Option<&'a HostTrail>,
    pub(super) figures: Figures<'a>,
    /// Nothing where that is not known.
    pub(super) alerts: Option<HostAlerts>,
    pub(super) state: RowState<'a>,
    /// What its clock shows.
    pub(super) now: Timestamp,
}

/// A host of a list, and the remote that it came from.
#[derive(Clone, Copy)]
struct Listed<'a> {
    host: &'a FleetHost,
    by: &'a HostState,
}

impl<'a> FleetRow<'a> {
    /// All hosts, each once: remotes, then those that are none.
    pub(super) fn all(app: &'a App) -> Vec<Self> {
        let mut listed: HashMap<&str, Listed<'a>> = HashMap::new();
        let mut order = Vec::new();
        let mut trails: HashMap<&str, &HostTrail> = HashMap::new();
        let reporters = &app.screens.fleet.reporters;
        let is_reporter = |place: usize| reporters.get(place).copied().unwrap_or(false);
        // What is read of one that responds goes before what another one said once.
        let (first, rest): (Vec<_>, Vec<_>) = app
            .hosts
            .iter()
            .enumerate()
            .partition(|(place, _)| is_reporter(*place));
        for (_, by) in first.into_iter().chain(rest) {
            for host in by.responses.fleet.value().into_iter().flatten() {
                listed.entry(host.id.as_str()).or_insert_with(|| {
                    order.push(host.id.as_str());
                    Listed { host, by }
                });
            }
            for (id, trail) in by.responses.fleet_trail.value().into_iter().flatten() {
                trails.entry(id.as_str()).or_insert(trail);
            }
        }
        let alerts = alerts_by_host(app, &listed);
        let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
        for id in &order {
            by_name.entry(&listed[id].host.name).or_default().push(id);
        }
        let mut taken: HashSet<&str> = HashSet::new();
        let mut rows = Vec::with_capacity(app.hosts.len() + order.len());
        for (place, host) in app.hosts.iter().enumerate() {
            let snapshot = host.responses.snapshot.value();
            let own = snapshot.and_then(|snapshot| snapshot.host_id.as_deref());
            // One that never responded, or is too old to say, is taken for the only host of its name.
            let named = || match by_name.get(host.name.as_str())?[..] {
                [one] => Some(one),
                _ => None,
            };
            let id = own.or_else(named);
            taken.extend(id);
            let stored = id.and_then(|id| listed.get(id)).map(|it| it.host);
            let trail = id.and_then(|id| trails.get(id).copied());
            let mut row = Self::remote(app, place, host, stored, trail);
            row.alerts = id.and_then(|id| alerts.get(id).copied());
            rows.push(row);
        }
        let others = order.iter().filter(|id| !taken.contains(**id));
        rows.extend(others.map(|id| Self {
            alerts: alerts.get(id).copied(),
            ..Self::stored(app, listed[id], trails.get(id).copied())
        }));
        rows
    }

    fn remote(
        app: &'a App,
        place: usize,
        host: &'a HostState,
        stored: Option<&'a FleetHost>,
        trail: Option<&'a HostTrail>,
    ) -> Self {
        let snapshot = host.responses.snapshot.value();
        let interface = trail.and_then(|trail| trail.interface.as_deref());
        let read = snapshot.map(|snapshot| Figures::of_snapshot(snapshot, interface));
        let kept = || stored.map(|stored| Figures::of_stored(stored, trail));
        Self {
            id: FleetId::Remote(place),
            name: &host.name,
            labels: &host.labels,
            remote: Some(host),
            stored,
            trail,
            figures: read.or_else(kept).unwrap_or_default(),
            alerts: None,
            state: RowState::Remote(app.freshness_of(host)),
            now: app.time_of(host),
        }
    }

    fn stored(app: &'a App, listed: Listed<'a>, trail: Option<&'a HostTrail>) -> Self {
        let Listed { host, by } = listed;
        let age = by.responses.fleet.age(app.now).unwrap_or_default();
        let seen = Duration::from_secs(host.age_seconds).saturating_add(age);
        let state = match seen {
            _ if age > LISTED_FOR => RowState::Unlisted,
            seen if seen > LATE_FOR => RowState::Down(seen),
            seen if seen > UP_FOR => RowState::Late(seen),
            _ => RowState::Up,
        };
        Self {
            id: FleetId::Stored(host.id.as_str().into()),
            name: &host.name,
            labels: &host.labels,
            remote: None,
            stored: Some(host),
            trail,
            figures: Figures::of_stored(host, trail),
            alerts: None,
            state,
            now: app.time_of(by),
        }
    }

    /// Whether what it shows is of another time than now.
    pub(super) fn is_old(&self) -> bool {
        match &self.state {
            RowState::Remote(freshness) => freshness.is_old(),
            RowState::Up => false,
            RowState::Late(_) | RowState::Down(_) | RowState::Unlisted => true,
        }
    }

    /// Whether the host does not respond or does not live.
    pub(super) fn is_down(&self) -> bool {
        let failed = matches!(&self.state, RowState::Remote(Freshness::Failed { .. }));
        failed || matches!(self.state, RowState::Down(_))
    }

    /// Whether that is not known yet, or it is late.
    pub(super) fn is_late(&self) -> bool {
        let waits =
            |state: &Freshness<'_>| matches!(state, Freshness::Connecting(_) | Freshness::Late(_));
        match &self.state {
            RowState::Remote(freshness) => waits(freshness),
            RowState::Late(_) | RowState::Unlisted => true,
            RowState::Up | RowState::Down(_) => false,
        }
    }

    /// Whether nothing is known of it yet, or not any more.
    pub(super) fn is_unknown(&self) -> bool {
        let connects = matches!(&self.state, RowState::Remote(Freshness::Connecting(_)));
        connects || matches!(self.state, RowState::Unlisted)
    }

    /// What needs a hand first comes first. Hosts that are alike stay in the order of their names, however
    /// their figures change.
    pub(super) fn rank(&self) -> u64 {
        let strain = self.figures.strain();
        let alerts = self.alerts.unwrap_or_default();
        match () {
            () if self.is_down() => 0,
            () if self.is_late() => 1,
            () if alerts.critical > 0 || strain >= 90.0 || self.figures.is_stuck => 2,
            () if alerts.warning > 0 => 3,
            () if self.figures.failed.is_some_and(|failed| failed > 0) => 3,
            () if strain >= 70.0 => 4,
            () => 5,
        }
    }

    /// Whether it needs attention.
    pub(super) fn has_trouble(&self) -> bool {
        let refuses = |host: &HostState| host.has_trouble();
        self.rank() < 4 || self.remote.is_some_and(refuses)
    }

    /// Part of the memory that is in use, in percent.
    pub(super) fn memory(&self) -> Option<f64> {
        let (used, total) = self.figures.memory?;
        units::share(used, total)
    }
}

/// The alerts of all hosts whose daemons list them, by the ids of the hosts.
fn alerts_by_host<'a>(
    app: &'a App,
    listed: &HashMap<&'a str, Listed<'a>>,
) -> HashMap<&'a str, HostAlerts> {
    let mut counts: HashMap<&str, HostAlerts> = HashMap::new();
    // A host of a database whose alerts are known has none unless one is listed. What was listed long ago says
    // nothing of now.
    let now = app.frozen.unwrap_or(app.now);
    let is_known = |by: &HostState| {
        let age = by.responses.alerts.age(now);
        age.is_some_and(|age| age <= LISTED_FOR) && !by.judges_nothing()
    };
    let known = listed.iter().filter(|(_, it)| is_known(it.by));
    counts.extend(known.map(|(id, _)| (*id, HostAlerts::default())));
    let mut seen: HashSet<&str> = HashSet::new();
    let lists = app.hosts.iter().filter(|host| is_known(host));
    let lists = lists.filter_map(|host| host.responses.alerts.value());
    for alert in lists.flat_map(|list| &list.items) {
        // Two remotes may list the same database.
        if !alert.needs_attention() || !seen.insert(&alert.id) {
            continue;
        }
        let count = counts.entry(alert.host_id.as_str()).or_default();
        match alert.severity {
            Some(AlertSeverity::Critical) => count.critical += 1,
            Some(AlertSeverity::Warning) => count.warning += 1,
            None => {}
        }
    }
    counts
}

impl<'a> Figures<'a> {
    fn of_snapshot(snapshot: &'a Snapshot, interface: Option<&str>) -> Self {
        let filesystems = snapshot.filesystems.as_deref().unwrap_or_default();
        let full = |one: &'a Filesystem| Some((one.strain()?, one.mount_point.as_str()));
        let fullest = filesystems.iter().filter_map(full);
        let fullest = fullest.max_by(|one, other| one.0.total_cmp(&other.0));
        let memory = snapshot.memory.as_ref();
        let pressure = snapshot.pressure.as_ref();
        let pressure = pressure.map(|all| [all.cpu, all.memory, all.io]);
        let waits = pressure.into_iter().flatten().flatten();
        let networks = snapshot.networks.as_deref();
        Self {
            cpu: snapshot.cpu.as_ref().map(|cpu| cpu.usage_percent),
            memory: memory.map(|memory| (memory.used_bytes, memory.total_bytes)),
            disk: fullest.map(|(share, _)| share),
            mount: fullest.map(|(_, mount)| mount),
            load: snapshot.load.as_ref().map(|load| load.one),
            pressure: waits.map(|it| it.some.avg10).max_by(f64::total_cmp),
            failed: snapshot.units.as_ref().map(|units| units.failed),
            uptime: snapshot.uptime_seconds,
            network: networks.and_then(|all| busiest(all, interface)),
            is_stuck: filesystems.iter().any(|one| one.stale),
        }
    }

    fn of_stored(host: &'a FleetHost, trail: Option<&HostTrail>) -> Self {
        let network = trail.and_then(|trail| trail.network.points.last());
        let network = network.map(|point| point[1]);
        if let Some(facts) = &host.facts {
            return Self {
                cpu: facts.cpu_usage_percent,
                memory: facts.memory_used_bytes.zip(facts.memory_total_bytes),
                disk: facts.disk_used_percent,
                mount: facts.disk_mount_point.as_deref(),
                load: facts.load_one,
                failed: host.failed_units,
                uptime: facts.uptime_seconds,
                network,
                ..Self::default()
            };
        }
        let Some(sample) = &host.sample else {
            return Self::default();
        };
        Self {
            cpu: sample.cpu_usage_percent,
            memory: sample.memory_used_bytes.zip(sample.memory_total_bytes),
            disk: sample.disk_used_percent,
            mount: sample.disk_mount_point.as_deref(),
            load: sample.load_one,
            uptime: sample.uptime_seconds,
            network,
            ..Self::default()
        }
    }

    /// The figure that is nearest to its end, in percent.
    fn strain(&self) -> f64 {
        let memory = self
            .memory
            .and_then(|(used, total)| units::share(used, total));
        let shares = [self.cpu, memory, self.disk].into_iter().flatten();
        shares.fold(0.0, f64::max)
    }
}

/// What passes this interface in both directions, or where it is not there the one with most.
fn busiest(networks: &[Network], interface: Option<&str>) -> Option<f64> {
    let both = |one: &Network| one.received_bytes_per_second + one.sent_bytes_per_second;
    let named = networks
        .iter()
        .find(|one| Some(one.interface.as_str()) == interface);
    let others = networks.iter().filter(|one| one.interface != "lo");
    named
        .map(both)
        .or_else(|| others.map(both).max_by(f64::total_cmp))
}
