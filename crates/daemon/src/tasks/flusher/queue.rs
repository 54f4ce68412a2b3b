//! What waits to be written: whole states of buckets, and minutes of the host's series.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::recorder::RecordedRequests;
use linux_api_wire::fleet::HostSample;
use linux_api_wire::request_stats::{RequestBucket, RequestKey, RequestStats, Resolution};
use linux_api_wire::time::Timestamp;

/// A bucket stays in memory for this long after its end, should a late request belong to it.
const GRACE: Duration = Duration::from_mins(2);
/// About what a bucket takes besides its statistics: key, map node, shared texts.
const ENTRY_BYTES: usize = 160;
/// About what a sample takes besides its texts.
const SAMPLE_BYTES: usize = size_of::<HostSample>() + 32;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of buckets.
    pub(super) bucket_bytes: usize,
    /// Bytes of samples.
    pub(super) sample_bytes: usize,
}

impl Default for Limits {
    /// 64 MiB together.
    fn default() -> Self {
        Self {
            bucket_bytes: 48 << 20,
            sample_bytes: 16 << 20,
        }
    }
}

/// Where each request went. `recorded + recovered = stored + dropped + queued` at any time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests counted since the start.
    pub recorded: u64,
    /// Requests read back from files that earlier starts left.
    pub recovered: u64,
    /// Requests that are in the database.
    pub stored: u64,
    /// Requests that were given up because too many waited.
    pub dropped: u64,
    /// Requests that wait.
    pub queued: u64,
    /// Buckets that wait.
    pub queued_buckets: u64,
    /// About how many bytes of memory the buckets and samples take that wait.
    pub queued_bytes: u64,
    /// Samples of the host that wait.
    pub queued_samples: u64,
    /// Samples of the host that were given up because too many waited.
    pub dropped_samples: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryKey {
    resolution: Resolution,
    time: Timestamp,
    instance_id: Arc<str>,
    key: RequestKey,
}

#[derive(Debug)]
struct Entry {
    host_id: Arc<str>,
    stats: RequestStats,
    /// How many of the requests the database has.
    stored: u64,
}

impl Entry {
    fn is_dirty(&self) -> bool {
        self.stats.requests > self.stored
    }
}

/// Everything that waits, within bounds: the oldest goes first, and is counted.
#[derive(Debug)]
pub(super) struct Queue {
    host_id: Arc<str>,
    /// Whose states the current ones are. A state replaces the one before, so a bucket that was
    /// forgotten here must never be begun again under the same name: see `rotate`.
    instance_id: Arc<str>,
    base_instance_id: Arc<str>,
    rotations: u32,
    /// The newest minute that lies in a bucket that was forgotten.
    forgotten: Option<Timestamp>,
    entries: BTreeMap<EntryKey, Entry>,
    samples: VecDeque<HostSample>,
    bucket_bytes: usize,
    sample_bytes: usize,
    limits: Limits,
    counters: Counters,
}

impl Queue {
    pub(super) fn new(host_id: Arc<str>, instance_id: Arc<str>, limits: Limits) -> Self {
        Self {
            host_id,
            base_instance_id: Arc::clone(&instance_id),
            instance_id,
            rotations: 0,
            forgotten: None,
            entries: BTreeMap::new(),
            samples: VecDeque::new(),
            bucket_bytes: 0,
            sample_bytes: 0,
            limits,
            counters: Counters::default(),
        }
    }

    /// Adds what was recorded since the last call, to its minute, its hour and its day.
    pub(super) fn add(&mut self, recorded: Vec<RecordedRequests>) {
        for one in recorded {
            if self.forgotten.is_some_and(|newest| one.minute <= newest) {
                self.rotate();
            }
            self.counters.recorded += one.stats.requests;
            for resolution in Resolution::ALL {
                let key = EntryKey {
                    resolution,
                    time: resolution.start_of(one.minute),
                    instance_id: Arc::clone(&self.instance_id),
                    key: one.key.clone(),
                };
                self.merge(key, Arc::clone(&self.host_id), &one.stats);
            }
        }
        self.keep_bounds();
    }

    /// The clock went back to a time whose buckets are forgotten here: from now on the states are
    /// those of another instance, so that they stand beside the stored ones and replace none.
    fn rotate(&mut self) {
        self.rotations += 1;
        self.instance_id = format!("{}.{}", self.base_instance_id, self.rotations).into();
        self.forgotten = None;
    }

    /// Adds buckets that an earlier start could not write. The same bucket may come twice, from a
    /// file and from the one that took its place: the state with more requests is the newer one.
    pub(super) fn recover(&mut self, buckets: Vec<RequestBucket>, samples: Vec<HostSample>) {
        for bucket in buckets {
            let key = EntryKey {
                resolution: bucket.resolution,
                time: bucket.time,
                instance_id: bucket.instance_id,
                key: bucket.key,
            };
            let known = self.entries.get(&key).map(|entry| entry.stats.requests);
            if known.is_some_and(|requests| requests >= bucket.stats.requests) {
                continue;
            }
            if let Some(older) = self.entries.remove(&key) {
                self.bucket_bytes -= ENTRY_BYTES + older.stats.bytes();
            }
            if key.resolution == Resolution::Minute {
                self.counters.recovered += bucket.stats.requests - known.unwrap_or(0);
            }
            self.merge(key, bucket.host_id, &bucket.stats);
        }
        self.add_samples(samples);
        self.keep_bounds();
    }

