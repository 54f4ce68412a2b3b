//! Units of systemd on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A unit in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "nginx.service", "description": "A high performance web server", "load": "loaded",
    "active": "active", "sub": "running", "enabled": "enabled", "job": null
}))]
pub struct UnitSummary {
    /// Its name.
    pub name: String,
    /// What its file says it is: any characters, 1000 at most. Empty for a unit that is not loaded.
    pub description: String,
    /// Whether its file could be read: `loaded`, `not-found`, `masked`, `bad-setting`, `error`; null for a unit
    /// that has a file and is not loaded.
    pub load: Option<String>,
    /// Its state: `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`; null when it is not
    /// loaded.
    pub active: Option<String>,
    /// Its detailed state, such as `running`, `exited`, `dead`, `waiting`, `auto-restart`.
    pub sub: Option<String>,
    /// Whether it starts with the system: `enabled`, `disabled`, `static`, `masked`, `indirect` and rarer ones;
    /// null for a unit without a file.
    pub enabled: Option<String>,
    /// The job that is queued or running for it, such as `start`.
    pub job: Option<String>,
}

/// Units of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "time": "2026-11-23T07:02:10Z", "total": 1, "failed": 1, "next_cursor": null,
    "items": [{
        "name": "nginx.service", "description": "A high performance web server", "load": "loaded",
        "active": "active", "sub": "running", "enabled": "enabled", "job": null
    }]
}))]
pub struct UnitList {
    /// When systemd was polled.
    #[schema(format = DateTime)]
    pub time: String,
    /// How many match, on all pages.
    pub total: usize,
    /// How many units of the host have failed, selected or not.
    pub failed: usize,
    /// Those of this page, by name.
    pub items: Vec<UnitSummary>,
    /// Names the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// A unit with what systemd knows of it. Members that do not apply to its type are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "nginx.service", "aliases": ["nginx.service"], "description": "A high performance web server",
    "load": "loaded", "active": "active", "sub": "running", "enabled": "enabled",
    "fragment_path": "/usr/lib/systemd/system/nginx.service", "active_since": "2026-11-23T06:40:11Z",
    "state_since": "2026-11-23T06:40:11Z", "result": "success", "main_pid": 4711, "exit_code": null,
    "exit_signal": null, "restarts": 0, "status_text": null, "memory_bytes": 12_582_912_u64,
    "cpu_seconds": 3.25, "tasks": 5, "memory_max_bytes": 536_870_912_u64, "memory_high_bytes": null,
    "cpu_quota_percent": 50.0, "io_weight": null, "tasks_max": 4_915, "triggers": [], "triggered_by": [],
    "last_trigger": null, "next_trigger": null,
    "log": [{"time": "2026-11-23T06:40:11.123456Z", "priority": 6, "message": "Started nginx.service"}]
}))]
pub struct UnitDetail {
    /// Its canonical name.
    pub name: String,
    /// All of its names.
    pub aliases: Vec<String>,
    /// What its file says it is: any characters.
    pub description: String,
    /// Whether its file could be read, see [`UnitSummary::load`].
    pub load: String,
    /// Its state, see [`UnitSummary::active`].
    pub active: String,
    /// Its detailed state.
    pub sub: String,
    /// Whether it starts with the system, see [`UnitSummary::enabled`].
    pub enabled: Option<String>,
    /// The file that defines it.
    pub fragment_path: Option<String>,
    /// When it last became active.
    #[schema(format = DateTime)]
    pub active_since: Option<String>,
    /// When its state last changed.
    #[schema(format = DateTime)]
    pub state_since: Option<String>,
    /// The result of a service, such as `success`, `exit-code`, `signal`, `oom-kill`, `start-limit-hit`.
    pub result: Option<String>,
    /// The number of its main process.
    pub main_pid: Option<u32>,
    /// The exit code of the main process that ended last.
    pub exit_code: Option<i32>,
    /// The number of the signal that ended it.
    pub exit_signal: Option<i32>,
    /// How often systemd restarted it by itself.
    pub restarts: Option<u32>,
    /// What it last reported to systemd of itself: any characters.
    pub status_text: Option<String>,
    /// Memory of its control group in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time of its control group in seconds.
    pub cpu_seconds: Option<f64>,
    /// Tasks of its control group.
    pub tasks: Option<u64>,
    /// `MemoryMax=` in bytes; null for none.
    pub memory_max_bytes: Option<u64>,
    /// `MemoryHigh=` in bytes; null for none.
    pub memory_high_bytes: Option<u64>,
    /// `CPUQuota=` in percent of one processor; null for none.
    pub cpu_quota_percent: Option<f64>,
    /// `IOWeight=`; null for the default.
    pub io_weight: Option<u64>,
    /// `TasksMax=`; null for none.
    pub tasks_max: Option<u64>,
    /// Of a timer or socket: the unit that it starts.
    pub triggers: Vec<String>,
    /// Timers and sockets that start it.
    pub triggered_by: Vec<String>,
    /// Of a timer: when it last ran.
    #[schema(format = DateTime)]
    pub last_trigger: Option<String>,
    /// Of a timer: when it runs next.
    #[schema(format = DateTime)]
    pub next_trigger: Option<String>,
    /// Its last log lines, oldest first; null without the scope `logs:read`, and where the journal can't be
    /// read.
    pub log: Option<Vec<UnitLogLine>>,
}

/// A line of a unit's log, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitLogLine {
    /// When it was written.
    #[schema(format = DateTime)]
    pub time: String,
    /// 0 (emergency) to 7 (debug); null when the journal has none.
    pub priority: Option<u8>,
    /// The text: any characters.
    pub message: String,
}
