//! Where users, keys and the audit log are administered: the configured database, or a daemon over
//! HTTP. Commands are written once against an [`AdminTarget`], which serves both.

mod audit;
mod keys;
mod refused;
mod users;

pub(super) use audit::{AuditConditions, is_passing};
pub(super) use refused::AdvisedError;
pub(super) use users::NewAccount;

use std::time::Duration;

use super::database::Administration;
use super::{Context, output};
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_wire::time::{Clock, Timestamp};

/// The longest that a command waits for a daemon's limit on requests, each time and how often.
const WAIT_MAX: Duration = Duration::from_mins(1);
const WAITS_MAX: u32 = 5;

/// Where to administer.
pub(super) enum AdminTarget {
    /// The database, with the rights of who has it.
    Database(Administration),
    /// A daemon, with the rights of a key.
    Remote(Client),
}

impl AdminTarget {
    /// Opens the database or, with `--remote`, prepares the connection; names it on standard error.
    pub(super) async fn open(ctx: &Context) -> anyhow::Result<Self> {
        if ctx.options.remotes.is_empty() {
            return Ok(Self::Database(Administration::open(ctx).await?));
        }
        let (client, _here) = ctx.one_client().await?;
        output::note(&format!("daemon: {}", client.address()));
        Ok(Self::Remote(client))
    }

    /// The present time, by the clock that stamps rows in this place.
    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Database(admin) => admin.store.clock().now(),
            Self::Remote(_) => Clock::system().now(),
        }
    }

    pub(super) async fn close(self) {
        if let Self::Database(admin) = self {
            admin.store.close().await;
        }
    }
}

/// Sends a request, and retries when the daemon is rate-limiting: scripts that change many
/// users are to get on.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let mut waits = 0;
    loop {
        match ask().await {
            Err(ClientError::Refused {
                status: 429,
                retry_after: Some(wait),
                ..
            }) if wait <= WAIT_MAX && waits < WAITS_MAX => {
                waits += 1;
                output::note(&format!(
                    "the daemon is rate-limiting: waiting for {wait:?}"
                ));
                tokio::time::sleep(wait).await;
            }
            answer => return answer,
        }
    }
}
