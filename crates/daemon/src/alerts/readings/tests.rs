use std::os::unix::fs::PermissionsExt as _;

use linux_api_alerts::evaluate::{States, evaluate};
use linux_api_alerts::notice::Host;
use linux_api_alerts::reading::Measure;
use linux_api_alerts::rules::{RuleSource, compile};
use linux_api_alerts::state::Moment;
use linux_api_host::{HostReader, HostRoots};
use linux_api_store::Options;
use linux_api_store::flush::{Batch, HostReport};
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::series::SERIES;
use linux_api_wire::snapshot::{FamilyStatus, FamilyValue, Filesystem, Memory, Snapshot};
use linux_api_wire::time::ManualClock;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::alerts::settings::Settings;
use crate::tasks::sampler::Source;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const GIB: u64 = 1 << 30;

/// A host of which the same is read again and again.
struct Fixed(Snapshot);

impl Source for Fixed {
    async fn read(&mut self, time: Timestamp) -> Snapshot {
        Snapshot {
            time,
            ..self.0.clone()
        }
    }
}

/// A daemon's parts, with the host and the files below a directory.
struct Stage {
    folder: tempfile::TempDir,
    clock: ManualClock,
    store: Store,
    sampler: HostSampler,
    mounts: MountWatch,
    stop: CancellationToken,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(START);
        let url = format!("sqlite://{}/a.db", folder.path().display());
        let store = Store::open(Options::new(url), clock.clock()).await.unwrap();
        let nothing_to_save = async |_: &Store| Ok::<_, std::convert::Infallible>(());
        store.migrate(nothing_to_save).await.unwrap();
        store.set_own_host("host-1".into());
        Self {
            sampler: HostSampler::new(clock.clock()),
            folder,
            clock,
            store,
            mounts: MountWatch::default(),
            stop: CancellationToken::new(),
        }
    }

    /// Has the sampler read this source, and waits for its first snapshot.
    async fn sample(&self, source: impl Source + 'static) {
        let interval = Duration::from_secs(2);
        let mut newest = self.sampler.subscribe();
        tokio::spawn(
            self.sampler
                .clone()
                .run(source, interval, self.stop.clone()),
        );
        newest.changed().await.unwrap();
    }

    fn roots(&self) -> HostRoots {
        HostRoots {
            procfs: self.folder.path().join("proc"),
            sysfs: self.folder.path().join("sys"),
            rootfs: self.folder.path().to_owned(),
        }
    }

    fn readings_of(&self, roots: HostRoots) -> Readings {
        let program = self.folder.path().join("journalctl");
        let journal = Journal::with_program(program, &roots);
        let collector = Collector::with_clock(roots, self.clock.clock());
        Readings::new(Sources {
            alerts: Alerts::new(self.store.clone(), Settings::disabled()),
            sampler: self.sampler.clone(),
            interval: Duration::from_secs(2),
            mounts: self.mounts.clone(),
            journal,
            store: self.store.clone(),
            flusher: FlusherHandle::default(),
            acts: Acts::new(
                &self.folder.path().join("acts.sock"),
                self.store.clone(),
                self.clock.clock(),
                collector.units().clone(),
            ),
            collector,
            backups: BackupWatch::default(),
            certificate: None,
            state_folder: Some(self.folder.path().to_owned()),
        })
    }

    fn readings(&self) -> Readings {
        self.readings_of(self.roots())
    }

    fn set_executable(&self, path: &str) {
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.folder.path().join(path), mode).unwrap();
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// A snapshot of which these families are fresh.
fn snapshot(values: Vec<(Family, FamilyValue)>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (family, value) in values {
        snapshot.set(value);
        let status = FamilyStatus {
            age: Some(Duration::ZERO),
            error: None,
        };
        snapshot.status.insert(family, status);
    }
    snapshot
}

fn root(available: u64) -> (Family, FamilyValue) {
    let root = Filesystem {
        mount_point: "/".to_owned(),
        device: "/dev/sda1".to_owned(),
        total_bytes: Some(1_000 * GIB),
        used_bytes: Some(1_000 * GIB - available),
        available_bytes: Some(available),
        ..Filesystem::default()
    };
    (Family::Filesystems, FamilyValue::Filesystems(vec![root]))
}

