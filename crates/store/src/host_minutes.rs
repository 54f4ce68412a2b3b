//! Minutes of a host's series on their way into the database, and how they are packed.
//!
//! A minute is one wide row (`host_minutes`). Once its hour is over, the daemon that writes the minutes
//! packs it: one row per series (`host_hours`), and the hour and its day summed up, in the transaction
//! that writes a minute. Whatever comes late is a wide row again and is merged when it is packed.

use std::time::Duration;

use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

pub(super) use super::minute_rows::{
    HourRow, Minute, MinuteRow, OldRow, SeriesHour, SeriesId, hours_of, merged, minutes_of,
    missing, put_below, series_of,
};

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
        $crate::series_ends::touch_series!($tx, $crate::minute_rows::later_days(samples, &known));
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
                let before = found.as_ref().map(own::Minute::of_row);
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
            let mut hours = own::hours_of(&taken);
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
        use $crate::request_stats::ROWS;
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
    }};
}

pub(super) use {lock_host, merge_hours, pack_host, write_minutes};

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
    use std::collections::BTreeSet;

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
}
