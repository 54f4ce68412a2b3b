//! What lets a caller do something: the role and activation of its user, and the scopes of its key.

use std::fmt;

use super::api_key::{KeyId, Scope, Scopes};
use super::user::{Role, UserId};

/// What an actor's right to make a change rests on.
///
/// A caller over HTTP was identified before the body of its request was read, and has waited for more
/// than that since. So the store looks at the rows named here again, in the transaction that
/// makes the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// An API key that was accepted over HTTP.
    Key {
        /// Which key.
        id: KeyId,
        /// Whose key it is.
        user: UserId,
        /// What the change needs.
        scope: Scope,
    },
    /// A Linux account on the Unix socket.
    Peer {
        /// The account.
        uid: u32,
        /// The user that the account is mapped to; none for a member of the viewers' or the operators'
        /// group, which has no row in the database.
        user: Option<UserId>,
        /// The role of an account without a row.
        role: Role,
        /// What the change needs.
        scope: Scope,
    },
    /// Access to the database itself, on the command line.
    Local,
    /// The program itself.
    System,
}

/// Why a caller may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// Its role is too low; this one is needed.
    Role(Role),
    /// Its user is not active.
    Inactive,
    /// Its key was narrowed to other scopes.
    Scope(Scope),
    /// Its user or its key is limited to other hosts than this one.
    Host,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(Role::Admin) => f.write_str("Admin access required"),
            Self::Role(role) => write!(f, "Role {role} required"),
            Self::Inactive => f.write_str("API key has to be activated"),
            Self::Scope(scope) => write!(f, "The key lacks the scope {scope}"),
            Self::Host => f.write_str("The user or the key is limited to other hosts"),
        }
    }
}

impl Denial {
    /// The command by which an admin lets `user` act; none for what is no act.
    #[must_use]
    pub fn remedy(self, user: &str) -> Option<String> {
        match self {
            Self::Role(Role::Operator) => Some(format!("linux-api user role {user} operator")),
            Self::Scope(scope) if scope.role() == Role::Operator => {
                Some(format!("linux-api user key create {user} --scope {scope}"))
            }
            _ => None,
        }
    }
}

/// Whether a user with this role and activation may do what `scope` names by a key with these
/// scopes. The role is tested before activation, as older clients expect.
///
/// # Errors
/// The first reason why not.
pub fn allow(role: Role, active: bool, scopes: Scopes, scope: Scope) -> Result<(), Denial> {
    if role < scope.role() {
        Err(Denial::Role(scope.role()))
    } else if !active {
        Err(Denial::Inactive)
    } else if !scopes.contains(scope) {
        Err(Denial::Scope(scope))
    } else {
        Ok(())
    }
}
