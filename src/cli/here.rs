//! A daemon of this process alone, for commands that find none on this host.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Context;
use linux_api_client::channel::{Channel, Connect};
use linux_api_client::error::ClientError;
use linux_api_client::{Address, Target};
use linux_api_config::Config;
use linux_api_daemon::run::ephemeral::{Ephemeral, EphemeralConnector};

/// How long it lasts, and what makes it last.
const SESSION: &str = "this session only: sudo linux-api setup keeps history";

/// Starts it; it ends when it is dropped.
pub(super) async fn start(ctx: &Context) -> anyhow::Result<Ephemeral> {
    // Where the host's trees are, for instance; a configuration that can't be read is another account's.
    let config = ctx.load(Vec::new()).map(|loaded| loaded.config);
    Ephemeral::start(&config.unwrap_or_else(|_| Config::default())).await
}

/// How a client of this process reaches it.
pub(super) fn target(daemon: &Ephemeral) -> Target {
    Target {
        connect: Some(Arc::new(InProcess(daemon.connector()))),
        ..Target::new(Address::Here)
    }
}

#[derive(Debug)]
struct InProcess(EphemeralConnector);

impl Connect for InProcess {
    fn prepare(&self) -> BoxFuture<'_, Result<(), ClientError>> {
        Box::pin(async { Ok(()) })
    }

    fn connect(&self) -> BoxFuture<'_, Result<Channel, ClientError>> {
        Box::pin(async { connect(&self.0) })
    }

    fn session(&self) -> Option<String> {
        Some(SESSION.to_owned())
    }
}

/// One more connection.
pub(super) fn connect(daemon: &EphemeralConnector) -> Result<Channel, ClientError> {
    match daemon.connect() {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(ClientError::Offline {
            address: Address::Here.to_string(),
            reason: error.to_string(),
        }),
    }
}
