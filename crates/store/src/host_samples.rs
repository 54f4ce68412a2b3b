//! Reading the series of hosts: minutes as they are packed, hours and days as they are summed up, and
//! what of either is not packed yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::host_minutes::{HourRow, OldRow};
use super::sample_steps::{Key, Open, OpenRow, Series, Steps, days_of, put_over};
use super::{Engine, Store, StoreError, on_read};
use crate::codec::{Db, stored_row};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

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

impl SampleFilter {
    /// When the last bucket ends.
    fn end(&self) -> Timestamp {
        let last = Timestamp::from_millis(self.to.as_millis().saturating_sub(1));
        let last = self.resolution.start_of(last);
        last.saturating_add(self.resolution.length())
    }
}

/// Samples of one series, those of a step together.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// Id of the host.
    pub host: Arc<str>,
    /// Labels of the series.
    pub labels: Arc<str>,
    /// When the step begins.
    pub time: Timestamp,
    /// How many readings it holds.
    pub samples: i64,
    /// Their mean.
    pub mean: f64,
    /// The largest of them.
    pub max: f64,
}

/// How much there is of the samples that a filter describes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SampleExtent {
    /// How many series have any in the range.
    pub series: i64,
    /// The oldest in the range; of packed minutes, their hour.
    pub first: Option<Timestamp>,
    /// The oldest of all, before the range too; of packed minutes, their hour.
    pub oldest: Option<Timestamp>,
}

/// The oldest samples of a series in each table that may have some: in the range, and of all.
struct ExtentRow {
    first: Option<Timestamp>,
    first_open: Option<Timestamp>,
    first_old: Option<Timestamp>,
    oldest: Option<Timestamp>,
    oldest_open: Option<Timestamp>,
    oldest_old: Option<Timestamp>,
}

stored_row!(ExtentRow { ; db
    first: Option<Timestamp>, first_open: Option<Timestamp>, first_old: Option<Timestamp>,
    oldest: Option<Timestamp>, oldest_open: Option<Timestamp>, oldest_old: Option<Timestamp> });

/// The series that a filter describes.
macro_rules! push_series {
    ($query:expr, $filter:expr) => {
        $query.push(" s.host_id in (");
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

/// Rows of a table for each series that a filter describes, in a range of time: series by series, for of
/// many PostgreSQL would rather read the whole table, which is the longer the more there is of others.
macro_rules! push_rows {
    ($query:expr, $engine:expr, $filter:expr, $columns:literal, $table:expr, $from:expr, $to:expr) => {
        $query.push(match $engine {
            Engine::Sqlite => concat!(
                " from host_series s join (select series_id, ",
                $columns,
                " from "
            ),
            Engine::Postgres => {
                concat!(
                    " from host_series s cross join lateral (select ",
                    $columns,
                    " from "
                )
            }
        });
        $query.push($table).push(" where samples > 0 and time >= ");
        $query
            .push_bind(Db($from))
            .push(" and time < ")
            .push_bind(Db($to));
        $query.push(match $engine {
            Engine::Sqlite => ") t on t.series_id = s.id where ",
            Engine::Postgres => " and series_id = s.id offset 0) t where ",
        });
        push_series!($query, $filter);
    };
}

macro_rules! fetch_series {
    ($tx:expr, $filter:expr) => {{
        let mut query = sqlx::QueryBuilder::new(
            "select s.id, s.host_id as host, s.labels from host_series s where",
        );
        push_series!(query, $filter);
        let series: Vec<Series> = $tx.fetch_all(query.build_query_as()).await?;
        series
    }};
}

/// Rows as they are.
macro_rules! fetch_rows {
    ($tx:expr, $engine:expr, $filter:expr, $table:expr, $from:expr, $to:expr) => {{
        let mut query =
            sqlx::QueryBuilder::new("select s.id as series_id, t.time, t.samples, t.mean, t.max");
        push_rows!(
            query,
            $engine,
            $filter,
            "time, samples, mean, max",
            $table,
            $from,
            $to
        );
        let rows: Vec<OldRow> = $tx.fetch_all(query.build_query_as()).await?;
        rows
    }};
}

/// Rows with those of each step added up.
macro_rules! fetch_steps {
    ($tx:expr, $engine:expr, $filter:expr, $step:expr, $table:expr, $from:expr, $to:expr) => {{
        let step: i64 = $step;
        let mut query = sqlx::QueryBuilder::new("select s.id as series_id, ");
        match $engine {
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
            sum(t.mean * t.samples) / sum(t.samples) as mean, max(t.max) as max",
        );
        push_rows!(
            query,
            $engine,
            $filter,
            "time, samples, mean, max",
            $table,
            $from,
            $to
        );
        query.push(" group by 1, 2");
        let rows: Vec<OldRow> = $tx.fetch_all(query.build_query_as()).await?;
        rows
    }};
}

/// Packed hours that begin in a range.
macro_rules! fetch_hours {
    ($tx:expr, $engine:expr, $filter:expr, $from:expr, $to:expr) => {{
        let mut query = sqlx::QueryBuilder::new(
            "select s.id as series_id, t.time, t.samples, t.samples_odd, t.mean, t.max",
        );
        push_rows!(
            query,
            $engine,
            $filter,
            "time, samples, samples_odd, mean, max",
            "host_hours",
            $from,
            $to
        );
        let rows: Vec<HourRow> = $tx.fetch_all(query.build_query_as()).await?;
        rows
    }};
}

/// Minutes in a range that are not packed.
macro_rules! fetch_open {
    ($tx:expr, $engine:expr, $filter:expr, $from:expr, $to:expr) => {{
        let mut query = sqlx::QueryBuilder::new(match $engine {
            Engine::Sqlite => OPEN_SQLITE,
            Engine::Postgres => OPEN_POSTGRES,
        });
        query.push(" and w.time >= ").push_bind(Db($from));
        query
            .push(" and w.time < ")
            .push_bind(Db($to))
            .push(" and ");
        push_series!(query, $filter);
        let rows: Vec<OpenRow> = $tx.fetch_all(query.build_query_as()).await?;
        rows
    }};
}

const OPEN_SQLITE: &str = "
    select s.id as series_id, w.time,
        json_extract(w.samples, '$[' || p.key || ']') as samples,
        cast(json_extract(w.mean, '$[' || p.key || ']') as real) as mean,
        cast(json_extract(w.max, '$[' || p.key || ']') as real) as max
    from host_series s join host_minutes w on w.host_id = s.host_id join json_each(w.series) p
    where p.value = s.id";
const OPEN_POSTGRES: &str = "
    select s.id as series_id, w.time, w.samples[p.place] as samples, w.mean[p.place] as mean,
        w.max[p.place] as max
    from host_series s join host_minutes w on w.host_id = s.host_id
    cross join lateral (select array_position(w.series, s.id) as place) p
    where p.place is not null";

const fn table(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Minute => "host_hours",
        Resolution::Hour => "host_samples_hourly",
        Resolution::Day => "host_samples_daily",
    }
}

/// A look-up of the oldest time in a table.
const fn oldest_in(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Minute => "select t.time from host_hours t where t.series_id = s.id",
        Resolution::Hour => "select t.time from host_samples_hourly t where t.series_id = s.id",
        Resolution::Day => "select t.time from host_samples_daily t where t.series_id = s.id",
    }
}

