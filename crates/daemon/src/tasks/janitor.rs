//! Deletes what is older than it should be kept. Of all daemons on a database one does it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::supervisor::every;
use linux_api_store::{Store, StoreError};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// How often the janitor looks.
const INTERVAL: Duration = Duration::from_mins(10);
/// Longer than the interval, so that the same daemon goes on unless it ends.
const LEASE: Duration = Duration::from_mins(25);
const LEASE_NAME: &str = "janitor";
/// For rows of the audit log, which not every daemon may delete.
const AUDIT_LEASE_NAME: &str = "audit janitor";
/// Time for others between two deletions.
const BREATH: Duration = Duration::from_millis(50);
/// As long as a chunk of minutes, see `store::timescale`.
const CHUNK: Duration = Duration::from_hours(3 * 24);
/// How many chunks are compressed in one round.
const COMPRESSED_MAX: u32 = 20;
/// A clock that is further off than this is no reason to delete anything.
const SKEW: Duration = Duration::from_mins(5);
/// How long a round removes what hosts have left that were forgotten.
const FORGETTING_MAX: Duration = Duration::from_mins(1);
/// Never deleted for want of room.
const LEAST: Duration = Duration::from_hours(24);

/// How long what is kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Minutes of requests and of the host's series.
    pub minutes: Duration,
    /// Hours of them.
    pub hours: Duration,
    /// Days of them.
    pub days: Duration,
    /// Rows of the audit log.
    pub audit: Duration,
    /// From how many bytes on the oldest minutes go before their time.
    pub max_bytes: Option<u64>,
}

impl Retention {
    const fn of(&self, resolution: Resolution) -> Duration {
        match resolution {
            Resolution::Minute => self.minutes,
            Resolution::Hour => self.hours,
            Resolution::Day => self.days,
        }
    }
}

struct Janitor {
    store: Store,
    retention: Retention,
    holder: Arc<str>,
    clock: ClockWatch,
    /// The last round failed.
    failed: bool,
}

/// Cleans until stopped. `holder` is the id of this start of the daemon.
pub async fn run(store: Store, retention: Retention, holder: Arc<str>, stop: CancellationToken) {
    let mut janitor = Janitor {
        clock: ClockWatch::new(&store),
        store,
        retention,
        holder,
        failed: false,
    };
    every(INTERVAL, &stop, &mut janitor, |one| one.turn().boxed()).await;
    // Another daemon takes over at once; when this fails, it does when the lease ends.
    for lease in [LEASE_NAME, AUDIT_LEASE_NAME] {
        let _ = janitor.store.release_lease(lease, &janitor.holder).await;
    }
}

impl Janitor {
    async fn turn(&mut self) {
        self.store.ready().await;
        if let Err(off) = self.clock.check(&self.store).await {
            tracing::warn!(%off, "the clock can't be trusted: nothing is deleted for now");
            return;
        }
        match sweep(&self.store, &self.retention, &self.holder).await {
            Ok(deleted) => {
                if let Some(deleted @ 1..) = deleted {
                    tracing::info!(deleted, "deleted measurements that were too old");
                }
                self.failed = false;
            }
            // Logged once per streak; the next round tries again.
            Err(failed) if !self.failed => {
                tracing::warn!(error = %failed.source, "can't {}", failed.what);
                self.failed = true;
            }
            Err(_) => {}
        }
    }
}

/// What a sweep could not do, the first of it.
#[derive(Debug, thiserror::Error)]
#[error("can't {what}: {source}")]
pub struct SweepError {
    /// What was to be done, as in `delete measurements that are too old`.
    pub what: &'static str,
    /// What the database said.
    pub source: StoreError,
}

impl SweepError {
    /// For a step that is about `what`.
    fn of(what: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |source| Self { what, source }
    }
}

