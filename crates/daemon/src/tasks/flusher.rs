//! Writes measurements at each interval until stopped.
//!
//! Each attempt is one transaction within the store's deadline and writes whole states, so trying
//! again never counts twice. While the database is away, states wait in bounded memory; when it is
//! still away at a stop, they wait in a file.

mod health;
mod queue;
mod spool;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::key_use::KeyUseWriter;
use crate::recorder::Recorder;
use linux_api_auth::verifier::{KeySource, Verifier};
use linux_api_store::flush::{Batch, HostReport};
use linux_api_store::{Store, StoreError};
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::time::Timestamp;
use queue::{Limits, Queue};
use spool::{Content, SpoolError};

pub use health::{FlusherHandle, FlusherHealth};
pub use queue::Counters;

/// The most rows of one transaction; fewer after one took too long.
const ROWS_MAX: usize = 10_000;
/// One statement's worth.
const ROWS_MIN: usize = 500;
/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How often the host's row is written when nothing else is.
const HOST_INTERVAL: Duration = Duration::from_secs(30);
/// How often uses of keys are written.
const KEY_USE_INTERVAL: Duration = Duration::from_mins(1);
/// How often a failure that goes on is logged.
const LOG_INTERVAL: Duration = Duration::from_mins(1);
/// How long the last attempt may take at a stop; what is left goes to the file.
const LAST_ATTEMPT: Duration = Duration::from_secs(3);

/// What a flusher needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time between two attempts while all is well.
    pub interval: Duration,
    /// Which daemon this is.
    pub host: HostIdentity,
    /// Which start of it.
    pub instance_id: Arc<str>,
    /// Where the file is kept that holds what could not be written before a stop; without it, that is
    /// lost.
    pub state_folder: Option<PathBuf>,
}

/// Writes requests, samples of the host and uses of keys.
#[derive(Debug)]
pub struct Flusher<S> {
    store: Store,
    recorder: Recorder,
    key_use: KeyUseWriter<S>,
    handle: FlusherHandle,
    settings: Settings,
    queue: Queue,
    newest: Option<(Timestamp, String)>,
    rows: usize,
    host_due: Instant,
    key_use_due: Instant,
    last_log: Option<Instant>,
    /// Files of earlier starts whose content is in the queue.
    recovered: Vec<RecoveredFile>,
}

/// A file that goes once its content is stored.
#[derive(Debug)]
struct RecoveredFile {
    path: PathBuf,
    /// Samples of it that are another host's, which the queue has no place for; emptied when they
    /// are stored.
    foreign: Option<(String, Vec<HostSample>)>,
}

impl<S: KeySource> Flusher<S> {
    /// A flusher of what `recorder` counts and `handle` is given.
    #[must_use]
    pub fn new(
        store: Store,
        recorder: Recorder,
        verifier: Verifier<S>,
        handle: FlusherHandle,
        settings: Settings,
    ) -> Self {
        let now = Instant::now();
        let key_use = KeyUseWriter::new(verifier, store.clock().now());
        handle.update(|health| health.interval = settings.interval);
        Self {
            key_use,
            queue: Queue::new(
                Arc::clone(&settings.host.id),
                Arc::clone(&settings.instance_id),
                Limits::default(),
            ),
            store,
            recorder,
            handle,
            settings,
            newest: None,
            rows: ROWS_MAX,
            host_due: now,
            key_use_due: now + KEY_USE_INTERVAL,
            last_log: None,
            recovered: Vec::new(),
        }
    }

    /// Writes until stopped, and once more then.
    pub async fn run(mut self, stop: CancellationToken) {
        self.recover().await;
        let mut ticks = interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut not_before = Instant::now();
        let mut availability = self.store.availability();
        loop {
            let next = async {
                tokio::select! {
                    _ = ticks.tick() => false,
                    // What waited through an outage need not wait for the next attempt.
                    Ok(()) = availability.changed() => availability.borrow_and_update().is_ready(),
                }
            };
            match stop.run_until_cancelled(next).await {
                Some(true) => not_before = Instant::now(),
                Some(false) => {}
                None => break,
            }
            self.collect();
            if Instant::now() < not_before {
                continue;
            }
            // A write that is given up is rolled back, and done again by the last attempt.
            match stop.run_until_cancelled(Box::pin(self.attempt())).await {
                Some(Ok(())) => {}
                Some(Err(pause)) => not_before = Instant::now() + pause,
                None => break,
            }
        }
        self.finish().await;
    }

