//! One threshold of an instance over time.

use std::time::Duration;

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::judge::Signal;

/// Where an instance is beside one threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LevelState {
    /// Well.
    #[default]
    Off,
    /// Bad, not yet for long enough.
    Pending {
        /// When the value reached the threshold.
        since: Timestamp,
    },
    /// Bad for long enough.
    On {
        /// When the value reached the threshold.
        since: Timestamp,
        /// When it had been bad for long enough.
        fired_at: Timestamp,
    },
    /// Well again, not yet for long enough.
    Clearing {
        /// When the value reached the threshold.
        since: Timestamp,
        /// When it had been bad for long enough.
        fired_at: Timestamp,
        /// When the value cleared.
        cleared_at: Timestamp,
    },
}

impl LevelState {
    /// Whether it fires, or clears and still counts.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::On { .. } | Self::Clearing { .. })
    }

    /// When the value reached the threshold.
    #[must_use]
    pub const fn since(&self) -> Option<Timestamp> {
        match *self {
            Self::Off => None,
            Self::Pending { since } | Self::On { since, .. } | Self::Clearing { since, .. } => {
                Some(since)
            }
        }
    }

    /// When it had been bad for long enough.
    #[must_use]
    pub const fn fired_at(&self) -> Option<Timestamp> {
        match *self {
            Self::On { fired_at, .. } | Self::Clearing { fired_at, .. } => Some(fired_at),
            Self::Off | Self::Pending { .. } => None,
        }
    }

    /// Moves it by what the value is beside the threshold.
    ///
    /// What is pending stays so while the value has not cleared, so that one on the threshold does not begin
    /// again and again; it fires at a moment when the threshold is reached.
    pub(super) fn advance(
        &mut self,
        signal: Signal,
        pending: Duration,
        keep_firing: Duration,
        now: Timestamp,
    ) {
        *self = match *self {
            Self::Off if signal.raised => Self::pending(now, signal, pending, now),
            Self::Pending { since } if signal.held => Self::pending(since, signal, pending, now),
            Self::Off | Self::Pending { .. } => Self::Off,
            Self::On { since, fired_at }
            | Self::Clearing {
                since, fired_at, ..
            } if signal.held => Self::On { since, fired_at },
            Self::On { since, fired_at } => Self::clearing(since, fired_at, now, keep_firing, now),
            Self::Clearing {
                since,
                fired_at,
                cleared_at,
            } => Self::clearing(since, fired_at, cleared_at, keep_firing, now),
        };
    }

    fn pending(since: Timestamp, signal: Signal, pending: Duration, now: Timestamp) -> Self {
        if signal.raised && now.since(since) >= pending {
            let fired_at = now;
            return Self::On { since, fired_at };
        }
        Self::Pending { since }
    }

    fn clearing(
        since: Timestamp,
        fired_at: Timestamp,
        cleared_at: Timestamp,
        keep_firing: Duration,
        now: Timestamp,
    ) -> Self {
        if now.since(cleared_at) >= keep_firing {
            return Self::Off;
        }
        Self::Clearing {
            since,
            fired_at,
            cleared_at,
        }
    }

    /// Has what waits for time to pass begin again.
    pub(super) fn begin_again(&mut self, now: Timestamp) {
        match self {
            Self::Pending { since } => *since = now,
            Self::Clearing { cleared_at, .. } => *cleared_at = now,
            Self::Off | Self::On { .. } => {}
        }
    }

    /// Moves what lies in the future to now.
    pub(super) fn bound(&mut self, now: Timestamp) {
        match self {
            Self::Off => {}
            Self::Pending { since } => *since = now.min(*since),
            Self::On { since, fired_at } => {
                *since = now.min(*since);
                *fired_at = now.min(*fired_at);
            }
            Self::Clearing {
                since,
                fired_at,
                cleared_at,
            } => {
                *since = now.min(*since);
                *fired_at = now.min(*fired_at);
                *cleared_at = now.min(*cleared_at);
            }
        }
    }
}
