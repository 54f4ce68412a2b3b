//! Rules on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertRuleSource {
    /// It is part of the program.
    Stock,
    /// A file on the host of the daemon, which only its editor changes.
    File,
    /// A user made it; it can be changed and deleted.
    User,
}

impl AlertRuleSource {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::File => "file",
            Self::User => "user",
        }
    }
}

/// A threshold as it is written: a number, a text with a unit such as `"85%"`, `"50GiB"` or `"21d"`, or an object with
/// it at `at` and, where they are set, `clear`, `for` and the second condition of the check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum AlertThreshold {
    /// The bound, in the unit of what is judged.
    Number(f64),
    /// The bound with its unit.
    Text(String),
    /// The bound at `at`, with more.
    Table(BTreeMap<String, serde_json::Value>),
}

/// A rule as it is written. What is absent has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "queue_of_the_disk",
    "series": "disk.busy_percent",
    "hosts": "role=db",
    "warning": {"at": 90, "clear": 70},
    "for": "30min"
}))]
pub struct AlertRuleDefinition {
    /// Its name: lower-case letters, digits, `_` and `-`, 64 at most.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    pub name: String,
    /// What it is for, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `false`: where this rule counts, nothing fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The stored series that is judged; either this or `check`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The built-in check that is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// For `process_missing`: `unit`, or `executable` and `uid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, serde_json::Value>>)]
    pub process: Option<serde_json::Value>,
    /// Which instances: for each label a pattern with `*` and `?`, or a list of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub labels: BTreeMap<String, serde_json::Value>,
    /// Which hosts, by their labels: `env=prod,role=web`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
    /// For a series: `above` (unless set) or `below`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// From where on it warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<AlertThreshold>,
    /// From where on it is critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<AlertThreshold>,
    /// How far inside its threshold a value must be to clear: a number in its unit, or a text with one; 5 % of the
    /// threshold unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AlertThreshold>)]
    pub hysteresis: Option<serde_json::Value>,
    /// How long it must be bad; `5min` unless set.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// How long it must be well again; `5min` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_firing: Option<String>,
    /// After how long a notice is repeated, or `never`; `12h` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// The channels that it uses; all of them when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// A unit to restart when it fires, or `$unit` for the one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// Whether its notices wait for the end of quiet hours; unless set, warnings do and critical ones do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<bool>,
}

/// A rule in force, or one whose place another rule takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "disk_inodes",
    "source": "stock",
    "path": null,
    "in_force": true,
    "enabled": true,
    "subject": "disk_inodes",
    "meaning": "Inodes in use",
    "warning": "85% or more",
    "critical": "95% or more",
    "definition": {"name": "disk_inodes", "check": "disk_inodes", "warning": 85, "critical": 95, "for": "10min"},
    "updated_at": null,
    "updated_by": null
}))]
pub struct AlertRule {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: AlertRuleSource,
    /// The file that it is in.
    #[serde(default)]
    pub path: Option<String>,
    /// Whether it counts: a rule of a file or a user takes the place of the stock rule with its name, one of a file
    /// that of a user's.
    pub in_force: bool,
    /// Whether it fires where it counts.
    pub enabled: bool,
    /// The series or the check that it judges.
    pub subject: String,
    /// What that is, in a few words.
    #[serde(default)]
    pub meaning: String,
    /// The threshold of a warning, for people.
    #[serde(default)]
    pub warning: Option<String>,
    /// The threshold of critical, for people.
    #[serde(default)]
    pub critical: Option<String>,
    /// As it is written.
    pub definition: AlertRuleDefinition,
    /// When a user last changed it.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub updated_at: Option<String>,
    /// The user who did.
    #[serde(default)]
    pub updated_by: Option<String>,
}

/// The rules of a daemon: its stock rules, those of its files and those that users made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "items": [], "problems": [], "in_force": 18, "most": 200
}))]
pub struct AlertRuleList {
    /// By name; where several have it, the one in force first.
    pub items: Vec<AlertRule>,
    /// What is wrong with files and rows of rules, with file, line and key; the rule that it is in is left out. And
    /// channels that rules name and this daemon does not have.
    pub problems: Vec<String>,
    /// How many rules are in force.
    pub in_force: usize,
    /// How many can be.
    pub most: usize,
}
