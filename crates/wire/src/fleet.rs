//! The daemons that share a database.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::Timestamp;

/// A daemon that lives has written within this time: it writes at least every half minute.
pub const UP_FOR: Duration = Duration::from_secs(90);
/// After this time without a write a daemon is down.
pub const LATE_FOR: Duration = Duration::from_mins(5);
/// How far the clocks of hosts may be ahead. What is later than this is not true.
pub const AHEAD_MAX: Duration = Duration::from_mins(5);

/// Whether the daemon of a host lives, by when it last wrote to the database.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum HostState {
    /// It wrote within the last 90 seconds.
    Up,
    /// It wrote within the last 5 minutes.
    Late,
    /// It has not written for longer, or its clock is ahead by more than 5 minutes.
    Down,
    /// Sent by no daemon of this version: an older one did not say, or a newer one has a word that is
    /// not known here.
    #[default]
    #[serde(other)]
    Unknown,
}

/// How the clock of a host is wrong, by more than [`AHEAD_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClockFault {
    /// It shows a time that has not come.
    Ahead,
    /// It shows a time that has passed: the host counts as down while it lives.
    Behind,
    /// A newer daemon has a word that is not known here.
    #[serde(other)]
    Unknown,
}

/// The text is no state of a host.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected up, late or down")]
pub struct ParseHostStateError;

impl HostState {
    /// The state of a host that was last seen at a time.
    #[must_use]
    pub fn of(last_seen: Timestamp, now: Timestamp) -> Self {
        let age = now.since(last_seen);
        if age > LATE_FOR || last_seen.since(now) > AHEAD_MAX {
            Self::Down
        } else if age > UP_FOR {
            Self::Late
        } else {
            Self::Up
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for HostState {
    type Err = ParseHostStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Up, Self::Late, Self::Down]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(ParseHostStateError)
    }
}

/// A label that hosts must have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostLabel {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl HostLabel {
    /// Whether a text can be the name of a label.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(is_usual)
    }
}

/// The text is no label of a host.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Input should be NAME=VALUE, as in host.labels")]
pub struct ParseHostLabelError;

impl FromStr for HostLabel {
    type Err = ParseHostLabelError;

    /// Reads `NAME=VALUE`; the value may be empty and hold further `=`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or(ParseHostLabelError)?;
        let is_value = value.len() <= 256 && !value.chars().any(char::is_control);
        if !Self::is_name(name) || !is_value {
            return Err(ParseHostLabelError);
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// Which daemon writes to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostIdentity {
    /// The same for every start on the same host.
    pub id: Arc<str>,
    /// The host's name, for people.
    pub name: String,
    /// What the administrator wrote about it.
    pub labels: BTreeMap<String, String>,
    /// Version of the daemon.
    pub version: String,
}

/// The newest figures of a host. What is not known is `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "cpu_usage_percent": 12.5,
    "load_one": 0.52,
    "memory_used_bytes": 3_221_225_472_u64,
    "memory_total_bytes": 8_589_934_592_u64,
    "uptime_seconds": 86_400,
    "disk_used_percent": 71.5,
    "disk_mount_point": "/srv",
    "alerts": 3,
    "alerts_critical": 1,
    "alerts_warning": 2,
    "failed_units": 1,
    "updates": null,
    "reboot_required": null
}))]
pub struct HostFacts {
    /// Use of all processors together, 0 to 100.
    pub cpu_usage_percent: Option<f64>,
    /// Load average of one minute.
    pub load_one: Option<f64>,
    /// Memory in use.
    pub memory_used_bytes: Option<u64>,
    /// Memory that there is.
    pub memory_total_bytes: Option<u64>,
    /// How long the host has been up.
    pub uptime_seconds: Option<u64>,
    /// How full the fullest file system is that can be written, 0 to 100, as df(1) shows it.
    pub disk_used_percent: Option<f64>,
    /// Where that is mounted, its first 128 characters.
    pub disk_mount_point: Option<String>,
    /// How many of its alerts fire or clear, as the database has them when it is read; `null` from a daemon of an
    /// earlier version.
    pub alerts: Option<u64>,
    /// Those of them that are critical.
    pub alerts_critical: Option<u64>,
    /// Those of them that are warnings.
    pub alerts_warning: Option<u64>,
    /// How many of its units have failed; `null` without systemd, or while it does not respond.
    pub failed_units: Option<u64>,
    /// How many packages can be updated. This version does not look: always `null`.
    pub updates: Option<u64>,
    /// Whether it has to be restarted to use what was installed. This version does not look: always `null`.
    pub reboot_required: Option<bool>,
}

