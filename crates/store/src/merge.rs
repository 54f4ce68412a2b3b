//! Merging the requests of all hosts, bucket by bucket: one daemon's work for the whole fleet.
//!
//! A bucket is merged once it is over, and again after it was changed. Each is one transaction that replaces
//! all of it, so two daemons that do it at once, or one that is killed, leave nothing wrong: see
//! `merged.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::QueryBuilder;

use super::merged::{Source, seconds};
use super::request_parts::push_is_kept;
use super::request_queries::StatsFilter;
use super::request_routes::{RouteRow, add_to_groups};
use super::request_rows::{RowPosition, StoredStats, row_columns};
use super::request_stats::{per_resolution, signed};
use super::retention::FIRST;
use super::{Store, StoreError, in_write, on_read};
use crate::codec::Db;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// How long after its end a bucket is merged: daemons write what they counted every ten seconds.
pub const SETTLED_AFTER: Duration = Duration::from_secs(30);
/// From how many hosts on merging is worth its work: a list of fewer is read quickly as it is.
pub const HOSTS_MIN: u32 = 10;
/// Rows of hosts that are read at once.
const READ_ROWS: usize = 4_000;
/// Rows that one statement writes.
const WRITTEN_ROWS: usize = 200;
/// Rows that one transaction deletes: a sketch of a large fleet is a kilobyte or two.
const DELETED_ROWS: i64 = 1_000;
/// How long merged rows stay when they are no longer listed: lists may be about to read them.
const LISTS_END: Duration = Duration::from_mins(10);

/// A bucket of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketTime {
    /// How long it is.
    pub resolution: Resolution,
    /// When it begins.
    pub time: Timestamp,
}

/// What became of a bucket that was to be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeOutcome {
    /// It is merged, from this many rows.
    Merged(u64),
    /// Another daemon merged it meanwhile.
    Nothing,
    /// Someone writes to it at the moment; later, then.
    Busy,
}

/// For how many buckets merged rows are kept: 48 hours of minutes, 416 days of hours, 11 years of days.
const fn kept(resolution: Resolution) -> u32 {
    match resolution {
        Resolution::Minute => 48 * 60,
        Resolution::Hour => 10_000,
        Resolution::Day => 4_000,
    }
}

/// The first bucket whose merged rows are kept, and the first that is not over.
fn range(resolution: Resolution, now: Timestamp) -> (Timestamp, Timestamp) {
    let open = resolution.start_of(now.saturating_sub(SETTLED_AFTER));
    let length = resolution.length().saturating_mul(kept(resolution));
    (open.saturating_sub(length), open)
}

