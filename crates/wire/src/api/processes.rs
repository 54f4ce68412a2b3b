//! Processes on the wire.

mod column;
mod cursor;
mod selection;
mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::filter::FilterRow;
use crate::process::{ProcessDetails, ProcessStatus, ResourceLimit, Unavailable};

pub use column::{Column, Fields, Order, ParseColumnError, ParseOrderError};
pub use cursor::{ParseProcessCursorError, ProcessCursor};
pub use selection::{SelectedRows, Selection};
pub use value::SelectedProcess;

/// A process. Only the requested fields are present.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "pid": 4312, "ppid": 1, "name": "nginx", "command": "nginx: worker process", "uid": 33,
    "user": "www-data", "state": "sleeping", "cpu_percent": 2.5, "cpu_seconds": 81.4,
    "memory_bytes": 9_412_608, "memory_percent": 0.23, "virtual_bytes": 57_368_576, "shared_bytes": 6_291_456,
    "threads": 1,
    "priority": 20, "nice": 0, "tty": null, "start_time": "2026-11-23T07:02:00.120Z", "start_ticks": 81_234,
    "cgroup": "/system.slice/nginx.service", "unit": "nginx.service", "container": null,
    "read_bytes": null, "written_bytes": null, "read_bytes_per_second": null,
    "written_bytes_per_second": null,
    "unavailable": {
        "read_bytes": "permission_denied", "written_bytes": "permission_denied",
        "read_bytes_per_second": "permission_denied",
        "written_bytes_per_second": "permission_denied"
    }
}))]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Number of its parent; 0 when it has none.
    pub ppid: u32,
    /// Its name, as the process itself set it: any characters.
    pub name: String,
    /// Its arguments with spaces between them, at most 4 KiB: any characters. Empty for kernel
    /// threads and zombies.
    pub command: String,
    /// Number of the account that it runs as.
    pub uid: Option<u32>,
    /// Name of that account; null when it has none, or while a directory service is still being queried.
    pub user: Option<String>,
    /// `running`, `sleeping`, `idle`, `disk-sleep`, `stopped`, `zombie` and rarer ones.
    pub state: String,
    /// CPU time since the scan before, in percent of one CPU.
    pub cpu_percent: Option<f64>,
    /// CPU time since it started, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Resident memory in percent of the machine's.
    pub memory_percent: Option<f64>,
    /// Virtual memory in bytes.
    pub virtual_bytes: u64,
    /// Resident memory in bytes that files and other processes share, as it was at most 30 seconds before.
    pub shared_bytes: Option<u64>,
    /// Number of threads.
    pub threads: u64,
    /// Priority as the kernel schedules it: 0 to 39 for ordinary processes, -2 to -100 for real-time ones. Null
    /// from daemons that do not know it.
    pub priority: Option<i32>,
    /// Nice value, -20 to 19.
    pub nice: i32,
    /// Its terminal.
    pub tty: Option<String>,
    /// When it started.
    #[schema(format = DateTime)]
    pub start_time: String,
    /// The same in ticks of the kernel since the boot. With `pid` it names the process: the number of one that
    /// has ended is given to another.
    pub start_ticks: u64,
    /// Path of its control group.
    pub cgroup: Option<String>,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// Id or name of its container.
    pub container: Option<String>,
    /// Bytes read from disks since it started.
    pub read_bytes: Option<u64>,
    /// Bytes written to disks since it started.
    pub written_bytes: Option<u64>,
    /// Bytes read a second since the scan before.
    pub read_bytes_per_second: Option<f64>,
    /// Bytes written a second since the scan before.
    pub written_bytes_per_second: Option<f64>,
    /// Why fields are null: `permission_denied`, `not_supported` by the kernel, or `first_scan`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<String, String>,
}

impl Process {
    /// What a filter sees of it. Fields that were not requested count as absent.
    #[must_use]
    pub fn filter_row(&self) -> FilterRow<'_> {
        FilterRow {
            pid: self.pid,
            ppid: self.ppid,
            name: &self.name,
            command: &self.command,
            user: self.user.as_deref().unwrap_or_default(),
            uid: self.uid,
            state: ProcessStatus::named(&self.state),
            cpu_percent: self.cpu_percent,
            memory_bytes: self.memory_bytes,
            memory_percent: self.memory_percent,
            threads: self.threads,
            unit: self.unit.as_deref().unwrap_or_default(),
            cgroup: self.cgroup.as_deref().unwrap_or_default(),
            container: self.container.as_deref().unwrap_or_default(),
        }
    }
}

