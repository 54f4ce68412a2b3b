//! An executor in a temporary directory.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use linux_api_acts::client::Client;
use linux_api_acts::protocol::{
    Actor, Outcome, ProcessIdentity, Refusal, RefusalCode, Request, Verb,
};
use linux_api_executor::executor::{Executor, Settings};
use linux_api_executor::server::{Listener, serve};
use linux_api_host::read_identity;
use linux_api_wire::time::Clock;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) bus: String,
    pub(crate) procfs: PathBuf,
    pub(crate) clock: Clock,
}

/// An executor that serves; it ends with [`Running::stop`].
pub(crate) struct Running {
    pub(crate) client: Client,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }

    /// Requests what must be refused.
    pub(crate) async fn refuses(&self, request: Request, code: RefusalCode) {
        let response = self.client.act(request).await.unwrap();
        assert_refused(response.outcome, code);
    }
}

impl Place {
    pub(crate) fn new(policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = format!("unix:path={}", folder.path().join("no-bus").display());
        let procfs = "/proc".into();
        let place = Self {
            folder,
            bus,
            procfs,
            clock: Clock::system(),
        };
        place.write_policy(policy);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write_policy(&self, text: &str) {
        std::fs::write(self.path("policy.toml"), text).unwrap();
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            policy: self.path("policy.toml"),
            log: self.path("acts.jsonl"),
            bus: self.bus.clone(),
            procfs: self.procfs.clone(),
            daemon_uid: None,
            clock: self.clock.clone(),
        }
    }

    pub(crate) fn start(&self) -> Running {
        let path = self.path("executor.sock");
        let listener = Listener::bind(&path, None).unwrap();
        let executor = Arc::new(Executor::new(self.settings()));
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            serve(&listener, executor, async { drop(stopped.await) }).await;
        });
        Running {
            client: Client::new(&path),
            stop,
            ended,
        }
    }

    /// The lines of the log with this event.
    pub(crate) fn lines(&self, event: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.path("acts.jsonl")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &serde_json::Value| line["event"] == event)
            .collect()
    }
}

/// A request of alice's with a new id.
pub(crate) fn request(verb: Verb) -> Request {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Request {
        id: format!("request-{number}").try_into().unwrap(),
        not_after: Clock::system()
            .now()
            .saturating_add(Duration::from_secs(30)),
        actor: Actor {
            name: "alice".to_owned().try_into().unwrap(),
            role: Some("operator".to_owned().try_into().unwrap()),
            key: Some("EXAMPLEkey01".to_owned().try_into().unwrap()),
            address: Some("192.0.2.7".to_owned().try_into().unwrap()),
        },
        automatic: false,
        signature: None,
        verb,
    }
}

pub(crate) fn verb(json: &str) -> Verb {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn refusal(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn assert_refused(outcome: Outcome, code: RefusalCode) {
    assert_eq!(refusal(outcome).code, code);
}

/// A child process that sleeps, and is ended with the test.
pub(crate) struct Sleeper(pub(crate) Child);

impl Sleeper {
    pub(crate) fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    pub(crate) fn process(&self) -> ProcessIdentity {
        let pid = self.0.id();
        let identity = read_identity("/proc".as_ref(), pid).unwrap();
        ProcessIdentity {
            pid,
            start_ticks: identity.start_ticks,
        }
    }

    pub(crate) fn verb(&self, signal: &str) -> Verb {
        let ProcessIdentity { pid, start_ticks } = self.process();
        verb(&format!(
            r#"{{"process.signal":{{"process":{{"pid":{pid},"start_ticks":{start_ticks}}},"signal":"{signal}"}}}}"#
        ))
    }

    pub(crate) fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