impl Store {
    /// Whether the database has so many hosts that their requests are merged.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn is_fleet(&self) -> Result<bool, StoreError> {
        const SQL: &str = "select count(*) from (select 1 from hosts limit $1) few";
        let hosts: i64 = on_read!(self, |tx| {
            let query = sqlx::query_scalar(SQL).bind(i64::from(HOSTS_MIN));
            Ok(tx.fetch_scalar(query).await?)
        })?;
        Ok(hosts >= i64::from(HOSTS_MIN))
    }

    /// Buckets that are over and not merged, or changed since: at most `most`, minutes before hours before
    /// days, the newest first.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn unmerged_buckets(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<BucketTime>, StoreError> {
        let mut unmerged = Vec::new();
        for resolution in Resolution::ALL {
            let (from, open) = range(resolution, now);
            let Some(oldest) = self.oldest_request(resolution, from).await? else {
                continue;
            };
            let from = resolution.start_of(oldest);
            let length = i64::from(seconds(resolution)) * 1_000;
            let over = (open.as_millis().saturating_sub(from.as_millis())) / length;
            if over <= 0 || self.count_merged(resolution, from, open).await? >= over {
                continue;
            }
            let merged = self.list_merged(resolution, from, open).await?;
            let mut time = open;
            while unmerged.len() < most && time > from {
                time = time.saturating_sub(resolution.length());
                if !merged.contains(&time) {
                    unmerged.push(BucketTime { resolution, time });
                }
            }
        }
        Ok(unmerged)
    }

    /// Merges the rows of all hosts of a bucket.
    ///
    /// # Errors
    /// When the database fails or holds what is no sketch; nothing was changed then.
    pub async fn merge_bucket(&self, bucket: BucketTime) -> Result<MergeOutcome, StoreError> {
        let BucketTime { resolution, time } = bucket;
        let end = time.saturating_add(resolution.length());
        let filter = whole(bucket);
        in_write!(self, |tx| {
            if !tx.own_bucket((resolution, time)).await? {
                return Ok(MergeOutcome::Busy);
            }
            // Were the merged tables emptied, what is listed of them is gone too.
            let mut query = QueryBuilder::new("delete from fleet_buckets as b where seconds = ");
            query.push_bind(seconds(resolution)).push(" and not (true");
            push_is_kept!(query, resolution);
            query.push(")");
            tx.execute(query.build()).await?;
            let query = sqlx::query_scalar(IS_LISTED).bind(seconds(resolution));
            if tx.fetch_scalar::<i64>(query.bind(Db(time))).await? > 0 {
                return Ok(MergeOutcome::Nothing);
            }
            for delete in clear(resolution) {
                tx.execute(sqlx::query(delete).bind(Db(time)).bind(Db(end)))
                    .await?;
            }
            let (mut groups, mut rows) = (Vec::<RouteRow>::new(), 0);
            let mut place = RowPosition::first(time);
            loop {
                let mut query = QueryBuilder::new("select ");
                query.push(row_columns(Source::Rows, &filter));
                query.push(" from ").push(Source::Rows.tables(resolution).0);
                query.push(" where time >= ").push_bind(Db(time));
                query.push(" and time < ").push_bind(Db(end));
                query.push(" and (time, route, method, instance_id) > (");
                query.push_bind(Db(place.time)).push(", ");
                query.push_bind(place.route.as_str()).push(", ");
                query.push_bind(place.method.as_str()).push(", ");
                query.push_bind(place.instance_id.as_str());
                query.push(") order by time, route, method, instance_id limit ");
                query.push_bind(i64::try_from(READ_ROWS).unwrap_or(i64::MAX));
                let some: Vec<StoredStats> = tx.fetch_all(query.build_query_as()).await?;
                let is_last = some.len() < READ_ROWS;
                rows += some.len() as u64;
                if let Some(last) = some.last() {
                    place = RowPosition::of(last);
                }
                for row in some {
                    add_to_groups(&mut groups, row, &filter, Source::Rows)?;
                }
                if is_last {
                    break;
                }
            }
            for some in groups.chunks(WRITTEN_ROWS) {
                let mut query = QueryBuilder::new(insert(resolution));
                query.push_values(some, |mut row, one| {
                    let [p50, p95, p99] = one.percentiles.map_or([None; 3], |all| all.map(Some));
                    row.push_bind(Db(one.time))
                        .push_bind(one.route.as_str())
                        .push_bind(one.method.as_deref().unwrap_or_default())
                        .push_bind(signed(one.stats.requests))
                        .push_bind(one.stats.sum)
                        .push_bind(one.stats.min)
                        .push_bind(one.stats.max)
                        .push_bind(one.stats.sketch.encode())
                        .push_bind(one.imported)
                        .push_bind(p50)
                        .push_bind(p95)
                        .push_bind(p99);
                });
                tx.execute_bulk(query.build(), false).await?;
            }
            let query = sqlx::query(merge_statuses(resolution)).bind(Db(time));
            let statuses = tx.execute(query.bind(Db(end))).await?;
            let query = sqlx::query(LIST).bind(seconds(resolution)).bind(Db(time));
            let query = query.bind(signed(groups.len() as u64));
            tx.execute(query.bind(signed(statuses))).await?;
            Ok(MergeOutcome::Merged(rows))
        })
    }

    /// Takes buckets off the list of those that are merged whose merged rows are not as many as they were,
    /// and returns how many: someone deleted some.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn check_merged(&self) -> Result<u64, StoreError> {
        let mut wrong = 0;
        for resolution in Resolution::ALL {
            let sql = damaged(resolution, self.engine());
            let found: Vec<(Db<Timestamp>,)> = on_read!(self, |tx| Ok(tx
                .fetch_all(sqlx::query_as(sql).bind(seconds(resolution)))
                .await?))?;
            let found = found.into_iter().map(|(time,)| (resolution, time.0));
            let found: BTreeSet<_> = found.collect();
            wrong += found.len() as u64;
            if !found.is_empty() {
                in_write!(self, |tx| Ok(tx.unmerge(&found).await?))?;
            }
        }
        Ok(wrong)
    }

    /// Deletes some of the merged rows that are kept no longer at this time, the oldest first. Zero when none
    /// are left.
    ///
    /// # Errors
    /// When the database fails; what earlier calls deleted stays deleted.
    pub async fn trim_merged(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for resolution in Resolution::ALL {
            let (from, _) = range(resolution, now);
            let until = from.saturating_sub(Duration::from_millis(1));
            in_write!(self, |tx| Ok(tx
                .unmerge_between(resolution, FIRST, until)
                .await?))?;
            let until = from.saturating_sub(LISTS_END);
            deleted += self.delete_merged_rows(resolution, until).await?;
        }
        Ok(deleted)
    }

    /// Deletes some of the merged rows of buckets that begin before `cutoff`, the oldest first, as
    /// [`Store::delete_old_requests`] does with those of hosts. Zero when none are left.
    ///
    /// # Errors
    /// When the database fails; what earlier calls deleted stays deleted.
    pub async fn delete_old_merged(
        &self,
        resolution: Resolution,
        cutoff: Timestamp,
    ) -> Result<u64, StoreError> {
        let until = cutoff.saturating_sub(Duration::from_millis(1));
        in_write!(self, |tx| Ok(tx
            .unmerge_between(resolution, FIRST, until)
            .await?))?;
        self.delete_merged_rows(resolution, cutoff).await
    }

    async fn delete_merged_rows(
        &self,
        resolution: Resolution,
        cutoff: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for (boundary, delete) in old_rows(resolution) {
            deleted += in_write!(self, |tx| {
                let query = sqlx::query_as(boundary).bind(Db(cutoff)).bind(DELETED_ROWS);
                let found: Option<(Db<Timestamp>,)> = tx.fetch_optional(query).await?;
                let before = Timestamp::from_millis(cutoff.as_millis().saturating_sub(1));
                let last = found.map_or(before, |(time,)| time.0);
                Ok(tx.execute(sqlx::query(delete).bind(Db(last))).await?)
            })?;
        }
        Ok(deleted)
    }

    async fn oldest_request(
        &self,
        resolution: Resolution,
        from: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = per_resolution!(
            resolution,
            "select time from ",
            "request_stats",
            " where time >= $1 order by time limit 1"
        );
        let found: Option<(Db<Timestamp>,)> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(sql).bind(Db(from)))
            .await?))?;
        Ok(found.map(|(time,)| time.0))
    }

    async fn count_merged(
        &self,
        resolution: Resolution,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<i64, StoreError> {
        on_read!(self, |tx| {
            let mut query =
                QueryBuilder::new("select count(*) from fleet_buckets b where seconds = ");
            query.push_bind(seconds(resolution));
            query.push(" and time >= ").push_bind(Db(from));
            query.push(" and time < ").push_bind(Db(to));
            push_is_kept!(query, resolution);
            let found: Option<(i64,)> = tx.fetch_optional(query.build_query_as()).await?;
            Ok(found.map_or(0, |(count,)| count))
        })
    }

    async fn list_merged(
        &self,
        resolution: Resolution,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<BTreeSet<Timestamp>, StoreError> {
        let found: Vec<(Db<Timestamp>,)> = on_read!(self, |tx| {
            let mut query = QueryBuilder::new("select time from fleet_buckets b where seconds = ");
            query.push_bind(seconds(resolution));
            query.push(" and time >= ").push_bind(Db(from));
            query.push(" and time < ").push_bind(Db(to));
            push_is_kept!(query, resolution);
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })?;
        Ok(found.into_iter().map(|(time,)| time.0).collect())
    }
}

const IS_LISTED: &str = "select count(*) from fleet_buckets where seconds = $1 and time = $2";
const LIST: &str = "
    insert into fleet_buckets (seconds, time, stats_rows, status_rows) values ($1, $2, $3, $4)";

/// All rows of a bucket, as groups of one route and method.
fn whole(bucket: BucketTime) -> StatsFilter {
    StatsFilter {
        resolution: bucket.resolution,
        from: bucket.time,
        to: bucket.time,
        route: None,
        hosts: None,
        by_method: true,
        split: None,
    }
}

const fn clear(resolution: Resolution) -> [&'static str; 2] {
    [
        per_resolution!(
            resolution,
            "delete from ",
            "fleet_stats",
            " where time >= $1 and time < $2"
        ),
        per_resolution!(
            resolution,
            "delete from ",
            "fleet_status",
            " where time >= $1 and time < $2"
        ),
    ]
}

const fn insert(resolution: Resolution) -> &'static str {
    per_resolution!(
        resolution,
        "insert into ",
        "fleet_stats",
        " (time, route, method, requests, sum, min, max, sketch, imported, p50, p95, p99) "
    )
}

