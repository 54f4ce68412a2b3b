//! Probes on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::snapshot::FamilyStatus;
use super::snapshot::read::known_families;
use crate::snapshot::Family;

/// What the API is and where its documentation is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "message": "API is running. See /docs for documentation.",
    "version": "v1",
    "docs": "/docs"
}))]
pub struct Welcome {
    /// A greeting.
    pub message: String,
    /// Version of the API.
    pub version: String,
    /// Where its documentation is, unless switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// The process lives.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "alive"}))]
pub struct Liveness {
    /// Always `alive`.
    pub status: String,
}

/// Whether the daemon can do its work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "status": "ready",
    "checks": {
        "database": {"ok": true, "detail": "sqlite"},
        "migrations": {"ok": true, "detail": "revision 1"},
        "flusher": {"ok": true, "detail": "nothing waits"}
    }
}))]
pub struct Readiness {
    /// `ready` or `not ready`.
    pub status: String,
    /// Why it is not ready, as one stable word: `database_away`, `database_preparing`,
    /// `schema_too_new`, `schema_altered`, `migrations_pending`, `migration_failed`,
    /// `database_unusable`, `database_replaced`, `flusher_stuck` or `task_failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// One entry per part.
    pub checks: Checks,
    /// What is no failure and should be known: a configuration that was refused, keys that travel
    /// in the clear. Details are for clients on the same host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Whether the daemon keeps nothing: it has its database in memory, and everything ends with it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ephemeral: bool,
    /// When the history of such a daemon began; absent for one that keeps its history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub history_since: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// The parts that readiness depends on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    /// The database responds.
    pub database: Check,
    /// Its schema is what this program needs.
    pub migrations: Check,
    /// What waits to be written gets written.
    pub flusher: Check,
}

/// One part of the daemon.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Whether it works.
    pub ok: bool,
    /// What it is, or why it does not work.
    pub detail: String,
}

/// How the daemon's own work goes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "flush_worker": {
        "success_count": 120,
        "error_count": 0,
        "error_rate": 0.0,
        "consecutive_failures": 0,
        "last_error": null,
        "last_success": "2026-11-23T07:02:10.250Z",
        "last_attempt": "2026-11-23T07:02:10.240Z",
        "interval_seconds": 10.0,
        "requests": {"recorded": 1955, "recovered": 0, "stored": 1950, "dropped": 0, "queued": 5},
        "queue": {"buckets": 3, "bytes": 8192, "samples": 0, "dropped_samples": 0}
    },
    "sampler": {
        "last_reading": "2026-11-23T07:02:09.730Z",
        "dropped_minutes": 0,
        "left_out_series": 0,
        "families": {"cpu": {"age_ms": 520, "error": null}}
    },
    "acts": {
        "executor": "0.2.0",
        "reason": null,
        "policy_in_force": true,
        "policy_automatic": false,
        "policy_problem": null,
        "log_problem": null,
        "log_verified": "2026-11-23T03:10:00.000Z",
        "log_lines": 84,
        "refused": 0
    }
}))]
pub struct MetricsHealth {
    /// The writing of measurements.
    pub flush_worker: FlushWorker,
    /// The reading of the host.
    pub sampler: SamplerHealth,
    /// What acts on the host.
    #[serde(default)]
    pub acts: ActsHealth,
}

/// What acts on the host, as last seen: once an hour, and when the state of acts is requested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ActsHealth {
    /// The release of the executor; null while there is none, which is the default.
    pub executor: Option<String>,
    /// Why there is none.
    pub reason: Option<String>,
    /// Whether the policy can be used; what it allows may be nothing.
    pub policy_in_force: bool,
    /// Whether it lets rules of alerts with `restart` restart units.
    pub policy_automatic: bool,
    /// The mistake in it that closes everything.
    pub policy_problem: Option<String>,
    /// Why the log of acts can't be written, so that there are none, or where its chain is broken.
    pub log_problem: Option<String>,
    /// When the log was last read through and found whole, which is done daily.
    #[schema(format = DateTime)]
    pub log_verified: Option<String>,
    /// The number of its last line.
    pub log_lines: Option<u64>,
    /// Requests that the executor has refused since it started.
    pub refused: u64,
}

/// The reading of the host.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SamplerHealth {
    /// When the host was last read.
    #[schema(format = DateTime)]
    pub last_reading: Option<String>,
    /// Minutes of the host's series that were dropped because they could not be stored.
    pub dropped_minutes: u64,
    /// Series of the newest reading that had no room in the history, because the host has more than
    /// are kept (1024).
    #[serde(default)]
    pub left_out_series: u64,
    /// Each part of the host, with the age of its newest value.
    #[serde(deserialize_with = "known_families")]
    pub families: BTreeMap<Family, FamilyStatus>,
}

