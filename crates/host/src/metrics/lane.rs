//! Runs the collectors of a scrape off the async threads, so that none keeps the scrape for long.
//!
//! Most files are memory of the kernel, but drivers of sensors talk to their devices, and files of other programs
//! may lie anywhere.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::{
    Collect, CollectorRun, Families, MetricFamily, MetricsOptions, MetricsReading, Named,
    collectors,
};
use crate::lane::Lane;
use crate::{CollectError, HostRoots};
use linux_api_wire::metrics_collector::{MetricsCollector, MetricsCollectors};

/// How long one collector may take before the scrape goes on without it. Prometheus waits for ten seconds.
const DEADLINE: Duration = Duration::from_secs(2);

/// The collectors of a host between and during scrapes.
pub(crate) struct CollectorLane {
    lane: Lane,
    deadline: Duration,
    slots: Vec<Slot>,
    /// Batches of which a collector has not returned.
    late: Vec<Arc<Batch>>,
    collectors: MetricsCollectors,
}

struct Slot {
    name: MetricsCollector,
    /// Absent while it is read, and after a panic.
    collector: Option<Box<dyn Collect>>,
    /// Why the last reading failed; empty where it did not.
    error: String,
}

/// The collectors that one scrape reads.
#[derive(Default)]
struct Batch {
    waiting: Mutex<VecDeque<(usize, Box<dyn Collect>)>>,
    done: Mutex<Vec<Outcome>>,
    finished: Notify,
}

struct Outcome {
    slot: usize,
    /// Absent after a panic: it can't be trusted any more.
    collector: Option<Box<dyn Collect>>,
    families: Vec<MetricFamily>,
    result: Result<(), CollectError>,
    duration: Duration,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Batch {
    /// Reads what waits, one after another.
    fn work(&self) {
        loop {
            let next = locked(&self.waiting).pop_front();
            let Some((slot, mut collector)) = next else {
                self.finished.notify_one();
                return;
            };
            let started = Instant::now();
            let mut families = Families::default();
            let read = catch_unwind(AssertUnwindSafe(|| collector.collect(&mut families)));
            let is_whole = read.is_ok();
            let outcome = Outcome {
                slot,
                collector: is_whole.then_some(collector),
                families: families.0,
                result: read.unwrap_or(Err(CollectError::Stopped)),
                duration: started.elapsed(),
            };
            locked(&self.done).push(outcome);
        }
    }
}

impl fmt::Debug for CollectorLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.slots.iter().map(|slot| slot.name);
        f.debug_list().entries(names).finish()
    }
}

impl CollectorLane {
    /// Reads nothing yet.
    pub(crate) fn new(roots: &HostRoots, options: &MetricsOptions) -> Self {
        let mut lane = Self::with_collectors(collectors(roots, options), DEADLINE);
        lane.collectors = options.collectors.clone();
        lane
    }

    fn with_collectors(all: Vec<Named>, deadline: Duration) -> Self {
        let slots = all.into_iter().map(|(name, collector)| Slot {
            name,
            collector: Some(collector),
            error: String::new(),
        });
        Self {
            lane: Lane::new(),
            deadline,
            slots: slots.collect(),
            late: Vec::new(),
            collectors: MetricsCollectors::default(),
        }
    }

    /// Reads all collectors but those that have not returned from an earlier scrape; how each did is in the
    /// order of their families. Takes at most twice the deadline (2 s) for each that gets stuck during this call.
    /// Cancel safe.
    pub(crate) async fn read(&mut self) -> MetricsReading {
        self.take_back();
        let batch = Arc::new(Batch::default());
        // Before anything is waited for: what was taken comes back even when this call is given up.
        self.late.push(Arc::clone(&batch));
        let ready = self.slots.iter_mut().enumerate();
        let ready = ready.filter_map(|(place, slot)| Some((place, slot.collector.take()?)));
        *locked(&batch.waiting) = ready.collect();
        let has_thread = self.submit(&batch);
        let mut seen = 0;
        while has_thread
            && timeout(self.deadline, batch.finished.notified())
                .await
                .is_err()
        {
            let now = locked(&batch.done).len();
            if now == seen {
                // The one that is read now is left alone with its thread. Without another thread for the
                // others they wait for the next scrape.
                if self.lane.relieve().is_err() || !self.submit(&batch) {
                    break;
                }
            }
            seen = now;
        }
        self.results(&batch)
    }

    /// Whether there is a thread that reads a batch.
    fn submit(&self, batch: &Arc<Batch>) -> bool {
        let batch = Arc::clone(batch);
        self.lane
            .submit(vec![Box::new(move || batch.work())])
            .is_ok()
    }

    /// What a batch has found by now.
    fn results(&mut self, batch: &Batch) -> MetricsReading {
        let mut outcomes = std::mem::take(&mut *locked(&batch.done));
        outcomes.sort_by_key(|outcome| outcome.slot);
        let names = self.slots.iter().map(|slot| slot.name);
        let mut runs: Vec<CollectorRun> = names
            .map(|collector| CollectorRun {
                collector,
                duration: None,
                success: false,
            })
            .collect();
        let mut families = Vec::new();
        for outcome in outcomes {
            let (run, slot) = (&mut runs[outcome.slot], &mut self.slots[outcome.slot]);
            run.duration = Some(outcome.duration);
            run.success = outcome.result.is_ok();
            slot.collector = outcome.collector;
            slot.note(&outcome.result);
            families.extend(outcome.families);
        }
        MetricsReading {
            collectors: self.collectors.clone(),
            runs,
            families,
        }
    }