/// A page of processes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "time": "2026-11-23T07:02:00.120Z",
    "scan_ms": 3.1,
    "interval_seconds": 2.004,
    "total": 214,
    "items": [
        {"pid": 4312, "name": "java", "cpu_percent": 151.2},
        {"pid": 812, "name": "postgres", "cpu_percent": 12.5}
    ],
    "next_cursor": "cDE6Y3B1X3BlcmNlbnQ6ZGVzYzo4MTI6bjQwMjkwMDAwMDAwMDAwMDA"
}))]
pub struct ProcessList<T = Process> {
    /// When the processes were scanned.
    #[schema(format = DateTime)]
    pub time: String,
    /// How long the scan took, in milliseconds.
    pub scan_ms: f64,
    /// Time since the scan before, of which rates are means; null in the first one.
    pub interval_seconds: Option<f64>,
    /// How many processes the filter picks, on all pages.
    pub total: usize,
    /// The processes of this page.
    pub items: Vec<T>,
    /// Leads to the next page when given as `cursor`; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// All that can be read of one process.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "pid": 4312, "ppid": 1, "name": "nginx", "command": "nginx: worker process", "uid": 33,
    "user": "www-data", "state": "sleeping", "cpu_percent": 2.5, "cpu_seconds": 81.4,
    "memory_bytes": 9_412_608, "memory_percent": 0.23, "virtual_bytes": 57_368_576, "shared_bytes": 6_291_456,
    "threads": 1,
    "priority": 20, "nice": 0, "tty": null, "start_time": "2026-11-23T07:02:00.120Z", "start_ticks": 81_234,
    "cgroup": "/system.slice/nginx.service", "unit": "nginx.service", "container": null,
    "read_bytes": 4096, "written_bytes": 0, "read_bytes_per_second": 0.0,
    "written_bytes_per_second": 0.0,
    "arguments": ["nginx: worker process"],
    "open_files": null,
    "limits": [{"name": "Max open files", "soft": 1024, "hard": 1_048_576, "unit": "files"}],
    "unavailable": {"open_files": "permission_denied"}
}))]
pub struct ProcessDetail {
    /// What the list has.
    #[serde(flatten)]
    pub process: Process,
    /// Its arguments, 128 KiB at most.
    pub arguments: Vec<String>,
    /// How many files it has open.
    pub open_files: Option<u64>,
    /// What it may use at most.
    pub limits: Option<Vec<Limit>>,
}

/// How much of something a process may use.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Max open files", "soft": 1024, "hard": 1_048_576, "unit": "files"
}))]
pub struct Limit {
    /// In the kernel's words.
    pub name: String,
    /// The limit in force; null when there is none.
    pub soft: Option<u64>,
    /// How far the process may raise it; null when it may without end.
    pub hard: Option<u64>,
    /// Of what; null for plain numbers.
    pub unit: Option<String>,
}

impl From<ProcessDetails> for ProcessDetail {
    fn from(details: ProcessDetails) -> Self {
        let mut process = Process::new(&details.process, details.memory_total_bytes);
        let mut explain = |field: &str, reason: Unavailable| {
            let reason = reason.as_str().to_owned();
            process.unavailable.insert(field.to_owned(), reason);
        };
        let open_files = details.open_files;
        let open_files = open_files
            .map_err(|reason| explain("open_files", reason))
            .ok();
        let limits = details.limits;
        let limits = limits.map_err(|reason| explain("limits", reason)).ok();
        Self {
            process,
            arguments: details.arguments,
            open_files,
            limits: limits.map(|limits| limits.into_iter().map(Limit::from).collect()),
        }
    }
}

impl From<ResourceLimit> for Limit {
    fn from(limit: ResourceLimit) -> Self {
        Self {
            name: limit.name,
            soft: limit.soft,
            hard: limit.hard,
            unit: limit.unit,
        }
    }
}

#[cfg(test)]
mod tests;
