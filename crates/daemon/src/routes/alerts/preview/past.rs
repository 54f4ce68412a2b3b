//! Readings of stored series, as the checks would have made them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use linux_api_alerts::checks;
use linux_api_alerts::reading::{Reading, of_series};
use linux_api_alerts::state::Moment;
use linux_api_alerts::subject::{Check, Subject};
use linux_api_store::Store;
use linux_api_store::host_samples::SampleFilter;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::series::{SERIES, Series, SeriesKey};
use linux_api_wire::snapshot::{Filesystem, Memory};
use linux_api_wire::time::Timestamp;

use super::super::wrong;
use crate::error::ApiError;

/// The time between two values.
pub(super) const STEP: Duration = Duration::from_mins(1);
/// The checks that can be previewed, for messages.
pub(super) const CHECKS: &str = "disk_space, disk_inodes or memory_low";

/// A history for the function that judges.
pub(super) type History = Vec<(Moment, Vec<Reading>)>;

/// How readings of the past are made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Past {
    Series(&'static Series),
    DiskSpace,
    DiskInodes,
    MemoryLow,
}

/// One value of each series by name, at a time.
type Values = BTreeMap<&'static str, f64>;

impl Past {
    /// How it is made for a subject; nothing where no history of it is stored.
    pub(super) const fn of(subject: &Subject) -> Option<Self> {
        match subject {
            Subject::Series { series, .. } => Some(Self::Series(series)),
            Subject::Check(Check::DiskSpace) => Some(Self::DiskSpace),
            Subject::Check(Check::DiskInodes) => Some(Self::DiskInodes),
            Subject::Check(Check::MemoryLow) => Some(Self::MemoryLow),
            Subject::Check(_) => None,
        }
    }

    /// What is not as in a live run.
    pub(super) const fn note(self) -> Option<&'static str> {
        match self {
            Self::Series(_) => None,
            Self::DiskSpace | Self::DiskInodes => Some(
                "file systems that can't be written or are mounted twice count here, as history does not \
                 know them",
            ),
            Self::MemoryLow => Some(
                "pressure on memory is not stored for a minute: the mean of ten seconds is used in its place",
            ),
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Series(_) => &[],
            Self::DiskSpace => &[
                "filesystem.used_percent",
                "filesystem.available_bytes",
                "filesystem.total_bytes",
            ],
            Self::DiskInodes => &["filesystem.inodes_used", "filesystem.inodes_total"],
            Self::MemoryLow => &[
                "memory.available_bytes",
                "memory.total_bytes",
                "pressure.memory.some.avg10",
            ],
        }
    }

    fn series(self) -> Vec<&'static Series> {
        if let Self::Series(series) = self {
            return vec![series];
        }
        let names = self.names();
        SERIES
            .iter()
            .filter(|one| names.contains(&one.name))
            .collect()
    }

    /// The history of a host, by time. `left` is how many values may still be read, for all hosts together.
    pub(super) async fn read(
        self,
        store: &Store,
        host: &str,
        (from, to): (Timestamp, Timestamp),
        left: &mut u64,
    ) -> Result<History, ApiError> {
        let mut by_time: BTreeMap<Timestamp, BTreeMap<Arc<str>, Values>> = BTreeMap::new();
        for series in self.series() {
            let filter = SampleFilter {
                resolution: Resolution::Minute,
                hosts: vec![host.to_owned()],
                name: series.name.to_owned(),
                labels: None,
                from,
                to,
            };
            let limit = u32::try_from(*left + 1).unwrap_or(u32::MAX);
            let rows = store
                .list_host_samples(&filter, STEP.as_secs(), limit)
                .await?;
            let count = rows.len() as u64;
            *left = left.checked_sub(count).ok_or_else(|| {
                let message =
                    "Input should be about less history than a million values: fewer days or hosts";
                wrong("body", "days", message.to_owned())
            })?;
            for row in rows {
                let at = by_time.entry(row.time).or_default();
                at.entry(row.labels)
                    .or_default()
                    .insert(series.name, row.mean);
            }
        }
        let moment = |time: Timestamp| Moment {
            // The mean of a minute is known at its end.
            now: time.saturating_add(STEP),
            booted_at: None,
        };
        let history = by_time
            .into_iter()
            .map(|(time, members)| (moment(time), self.readings(&members)));
        Ok(history
            .filter(|(_, readings)| !readings.is_empty())
            .collect())
    }

    /// The readings of one moment.
    fn readings(self, members: &BTreeMap<Arc<str>, Values>) -> Vec<Reading> {
        match self {
            Self::Series(series) => {
                let reading = |(labels, values): (&Arc<str>, &Values)| {
                    let value = *values.get(series.name)?;
                    let key = SeriesKey::from_stored(series, labels)?;
                    Some(of_series(series.unit, key.labels(), value))
                };
                members.iter().filter_map(reading).collect()
            }
            Self::DiskSpace => checks::disk_space(&filesystems(members)),
            Self::DiskInodes => checks::disk_inodes(&filesystems(members)),
            Self::MemoryLow => memory(members),
        }
    }
}

/// A value as the whole number that it was.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes and counts are whole, not negative, and below 2^53"
)]
fn whole(values: &Values, name: &str) -> Option<u64> {
    let value = *values.get(name)?;
    (value.is_finite() && value >= 0.0).then_some(value.round() as u64)
}

fn filesystems(members: &BTreeMap<Arc<str>, Values>) -> Vec<Filesystem> {
    let series = SERIES
        .iter()
        .find(|one| one.name == "filesystem.used_percent");
    let one = |(labels, values): (&Arc<str>, &Values)| {
        let key = SeriesKey::from_stored(series?, labels)?;
        let mount_point = key.label.to_string();
        Some(Filesystem {
            // No device: each is one of its own.
            device: String::new(),
            mount_point,
            used_percent: values.get("filesystem.used_percent").copied(),
            available_bytes: whole(values, "filesystem.available_bytes"),
            total_bytes: whole(values, "filesystem.total_bytes"),
            inodes_used: whole(values, "filesystem.inodes_used"),
            inodes_total: whole(values, "filesystem.inodes_total"),
            ..Filesystem::default()
        })
    };
    members.iter().filter_map(one).collect()
}

fn memory(members: &BTreeMap<Arc<str>, Values>) -> Vec<Reading> {
    let Some(values) = members.values().next() else {
        return Vec::new();
    };
    let (Some(available_bytes), Some(total_bytes)) = (
        whole(values, "memory.available_bytes"),
        whole(values, "memory.total_bytes"),
    ) else {
        return Vec::new();
    };
    let memory = Memory {
        available_bytes,
        total_bytes,
        ..Memory::default()
    };
    let waiting = values.get("pressure.memory.some.avg10").copied();
    let readings = checks::memory_low(Some(&memory), None).into_iter();
    readings.map(|one| one.with_second(waiting)).collect()
}
