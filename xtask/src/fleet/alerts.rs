//! Alerts of played daemons: each judges its own host, one of them sends what begins and ends to a receiver here.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use linux_api_alerts::checks;
use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::{ContextKind, Host};
use linux_api_alerts::subject::{Check, Subject};
use linux_api_config::{Channel, ChannelKind};
use linux_api_daemon::alerts::Alerts;
use linux_api_daemon::alerts::evaluator::{Evaluator, ReadingSource, SubjectReadings};
use linux_api_daemon::alerts::leader::Leader;
use linux_api_daemon::alerts::settings::Settings;
use linux_api_daemon::tasks::sampler::HostSampler;
use linux_api_daemon::tasks::supervisor::Supervisor;
use linux_api_store::Store;
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::snapshot::Snapshot;
use linux_api_wire::time::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::crowd::Crowd;
use super::report::{Measured, Report, Row};

/// How many hosts fail at once.
const FAILING: usize = 200;
/// For how long their notice is waited for, and for how long more others after it.
const PATIENCE: Duration = Duration::from_mins(6);
const MORE: Duration = Duration::from_mins(1);

/// Where all daemons send to: a server of this process.
#[derive(Debug)]
pub(super) struct Receiver {
    settings: Settings,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A notice as it arrived.
#[derive(Debug, Clone)]
struct Received {
    at: Instant,
    /// The same when it is sent again.
    id: String,
    body: Value,
}

impl Receiver {
    /// Listens on a port of its own until the process ends. `folder` gets the files with its address and secret.
    pub(super) async fn start(folder: PathBuf) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        fs::create_dir_all(&folder)?;
        let (url_file, secret_file) = (folder.join("url"), folder.join("secret"));
        fs::write(&url_file, format!("http://{address}/"))?;
        fs::write(&secret_file, "whsec_cGxheWVkIGZsZWV0IG9mIGhvc3Rz")?;
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let router = Router::new()
            .fallback(take)
            .with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let channel = Channel {
            name: "receiver".parse()?,
            kind: ChannelKind::Generic {
                url_file,
                secret_file,
            },
        };
        let settings = Settings {
            enabled: true,
            rules_dir: folder.join("no-rules-of-their-own"),
            channels: vec![channel],
            networks: vec!["127.0.0.0/8".parse()?],
            keep: Duration::from_hours(24),
            ..Settings::disabled()
        };
        Ok(Self { settings, received })
    }

    /// Has a daemon judge its host, and the fleet while it leads.
    pub(super) fn play(
        &self,
        store: &Store,
        sampler: &HostSampler,
        identity: &HostIdentity,
        supervisor: &Supervisor,
        end: &CancellationToken,
    ) {
        let host = Host {
            id: identity.id.to_string(),
            name: identity.name.clone(),
            labels: identity.labels.clone(),
        };
        let alerts = Alerts::new(store.clone(), self.settings.clone());
        let readings = PlayedReadings(sampler.clone());
        let evaluator = Evaluator::new(alerts.clone(), host.clone(), readings, None);
        supervisor.spawn("alerts", end, evaluator.run(end.clone()));
        let leader = Leader::new(alerts, host, Arc::clone(&identity.id), None);
        supervisor.spawn("alerts of the fleet", end, leader.run(end.clone()));
    }

    /// All that arrived, each notice once.
    fn notices(&self) -> Vec<Received> {
        let mut known = BTreeSet::new();
        let mut all = self.received().clone();
        all.retain(|one| known.insert(one.id.clone()));
        all
    }

    fn notices_of(&self, rule: &str) -> Vec<Received> {
        let mut all = self.notices();
        all.retain(|one| {
            let alerts = one.body["data"]["alerts"].as_array();
            alerts.is_some_and(|alerts| alerts.iter().any(|alert| alert["rule"] == rule))
        });
        all
    }

    fn received(&self) -> std::sync::MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What arrived of the file systems that are full, and nothing else while all is as it was.
    pub(super) fn note_quiet(&self, report: &mut Report) {
        self.print();
        report.note(Row::Notices, Measured::count(self.notices().len() as u64));
    }

    /// Has hosts fail at once, and measures when and how often that is noticed.
    pub(super) async fn watch_failing(
        &self,
        crowd: &Crowd,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let begin = Instant::now();
        let count = crowd.fail(FAILING.min(crowd.len() / 2));
        println!("{count} daemons end at once");
        let first = loop {
            if let Some(first) = self.notices_of("host_down").first() {
                break first.at;
            }
            if begin.elapsed() > PATIENCE {
                bail!("no notice says that hosts are down");
            }
            sleep(Duration::from_millis(100)).await;
        };
        sleep(MORE).await;
        self.print();
        let time = first - begin;
        let seconds = time.as_secs_f64();
        report.note(
            Row::FailedHostsNoticed,
            Measured::new(seconds, format!("{seconds:.0} s")),
        );
        let notices = self.notices_of("host_down").len() as u64;
        report.note(Row::FailedHostsNotices, Measured::count(notices));
        Ok(())
    }

    /// The log of the receiver, for people.
    fn print(&self) {
        let all = self.received();
        let Some(first) = all.first() else { return };
        for one in all.iter() {
            let text = one.body["data"]["title"].as_str().unwrap_or_default();
            println!(
                "  {:>6.1} s  {}  {text}",
                (one.at - first.at).as_secs_f64(),
                one.id
            );
        }
    }
}

async fn take(
    State(received): State<Arc<Mutex<Vec<Received>>>>,
    headers: axum::http::HeaderMap,
    body: axum::body::Bytes,
) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    let (Some(id), Ok(body)) = (id, serde_json::from_slice(&body)) else {
        return StatusCode::BAD_REQUEST;
    };
    let one = Received {
        at: Instant::now(),
        id: id.to_owned(),
        body,
    };
    received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(one);
    StatusCode::NO_CONTENT
}

/// What can be judged of a host that is made up: the checks of its snapshot.
#[derive(Debug)]
struct PlayedReadings(HostSampler);

impl ReadingSource for PlayedReadings {
    async fn read(&mut self, _: Timestamp) -> SubjectReadings {
        let Some(snapshot) = self.0.newest() else {
            return SubjectReadings::new();
        };
        let snapshot: &Snapshot = &snapshot;
        let filesystems = snapshot
            .filesystems
            .as_deref()
            .map_or(&[][..], Vec::as_slice);
        let pressure = snapshot.pressure.as_deref();
        let all = [
            (Check::DiskSpace, checks::disk_space(filesystems)),
            (Check::DiskInodes, checks::disk_inodes(filesystems)),
            (
                Check::MemoryLow,
                checks::memory_low(snapshot.memory.as_deref(), pressure),
            ),
            (
                Check::Pressure,
                pressure.map(checks::pressure).unwrap_or_default(),
            ),
            (
                Check::Load,
                checks::load(snapshot.load.as_deref(), 4, pressure),
            ),
        ];
        all.into_iter()
            .map(|(check, readings)| (Subject::Check(check), Ok(readings)))
            .collect()
    }

    fn booted_at(&self) -> Option<Timestamp> {
        None
    }

    async fn context(&mut self, _: &ContextKind) -> Vec<HostText> {
        Vec::new()
    }
}
