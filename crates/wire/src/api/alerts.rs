//! Alerts on the wire: what fires, what changed, and what is done about it.

mod acts;
mod channels;
mod preview;
mod rules;
mod silences;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use acts::{AlertAct, AlertActResult, AlertBrake};
pub use channels::{
    AlertChannel, AlertChannels, AlertDelivery, AlertDeliveryState, ChannelTestResult,
};
pub use preview::{AlertEpisode, AlertPreview, PreviewAlertRule};
pub use rules::{AlertRule, AlertRuleDefinition, AlertRuleList, AlertRuleSource, AlertThreshold};
pub use silences::{AddAlertSilence, AlertSilence, AlertSilenceList, WeeklyTimes};

/// How bad an alert is; later ones are worse.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// To be looked at within the day.
    Warning,
    /// To be looked at now.
    Critical,
}

impl AlertSeverity {
    /// Both, the milder one first.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// In which state an alert is.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// Well. Only what changed often a short while ago is listed as such.
    #[default]
    Ok,
    /// The threshold was reached, not for long enough yet.
    Pending,
    /// It fires.
    Firing,
    /// It fires, and the value is well again, not for long enough yet.
    Clearing,
    /// There is no data.
    Unknown,
}

impl AlertStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::Pending,
        Self::Firing,
        Self::Clearing,
        Self::Unknown,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Clearing => "clearing",
            Self::Unknown => "unknown",
        }
    }
}

/// What kind of change a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertChange {
    /// It began.
    Firing,
    /// A warning became critical.
    Escalated,
    /// Critical became a warning.
    Lowered,
    /// It ended.
    Resolved,
    /// It goes on.
    Repeated,
    /// It changes too often; its changes are not sent until it is calm.
    Flapping,
    /// It is calm again; what holds now.
    Settled,
    /// Nothing is judged any more: there was no data for a day, or no rule counts.
    Ended,
    /// Restarting did not help three times in an hour; nothing more is done.
    GaveUp,
}

impl AlertChange {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Firing,
        Self::Escalated,
        Self::Lowered,
        Self::Resolved,
        Self::Repeated,
        Self::Flapping,
        Self::Settled,
        Self::Ended,
        Self::GaveUp,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Escalated => "escalated",
            Self::Lowered => "lowered",
            Self::Resolved => "resolved",
            Self::Repeated => "repeated",
            Self::Flapping => "flapping",
            Self::Settled => "settled",
            Self::Ended => "ended",
            Self::GaveUp => "gave_up",
        }
    }
}

/// The text is none of the words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Input should be {0}")]
pub struct ParseAlertWordError(String);

/// Words with `or` before the last one.
fn words_of<const N: usize>(words: [&str; N]) -> ParseAlertWordError {
    let quoted = words.map(|word| format!("'{word}'"));
    let [first @ .., last] = quoted.as_slice() else {
        return ParseAlertWordError(String::new());
    };
    ParseAlertWordError(format!("{} or {last}", first.join(", ")))
}

macro_rules! words {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseAlertWordError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
                found.ok_or_else(|| words_of(Self::ALL.map(Self::as_str)))
            }
        }
    )*};
}
words!(AlertSeverity, AlertStatus, AlertChange);

/// Who has seen an alert, so that it is not repeated. Ends when the alert ends or gets worse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertAcknowledgement {
    /// The user.
    pub by: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// What they wrote; may be empty.
    #[serde(default)]
    pub comment: String,
}

