//! The state of an instance, and how it moves: ok, pending, firing, clearing, ok; and unknown without data.

use std::time::Duration;

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::host_text::HostText;
use crate::severity::Severity;

mod level;
mod step;

pub use level::LevelState;
pub use step::{Moment, Step, Subjected, end, step};

/// After this time without an evaluation it is not known what was in between: what is pending or clearing
/// begins again. Longer than a restart takes.
pub const GAP_MAX: Duration = Duration::from_mins(3);
/// How long a host starts: use of processors and memory says nothing before.
pub const BOOT_GRACE: Duration = Duration::from_mins(5);
/// The most changes within [`FLAP_WINDOW`] that are sent one by one.
pub const FLAP_CHANGES: usize = 4;
/// The time in which changes are counted.
pub const FLAP_WINDOW: Duration = Duration::from_mins(30);
/// How long an instance that flaps must be calm until its changes are sent again.
pub const FLAP_CALM: Duration = Duration::from_mins(15);
/// How long an instance without data is remembered.
pub const UNKNOWN_MAX: Duration = Duration::from_hours(24);
/// The oldest time of an evaluation that a stored state may show, while it is evaluated.
pub const STORED_AGE_MAX: Duration = Duration::from_mins(1);

/// What an instance is seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Well.
    Ok,
    /// Bad, not yet for long enough.
    Pending,
    /// Bad, and sent.
    Firing,
    /// Well again, not yet for long enough.
    Clearing,
    /// There is no data.
    Unknown,
}

impl Status {
    /// Its name.
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

/// A person has seen it, so it is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The user.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they wrote; may be empty.
    #[serde(default)]
    pub comment: String,
}

/// All that is remembered of an instance. Stored after each change, so that a restart neither repeats
/// a notice nor loses one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceState {
    /// Beside the threshold of a warning.
    pub warning: LevelState,
    /// Beside that of critical.
    pub critical: LevelState,
    /// Since when there is no data.
    #[serde(default)]
    pub unknown_since: Option<Timestamp>,
    /// When it was last evaluated.
    pub evaluated_at: Timestamp,
    /// The severity of the last notice; absent when there was none, or it was resolved.
    #[serde(default)]
    pub announced: Option<Severity>,
    /// When the last notice was made.
    #[serde(default)]
    pub announced_at: Option<Timestamp>,
    /// When the severity changed, within the last half hour.
    #[serde(default)]
    pub changes: Vec<Timestamp>,
    /// Whether it changes so often that its changes are not sent.
    #[serde(default)]
    pub flapping: bool,
    /// Who has seen it.
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
    /// The last value, in the unit of what is judged.
    #[serde(default)]
    pub value: Option<f64>,
    /// The last value for people, or why there is none.
    #[serde(default)]
    pub text: HostText,
}

impl InstanceState {
    /// What it is seen to be.
    #[must_use]
    pub fn status(&self) -> Status {
        if self.unknown_since.is_some() {
            return Status::Unknown;
        }
        let levels = [&self.critical, &self.warning];
        if levels
            .iter()
            .any(|level| matches!(level, LevelState::On { .. }))
        {
            Status::Firing
        } else if levels.iter().any(|level| level.is_active()) {
            Status::Clearing
        } else if levels
            .iter()
            .any(|level| matches!(level, LevelState::Pending { .. }))
        {
            Status::Pending
        } else {
            Status::Ok
        }
    }

    /// The severity with which it fires or clears; absent when it does neither.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        if self.critical.is_active() {
            Some(Severity::Critical)
        } else {
            self.warning.is_active().then_some(Severity::Warning)
        }
    }

    /// Since when it is bad: when the value first reached a threshold.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        let both = [self.warning.since(), self.critical.since()];
        both.into_iter().flatten().min()
    }

    /// When it began to fire.
    #[must_use]
    pub fn fired_at(&self) -> Option<Timestamp> {
        let both = [self.warning.fired_at(), self.critical.fired_at()];
        both.into_iter().flatten().min()
    }

    /// Whether nothing of it needs to be remembered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.status() == Status::Ok
            && self.announced.is_none()
            && !self.flapping
            && self.changes.is_empty()
    }

    /// Whether it has to be stored in place of an earlier one: something has changed but the value, or
    /// the earlier one would soon look as if the daemon had stood still.
    #[must_use]
    pub fn has_to_replace(&self, stored: &Self) -> bool {
        let alike = Self {
            evaluated_at: stored.evaluated_at,
            value: stored.value,
            text: stored.text.clone(),
            ..self.clone()
        };
        alike != *stored
            || self.evaluated_at.since(stored.evaluated_at) >= STORED_AGE_MAX
            || self.evaluated_at < stored.evaluated_at
    }

    /// Notes that a person has seen it. `false` when it does not fire. Forgotten when it is resolved or
    /// gets worse.
    pub fn acknowledge(&mut self, acknowledgement: Acknowledgement) -> bool {
        if self.severity().is_none() {
            return false;
        }
        self.acknowledged = Some(acknowledgement);
        true
    }
}

#[cfg(test)]
mod tests;
