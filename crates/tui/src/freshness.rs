//! How new what is shown is: one value, from which the header, the dimming and the badge derive.

use std::time::Duration;

use super::host::{HostState, Link};
use super::message::ClockReading;
use linux_api_client::error::ClientError;

/// Data is late after this many missed responses.
const MISSED: u32 = 4;

/// Something that a view shows, as far as its age goes.
#[derive(Debug, Clone, Copy)]
pub struct PartFreshness<'a> {
    /// How old the newest value is; nothing before the first one.
    pub age: Option<Duration>,
    /// Why there is no newer one.
    pub error: Option<&'a ClientError>,
    /// How often a newer one is due.
    pub every: Duration,
}

/// How new what is shown is.
#[derive(Debug, Clone, PartialEq)]
pub enum Freshness<'a> {
    /// No response came yet, since so long.
    Connecting(Duration),
    /// As new as it is to be. The last response took so long.
    Fresh(Duration),
    /// Held still on request.
    Frozen,
    /// A newer response is overdue; this is the age of what is shown.
    Late(Duration),
    /// The host can't be reached, or refuses.
    Failed {
        /// Why.
        error: &'a ClientError,
        /// In how long it is tried again, where that is known.
        retry_in: Option<Duration>,
        /// How old what is shown is; nothing without anything to show.
        age: Option<Duration>,
    },
}

impl<'a> Freshness<'a> {
    /// How new these parts of a host are. An error counts before age, and one that is about the
    /// whole host before one that is about a part.
    #[must_use]
    pub fn of(
        host: &'a HostState,
        parts: &[PartFreshness<'a>],
        is_frozen: bool,
        now: ClockReading,
    ) -> Self {
        let oldest = parts.iter().filter_map(|part| part.age).max();
        let failed = |error, retry_in| Self::Failed {
            error,
            retry_in,
            age: oldest,
        };
        if let Link::Down { error, retry_at } = &host.link {
            return failed(error, Some(retry_at.saturating_sub(now.since_start)));
        }
        let error = host.refusal();
        if let Some(error) = error.or_else(|| parts.iter().find_map(|part| part.error)) {
            return failed(error, None);
        }
        if is_frozen {
            return Self::Frozen;
        }
        let late = parts.iter().filter_map(|part| {
            let age = part.age?;
            (age > part.every.saturating_mul(MISSED)).then_some(age)
        });
        if let Some(age) = late.max() {
            return Self::Late(age);
        }
        match &host.link {
            Link::Up { latency } => Self::Fresh(*latency),
            Link::Connecting { since } => Self::Connecting(now.since_start.saturating_sub(*since)),
            Link::Down { error, .. } => failed(error, None),
        }
    }

    /// Whether what is shown is older than it should be: then it is dimmed, and a badge says so.
    #[must_use]
    pub const fn is_old(&self) -> bool {
        matches!(self, Self::Late(_) | Self::Failed { .. })
    }

    /// The age for the badge of what is old; nothing when nothing old is shown.
    #[must_use]
    pub const fn old_for(&self) -> Option<Duration> {
        match self {
            Self::Late(age) => Some(*age),
            Self::Failed { age, .. } => *age,
            _ => None,
        }
    }

    /// Whether its words change with every second.
    #[must_use]
    pub const fn counts_seconds(&self) -> bool {
        !matches!(self, Self::Fresh(_) | Self::Frozen)
    }
}