/// Deletes everything that is too old now, rows or chunks of them, and returns how many; `None` when
/// another daemon is the one to do it.
///
/// # Errors
/// When the database fails; what was deleted before stays deleted.
pub async fn sweep(
    store: &Store,
    retention: &Retention,
    holder: &str,
) -> Result<Option<u64>, SweepError> {
    const DELETE: &str = "delete measurements that are too old";
    const EXPIRE: &str = "delete rows of the audit log that are too old";
    let audit = expire_audit(store, retention, holder).await;
    let held = store.hold_lease(LEASE_NAME, holder, LEASE).await;
    if !held.map_err(SweepError::of(DELETE))? {
        audit.map_err(SweepError::of(EXPIRE))?;
        return Ok(None);
    }
    let now = store.clock().now();
    let timescale = store.timescale().await;
    let has_chunks = timescale.map_err(SweepError::of(DELETE))?.is_used();
    // What is done to whole tables is left to TimescaleDB's own jobs, as the owner set them up.
    let owns_chunks = has_chunks && store.owns_schema().await.map_err(SweepError::of(DELETE))?;
    let mut swept = SweepResult::default();
    for resolution in Resolution::ALL {
        let keep = retention.of(resolution);
        if has_chunks && !owns_chunks {
            continue;
        }
        if has_chunks {
            let kept = store.keep_chunks(resolution, keep).await;
            swept.add("set the retention of TimescaleDB", kept.map(|()| 0));
        }
        let cutoff = now
            .saturating_sub(keep)
            .min(summed_up_until(resolution, now));
        let deleted = delete(store, has_chunks, resolution, cutoff, holder).await;
        swept.add(DELETE, deleted);
    }
    if owns_chunks {
        let compressed = store.compress_late_chunks(now, COMPRESSED_MAX).await;
        if let Ok(compressed @ 1..) = compressed {
            tracing::info!(compressed, "compressed chunks that TimescaleDB had left");
        }
        swept.add("compress measurements", compressed.map(|_| 0));
    }
    if let Some(max) = retention.max_bytes
        && has_chunks == owns_chunks
    {
        let deleted = make_room(store, has_chunks, max, holder).await;
        swept.add("keep the database below retention.max_size", deleted);
    }
    let removed = remove_forgotten(store, has_chunks, holder).await;
    swept.add("remove what hosts have left that were forgotten", removed);
    swept.add(EXPIRE, audit);
    let hosts = store.delete_old_hosts(now.saturating_sub(retention.days));
    let deleted = hosts.await.map(|()| 0);
    swept.add("delete hosts that are gone", deleted);
    swept.finish().map(Some)
}

/// Deletes rows of the audit log that are too old, if this daemon may change it and no other daemon is the
/// one to do it.
async fn expire_audit(
    store: &Store,
    retention: &Retention,
    holder: &str,
) -> Result<u64, StoreError> {
    if !store.may_administer().await? || !store.hold_lease(AUDIT_LEASE_NAME, holder, LEASE).await? {
        return Ok(0);
    }
    let cutoff = store.clock().now().saturating_sub(retention.audit);
    store.delete_old_audit(cutoff).await
}

/// What the steps of a sweep came to. One that fails keeps none of the others from being done.
#[derive(Default)]
struct SweepResult {
    deleted: u64,
    error: Option<SweepError>,
}

impl SweepResult {
    fn add(&mut self, what: &'static str, step: Result<u64, StoreError>) {
        match step {
            Ok(deleted) => self.deleted += deleted,
            Err(source) => {
                self.error.get_or_insert(SweepError { what, source });
            }
        }
    }

    fn finish(self) -> Result<u64, SweepError> {
        self.error.map_or(Ok(self.deleted), Err)
    }
}

/// Compares the clock with others: what is too old by a wrong one may be all that there is.
struct ClockWatch {
    last: (Timestamp, Instant),
}

impl ClockWatch {
    fn new(store: &Store) -> Self {
        Self {
            last: (store.clock().now(), Instant::now()),
        }
    }

