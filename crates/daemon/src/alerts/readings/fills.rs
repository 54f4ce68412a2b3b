//! What was free on each file system over six hours.

use std::collections::BTreeMap;

use linux_api_alerts::checks::{FILL_WINDOW, FillHistory};
use linux_api_store::host_samples::{SampleFilter, SampleRow};
use linux_api_store::{Store, StoreError};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::series::{SERIES, SeriesKey};
use linux_api_wire::snapshot::Filesystem;
use linux_api_wire::time::Timestamp;

/// The series that is read back.
const SERIES_NAME: &str = "filesystem.available_bytes";
/// Seconds between the points that are read back: as close as a history keeps them.
const STEP: u64 = 120;
/// The most rows that are read back: 180 of each file system.
const ROWS: u32 = 20_000;
/// The most file systems whose histories are kept.
const FILESYSTEMS: usize = 1_000;

/// The histories, by mount point.
#[derive(Debug, Default)]
pub(super) struct Fills {
    histories: BTreeMap<String, FillHistory>,
    /// The size that each file system had: one that was grown fills at another pace.
    sizes: BTreeMap<String, u64>,
    is_restored: bool,
}

impl Fills {
    pub(super) const fn histories(&self) -> &BTreeMap<String, FillHistory> {
        &self.histories
    }

    /// Notes what is free now. Histories go with their file systems six hours later.
    pub(super) fn add(&mut self, filesystems: &[Filesystem], now: Timestamp) {
        let known = filesystems
            .iter()
            .filter(|one| !one.read_only && !one.stale);
        for one in known {
            let (Some(available), Some(size)) = (one.available_bytes, one.total_bytes) else {
                continue;
            };
            if !self.histories.contains_key(&one.mount_point) && self.histories.len() >= FILESYSTEMS
            {
                continue;
            }
            let history = self.histories.entry(one.mount_point.clone()).or_default();
            let before = self.sizes.insert(one.mount_point.clone(), size);
            if before.is_some_and(|before| before != size) {
                *history = FillHistory::default();
            }
            history.add(now, available);
        }
        self.histories.retain(|mount_point, history| {
            let last = history.points().last();
            let is_kept = last.is_some_and(|(time, _)| now.since(time) <= FILL_WINDOW);
            if !is_kept {
                self.sizes.remove(mount_point);
            }
            is_kept
        });
    }

    /// Reads back what was stored before this process started, once the database is there.
    pub(super) async fn restore(&mut self, store: &Store, now: Timestamp) {
        if self.is_restored || !store.is_ready() {
            return;
        }
        match stored(store, now).await {
            Ok(rows) => {
                self.is_restored = true;
                self.join(&rows);
            }
            Err(error) => tracing::debug!(%error, "can't read how disks filled up"),
        }
    }

    /// Puts stored points before those of this process.
    fn join(&mut self, rows: &[SampleRow]) {
        let Some(series) = SERIES.iter().find(|series| series.name == SERIES_NAME) else {
            return;
        };
        let mut stored: BTreeMap<String, Vec<(Timestamp, u64)>> = BTreeMap::new();
        for row in rows {
            if let Some(label) = SeriesKey::from_stored(series, &row.labels).map(|key| key.label) {
                let points = stored.entry(label.to_string()).or_default();
                points.push((row.time, whole(row.mean)));
            }
        }
        for (mount_point, mut points) in stored {
            let own = self.histories.entry(mount_point).or_default();
            let first = own.points().next().map(|(time, _)| time);
            points.retain(|(time, _)| first.is_none_or(|first| *time < first));
            points.sort_unstable();
            points.extend(own.points());
            *own = FillHistory::of(points);
        }
    }
}

/// What this host stored of the last six hours, of no later time than now.
async fn stored(store: &Store, now: Timestamp) -> Result<Vec<SampleRow>, StoreError> {
    let Some(host) = store.own_host() else {
        return Ok(Vec::new());
    };
    let filter = SampleFilter {
        resolution: Resolution::Minute,
        hosts: vec![host.to_string()],
        name: SERIES_NAME.to_owned(),
        labels: None,
        from: Resolution::Minute.start_of(now.saturating_sub(FILL_WINDOW)),
        to: now,
    };
    store.list_host_samples(&filter, STEP, ROWS).await
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean of sizes is none below zero, and a byte more or less is no matter"
)]
fn whole(mean: f64) -> u64 {
    mean as u64
}