    pub(super) fn add_samples(&mut self, samples: Vec<HostSample>) {
        for sample in samples {
            self.sample_bytes += bytes_of(&sample);
            self.samples.push_back(sample);
        }
        while self.sample_bytes > self.limits.sample_bytes {
            let Some(oldest) = self.samples.pop_front() else {
                break;
            };
            self.sample_bytes -= bytes_of(&oldest);
            self.counters.dropped_samples += 1;
        }
    }

    fn merge(&mut self, key: EntryKey, host_id: Arc<str>, stats: &RequestStats) {
        let entry = self.entries.entry(key).or_insert_with(|| {
            self.bucket_bytes += ENTRY_BYTES + RequestStats::default().bytes();
            Entry {
                host_id,
                stats: RequestStats::default(),
                stored: 0,
            }
        });
        let before = entry.stats.bytes();
        entry.stats.merge(stats);
        self.bucket_bytes += entry.stats.bytes() - before;
    }

    fn keep_bounds(&mut self) {
        while self.bucket_bytes > self.limits.bucket_bytes {
            // Minutes come first in the order of the keys, the oldest before the others.
            let Some((key, entry)) = self.entries.pop_first() else {
                break;
            };
            self.bucket_bytes -= ENTRY_BYTES + entry.stats.bytes();
            if key.resolution == Resolution::Minute {
                self.counters.dropped += entry.stats.requests - entry.stored;
            }
            self.note_forgotten(&key);
        }
    }

    fn note_forgotten(&mut self, key: &EntryKey) {
        if key.instance_id == self.instance_id {
            let end = key.time.saturating_add(key.resolution.length());
            let last = end.saturating_sub(Resolution::Minute.length());
            self.forgotten = self.forgotten.max(Some(last));
        }
    }

    /// Whether anything waits.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty() && !self.entries.values().any(Entry::is_dirty)
    }

    /// States that are not stored yet, at most about so many rows of them, the oldest minutes
    /// first.
    pub(super) fn buckets(&self, rows: usize) -> Vec<RequestBucket> {
        let mut left = rows;
        let dirty = self.entries.iter().filter(|(_, entry)| entry.is_dirty());
        let some = dirty.take_while(|(_, entry)| {
            let is_room = left > 0;
            left = left.saturating_sub(1 + entry.stats.statuses.len());
            is_room
        });
        some.map(|(key, entry)| RequestBucket {
            resolution: key.resolution,
            time: key.time,
            host_id: Arc::clone(&entry.host_id),
            instance_id: Arc::clone(&key.instance_id),
            key: key.key.clone(),
            stats: entry.stats.clone(),
        })
        .collect()
    }

    /// Samples that are not stored yet, at most so many, the oldest first.
    pub(super) fn samples(&self, rows: usize) -> Vec<HostSample> {
        self.samples.iter().take(rows).cloned().collect()
    }

    /// Notes that these states and the oldest so many samples are stored.
    pub(super) fn note_stored(&mut self, buckets: &[RequestBucket], samples: usize) {
        for bucket in buckets {
            let key = EntryKey {
                resolution: bucket.resolution,
                time: bucket.time,
                instance_id: Arc::clone(&bucket.instance_id),
                key: bucket.key.clone(),
            };
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            if bucket.resolution == Resolution::Minute {
                self.counters.stored += bucket.stats.requests - entry.stored;
            }
            entry.stored = bucket.stats.requests;
        }
        for sample in self.samples.drain(..samples.min(self.samples.len())) {
            self.sample_bytes -= bytes_of(&sample);
        }
    }

    /// Forgets buckets that are stored and over.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let instance_id = Arc::clone(&self.instance_id);
        let over = self.entries.extract_if(.., |key, entry| {
            let end = key.time.saturating_add(key.resolution.length() + GRACE);
            !entry.is_dirty() && (end <= now || key.instance_id != instance_id)
        });
        let over: Vec<(EntryKey, usize)> = over
            .map(|(key, entry)| (key, ENTRY_BYTES + entry.stats.bytes()))
            .collect();
        for (key, bytes) in over {
            self.bucket_bytes -= bytes;
            self.note_forgotten(&key);
        }
    }

    pub(super) fn counters(&self) -> Counters {
        let waiting = || self.entries.iter().filter(|(_, entry)| entry.is_dirty());
        let queued = waiting()
            .filter(|(key, _)| key.resolution == Resolution::Minute)
            .map(|(_, entry)| entry.stats.requests - entry.stored);
        let buckets = waiting().map(|(_, entry)| ENTRY_BYTES + entry.stats.bytes());
        Counters {
            queued: queued.sum(),
            queued_buckets: waiting().count() as u64,
            queued_bytes: (buckets.sum::<usize>() + self.sample_bytes) as u64,
            queued_samples: self.samples.len() as u64,
            ..self.counters
        }
    }
}

fn bytes_of(sample: &HostSample) -> usize {
    SAMPLE_BYTES + sample.name.capacity() + sample.labels.capacity()
}

#[cfg(test)]
mod tests;
