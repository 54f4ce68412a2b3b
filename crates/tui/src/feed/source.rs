//! Where a feed gets its responses: a daemon, or the script of the demonstration.

use crate::change::{Change, ChangeOutcome};
use crate::demo::DemoHost;
use crate::query::{AnyQuery, AnyResponse};
use linux_api_client::Client;
use linux_api_client::error::ClientError;

/// What responds for a host.
#[derive(Debug, Clone)]
pub(crate) enum HostSource {
    /// A daemon.
    Daemon(Client),
    /// A daemon that can't even be polled: its key or address is unusable.
    Unusable(ClientError),
    /// A host of the demonstration.
    Demo(DemoHost),
}

impl HostSource {
    pub(super) async fn fetch(&self, query: &AnyQuery) -> Result<AnyResponse, ClientError> {
        match self {
            Self::Daemon(client) => query.fetch(client).await,
            Self::Unusable(error) => Err(error.clone()),
            Self::Demo(host) => host.fetch(query).await,
        }
    }

    /// What kind of session it is, where that is not the usual one.
    pub(super) fn session(&self) -> Option<String> {
        match self {
            Self::Daemon(client) => client.session(),
            Self::Unusable(_) | Self::Demo(_) => None,
        }
    }

    pub(super) async fn send(&self, change: &Change) -> Result<ChangeOutcome, ClientError> {
        match self {
            Self::Daemon(client) => change.send(client).await,
            Self::Unusable(error) => Err(error.clone()),
            Self::Demo(host) => host.send(change),
        }
    }
}
