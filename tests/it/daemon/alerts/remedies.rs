//! Units that are restarted because a rule fires: a real executor with its policy and log, and a fake systemd.

use std::sync::Arc;
use std::time::Duration;

use linux_api_alerts::brake::ActResult;
use linux_api_alerts::silence::{Matchers, Silence};
use linux_api_daemon::acts::Acts;
use linux_api_executor::executor::{Executor, Settings as ExecutorSettings};
use linux_api_executor::server::{Listener, serve};
use linux_api_host::units::Units;
use linux_api_store::audit::AuditFilter;
use linux_api_wire::audit::Actor;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;
use crate::support::bus::{Bus, Systemd, unit};

on_both_engines!(
    a_unit_that_fails_again_is_restarted_three_times_and_given_up,
    a_unit_that_was_helped_is_said_to_run_and_counts_for_an_hour,
    what_the_host_does_not_allow_is_said_once,
    a_silence_and_a_person_keep_a_rule_from_acting,
    without_the_database_no_act_is_forgotten,
);

const NGINX: &str = "nginx.service";
const OPEN: &str = "automatic = true\nunits.allow = [\"nginx.service\"]\n";
const RESTARTING: &str = r#"
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
struct Failing(Arc<Mutex<Vec<String>>>);

impl Failing {
    fn set(&self, units: &[&str]) {
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
struct Stage {
    receiver: Receiver,
    store: Store,
    clock: ManualClock,
    folder: TempDir,
    settings: Settings,
    host: Host,
    units: Units,
    failing: Failing,
    systemd: Systemd,
    executor: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    alerts: Alerts,
    evaluator: Evaluator<Failing>,
    leader: Leader,
    /// Seconds since the boot, as the executor sees them.
    uptime: u64,
    _bus: Bus,
}

impl Stage {
    async fn new(database: &Database, policy: &str) -> Option<Self> {
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
    async fn start_executor(&mut self) {
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
    fn restart(&mut self) {
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

    async fn turns(&mut self, time: Duration) {
        for _ in 0..time.as_secs() / TURN.as_secs() {
            self.clock.advance(TURN);
            self.uptime += TURN.as_secs();
            let uptime = format!("{}.00 1.00\n", self.uptime);
            std::fs::write(self.folder.path().join("proc/uptime"), uptime).unwrap();
            self.evaluator.turn().await;
            self.leader.turn().await;
        }
    }

    async fn minutes(&mut self, minutes: u64) {
        self.turns(Duration::from_mins(minutes)).await;
    }

    /// How often a unit was restarted since the last time.
    fn restarts(&self) -> usize {
        let calls = self.systemd.calls();
        let restart = format!("restart {NGINX} replace");
        calls.iter().filter(|call| **call == restart).count()
    }

    /// Each notice that was sent: rule, kind and what was done.
    fn sent(&self) -> Vec<[String; 3]> {
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

    fn kinds(&self) -> Vec<(String, String)> {
        let sent = self.sent().into_iter();
        sent.map(|[rule, kind, _]| (rule, kind)).collect()
    }

    /// Rows of the audit log about restarts: actor and result.
    async fn audit(&self) -> Vec<(String, String)> {
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
    let evaluator = Evaluator::new(
        alerts.clone(),
        host.clone(),
        failing.clone(),
        Some(state.clone()),
    );
    let instance = Uuid::new_v4().to_string().into();
    let leader = Leader::new(alerts.clone(), host.clone(), instance, Some(state));
    (evaluator.with_acts(acts), leader)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    expected.iter().map(owned).collect()
}

async fn a_unit_that_fails_again_is_restarted_three_times_and_given_up(database: Database) {
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    stage.failing.set(&[NGINX, "other.service"]);
    let mut restarts = 0;
    // A minute, and then after each three minutes in which it did not get well; with other processes all the time.
    for (minutes, most) in [(2, 1), (2, 1), (3, 2), (3, 3), (2, 3)] {
        stage.minutes(minutes).await;
        restarts += stage.restarts();
        assert_eq!(restarts, most);
        stage.restart();
        stage.start_executor().await;
    }
    stage.minutes(90).await;
    assert_eq!(
        stage.restarts(),
        0,
        "no fourth, also when the acts are hours ago"
    );
    let sent = stage.sent();
    let of = |rule: &str| sent.iter().filter(|one| one[0] == rule).collect::<Vec<_>>();
    let failed = "restarted nginx.service: failed again (exit-code 3)";
    assert_eq!(
        of("web_failed"),
        [&["web_failed", "firing", failed].map(str::to_owned)]
    );
    assert_eq!(
        of("gave_up"),
        [&["gave_up", "gave_up", ""].map(str::to_owned)]
    );
    // The stock rule restarts nothing.
    assert_eq!(of("unit_failed").len(), 1);
    let mut all = stage
        .receiver
        .all()
        .into_iter()
        .flat_map(|one| one.alerts());
    let gave_up = all.find(|one| one["rule"] == "gave_up").unwrap();
    assert_eq!(gave_up["after"], "critical");
    assert_eq!(
        gave_up["text"],
        "3 restarts in an hour did not help: nginx.service"
    );
    let context = gave_up["context"].as_array().unwrap();
    assert_eq!(context.len(), 3);
    assert!(
        context[0]
            .as_str()
            .unwrap()
            .ends_with(&format!("web_failed: {failed}")),
        "{context:?}"
    );
    let row = ("alert:web_failed", "begun");
    let end = ("alert:web_failed", "failed");
    assert_eq!(stage.audit().await, pairs(&[row, end, row, end, row, end]));
    let health = stage.alerts.health();
    assert!(health.gave_up, "{health:?}");

    // An hour after it fires no more, acts are possible again.
    stage.failing.set(&[]);
    stage.minutes(50).await;
    assert!(stage.alerts.health().gave_up);
    stage.restart();
    stage.minutes(20).await;
    assert!(!stage.alerts.health().gave_up);
    assert_eq!(
        stage.kinds().last().unwrap(),
        &("gave_up".to_owned(), "resolved".to_owned())
    );
    stage.failing.set(&[NGINX]);
    stage.minutes(2).await;
    assert_eq!(stage.restarts(), 1);
}

async fn a_unit_that_was_helped_is_said_to_run_and_counts_for_an_hour(database: Database) {
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    stage.systemd.change(NGINX, |unit| {
        (unit.job, unit.active, unit.sub) = ("done", "active", "running");
    });
    let text = "restarted nginx.service: running again";
    for number in 1..=3 {
        stage.failing.set(&[NGINX]);
        stage.turns(Duration::from_secs(80)).await;
        assert_eq!(stage.restarts(), 1);
        stage.failing.set(&[]);
        // Not as often as what flaps.
        stage.turns(Duration::from_secs(880)).await;
        let sent = stage.sent();
        assert_eq!(sent.len(), 2 * number, "{sent:?}");
        for (one, kind) in sent[2 * number - 2..].iter().zip(["firing", "resolved"]) {
            assert_eq!(*one, ["web_failed", kind, text].map(str::to_owned));
        }
    }
    stage.failing.set(&[NGINX]);
    stage.minutes(4).await;
    assert_eq!(stage.restarts(), 0);
    assert!(stage.alerts.health().gave_up);
    // An operator looked, and this daemon requests a fourth: the executor counts by itself.
    let actor = Actor::local(0, "olga".to_owned());
    let released = stage
        .store
        .release_alert_brake(&actor, &stage.host.id)
        .await;
    assert_eq!(released.unwrap().gave_up(), None);
    stage.minutes(10).await;
    assert_eq!(stage.restarts(), 0);
    let health = stage.alerts.health();
    assert!(!health.gave_up);
    assert_eq!(health.automatic_acts.get(&ActResult::Refused), Some(&1));
    assert_eq!(health.automatic_acts.get(&ActResult::Done), Some(&3));
    let resolved = ("gave_up".to_owned(), "resolved".to_owned());
    assert!(stage.kinds().contains(&resolved), "{:?}", stage.kinds());
    let brake = stage.store.alert_brake(&stage.host.id).await.unwrap();
    let last = brake.acts().last().unwrap().text();
    assert!(
        last.as_str().contains("3 automatic acts in an hour"),
        "{last}"
    );
    // Its hour is over.
    stage.minutes(8).await;
    assert_eq!(stage.restarts(), 1);
}

async fn what_the_host_does_not_allow_is_said_once(database: Database) {
    let shut = "units.allow = [\"nginx.service\"]\n";
    let Some(mut stage) = Stage::new(&database, shut).await else {
        return;
    };
    stage.failing.set(&[NGINX]);
    stage.minutes(40).await;
    stage.restart();
    stage.minutes(40).await;
    let sent = stage.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let [rule, kind, act] = &sent[0];
    assert_eq!((&**rule, &**kind), ("web_failed", "firing"));
    assert!(
        act.starts_with("nginx.service is not restarted: automatic acts are not allowed"),
        "{act}"
    );
    assert!(
        act.ends_with("to change that: sudo linux-api policy allow --automatic"),
        "{act}"
    );
    // No storm in the logs: it was only tested.
    let log = std::fs::read_to_string(stage.folder.path().join("acts.jsonl")).unwrap_or_default();
    assert!(!log.contains("\"event\":\"act\""), "{log}");
    assert_eq!(stage.audit().await, []);
    assert!(!stage.alerts.health().gave_up);
    // Protected, though it is allowed.
    let path = stage.folder.path().join("policy.toml");
    let protected = format!("{OPEN}units.protect = [\"nginx*\"]\n");
    std::fs::write(&path, protected).unwrap();
    stage.minutes(10).await;
    assert_eq!(stage.restarts(), 0);
    // It still fires, and the host allows it now.
    std::fs::write(&path, OPEN).unwrap();
    stage.minutes(3).await;
    assert_eq!(stage.restarts(), 1);
    // And no more: what a person needs the policy for, too.
    std::fs::write(&path, "").unwrap();
    stage.minutes(30).await;
    assert_eq!(stage.restarts(), 0);
}

async fn a_silence_and_a_person_keep_a_rule_from_acting(database: Database) {
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    let actor = Actor::local(0, "olga".to_owned());
    let now = stage.clock.clock().now();
    let silence = Silence {
        id: Uuid::new_v4(),
        matchers: Matchers {
            rule: Some("web_*".into()),
            ..Matchers::default()
        },
        from: now,
        until: Some(now.saturating_add(Duration::from_mins(20))),
        weekly: None,
        comment: String::new(),
        created_by: "olga".to_owned(),
    };
    stage.store.add_silence(&actor, &silence).await.unwrap();
    stage.failing.set(&[NGINX]);
    stage.minutes(19).await;
    assert_eq!(stage.restarts(), 0);
    stage.minutes(3).await;
    assert_eq!(stage.restarts(), 1);
    let states = stage.alerts.own_states();
    let alert = states
        .keys()
        .find(|key| key.rule.as_str() == "web_failed")
        .unwrap()
        .id();
    stage
        .store
        .acknowledge_alert(&actor, alert, "on it")
        .await
        .unwrap();
    stage.minutes(30).await;
    assert_eq!(stage.restarts(), 0);
    // It was well, and fails again: no one has seen that.
    stage.failing.set(&[]);
    stage.minutes(5).await;
    stage.failing.set(&[NGINX]);
    stage.minutes(2).await;
    assert_eq!(stage.restarts(), 1);
    // A rule that is gone restarts nothing.
    std::fs::remove_file(stage.folder.path().join("alerts.d/own.toml")).unwrap();
    stage.minutes(10).await;
    assert_eq!(stage.restarts(), 0);
}

async fn without_the_database_no_act_is_forgotten(database: Database) {
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    stage.failing.set(&[NGINX]);
    stage.minutes(2).await;
    assert_eq!(stage.restarts(), 1);
    away(&stage.store);
    stage.minutes(3).await;
    assert_eq!(stage.restarts(), 1);
    // What it knows is in its file.
    stage.restart();
    stage.minutes(3).await;
    assert_eq!(stage.restarts(), 1);
    stage.restart();
    stage.minutes(8).await;
    assert_eq!(stage.restarts(), 0);
    assert!(stage.alerts.health().gave_up);
    stage.store.set_availability(Availability::Ready);
    stage.minutes(10).await;
    assert_eq!(stage.restarts(), 0);
    let brake = stage.store.alert_brake(&stage.host.id).await.unwrap();
    assert_eq!(brake.acts().len(), 3);
    assert!(brake.gave_up().is_some());
    let gave_up = ("gave_up".to_owned(), "gave_up".to_owned());
    let count = stage.kinds().iter().filter(|one| **one == gave_up).count();
    assert_eq!(count, 1, "{:?}", stage.kinds());
}

#[tokio::test]
async fn a_unit_that_runs_again_meanwhile_is_left_alone() {
    let database = Database::sqlite();
    let Some(mut stage) = Stage::new(&database, OPEN).await else {
        return;
    };
    stage.units.failed().await.unwrap();
    assert_eq!(*stage.units.failed_names(), [NGINX.to_owned()]);
    stage.systemd.change(NGINX, |unit| {
        (unit.active, unit.sub) = ("active", "running")
    });
    // The reading is of before.
    stage.failing.set(&[NGINX]);
    stage.minutes(2).await;
    assert_eq!(stage.restarts(), 0);
}