    /// Moves what was counted and handed over into the queue.
    fn collect(&mut self) {
        let inbox = self.handle.take_inbox();
        self.newest = inbox.newest.or(self.newest.take());
        self.queue.add(self.recorder.take());
        self.queue.add_samples(inbox.samples);
        let counters = self.queue.counters();
        self.handle.update(|health| health.counters = counters);
    }

    /// Writes everything that waits; after a failure, how long to wait.
    async fn attempt(&mut self) -> Result<(), Duration> {
        let now = Instant::now();
        let is_idle = self.queue.is_empty() && self.recovered.is_empty();
        if is_idle && now < self.host_due && now < self.key_use_due {
            return Ok(());
        }
        let began = self.store.clock().now();
        self.handle
            .update(|health| health.last_attempt = Some(began));
        let outcome = self.write_all().await;
        self.queue.forget(self.store.clock().now());
        let counters = self.queue.counters();
        self.handle.update(|health| health.counters = counters);
        match outcome {
            Ok(()) => {
                self.note_success();
                self.remove_recovered().await;
                Ok(())
            }
            Err(error) => {
                let error = self.store.explain(error).await;
                Err(self.note_failure(&error))
            }
        }
    }

    async fn write_all(&mut self) -> Result<(), StoreError> {
        loop {
            let buckets = self.queue.buckets(self.rows);
            let samples = self.queue.samples(self.rows);
            if buckets.is_empty() && samples.is_empty() && Instant::now() < self.host_due {
                break;
            }
            let host = HostReport {
                // A reload may have changed the labels.
                identity: HostIdentity {
                    labels: (*self.store.own_labels()).clone(),
                    ..self.settings.host.clone()
                },
                instance_id: Arc::clone(&self.settings.instance_id),
                sample: self.newest.clone(),
            };
            let batch = Batch {
                host: &host,
                buckets: &buckets,
                samples: &samples,
            };
            if let Err(error) = self.store.flush(batch).await {
                if matches!(error, StoreError::DeadlineExceeded(_)) {
                    self.rows = (self.rows / 2).max(ROWS_MIN);
                }
                return Err(error);
            }
            self.rows = (self.rows * 2).min(ROWS_MAX);
            self.queue.note_stored(&buckets, samples.len());
            self.newest = None;
            self.host_due = Instant::now() + HOST_INTERVAL;
        }
        for one in &mut self.recovered {
            if let Some((host_id, samples)) = &mut one.foreign {
                while !samples.is_empty() {
                    let some = samples.len().min(self.rows);
                    self.store.flush_samples(host_id, &samples[..some]).await?;
                    samples.drain(..some);
                }
            }
            one.foreign = None;
        }
        if Instant::now() >= self.key_use_due {
            self.key_use.write(&self.store).await?;
            self.key_use_due = Instant::now() + KEY_USE_INTERVAL;
        }
        Ok(())
    }

    fn note_success(&mut self) {
        let now = self.store.clock().now();
        let mut failures = 0;
        self.handle.update(|health| {
            failures = std::mem::take(&mut health.consecutive_failures);
            health.success_count += 1;
            health.last_success = Some(now);
        });
        if failures > 0 {
            self.last_log = None;
            tracing::info!(failures, "measurements are written again");
        }
    }

    /// Records a failure, and returns how long to wait before the next attempt.
    fn note_failure(&mut self, error: &StoreError) -> Duration {
        let mut failures = 0;
        self.handle.update(|health| {
            health.error_count += 1;
            health.consecutive_failures += 1;
            health.last_error = Some(error.to_string());
            failures = health.consecutive_failures;
        });
        let is_quiet = |last: Instant| last.elapsed() < LOG_INTERVAL;
        if !self.last_log.is_some_and(is_quiet) {
            self.last_log = Some(Instant::now());
            let counters = self.queue.counters();
            tracing::warn!(
                %error,
                failures,
                queued = counters.queued,
                dropped = counters.dropped,
                "measurements can't be written and wait"
            );
        }
        pause(self.settings.interval, failures, rand::random())
    }

