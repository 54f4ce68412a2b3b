//! Minutes of a host's series on their way into the database, and how they are packed.
//!
//! A minute is one wide row (`host_minutes`). Once its hour is over, the daemon that writes the minutes
//! packs it: one row per series (`host_hours`), and the hour and its day summed up, in the transaction
//! that writes a minute. Whatever comes late is a wide row again and is merged when it is packed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::arrays::{Counts, Ids, Reals};
use super::packed::{HourColumns, PackedHour, Point, Total};
use crate::codec::stored_row;
use linux_api_wire::fleet::HostSample;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// The most hours of a host that are packed while it writes a minute.
pub(super) const PACKED_AT_ONCE: u32 = 2;
/// Readings of the last minute of an hour may come this late, and more.
const GRACE: Duration = Duration::from_mins(5);
/// Hosts on one database don't pack in the same minute.
const SPREAD_MINUTES: u64 = 50;

pub(super) const SERIES: &str = "insert into host_series (host_id, name, labels) ";
pub(super) const SERIES_CONFLICT: &str = " on conflict (host_id, name, labels) do nothing";
pub(super) const FIND: &str = "select id, name, labels, last_day from host_series where host_id = ";
pub(super) const INSERT: &str =
    "insert into host_minutes (host_id, time, series, samples, mean, max) ";
pub(super) const INSERT_CONFLICT: &str = " on conflict (host_id, time) do nothing";
/// Reads a row and keeps others from changing it.
pub(super) const HOLD: &str = "
    update host_minutes set series = series where host_id = $1 and time = $2
    returning time, series, samples, mean, max";
pub(super) const REPLACE: &str = "
    update host_minutes set series = $3, samples = $4, mean = $5, max = $6
    where host_id = $1 and time = $2";
pub(super) const OLDEST: &str =
    "select time from host_minutes where host_id = $1 and time < $2 order by time limit 1";
/// Reads and deletes in one step: what others write meanwhile is left to the next time.
pub(super) const TAKE: &str = "
    delete from host_minutes where host_id = $1 and time >= $2 and time < $3
    returning time, series, samples, mean, max";
