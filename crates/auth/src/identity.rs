//! Who a request comes from.

use std::collections::BTreeMap;
use std::net::IpAddr;

use linux_api_wire::api_key::{KeyId, Scope, Scopes};
use linux_api_wire::audit::{Origin, Via};
use linux_api_wire::authority;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::user::User;

pub use linux_api_wire::authority::Denial;

/// A caller that proved who it is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The user it acts as.
    pub user: User,
    /// What its key allows at most.
    pub scopes: Scopes,
    /// The hosts that both its user and its key are limited to.
    pub hosts: HostSelector,
    /// The key, or the Linux account on the Unix socket.
    pub via: Via,
}

impl Identity {
    /// Whether the caller might do what `scope` names when it was identified. The store looks again
    /// before it changes anything.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn allow(&self, scope: Scope) -> Result<(), Denial> {
        authority::allow(self.user.role, self.user.active, self.scopes, scope)
    }

    /// Whether the caller may do anything on a host with these labels.
    ///
    /// # Errors
    /// [`Denial::Host`].
    pub fn allow_on(&self, labels: &BTreeMap<String, String>) -> Result<(), Denial> {
        if self.hosts.matches(labels) {
            Ok(())
        } else {
            Err(Denial::Host)
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
    pub fn origin(&self, address: Option<IpAddr>, request_id: String) -> Origin {
        Origin {
            user_id: Some(self.user.id),
            name: self.user.name.clone(),
            via: self.via.clone(),
            address,
            request_id: Some(request_id),
        }
    }
}
