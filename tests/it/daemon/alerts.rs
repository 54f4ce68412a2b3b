//! Alerts from the reading to the receiver, which is a small server of the test. The clock is the test's: each turn
//! is ten seconds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linux_api_alerts::host_text::HostText;
use linux_api_alerts::labels::Labels;
use linux_api_alerts::notice::{ContextKind, Host};
use linux_api_alerts::reading::Reading;
use linux_api_alerts::subject::{Check, Subject};
use linux_api_config::{Channel, ChannelKind};
use linux_api_daemon::alerts::Alerts;
use linux_api_daemon::alerts::evaluator::{Evaluator, ReadingSource, SubjectReadings};
use linux_api_daemon::alerts::leader::Leader;
use linux_api_daemon::alerts::settings::Settings;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::{Availability, Outage, Store};
use linux_api_wire::fleet::HostIdentity;
use linux_api_wire::time::{ManualClock, Timestamp};
use tempfile::TempDir;

use crate::support::database::{Database, no_backup};
use receiver::{Received, Receiver};

mod fleet;
mod outages;
mod process;
mod receiver;
mod remedies;
mod sending;
mod stage;
mod swings;
mod watching;

/// Time between two turns.
const TURN: Duration = Duration::from_secs(10);
/// What requests are signed with, as a file has it: base64 of `KEY`.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A rule that takes the place of the stock rule for `/`.
const RULE: &str = r#"
    [[rule]]
    name = "root_space"
    check = "disk_space"
    warning = { at = 85, clear = 80 }
    for = "1min"
    keep_firing = "5min"
    labels = { mount_point = "/" }
"#;

/// What the test has the host say: how full file systems are, in percent.
#[derive(Clone, Default)]
struct Disks(Arc<Mutex<BTreeMap<String, f64>>>);

impl Disks {
    fn set(&self, mount_point: &str, percent: f64) {
        self.0
            .lock()
            .unwrap()
            .insert(mount_point.to_owned(), percent);
    }
}

impl ReadingSource for Disks {
    async fn read(&mut self, _now: Timestamp) -> SubjectReadings {
        let disks = self.0.lock().unwrap();
        let reading = |(mount_point, percent): (&String, &f64)| {
            let labels = Labels::one("mount_point", mount_point);
            Reading::value(labels, *percent, &format!("{percent}% used")).with_second(Some(1e9))
        };
        let readings = disks.iter().map(reading).collect();
        vec![(Subject::Check(Check::DiskSpace), Ok(readings))]
    }

    fn booted_at(&self) -> Option<Timestamp> {
        None
    }

    async fn context(&mut self, kind: &ContextKind) -> Vec<HostText> {
        vec![format!("context of {kind:?}").as_str().into()]
    }
}

/// A daemon as far as alerts are concerned.
struct Daemon {
    store: Store,
    clock: ManualClock,
    alerts: Alerts,
    disks: Disks,
    evaluator: Evaluator<Disks>,
    leader: Leader,
    host: Host,
    folder: TempDir,
}

fn host(name: &str) -> Host {
    Host {
        id: format!("id-{name}"),
        name: name.to_owned(),
        ..Host::default()
    }
}

async fn open(database: &Database, clock: &ManualClock) -> Store {
    let store = Store::open(database.options(), clock.clock())
        .await
        .unwrap();
    store.migrate(no_backup).await.unwrap();
    store
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(1_800_000_000_000))
}

/// A channel of the generic kind with its files in `folder`.
fn generic(folder: &Path, name: &str, url: &str) -> Channel {
    let file = |end: &str, text: &str| {
        let path = folder.join(format!("{name}-{end}"));
        std::fs::write(&path, text).unwrap();
        path
    };
    Channel {
        name: name.parse().unwrap(),
        kind: ChannelKind::Generic {
            url_file: file("url", url),
            secret_file: file("secret", SECRET),
        },
    }
}

fn settings(folder: &Path, channels: Vec<Channel>) -> Settings {
    let rules_dir = folder.join("alerts.d");
    std::fs::create_dir_all(&rules_dir).unwrap();
    std::fs::write(rules_dir.join("own.toml"), RULE).unwrap();
    Settings {
        enabled: true,
        rules_dir,
        channels,
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        keep: Duration::from_hours(24 * 90),
        ..Settings::default()
    }
}

impl Daemon {
    /// A daemon that sends to a receiver.
    fn start(store: &Store, clock: &ManualClock, name: &str, receiver: &Receiver) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let channels = vec![generic(folder.path(), "ops", &receiver.url)];
        let settings = settings(folder.path(), channels);
        Self::with(store, clock, name, folder, settings)
    }

    fn with(
        store: &Store,
        clock: &ManualClock,
        name: &str,
        folder: TempDir,
        settings: Settings,
    ) -> Self {
        let alerts = Alerts::new(store.clone(), settings);
        let (disks, host) = (Disks::default(), host(name));
        disks.set("/", 50.0);
        let (evaluator, leader) = tasks(&alerts, &host, &disks, folder.path());
        Self {
            store: store.clone(),
            clock: clock.clone(),
            alerts,
            disks,
            evaluator,
            leader,
            host,
            folder,
        }
    }

    /// As after a `kill -9`: everything in memory is lost.
    fn restart(&mut self) {
        let settings = (*self.alerts.settings()).clone();
        self.alerts = Alerts::new(self.store.clone(), settings);
        let (evaluator, leader) = tasks(&self.alerts, &self.host, &self.disks, self.folder.path());
        self.evaluator = evaluator;
        self.leader = leader;
    }

    /// One turn, ten seconds later.
    async fn turn(&mut self) {
        self.clock.advance(TURN);
        self.work().await;
    }

    async fn work(&mut self) {
        self.evaluator.turn().await;
        self.leader.turn().await;
    }

    async fn turns(&mut self, time: Duration) {
        for _ in 0..time.as_secs() / TURN.as_secs() {
            self.turn().await;
        }
    }
}

fn tasks(alerts: &Alerts, host: &Host, disks: &Disks, folder: &Path) -> (Evaluator<Disks>, Leader) {
    let state = folder.join("state");
    let evaluator = Evaluator::new(alerts.clone(), host.clone(), disks.clone(), Some(&state));
    let instance = uuid::Uuid::new_v4().to_string().into();
    let leader = Leader::new(alerts.clone(), host.clone(), instance, Some(state));
    (evaluator, leader)
}

/// Writes that hosts live, as their daemons do.
async fn seen(store: &Store, names: impl Iterator<Item = String>) {
    for name in names {
        let host = host(&name);
        let report = HostReport {
            identity: HostIdentity {
                id: host.id.as_str().into(),
                name: host.name.clone(),
                labels: BTreeMap::new(),
                version: "1".to_owned(),
            },
            instance_id: "1".into(),
            facts: None,
            sample: None,
        };
        let batch = Batch {
            host: &report,
            buckets: &[],
            samples: &[],
        };
        store.flush(batch).await.unwrap();
    }
}

fn away(store: &Store) {
    store.set_availability(Availability::Away(Outage {
        since: store.clock().now(),
        reason: "connection refused".into(),
        attempts: 1,
    }));
}

/// The kinds of all notices that a receiver has, each message counted once.
fn kinds(received: &[Received]) -> Vec<String> {
    let mut ids = std::collections::BTreeSet::new();
    let taken = received.iter().filter(|one| one.is_taken());
    let new = taken.filter(|one| ids.insert(one.id()));
    new.flat_map(Received::kinds).collect()
}