/// The same for rows of earlier programs, of some series.
pub(super) const TAKE_OLD: &str = "delete from host_samples_old where time >= ";
pub(super) const FIND_HOURS: &str = "
    select series_id, time, samples, samples_odd, mean, max from host_hours
    where (series_id, time) in (";
pub(super) const HOURS: &str =
    "insert into host_hours (series_id, time, samples, samples_odd, mean, max) ";
pub(super) const HOURS_CONFLICT: &str = "
    on conflict (series_id, time) do update set
        samples = excluded.samples, samples_odd = excluded.samples_odd,
        mean = excluded.mean, max = excluded.max";
pub(super) const HOURLY: &str =
    "insert into host_samples_hourly as old (series_id, time, samples, mean, max) ";
/// What was summed up from more readings stays: some of them may be deleted by now.
pub(super) const HOURLY_CONFLICT: &str = "
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
/// Waits until no other transaction packs or deletes minutes of a host. The first number is any that no
/// other program on the same database uses.
pub(super) const LOCK_HOST: &str = "select pg_advisory_xact_lock(521290846, $1)";

/// Lets a transaction be the only one that packs or deletes minutes of a host. On SQLite every
/// transaction that writes is alone.
macro_rules! lock_host {
    ($tx:expr, $engine:expr, $host_id:expr) => {
        if $engine == $crate::Engine::Postgres {
            let key = $crate::host_minutes::lock_key($host_id);
            $tx.execute(sqlx::query($crate::host_minutes::LOCK_HOST).bind(key))
                .await?;
        }
    };
}

/// Writes samples inside a transaction, and packs what is due of the host; a macro because the bound
/// types differ per engine.
macro_rules! write_minutes {
    ($tx:expr, $engine:expr, $host_id:expr, $samples:expr, $now:expr) => {{
        use $crate::codec::Db;
        use $crate::host_minutes as own;
        use $crate::request_stats::ROWS;
        let (host_id, samples): (&str, &[::linux_api_wire::fleet::HostSample]) =
            ($host_id, $samples);
        let mut known: Vec<own::SeriesId> = Vec::new();
        let mut missing = own::series_of(samples);
        // Most are there. A host may have had many more: a container has series of its own for as long
        // as it lives.
        for is_inserted in [false, true] {
            for names in missing.chunks(ROWS) {
                if is_inserted {
                    let mut query = sqlx::QueryBuilder::new(own::SERIES);
                    query.push_values(names, |mut row, (name, labels)| {
                        row.push_bind(host_id).push_bind(*name).push_bind(*labels);
                    });
                    query.push(own::SERIES_CONFLICT);
                    $tx.execute_bulk(query.build(), names.len() == ROWS).await?;
                }
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
            missing = own::missing(&missing, &known);
        }
        $crate::series_ends::touch_series!($tx, own::later_days(samples, &known));
        let minutes = own::minutes_of(samples, &known);
        for some in minutes.chunks(ROWS) {
            let mut query = sqlx::QueryBuilder::new(own::INSERT);
            query.push_values(some, |mut row, minute| {
                let columns = minute.columns();
                row.push_bind(host_id)
                    .push_bind(Db(minute.time))
                    .push_bind(columns.series)
                    .push_bind(columns.samples)
                    .push_bind(columns.mean)
                    .push_bind(columns.max);
            });
            query.push(own::INSERT_CONFLICT);
            let inserted = $tx.execute_bulk(query.build(), some.len() == 1).await?;
            if inserted == some.len() as u64 {
                continue;
            }
            // Another start of the daemon wrote of the same minute, or this one did and does not know.
            own::lock_host!($tx, $engine, host_id);
            for minute in some {
                let hold = sqlx::query_as(own::HOLD)
                    .bind(host_id)
                    .bind(Db(minute.time));
                let found: Option<own::MinuteRow> = $tx.fetch_optional(hold).await?;
                let is_packed = found.is_none();
                let before = found.map(own::Minute::of_row);
                let after = before.clone().unwrap_or(own::Minute::new(minute.time));
                let after = after.and(minute);
                if before.as_ref() == Some(&after) {
                    continue;
                }
                let columns = after.columns();
                if is_packed {
                    let mut query = sqlx::QueryBuilder::new(own::INSERT);
                    query.push_values([columns], |mut row, columns| {
                        row.push_bind(host_id)
                            .push_bind(Db(minute.time))
                            .push_bind(columns.series)
                            .push_bind(columns.samples)
                            .push_bind(columns.mean)
                            .push_bind(columns.max);
                    });
                    $tx.execute_bulk(query.build(), true).await?;
                } else {
                    let replace = sqlx::query(own::REPLACE)
                        .bind(host_id)
                        .bind(Db(minute.time))
                        .bind(columns.series)
                        .bind(columns.samples)
                        .bind(columns.mean)
                        .bind(columns.max);
                    $tx.execute(replace).await?;
                }
            }
        }
        if !minutes.is_empty() {
            let due = own::due_before(host_id, $now);
            own::pack_host!($tx, $engine, host_id, due, own::PACKED_AT_ONCE);
        }
    }};
}

/// Packs hours of a host that begin before a time, the oldest first and at most so many; comes to how many
/// that were.
macro_rules! pack_host {
    ($tx:expr, $engine:expr, $host_id:expr, $before:expr, $most:expr) => {{
        use ::linux_api_wire::request_stats::Resolution;
        use ::linux_api_wire::time::Timestamp;
        use $crate::codec::Db;
        use $crate::host_minutes as own;
        use $crate::request_stats::ROWS;
        let host_id: &str = $host_id;
        let mut packed = 0_u32;
        while packed < $most {
            let query = sqlx::query_as(own::OLDEST).bind(host_id).bind(Db($before));
            let oldest: Option<(Db<Timestamp>,)> = $tx.fetch_optional(query).await?;
            let Some((Db(oldest),)) = oldest else {
                break;
            };
            if packed == 0 {
                own::lock_host!($tx, $engine, host_id);
            }
            let hour = Resolution::Hour.start_of(oldest);
            let end = hour.saturating_add(Resolution::Hour.length());
            let take = sqlx::query_as(own::TAKE)
                .bind(host_id)
                .bind(Db(hour))
                .bind(Db(end));
            let taken: Vec<own::MinuteRow> = $tx.fetch_all(take).await?;
            let mut hours = own::hours_of(taken);
            let ids: Vec<i64> = hours.keys().map(|(id, _)| *id).collect();
            // What an earlier program wrote of the same hour, in the minutes before it was replaced.
            for ids in ids.chunks(ROWS) {
                let mut query = sqlx::QueryBuilder::new(own::TAKE_OLD);
                query.push_bind(Db(hour)).push(" and time < ").push_bind(Db(end));
                query.push(" and series_id in (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(*id);
                }
                query.push(") returning series_id, time, samples, mean, max");
                let old: Vec<own::OldRow> = $tx
                    .fetch_bulk(query.build_query_as(), ids.len() == ROWS)
                    .await?;
                own::put_below(&mut hours, old);
            }
            own::merge_hours!($tx, hours, true);
            let day = Resolution::Day.start_of(hour);
            let query = sqlx::query(own::ROLL_UP_DAY).bind(host_id).bind(Db(day));
            let query = query.bind(Db(day.saturating_add(Resolution::Day.length())));
            $tx.execute(query).await?;
            packed += 1;
        }
        packed
    }};
}

/// Merges hours into the rows that there are. Hours are summed up: all, or only those that had a row.
macro_rules! merge_hours {
    ($tx:expr, $hours:expr, $all_totals:expr) => {{
        use $crate::codec::Db;
        use $crate::host_minutes as own;
        use $crate::request_stats::{ROWS, signed};
        let hours: Vec<own::SeriesHour> = $hours.into_iter().collect();
        for some in hours.chunks(ROWS) {
            let mut query = sqlx::QueryBuilder::new(own::FIND_HOURS);
            query.push_values(some, |mut row, ((id, hour), _)| {
                row.push_bind(*id).push_bind(Db(*hour));
            });
            query.push(")");
            let found: Vec<own::HourRow> = $tx
                .fetch_bulk(query.build_query_as(), some.len() == ROWS)
                .await?;
            let merged = own::merged(some, found);
            if !merged.changed.is_empty() {
                let mut query = sqlx::QueryBuilder::new(own::HOURS);
                query.push_values(&merged.changed, |mut row, ((id, hour), packed)| {
                    let columns = packed.to_columns();
                    row.push_bind(*id)
                        .push_bind(Db(*hour))
                        .push_bind(columns.samples)
                        .push_bind(columns.odd)
                        .push_bind(columns.mean)
                        .push_bind(columns.max);
                });
                query.push(own::HOURS_CONFLICT);
                $tx.execute_bulk(query.build(), merged.changed.len() == ROWS)
                    .await?;
            }
            let totals = merged.totals($all_totals);
            if !totals.is_empty() {
                let mut query = sqlx::QueryBuilder::new(own::HOURLY);
                query.push_values(&totals, |mut row, ((id, hour), total)| {
                    row.push_bind(*id)
                        .push_bind(Db(*hour))
                        .push_bind(total.samples)
                        .push_bind(total.mean)
                        .push_bind(total.max);
                });
                query.push(own::HOURLY_CONFLICT);
                $tx.execute_bulk(query.build(), totals.len() == ROWS)
                    .await?;
            }
        }
        let _ = signed;
    }};
}

pub(super) use {lock_host, merge_hours, pack_host, write_minutes};

#[derive(Debug)]
pub(super) struct SeriesId {
    id: i64,
    name: String,
    labels: String,
    last_day: Option<Timestamp>,
}

stored_row!(SeriesId { id, name, labels; db last_day: Option<Timestamp> });

/// A row of `host_minutes`.
#[derive(Debug)]
pub(super) struct MinuteRow {
    time: Timestamp,
    series: Ids,
    samples: Counts,
    mean: Reals,
    max: Reals,
}

stored_row!(MinuteRow { series, samples, mean, max; db time: Timestamp });

/// A row that an earlier program wrote.
#[derive(Debug)]
pub(super) struct OldRow {
    pub(super) series_id: i64,
    pub(super) time: Timestamp,
    pub(super) samples: i64,
    pub(super) mean: f64,
    pub(super) max: f64,
}

stored_row!(OldRow { series_id, samples, mean, max; db time: Timestamp });

impl OldRow {
    pub(super) fn point(&self) -> Option<Point> {
        Point::of(u64::try_from(self.samples).ok()?, self.mean, self.max)
    }
}

/// A row of `host_hours`.
#[derive(Debug)]
pub(super) struct HourRow {
    pub(super) series_id: i64,
    pub(super) time: Timestamp,
    samples: i16,
    samples_odd: Option<Counts>,
    mean: Reals,
    max: Reals,
}

stored_row!(HourRow { series_id, samples, samples_odd, mean, max; db time: Timestamp });

impl HourRow {
    /// Its points.
    pub(super) fn into_hour(self) -> PackedHour {
        PackedHour::of_columns(&HourColumns {
            samples: self.samples,
            odd: self.samples_odd,
            mean: self.mean,
            max: self.max,
        })
    }
}

/// A series, when an hour of it begins, and its points.
pub(super) type SeriesHour = ((i64, Timestamp), PackedHour);

/// What is known of a host in a minute, by series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Minute {
    pub(super) time: Timestamp,
    points: BTreeMap<i64, Point>,
}

/// A minute as its row has it.
pub(super) struct MinuteColumns {
    pub(super) series: Ids,
    pub(super) samples: Counts,
    pub(super) mean: Reals,
    pub(super) max: Reals,
}

impl Minute {
    pub(super) fn new(time: Timestamp) -> Self {
        Self {
            time,
            points: BTreeMap::new(),
        }
    }

    pub(super) fn of_row(row: MinuteRow) -> Self {
        let figures = row.samples.0.iter().zip(&row.mean.0).zip(&row.max.0);
        let points = row.series.0.iter().zip(figures);
        Self {
            time: row.time,
            points: points
                .filter_map(|(id, ((samples, mean), max))| {
                    let point = Point {
                        samples: (*samples)?,
                        mean: (*mean)?,
                        max: (*max)?,
                    };
                    Some((*id, point))
                })
                .collect(),
        }
    }

    fn add(&mut self, id: i64, point: Point) {
        self.points
            .entry(id)
            .and_modify(|known| *known = known.or(point))
            .or_insert(point);
    }

    /// With what is also known of the minute.
    pub(super) fn and(mut self, later: &Self) -> Self {
        for (id, point) in &later.points {
            self.add(*id, *point);
        }
        self
    }

    pub(super) fn columns(&self) -> MinuteColumns {
        let points = || self.points.values();
        MinuteColumns {
            series: Ids(self.points.keys().copied().collect()),
            samples: Counts(points().map(|one| Some(one.samples)).collect()),
            mean: Reals(points().map(|one| Some(one.mean)).collect()),
            max: Reals(points().map(|one| Some(one.max)).collect()),
        }
    }
}

pub(super) fn series_of(samples: &[HostSample]) -> Vec<(&str, &str)> {
    let series: BTreeSet<(&str, &str)> = samples
        .iter()
        .map(|one| (one.name.as_str(), one.labels.as_str()))
        .collect();
    series.into_iter().collect()
}

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

/// The series that have no id yet.
pub(super) fn missing<'a>(
    series: &[(&'a str, &'a str)],
    known: &[SeriesId],
) -> Vec<(&'a str, &'a str)> {
    let known: BTreeSet<(&str, &str)> = known
        .iter()
        .map(|one| (one.name.as_str(), one.labels.as_str()))
        .collect();
    let missing = series.iter().filter(|one| !known.contains(*one));
    missing.copied().collect()
}