/// The writing of measurements to the database.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FlushWorker {
    /// Attempts that succeeded.
    pub success_count: u64,
    /// Attempts that failed.
    pub error_count: u64,
    /// Failed attempts among all, 0 to 1.
    pub error_rate: f64,
    /// Attempts that failed since the last that succeeded.
    pub consecutive_failures: u64,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// When an attempt last succeeded.
    #[schema(format = DateTime)]
    pub last_success: Option<String>,
    /// When the last attempt began.
    #[schema(format = DateTime)]
    pub last_attempt: Option<String>,
    /// Time between two attempts while all is well, in seconds.
    pub interval_seconds: f64,
    /// Where each request went: recorded and recovered are stored, dropped and queued together.
    pub requests: RequestCounters,
    /// What waits in memory.
    pub queue: QueueState,
}

/// Where each request went.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RequestCounters {
    /// Counted since the start.
    pub recorded: u64,
    /// Read back from files that earlier starts left.
    pub recovered: u64,
    /// In the database.
    pub stored: u64,
    /// Given up because too many waited.
    pub dropped: u64,
    /// Waiting.
    pub queued: u64,
}

/// What waits in memory.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct QueueState {
    /// Buckets of requests that wait.
    pub buckets: u64,
    /// About how much memory they and the samples take.
    pub bytes: u64,
    /// Samples of the host that wait.
    pub samples: u64,
    /// Samples of the host that were given up because too many waited.
    pub dropped_samples: u64,
}

/// Whether the database can be used, and what it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "postgresql": {"ready": true, "migration_needed": false},
    "user_database": {"ready": true},
    "metric_database": {"ready": true},
    "engine": "postgresql",
    "version": "15.20",
    "timescaledb": "2.28.3",
    "timescale": {
        "used": true,
        "available_version": "2.28.3",
        "loaded": true,
        "hypertables": 6,
        "chunks": 45,
        "compressed_chunks": 30
    },
    "latency_seconds": 0.0007,
    "error": null,
    "schema": {"revision": 2, "known_revision": 2, "pending": 0},
    "pool": {"open": 3, "idle": 2, "max": 5}
}))]
pub struct DatabaseHealth {
    /// The database, by the name that older clients know; also when it is SQLite.
    pub postgresql: DatabaseReady,
    /// Users and keys.
    pub user_database: Ready,
    /// Measurements.
    pub metric_database: Ready,
    /// `sqlite` or `postgresql`.
    pub engine: String,
    /// Version of the engine, while it responds.
    pub version: Option<String>,
    /// Version of TimescaleDB, where it is installed in the database.
    pub timescaledb: Option<String>,
    /// Whether the database uses TimescaleDB, while it responds; absent for SQLite.
    pub timescale: Option<TimescaleHealth>,
    /// Its response time, in seconds.
    pub latency_seconds: Option<f64>,
    /// Why it can't be used.
    pub error: Option<String>,
    /// The schema, while the database responds.
    pub schema: Option<SchemaHealth>,
    /// Connections of this daemon.
    pub pool: PoolHealth,
}

/// What TimescaleDB is for the database.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TimescaleHealth {
    /// Whether the tables of requests are hypertables.
    pub used: bool,
    /// Version that the server could install.
    pub available_version: Option<String>,
    /// Whether the server has loaded its library.
    pub loaded: bool,
    /// How many tables are hypertables.
    pub hypertables: i64,
    /// Their chunks.
    pub chunks: i64,
    /// Those of them that are compressed.
    pub compressed_chunks: i64,
}

/// Whether the database responds and has the right schema.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatabaseReady {
    /// It responds.
    pub ready: bool,
    /// Its schema is older than this program's.
    pub migration_needed: bool,
}

/// Whether a part of the database can be used.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    /// It can.
    pub ready: bool,
}

/// Revisions of the schema.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SchemaHealth {
    /// That of the database.
    pub revision: i64,
    /// The newest that this program knows.
    pub known_revision: i64,
    /// How many migrations this program would apply.
    pub pending: usize,
}

/// Connections to the database.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PoolHealth {
    /// Open.
    pub open: u32,
    /// Open and not in use.
    pub idle: usize,
    /// The most that may be open.
    pub max: u32,
}
