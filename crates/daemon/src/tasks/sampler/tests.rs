use tokio::time::sleep;

use super::*;
use linux_api_wire::host::LoadAverages;
use linux_api_wire::snapshot::{Cpu, CpuSeconds, Family, FamilyStatus, FamilyValue, Load};
use linux_api_wire::time::ManualClock;

const TWO: Duration = Duration::from_secs(2);
const BEGIN: Timestamp = Timestamp::from_millis(600_000);

/// What a host says: load, busy and idle CPU seconds. `None` when it can't be read.
type ScriptedReading = Option<(f64, f64, f64)>;

/// The current values of a host, and the times at which it was read.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<ScriptedReading>>, Arc<Mutex<Vec<Timestamp>>>);

impl Script {
    fn set(&self, load: f64, busy: f64, idle: f64) {
        *self.0.lock().unwrap() = Some((load, busy, idle));
    }

    fn fail(&self) {
        *self.0.lock().unwrap() = None;
    }

    fn readings(&self) -> usize {
        self.1.lock().unwrap().len()
    }
}

impl Source for Script {
    async fn read(&mut self, time: Timestamp) -> Snapshot {
        self.1.lock().unwrap().push(time);
        let mut snapshot = Snapshot {
            time,
            ..Snapshot::default()
        };
        let mut error = Some("gone".to_owned());
        if let Some((one, busy, idle)) = *self.0.lock().unwrap() {
            error = None;
            snapshot.set(FamilyValue::Load(Load {
                one,
                ..Load::default()
            }));
            snapshot.set(FamilyValue::Cpu(Cpu {
                seconds: CpuSeconds {
                    user: busy,
                    idle,
                    ..CpuSeconds::default()
                },
                ..Cpu::default()
            }));
        }
        for family in [Family::Load, Family::Cpu] {
            let status = FamilyStatus {
                age: Some(Duration::ZERO),
                error: error.clone(),
            };
            snapshot.status.insert(family, status);
        }
        snapshot
    }
}

struct Bench {
    script: Script,
    clock: ManualClock,
    sampler: HostSampler,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn start(script: Script) -> Bench {
    let clock = ManualClock::at(BEGIN);
    let (sampler, stop) = (HostSampler::new(clock.clock()), CancellationToken::new());
    let run = sampler.clone().run(script.clone(), TWO, stop.clone());
    Bench {
        script,
        clock,
        sampler,
        stop,
        task: tokio::spawn(run),
    }
}

impl Bench {
    /// Lets time go by, for the wall clock too.
    async fn pass(&self, seconds: f64) {
        let mut left = Duration::from_secs_f64(seconds);
        while !left.is_zero() {
            let step = left.min(Duration::from_millis(100));
            self.clock.advance(step);
            sleep(step).await;
            left -= step;
        }
    }

