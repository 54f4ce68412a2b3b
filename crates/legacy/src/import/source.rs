//! A user as the Python program knew it.

use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, UserId};

/// Where a user comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// PostgreSQL: the v1 routes.
    V1,
    /// The SQLite file: the legacy routes.
    Legacy,
}

impl Origin {
    /// The word shown to people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Legacy => "legacy",
        }
    }
}

/// A user as the Python program knew it.
#[derive(Debug, Clone)]
pub struct SourceUser {
    /// Where it comes from.
    pub origin: Origin,
    /// What identifies it, also among other installations.
    pub source: String,
    /// Its id, where it had one.
    pub id: Option<UserId>,
    /// Its name there.
    pub name: String,
    /// The most it might do.
    pub role: Role,
    /// Whether it might do anything.
    pub active: bool,
    /// Whether it could not be deleted.
    pub immutable: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last seen.
    pub last_login: Option<Timestamp>,
    /// The hash of its key, as this program stores it.
    pub key_hash: Option<String>,
}
