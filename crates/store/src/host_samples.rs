//! Series of the host: one row per series and bucket.
//!
//! Hours and days are made from the minutes by the daemon that writes the minutes, in the same
//! transaction, so they are never behind.

use crate::codec::{Db, stored_row};
use std::collections::{BTreeMap, BTreeSet};

use super::{Engine, Store, StoreError, on_read};
use linux_api_wire::fleet::HostSample;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

pub(super) const SERIES: &str = "insert into host_series (host_id, name, labels) ";
pub(super) const SERIES_CONFLICT: &str = " on conflict (host_id, name, labels) do nothing";
pub(super) const FIND: &str = "select id, name, labels, last_day from host_series where host_id = ";
pub(super) const SAMPLES: &str =
    "insert into host_samples as old (series_id, time, samples, mean, max) ";
/// Two starts of a daemon may share a minute; the one with more readings counts.
pub(super) const SAMPLES_CONFLICT: &str = "
    on conflict (series_id, time) do update set
        samples = excluded.samples, mean = excluded.mean, max = excluded.max
    where old.samples <= excluded.samples";
/// Sums up what one host has between two times. What was summed up from more readings stays: some of
/// them may be deleted by now.
pub(super) const ROLL_UP_HOUR: &str = "
    insert into host_samples_hourly as old (series_id, time, samples, mean, max)
    select series_id, $2, cast(sum(samples) as bigint), sum(mean * samples) / sum(samples), max(max)
    from host_samples
    where series_id in (select id from host_series where host_id = $1)
        and time >= $2 and time < $3 and samples > 0
    group by series_id
    on conflict (series_id, time) do update set
        samples = excluded.samples, mean = excluded.mean, max = excluded.max
    where old.samples <= excluded.samples";
pub(super) const ROLL_UP_DAY: &str = "
    insert into host_samples_daily as old (series_id, time, samples, mean, max)
    select series_id, $2, cast(sum(samples) as bigint), sum(mean * samples) / sum(samples), max(max)
    from host_samples_hourly
    where series_id in (select id from host_series where host_id = $1)
        and time >= $2 and time < $3 and samples > 0
    group by series_id
    on conflict (series_id, time) do update set
        samples = excluded.samples, mean = excluded.mean, max = excluded.max
    where old.samples <= excluded.samples";

/// Writes samples inside a transaction; a macro because the bound types differ per engine.
macro_rules! upsert_samples {
    ($tx:expr, $host_id:expr, $samples:expr) => {{
        use ::linux_api_wire::request_stats::Resolution;
        use $crate::host_samples as own;
        use $crate::request_stats::{ROWS, signed};
        let (host_id, samples): (&str, &[::linux_api_wire::fleet::HostSample]) =
            ($host_id, $samples);
        let series = own::series_of(samples);
        for names in series.chunks(ROWS) {
            let mut query = sqlx::QueryBuilder::new(own::SERIES);
            query.push_values(names, |mut row, (name, labels)| {
                row.push_bind(host_id).push_bind(*name).push_bind(*labels);
            });
            query.push(own::SERIES_CONFLICT);
            $tx.execute_bulk(query.build(), names.len() == ROWS).await?;
        }
        // A host may have had many more: a container has series of its own for as long as it lives.
        let mut known: Vec<own::SeriesId> = Vec::new();
        for names in series.chunks(ROWS) {
            let mut query = sqlx::QueryBuilder::new(own::FIND);
            query.push_bind(host_id).push(" and (name, labels) in (");
            query.push_values(names, |mut row, (name, labels)| {
                row.push_bind(*name).push_bind(*labels);
            });
            query.push(")");
            known.extend(
                $tx.fetch_bulk(query.build_query_as(), names.len() == ROWS)
                    .await?,
            );
        }
        if !series.is_empty() {
            $crate::series_ends::touch_series!($tx, own::later_days(samples, &known));
            let rows = own::with_ids(samples, &known);
            for rows in rows.chunks(ROWS) {
                let mut query = sqlx::QueryBuilder::new(own::SAMPLES);
                query.push_values(rows, |mut row, (id, one)| {
                    row.push_bind(*id)
                        .push_bind($crate::codec::Db(one.time))
                        .push_bind(signed(one.samples))
                        .push_bind(one.mean)
                        .push_bind(one.max);
                });
                query.push(own::SAMPLES_CONFLICT);
                $tx.execute_bulk(query.build(), rows.len() == ROWS).await?;
            }
            for (resolution, sql) in [
                (Resolution::Hour, own::ROLL_UP_HOUR),
                (Resolution::Day, own::ROLL_UP_DAY),
            ] {
                for start in own::starts_of(samples, resolution) {
                    let end = start.saturating_add(resolution.length());
                    $tx.execute(
                        sqlx::query(sql)
                            .bind(host_id)
                            .bind($crate::codec::Db(start))
                            .bind($crate::codec::Db(end)),
                    )
                    .await?;
                }
            }
        }
    }};
}

