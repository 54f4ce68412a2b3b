//! A scripted fleet: what the dashboard looks like, without any daemon. The same script at the
//! same time gives the same screens, so that pictures and tests can be made from it.

mod alerts;
mod fleet;
mod journal;
mod network;
mod programs;
mod script;

use std::collections::BTreeMap;
use std::time::Duration;

pub use script::DemoScript;
pub(crate) use script::noise;

use super::change::{Change, ChangeOutcome};
use super::host::HostState;
use super::query::{AnyQuery, AnyResponse};
use linux_api_client::error::ClientError;
use linux_api_wire::time::Clock;

/// One host of the script.
#[derive(Debug, Clone)]
pub struct DemoHost {
    name: &'static str,
    number: u32,
    clock: Clock,
}

const NAMES: [(&str, &str, &str); 6] = [
    ("web-01", "web", "prod"),
    ("web-02", "web", "prod"),
    ("db-01", "db", "prod"),
    ("cache-01", "cache", "prod"),
    ("build-01", "ci", "dev"),
    ("old-nas", "files", "dev"),
];
/// The host that is down; its database still knows it.
const DOWN: &str = "old-nas";

/// All hosts of the script.
#[must_use]
pub fn fleet(clock: &Clock) -> Vec<(HostState, DemoHost)> {
    (0..)
        .zip(NAMES)
        .map(|(number, (name, role, environment))| {
            let labels = [("role", role), ("env", environment)];
            let labels: BTreeMap<String, String> = labels
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let address = format!("https://{name}.example:8443");
            let source = DemoHost {
                name,
                number,
                clock: clock.clone(),
            };
            (HostState::new(name.to_owned(), address, labels), source)
        })
        .collect()
}

impl DemoHost {
    /// The response of the script, after a little while as over a network.
    pub(super) async fn fetch(&self, query: &AnyQuery) -> Result<AnyResponse, ClientError> {
        tokio::time::sleep(self.latency()).await;
        self.respond(query)
    }

    /// How long the host takes to respond.
    #[must_use]
    pub fn latency(&self) -> Duration {
        if self.name == DOWN {
            return Duration::from_millis(1500);
        }
        Duration::from_millis(4 + 9 * u64::from(self.number))
    }

    /// The response of the script at this moment.
    ///
    /// # Errors
    /// The host that is down does not respond.
    pub fn respond(&self, query: &AnyQuery) -> Result<AnyResponse, ClientError> {
        if self.name == DOWN {
            return Err(ClientError::Offline {
                address: format!("https://{DOWN}.example:8443"),
                reason: "timed out".to_owned(),
            });
        }
        let now = self.clock.now();
        let script = script::DemoScript::new(self.name, self.number, now);
        query.scripted(&script)
    }

    /// The script does not change.
    #[expect(clippy::unused_self, reason = "called like the daemon's")]
    pub(super) fn send(&self, change: &Change) -> Result<ChangeOutcome, ClientError> {
        Err(ClientError::Refused {
            address: "demo".to_owned(),
            status: 403,
            code: "demo".to_owned(),
            detail: format!("The demonstration can't {}.", change.in_words()),
            retry_after: None,
        })
    }
}
