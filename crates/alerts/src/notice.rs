//! What changed, for people: one instance, from one severity to another.

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::brake::AutomaticAct;
use crate::host_text::HostText;
use crate::labels::Labels;
use crate::name::Name;
use crate::rules::HostLabels;
use crate::severity::Severity;

/// The most lines of context in a notice.
pub const CONTEXT_MAX: usize = 10;

/// A host, as alerts know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The same for every start on the host.
    pub id: String,
    /// Its name, for people. Comes from the host.
    pub name: String,
    /// What the administrator wrote about it.
    #[serde(default)]
    pub labels: HostLabels,
}

/// Which instance of which rule on which host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceKey {
    /// The rule.
    pub rule: Name,
    /// The id of the host.
    pub host: String,
    /// Its labels.
    pub labels: Labels,
}

impl InstanceKey {
    /// An id that follows from rule, host and labels, as short for any labels.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let labels = self.labels.to_string();
        hash_of(&[self.rule.as_str(), &self.host, &labels])
    }
}

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
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

impl NoticeKind {
    /// The kind of a change from one severity to another; `None` when nothing changed.
    #[must_use]
    pub fn of_change(before: Option<Severity>, after: Option<Severity>) -> Option<Self> {
        match (before, after) {
            (before, after) if before == after => None,
            (None, Some(_)) => Some(Self::Firing),
            (Some(before), Some(after)) if before < after => Some(Self::Escalated),
            (Some(_), Some(_)) => Some(Self::Lowered),
            (_, None) => Some(Self::Resolved),
        }
    }

    /// Its name.
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

/// What changed, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for the same change, however often it is made of the same data.
    pub id: Uuid,
    /// When it changed.
    pub time: Timestamp,
    /// What kind of change it is.
    pub kind: NoticeKind,
    /// Which instance.
    pub instance: InstanceKey,
    /// The host's name.
    pub host: HostText,
    /// The host's labels.
    #[serde(default)]
    pub host_labels: HostLabels,
    /// The severity that was sent last; absent when none fired.
    pub before: Option<Severity>,
    /// The severity now; absent when none fires.
    pub after: Option<Severity>,
    /// Since when it is bad.
    pub since: Timestamp,
    /// The value, in the unit of what is judged.
    pub value: Option<f64>,
    /// The value for people.
    pub text: HostText,
    /// The threshold for people, of the severity that [`Self::severity`] returns.
    pub threshold: String,
    /// The channels of its rule; all of them when there are none.
    #[serde(default)]
    pub channels: Vec<Name>,
    /// Whether its rule has notices wait for the end of quiet hours; by severity if absent.
    #[serde(default)]
    pub quiet_hours: Option<bool>,
    /// What helps to understand it: lines of a log, the largest processes. At most ten.
    #[serde(default)]
    pub context: Vec<HostText>,
    /// What its rule had done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<AutomaticAct>,
}

impl Notice {
    /// The id of a change.
    #[must_use]
    pub fn id_of(instance: &InstanceKey, kind: NoticeKind, time: Timestamp) -> Uuid {
        let labels = instance.labels.to_string();
        let time = time.as_millis().to_string();
        hash_of(&[
            instance.rule.as_str(),
            &instance.host,
            &labels,
            kind.as_str(),
            &time,
        ])
    }

    /// The severity that it is about: the one now, or the one that ended.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.after.or(self.before).unwrap_or(Severity::Warning)
    }

    /// Whether its rule has it wait for the end of quiet hours.
    #[must_use]
    pub fn waits_in_quiet_hours(&self) -> bool {
        self.quiet_hours
            .unwrap_or(self.severity() == Severity::Warning)
    }

    /// What would help to understand it, where that is worth reading.
    #[must_use]
    pub fn wanted_context(&self, check: &str) -> Option<ContextKind> {
        let begins = matches!(self.kind, NoticeKind::Firing | NoticeKind::Escalated);
        if !begins {
            return None;
        }
        let label = |key| self.instance.labels.get(key).map(str::to_owned);
        match check {
            "unit_failed" => Some(ContextKind::UnitLog(label("unit")?)),
            "disk_space" | "disk_full_soon" => Some(ContextKind::DiskGrowth(label("mount_point")?)),
            "memory_low" | "oom_kill" => Some(ContextKind::TopMemory),
            "pressure" => Some(match label("resource")?.as_str() {
                "memory" => ContextKind::TopMemory,
                "io" => ContextKind::TopIo,
                _ => ContextKind::TopCpu,
            }),
            "load" => Some(ContextKind::TopCpu),
            _ => None,
        }
    }

    /// Adds context, as much as there is room for.
    pub fn add_context(&mut self, lines: impl IntoIterator<Item = HostText>) {
        let room = CONTEXT_MAX.saturating_sub(self.context.len());
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        self.context.extend(lines.take(room));
    }
}

/// What helps to understand a notice, to be read when it fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextKind {
    /// The last three lines of a unit's log.
    UnitLog(String),
    /// What grew on a file system.
    DiskGrowth(String),
    /// The three processes with the most memory.
    TopMemory,
    /// The three processes that read and write the most.
    TopIo,
    /// The three processes that use the processors most.
    TopCpu,
}

fn hash_of(parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths before texts: two lists of parts never give the same bytes.
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    uuid_of(hash)
}

/// An id that is the same for the same input.
pub(crate) fn uuid_of(hash: Sha256) -> Uuid {
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::new_v8(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_change_has_the_same_id_and_others_have_others() {
        let key = |rule: &str, host: &str| InstanceKey {
            rule: rule.parse().unwrap(),
            host: host.to_owned(),
            labels: Labels::one("mount_point", "/"),
        };
        let time = Timestamp::from_millis(1_000);
        let id = |key: &InstanceKey, kind| Notice::id_of(key, kind, time);
        let first = id(&key("ab", "c"), NoticeKind::Firing);
        assert_eq!(first, id(&key("ab", "c"), NoticeKind::Firing));
        assert_ne!(first, id(&key("a", "bc"), NoticeKind::Firing));
        assert_ne!(first, id(&key("ab", "c"), NoticeKind::Resolved));
        let later = Timestamp::from_millis(1_001);
        assert_ne!(
            first,
            Notice::id_of(&key("ab", "c"), NoticeKind::Firing, later)
        );
    }

    #[test]
    fn kinds_follow_from_the_severities() {
        use NoticeKind::{Escalated, Firing, Lowered, Resolved};
        use Severity::{Critical, Warning};
        let of = NoticeKind::of_change;
        assert_eq!(of(None, Some(Warning)), Some(Firing));
        assert_eq!(of(Some(Warning), Some(Critical)), Some(Escalated));
        assert_eq!(of(Some(Critical), Some(Warning)), Some(Lowered));
        assert_eq!(of(Some(Critical), None), Some(Resolved));
        assert_eq!(of(Some(Warning), Some(Warning)), None);
        assert_eq!(of(None, None), None);
    }
}