/// One instance of a rule on a host, as it was evaluated last; at most a minute ago while it is evaluated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "id": "2b1f0c9a-7d3e-8a41-9c55-0e6f4b7a8d12",
    "rule": "disk_space",
    "host_id": "3f2a9c0d1e4b5a69",
    "host": "db-01",
    "labels": {"mount_point": "/srv"},
    "status": "firing",
    "severity": "critical",
    "since": "2026-11-23T06:52:00Z",
    "fired_at": "2026-11-23T06:57:00Z",
    "evaluated_at": "2026-11-23T07:02:00Z",
    "value": 97.2,
    "unit": "percent",
    "text": "97.2% used, 12 GiB free of 500 GiB",
    "threshold": "95% or more and less than 20 GiB free",
    "description": "85 % of a large disk is no reason to get up, so free space counts too.",
    "acknowledged": {"by": "alice1", "at": "2026-11-23T07:00:10Z", "comment": "moving old backups"},
    "silenced_by": null,
    "inhibited": false,
    "flapping": false,
    "act": null
}))]
pub struct Alert {
    /// Follows from rule, host and labels: the same whenever it fires.
    #[schema(format = Uuid)]
    pub id: String,
    /// The rule.
    pub rule: String,
    /// The id of the host.
    pub host_id: String,
    /// The name of the host; its id when the host is not known any more.
    pub host: String,
    /// Which instance of the rule on the host, such as `mount_point`; empty where there is one only. Values come
    /// from the host: any characters.
    pub labels: BTreeMap<String, String>,
    /// In which state it is.
    pub status: AlertStatus,
    /// How bad it is, while it fires or clears.
    pub severity: Option<AlertSeverity>,
    /// Since when it is bad.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// When it began to fire.
    #[schema(format = DateTime)]
    pub fired_at: Option<String>,
    /// When it was evaluated last.
    #[schema(format = DateTime)]
    pub evaluated_at: Option<String>,
    /// The value then, in `unit`.
    pub value: Option<f64>,
    /// The unit of the value, as of a series; null when the rule is not there any more.
    pub unit: Option<String>,
    /// The value for people, or why there is none: any characters but line breaks.
    pub text: String,
    /// The threshold that was reached, for people; null when the rule is not there any more.
    pub threshold: Option<String>,
    /// What the rule is for.
    pub description: Option<String>,
    /// Who has seen it.
    pub acknowledged: Option<AlertAcknowledgement>,
    /// The silence that holds its notices back now.
    #[schema(format = Uuid)]
    pub silenced_by: Option<String>,
    /// Whether its notices wait because its host is down.
    pub inhibited: bool,
    /// Whether it changes so often that its changes are not sent.
    pub flapping: bool,
    /// What its rule had done about it last, since it is bad.
    pub act: Option<AlertAct>,
}

impl Alert {
    /// Its labels as series are written: `{mount_point="/"}`, or nothing.
    #[must_use]
    pub fn labels_text(&self) -> String {
        labels_text(&self.labels)
    }

    /// Whether someone should look: it fires or clears, and no one has seen it, silenced it or knows that the whole
    /// host is down.
    #[must_use]
    pub const fn needs_attention(&self) -> bool {
        self.severity.is_some()
            && self.acknowledged.is_none()
            && self.silenced_by.is_none()
            && !self.inhibited
    }
}

/// Labels as series are written: `{mount_point="/"}`, or nothing.
fn labels_text(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let quoted = labels.iter().map(|(key, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{key}=\"{value}\"")
    });
    format!("{{{}}}", quoted.collect::<Vec<String>>().join(","))
}

/// How many alerts there are of those that the caller may see, whatever was selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "critical": 1, "warning": 2, "unseen": 2, "pending": 4, "unknown": 0
}))]
pub struct AlertCounts {
    /// Those that fire or clear and are critical.
    pub critical: u64,
    /// Those that fire or clear and are warnings.
    pub warning: u64,
    /// Those of both that no one has acknowledged, no silence holds back and whose host is not down.
    pub unseen: u64,
    /// Those that reached a threshold, not for long enough yet.
    pub pending: u64,
    /// Those without data.
    pub unknown: u64,
}

/// Critical alerts and warnings, short: `2C 1W`; `0` where there is none.
#[must_use]
pub fn counts_text(critical: u64, warning: u64) -> String {
    match (critical, warning) {
        (0, 0) => "0".to_owned(),
        (critical, 0) => format!("{critical}C"),
        (0, warning) => format!("{warning}W"),
        _ => format!("{critical}C {warning}W"),
    }
}

