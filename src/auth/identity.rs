//! Who a request comes from.

use std::net::IpAddr;

use crate::model::api_key::{KeyId, Scope, Scopes};
use crate::model::audit::{Actor, Via};
use crate::model::user::{Role, User};

/// A caller that proved who it is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The user it acts as.
    pub user: User,
    /// What its key allows at most.
    pub scopes: Scopes,
    /// The key, or the Linux account on the Unix socket.
    pub via: Via,
}

/// Why a caller may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Its role is too low.
    Role(Role),
    /// Its user is not active.
    Inactive,
    /// Its key was narrowed to other scopes.
    Scope(Scope),
}

impl Identity {
    /// Whether the caller may do what `scope` names. The role is tested before activation, as
    /// older clients expect.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn allow(&self, scope: Scope) -> Result<(), Denied> {
        if self.user.role < scope.role() {
            Err(Denied::Role(scope.role()))
        } else if !self.user.active {
            Err(Denied::Inactive)
        } else if !self.scopes.contains(scope) {
            Err(Denied::Scope(scope))
        } else {
            Ok(())
        }
    }

    /// The id of the key, when there is one.
    #[must_use]
    pub fn key_id(&self) -> Option<&KeyId> {
        match &self.via {
            Via::Key(id) => Some(id),
            Via::Unix(_) | Via::Cli(_) | Via::System | Via::Nobody => None,
        }
    }

    /// This caller as the audit log names it.
    #[must_use]
    pub fn actor(&self, address: Option<IpAddr>, request_id: String) -> Actor {
        Actor {
            user_id: Some(self.user.id),
            name: self.user.name.clone(),
            via: self.via.clone(),
            address,
            request_id: Some(request_id),
        }
    }
}
