//! A host with an executor, its policy and log, a fake systemd, and a daemon as far as alerts are concerned.

use linux_api_daemon::acts::Acts;
use linux_api_executor::executor::{Executor, Settings as ExecutorSettings};
use linux_api_executor::server::{Listener, serve};
use linux_api_host::units::Units;
use linux_api_store::audit::AuditFilter;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;
use crate::support::bus::{Bus, Systemd, unit};

pub(super) const NGINX: &str = "nginx.service";
pub(super) const OPEN: &str = "automatic = true\nunits.allow = [\"nginx.service\"]\n";
pub(super) const RESTARTING: &str = r#"
    [[rule]]
    name = "web_failed"
    check = "unit_failed"
    warning = 1
    for = "1min"
    keep_firing = "2min"
    restart = "$unit"
    labels = { unit = "nginx.service" }
"#;

/// Which units the test has fail.
#[derive(Clone, Default)]
pub(super) struct Failing(Arc<Mutex<Vec<String>>>);

impl Failing {
    pub(super) fn set(&self, units: &[&str]) {
        let units = units.iter().map(|unit| (*unit).to_owned());
        *self.0.lock().unwrap() = units.collect();
    }
}

impl ReadingSource for Failing {
    async fn read(&mut self, _now: Timestamp) -> SubjectReadings {
        let units = self.0.lock().unwrap();
        let reading = |unit: &String| Reading::value(Labels::one("unit", unit), 1.0, "failed");
        let readings = units.iter().map(reading).collect();
        vec![(Subject::Check(Check::UnitFailed), Ok(readings))]
    }

    fn booted_at(&self) -> Option<Timestamp> {
        None
    }

    async fn context(&mut self, _kind: &ContextKind) -> Vec<HostText> {
        Vec::new()
    }
}

/// A host with a daemon, as far as alerts are concerned, and an executor.
pub(super) struct Stage {
    pub(super) receiver: Receiver,
    pub(super) store: Store,
    pub(super) clock: ManualClock,
    pub(super) folder: TempDir,
    settings: Settings,
    pub(super) host: Host,
    pub(super) units: Units,
    pub(super) failing: Failing,
    pub(super) systemd: Systemd,
    executor: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    pub(super) alerts: Alerts,
    evaluator: Evaluator<Failing>,
    leader: Leader,
    /// Seconds since the boot, as the executor sees them.
    uptime: u64,
    _bus: Bus,
}

impl Stage {
    pub(super) async fn new(database: &Database, policy: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let bus = Bus::start(folder.path())?;
        let mut nginx = unit(NGINX);
        (nginx.job, nginx.active, nginx.sub, nginx.exit) = ("failed", "failed", "failed", (1, 3));
        let systemd = Systemd::start(&bus, vec![nginx]).await;
        let (receiver, clock) = (Receiver::start().await, clock());
        let store = open(database, &clock).await;
        let host = host("web-01");
        store.set_own_host(Arc::from(host.id.as_str()));
        seen(&store, std::iter::once(host.name.clone())).await;
        let path = folder.path();
        let settings = settings(path, vec![generic(path, "ops", &receiver.url)]);
        std::fs::write(path.join("alerts.d/own.toml"), RESTARTING).unwrap();
        std::fs::write(path.join("policy.toml"), policy).unwrap();
        let kernel = path.join("proc/sys/kernel/random");
        std::fs::create_dir_all(&kernel).unwrap();
        std::fs::write(kernel.join("boot_id"), "boot\n").unwrap();
        let failing = Failing::default();
        let units = Units::new(path, clock.clock());
        let alerts = Alerts::new(store.clone(), settings.clone());
        let (evaluator, leader) = parts(&alerts, &host, &failing, path, &store, &clock, &units);
        let mut stage = Self {
            receiver,
            store,
            clock,
            folder,
            settings,
            host,
            units,
            failing,
            systemd,
            executor: None,
            alerts,
            evaluator,
            leader,
            uptime: 90_000,
            _bus: bus,
        };
        stage.start_executor().await;
        Some(stage)
    }