    /// Reads what earlier starts could not write.
    async fn recover(&mut self) {
        let Some(folder) = self.settings.state_folder.clone() else {
            return;
        };
        let files = tokio::task::spawn_blocking(move || {
            if let Err(error) = spool::remove_unfinished(&folder) {
                tracing::warn!(%error, "can't remove what an earlier start did not finish");
            }
            let files = spool::list(&folder)?;
            let read = |path: PathBuf| {
                let content = spool::read(&path);
                (path, content)
            };
            Ok::<_, std::io::Error>(files.into_iter().map(read).collect::<Vec<_>>())
        });
        let files = match files.await {
            Ok(Ok(files)) => files,
            Ok(Err(error)) => {
                tracing::warn!(%error, "can't look for measurements of an earlier start");
                return;
            }
            Err(_) => return,
        };
        let (database, mut others) = (self.store.mark(), Vec::new());
        for (path, content) in files {
            match content {
                Ok(content)
                    if content
                        .database
                        .as_ref()
                        .is_some_and(|one| *one != database) =>
                {
                    others.push(path);
                }
                Ok(mut content) => {
                    let (path_shown, count) = (path.display(), content.buckets.len());
                    tracing::info!(path = %path_shown, buckets = count, "read measurements of an earlier start");
                    let is_own = |id: &String| **id == *self.settings.host.id;
                    let foreign = content.host_id.filter(|id| !is_own(id));
                    let foreign = foreign.map(|id| (id, std::mem::take(&mut content.samples)));
                    self.queue.recover(content.buckets, content.samples);
                    self.recovered.push(RecoveredFile { path, foreign });
                }
                // Another daemon of the same directory stored it meanwhile, or a later start can read it.
                Err(SpoolError::Io(error)) => {
                    if error.kind() != std::io::ErrorKind::NotFound {
                        tracing::warn!(path = %path.display(), %error, "can't read measurements of an earlier start; they wait for the next");
                    }
                }
                Err(error) => {
                    let aside = spool::set_aside(&path).ok();
                    tracing::error!(path = %path.display(), %error, ?aside, "can't read measurements of an earlier start");
                }
            }
        }
        if !others.is_empty() {
            tracing::warn!(
                files = ?others,
                "measurements of earlier starts wait for another database and stay in their files; \
                 a daemon that is configured for it stores them"
            );
        }
    }

    async fn remove_recovered(&mut self) {
        let (stored, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.recovered)
            .into_iter()
            .partition(|one| one.foreign.is_none());
        self.recovered = left;
        for RecoveredFile { path, .. } in stored {
            if let Err(error) = tokio::fs::remove_file(&path).await
                && error.kind() != std::io::ErrorKind::NotFound
            {
                // The next start writes the same states again, which changes nothing.
                tracing::warn!(path = %path.display(), %error, "can't remove a file of measurements that are stored");
            }
        }
    }

    /// The last attempt; what can't be written goes to a file.
    async fn finish(mut self) {
        self.collect();
        self.host_due = Instant::now();
        self.key_use_due = Instant::now();
        let written = timeout(LAST_ATTEMPT, Box::pin(self.attempt())).await;
        if self.queue.is_empty() {
            self.remove_recovered().await;
            return;
        }
        let Some(folder) = self.settings.state_folder.clone() else {
            return;
        };
        let content = Content {
            database: Some(self.store.mark()),
            host_id: Some(self.settings.host.id.to_string()),
            buckets: self.queue.buckets(usize::MAX),
            samples: self.queue.samples(usize::MAX),
        };
        let instance_id = Arc::clone(&self.settings.instance_id);
        let saved =
            tokio::task::spawn_blocking(move || spool::write(&folder, &instance_id, &content));
        let timed_out = written.is_err();
        match saved.await {
            Ok(Ok(path)) => {
                tracing::warn!(path = %path.display(), timed_out, "measurements could not be written and wait in a file for the next start");
                self.recovered.retain(|other| other.path != path);
                self.remove_recovered().await;
            }
            Ok(Err(error)) => {
                let lost = self.queue.counters().queued;
                tracing::error!(%error, lost, "measurements could not be written, not even to a file");
            }
            Err(error) => tracing::error!(%error, "writing measurements to a file failed"),
        }
    }
}

/// Doubles with each failure up to a bound; `random`, 0 to 1, keeps the daemons of a fleet from
/// coming back all at once.
fn pause(interval: Duration, failures: u64, random: f64) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let factor = 2_u32.saturating_pow(doublings.min(16));
    let longest = interval.saturating_mul(factor).min(PAUSE_MAX);
    longest.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_differ_between_daemons() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(second, 1, 1.0), second);
        assert_eq!(pause(second, 3, 1.0), 4 * second);
        assert_eq!(pause(second, 1_000_000, 1.0), PAUSE_MAX);
        assert_eq!(pause(second, 1_000_000, 0.0), PAUSE_MAX / 2);
    }
}
