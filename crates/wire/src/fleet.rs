//! The daemons that share a database.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::time::Timestamp;

/// Which daemon writes to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostIdentity {
    /// The same for every start on the same host.
    pub id: Arc<str>,
    /// The host's name, for people.
    pub name: String,
    /// What the administrator wrote about it.
    pub labels: BTreeMap<String, String>,
    /// Version of the daemon.
    pub version: String,
}

/// A host as the database knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRow {
    /// The same for every start on the same host.
    pub id: String,
    /// The host's name, for people.
    pub name: String,
    /// What the administrator wrote about it.
    pub labels: BTreeMap<String, String>,
    /// Version of the daemon that wrote last.
    pub version: String,
    /// Which start of the daemon that was.
    pub instance_id: String,
    /// When it first wrote to this database.
    pub first_seen: Timestamp,
    /// When it last did.
    pub last_seen: Timestamp,
    /// When its newest reading was taken, when it has sent one.
    pub sample_time: Option<Timestamp>,
    /// That reading as JSON.
    pub sample: Option<String>,
}

/// One value per bucket of one thing that is measured on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostSample {
    /// Family dot field, `cpu.usage_percent`.
    pub name: String,
    /// Like `{mount_point="/"}`, or empty.
    pub labels: String,
    /// When the minute began.
    pub time: Timestamp,
    /// How many readings it holds.
    pub samples: u64,
    /// Their mean.
    pub mean: f64,
    /// The largest of them.
    pub max: f64,
}
