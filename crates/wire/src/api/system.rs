//! The host on the wire, as the v1 routes show it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long the host has been up.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "days": 0, "hours": 0, "minutes": 16, "seconds": 27, "full_seconds": 987
}))]
pub struct Uptime {
    /// Whole days.
    pub days: u64,
    /// Whole hours beyond the days, 0 to 23.
    pub hours: u64,
    /// Whole minutes beyond the hours, 0 to 59.
    pub minutes: u64,
    /// Whole seconds beyond the minutes, 0 to 59.
    pub seconds: u64,
    /// All of it in seconds.
    pub full_seconds: u64,
}

/// A process in brief.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"pid": 1, "name": "systemd", "status": "sleeping"}))]
pub struct ListedProcess {
    /// Its number.
    pub pid: u32,
    /// Its name, as the process itself set it: any characters.
    pub name: String,
    /// `running`, `sleeping`, `idle`, `disk-sleep`, `stopped`, `zombie` and rarer ones.
    pub status: String,
}

/// What the host is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "system": "Linux",
    "node_name": "web-03",
    "release": "6.1.0-28-amd64",
    "version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)",
    "machine": "x86_64",
    "processor": "AMD EPYC 7543 32-Core Processor",
    "cpu_count": 2,
    "memory_total": 25_276_063_744_u64,
    "disk_total": 270_553_174_016_u64,
    "utc_offset_seconds": 3600
}))]
pub struct SystemInfo {
    /// Name of the operating system.
    pub system: String,
    /// Name of the host.
    pub node_name: String,
    /// Release of the kernel.
    pub release: String,
    /// Build of the kernel.
    pub version: String,
    /// Hardware architecture.
    pub machine: String,
    /// Model of the processor; empty when the kernel does not report it.
    pub processor: String,
    /// Logical processors.
    pub cpu_count: u32,
    /// Memory in bytes.
    pub memory_total: u64,
    /// Size of the root filesystem in bytes.
    pub disk_total: u64,
    /// How far the clock of the host's time zone is ahead of UTC now, in seconds; null where the daemon does
    /// not report it.
    #[serde(default)]
    pub utc_offset_seconds: Option<i32>,
}

/// A Linux account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its name.
    pub user_name: String,
    /// Its number.
    pub uid: u32,
    /// Number of its primary group.
    pub gid: u32,
    /// Its home directory.
    pub home_dir: String,
    /// Its login shell.
    pub shell: String,
}

/// A Linux account under the requested name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "root": {
        "user_name": "root", "uid": 0, "gid": 0, "home_dir": "/root", "shell": "/bin/bash"
    }
}))]
pub struct NamedAccount(pub BTreeMap<String, Account>);

/// One average.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Average {
    /// Over all minutes that are kept, at most a day: a load, or percent of all processors.
    pub average_load: f64,
}

/// Some values, one per minute.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LastLoads {
    /// Oldest first: loads, or fractions (0 to 1) of all processors.
    pub last_loads: Vec<f64>,
}

/// Average load of the system.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"system": {"average_load": 0.52}}))]
pub struct SystemAverage {
    /// The one-minute load average.
    pub system: Average,
}

/// Average use of the processors.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"cpu": {"average_load": 12.5}}))]
pub struct CpuAverage {
    /// In percent, 0 to 100.
    pub cpu: Average,
}

/// Both averages.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"system": {"average_load": 0.52}, "cpu": {"average_load": 12.5}}))]
pub struct LoadAverage {
    /// The one-minute load average.
    pub system: Average,
    /// In percent, 0 to 100.
    pub cpu: Average,
}

/// Loads of the system.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"system": {"last_loads": [2.73, 1.27, 0.46]}}))]
pub struct SystemValues {
    /// One-minute load averages.
    pub system: LastLoads,
}

/// Uses of the processors.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"cpu": {"last_loads": [0.443, 0.005, 0.015]}}))]
pub struct CpuValues {
    /// Fractions, 0 to 1 (the averages are in percent, as they always were).
    pub cpu: LastLoads,
}

/// Both lists of values.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "system": {"last_loads": [2.73, 1.27, 0.46]},
    "cpu": {"last_loads": [0.443, 0.005, 0.015]}
}))]
pub struct LoadValues {
    /// One-minute load averages.
    pub system: LastLoads,
    /// Fractions, 0 to 1 (the averages are in percent, as they always were).
    pub cpu: LastLoads,
}