/// Alerts as they are now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "time": "2026-11-23T07:02:10Z",
    "counts": {"critical": 1, "warning": 0, "unseen": 1, "pending": 0, "unknown": 0},
    "total": 1,
    "items": [{
        "id": "2b1f0c9a-7d3e-8a41-9c55-0e6f4b7a8d12", "rule": "disk_space", "host_id": "3f2a9c0d1e4b5a69",
        "host": "db-01", "labels": {"mount_point": "/srv"}, "status": "firing", "severity": "critical",
        "since": "2026-11-23T06:52:00Z", "fired_at": "2026-11-23T06:57:00Z",
        "evaluated_at": "2026-11-23T07:02:00Z", "value": 97.2, "unit": "percent",
        "text": "97.2% used, 12 GiB free of 500 GiB", "threshold": "95% or more and less than 20 GiB free",
        "description": null, "acknowledged": null, "silenced_by": null, "inhibited": false, "flapping": false,
        "act": null
    }],
    "next_cursor": null,
    "brakes": []
}))]
pub struct AlertList {
    /// When they were read.
    #[schema(format = DateTime)]
    pub time: String,
    /// How many there are, selected or not.
    pub counts: AlertCounts,
    /// How many match, on all pages.
    pub total: usize,
    /// Those of this page: the critical ones first, then those that fire for longest.
    pub items: Vec<Alert>,
    /// Leads to the next page when given as `cursor`; null on the last one.
    pub next_cursor: Option<String>,
    /// Hosts with automatic restarts within a day, or where they are given up; those of `host`, where it is given.
    pub brakes: Vec<AlertBrake>,
}

/// What changed: an entry of the history of alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "8d3c1a5e-44b0-8f6e-a1c7-93d20b6a7f04",
    "time": "2026-11-23T06:57:00Z",
    "change": "escalated",
    "alert_id": "2b1f0c9a-7d3e-8a41-9c55-0e6f4b7a8d12",
    "rule": "disk_space",
    "host_id": "3f2a9c0d1e4b5a69",
    "host": "db-01",
    "labels": {"mount_point": "/srv"},
    "before": "warning",
    "after": "critical",
    "since": "2026-11-23T06:52:00Z",
    "value": 97.2,
    "text": "97.2% used, 12 GiB free of 500 GiB",
    "threshold": "95% or more and less than 20 GiB free",
    "context": ["/srv/backup grew by 41 GiB in 6 h"],
    "act": null
}))]
pub struct AlertNotice {
    /// Its id, which receivers get too.
    #[schema(format = Uuid)]
    pub id: String,
    /// When it changed.
    #[schema(format = DateTime)]
    pub time: String,
    /// How it changed.
    pub change: AlertChange,
    /// The alert, see [`Alert::id`].
    #[schema(format = Uuid)]
    pub alert_id: String,
    /// The rule.
    pub rule: String,
    /// The id of the host.
    pub host_id: String,
    /// The name of the host at that time.
    pub host: String,
    /// Which instance, see [`Alert::labels`].
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The severity before; null when it did not fire.
    pub before: Option<AlertSeverity>,
    /// The severity then; null when it did not fire any more.
    pub after: Option<AlertSeverity>,
    /// Since when it was bad.
    #[schema(format = DateTime)]
    pub since: String,
    /// The value, in the unit of what the rule judges.
    pub value: Option<f64>,
    /// The value for people: any characters but line breaks.
    #[serde(default)]
    pub text: String,
    /// The threshold for people.
    #[serde(default)]
    pub threshold: String,
    /// What helps to understand it, such as lines of a log; at most ten, any characters but line breaks.
    #[serde(default)]
    pub context: Vec<String>,
    /// What its rule had done about it.
    #[serde(default)]
    pub act: Option<AlertAct>,
}

impl AlertNotice {
    /// The severity that it is about: the one then, or the one that ended.
    #[must_use]
    pub fn severity(&self) -> AlertSeverity {
        self.after.or(self.before).unwrap_or(AlertSeverity::Warning)
    }

    /// Its labels as series are written: `{mount_point="/"}`, or nothing.
    #[must_use]
    pub fn labels_text(&self) -> String {
        labels_text(&self.labels)
    }
}

/// That a person has seen an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"comment": "moving old backups"}))]
pub struct AcknowledgeAlert {
    /// What others should know; at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub comment: String,
}

/// The event `alerts` of a stream that was requested with `alerts=true`: sent first, and whenever it changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "time": "2026-11-23T07:02:10Z",
    "counts": {"critical": 1, "warning": 0, "unseen": 1, "pending": 0, "unknown": 0},
    "total": 1,
    "items": []
}))]
pub struct AlertsEvent {
    /// When they were read.
    #[schema(format = DateTime)]
    pub time: String,
    /// How many there are.
    pub counts: AlertCounts,
    /// How many fire or clear; `items` has 100 of them at most.
    pub total: usize,
    /// Those that fire or clear, in the order of [`AlertList`].
    pub items: Vec<Alert>,
}
