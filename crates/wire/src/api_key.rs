//! API keys as stored and shown: everything but the secret.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::host_selector::HostSelector;
use super::time::Timestamp;
use super::user::{Role, UserId};

/// The public part of a key: 12 characters, safe to log and to show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the stored hash of a key begins with that is found by an HMAC of it.
pub const HMAC_SCHEME: &str = "hmac-sha256$";
/// What the stored hash of an imported key begins with that was not used since.
pub const PBKDF2_SCHEME: &str = "pbkdf2-sha256$";

/// One permission that a key may carry.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Scope {
    /// Reads the state of the host.
    #[serde(rename = "host:read")]
    HostRead,
    /// Scrapes the OpenMetrics endpoint.
    #[serde(rename = "metrics:read")]
    MetricsRead,
    /// Reads request statistics and the daemon's health.
    #[serde(rename = "stats:read")]
    StatsRead,
    /// Manages the caller's own account and keys.
    #[serde(rename = "keys:self")]
    KeysSelf,
    /// Manages all users and their keys.
    #[serde(rename = "users:admin")]
    UsersAdmin,
    /// Reads the audit log.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// Reads the journal of the host.
    #[serde(rename = "logs:read")]
    LogsRead,
    /// Signals processes and changes their nice values.
    #[serde(rename = "processes:act")]
    ProcessesAct,
    /// Starts, stops and limits units.
    #[serde(rename = "units:act")]
    UnitsAct,
    /// Reads alerts, rules, silences and channels.
    #[serde(rename = "alerts:read")]
    AlertsRead,
    /// Acknowledges and silences alerts, and changes rules.
    #[serde(rename = "alerts:write")]
    AlertsWrite,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Self; 11] = [
        Self::HostRead,
        Self::MetricsRead,
        Self::StatsRead,
        Self::KeysSelf,
        Self::UsersAdmin,
        Self::AuditRead,
        Self::LogsRead,
        Self::ProcessesAct,
        Self::UnitsAct,
        Self::AlertsRead,
        Self::AlertsWrite,
    ];

    /// The name used in requests, in responses and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HostRead => "host:read",
            Self::MetricsRead => "metrics:read",
            Self::StatsRead => "stats:read",
            Self::KeysSelf => "keys:self",
            Self::UsersAdmin => "users:admin",
            Self::AuditRead => "audit:read",
            Self::LogsRead => "logs:read",
            Self::ProcessesAct => "processes:act",
            Self::UnitsAct => "units:act",
            Self::AlertsRead => "alerts:read",
            Self::AlertsWrite => "alerts:write",
        }
    }

    /// The least role whose users may do this.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::HostRead | Self::MetricsRead | Self::KeysSelf | Self::AlertsRead => Role::Viewer,
            Self::LogsRead | Self::ProcessesAct | Self::UnitsAct | Self::AlertsWrite => {
                Role::Operator
            }
            Self::StatsRead | Self::UsersAdmin | Self::AuditRead => Role::Admin,
        }
    }

    /// What a key with this scope may do, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::HostRead => {
                "read snapshots, the live stream, history, processes and the list of hosts"
            }
            Self::MetricsRead => "scrape /metrics",
            Self::StatsRead => "read request statistics and the health of flusher and database",
            Self::KeysSelf => {
                "read and delete its own user; list, create, rotate and revoke its keys"
            }
            Self::UsersAdmin => "create and change all users and their keys, and forget hosts",
            Self::AuditRead => "read the audit log",
            Self::LogsRead => "read the journal of the host, whose lines may hold secrets",
            Self::ProcessesAct => {
                "signal processes and change their nice values, as far as the host's policy allows"
            }
            Self::UnitsAct => {
                "start, stop, restart, enable and limit units, as far as the host's policy allows"
            }
            Self::AlertsRead => "read alerts, their history, rules, silences and channels",
            Self::AlertsWrite => "acknowledge and silence alerts, change rules, and test channels",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no scope.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown scope, expected host:read, metrics:read, stats:read, keys:self, users:admin, audit:read, logs:read, \
     processes:act, units:act, alerts:read or alerts:write"
)]
pub struct ParseScopeError;

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(ParseScopeError)
    }
}