    /// Takes back the collectors that have returned since.
    fn take_back(&mut self) {
        let slots = &mut self.slots;
        self.late.retain(|batch| {
            let outcomes = std::mem::take(&mut *locked(&batch.done));
            let returned = outcomes.into_iter().map(|one| (one.slot, one.collector));
            let unread = std::mem::take(&mut *locked(&batch.waiting));
            let unread = unread.into_iter().map(|(place, one)| (place, Some(one)));
            for (place, collector) in returned.chain(unread) {
                slots[place].collector = collector;
            }
            // Its thread holds the other reference as long as it reads.
            Arc::strong_count(batch) > 1
        });
    }
}

impl Slot {
    /// Logs a failure when it begins or changes; most mean that the host has no such thing.
    fn note(&mut self, result: &Result<(), CollectError>) {
        let error = match result {
            Ok(()) => String::new(),
            Err(error) => match std::error::Error::source(error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
        };
        if error == self.error {
            return;
        }
        if !error.is_empty() {
            tracing::debug!(collector = %self.name, "nothing for /metrics: {error}");
        }
        self.error = error;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Does what a closure does.
    struct Made<F>(F);

    impl<F> fmt::Debug for Made<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Made")
        }
    }

    impl<F: FnMut(&mut Families) -> Result<(), CollectError> + Send> Collect for Made<F> {
        fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
            (self.0)(families)
        }
    }

    fn quick() -> Named {
        let read = |families: &mut Families| {
            families.gauge("quick", "Quick.", &[], 1_u64);
            Ok(())
        };
        (MetricsCollector::Arp, Box::new(Made(read)))
    }

    fn successes(runs: &[CollectorRun]) -> Vec<bool> {
        runs.iter().map(|run| run.success).collect()
    }

    #[tokio::test]
    async fn one_that_is_stuck_keeps_no_other_away_and_comes_back() {
        let (release, wait) = mpsc::sync_channel::<()>(1);
        let (returned, returns) = mpsc::sync_channel::<()>(1);
        let read = move |_: &mut Families| {
            wait.recv().unwrap();
            returned.send(()).unwrap();
            Ok(())
        };
        let stuck: Named = (MetricsCollector::Hwmon, Box::new(Made(read)));
        let all = vec![stuck, quick()];
        let mut lane = CollectorLane::with_collectors(all, Duration::from_millis(50));
        let MetricsReading { runs, families, .. } = lane.read().await;
        assert_eq!(successes(&runs), [false, true]);
        assert_eq!((runs[0].duration, families.len()), (None, 1));
        // It is not waited for again.
        let MetricsReading { runs, families, .. } = lane.read().await;
        assert_eq!((successes(&runs), families.len()), (vec![false, true], 1));
        release.send(()).unwrap();
        returns.recv().unwrap();
        // For this scrape or the one after it, as soon as its thread has handed it back.
        release.send(()).unwrap();
        while !lane.read().await.runs[0].success {
            let _ = release.send(());
        }
    }

    #[tokio::test]
    async fn a_panic_is_the_failure_of_one() {
        let panics: Named = (
            MetricsCollector::Edac,
            Box::new(Made(|_: &mut Families| panic!("odd"))),
        );
        let mut lane = CollectorLane::with_collectors(vec![panics, quick()], DEADLINE);
        for _ in 0..2 {
            let MetricsReading { runs, families, .. } = lane.read().await;
            assert_eq!((successes(&runs), families.len()), (vec![false, true], 1));
        }
    }

    #[tokio::test]
    async fn a_reading_that_is_given_up_loses_no_collector() {
        let (release, wait) = mpsc::sync_channel::<()>(1);
        let read = move |_: &mut Families| {
            wait.recv().unwrap();
            Ok(())
        };
        let slow: Named = (MetricsCollector::Hwmon, Box::new(Made(read)));
        let mut lane = CollectorLane::with_collectors(vec![slow, quick()], DEADLINE);
        let given_up = timeout(Duration::from_millis(1), lane.read()).await;
        assert!(given_up.is_err());
        release.send(()).unwrap();
        loop {
            let _ = release.send(());
            let runs = lane.read().await.runs;
            if successes(&runs) == [true, true] {
                break;
            }
        }
    }

    #[tokio::test]
    async fn what_was_found_before_an_error_is_shown() {
        let read = |families: &mut Families| {
            families.gauge("first", "First.", &[], 1_u64);
            Err(CollectError::Stopped)
        };
        let broken: Named = (MetricsCollector::Nvme, Box::new(Made(read)));
        let mut lane = CollectorLane::with_collectors(vec![broken], DEADLINE);
        let MetricsReading { runs, families, .. } = lane.read().await;
        assert_eq!((successes(&runs), families.len()), (vec![false], 1));
        assert!(runs[0].duration.is_some());
    }
}