/// The samples by minute and series.
pub(super) fn minutes_of(samples: &[HostSample], known: &[SeriesId]) -> Vec<Minute> {
    let ids: BTreeMap<(&str, &str), i64> = known
        .iter()
        .map(|one| ((one.name.as_str(), one.labels.as_str()), one.id))
        .collect();
    let mut minutes: BTreeMap<Timestamp, Minute> = BTreeMap::new();
    for one in samples {
        let id = ids.get(&(one.name.as_str(), one.labels.as_str()));
        let point = Point::of(one.samples, one.mean, one.max);
        if let (Some(id), Some(point)) = (id, point) {
            let time = Resolution::Minute.start_of(one.time);
            let minute = minutes.entry(time).or_insert_with(|| Minute::new(time));
            minute.add(*id, point);
        }
    }
    minutes.into_values().collect()
}

/// The minutes by series and hour.
pub(super) fn hours_of(rows: Vec<MinuteRow>) -> BTreeMap<(i64, Timestamp), PackedHour> {
    let mut hours: BTreeMap<(i64, Timestamp), PackedHour> = BTreeMap::new();
    for minute in rows.into_iter().map(Minute::of_row) {
        let hour = Resolution::Hour.start_of(minute.time);
        for (id, point) in minute.points {
            let hour = hours.entry((id, hour)).or_default();
            hour.add(minute.time, point);
        }
    }
    hours
}

