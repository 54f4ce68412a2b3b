//! What each host is polled for, whatever is shown of it.

use std::time::Duration;

use super::{Query, RARELY};
use crate::demo::DemoScript;
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_wire::api::acts::ActState;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api::system::SystemInfo;
use linux_api_wire::api::users::CurrentUser;

/// The user whom the key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeQuery;

impl Query for MeQuery {
    type Response = CurrentUser;

    fn pace(_every: Duration) -> Duration {
        RARELY
    }

    async fn fetch(&self, client: &Client) -> Result<CurrentUser, ClientError> {
        client.current_user().await
    }

    fn scripted(&self, script: &DemoScript) -> Result<CurrentUser, ClientError> {
        Ok(script.me())
    }
}

/// Kernel and hardware of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InfoQuery;

impl Query for InfoQuery {
    type Response = SystemInfo;

    fn pace(_every: Duration) -> Duration {
        RARELY
    }

    async fn fetch(&self, client: &Client) -> Result<SystemInfo, ClientError> {
        client.system_info().await
    }

    fn scripted(&self, script: &DemoScript) -> Result<SystemInfo, ClientError> {
        Ok(script.info())
    }
}

/// The newest reading of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotQuery;

impl Query for SnapshotQuery {
    type Response = Snapshot;
    const LEAST: Duration = Duration::ZERO;

    async fn fetch(&self, client: &Client) -> Result<Snapshot, ClientError> {
        client.snapshot().await
    }

    fn scripted(&self, script: &DemoScript) -> Result<Snapshot, ClientError> {
        Ok(script.snapshot())
    }
}

/// Whether the host can be acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActsQuery;

impl Query for ActsQuery {
    type Response = ActState;

    async fn fetch(&self, client: &Client) -> Result<ActState, ClientError> {
        client.acts().await
    }

    fn scripted(&self, script: &DemoScript) -> Result<ActState, ClientError> {
        Ok(script.acts())
    }

    /// An older daemon does not know the route, and what is read of the host is none the worse.
    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}
