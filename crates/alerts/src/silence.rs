//! Silences: what is not sent for a while, because someone works on it.

use std::collections::BTreeMap;
use std::time::Duration;

use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::labels::Pattern;
use crate::notice::Notice;
use crate::severity::Severity;
use crate::window::Weekly;

/// The longest silence that is not weekly.
pub const SILENCE_MAX: Duration = Duration::from_hours(366 * 24);
const COMMENT_MAX: usize = 500;

/// What a silence is about. A notice must match all that is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matchers {
    /// The name of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Pattern>,
    /// The name of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Pattern>,
    /// The labels of the host.
    #[serde(with = "selector", skip_serializing_if = "HostSelector::is_any")]
    pub hosts: HostSelector,
    /// The labels of the instance.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Pattern>,
    /// The severity: what is silenced as a warning is sent when it becomes critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

impl Matchers {
    /// Whether a notice matches all that is set.
    #[must_use]
    pub fn matches(&self, notice: &Notice) -> bool {
        let fits = |pattern: Option<&Pattern>, text: &str| {
            pattern.is_none_or(|pattern| pattern.matches(text))
        };
        let instance = &notice.instance;
        let has_label = |(key, pattern): (&String, &Pattern)| {
            instance
                .labels
                .get(key)
                .is_some_and(|value| pattern.matches(value))
        };
        fits(self.rule.as_ref(), instance.rule.as_str())
            && fits(self.host.as_ref(), notice.host.as_str())
            && self.hosts.matches(&notice.host_labels)
            && self.labels.iter().all(has_label)
            && self
                .severity
                .is_none_or(|severity| severity == notice.severity())
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

mod selector {
    use super::{Deserialize, Deserializer, HostSelector, Serializer};

    pub(super) fn serialize<S: Serializer>(
        selector: &HostSelector,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(selector)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HostSelector, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What is not sent, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its id.
    pub id: Uuid,
    /// What it is about.
    pub matchers: Matchers,
    /// From when on.
    pub from: Timestamp,
    /// Until when, that moment not included; only a weekly silence may have no end.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// At which times of the week; at all of them if absent.
    #[serde(default)]
    pub weekly: Option<Weekly>,
    /// Why.
    #[serde(default)]
    pub comment: String,
    /// The user who made it.
    pub created_by: String,
}

/// Why a silence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// It would silence everything.
    #[error("expected a rule, a host, labels or a severity to silence")]
    Everything,
    /// It has no end.
    #[error("expected an end; only a weekly silence may have none")]
    Endless,
    /// It ends before it begins.
    #[error("expected an end after the begin")]
    Backwards,
    /// It is too long.
    #[error("expected 366 days at most; a longer one is a rule that is switched off")]
    TooLong,
    /// Its windows are none.
    #[error("{0}")]
    Windows(String),
    /// Its comment is too long.
    #[error("expected a comment of {COMMENT_MAX} characters at most")]
    Comment,
}

impl Silence {
    /// Checks what can't be right.
    ///
    /// # Errors
    /// Says what.
    pub fn check(&self) -> Result<(), SilenceError> {
        if self.matchers.is_empty() {
            return Err(SilenceError::Everything);
        }
        if let Some(weekly) = &self.weekly {
            weekly.check().map_err(SilenceError::Windows)?;
        }
        if self.comment.chars().count() > COMMENT_MAX {
            return Err(SilenceError::Comment);
        }
        match self.until {
            None if self.weekly.is_none() => Err(SilenceError::Endless),
            Some(until) if until <= self.from => Err(SilenceError::Backwards),
            Some(until) if self.weekly.is_none() && until.since(self.from) > SILENCE_MAX => {
                Err(SilenceError::TooLong)
            }
            _ => Ok(()),
        }
    }

    /// Whether it is in force.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        now >= self.from
            && self.until.is_none_or(|until| now < until)
            && self
                .weekly
                .as_ref()
                .is_none_or(|weekly| weekly.contains(now))
    }

    /// Whether it will never be in force again.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    /// Whether it holds a notice back.
    #[must_use]
    pub fn holds(&self, notice: &Notice, now: Timestamp) -> bool {
        self.is_active(now) && self.matchers.matches(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::testing::{at, firing};

    fn silence(matchers: &str) -> Silence {
        Silence {
            id: Uuid::nil(),
            matchers: serde_json::from_str(matchers).unwrap(),
            from: at(100),
            until: Some(at(200)),
            weekly: None,
            comment: String::new(),
            created_by: "alice".to_owned(),
        }
    }

    #[test]
    fn all_that_is_set_must_match() {
        let mut notice = firing("disk_space", "web-01", Severity::Warning, at(0));
        notice.instance.labels = Labels::one("mount_point", "/data/a");
        notice.host_labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
        for (matchers, expected) in [
            (r#"{"rule":"disk_*"}"#, true),
            (r#"{"rule":"disk_*","host":"web-02"}"#, false),
            (
                r#"{"host":"web-*","labels":{"mount_point":"/data/*"}}"#,
                true,
            ),
            (r#"{"labels":{"device":"*"}}"#, false),
            (r#"{"hosts":"env=prod"}"#, true),
            (r#"{"hosts":"env=dev"}"#, false),
            (r#"{"severity":"warning"}"#, true),
            (r#"{"severity":"critical"}"#, false),
        ] {
            let silence = silence(matchers);
            assert_eq!(silence.holds(&notice, at(150)), expected, "{matchers}");
            assert!(!silence.holds(&notice, at(99)) && !silence.holds(&notice, at(200)));
            let again = serde_json::to_string(&silence.matchers).unwrap();
            assert_eq!(again, matchers);
        }
    }

    #[test]
    fn a_weekly_silence_is_in_force_in_its_windows() {
        let text = r#"{"windows":["Mon 03:00-05:00"],"zone":"UTC"}"#;
        let mut silence = silence(r#"{"host":"web-01"}"#);
        silence.weekly = Some(serde_json::from_str(text).unwrap());
        (silence.from, silence.until) = (at(0), None);
        assert_eq!(silence.check(), Ok(()));
        let hour = 3600;
        assert!(!silence.is_active(at(2 * hour)));
        assert!(silence.is_active(at(4 * hour)));
        assert!(!silence.is_active(at(28 * hour)));
        assert!(silence.is_active(at((7 * 24 + 4) * hour)));
        assert!(!silence.is_over(at(1_000_000)));
        let json = serde_json::to_string(&silence).unwrap();
        assert_eq!(serde_json::from_str::<Silence>(&json).unwrap(), silence);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let ok = silence(r#"{"rule":"disk_space"}"#);
        assert_eq!(ok.check(), Ok(()));
        assert_eq!(silence("{}").check(), Err(SilenceError::Everything));
        let with = |until| {
            Silence {
                until,
                ..ok.clone()
            }
            .check()
        };
        assert_eq!(with(None), Err(SilenceError::Endless));
        assert_eq!(with(Some(at(100))), Err(SilenceError::Backwards));
        assert_eq!(with(Some(at(40_000_000))), Err(SilenceError::TooLong));
        let comment = "x".repeat(501);
        let long = Silence {
            comment,
            ..ok.clone()
        };
        assert_eq!(long.check(), Err(SilenceError::Comment));
        let empty = r#"{"windows":[],"zone":"UTC"}"#;
        let weekly = Some(serde_json::from_str(empty).unwrap());
        let windows = Silence { weekly, ..ok };
        assert!(matches!(windows.check(), Err(SilenceError::Windows(_))));
    }
}