const fn merge_statuses(resolution: Resolution) -> &'static str {
    macro_rules! sql {
        ($suffix:literal) => {
            concat!(
                "insert into fleet_status",
                $suffix,
                " (time, route, method, status, count)
                select time, route, method, status, cast(sum(count) as bigint)
                from request_status",
                $suffix,
                " where time >= $1 and time < $2 group by time, route, method, status"
            )
        };
    }
    match resolution {
        Resolution::Minute => sql!(""),
        Resolution::Hour => sql!("_hourly"),
        Resolution::Day => sql!("_daily"),
    }
}

/// The time of the row that ends the oldest batch, and the deletion up to it, per table.
const fn old_rows(resolution: Resolution) -> [(&'static str, &'static str); 2] {
    macro_rules! sql {
        ($table:literal) => {
            (
                per_resolution!(
                    resolution,
                    "select time from ",
                    $table,
                    " where time < $1 order by time limit 1 offset $2"
                ),
                per_resolution!(resolution, "delete from ", $table, " where time <= $1"),
            )
        };
    }
    [sql!("fleet_stats"), sql!("fleet_status")]
}

/// Merged buckets whose rows are not as many as they were.
const fn damaged(resolution: Resolution, engine: super::Engine) -> &'static str {
    macro_rules! sql {
        ($suffix:literal, $end:literal) => {
            concat!(
                "select b.time from fleet_buckets b where b.seconds = $1 and (b.stats_rows <> (
                    select count(*) from fleet_stats",
                $suffix,
                " s where s.time >= b.time and s.time < ",
                $end,
                ") or b.status_rows <> (select count(*) from fleet_status",
                $suffix,
                " s where s.time >= b.time and s.time < ",
                $end,
                ")) order by b.time"
            )
        };
    }
    macro_rules! of_engine {
        ($end:literal) => {
            match resolution {
                Resolution::Minute => sql!("", $end),
                Resolution::Hour => sql!("_hourly", $end),
                Resolution::Day => sql!("_daily", $end),
            }
        };
    }
    match engine {
        super::Engine::Sqlite => of_engine!("b.time + b.seconds * 1000"),
        super::Engine::Postgres => of_engine!("b.time + b.seconds * interval '1 second'"),
    }
}
