//! The database that the hosts of the demonstration share: it knows more of them than there are remotes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::script::MEMORY;
use super::{DOWN, DemoScript, NAMES};
use crate::query::{FleetTrails, HostTrail, TrailCurve};
use crate::screens::fleet::query::{SPAN, STEP};
use linux_api_wire::api::fleet::FleetHost;
use linux_api_wire::fleet::{HostFacts, HostState};
use linux_api_wire::time::Timestamp;

/// A host that is no remote.
struct StoredHost {
    name: &'static str,
    role: &'static str,
    environment: &'static str,
    /// How full its fullest filesystem is.
    disk: (f64, &'static str),
    failed: u64,
    /// Seconds since it last wrote to the database.
    age: u64,
}

const STORED: [StoredHost; 8] = [
    stored("web-03", "web", "prod", (41.0, "/"), 0, 4),
    stored("web-04", "web", "prod", (44.0, "/"), 0, 7),
    stored("db-02", "db", "prod", (78.0, "/var/lib/postgresql"), 0, 3),
    stored("mail-01", "mail", "prod", (62.0, "/var/mail"), 2, 6),
    stored("queue-01", "queue", "prod", (23.0, "/"), 0, 128),
    stored("stage-01", "web", "stage", (37.0, "/"), 0, 8),
    stored("backup-01", "backup", "prod", (91.0, "/backup"), 0, 5),
    stored("edge-02", "edge", "prod", (12.0, "/"), 0, 11_400),
];

const fn stored(
    name: &'static str,
    role: &'static str,
    environment: &'static str,
    disk: (f64, &'static str),
    failed: u64,
    age: u64,
) -> StoredHost {
    StoredHost {
        name,
        role,
        environment,
        disk,
        failed,
        age,
    }
}

/// The id of a host by its number.
pub(super) fn id(number: u32) -> String {
    format!("{:016x}", 0x3f2a_9c0d_1e4b_0000_u64 + u64::from(number))
}

/// The number of a host.
pub(super) fn number_of(name: &str) -> u32 {
    let mut all = all().into_iter();
    let found = all.find(|(_, host)| host.name == name);
    found.map_or(u32::MAX, |(number, _)| number)
}

/// All hosts with their numbers: remotes first.
fn all() -> Vec<(u32, StoredHost)> {
    let remotes = (0..).zip(NAMES).map(|(number, (name, role, environment))| {
        let disk = if number == 2 {
            (93.0, "/srv")
        } else {
            (41.0, "/srv")
        };
        let age = if name == DOWN { 2_460 } else { 4 };
        let failed = u64::from(number == 2);
        (number, stored(name, role, environment, disk, failed, age))
    });
    let first = u32::try_from(NAMES.len()).unwrap_or(0);
    remotes.chain((first..).zip(STORED)).collect()
}

/// How long ago a host that does not write any more was started.
const UPTIME: Duration = Duration::from_hours(330);

impl DemoScript {
    /// The hosts of the database.
    pub(crate) fn fleet(&self) -> Vec<FleetHost> {
        let hosts = all().into_iter();
        hosts
            .map(|(number, host)| self.stored_host(number, &host))
            .collect()
    }

    fn stored_host(&self, number: u32, host: &StoredHost) -> FleetHost {
        let seen = self.now().saturating_sub(Duration::from_secs(host.age));
        let then = Self::new(host.name, number, seen);
        let labels = [("role", host.role), ("env", host.environment)];
        let facts = HostFacts {
            cpu_usage_percent: Some(then.busy()),
            load_one: Some(then.busy() / 12.0),
            memory_used_bytes: Some(then.memory().used_bytes),
            memory_total_bytes: Some(MEMORY),
            uptime_seconds: Some(UPTIME.as_secs() + 86_400 * u64::from(number)),
            disk_used_percent: Some(host.disk.0),
            disk_mount_point: Some(host.disk.1.to_owned()),
            failed_units: Some(host.failed),
            ..HostFacts::default()
        };
        FleetHost {
            id: id(number),
            name: host.name.to_owned(),
            labels: labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance_id: id(number),
            first_seen: "2026-03-02T09:12:00Z".to_owned(),
            last_seen: seen.to_string(),
            age_seconds: host.age,
            state: HostState::of(seen, self.now()),
            alerts: None,
            failed_units: Some(host.failed),
            clock: None,
            clock_ahead_seconds: None,
            facts_time: Some(seen.to_string()),
            facts: Some(facts),
            sample_time: None,
            sample: None,
        }
    }

    /// What the hosts of the database did before a moment: the minutes that are over.
    pub(crate) fn trails(&self, until: Timestamp) -> FleetTrails {
        let mut trails = BTreeMap::new();
        for (number, host) in all() {
            let last = self.now().saturating_sub(Duration::from_secs(host.age));
            let mut trail = HostTrail {
                interface: Some("eth0".to_owned()),
                ..HostTrail::default()
            };
            let mut minute = until.saturating_sub(SPAN);
            let step = Duration::from_secs(STEP);
            while minute.saturating_add(step) <= last {
                let then = Self::new(host.name, number, minute);
                let mut add = |curve: fn(&mut HostTrail) -> &mut TrailCurve, value: f64| {
                    let curve = curve(&mut trail);
                    curve.step = STEP;
                    curve.points.push([seconds(minute), value, value]);
                };
                add(|trail| &mut trail.cpu, then.busy());
                add(|trail| &mut trail.memory, bytes(then.memory().used_bytes));
                add(|trail| &mut trail.network, then.traffic().iter().sum());
                minute = minute.saturating_add(step);
            }
            trails.insert(id(number), trail);
        }
        trails
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of a few thousand years"
)]
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_millis() as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "sixteen gibibytes")]
const fn bytes(value: u64) -> f64 {
    value as f64
}