/// A host as the database knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRow {
    /// The same for every start on the same host.
    pub id: String,
    /// The host's name, for people.
    pub name: String,
    /// What the administrator wrote about it.
    pub labels: BTreeMap<String, String>,
    /// Version of the daemon that wrote last.
    pub version: String,
    /// Which start of the daemon that was.
    pub instance_id: String,
    /// When it first wrote to this database.
    pub first_seen: Timestamp,
    /// When it last did.
    pub last_seen: Timestamp,
    /// Its newest figures and when they were read, when it has sent any.
    pub facts: Option<(Timestamp, HostFacts)>,
    /// How many milliseconds its clock was ahead of the database's when it last wrote, negative when it
    /// was behind. Not known on SQLite, which has no clock.
    pub clock_ahead: Option<i64>,
}

impl HostRow {
    /// What is wrong with its clock, and by how many seconds it is ahead (negative: behind), seen by a
    /// clock that shows `now`.
    #[must_use]
    pub fn clock_fault(&self, now: Timestamp) -> Option<(ClockFault, i64)> {
        let most = i64::try_from(AHEAD_MAX.as_millis()).unwrap_or(i64::MAX);
        // What it wrote may be seen to be false also where the database has no clock.
        let seen = self.last_seen.as_millis().saturating_sub(now.as_millis());
        let ahead = match self.clock_ahead {
            Some(ahead) if ahead.saturating_abs() > most => ahead,
            _ => seen.max(0),
        };
        let fault = if ahead > most {
            ClockFault::Ahead
        } else if ahead < -most {
            ClockFault::Behind
        } else {
            return None;
        };
        Some((fault, ahead / 1_000))
    }
}

/// One value per bucket of one thing that is measured on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostSample {
    /// Family dot field, `cpu.usage_percent`.
    pub name: String,
    /// Like `{mount_point="/"}`, or empty.
    pub labels: String,
    /// When the minute began.
    pub time: Timestamp,
    /// How many readings it holds.
    pub samples: u64,
    /// Their mean.
    pub mean: f64,
    /// The largest of them.
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_up_late_and_then_down() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let seen = |seconds: i64| Timestamp::from_millis(now.as_millis() - seconds * 1_000);
        for (seconds, state) in [
            (0, HostState::Up),
            (90, HostState::Up),
            (91, HostState::Late),
            (300, HostState::Late),
            (301, HostState::Down),
            // Clocks differ a little; what is further ahead is no sign of life.
            (-300, HostState::Up),
            (-301, HostState::Down),
            (-86_400 * 365, HostState::Down),
        ] {
            assert_eq!(HostState::of(seen(seconds), now), state, "{seconds}");
        }
    }

    #[test]
    fn a_clock_is_wrong_by_what_the_database_saw_or_by_what_can_not_be() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let fault = |seen: i64, clock_ahead: Option<i64>| {
            let host = HostRow {
                id: "a".to_owned(),
                name: "a".to_owned(),
                labels: BTreeMap::new(),
                version: "1".to_owned(),
                instance_id: "i".to_owned(),
                first_seen: now,
                last_seen: Timestamp::from_millis(now.as_millis() + seen * 1_000),
                facts: None,
                clock_ahead,
            };
            host.clock_fault(now)
        };
        assert_eq!(fault(0, None), None);
        assert_eq!(fault(300, Some(300_000)), None);
        assert_eq!(fault(301, None), Some((ClockFault::Ahead, 301)));
        assert_eq!(fault(301, Some(2_000)), Some((ClockFault::Ahead, 301)));
        assert_eq!(
            fault(-3_600, Some(-3_600_500)),
            Some((ClockFault::Behind, -3_600))
        );
        // Down, by a clock that is right.
        assert_eq!(fault(-3_600, Some(20)), None);
        assert_eq!(fault(-3_600, None), None);
        let read = |text: &str| serde_json::from_str::<ClockFault>(text).unwrap();
        assert_eq!(read("\"ahead\""), ClockFault::Ahead);
        assert_eq!(read("\"drifting\""), ClockFault::Unknown);
    }

    #[test]
    fn states_of_daemons_to_come_are_read() {
        let read = |text: &str| serde_json::from_str::<HostState>(text).unwrap();
        assert_eq!(read("\"late\""), HostState::Late);
        assert_eq!(read("\"draining\""), HostState::Unknown);
        assert_eq!("unknown".parse::<HostState>(), Err(ParseHostStateError));
    }

    #[test]
    fn labels_are_read_as_the_configuration_has_them() {
        let label: HostLabel = "role=a=b".parse().unwrap();
        assert_eq!((label.name.as_str(), label.value.as_str()), ("role", "a=b"));
        for text in ["", "role", "=web", "r le=web", "role=a\nb", "rôle=web"] {
            assert_eq!(
                text.parse::<HostLabel>(),
                Err(ParseHostLabelError),
                "{text}"
            );
        }
        assert!("role=".parse::<HostLabel>().is_ok());
    }
}
