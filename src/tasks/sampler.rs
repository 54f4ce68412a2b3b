//! Samples the load of the host once a minute.

use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::collector::load::LoadRing;
use crate::collector::{Collector, CpuTimes};
use crate::model::host::{LoadAverages, LoadValue};

/// The first value is measured over this time, as nobody wants to wait a minute for it.
const FIRST_WINDOW: Duration = Duration::from_secs(1);

/// The load values of the last day. Clones share them: one runs, the others read.
#[derive(Debug, Clone, Default)]
pub struct LoadSampler {
    ring: Arc<RwLock<LoadRing>>,
}

impl LoadSampler {
    /// The newest `n` values, or as many as there are, oldest first; `None` before the first one.
    #[must_use]
    pub fn values(&self, n: usize) -> Option<Vec<LoadValue>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        (!ring.is_empty()).then(|| ring.latest(n))
    }

    /// The means of all values kept; `None` before the first one.
    #[must_use]
    pub fn averages(&self) -> Option<LoadAverages> {
        self.ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .averages()
    }

    /// Samples until told to stop.
    ///
    /// The first value is there at once: the load of now and the CPU use since the host started.
    /// After one second a measured one takes its place; from then on one comes every `interval`,
    /// normally a minute and at least a second. When the host can't be read, values are left out.
    pub async fn run(self, collector: Collector, interval: Duration, stop: CancellationToken) {
        stop.run_until_cancelled(self.sample(&collector, interval))
            .await;
    }

    async fn sample(&self, collector: &Collector, interval: Duration) {
        let mut ticks = interval_at(Instant::now() + FIRST_WINDOW, interval.max(FIRST_WINDOW));
        // After a pause of the machine one value is late; a burst of them would mean nothing.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut progress = Progress::Start;
        let mut failures = 0_u64;
        loop {
            match collector
                .blocking(|host| Ok((host.load_one()?, host.cpu_times()?)))
                .await
            {
                Ok((load_one, cpu)) => {
                    if failures > 0 {
                        info!(failures, "the load can be read again");
                    }
                    failures = 0;
                    progress = self.record(progress, load_one, cpu);
                }
                Err(error) => {
                    // Once per streak: the cause will be the same a minute later.
                    if failures == 0 {
                        let error: &(dyn Error + 'static) = &error;
                        warn!(error, "can't read the load");
                    }
                    failures += 1;
                }
            }
            ticks.tick().await;
        }
    }

    /// Stores the value between two readings of the CPU times.
    fn record(&self, progress: Progress, load_one: f64, cpu: CpuTimes) -> Progress {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let since = |earlier| LoadValue {
            load_one,
            cpu_fraction: cpu.busy_fraction_since(earlier),
        };
        match progress {
            Progress::Start => {
                ring.push(since(CpuTimes::default()));
                return Progress::Provisional(cpu);
            }
            Progress::Provisional(earlier) => ring.replace_latest(since(earlier)),
            Progress::Measured(earlier) => ring.push(since(earlier)),
        }
        Progress::Measured(cpu)
    }
}

/// What the newest value is, with the reading that the next one is measured from.
#[derive(Clone, Copy)]
enum Progress {
    /// There is none.
    Start,
    /// An estimate that the next value replaces.
    Provisional(CpuTimes),
    /// Measured between two readings.
    Measured(CpuTimes),
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::collector::HostRoots;

    const MINUTE: Duration = Duration::from_mins(1);

    /// A host of which only the load changes.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new(load: &str, busy: u64, idle: u64) -> Self {
            let host = Self(tempfile::tempdir().unwrap());
            host.set(load, busy, idle);
            host
        }

        fn set(&self, load: &str, busy: u64, idle: u64) {
            let write = |file, text| std::fs::write(self.0.path().join(file), text).unwrap();
            write("loadavg", format!("{load} 0.5 0.5 1/100 999\n"));
            write("stat", format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n"));
        }

        fn start(&self) -> (LoadSampler, CancellationToken, tokio::task::JoinHandle<()>) {
            let roots = HostRoots {
                procfs: self.0.path().to_owned(),
                ..HostRoots::default()
            };
            let (sampler, stop) = (LoadSampler::default(), CancellationToken::new());
            let run = sampler
                .clone()
                .run(Collector::new(roots), MINUTE, stop.clone());
            (sampler, stop, tokio::spawn(run))
        }
    }

    /// The values as pairs, oldest first.
    fn pairs(sampler: &LoadSampler) -> Option<Vec<(f64, f64)>> {
        let values = sampler.values(9)?;
        Some(
            values
                .iter()
                .map(|value| (value.load_one, value.cpu_fraction))
                .collect(),
        )
    }

    async fn pass(seconds: f64) {
        sleep(Duration::from_secs_f64(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_provisional_value_is_replaced_and_then_one_comes_each_minute() {
        let host = Host::new("2.00", 100, 300);
        let (sampler, stop, task) = host.start();
        assert_eq!((pairs(&sampler), sampler.averages()), (None, None));
        pass(0.5).await;
        assert_eq!(pairs(&sampler).unwrap(), [(2.0, 0.25)]);

        host.set("4.00", 150, 350);
        pass(1.0).await;
        assert_eq!(pairs(&sampler).unwrap(), [(4.0, 0.5)]);

        host.set("0.00", 150, 450);
        pass(59.0).await;
        assert_eq!(pairs(&sampler).unwrap().len(), 1);
        pass(1.0).await;
        assert_eq!(pairs(&sampler).unwrap(), [(4.0, 0.5), (0.0, 0.0)]);
        let averages = sampler.averages().unwrap();
        assert_eq!(
            averages,
            LoadAverages {
                load_one: 2.0,
                cpu_fraction: 0.25
            }
        );
        assert_eq!(sampler.values(1).unwrap().len(), 1);

        stop.cancel();
        task.await.unwrap();
        pass(300.0).await;
        assert_eq!(pairs(&sampler).unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_cannot_be_read_for_a_while_keeps_its_values() {
        let host = Host::new("1.00", 0, 100);
        let (sampler, _stop, task) = host.start();
        pass(1.5).await;
        std::fs::remove_file(host.0.path().join("loadavg")).unwrap();
        pass(180.0).await;
        assert_eq!(pairs(&sampler).unwrap(), [(1.0, 0.0)]);
        assert!(!task.is_finished());

        // The next value is measured over the whole gap.
        host.set("3.00", 75, 125);
        pass(60.0).await;
        assert_eq!(pairs(&sampler).unwrap(), [(1.0, 0.0), (3.0, 0.75)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_can_only_be_read_later_has_no_value_until_then() {
        let host = Host::new("x", 1, 1);
        let (sampler, _stop, _task) = host.start();
        pass(30.0).await;
        assert_eq!(pairs(&sampler), None);
        host.set("1.00", 10, 30);
        pass(60.0).await;
        assert_eq!(pairs(&sampler).unwrap(), [(1.0, 0.25)]);
    }

    #[tokio::test]
    async fn this_host_has_a_value_at_once() {
        let (sampler, stop) = (LoadSampler::default(), CancellationToken::new());
        let run = sampler
            .clone()
            .run(Collector::default(), MINUTE, stop.clone());
        let task = tokio::spawn(run);
        while sampler.values(1).is_none() {
            tokio::task::yield_now().await;
        }
        assert!((0.0..=1.0).contains(&sampler.averages().unwrap().cpu_fraction));
        stop.cancel();
        task.await.unwrap();
    }
}