    /// As after the end of its process.
    pub(super) async fn start_executor(&mut self) {
        if let Some((stop, ended)) = self.executor.take() {
            stop.send(()).unwrap();
            ended.await.unwrap();
        }
        let path = self.folder.path();
        let listener = Listener::bind(&path.join("executor.sock"), None).unwrap();
        let bus = path.join("run/dbus/system_bus_socket");
        let executor = Executor::new(ExecutorSettings {
            policy: path.join("policy.toml"),
            log: path.join("acts.jsonl"),
            bus: format!("unix:path={}", bus.display()),
            procfs: path.join("proc"),
            daemon_uid: None,
            clock: self.clock.clock(),
        });
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            serve(&listener, Arc::new(executor), async { drop(stopped.await) }).await;
        });
        self.executor = Some((stop, ended));
    }

    /// As after a `kill -9` of the daemon.
    pub(super) fn restart(&mut self) {
        let path = self.folder.path();
        self.alerts = Alerts::new(self.store.clone(), self.settings.clone());
        (self.evaluator, self.leader) = parts(
            &self.alerts,
            &self.host,
            &self.failing,
            path,
            &self.store,
            &self.clock,
            &self.units,
        );
    }

    pub(super) async fn turns(&mut self, time: Duration) {
        for _ in 0..time.as_secs() / TURN.as_secs() {
            self.clock.advance(TURN);
            self.uptime += TURN.as_secs();
            let uptime = format!("{}.00 1.00\n", self.uptime);
            std::fs::write(self.folder.path().join("proc/uptime"), uptime).unwrap();
            self.evaluator.turn().await;
            self.leader.turn().await;
        }
    }

    pub(super) async fn minutes(&mut self, minutes: u64) {
        self.turns(Duration::from_mins(minutes)).await;
    }

    /// How often a unit was restarted since the last time.
    pub(super) fn restarts(&self) -> usize {
        let calls = self.systemd.calls();
        let restart = format!("restart {NGINX} replace");
        calls.iter().filter(|call| **call == restart).count()
    }

    /// Each notice that was sent: rule, kind and what was done.
    pub(super) fn sent(&self) -> Vec<[String; 3]> {
        let notices = self.receiver.all().into_iter().flat_map(|one| one.alerts());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        notices
            .map(|one| {
                [
                    text(&one["rule"]),
                    text(&one["kind"]),
                    text(&one["act"]["text"]),
                ]
            })
            .collect()
    }

    pub(super) fn kinds(&self) -> Vec<(String, String)> {
        let sent = self.sent().into_iter();
        sent.map(|[rule, kind, _]| (rule, kind)).collect()
    }

    /// Rows of the audit log about restarts: actor and result.
    pub(super) async fn audit(&self) -> Vec<(String, String)> {
        let rows = self
            .store
            .list_audit(&AuditFilter::default(), 100)
            .await
            .unwrap();
        let rows = rows
            .into_iter()
            .rev()
            .filter(|row| row.action == "unit.restart");
        rows.map(|row| (row.actor, row.result)).collect()
    }
}

fn parts(
    alerts: &Alerts,
    host: &Host,
    failing: &Failing,
    path: &Path,
    store: &Store,
    clock: &ManualClock,
    units: &Units,
) -> (Evaluator<Failing>, Leader) {
    let state = path.join("state");
    std::fs::create_dir_all(&state).unwrap();
    let socket = path.join("executor.sock");
    let acts = Acts::new(&socket, store.clone(), clock.clock(), units.clone());
    let evaluator = Evaluator::new(alerts.clone(), host.clone(), failing.clone(), Some(&state));
    let instance = Uuid::new_v4().to_string().into();
    let leader = Leader::new(alerts.clone(), host.clone(), instance, Some(state));
    (evaluator.with_acts(acts), leader)
}
