//! Series of a host over time: from memory or from the database, in which resolution, as which points.

mod points;
mod stored;

use std::time::Duration;

use thiserror::Error;

use crate::tasks::sampler::HostSampler;
use linux_api_store::hosts::HostName;
use linux_api_store::{Store, StoreError};
use linux_api_wire::api::history::HistorySeries;
use linux_api_wire::series::{SeriesKey, SeriesSelector};
use linux_api_wire::time::Timestamp;
use points::{Reading, downsample};
use stored::StoredSeries;

/// How far the clocks of other hosts may be ahead: what is of a later time was written by a wrong one,
/// and is in no list until then.
pub(crate) const AHEAD: Duration = Duration::from_hours(1);
/// What the sampler keeps in memory.
const RECENT: Duration = Duration::from_hours(1);
/// The shortest step that is stored, in seconds.
const STORED_STEP: u64 = 60;

/// Which series of which hosts, and over which range.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) store: &'a Store,
    /// In the order in which their series are to come.
    pub(crate) hosts: &'a [HostName],
    /// Whether each series names its host.
    pub(crate) by_host: bool,
    pub(crate) selectors: &'a [SeriesSelector],
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) now: Timestamp,
}

/// Why series can't be shown.
#[derive(Debug, Error)]
pub(crate) enum HistoryError {
    /// So many that not each has room for a point.
    #[error(
        "Input should name fewer series: {0} of them are too many for one response; a label in braces, \
         fewer hosts or a shorter range narrows it"
    )]
    TooMany(u64),
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Question<'_> {
    /// The series that have points, and how long their steps became: `step` seconds or longer. Steps
    /// that are shorter than what is stored are read from `recent`, the sampler of that host, as far
    /// as it goes back.
    pub(crate) async fn read(
        &self,
        step: u64,
        recent: Option<&HostSampler>,
    ) -> Result<(Vec<HistorySeries>, u64), HistoryError> {
        let in_memory = step < STORED_STEP && self.now.since(self.from) <= RECENT;
        let own = self.hosts.first().filter(|_| in_memory);
        let (found, step) = if let (Some(sampler), Some(own)) = (recent, own) {
            (self.recent(sampler, own), step)
        } else {
            let stored = StoredSeries {
                store: self.store,
                hosts: self.hosts,
                by_host: self.by_host,
                selectors: self.selectors,
                from: self.from,
                // Nothing is stored of the future but what hosts whose clocks are ahead write.
                to: self.to.min(self.now.saturating_add(AHEAD)),
            };
            stored.read(step).await?
        };
        Ok(downsample(&found, step))
    }

    fn recent(&self, sampler: &HostSampler, own: &HostName) -> Vec<(HistorySeries, Vec<Reading>)> {
        let found = self
            .selectors
            .iter()
            .flat_map(|selector| sampler.recent(selector, self.from, self.to));
        found
            .map(|one| {
                let readings = one.points.iter().map(|(time, value)| Reading {
                    time: *time,
                    samples: 1,
                    mean: *value,
                    max: *value,
                });
                let named = self.by_host.then_some(own);
                (described(&one.key, named), readings.collect())
            })
            .collect()
    }
}

fn described(key: &SeriesKey, host: Option<&HostName>) -> HistorySeries {
    let labels = key.labels().into_iter();
    HistorySeries {
        host: host.map(|host| host.id.clone()),
        host_name: host.map(|host| host.name.clone()),
        name: key.series.name.to_owned(),
        labels: labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        unit: key.series.unit.to_owned(),
        points: Vec::new(),
    }
}
