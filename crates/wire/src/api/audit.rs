//! The audit log on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::AuditRow;

/// One change that was made or refused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": 17,
    "time": "2026-11-23T07:02:00.250Z",
    "actor_id": "5bd3a1f0-0a6b-4c1f-9a3e-5c8f4e0c7d21",
    "actor": "admin",
    "via": "key:EXAMPLEkey01",
    "action": "user.activate",
    "target": "user:alice1",
    "result": "done",
    "detail": "",
    "address": "127.0.0.1",
    "request_id": "c0ffee12-1a"
}))]
pub struct AuditEntry {
    /// Grows with each row.
    pub id: i64,
    /// When it happened.
    #[schema(format = DateTime)]
    pub time: String,
    /// The user who did it, when there was one.
    #[schema(format = Uuid)]
    pub actor_id: Option<String>,
    /// That user's name at the time.
    pub actor: String,
    /// How the request came in: `key:ID`, `unix:UID`, `cli:UID`, `system` or `nobody`.
    pub via: String,
    /// What was done.
    pub action: String,
    /// On what.
    pub target: String,
    /// `done`, or `refused` when a rule forbade it. An act on a host has two rows: `begun` before it, and its
    /// outcome, which is `done`, `failed` or `refused`.
    pub result: String,
    /// What changed, or why it was refused.
    pub detail: String,
    /// The client's address, over the network.
    pub address: Option<String>,
    /// The request that did it, over HTTP.
    pub request_id: Option<String>,
    /// Of an act on a host: on which one.
    #[serde(default)]
    pub host_id: Option<String>,
    /// Of an act on a host: its id, which the executor's log has too.
    #[serde(default)]
    pub act_id: Option<String>,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            time: row.time.to_string(),
            actor_id: row.actor_id.map(|id| id.to_string()),
            actor: row.actor,
            via: row.via,
            action: row.action,
            target: row.target,
            result: row.result,
            detail: row.detail,
            address: row.address,
            request_id: row.request_id,
            host_id: row.host_id,
            act_id: row.act_id,
        }
    }
}