const OLDEST_OLD: &str = "select t.time from host_samples_old t where t.series_id = s.id";

const fn oldest_open(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "select t.time from host_minutes t where t.host_id = s.host_id
                and exists (select 1 from json_each(t.series) p where p.value = s.id)"
        }
        Engine::Postgres => {
            "select t.time from host_minutes t where t.host_id = s.host_id
                and array_position(t.series, s.id) is not null"
        }
    }
}

impl Store {
    /// How much there is; it takes some look-ups per series, however many samples there are.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn extent_of_host_samples(
        &self,
        filter: &SampleFilter,
    ) -> Result<SampleExtent, StoreError> {
        let (engine, resolution) = (self.engine(), filter.resolution);
        // The hour or the day that is open is not summed up yet; the hour that the range begins in may
        // be packed.
        let from = match resolution {
            Resolution::Minute => Resolution::Hour.start_of(filter.from),
            Resolution::Hour | Resolution::Day => filter.from,
        };
        // What earlier programs wrote, they have summed up.
        let has_old = resolution == Resolution::Minute;
        let rows: Vec<ExtentRow> = on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new("select ");
            let look_ups = [
                (
                    oldest_in(resolution),
                    "first",
                    "oldest",
                    from,
                    filter.to,
                    true,
                ),
                (
                    oldest_open(engine),
                    "first_open",
                    "oldest_open",
                    filter.from,
                    filter.end(),
                    true,
                ),
                (
                    OLDEST_OLD,
                    "first_old",
                    "oldest_old",
                    filter.from,
                    filter.to,
                    has_old,
                ),
            ];
            for (at, (look_up, first, oldest, from, to, is_looked_up)) in
                look_ups.into_iter().enumerate()
            {
                let look_up = if is_looked_up { look_up } else { "select null" };
                query.push(if at == 0 { "(" } else { ", (" }).push(look_up);
                if is_looked_up {
                    query.push(" and t.time >= ").push_bind(Db(from));
                    query.push(" and t.time < ").push_bind(Db(to));
                    query.push(" order by t.time limit 1");
                }
                query.push(") as ").push(first);
                query.push(", (").push(look_up);
                if is_looked_up {
                    query.push(" order by t.time limit 1");
                }
                query.push(") as ").push(oldest);
            }
            query.push(" from host_series s where ");
            push_series!(query, filter);
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })?;
        let earliest = |times: [Option<Timestamp>; 3]| times.into_iter().flatten().min();
        let mut extent = SampleExtent::default();
        for row in rows {
            let bucket = |time: Option<Timestamp>| time.map(|time| resolution.start_of(time));
            let packed = row.first.map(|time| time.max(filter.from));
            let first = earliest([packed, bucket(row.first_open), row.first_old]);
            extent.series += i64::from(first.is_some());
            extent.first = earliest([extent.first, first, None]);
            let oldest = earliest([row.oldest, bucket(row.oldest_open), row.oldest_old]);
            extent.oldest = earliest([extent.oldest, oldest, None]);
        }
        Ok(extent)
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
        let step = i64::try_from(step).unwrap_or(i64::MAX / 1_000).max(1);
        let mut steps = Steps {
            filter,
            step: step.saturating_mul(1_000),
            found: BTreeMap::new(),
        };
        let series = match filter.resolution {
            Resolution::Minute => self.add_minutes(&mut steps, step).await?,
            Resolution::Hour | Resolution::Day => self.add_longer(&mut steps, step).await?,
        };
        Ok(steps.into_rows(series, usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    /// Adds minutes; returns the series that there are.
    async fn add_minutes(
        &self,
        steps: &mut Steps<'_>,
        step: i64,
    ) -> Result<Vec<Series>, StoreError> {
        let (engine, filter) = (self.engine(), steps.filter);
        let (from, to) = (filter.from, filter.to);
        let (series, mut open, packed, old_steps) = on_read!(self, |tx| {
            let series = fetch_series!(tx, filter);
            if series.is_empty() {
                let nothing = Open::of(Vec::new(), Resolution::Hour, to);
                return Ok((series, nothing, Vec::new(), Vec::new()));
            }
            // In this order: what is packed meanwhile is read twice, not never.
            let rows = fetch_open!(tx, engine, filter, from, to);
            let mut open = Open::of(rows, Resolution::Hour, to);
            let rows = fetch_rows!(
                tx,
                engine,
                filter,
                "host_samples_old",
                open.from.max(from),
                to
            );
            open.put_below(&rows);
            let before = open.from.min(to);
            let old = fetch_steps!(tx, engine, filter, step, "host_samples_old", from, before);
            let hour = Resolution::Hour.start_of(from);
            let packed = fetch_hours!(tx, engine, filter, hour, to);
            Ok((series, open, packed, old))
        })?;
        steps.add_all(old_steps);
        for row in packed {
            let (id, hour, is_touched) = (row.series_id, row.time, open.touches(&row));
            for (time, mut point) in row.into_hour().points(hour) {
                if is_touched && let Some(later) = open.points.remove(&(id, time)) {
                    point = point.or(later);
                }
                steps.add(id, time, point.into());
            }
        }
        for ((id, time), point) in open.points {
            steps.add(id, time, point.into());
        }
        Ok(series)
    }

    /// Adds hours or days; returns the series that there are.
    async fn add_longer(
        &self,
        steps: &mut Steps<'_>,
        step: i64,
    ) -> Result<Vec<Series>, StoreError> {
        let (engine, filter) = (self.engine(), steps.filter);
        let (resolution, from, to) = (filter.resolution, filter.from, filter.to);
        let (end, table) = (filter.end(), table(resolution));
        let (series, closed, totals) = on_read!(self, |tx| {
            let series = fetch_series!(tx, filter);
            if series.is_empty() {
                return Ok((series, Vec::new(), BTreeMap::new()));
            }
            let rows = fetch_open!(tx, engine, filter, from, end);
            let mut open = Open::of(rows, resolution, end);
            let mut closed = fetch_steps!(tx, engine, filter, step, table, from, open.from.min(to));
            if open.points.is_empty() {
                return Ok((series, closed, BTreeMap::new()));
            }
            closed.extend(fetch_steps!(tx, engine, filter, step, table, open.to, to));
            // Buckets that hold what is not packed, made of all that they hold.
            let old = fetch_rows!(tx, engine, filter, "host_samples_old", open.from, open.to);
            let hours: BTreeSet<Key> = open
                .points
                .keys()
                .map(|(id, time)| (*id, Resolution::Hour.start_of(*time)))
                .collect();
            let is_open = |row: &OldRow| {
                hours.contains(&(row.series_id, Resolution::Hour.start_of(row.time)))
            };
            let old: Vec<OldRow> = old.into_iter().filter(is_open).collect();
            open.put_below(&old);
            let packed = fetch_hours!(tx, engine, filter, open.from, open.to);
            let hourly = self::table(Resolution::Hour);
            let stored = fetch_rows!(tx, engine, filter, hourly, open.from, open.to);
            let hours = put_over(&stored, open.hours(packed));
            if resolution == Resolution::Hour {
                return Ok((series, closed, hours));
            }
            let days: BTreeSet<Key> = open
                .points
                .keys()
                .map(|(id, time)| (*id, Resolution::Day.start_of(*time)))
                .collect();
            let stored = fetch_rows!(tx, engine, filter, table, open.from, open.to);
            Ok((series, closed, put_over(&stored, days_of(&hours, &days))))
        })?;
        steps.add_all(closed);
        for ((id, time), total) in totals {
            steps.add(id, time, total);
        }
        Ok(series)
    }
}
