//! Acts on units, against a fake systemd on a private bus.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use linux_api_acts::protocol::{Effect, Failure, FailureCode, Outcome, RefusalCode};
use rustix::process::{Pid, Signal, kill_process};

use super::bus::{Bus, FakeUnit, Systemd, unit};
use super::support::{Place, Running, Sleeper, assert_refused, refusal, request, verb};

pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) systemd: Systemd,
    pub(crate) running: Running,
    bus: Bus,
}

impl Stage {
    pub(crate) async fn new(policy: &str, units: Vec<FakeUnit>) -> Option<Self> {
        let mut place = Place::new(policy);
        let bus = Bus::start(place.folder.path())?;
        place.bus.clone_from(&bus.address);
        let systemd = Systemd::start(&bus, units).await;
        let running = place.start();
        Some(Self {
            place,
            systemd,
            running,
            bus,
        })
    }

    /// The same with another process of the executor.
    pub(crate) async fn restarted(self) -> Self {
        self.running.stop().await;
        let running = self.place.start();
        Self { running, ..self }
    }

    async fn act(&self, name: &str, unit: &str) -> Outcome {
        let json = format!(r#"{{"unit.{name}":{{"unit":"{unit}"}}}}"#);
        self.running
            .client
            .act(request(verb(&json)))
            .await
            .unwrap()
            .outcome
    }
}

fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn job_of(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Done(Effect::Unit { job, .. }) => job,
        other => panic!("{other:?}"),
    }
}

const ALL: &str = "units.allow = [\"*\"]";

#[tokio::test]
async fn jobs_end_with_their_result_and_the_state_after_them() {
    let mut web = unit("nginx.service");
    web.aliases = vec!["web.service".to_owned()];
    web.exit = (1, 203);
    let Some(stage) = Stage::new(ALL, vec![web, unit("a.timer")]).await else {
        return;
    };
    for name in ["start", "restart", "reload", "stop"] {
        // By an alias; systemd gets the canonical name.
        let outcome = stage.act(name, "web.service").await;
        let Outcome::Done(Effect::Unit {
            unit,
            job,
            pending,
            active,
            result,
            exit_code,
            ..
        }) = outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            (&*unit, job.as_deref(), pending),
            ("nginx.service", Some("done"), false)
        );
        assert_eq!(active, if name == "stop" { "inactive" } else { "active" });
        assert_eq!((result.as_deref(), exit_code), (Some("success"), Some(203)));
        let calls = stage.systemd.calls();
        assert_eq!(
            calls,
            [
                "subscribe".to_owned(),
                format!("{name} nginx.service replace")
            ]
        );
    }
    stage
        .systemd
        .change("nginx.service", |unit| unit.job = "failed");
    assert_eq!(
        job_of(stage.act("start", "nginx.service").await).as_deref(),
        Some("failed")
    );
    stage
        .systemd
        .change("nginx.service", |unit| unit.job = "refused");
    let refused = failure(stage.act("start", "nginx.service").await);
    assert!(refused.code == FailureCode::System && refused.message.contains("by dependency only"));
    assert_eq!(
        job_of(stage.act("start", "a.timer").await).as_deref(),
        Some("done")
    );
    assert_eq!(stage.place.lines("act").len(), 7);
    stage.running.stop().await;
}

