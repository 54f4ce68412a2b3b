//! Merges the requests of a fleet, so that its lists are read from one row in place of one per host. Of all
//! daemons on a database one does it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::clock_watch::ClockWatch;
use linux_api_store::merge::{MergeOutcome, SETTLED_AFTER};
use linux_api_store::{Store, StoreError};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

const LEASE_NAME: &str = "merger";
/// Longer than two rounds, so that the same daemon goes on unless it ends.
const LEASE: Duration = Duration::from_mins(3);
/// How often daemons that do not hold the lease look whether it is free. The more they are, the sooner one
/// finds it free; until then lists read the rows of hosts.
const LOOK: Duration = Duration::from_mins(10);
/// The latest first look after a start.
const FIRST_LOOK: Duration = Duration::from_mins(1);
/// How long a round may take.
const ROUND_MAX: Duration = Duration::from_secs(15);
/// How long after a round that left something the next one begins.
const PAUSE: Duration = Duration::from_secs(5);
/// How many buckets are looked up at once.
const BATCH: usize = 64;

struct Merger {
    store: Store,
    holder: Arc<str>,
    clock: ClockWatch,
    /// The last round held the lease.
    is_holder: bool,
    /// The last round failed.
    failed: bool,
}

/// Merges until stopped. `holder` is the id of this start of the daemon.
pub async fn run(store: Store, holder: Arc<str>, stop: CancellationToken) {
    let mut merger = Merger {
        clock: ClockWatch::new(&store),
        store,
        holder,
        is_holder: false,
        failed: false,
    };
    let work = async {
        sleep(FIRST_LOOK.mul_f64(rand::random())).await;
        loop {
            let pause = merger.turn().await;
            sleep(pause).await;
        }
    };
    stop.run_until_cancelled(work).await;
    merger.let_go().await;
}

impl Merger {
    /// One round if it is this daemon's, and how long until the next look.
    async fn turn(&mut self) -> Duration {
        self.store.ready().await;
        if let Err(off) = self.clock.check(&self.store).await {
            tracing::debug!(%off, "the clock can't be trusted: another daemon merges statistics");
            self.let_go().await;
            return look();
        }
        match round(&self.store, &self.holder, self.is_holder, ROUND_MAX).await {
            Ok(round) => {
                self.failed = false;
                self.is_holder = round.is_some();
                match round {
                    None => look(),
                    Some(MergeRound { is_more: true, .. }) => PAUSE,
                    Some(_) => until_next(self.store.clock().now()),
                }
            }
            Err(error) => {
                // Logged once per streak; the next round tries again.
                if !self.failed {
                    tracing::warn!(%error, "can't merge the statistics of the fleet");
                    self.failed = true;
                }
                until_next(self.store.clock().now())
            }
        }
    }

    /// Lets another daemon take over; when this fails, it does when the lease ends.
    async fn let_go(&mut self) {
        if std::mem::take(&mut self.is_holder) {
            let _ = self.store.release_lease(LEASE_NAME, &self.holder).await;
        }
    }
}

/// What a round of merging came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeRound {
    /// How many buckets were merged.
    pub merged: u64,
    /// Whether others are left.
    pub is_more: bool,
}

/// Merges what is over and was not merged, or changed since, for about as long as `most`; `None` when another
/// daemon is the one to do it, or there are too few hosts. What a holder finds that was none before, it does
/// not trust.
///
/// # Errors
/// When the database fails; what was merged before stays merged.
pub async fn round(
    store: &Store,
    holder: &str,
    was_holder: bool,
    most: Duration,
) -> Result<Option<MergeRound>, StoreError> {
    let begun = Instant::now();
    if !store.is_fleet().await? {
        if was_holder {
            store.release_lease(LEASE_NAME, holder).await?;
        }
        return Ok(None);
    }
    if !store.hold_lease(LEASE_NAME, holder, LEASE).await? {
        return Ok(None);
    }
    if !was_holder {
        let wrong = store.check_merged().await?;
        if wrong > 0 {
            tracing::warn!(
                buckets = wrong,
                "merged statistics were incomplete and are made again"
            );
        }
    }
    let mut merged = 0;
    loop {
        let buckets = store.unmerged_buckets(store.clock().now(), BATCH).await?;
        let (found, before) = (buckets.len(), merged);
        for bucket in buckets {
            if begun.elapsed() > most {
                return Ok(Some(MergeRound {
                    merged,
                    is_more: true,
                }));
            }
            let since = Instant::now();
            match store.merge_bucket(bucket).await {
                Ok(MergeOutcome::Merged(_)) => merged += 1,
                Ok(MergeOutcome::Nothing | MergeOutcome::Busy) => {}
                // Lists of this bucket fail too; those of all others need not.
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::debug!(%error, ?bucket, "a bucket of statistics can't be merged");
                }
                Err(error) => return Err(error),
            }
            // Half of the time is left to others.
            sleep(since.elapsed()).await;
        }
        if found < BATCH || merged == before {
            break;
        }
    }
    store.trim_merged(store.clock().now()).await?;
    Ok(Some(MergeRound {
        merged,
        is_more: false,
    }))
}

/// Some time up to [`LOOK`], so that the daemons of a fleet do not look all at once.
fn look() -> Duration {
    LOOK.mul_f64(0.5 + rand::random::<f64>() / 2.0)
}

/// How long until the next minute is over for good.
fn until_next(now: Timestamp) -> Duration {
    let minute = Resolution::Minute;
    let open = minute.start_of(now.saturating_sub(SETTLED_AFTER));
    let next = open.saturating_add(minute.length() + SETTLED_AFTER);
    next.since(now).max(PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_begin_half_a_minute_after_each_minute() {
        for (now, seconds) in [
            ("2026-11-23T07:02:30Z", 60),
            ("2026-11-23T07:02:31Z", 59),
            ("2026-11-23T07:03:00Z", 30),
            ("2026-11-23T07:03:29Z", 5),
        ] {
            let pause = until_next(now.parse().unwrap());
            assert_eq!(pause, Duration::from_secs(seconds), "{now}");
        }
    }
}
