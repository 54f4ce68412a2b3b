//! Calls that act on a host: signals, nice values, units.
//!
//! Each has an `Idempotency-Key` of its own, chosen at random. When the connection is lost it is not known whether
//! the act happened, so the same request is sent once more with the same key: the host does it once at most. No
//! other failure is retried.

use std::fmt;
use std::time::Duration;

use rand::RngExt as _;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::calls::dotted_segment;
use super::error::ClientError;
use super::{Client, body};
use linux_api_wire::api::acts::{
    ActState, ProcessActResult, ProcessActResults, ProcessIdentity, SendSignal, SendSignals,
    SetNice, SetNices, SetUnitLimits, UnitActResult,
};

/// Longest time for the response to an act: a job of systemd, and a signal that is followed by KILL, take up to
/// thirty seconds.
pub const ACT_TIMEOUT: Duration = Duration::from_secs(45);
/// How long to wait before the one retry, which a daemon that restarts needs.
const PAUSE: Duration = Duration::from_millis(500);
/// The header that names a request: the same one again is done once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What can be done with a unit by a request without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitVerb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Have it read its configuration again.
    Reload,
    /// Forget that it has failed.
    ResetFailed,
    /// Start it with the system from now on.
    Enable,
    /// Start it with the system no longer.
    Disable,
}

impl UnitVerb {
    /// Its word in paths, on the command line and in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::ResetFailed => "reset-failed",
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

/// The types of units, as their names end.
const UNIT_TYPES: [&str; 11] = [
    "service",
    "timer",
    "socket",
    "path",
    "target",
    "mount",
    "automount",
    "swap",
    "slice",
    "scope",
    "device",
];

/// The name of a unit as people write it; one without a type is a service's.
///
/// # Errors
/// When it can't be one, in words.
pub fn unit_name(text: &str) -> Result<String, String> {
    let is_known =
        |character: char| character.is_ascii_alphanumeric() || ":-_.\\@".contains(character);
    if text.is_empty()
        || text.len() > 255
        || !text.chars().all(is_known)
        || text.starts_with(['-', '.'])
    {
        return Err("expected the name of a unit, such as nginx or backup.timer".to_owned());
    }
    let kind = text.rsplit_once('.').map(|(_, kind)| kind);
    if kind.is_some_and(|kind| UNIT_TYPES.contains(&kind)) {
        return Ok(text.to_owned());
    }
    Ok(format!("{text}.service"))
}

impl fmt::Display for UnitVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A random key for one act: 128 bits.
fn idempotency_key() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// Every call fails with a [`ClientError`] that says what to do about it.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: all of them fail in the same ways"
)]
impl Client {
    /// Whether the host can be acted on, and why not.
    pub async fn acts(&self) -> Result<ActState, ClientError> {
        self.get("/api/v1/system/acts", &[] as &[(&str, &str)])
            .await
    }

    /// Whether one act on a unit is possible, and why not. A daemon that is older says whether any is.
    pub async fn unit_act(&self, unit: &str, verb: UnitVerb) -> Result<ActState, ClientError> {
        let about = [("unit", unit), ("verb", verb.as_str())];
        self.get("/api/v1/system/acts", &about).await
    }

    /// Sends a signal to a process.
    pub async fn signal_process(
        &self,
        pid: u32,
        signal: &SendSignal,
    ) -> Result<ProcessActResult, ClientError> {
        let path = format!("/api/v1/system/processes/{pid}/signal");
        self.act(&path, Some(signal)).await
    }

    /// Sets the nice value of a process.
    pub async fn renice_process(
        &self,
        process: ProcessIdentity,
        nice: i8,
    ) -> Result<ProcessActResult, ClientError> {
        let path = format!("/api/v1/system/processes/{}/renice", process.pid);
        let start_ticks = process.start_ticks;
        self.act(&path, Some(&SetNice { nice, start_ticks })).await
    }

    /// Sends a signal to several processes; each has a result of its own.
    pub async fn signal_processes(
        &self,
        signals: &SendSignals,
    ) -> Result<ProcessActResults, ClientError> {
        self.act("/api/v1/system/processes/signal", Some(signals))
            .await
    }

    /// Sets the nice value of several processes; each has a result of its own.
    pub async fn renice_processes(
        &self,
        nices: &SetNices,
    ) -> Result<ProcessActResults, ClientError> {
        self.act("/api/v1/system/processes/renice", Some(nices))
            .await
    }