/// Adds rows of earlier programs, which are older than what is there.
pub(super) fn put_below(hours: &mut BTreeMap<(i64, Timestamp), PackedHour>, rows: Vec<OldRow>) {
    let mut below: BTreeMap<(i64, Timestamp), PackedHour> = BTreeMap::new();
    for row in rows {
        if let Some(point) = row.point() {
            let hour = Resolution::Hour.start_of(row.time);
            let hour = below.entry((row.series_id, hour)).or_default();
            hour.add(row.time, point);
        }
    }
    for (key, mut older) in below {
        let hour = hours.entry(key).or_default();
        older.merge(hour);
        *hour = older;
    }
}

/// Hours after they were merged with the rows that there are.
pub(super) struct Merged {
    /// Those that differ from their row, or have none.
    pub(super) changed: Vec<SeriesHour>,
    /// How each of these is summed up, and whether it had a row.
    totals: Vec<((i64, Timestamp), Total, bool)>,
}

impl Merged {
    /// What they come to: all, or only those that had a row before.
    pub(super) fn totals(&self, all: bool) -> Vec<((i64, Timestamp), Total)> {
        let totals = self.totals.iter().filter(|(.., had_row)| all || *had_row);
        totals.map(|(key, total, _)| (*key, *total)).collect()
    }
}

