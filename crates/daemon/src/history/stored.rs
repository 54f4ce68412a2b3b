//! Series from the database: which buckets are read, and how many are added up to one.
//!
//! What is read is bounded by what there is, never cut off: a series is answered in longer steps or
//! the request is refused, but no part of it is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::points::{POINTS_MAX, Reading};
use super::{HistoryError, STORED_STEP, described};
use linux_api_store::Store;
use linux_api_store::host_samples::{SampleExtent, SampleFilter, SampleRow};
use linux_api_store::hosts::HostName;
use linux_api_wire::api::history::HistorySeries;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::series::{SeriesKey, SeriesSelector};
use linux_api_wire::time::Timestamp;

/// The most rows that are read from the database for one request.
const ROWS_MAX: u64 = 50_000;
/// More buckets than this are read as longer ones, where there are such.
const BUCKETS_ENOUGH: u64 = 250_000;
/// The most buckets that the database adds up to them.
const BUCKETS_MAX: u64 = 1_000_000;

/// Series of some hosts in the database over a range.
pub(super) struct StoredSeries<'a> {
    pub(super) store: &'a Store,
    pub(super) hosts: &'a [HostName],
    pub(super) by_host: bool,
    pub(super) selectors: &'a [SeriesSelector],
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

type SeriesReadings = Vec<(HistorySeries, Vec<Reading>)>;

impl StoredSeries<'_> {
    /// The series with a reading per step, and how long the steps are: `step` seconds or longer.
    pub(super) async fn read(&self, step: u64) -> Result<(SeriesReadings, u64), HistoryError> {
        if self.hosts.is_empty() {
            return Ok((Vec::new(), step.next_multiple_of(STORED_STEP)));
        }
        let (resolution, extent) = self.resolution(step).await?;
        let series = u64::try_from(extent.series).unwrap_or(0);
        if series > POINTS_MAX as u64 || self.buckets(resolution, extent) > BUCKETS_MAX {
            return Err(HistoryError::TooMany(series));
        }
        let length = self.to.since(extent.first.unwrap_or(self.to)).as_secs();
        let mut step = step.next_multiple_of(resolution.length().as_secs());
        // A range touches up to two steps more than fit into it.
        while series.saturating_mul(length / step + 2) > ROWS_MAX {
            step = step.saturating_mul(2);
        }
        let mut found = Vec::new();
        let mut left = ROWS_MAX;
        for selector in self.selectors {
            let limit = u32::try_from(left + 1).unwrap_or(u32::MAX);
            let filter = self.filter(selector, resolution);
            let rows = self.store.list_host_samples(&filter, step, limit).await?;
            // Others began to be stored since they were counted.
            left = left
                .checked_sub(rows.len() as u64)
                .ok_or_else(|| HistoryError::TooMany(series))?;
            found.extend(self.series_of(selector, rows));
        }
        Ok((found, step))
    }

    /// The shortest buckets that go back to where the range begins, or as far as any do, and are
    /// not too many; and how much there is of them.
    async fn resolution(&self, step: u64) -> Result<(Resolution, SampleExtent), HistoryError> {
        let mut resolution = resolution(step);
        let mut extent = self.extent(resolution).await?;
        let begin_with = resolution;
        for longer in Resolution::ALL {
            if longer <= begin_with {
                continue;
            }
            // Where even the longer ones exceed the points of a response, they lose nothing.
            let fits = self.buckets(resolution, extent) <= BUCKETS_ENOUGH
                && self.buckets(longer, extent) <= POINTS_MAX as u64;
            if fits && extent.oldest.is_some_and(|oldest| oldest <= self.from) {
                break;
            }
            let of_longer = self.extent(longer).await?;
            // The bucket that holds the oldest of the shorter ones covers no more than they do.
            let knows_more = of_longer.first.is_some_and(|first| {
                let begun = extent.oldest.map(|oldest| longer.start_of(oldest));
                begun.is_none_or(|begun| first < begun)
            });
            if !fits || knows_more {
                (resolution, extent) = (longer, of_longer);
            }
        }
        Ok((resolution, extent))
    }

    /// How much there is of all series together.
    async fn extent(&self, resolution: Resolution) -> Result<SampleExtent, HistoryError> {
        let mut all = SampleExtent::default();
        let earlier = |one: Option<Timestamp>, other: Option<Timestamp>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        for selector in self.selectors {
            let filter = self.filter(selector, resolution);
            let one = self.store.extent_of_host_samples(&filter).await?;
            all.series += one.series;
            all.first = earlier(all.first, one.first);
            all.oldest = earlier(all.oldest, one.oldest);
        }
        Ok(all)
    }

    /// The most buckets that the range can hold.
    fn buckets(&self, resolution: Resolution, extent: SampleExtent) -> u64 {
        let length = self.to.since(extent.first.unwrap_or(self.to)).as_secs();
        let series = u64::try_from(extent.series).unwrap_or(0);
        series.saturating_mul(length / resolution.length().as_secs() + 1)
    }

    fn filter(&self, selector: &SeriesSelector, resolution: Resolution) -> SampleFilter {
        let labels = selector.label.as_deref().map(|label| {
            let key = SeriesKey {
                series: selector.series,
                label: label.into(),
            };
            key.stored_labels()
        });
        SampleFilter {
            resolution,
            hosts: self.hosts.iter().map(|host| host.id.clone()).collect(),
            name: selector.series.name.to_owned(),
            labels,
            from: resolution.start_of(self.from),
            to: self.to,
        }
    }

    /// Rows come by host and labels, so each run of equal ones is one series.
    fn series_of(&self, selector: &SeriesSelector, rows: Vec<SampleRow>) -> SeriesReadings {
        let ranks = self.hosts.iter().enumerate();
        let ranks: BTreeMap<&str, usize> =
            ranks.map(|(rank, host)| (host.id.as_str(), rank)).collect();
        let mut series: BTreeMap<(usize, Arc<str>), Vec<Reading>> = BTreeMap::new();
        for row in rows {
            let Some(rank) = ranks.get(&*row.host) else {
                continue;
            };
            series
                .entry((*rank, row.labels))
                .or_default()
                .push(Reading {
                    time: row.time,
                    samples: u64::try_from(row.samples).unwrap_or(1),
                    mean: row.mean,
                    max: row.max,
                });
        }
        let read = |((rank, labels), readings): ((usize, Arc<str>), Vec<Reading>)| {
            let key = SeriesKey::from_stored(selector.series, &labels)?;
            let host = self.hosts.get(rank).filter(|_| self.by_host);
            Some((described(&key, host), readings))
        };
        series.into_iter().filter_map(read).collect()
    }
}

/// The longest buckets that are no longer than a step.
fn resolution(step: u64) -> Resolution {
    let fits = |one: &Resolution| one.length().as_secs() <= step;
    Resolution::ALL
        .into_iter()
        .rfind(fits)
        .unwrap_or(Resolution::Minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_as_long_as_the_step_allows() {
        for (step, expected) in [
            (1, Resolution::Minute),
            (60, Resolution::Minute),
            (3_599, Resolution::Minute),
            (3_600, Resolution::Hour),
            (86_399, Resolution::Hour),
            (86_400, Resolution::Day),
            (31_536_000, Resolution::Day),
        ] {
            assert_eq!(resolution(step), expected, "{step}");
        }
    }
}