    /// Fails when the clock was set since the last call, or differs from that of the database.
    async fn check(&mut self, store: &Store) -> Result<(), String> {
        let (now, instant) = (store.clock().now(), Instant::now());
        let (before, since) = std::mem::replace(&mut self.last, (now, instant));
        let expected = before.saturating_add(instant - since);
        if distance(now, expected) > SKEW {
            return Err(format!("it went from {expected} to {now}"));
        }
        // While the database is away, nothing can be deleted either.
        if let Ok(Some(other)) = store.database_time().await
            && distance(now, other) > SKEW
        {
            return Err(format!("it says {now}, that of the database {other}"));
        }
        Ok(())
    }
}

/// How far apart two times are.
fn distance(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

/// Until when buckets are summed up for good: the longer bucket that is not over yet is made again
/// from all shorter ones that it holds, so these stay, however short their time is.
fn summed_up_until(resolution: Resolution, now: Timestamp) -> Timestamp {
    let longer = Resolution::ALL.into_iter().find(|one| *one > resolution);
    longer.map_or(now, |longer| longer.start_of(now))
}

/// Deletes what begins before `cutoff`. Of chunks only those go that hold nothing later: deleting
/// single rows of compressed ones would unpack them.
async fn delete(
    store: &Store,
    has_chunks: bool,
    resolution: Resolution,
    cutoff: Timestamp,
    holder: &str,
) -> Result<u64, StoreError> {
    if has_chunks {
        return store.drop_old_chunks(resolution, cutoff).await;
    }
    let mut all = 0;
    loop {
        let deleted = store.delete_old_requests(resolution, cutoff).await?
            + store.delete_old_samples(resolution, cutoff).await?;
        all += deleted;
        if deleted == 0 {
            return Ok(all);
        }
        tokio::time::sleep(BREATH).await;
        // A long sweep keeps the lease, and ends when it lost it.
        if !store.hold_lease(LEASE_NAME, holder, LEASE).await? {
            return Ok(all);
        }
    }
}

/// Removes measurements of hosts that were forgotten, for a while: the next round goes on.
async fn remove_forgotten(
    store: &Store,
    has_chunks: bool,
    holder: &str,
) -> Result<u64, StoreError> {
    let begun = Instant::now();
    let mut all = 0;
    loop {
        let step = store.remove_forgotten(!has_chunks).await?;
        all += step.deleted;
        if !step.is_more || begun.elapsed() > FORGETTING_MAX {
            return Ok(all);
        }
        tokio::time::sleep(BREATH).await;
        if !store.hold_lease(LEASE_NAME, holder, LEASE).await? {
            return Ok(all);
        }
    }
}

/// Deletes the oldest day of minutes, or chunk of them, when the database is too large, never the
/// last day. One per round: how many rows are left, PostgreSQL knows only a little later.
async fn make_room(
    store: &Store,
    has_chunks: bool,
    max: u64,
    holder: &str,
) -> Result<u64, StoreError> {
    if u64::try_from(store.used_bytes().await?).unwrap_or(0) <= max {
        return Ok(0);
    }
    let newest = store.clock().now().saturating_sub(LEAST);
    let Some(oldest) = store.oldest_minute().await?.filter(|time| *time < newest) else {
        return Ok(0);
    };
    let step = if has_chunks {
        CHUNK
    } else {
        Resolution::Day.length()
    };
    let cutoff = oldest.saturating_add(step).min(newest);
    delete(store, has_chunks, Resolution::Minute, cutoff, holder).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_store::Options;
    use linux_api_wire::time::ManualClock;

    #[tokio::test]
    async fn a_clock_that_was_set_is_not_trusted_until_the_next_round() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(format!("sqlite://{}/a.db", folder.path().display()));
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let store = Store::open(options, clock.clock()).await.unwrap();
        let mut watch = ClockWatch::new(&store);
        assert_eq!(watch.check(&store).await, Ok(()));
        clock.advance(Duration::from_mins(4));
        assert_eq!(watch.check(&store).await, Ok(()), "a little is no wonder");
        clock.advance(Duration::from_hours(24 * 31));
        let off = watch.check(&store).await.unwrap_err();
        assert!(off.starts_with("it went from 2027-01-15T08:04:00"), "{off}");
        assert_eq!(watch.check(&store).await, Ok(()));
    }
}
