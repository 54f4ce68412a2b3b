//! Silences on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AlertSeverity;

/// Times of the week by the clock of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"windows": ["Sun 03:00-05:00"], "zone": "Europe/Berlin"}))]
pub struct WeeklyTimes {
    /// Days and times, such as `Sun 03:00-05:00`, `Mon-Fri 22:00-06:00` or `daily 22:00-07:00`; 20 at most.
    pub windows: Vec<String>,
    /// A time zone of the system, such as `Europe/Berlin`; `UTC` unless set.
    #[serde(default = "utc")]
    #[schema(default = "UTC")]
    pub zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What is not sent, and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "id": "7f3f7a51-7e0c-4c3e-9b0a-3c7e8a8f2f10",
    "rule": "disk_*", "host": "db-01", "hosts": null, "labels": {}, "severity": "warning",
    "from": "2026-11-23T07:00:00Z", "until": "2026-11-23T09:00:00Z", "weekly": null,
    "comment": "moving old backups", "created_by": "alice1", "active": true, "holds": 1
}))]
pub struct AlertSilence {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Pattern of the rule's name.
    pub rule: Option<String>,
    /// Pattern of the host's name.
    pub host: Option<String>,
    /// Labels of the hosts, such as `env=dev`.
    pub hosts: Option<String>,
    /// Patterns of the labels of the instance.
    pub labels: BTreeMap<String, String>,
    /// The severity: what is silenced as a warning is sent when it becomes critical.
    pub severity: Option<AlertSeverity>,
    /// From when on.
    #[schema(format = DateTime)]
    pub from: String,
    /// Until when; only a weekly silence may have no end.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// At which times of the week; at all of them when null.
    pub weekly: Option<WeeklyTimes>,
    /// Why.
    pub comment: String,
    /// The user who made it.
    pub created_by: String,
    /// Whether it is in force now.
    pub active: bool,
    /// How many alerts that fire or clear it holds back now.
    pub holds: u64,
}

/// Silences that are not over, in the order in which they end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({"time": "2026-11-23T07:02:10Z", "items": []}))]
pub struct AlertSilenceList {
    /// When they were read.
    #[schema(format = DateTime)]
    pub time: String,
    /// All of them; 1000 at most.
    pub items: Vec<AlertSilence>,
}

/// What to silence: alerts that match all that is set, at least one of `rule`, `host`, `hosts`, `labels` and
/// `severity`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"rule": "disk_*", "host": "db-01", "for": "2h", "comment": "moving old backups"}))]
pub struct AddAlertSilence {
    /// Pattern of the rule's name, with `*` and `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Pattern of the host's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Labels of the hosts, such as `env=dev,role=web`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
    /// Patterns of the labels of the instance, such as `{"mount_point": "/data/*"}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Only this severity: what is silenced as a warning is sent when it becomes critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<AlertSeverity>,
    /// From when on; now unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// Until when: either this or `for`, at most 366 days. Only a weekly silence may have neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// For how long, such as `2h`.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// At which times of the week; at all of them unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<WeeklyTimes>,
    /// Why; at most 500 characters.
    #[schema(max_length = 500)]
    pub comment: String,
}
