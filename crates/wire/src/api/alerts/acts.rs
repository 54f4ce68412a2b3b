//! What rules with `restart` had done.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of an automatic restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertActResult {
    /// The unit was restarted.
    Done,
    /// Restarting it failed.
    Failed,
    /// It was not begun: the host does not allow it. It does not count.
    Refused,
    /// The result was lost.
    Unknown,
}

impl AlertActResult {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Refused, Self::Unknown];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// A unit that was to be restarted because a rule fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "5d0c7e1a-93b4-4c39-8f6d-2b7a5e0c1f88",
    "time": "2026-11-23T06:57:01Z",
    "rule": "web_failed",
    "alert_id": "2b1f0c9a-7d3e-8a41-9c55-0e6f4b7a8d12",
    "unit": "nginx.service",
    "result": "done",
    "text": "restarted nginx.service: running again"
}))]
pub struct AlertAct {
    /// By which id the executor's log and the audit log know it.
    #[schema(format = Uuid)]
    pub id: String,
    /// When it was decided.
    #[schema(format = DateTime)]
    pub time: String,
    /// The rule.
    pub rule: String,
    /// The alert, see [`Alert::id`](super::Alert::id).
    #[schema(format = Uuid)]
    pub alert_id: String,
    /// The unit: any characters but line breaks.
    pub unit: String,
    /// What became of it; null while it is not known.
    pub result: Option<AlertActResult>,
    /// The same for people: any characters but line breaks.
    pub text: String,
}

/// The brake of automatic restarts on a host: three in an hour are the most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "host_id": "3f2a9c0d1e4b5a69",
    "host": "web-01",
    "gave_up_at": "2026-11-23T07:07:10Z",
    "text": "3 restarts in an hour did not help: nginx.service",
    "acts": []
}))]
pub struct AlertBrake {
    /// The id of the host.
    pub host_id: String,
    /// The name of the host; its id when the host is not known any more.
    pub host: String,
    /// Since when nothing is restarted any more; null while it is.
    #[schema(format = DateTime)]
    pub gave_up_at: Option<String>,
    /// What did not help.
    pub text: Option<String>,
    /// The newest automatic restarts, the oldest first; 20 at most.
    pub acts: Vec<AlertAct>,
}
