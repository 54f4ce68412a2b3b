//! Users and what their role lets them do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::host_selector::HostSelector;
use super::time::Timestamp;

/// Identifies a user forever, whatever the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub Uuid);

impl UserId {
    /// A new random id (UUID version 4).
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id that stands for the Linux account `uid`, which has no row in the database: always the
    /// same for the same account.
    #[must_use]
    pub fn of_account(uid: u32) -> Self {
        let mut bytes = [0_u8; 16];
        bytes[..8].copy_from_slice(b"linuxuid");
        bytes[12..].copy_from_slice(&uid.to_be_bytes());
        Self(Uuid::new_v8(bytes))
    }

    /// Whether it stands for a Linux account, made by [`Self::of_account`], and so is no row's.
    #[must_use]
    pub fn is_of_account(self) -> bool {
        let bytes = self.0.as_bytes();
        let uid = [bytes[12], bytes[13], bytes[14], bytes[15]];
        self == Self::of_account(u32::from_be_bytes(uid))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a user may do at most; the scopes of a key can only narrow it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads host data and manages its own keys.
    Viewer,
    /// Everything a viewer may, and reads logs and acts on hosts, as far as their policies allow.
    Operator,
    /// Everything an operator may, and users, metrics and the audit log.
    Admin,
}

impl Role {
    /// The word stored in the database and shown to people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Debug, thiserror::Error)]
#[error("unknown role, expected viewer, operator or admin")]
pub struct ParseRoleError;

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(ParseRoleError),
        }
    }
}

/// One person or program that uses the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never changes and is never used again.
    pub id: UserId,
    /// Login name, unique: 1 to 64 of `a-z`, `0-9`, `_`, `.` and `-`.
    pub name: String,
    /// The most that any of its keys may do.
    pub role: Role,
    /// A user that is not active is recognised and refused.
    pub active: bool,
    /// Can't be deleted, demoted, deactivated or renamed, nor its keys be changed by others.
    pub immutable: bool,
    /// On which hosts it and its keys may do anything.
    pub hosts: HostSelector,
    /// When it was made.
    pub created_at: Timestamp,
    /// When one of its keys was last accepted, to the minute.
    pub last_login: Option<Timestamp>,
}

/// Why a text can't be a user's name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// Nothing but spaces.
    #[error("a user name has 1 to {USER_NAME_MAX} characters")]
    Empty,
    /// More than [`USER_NAME_MAX`] characters.
    #[error("a user name has 1 to {USER_NAME_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// Something else than a letter or an underscore at the beginning.
    #[error("a user name begins with a letter a to z or an underscore")]
    Start,
    /// A character that names can't hold.
    #[error("a user name holds letters a to z, digits, underscores, dots and hyphens, not {0:?}")]
    Charset(char),
}

/// Most characters in the name of a user that is registered over the API.
pub const USER_NAME_MAX: usize = 32;

/// Trims, lower-cases and checks the name of a new user: `^[a-z_][a-z0-9_.-]{0,31}$`, which is what
/// Linux accounts may be called.
///
/// # Errors
/// Says what is wrong with the name: empty, too long, another character than those, or one of them
/// where it may not stand.
pub fn parse_user_name(text: &str) -> Result<String, UserNameError> {
    let name = text.trim();
    let length = name.chars().count();
    if length > USER_NAME_MAX {
        return Err(UserNameError::TooLong(length));
    }
    let is_allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if let Some(wrong) = name.chars().find(|c| !is_allowed(c)) {
        return Err(UserNameError::Charset(wrong));
    }
    // A name of digits alone would be taken for a number elsewhere; none begins with a digit.
    match name.bytes().next() {
        None => Err(UserNameError::Empty),
        Some(first) if first.is_ascii_alphabetic() || first == b'_' => {
            Ok(name.to_ascii_lowercase())
        }
        Some(_) => Err(UserNameError::Start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_account_is_no_users() {
        assert!(UserId::of_account(0).is_of_account());
        assert!(UserId::of_account(u32::MAX).is_of_account());
        assert_ne!(UserId::of_account(1), UserId::of_account(2));
        assert!(!UserId::random().is_of_account());
        assert!(!UserId(Uuid::new_v8(*b"another program.")).is_of_account());
    }

    #[test]
    fn names_are_trimmed_and_lower_cased() {
        for (text, name) in [
            ("  Alice_1 ", "alice_1"),
            ("bob", "bob"),
            ("x", "x"),
            ("_svc", "_svc"),
            ("web-01.example", "web-01.example"),
            (
                "abcdefghijklmnopqrstuvwxyz012345",
                "abcdefghijklmnopqrstuvwxyz012345",
            ),
        ] {
            assert_eq!(parse_user_name(text), Ok(name.to_owned()));
        }
    }

    #[test]
    fn bad_names_say_why() {
        let long = "abcdefghijklmnopqrstuvwxyz0123456";
        for (text, error) in [
            ("  ", UserNameError::Empty),
            (long, UserNameError::TooLong(33)),
            ("!!!!", UserNameError::Charset('!')),
            ("jürgen", UserNameError::Charset('ü')),
            ("two words", UserNameError::Charset(' ')),
            ("1234", UserNameError::Start),
            ("1st", UserNameError::Start),
            ("-x", UserNameError::Start),
            (".x", UserNameError::Start),
        ] {
            assert_eq!(parse_user_name(text), Err(error), "{text}");
        }
    }
}
