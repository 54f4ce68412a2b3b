//! Counts requests: recording takes well under a microsecond and never waits.
//!
//! Each thread has a shard of its own, so the lock of a shard is free unless [`Recorder::take`]
//! passes by. Knows nothing of HTTP, of databases, or of who takes what it counted.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use linux_api_wire::request_stats::{RequestKey, RequestMethod, RequestStats, Resolution};
use linux_api_wire::time::Timestamp;

/// More shards than this would only make [`Recorder::take`] slower.
const SHARDS_MAX: usize = 64;

/// Counts requests by minute, method and route. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Recorder {
    shards: Arc<[Shard]>,
    /// What was taken since the start. Locked before any shard.
    taken: Arc<Mutex<Totals>>,
}

/// All requests since the start.
pub type Totals = HashMap<RequestKey, RequestStats>;

/// A shard on cache lines of its own, so that neighbours don't slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Vec<Minute>>);

/// The requests of one minute. A shard holds one or two of them.
#[derive(Debug)]
struct Minute {
    time: Timestamp,
    routes: HashMap<Arc<str>, ByMethod>,
}

type ByMethod = [Option<Box<RequestStats>>; RequestMethod::ALL.len()];

/// What was recorded in one minute since the last [`Recorder::take`].
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRequests {
    /// When the minute began.
    pub minute: Timestamp,
    /// Which requests these are.
    pub key: RequestKey,
    /// The requests.
    pub stats: RequestStats,
}

impl Default for Recorder {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with_shards(threads * 2)
    }
}

impl Recorder {
    /// A recorder with so many shards, at least one; as many as threads record at once is best.
    #[must_use]
    pub fn with_shards(shards: usize) -> Self {
        let shards = shards.clamp(1, SHARDS_MAX);
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            taken: Arc::default(),
        }
    }

    /// Counts one request that ended at `now`. `route` must be one of a bounded set of names.
    pub fn record(
        &self,
        method: RequestMethod,
        route: &str,
        status: u16,
        duration: Duration,
        now: Timestamp,
    ) {
        let minute = Resolution::Minute.start_of(now);
        let shard = &self.shards[thread_number() % self.shards.len()];
        let mut minutes = shard.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = minutes.iter().rposition(|one| one.time == minute);
        let place = found.unwrap_or(minutes.len());
        if found.is_none() {
            minutes.push(Minute {
                time: minute,
                routes: HashMap::new(),
            });
        }
        let routes = &mut minutes[place].routes;
        let slot = method as usize;
        if let Some(methods) = routes.get_mut(route) {
            methods[slot].get_or_insert_default().add(status, duration);
        } else {
            let mut methods = ByMethod::default();
            methods[slot].get_or_insert_default().add(status, duration);
            routes.insert(route.into(), methods);
        }
    }

    /// Takes what was recorded since the last call, by minute and key, those of all threads
    /// together. Minutes that are still open come too; what follows of them comes with the next
    /// call and is to be added.
    #[must_use]
    pub fn take(&self) -> Vec<RecordedRequests> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: HashMap<(Timestamp, RequestKey), RequestStats> = HashMap::new();
        for shard in self.shards.iter() {
            let minutes =
                std::mem::take(&mut *shard.0.lock().unwrap_or_else(PoisonError::into_inner));
            for minute in &minutes {
                minute.for_each(|key, stats| {
                    all.entry((minute.time, key)).or_default().merge(stats);
                });
            }
        }
        let recorded = all.into_iter().map(|((minute, key), stats)| {
            taken.entry(key.clone()).or_default().merge(&stats);
            RecordedRequests { minute, key, stats }
        });
        recorded.collect()
    }

    /// All requests since the start, whether they were taken or not.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut totals = taken.clone();
        for shard in self.shards.iter() {
            let minutes = shard.0.lock().unwrap_or_else(PoisonError::into_inner);
            for minute in minutes.iter() {
                minute.for_each(|key, stats| totals.entry(key).or_default().merge(stats));
            }
        }
        totals
    }
}

impl Minute {
    fn for_each(&self, mut visit: impl FnMut(RequestKey, &RequestStats)) {
        for (route, methods) in &self.routes {
            for (method, stats) in RequestMethod::ALL.into_iter().zip(methods) {
                let Some(stats) = stats else { continue };
                let route = Arc::clone(route);
                visit(RequestKey { route, method }, stats);
            }
        }
    }
}

/// Counts the threads that record, in the order of their first request.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| {
        number.get().unwrap_or_else(|| {
            let own = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(own));
            own
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const MILLISECOND: Duration = Duration::from_millis(1);

    fn after(seconds: u64) -> Timestamp {
        START.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn requests_are_counted_by_minute_method_and_route() {
        let recorder = Recorder::with_shards(2);
        recorder.record(RequestMethod::Get, "/a", 200, MILLISECOND, after(0));
        recorder.record(RequestMethod::Get, "/a", 404, MILLISECOND, after(59));
        recorder.record(RequestMethod::Get, "/a", 200, MILLISECOND, after(60));
        recorder.record(RequestMethod::Post, "/a", 200, MILLISECOND, after(0));
        recorder.record(RequestMethod::Get, "/b", 200, MILLISECOND, after(0));
        let counts: BTreeMap<_, _> = recorder
            .take()
            .into_iter()
            .map(|one| {
                (
                    (one.minute, one.key.route.to_string(), one.key.method),
                    one.stats.requests,
                )
            })
            .collect();
        let expected = BTreeMap::from([
            ((after(0), "/a".to_owned(), RequestMethod::Get), 2),
            ((after(60), "/a".to_owned(), RequestMethod::Get), 1),
            ((after(0), "/a".to_owned(), RequestMethod::Post), 1),
            ((after(0), "/b".to_owned(), RequestMethod::Get), 1),
        ]);
        assert_eq!(counts, expected);
        assert_eq!(recorder.take(), []);
    }

    #[test]
    fn totals_hold_what_was_taken_and_what_was_not() {
        let recorder = Recorder::with_shards(2);
        let get = |seconds| {
            recorder.record(RequestMethod::Get, "/a", 200, MILLISECOND, after(seconds));
        };
        let total = || -> u64 { recorder.totals().values().map(|one| one.requests).sum() };
        get(0);
        assert_eq!(total(), 1);
        assert_eq!(recorder.take().len(), 1);
        assert_eq!(total(), 1);
        get(1);
        get(70);
        assert_eq!((total(), recorder.totals().len()), (3, 1));
    }

    #[test]
    fn no_request_is_lost_while_many_threads_record_and_one_takes() {
        const EACH: u64 = 20_000;
        let recorder = Recorder::with_shards(3);
        let mut taken = 0;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        for n in 0..EACH {
                            recorder.record(
                                RequestMethod::Get,
                                "/a",
                                200,
                                MILLISECOND,
                                after(n / 100),
                            );
                        }
                    })
                })
                .collect();
            while !threads
                .iter()
                .all(std::thread::ScopedJoinHandle::is_finished)
            {
                taken += recorder
                    .take()
                    .iter()
                    .map(|one| one.stats.requests)
                    .sum::<u64>();
            }
        });
        taken += recorder
            .take()
            .iter()
            .map(|one| one.stats.requests)
            .sum::<u64>();
        assert_eq!(taken, 8 * EACH);
    }
}