fn stock() -> RuleSet {
    RuleSet::new(Vec::new()).0
}

fn of(read: &SubjectReadings, check: Check) -> Result<&[Reading], &str> {
    let found = read
        .iter()
        .find(|(subject, _)| *subject == Subject::Check(check));
    let (_, readings) = found.unwrap();
    readings.as_deref().map_err(String::as_str)
}

fn value(reading: &Reading) -> f64 {
    match &reading.measure {
        Measure::Value(value) => value.main,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_that_stock_rules_judge_is_read_of_this_machine() {
    let mut stage = Stage::new().await;
    let reader = HostReader::new(HostRoots::default());
    stage.mounts = reader.mount_watch();
    stage.sample(reader).await;
    let mut readings = stage.readings_of(HostRoots::default());
    let rules = stock();
    let read = readings.read_for(&rules, START).await;
    for rule in rules.rules() {
        let count = read
            .iter()
            .filter(|(subject, _)| *subject == rule.subject)
            .count();
        // One is judged by the leader, the other by what restarts units.
        let elsewhere = [Check::HostDown, Check::GaveUp].map(Subject::Check);
        let expected = usize::from(!elsewhere.contains(&rule.subject));
        assert_eq!(count, expected, "{}", rule.name);
    }
    assert!(value(&of(&read, Check::MemoryLow).unwrap()[0]) > 0.0);
    assert!(value(&of(&read, Check::OomKill).unwrap()[0]) >= 0.0);
    of(&read, Check::StorageFault).unwrap();
    of(&read, Check::DiskSpace).unwrap();
    assert_eq!(of(&read, Check::LinuxApi), Ok(&[][..]));
    assert!(readings.booted_at().is_some());
    // Which of these there are depends on the machine; what there is not says why.
    for check in [
        Check::UnitFailed,
        Check::Pressure,
        Check::StorageTemperature,
    ] {
        assert!(of(&read, check).err().is_none_or(|why| !why.is_empty()));
    }
}

#[tokio::test]
async fn the_pace_of_a_disk_is_read_back_after_a_start() {
    let stage = Stage::new().await;
    // A GiB less each minute for four hours: 160 GiB are left, for 160 minutes.
    let samples: Vec<HostSample> = (0..240)
        .map(|minute| {
            #[expect(clippy::cast_precision_loss, reason = "a test")]
            let free = ((400 - minute) * GIB) as f64;
            HostSample {
                name: "filesystem.available_bytes".to_owned(),
                labels: r#"{mount_point="/"}"#.to_owned(),
                time: START.saturating_sub(Duration::from_mins(240 - minute)),
                samples: 6,
                mean: free,
                max: free,
            }
        })
        .collect();
    let host = HostReport {
        identity: HostIdentity {
            id: "host-1".into(),
            name: "web-01".to_owned(),
            labels: std::collections::BTreeMap::new(),
            version: String::new(),
        },
        instance_id: "start-1".into(),
        facts: None,
        sample: None,
    };
    let batch = Batch {
        host: &host,
        buckets: &[],
        samples: &samples,
    };
    stage.store.flush(batch).await.unwrap();
    stage.sample(Fixed(snapshot(vec![root(160 * GIB)]))).await;
    let mut readings = stage.readings();
    let read = readings.read_for(&stock(), START).await;
    let found = of(&read, Check::DiskFullSoon).unwrap();
    let minutes = value(&found[0]) / 60.0;
    assert!((minutes - 160.0).abs() < 3.0, "{minutes}");
    let growth = readings
        .context(&ContextKind::DiskGrowth("/".to_owned()))
        .await;
    let said = growth[0].as_str();
    assert!(said.contains("GiB more are in use than"), "{said}");
    // A file system that was made larger meanwhile begins a pace of its own.
    readings.fills.add(
        &[Filesystem {
            mount_point: "/".to_owned(),
            total_bytes: Some(2_000 * GIB),
            available_bytes: Some(1_160 * GIB),
            ..Filesystem::default()
        }],
        START.saturating_add(Duration::from_mins(3)),
    );
    assert_eq!(readings.fills.histories()["/"].points().count(), 1);
}

#[tokio::test]
async fn what_is_not_read_says_why() {
    let stage = Stage::new().await;
    let mut readings = stage.readings();
    let read = readings.read_for(&stock(), START).await;
    let why = of(&read, Check::DiskSpace).unwrap_err();
    assert_eq!(why, "the host has not been read yet");
    assert!(of(&read, Check::OomKill).unwrap_err().contains("vmstat"));
    let mut broken = snapshot(vec![(Family::Memory, FamilyValue::Memory(memory()))]);
    let status = broken.status.get_mut(&Family::Memory).unwrap();
    status.error = Some("can't read it".to_owned());
    stage.sample(Fixed(broken)).await;
    let read = readings.read_for(&stock(), START).await;
    assert_eq!(of(&read, Check::MemoryLow), Err("can't read it"));
    let why = of(&read, Check::StorageFault).unwrap_err();
    assert_eq!(why, "the mounts have not been read yet");
    assert!(of(&read, Check::UnitFailed).is_err());
}

fn memory() -> Memory {
    Memory {
        total_bytes: 10 * GIB,
        available_bytes: GIB,
        ..Memory::default()
    }
}

#[tokio::test]
async fn series_are_read_for_each_direction_that_a_rule_has() {
    let rules = [("below", "less"), ("above", "more")].map(|(when, name)| {
        let definition = json!({
            "name": name, "series": "memory.available_bytes", "when": when, "warning": "1GiB",
        });
        compile(
            serde_json::from_value(definition).unwrap(),
            RuleSource::Stored,
        )
        .unwrap()
    });
    let rules = RuleSet::only(rules.into());
    let stage = Stage::new().await;
    let values = vec![(Family::Memory, FamilyValue::Memory(memory()))];
    stage.sample(Fixed(snapshot(values))).await;
    let read = stage.readings().read_for(&rules, START).await;
    assert_eq!(read.len(), 2);
    for (_, readings) in &read {
        let readings = readings.as_ref().unwrap();
        assert_eq!(readings.len(), 1);
        assert!((value(&readings[0]) - 1_073_741_824.0).abs() < 0.5);
    }
}

#[tokio::test]
async fn kills_while_no_daemon_ran_are_counted_after_the_start() {
    let stage = Stage::new().await;
    let counter = |count: u64| stage.write("proc/vmstat", &format!("oom_kill {count}\n"));
    counter(5);
    let read = stage.readings().read_for(&stock(), START).await;
    assert!(value(&of(&read, Check::OomKill).unwrap()[0]).abs() < 0.5);
    counter(7);
    let later = START.saturating_add(Duration::from_mins(1));
    let read = stage.readings().read_for(&stock(), later).await;
    let kills = value(&of(&read, Check::OomKill).unwrap()[0]);
    assert!((kills - 2.0).abs() < 0.5, "{kills}");
}

#[tokio::test]
async fn processes_are_counted_by_file_and_account_or_by_unit() {
    let own = std::env::current_exe().unwrap();
    let uid = rustix::process::getuid().as_raw();
    let named = |name: &str, process: serde_json::Value| {
        let definition = json!({
            "name": name, "check": "process_missing", "warning": 1, "process": process,
        });
        compile(
            serde_json::from_value(definition).unwrap(),
            RuleSource::Stored,
        )
        .unwrap()
    };
    let rules = RuleSet::only(vec![
        named("own", json!({"executable": own, "uid": uid})),
        named("others", json!({"executable": own, "uid": uid + 1})),
        named("unit", json!({"unit": "linux-api-has-no-such.service"})),
    ]);
    let stage = Stage::new().await;
    let mut readings = stage.readings_of(HostRoots::default());
    let read = readings.read_for(&rules, START).await;
    let counts: Vec<bool> = of(&read, Check::ProcessMissing)
        .unwrap()
        .iter()
        .map(|reading| value(reading) > 0.0)
        .collect();
    assert_eq!(counts, [true, false, false]);
}

#[tokio::test]
async fn a_notice_gets_the_last_lines_of_a_unit_and_the_largest_processes() {
    let stage = Stage::new().await;
    let entry = |seconds: u64, message: &str| {
        let usec = (1_800_000_000 + seconds) * 1_000_000;
        let line = json!({
            "__CURSOR": "s=1", "__REALTIME_TIMESTAMP": usec.to_string(), "MESSAGE": message,
        });
        format!("echo '{line}'\n")
    };
    // Newest first, as the program prints them backwards.
    let lines: Vec<String> = (1..=4)
        .rev()
        .map(|at| entry(at, &format!("line {at}")))
        .collect();
    stage.write("journalctl", &format!("#!/bin/sh\n{}", lines.concat()));
    stage.set_executable("journalctl");
    let mut readings = stage.readings_of(HostRoots::default());
    let unit = ContextKind::UnitLog("nginx.service".to_owned());
    let log = readings.context(&unit).await;
    let said: Vec<&str> = log.iter().map(HostText::as_str).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].ends_with(" line 2") && said[2].ends_with(" line 4"),
        "{said:?}"
    );
    assert!(
        readings
            .context(&ContextKind::UnitLog("a b".to_owned()))
            .await
            .is_empty()
    );
    let unknown = ContextKind::DiskGrowth("/nowhere".to_owned());
    assert!(readings.context(&unknown).await.is_empty());
    let most = readings.context(&ContextKind::TopMemory).await;
    assert!((1..=3).contains(&most.len()), "{most:?}");
    assert!(most[0].as_str().ends_with(" of memory"), "{most:?}");
    for kind in [ContextKind::TopCpu, ContextKind::TopIo] {
        assert!(readings.context(&kind).await.len() <= 3);
    }
}

