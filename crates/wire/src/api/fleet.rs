//! The hosts of one database on the wire.

mod list;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::processes::Order;
pub use list::{FigureLimit, HostCursor, HostSort, ParseFigureLimitError, ParseHostSortError};

use crate::fleet::{ClockFault, HostFacts, HostState};

/// A host whose daemon writes to this database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "3f2a9c0d1e4b5a69",
    "name": "web-1",
    "labels": {"role": "web"},
    "version": "0.2.0",
    "instance_id": "9b1c2d3e4f506172",
    "first_seen": "2026-11-01T00:00:00Z",
    "last_seen": "2026-11-23T07:02:10Z",
    "age_seconds": 4,
    "state": "up",
    "alerts": 3,
    "failed_units": 1,
    "clock": null,
    "clock_ahead_seconds": null,
    "facts_time": "2026-11-23T07:02:08Z",
    "facts": {
        "cpu_usage_percent": 12.5,
        "load_one": 0.52,
        "memory_used_bytes": 3_221_225_472_u64,
        "memory_total_bytes": 8_589_934_592_u64,
        "uptime_seconds": 86_400,
        "disk_used_percent": 71.5,
        "disk_mount_point": "/srv",
        "alerts": 3,
        "alerts_critical": 1,
        "alerts_warning": 2,
        "failed_units": 1,
        "updates": null,
        "reboot_required": null
    },
    "sample_time": "2026-11-23T07:02:08Z",
    "sample": {
        "cpu_usage_percent": 12.5,
        "load_one": 0.52,
        "memory_used_bytes": 3_221_225_472_u64,
        "memory_total_bytes": 8_589_934_592_u64,
        "uptime_seconds": 86_400,
        "disk_used_percent": 71.5,
        "disk_mount_point": "/srv"
    }
}))]
pub struct FleetHost {
    /// The same for every start on the same host.
    pub id: String,
    /// The host's name, for people.
    pub name: String,
    /// What the administrator wrote about it (`host.labels`).
    pub labels: BTreeMap<String, String>,
    /// Version of its daemon.
    pub version: String,
    /// Which start of its daemon wrote last.
    pub instance_id: String,
    /// When it first wrote to this database.
    #[schema(format = DateTime)]
    pub first_seen: String,
    /// When it last did; a daemon that lives writes at least every half minute or so.
    #[schema(format = DateTime)]
    pub last_seen: String,
    /// How long ago that was, in seconds; 0 when the host's clock is ahead.
    pub age_seconds: u64,
    /// Whether its daemon lives, by `last_seen`.
    #[serde(default)]
    pub state: HostState,
    /// How many alerts of it fire or clear; `null` from a daemon of an earlier version.
    #[serde(default)]
    pub alerts: Option<u64>,
    /// How many of its units have failed; `null` without systemd, or while it does not respond.
    #[serde(default)]
    pub failed_units: Option<u64>,
    /// How its clock is wrong, by more than 5 minutes; `null` when it is right as far as is known. `behind`
    /// is only found on PostgreSQL, which has a clock to compare with.
    #[serde(default)]
    pub clock: Option<ClockFault>,
    /// By how many seconds a wrong clock is ahead; negative when it is behind.
    #[serde(default)]
    pub clock_ahead_seconds: Option<i64>,
    /// When its newest figures were read, when it has sent any.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub facts_time: Option<String>,
    /// Those figures; a daemon that lives sends them every 10 seconds or so.
    #[serde(default)]
    pub facts: Option<HostFacts>,
    /// As `facts_time`, for clients of earlier versions.
    #[schema(format = DateTime)]
    pub sample_time: Option<String>,
    /// Some of `facts`, for clients of earlier versions.
    pub sample: Option<HostReading>,
}

/// The newest reading of a host, in short. What could not be read is `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "cpu_usage_percent": 12.5,
    "load_one": 0.52,
    "memory_used_bytes": 3_221_225_472_u64,
    "memory_total_bytes": 8_589_934_592_u64,
    "uptime_seconds": 86_400,
    "disk_used_percent": 71.5,
    "disk_mount_point": "/srv"
}))]
pub struct HostReading {
    /// Use of all processors together, 0 to 100.
    pub cpu_usage_percent: Option<f64>,
    /// Load average of one minute.
    pub load_one: Option<f64>,
    /// Memory in use.
    pub memory_used_bytes: Option<u64>,
    /// Memory that there is.
    pub memory_total_bytes: Option<u64>,
    /// How long the host has been up.
    pub uptime_seconds: Option<u64>,
    /// How full the fullest file system is that can be written, 0 to 100, as df(1) shows it.
    pub disk_used_percent: Option<f64>,
    /// Where that is mounted.
    pub disk_mount_point: Option<String>,
}

impl From<&HostFacts> for HostReading {
    fn from(facts: &HostFacts) -> Self {
        Self {
            cpu_usage_percent: facts.cpu_usage_percent,
            load_one: facts.load_one,
            memory_used_bytes: facts.memory_used_bytes,
            memory_total_bytes: facts.memory_total_bytes,
            uptime_seconds: facts.uptime_seconds,
            disk_used_percent: facts.disk_used_percent,
            disk_mount_point: facts.disk_mount_point.clone(),
        }
    }
}

impl From<HostReading> for HostFacts {
    fn from(reading: HostReading) -> Self {
        Self {
            cpu_usage_percent: reading.cpu_usage_percent,
            load_one: reading.load_one,
            memory_used_bytes: reading.memory_used_bytes,
            memory_total_bytes: reading.memory_total_bytes,
            uptime_seconds: reading.uptime_seconds,
            disk_used_percent: reading.disk_used_percent,
            disk_mount_point: reading.disk_mount_point,
            ..Self::default()
        }
    }
}

impl FleetHost {
    /// Its newest figures; of a daemon of an earlier version, those of its reading.
    #[must_use]
    pub fn newest(&self) -> HostFacts {
        let facts = self.facts.clone();
        let reading = || self.sample.clone().map(HostFacts::from);
        facts.or_else(reading).unwrap_or_default()
    }
}

/// A host that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "3f2a9c0d1e4b5a69",
    "name": "web-1",
    "last_seen": "2026-11-23T07:02:10Z"
}))]
pub struct ForgottenHost {
    /// Its id.
    pub id: String,
    /// The name that it had.
    pub name: String,
    /// When its daemon last wrote to this database.
    #[schema(format = DateTime)]
    pub last_seen: String,
}