    /// Does something with a unit. A job that fails is a result, not an error.
    pub async fn act_on_unit(
        &self,
        unit: &str,
        verb: UnitVerb,
    ) -> Result<UnitActResult, ClientError> {
        let path = format!("/api/v1/system/units/{}/{verb}", dotted_segment(unit));
        self.act(&path, None::<&()>).await
    }

    /// Changes what a service may use.
    pub async fn limit_unit(
        &self,
        unit: &str,
        limits: &SetUnitLimits,
    ) -> Result<UnitActResult, ClientError> {
        let path = format!("/api/v1/system/units/{}/limits", dotted_segment(unit));
        self.act(&path, Some(limits)).await
    }

    /// Requests an act, and once more when the connection is lost before the response is there.
    async fn act<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let key = idempotency_key();
        match self.act_once(path, body, &key).await {
            Err(error) if error.is_lost_connection() => {
                tokio::time::sleep(PAUSE).await;
                self.act_once(path, body, &key).await
            }
            result => result,
        }
    }

    async fn act_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&impl Serialize>,
        key: &str,
    ) -> Result<T, ClientError> {
        let mut request = self
            .request(Method::POST, path)
            .header(IDEMPOTENCY_KEY, key)
            .timeout(self.timeout.unwrap_or(ACT_TIMEOUT));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = self.send(request).await?;
        body::json(&self.address, response).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::Target;

    type Seen = Arc<tokio::sync::Mutex<Vec<String>>>;

    /// A server that closes the first connections without a response, and responds to the others with this; and
    /// what was requested of it.
    async fn requests(lost: usize, response: &'static str) -> (Client, Seen) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(tokio::sync::Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut text = String::new();
                while !text.contains("\r\n\r\n") {
                    let mut bytes = [0; 4096];
                    let length = stream.read(&mut bytes).await.unwrap();
                    text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
                }
                let mut seen = kept.lock().await;
                seen.push(text);
                if seen.len() > lost {
                    stream.write_all(response.as_bytes()).await.unwrap();
                }
            }
        });
        let target = Target::new(format!("http://{address}").parse().unwrap());
        (Client::new(&target).unwrap(), seen)
    }

    fn key_of(request: &str) -> &str {
        let (_, rest) = request.split_once("idempotency-key: ").unwrap();
        rest.split_once("\r\n").unwrap().0
    }

    const RESTARTED: &str = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
        r#"{"unit":"a.service","job":"done","pending":false,"active":"active","sub":"running","log":[]}"#
    );
    const BUSY: &str =
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    #[tokio::test]
    async fn an_act_whose_connection_is_lost_is_retried_once_with_the_same_key() {
        let (client, seen) = requests(1, RESTARTED).await;
        let result = client.act_on_unit("a.service", UnitVerb::Restart).await;
        assert!(result.unwrap().succeeded());
        let sent = seen.lock().await.clone();
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert_eq!(key_of(&sent[0]), key_of(&sent[1]));
        assert!(sent[0].starts_with("POST /api/v1/system/units/a.service/restart "));

        let (client, seen) = requests(usize::MAX, "").await;
        let error = client.act_on_unit("a.service", UnitVerb::Stop).await;
        assert!(
            matches!(error, Err(ClientError::Offline { .. })),
            "{error:?}"
        );
        assert_eq!(seen.lock().await.len(), 2);
    }

    #[tokio::test]
    async fn a_refused_act_is_not_retried_and_each_act_has_a_key_of_its_own() {
        let (client, seen) = requests(0, BUSY).await;
        for _ in 0..2 {
            let error = client.act_on_unit("x@1.service", UnitVerb::Start).await;
            assert!(matches!(
                error,
                Err(ClientError::Refused { status: 503, .. })
            ));
        }
        let sent = seen.lock().await.clone();
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert_ne!(key_of(&sent[0]), key_of(&sent[1]));
        assert_eq!(key_of(&sent[0]).len(), 32);
        assert!(sent[0].starts_with("POST /api/v1/system/units/x%401.service/start "));
    }

    #[tokio::test]
    async fn an_act_that_takes_too_long_is_not_sent_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Target::new(format!("http://{address}").parse().unwrap());
        let client = Client::new(&target).unwrap();
        let client = client.with_timeout(Duration::from_millis(100));
        let (result, _accepted) = tokio::join!(
            client.act_on_unit("a.service", UnitVerb::Stop),
            listener.accept()
        );
        assert!(
            matches!(result, Err(ClientError::Offline { .. })),
            "{result:?}"
        );
        let second = tokio::time::timeout(Duration::from_millis(50), listener.accept());
        assert!(second.await.is_err(), "a second connection");
    }
}