#[tokio::test]
async fn a_journal_that_hangs_holds_up_no_more_than_some_notices() {
    let stage = Stage::new().await;
    stage.write("journalctl", "#!/bin/sh\nexec sleep 600\n");
    stage.set_executable("journalctl");
    let mut readings = stage.readings();
    let started = std::time::Instant::now();
    for number in 0..30 {
        let unit = ContextKind::UnitLog(format!("a{number}.service"));
        assert_eq!(readings.context(&unit).await, []);
    }
    let took = started.elapsed();
    // 30 times two seconds otherwise; the rest is what a busy machine takes.
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// What it costs each ten seconds to read and judge all of this machine, by the stock rules and one for each series:
/// `cargo test -p linux-api-daemon --lib -- --ignored --nocapture cost_of`.
#[tokio::test]
#[ignore = "a measurement, for a machine that does nothing else"]
#[expect(clippy::print_stdout, reason = "the figure is what it is for")]
async fn the_cost_of_reading_and_judging() {
    const TURNS: u32 = 1_000;
    let mut stage = Stage::new().await;
    let reader = HostReader::new(HostRoots::default());
    stage.mounts = reader.mount_watch();
    stage.sample(reader).await;
    stage.stop.cancel();
    let of_series = SERIES.iter().enumerate().map(|(place, series)| {
        let definition =
            json!({"name": format!("series_{place}"), "series": series.name, "warning": 1e15});
        let definition = serde_json::from_value(definition).unwrap();
        compile(definition, RuleSource::Stored).unwrap()
    });
    let (rules, problems) = RuleSet::new(of_series.collect());
    assert!(problems.is_empty(), "{problems:?}");
    let mut readings = stage.readings_of(HostRoots::default());
    let host = Host {
        id: "host-1".to_owned(),
        name: "web-01".to_owned(),
        ..Host::default()
    };
    let mut states = States::new();
    let (mut now, mut judged) = (START, 0);
    let used = || -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.try_into().unwrap()
    };
    // What is read once goes first.
    readings.read_for(&rules, now).await;
    let before = used();
    for _ in 0..TURNS {
        now = now.saturating_add(Duration::from_secs(10));
        let moment = Moment {
            now,
            booted_at: readings.booted_at(),
        };
        for (subject, read) in readings.read_for(&rules, now).await {
            let read = read.as_deref().map_err(String::as_str);
            judged += read.map_or(0, <[Reading]>::len);
            let _ = evaluate(&rules, &host, &subject, read, &mut states, moment);
        }
    }
    let each = used().saturating_sub(before) / TURNS;
    let instances = judged / usize::try_from(TURNS).unwrap();
    let share = each.as_secs_f64() / 10.0 * 100.0;
    let count = rules.rules().len();
    println!("{count} rules, {instances} instances: {each:?} each 10 s, {share:.4} % of a core");
}
