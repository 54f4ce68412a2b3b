//! Probes on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// One entry per part.
    pub checks: Checks,
}

/// The parts that readiness depends on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    /// The database answers.
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