    fn pairs(&self) -> Option<Vec<(f64, f64)>> {
        let values = self.sampler.load().values(9)?;
        let pair = |value: &linux_api_wire::host::LoadValue| (value.load_one, value.cpu_fraction);
        Some(values.iter().map(pair).collect())
    }
}

fn saying(load: f64, busy: f64, idle: f64) -> Script {
    let script = Script::default();
    script.set(load, busy, idle);
    script
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_comes_at_once_and_then_every_interval_until_the_stop() {
    let bench = start(saying(1.0, 1.0, 1.0));
    assert!(bench.sampler.newest().is_none());
    let mut told = bench.sampler.subscribe();
    bench.pass(0.3).await;
    assert!(told.has_changed().unwrap());
    told.mark_unchanged();
    assert_eq!(bench.script.readings(), 2);
    bench.pass(20.0).await;
    assert_eq!(bench.script.readings(), 12);
    let newest = bench.sampler.newest().unwrap();
    assert_eq!(newest.time, bench.script.1.lock().unwrap()[11]);
    bench.stop.cancel();
    bench.task.await.unwrap();
    assert_eq!(bench.script.readings(), 12);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_more_gets_more_for_as_long_as_they_ask() {
    let bench = start(saying(1.0, 1.0, 1.0));
    bench.pass(0.3).await;
    let slow = bench.sampler.demand(Duration::from_secs(5));
    let fast = bench.sampler.demand(Duration::from_millis(1));
    let before = bench.script.readings();
    bench.pass(10.0).await;
    assert_eq!(bench.script.readings() - before, 10);
    drop(fast);
    let before = bench.script.readings();
    bench.pass(10.0).await;
    assert_eq!(bench.script.readings() - before, 5);
    drop(slow);
    assert!(bench.sampler.demands().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_provisional_load_is_replaced_and_then_one_comes_each_minute() {
    let bench = start(saying(2.0, 100.0, 300.0));
    assert_eq!(
        (bench.pairs(), bench.sampler.load().averages()),
        (None, None)
    );
    bench.pass(0.1).await;
    assert_eq!(bench.pairs().unwrap(), [(2.0, 0.25)]);

    bench.script.set(4.0, 150.0, 350.0);
    bench.pass(3.0).await;
    assert_eq!(bench.pairs().unwrap(), [(4.0, 0.5)]);

    bench.script.set(0.0, 150.0, 450.0);
    bench.pass(57.0).await;
    assert_eq!(bench.pairs().unwrap().len(), 1);
    bench.pass(3.0).await;
    assert_eq!(bench.pairs().unwrap(), [(4.0, 0.5), (0.0, 0.0)]);
    let averages = LoadAverages {
        load_one: 2.0,
        cpu_fraction: 0.25,
    };
    assert_eq!(bench.sampler.load().averages(), Some(averages));
    assert_eq!(bench.sampler.load().values(1).unwrap().len(), 1);
    bench.pass(600.0).await;
    assert_eq!(bench.pairs().unwrap().len(), 9);
    assert_eq!(bench.sampler.load().values(99).unwrap().len(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_cannot_be_read_for_a_while_keeps_its_loads() {
    let bench = start(saying(1.0, 0.0, 100.0));
    bench.pass(3.0).await;
    bench.script.fail();
    bench.pass(180.0).await;
    assert_eq!(bench.pairs().unwrap(), [(1.0, 0.0)]);
    // The next value is measured over the whole gap.
    bench.script.set(3.0, 75.0, 125.0);
    bench.pass(3.0).await;
    assert_eq!(bench.pairs().unwrap(), [(1.0, 0.0), (3.0, 0.75)]);
}

#[tokio::test(start_paused = true)]
async fn the_last_hour_and_the_minutes_are_kept() {
    let bench = start(saying(1.0, 1.0, 1.0));
    bench.pass(60.0).await;
    bench.script.fail();
    bench.pass(60.0).await;
    bench.script.set(3.0, 2.0, 2.0);
    bench.pass(61.0).await;
    let selector = "load.one".parse().unwrap();
    let end = BEGIN.saturating_add(Duration::from_hours(1));
    let recent = bench.sampler.recent(&selector, BEGIN, end);
    assert_eq!(recent.len(), 1);
    // One reading every two seconds, but for the minute of the gap.
    let points = &recent[0].points;
    assert!((59..=62).contains(&points.len()), "{}", points.len());
    let gap = points.windows(2).map(|two| two[1].0.since(two[0].0)).max();
    assert!(gap.unwrap() >= Duration::from_mins(1), "{gap:?}");

    let minutes = bench.sampler.finished_minutes();
    let times: Vec<Timestamp> = minutes.iter().map(|minute| minute.time).collect();
    let minute = |number: u64| BEGIN.saturating_add(Duration::from_mins(number));
    assert_eq!(times, [minute(0), minute(1), minute(2)]);
    let means = |index: usize| -> Vec<(&str, f64, f64)> {
        let values = minutes[index].values.iter();
        let loads = values.filter(|value| value.key.series.name == "load.one");
        loads
            .map(|value| ("load.one", value.mean, value.max))
            .collect()
    };
    assert_eq!(means(0), [("load.one", 1.0, 1.0)]);
    assert_eq!(means(1), []);
    assert_eq!(means(2), [("load.one", 3.0, 3.0)]);
    assert_eq!(bench.sampler.open_minute().unwrap().time, minute(3));
    bench.sampler.forget_minutes(minute(1));
    assert_eq!(bench.sampler.finished_minutes().len(), 1);
    assert_eq!(bench.sampler.dropped_minutes(), 0);
}

#[tokio::test]
async fn this_host_is_sampled_at_once() {
    let (sampler, stop) = (HostSampler::new(Clock::system()), CancellationToken::new());
    let reader = HostReader::new(linux_api_host::HostRoots::default());
    let task = tokio::spawn(sampler.clone().run(reader, TWO, stop.clone()));
    let mut told = sampler.subscribe();
    told.changed().await.unwrap();
    let snapshot = sampler.newest().unwrap();
    assert!(snapshot.is_fresh(Family::Cpu) && snapshot.memory.is_some());
    assert!((0.0..=1.0).contains(&sampler.load().averages().unwrap().cpu_fraction));
    stop.cancel();
    task.await.unwrap();
}
