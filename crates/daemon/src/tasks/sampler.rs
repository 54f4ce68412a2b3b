//! Reads the host at each interval, and keeps what is requested most: the newest snapshot, the last
//! hour, the load of the last day and the minutes that wait to be stored.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use linux_api_host::HostReader;
use linux_api_wire::series::{Minute, SeriesSelector, for_each_value};
use linux_api_wire::snapshot::Snapshot;
use linux_api_wire::time::{Clock, Timestamp};

mod bound;
mod load;
mod minutes;
mod recent;

pub use load::LoadSampler;
pub use recent::RecentSeries;

use minutes::Minutes;
use recent::Recent;

/// Between the reading that only counters are taken of and the first snapshot.
const FIRST_WINDOW: Duration = Duration::from_millis(200);
/// Requests can't make it faster than this.
const DEMAND_MIN: Duration = Duration::from_secs(1);

/// Where snapshots come from.
pub trait Source: Send {
    /// Takes one. Rates are measured from one call to the next.
    fn read(&mut self, time: Timestamp) -> impl Future<Output = Snapshot> + Send;

    /// Whether there are readers of live snapshots.
    fn set_watched(&mut self, _is_watched: bool) {}
}

impl Source for HostReader {
    async fn read(&mut self, time: Timestamp) -> Snapshot {
        Self::read(self, time).await
    }

    fn set_watched(&mut self, is_watched: bool) {
        Self::set_watched(self, is_watched);
    }
}

/// How many series of a host have no room in the history when this is what is read of it.
#[must_use]
pub fn left_out_series(snapshot: &Snapshot) -> usize {
    let mut bound = bound::Bound::default();
    let mut left_out = 0;
    for_each_value(snapshot, |series, label, _| {
        left_out += usize::from(!bound.admits(series, label));
    });
    left_out
}

/// What was read of the host. Clones share it: one runs, the others read.
#[derive(Debug, Clone)]
pub struct HostSampler(Arc<SamplerCore>);

#[derive(Debug)]
struct SamplerCore {
    clock: Clock,
    newest: watch::Sender<Option<Arc<Snapshot>>>,
    load: LoadSampler,
    recent: RwLock<Recent>,
    minutes: Mutex<Minutes>,
    /// How many readers request each interval.
    demands: Mutex<BTreeMap<Duration, usize>>,
    demands_changed: Notify,
    /// Whether it was said that series are left out.
    has_warned: AtomicBool,
}

impl HostSampler {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(SamplerCore {
            clock,
            newest: watch::Sender::new(None),
            load: LoadSampler::default(),
            recent: RwLock::default(),
            minutes: Mutex::default(),
            demands: Mutex::default(),
            demands_changed: Notify::new(),
            has_warned: AtomicBool::new(false),
        }))
    }

    /// The newest snapshot, absent until the first one is there, a moment after the start.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Snapshot>> {
        self.0.newest.borrow().clone()
    }

    /// Announces every new snapshot.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.0.newest.subscribe()
    }

    /// The load of the last day.
    #[must_use]
    pub fn load(&self) -> LoadSampler {
        self.0.load.clone()
    }

    /// The values of the last hour of every series that `selector` selects, oldest first, at most
    /// one per second, from `from` to `to` inclusively.
    #[must_use]
    pub fn recent(
        &self,
        selector: &SeriesSelector,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<RecentSeries> {
        let recent = self.0.recent.read();
        let recent = recent.unwrap_or_else(PoisonError::into_inner);
        recent.points(selector, from, to)
    }

    /// The minutes that are over and not yet stored, oldest first. They stay until
    /// [`Self::forget_minutes`], three hours of them at most.
    #[must_use]
    pub fn finished_minutes(&self) -> Vec<Arc<Minute>> {
        self.minutes().finished()
    }

    /// What is known of the minute that is not over; a later call knows more of it.
    #[must_use]
    pub fn open_minute(&self) -> Option<Minute> {
        self.minutes().open()
    }

    /// Forgets the finished minutes up to and with `time`, because they are stored.
    pub fn forget_minutes(&self, time: Timestamp) {
        self.minutes().forget(time);
    }

    /// Minutes lost because they were not stored in time.
    #[must_use]
    pub fn dropped_minutes(&self) -> u64 {
        self.minutes().dropped()
    }

    /// How many series of the newest reading had no room in the history, because the host has more
    /// than are kept.
    #[must_use]
    pub fn left_out_series(&self) -> usize {
        self.minutes().left_out()
    }

    /// Requests snapshots at least this often, for as long as the returned value lives. Once a
    /// second is the most.
    #[must_use]
    pub fn demand(&self, interval: Duration) -> Demand {
        let interval = interval.max(DEMAND_MIN);
        *self.demands().entry(interval).or_default() += 1;
        self.0.demands_changed.notify_one();
        Demand {
            sampler: self.clone(),
            interval,
        }
    }

    /// Reads the host every `interval`, and as often as readers request, until stopped.
    pub async fn run<S: Source>(self, mut source: S, interval: Duration, stop: CancellationToken) {
        stop.run_until_cancelled(self.sample(&mut source, interval))
            .await;
    }

    async fn sample<S: Source>(&self, source: &mut S, interval: Duration) {
        // Most figures are measured between two readings.
        let first = source.read(self.0.clock.now()).await;
        self.0.load.begin();
        self.0.load.observe(&first, Instant::now());
        let mut last = Instant::now();
        let mut period = FIRST_WINDOW.min(interval);
        loop {
            let due = last + period;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = self.0.demands_changed.notified() => {
                    period = self.period(interval);
                    continue;
                }
            }
            // What was missed while the machine slept is not made up for.
            let now = Instant::now();
            last = if now < due + period { due } else { now };
            source.set_watched(!self.demands().is_empty());
            let snapshot = source.read(self.0.clock.now()).await;
            self.record(snapshot);
            period = self.period(interval);
        }
    }

    fn record(&self, mut snapshot: Snapshot) {
        snapshot.taken = Some(std::time::Instant::now());
        self.0.load.observe(&snapshot, Instant::now());
        {
            let mut recent = self
                .0
                .recent
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let mut minutes = self.minutes();
            let keep = recent.begin(snapshot.time);
            minutes.begin(snapshot.time);
            for_each_value(&snapshot, |series, label, value| {
                minutes.add(series, label, value);
                if keep {
                    recent.add(series, label, value);
                }
            });
            self.warn_once(minutes.left_out());
        }
        self.0.newest.send_replace(Some(Arc::new(snapshot)));
    }

    fn warn_once(&self, left_out: usize) {
        if left_out > 0 && !self.0.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                left_out,
                kept = bound::SERIES_MAX,
                "the host has more series than the history keeps"
            );
        }
    }

    /// How often the host is read now.
    fn period(&self, interval: Duration) -> Duration {
        let fastest = self.demands().keys().next().copied();
        fastest.map_or(interval, |fastest| fastest.min(interval))
    }

    fn minutes(&self) -> MutexGuard<'_, Minutes> {
        self.0
            .minutes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn demands(&self) -> MutexGuard<'_, BTreeMap<Duration, usize>> {
        self.0
            .demands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader that requests snapshots; ends when dropped.
#[derive(Debug)]
pub struct Demand {
    sampler: HostSampler,
    interval: Duration,
}

impl Drop for Demand {
    fn drop(&mut self) {
        let mut demands = self.sampler.demands();
        if let Some(count) = demands.get_mut(&self.interval) {
            *count -= 1;
            if *count == 0 {
                demands.remove(&self.interval);
            }
        }
        drop(demands);
        self.sampler.0.demands_changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