#[tokio::test]
async fn files_and_limits_change_as_requested() {
    let Some(stage) = Stage::new(ALL, vec![unit("a.service")]).await else {
        return;
    };
    assert_eq!(job_of(stage.act("enable", "a.service").await), None);
    assert_eq!(job_of(stage.act("disable", "a.service").await), None);
    assert_eq!(job_of(stage.act("reset-failed", "a.service").await), None);
    let expected = [
        "enable [\"a.service\"] false false",
        "reload systemd",
        "disable [\"a.service\"] false",
        "reload systemd",
        "reset-failed a.service",
    ];
    assert_eq!(stage.systemd.calls(), expected);
    let limits = async |rest: &str| {
        let json = format!(r#"{{"unit.limits":{{"unit":"a.service",{rest}}}}}"#);
        stage
            .running
            .client
            .act(request(verb(&json)))
            .await
            .unwrap()
            .outcome
    };
    limits(r#""memory_max":67108864,"cpu_quota":50,"tasks_max":"infinity""#).await;
    let infinity = u64::MAX;
    let set = format!(
        "set a.service true [(\"CPUQuotaPerSecUSec\", 500000), (\"MemoryMax\", 67108864), (\"TasksMax\", {infinity})]"
    );
    assert_eq!(stage.systemd.calls(), [set]);
    stage
        .systemd
        .change("a.service", |unit| unit.memory = 70 << 20);
    let killing = failure(limits(r#""memory_max":67108864,"persistent":true"#).await);
    assert!(
        killing.message.contains("would end its processes"),
        "{killing:?}"
    );
    assert_refused(limits(r#""memory_max":1024"#).await, RefusalCode::Invalid);
    assert!(stage.systemd.calls().is_empty());
    stage.running.stop().await;
}

#[tokio::test]
async fn aliases_and_dependents_of_what_is_protected_are_refused() {
    let mut mine = unit("mine.service");
    mine.aliases = vec!["ssh.service".to_owned()];
    let mut mount = unit("storage.service");
    mount.required_by = vec!["middle.service".to_owned()];
    let mut middle = unit("middle.service");
    middle.required_by = vec!["db.service".to_owned(), "idle.service".to_owned()];
    let mut idle = unit("idle.service");
    idle.active = "inactive";
    idle.aliases = vec!["auditd.service".to_owned()];
    let mut rival = unit("rival.service");
    rival.conflicts = vec!["db.service".to_owned()];
    let policy = "units.allow = [\"*\"]\nunits.protect = [\"db*\"]";
    let units = vec![mine, mount, middle, idle, rival, unit("db.service")];
    let Some(stage) = Stage::new(policy, units).await else {
        return;
    };
    for (name, unit, who) in [
        ("stop", "mine.service", "ssh.service"),
        ("stop", "ssh.service", "ssh.service"),
        ("restart", "db.service", "db.service"),
        ("stop", "storage.service", "db.service"),
        ("start", "rival.service", "db.service"),
    ] {
        let refusal = refusal(stage.act(name, unit).await);
        assert_eq!(refusal.code, RefusalCode::Policy);
        assert!(refusal.message.contains(who), "{refusal:?}");
    }
    assert!(stage.systemd.calls().is_empty() && stage.place.lines("act").is_empty());
    // What does not run can't be stopped.
    stage
        .systemd
        .change("db.service", |unit| unit.active = "failed");
    job_of(stage.act("stop", "storage.service").await);
    stage.running.stop().await;
}

#[tokio::test]
async fn what_systemd_does_to_others_is_decided_on_however_it_comes_about() {
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    // Restarted with what they need.
    let mut storage = unit("storage.service");
    storage.required_by = strings(&["db.service"]);
    let mut network = unit("link.service");
    network.required_by = strings(&["NetworkManager.service"]);
    // Stopped with another one.
    let mut leader = unit("leader.service");
    leader.propagates_stop_to = strings(&["db.service"]);
    // Stopped by what is started for another one.
    let mut front = unit("front.service");
    front.active = "inactive";
    front.wants = strings(&["middle.service"]);
    let mut middle = unit("middle.service");
    middle.active = "failed";
    middle.wants = strings(&["rival.service", "gone.service"]);
    let mut rival = unit("rival.service");
    rival.active = "inactive";
    rival.conflicts = strings(&["db.service"]);
    let policy = "units.allow = [\"*\"]\nunits.protect = [\"db*\"]";
    let db = unit("db.service");
    let network_manager = unit("NetworkManager.service");
    let units = vec![
        storage,
        network,
        leader,
        front,
        middle,
        rival,
        db,
        network_manager,
    ];
    let Some(stage) = Stage::new(policy, units).await else {
        return;
    };
    for (name, unit, how) in [
        ("restart", "storage.service", "restart"),
        ("restart", "leader.service", "stop"),
        ("stop", "leader.service", "stop"),
        ("start", "front.service", "stop"),
        ("restart", "front.service", "stop"),
    ] {
        let refusal = refusal(stage.act(name, unit).await);
        assert_eq!(refusal.code, RefusalCode::Policy);
        let expected = format!("would {how} db.service with {unit}");
        assert!(refusal.message.contains(&expected), "{refusal:?}");
    }
    assert!(stage.systemd.calls().is_empty());
    // What is built in may be restarted, and not stopped.
    job_of(stage.act("restart", "link.service").await);
    assert_refused(stage.act("stop", "link.service").await, RefusalCode::Policy);
    // What runs is not started.
    stage
        .systemd
        .change("middle.service", |unit| unit.active = "active");
    job_of(stage.act("start", "front.service").await);
    stage.running.stop().await;
}

/// A process directory with one process in it, which is in the group of a unit.
fn procfs_in(place: &Path, sleeper: &Sleeper, unit: &str) -> PathBuf {
    let pid = sleeper.0.id().to_string();
    let (real, fake) = (Path::new("/proc").join(&pid), place.join("proc").join(&pid));
    std::fs::create_dir_all(&fake).unwrap();
    for name in ["stat", "status"] {
        std::fs::copy(real.join(name), fake.join(name)).unwrap();
    }
    let group = format!("0::/system.slice/{unit}\n");
    std::fs::write(fake.join("cgroup"), group).unwrap();
    place.join("proc")
}

#[tokio::test]
async fn processes_of_a_unit_are_protected_by_each_of_its_names() {
    let mut place = Place::new("processes.min_uid = 0\nunits.protect = [\"mysql.service\"]");
    let Some(bus) = Bus::start(place.folder.path()) else {
        return;
    };
    place.bus.clone_from(&bus.address);
    let mut mariadb = unit("mariadb.service");
    mariadb.aliases = vec!["mysql.service".to_owned()];
    let _systemd = Systemd::start(&bus, vec![mariadb]).await;
    let mut sleeper = Sleeper::start();
    place.procfs = procfs_in(place.folder.path(), &sleeper, "mariadb.service");
    let running = place.start();
    let act = async || {
        let request = request(sleeper.verb("STOP"));
        running.client.act(request).await.unwrap().outcome
    };
    let refused = refusal(act().await);
    assert_eq!(refused.code, RefusalCode::Policy);
    assert!(refused.message.contains("mysql.service"), "{refused:?}");
    // Without systemd its other names are unknown; they do not matter where nothing is protected.
    let pid = Pid::from_raw(bus.pid()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let unknown = failure(act().await);
    assert_eq!(unknown.code, FailureCode::Unavailable);
    place.write_policy("processes.min_uid = 0");
    assert!(matches!(act().await, Outcome::Done(_)));
    kill_process(pid, Signal::CONT).unwrap();
    assert!(sleeper.lives());
    running.stop().await;
}

#[tokio::test]
async fn what_is_installed_with_a_unit_is_decided_on_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.service");
    std::fs::write(&file, "[Install]\nAlso=ssh.socket\n").unwrap();
    let mut also = unit("a.service");
    also.fragment = file.display().to_string();
    let other = folder.path().join("b.service");
    std::fs::write(&other, "[Install]\nAlias=db.service\n").unwrap();
    let mut alias = unit("b.service");
    alias.fragment = other.display().to_string();
    // By another name of the other one, and by what that one is installed with.
    let third = folder.path().join("c.service");
    std::fs::write(&third, "[Install]\nAlso=d.service\n").unwrap();
    let mut by_name = unit("c.service");
    by_name.fragment = third.display().to_string();
    let fourth = folder.path().join("d.service");
    std::fs::write(&fourth, "[Install]\nAlso=a.service e.service\n").unwrap();
    let mut other = unit("d.service");
    other.fragment = fourth.display().to_string();
    let mut renamed = unit("e.service");
    renamed.aliases = vec!["db.service".to_owned()];
    // systemd may read what the executor can't.
    let mut hidden = unit("hidden.service");
    hidden.fragment = folder.path().join("hidden.service").display().to_string();
    let policy = "units.allow = [\"*\"]\nunits.protect = [\"db*\"]";
    let units = vec![also, alias, by_name, other, renamed, hidden];
    let Some(stage) = Stage::new(policy, units).await else {
        return;
    };
    assert_refused(stage.act("disable", "a.service").await, RefusalCode::Policy);
    assert_refused(stage.act("enable", "b.service").await, RefusalCode::Policy);
    assert_refused(stage.act("enable", "c.service").await, RefusalCode::Policy);
    let hidden = failure(stage.act("enable", "hidden.service").await);
    assert!(hidden.message.contains("can't read"), "{hidden:?}");
    let calls = stage.systemd.calls();
    assert!(
        calls.iter().all(|call| call.starts_with("load ")),
        "{calls:?}"
    );
    stage.running.stop().await;
}

#[tokio::test]
async fn units_that_are_not_there_are_not_made() {
    let mut masked = unit("masked.service");
    masked.load = "masked";
    let mut instance = unit("app@blue.service");
    instance.is_loaded = false;
    let mut invented = unit("app@evil.service");
    (invented.is_loaded, invented.has_file) = (false, false);
    let mut idle = unit("idle.service");
    idle.is_loaded = false;
    let units = vec![masked, instance, invented, idle];
    let Some(stage) = Stage::new(ALL, units).await else {
        return;
    };
    for name in [
        "nothing.service",
        "masked.service",
        "app@evil.service",
        "app@other.service",
    ] {
        assert_eq!(
            failure(stage.act("start", name).await).code,
            FailureCode::Gone,
            "{name}"
        );
    }
    assert_eq!(stage.systemd.calls(), ["load nothing.service"]);
    job_of(stage.act("start", "app@blue.service").await);
    job_of(stage.act("start", "idle.service").await);
    stage.running.stop().await;
}

#[tokio::test]
async fn without_a_bus_or_systemd_the_rest_goes_on() {
    let place = Place::new("units.allow = [\"*\"]\nprocesses.min_uid = 0");
    let running = place.start();
    let stop = || request(verb(r#"{"unit.stop":{"unit":"a.service"}}"#));
    let same = stop();
    for _ in 0..2 {
        let response = running.client.act(same.clone()).await.unwrap();
        assert_eq!(failure(response.outcome).code, FailureCode::Unavailable);
        // Nothing was begun: the same request is tried again.
        assert!(!response.replayed);
    }
    let sleeper = Sleeper::start();
    let response = running
        .client
        .act(request(sleeper.verb("TERM")))
        .await
        .unwrap();
    assert!(matches!(response.outcome, Outcome::Done(_)));
    running.stop().await;
}

#[tokio::test]
async fn a_bus_that_hangs_is_unavailable_within_its_deadline() {
    let Some(stage) = Stage::new(ALL, vec![unit("a.service")]).await else {
        return;
    };
    job_of(stage.act("restart", "a.service").await);
    let bus = Pid::from_raw(stage.bus.pid()).unwrap();
    kill_process(bus, Signal::STOP).unwrap();
    let begin = Instant::now();
    let outcome = failure(stage.act("restart", "a.service").await);
    let took = begin.elapsed();
    kill_process(bus, Signal::CONT).unwrap();
    assert_eq!(outcome.code, FailureCode::Unavailable);
    // 2 s is the deadline of a call; the rest is what a busy machine takes.
    assert!(took < Duration::from_secs(10), "{took:?}");
    // It connects again.
    job_of(stage.act("restart", "a.service").await);
    stage.running.stop().await;
}