pub(super) use upsert_samples;

pub(super) struct SeriesId {
    id: i64,
    name: String,
    labels: String,
    last_day: Option<Timestamp>,
}

stored_row!(SeriesId { id, name, labels; db last_day: Option<Timestamp> });

/// The series whose last day is later by these samples, by that day.
pub(super) fn later_days(
    samples: &[HostSample],
    known: &[SeriesId],
) -> BTreeMap<Timestamp, Vec<i64>> {
    let days = super::series_ends::last_days(samples);
    let mut later: BTreeMap<Timestamp, Vec<i64>> = BTreeMap::new();
    for one in known {
        let day = days.get(&(one.name.as_str(), one.labels.as_str())).copied();
        if let Some(day) = day.filter(|day| one.last_day.is_none_or(|known| known < *day)) {
            later.entry(day).or_default().push(one.id);
        }
    }
    later
}

pub(super) fn series_of(samples: &[HostSample]) -> Vec<(&str, &str)> {
    let series: BTreeSet<(&str, &str)> = samples
        .iter()
        .map(|one| (one.name.as_str(), one.labels.as_str()))
        .collect();
    series.into_iter().collect()
}

/// The samples with the ids of their series, the last of each series and time.
pub(super) fn with_ids<'a>(
    samples: &'a [HostSample],
    known: &[SeriesId],
) -> Vec<(i64, &'a HostSample)> {
    let ids: BTreeMap<(&str, &str), i64> = known
        .iter()
        .map(|one| ((one.name.as_str(), one.labels.as_str()), one.id))
        .collect();
    let rows: BTreeMap<(i64, Timestamp), &HostSample> = samples
        .iter()
        .filter_map(|one| {
            let id = *ids.get(&(one.name.as_str(), one.labels.as_str()))?;
            Some(((id, one.time), one))
        })
        .collect();
    let rows = rows.into_iter().map(|((id, _), sample)| (id, sample));
    rows.collect()
}

pub(super) fn starts_of(samples: &[HostSample], resolution: Resolution) -> BTreeSet<Timestamp> {
    samples
        .iter()
        .map(|one| resolution.start_of(one.time))
        .collect()
}

/// Which samples to read.
#[derive(Debug, Clone)]
pub struct SampleFilter {
    /// How long their buckets are.
    pub resolution: Resolution,
    /// Of the hosts with these ids, at least one.
    pub hosts: Vec<String>,
    /// Of the series with this name.
    pub name: String,
    /// Of the series with these labels, as they are stored; absent for all of that name.
    pub labels: Option<String>,
    /// Buckets that begin at or after this time.
    pub from: Timestamp,
    /// Buckets that begin before this time.
    pub to: Timestamp,
}

/// Samples of one series, those of a step together.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// Id of the host.
    pub host: String,
    /// Labels of the series.
    pub labels: String,
    /// When the step begins.
    pub time: Timestamp,
    /// How many readings it holds.
    pub samples: i64,
    /// Their mean.
    pub mean: f64,
    /// The largest of them.
    pub max: f64,
}

stored_row!(SampleRow { host, labels, samples, mean, max; db time: Timestamp });

