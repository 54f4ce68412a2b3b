//! A scripted fleet: what the dashboard looks like, without any daemon. The same script at the
//! same time gives the same screens, so that pictures and tests can be made from it.

mod past;
mod programs;
mod script;

use std::collections::BTreeMap;
use std::time::Duration;

use super::host::Host;
use super::message::{Call, Data, Outcome, Wanted};
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
/// The host that is down.
const DOWN: &str = "old-nas";

/// All hosts of the script.
#[must_use]
pub fn fleet(clock: &Clock) -> Vec<(Host, DemoHost)> {
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
            (Host::new(name.to_owned(), address, labels), source)
        })
        .collect()
}

impl DemoHost {
    /// What the script says to a question, after a little while as over a network.
    pub(super) async fn fetch(&self, wanted: &Wanted) -> Result<Data, ClientError> {
        tokio::time::sleep(self.latency()).await;
        self.answer(wanted)
    }

    /// How long the host takes for an answer.
    #[must_use]
    pub fn latency(&self) -> Duration {
        if self.name == DOWN {
            return Duration::from_millis(1500);
        }
        Duration::from_millis(4 + 9 * u64::from(self.number))
    }

    /// What the script says to a question at this moment.
    ///
    /// # Errors
    /// The host that is down does not answer.
    pub fn answer(&self, wanted: &Wanted) -> Result<Data, ClientError> {
        if self.name == DOWN {
            return Err(ClientError::Offline {
                address: format!("https://{DOWN}.example:8443"),
                reason: "timed out".to_owned(),
            });
        }
        let now = self.clock.now();
        let script = script::Script::new(self.name, self.number, now);
        Ok(match wanted {
            Wanted::Me => Data::Me(script.me()),
            Wanted::Info => Data::Info(script.info()),
            Wanted::Snapshot => Data::Snapshot(Box::new(script.snapshot())),
            Wanted::Processes(query) => Data::Processes(script.processes(query)),
            Wanted::Process(pid) => {
                Data::Process(Box::new(script.process(*pid).ok_or_else(|| {
                    ClientError::Refused {
                        address: self.name.to_owned(),
                        status: 404,
                        code: "process_not_found".to_owned(),
                        detail: "There is no such process.".to_owned(),
                        retry_after: None,
                    }
                })?))
            }
            Wanted::Readiness => Data::Readiness(script.readiness()),
            Wanted::Health => Data::Health(Box::new(past::health(now))),
            Wanted::Requests(_) => Data::Requests(past::requests(now, self.number)),
            Wanted::History(query) => Data::History(past::history(query, self.number)),
            Wanted::Users => Data::Users(script.users()),
            Wanted::Keys(user) => Data::Keys(script.keys(user.as_deref())),
        })
    }

    /// The script does not change.
    #[expect(clippy::unused_self, reason = "called like the daemon's")]
    pub(super) fn call(&self, call: &Call) -> Result<Outcome, ClientError> {
        Err(ClientError::Refused {
            address: "demo".to_owned(),
            status: 403,
            code: "demo".to_owned(),
            detail: format!("The demonstration can't {}.", call.in_words()),
            retry_after: None,
        })
    }
}