pub(super) fn merged(hours: &[SeriesHour], found: Vec<HourRow>) -> Merged {
    let mut known: BTreeMap<(i64, Timestamp), PackedHour> = found
        .into_iter()
        .map(|row| ((row.series_id, row.time), row.into_hour()))
        .collect();
    let mut merged = Merged {
        changed: Vec::new(),
        totals: Vec::new(),
    };
    for (key, later) in hours {
        let before = known.remove(key);
        let mut hour = before.clone().unwrap_or_default();
        hour.merge(later);
        if let Some(total) = hour.total() {
            merged.totals.push((*key, total, before.is_some()));
            if before.as_ref() != Some(&hour) {
                merged.changed.push((*key, hour));
            }
        }
    }
    merged
}

/// Hours of the host that begin before this are to be packed by now.
pub(super) fn due_before(host_id: &str, now: Timestamp) -> Timestamp {
    let spread = Duration::from_mins(u64::from(hash(host_id)) % SPREAD_MINUTES);
    Resolution::Hour.start_of(now.saturating_sub(GRACE + spread))
}

/// Hours that begin before this, and are not packed, are of hosts that don't do it themselves.
pub(super) fn left_before(now: Timestamp) -> Timestamp {
    let hours = Resolution::Hour.length() * 2;
    Resolution::Hour.start_of(now.saturating_sub(hours))
}

/// What stands for a host in [`LOCK_HOST`].
pub(super) fn lock_key(host_id: &str) -> i32 {
    hash(host_id).cast_signed()
}

/// FNV-1a: the same for every version of this program.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_pack_an_hour_between_five_and_fifty_five_minutes_after_its_end() {
        let hour = Timestamp::from_millis(1_800_000_000_000);
        let mut minutes = BTreeSet::new();
        for number in 0..1_000 {
            let host = format!("host-{number}");
            let due = (0..120).find(|minute| {
                let now = hour.saturating_add(Duration::from_mins(60 + minute));
                due_before(&host, now) > hour
            });
            minutes.insert(due.unwrap());
        }
        assert_eq!((minutes.first(), minutes.last()), (Some(&5), Some(&54)));
        assert_eq!(minutes.len(), 50);
    }

    #[test]
    fn of_a_series_that_comes_twice_in_a_minute_more_readings_count() {
        let sample = |samples: u64, mean: f64| HostSample {
            name: "load.one".to_owned(),
            labels: String::new(),
            time: Timestamp::from_millis(60_000),
            samples,
            mean,
            max: mean,
        };
        let known = [SeriesId {
            id: 7,
            name: "load.one".to_owned(),
            labels: String::new(),
            last_day: None,
        }];
        let samples = [sample(20, 1.0), sample(10, 2.0), sample(0, 3.0)];
        assert_eq!(series_of(&samples), [("load.one", "")]);
        assert!(missing(&series_of(&samples), &known).is_empty());
        let minutes = minutes_of(&samples, &known);
        assert_eq!(minutes.len(), 1);
        let columns = minutes[0].columns();
        assert_eq!(columns.series, Ids(vec![7]));
        assert_eq!(columns.samples, Counts(vec![Some(20)]));
        assert_eq!(columns.mean, Reals(vec![Some(1.0)]));
    }
}
