//! Previews on the wire: what a rule would have done over stored history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlertRuleDefinition, AlertSeverity};

/// Which rule to run over which history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({
    "definition": {"name": "busy", "series": "cpu.usage_percent", "warning": 90, "for": "10min"}, "days": 7
}))]
pub struct PreviewAlertRule {
    /// The name of a rule that there is: either this or `definition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// A rule that need not be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<AlertRuleDefinition>,
    /// Ids or names of hosts; all of them unless set, 50 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub host: Vec<String>,
    /// Only hosts with these labels, such as `env=prod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
    /// How many days until now, 1 to 31; 7 unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 31, default = 7)]
    pub days: Option<u32>,
}

/// A time in which an instance would have fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "host_id": "3f2a9c0d1e4b5a69", "host": "db-01", "labels": {}, "severity": "warning",
    "since": "2026-11-22T21:02:00Z", "fired_at": "2026-11-22T21:12:00Z", "resolved_at": "2026-11-22T22:40:00Z",
    "seconds": 5_280, "text": "96.1%"
}))]
pub struct AlertEpisode {
    /// The id of the host.
    pub host_id: String,
    /// The name of the host.
    pub host: String,
    /// Which instance, see `Alert`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The worst severity in it.
    pub severity: AlertSeverity,
    /// When the value reached the threshold.
    #[schema(format = DateTime)]
    pub since: String,
    /// When the first notice would have been made.
    #[schema(format = DateTime)]
    pub fired_at: String,
    /// When it would have been resolved; null when it would still fire.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub resolved_at: Option<String>,
    /// How long it would have fired, until now when it still would.
    pub seconds: u64,
    /// What the first notice would have said.
    #[serde(default)]
    pub text: String,
}

/// What a rule would have done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "summary": "would have fired 3 times in 7 days", "from": "2026-11-16T07:02:00Z",
    "to": "2026-11-23T07:02:00Z", "step": 60, "hosts": 12, "hosts_without_data": [], "total": 3,
    "warning": 3, "critical": 0, "notices": 7, "notes": [], "episodes": []
}))]
pub struct AlertPreview {
    /// In one line: `would have fired 3 times in 7 days`.
    pub summary: String,
    /// Where the history begins.
    #[schema(format = DateTime)]
    pub from: String,
    /// Where it ends.
    #[schema(format = DateTime)]
    pub to: String,
    /// Time between two values of it, in seconds: a live run sees one every 10 seconds, so shorter peaks are not seen.
    pub step: u64,
    /// How many hosts the rule was run for.
    pub hosts: usize,
    /// Names of those of them without any history of it.
    pub hosts_without_data: Vec<String>,
    /// How often it would have fired.
    pub total: usize,
    /// How often as a warning at most.
    pub warning: usize,
    /// How often as critical.
    pub critical: usize,
    /// How many notices would have been made, those of ends and repetitions included.
    pub notices: usize,
    /// What is not as in a live run.
    pub notes: Vec<String>,
    /// The newest of them, the newest first; 500 at most.
    pub episodes: Vec<AlertEpisode>,
}