/// How much there is of the samples that a filter describes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SampleExtent {
    /// How many series have any in the range.
    pub series: i64,
    /// The oldest in the range.
    pub first: Option<Timestamp>,
    /// The oldest of all, before the range too.
    pub oldest: Option<Timestamp>,
}

stored_row!(SampleExtent { series; db first: Option<Timestamp>, oldest: Option<Timestamp> });

/// The series that a filter describes.
macro_rules! push_series {
    ($query:expr, $filter:expr) => {
        $query.push(" where s.host_id in (");
        let mut list = $query.separated(", ");
        for host in &$filter.hosts {
            list.push_bind(host.as_str());
        }
        $query.push(")");
        $query.push(" and s.name = ");
        $query.push_bind($filter.name.as_str());
        if let Some(labels) = &$filter.labels {
            $query.push(" and s.labels = ").push_bind(labels.as_str());
        }
        // Not those of all containers that there ever were.
        $query.push(" and (s.last_day is null or s.last_day >= ");
        $query
            .push_bind(Db(Resolution::Day.start_of($filter.from)))
            .push(")");
    };
}

const fn table(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Minute => "host_samples",
        Resolution::Hour => "host_samples_hourly",
        Resolution::Day => "host_samples_daily",
    }
}

impl Store {
    /// How much there is; it takes two look-ups per series, however many samples there are.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn extent_of_host_samples(
        &self,
        filter: &SampleFilter,
    ) -> Result<SampleExtent, StoreError> {
        let table = table(filter.resolution);
        on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new(
                "select count(first) as series, min(first) as first, min(oldest) as oldest
                from (select (select t.time from ",
            );
            query
                .push(table)
                .push(" t where t.series_id = s.id order by t.time limit 1) as oldest, ");
            query.push("(select t.time from ").push(table);
            query.push(" t where t.series_id = s.id and t.time >= ");
            query.push_bind(Db(filter.from)).push(" and t.time < ");
            query.push_bind(Db(filter.to));
            query.push(" order by t.time limit 1) as first from host_series s");
            push_series!(query, filter);
            query.push(") found");
            let extent: Option<SampleExtent> = tx.fetch_optional(query.build_query_as()).await?;
            Ok(extent.unwrap_or_default())
        })
    }

    /// Samples by host, labels and time, the oldest first, those of each `step` seconds added up: at
    /// most `limit`. A step is a whole number of buckets and begins at a multiple of itself
    /// since 1970.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn list_host_samples(
        &self,
        filter: &SampleFilter,
        step: u64,
        limit: u32,
    ) -> Result<Vec<SampleRow>, StoreError> {
        let table = table(filter.resolution);
        let step = i64::try_from(step).unwrap_or(i64::MAX / 1_000).max(1);
        let engine = self.engine();
        on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new("select s.host_id as host, s.labels, ");
            match engine {
                Engine::Sqlite => {
                    let step = step.saturating_mul(1_000);
                    query.push("t.time - t.time % ").push_bind(step);
                }
                Engine::Postgres => {
                    query.push("to_timestamp(floor(extract(epoch from t.time) / ");
                    query.push_bind(step).push(") * ").push_bind(step);
                    query.push(")");
                }
            }
            query.push(
                " as time, cast(sum(t.samples) as bigint) as samples,
                sum(t.mean * t.samples) / sum(t.samples) as mean, max(t.max) as max from ",
            );
            // Series by series: of many, PostgreSQL would rather read the whole table, which is the
            // longer the more there is of other series.
            query.push(match engine {
                Engine::Sqlite => {
                    "host_series s join (select series_id, time, samples, mean, max from "
                }
                Engine::Postgres => {
                    "host_series s cross join lateral (select time, samples, mean, max from "
                }
            });
            query.push(table).push(" where samples > 0 and time >= ");
            query.push_bind(Db(filter.from)).push(" and time < ");
            query.push_bind(Db(filter.to));
            query.push(match engine {
                Engine::Sqlite => ") t on t.series_id = s.id",
                Engine::Postgres => " and series_id = s.id offset 0) t",
            });
            push_series!(query, filter);
            query.push(" group by 1, 2, 3 order by 1, 2, 3 limit ");
            query.push_bind(i64::from(limit));
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })
    }
}