/// The scopes of a key: all that its user's role has, or a chosen few of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(Option<u16>);

impl Scopes {
    /// All that the role has.
    pub const ALL: Self = Self(None);

    /// Only these. An empty list means all, as it does in requests.
    pub fn only(scopes: impl IntoIterator<Item = Scope>) -> Self {
        match scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()) {
            0 => Self::ALL,
            bits => Self(Some(bits)),
        }
    }

    /// Those that there were before a host could be acted on, its logs be read and its alerts be seen: what a key
    /// without scopes that is older than that keeps.
    #[must_use]
    pub fn before_acts() -> Self {
        Self::only([
            Scope::HostRead,
            Scope::MetricsRead,
            Scope::StatsRead,
            Scope::KeysSelf,
            Scope::UsersAdmin,
            Scope::AuditRead,
        ])
    }

    /// Whether `scope` is among them; says nothing about the role.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        match self.0 {
            None => true,
            Some(bits) => bits & scope.bit() != 0,
        }
    }

    /// Whether every scope of `self` is also in `other`.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        match (self.0, other.0) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(outer)) => own & !outer == 0,
        }
    }

    /// The chosen scopes in a fixed order, empty for all.
    #[must_use]
    pub fn chosen(self) -> Vec<Scope> {
        let bits = self.0.unwrap_or(0);
        Scope::ALL
            .into_iter()
            .filter(|scope| bits & scope.bit() != 0)
            .collect()
    }

    /// Names of the chosen scopes in a fixed order, empty for all.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        let names = self.chosen().into_iter();
        names.map(|scope| scope.as_str().to_owned()).collect()
    }

    /// The form kept in the database: names joined by a space, empty for all.
    #[must_use]
    pub fn to_text(self) -> String {
        let names: Vec<&str> = self.chosen().into_iter().map(Scope::as_str).collect();
        names.join(" ")
    }

    /// Reads the form kept in the database.
    ///
    /// # Errors
    /// When a name is no scope.
    pub fn from_text(text: &str) -> Result<Self, ParseScopeError> {
        let scopes: Result<Vec<Scope>, _> = text.split_whitespace().map(str::parse).collect();
        Ok(Self::only(scopes?))
    }
}

/// A key as listed: never with its secret or its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Public id, the part of the key after `lapi_`.
    pub id: KeyId,
    /// Whose key it is.
    pub user_id: UserId,
    /// What its owner calls it, 1 to 64 characters.
    pub name: String,
    /// What it may do at most.
    pub scopes: Scopes,
    /// On which of its user's hosts it is accepted.
    pub hosts: HostSelector,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working; never when absent.
    pub expires_at: Option<Timestamp>,
    /// When it was last accepted, to the minute.
    pub last_used: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_scope_means_every_scope() {
        assert!(
            Scope::ALL
                .into_iter()
                .all(|scope| Scopes::only([]).contains(scope))
        );
        assert_eq!(Scopes::from_text("").unwrap(), Scopes::ALL);
    }

    #[test]
    fn a_narrowed_key_stays_within_its_scopes() {
        let narrow = Scopes::only([Scope::HostRead]);
        assert!(narrow.contains(Scope::HostRead) && !narrow.contains(Scope::UsersAdmin));
        assert!(narrow.is_within(Scopes::ALL));
        assert!(!Scopes::ALL.is_within(narrow));
        assert!(!Scopes::only([Scope::HostRead, Scope::KeysSelf]).is_within(narrow));
    }

    #[test]
    fn keys_of_before_act_on_nothing() {
        let words = "host:read metrics:read stats:read keys:self users:admin audit:read";
        assert_eq!(Scopes::before_acts().to_text(), words);
    }

    #[test]
    fn text_round_trips() {
        let scopes = Scopes::only([Scope::AuditRead, Scope::HostRead]);
        assert_eq!(scopes.to_text(), "host:read audit:read");
        assert_eq!(Scopes::from_text(&scopes.to_text()).unwrap(), scopes);
        assert!(Scopes::from_text("host:write").is_err());
    }
}
