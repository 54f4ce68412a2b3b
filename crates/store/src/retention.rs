//! Deleting what is older than it should be kept, a little at a time.

use std::time::Duration;

use super::{Engine, Store, StoreError, in_write, on_read};
use crate::codec::Db;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// About how many rows one transaction deletes from a table, so that writers never wait long.
pub const BATCH: i64 = 5_000;
/// Of how many series one transaction deletes samples.
pub(super) const SERIES: i64 = 50;

/// How many rows of these that hold many figures each.
pub(super) const WIDE_BATCH: i64 = 1_000;

/// The earliest time that a row can have.
pub(super) const FIRST: Timestamp = Timestamp::from_millis(-62_135_596_800_000);

/// The statements for one table of requests.
struct Statements {
    /// The time of the row that ends the oldest batch, and the deletion up to it.
    boundary: &'static str,
    delete: &'static str,
}

/// The statements for a table of samples, which are sorted by their series.
pub(super) struct SampleStatements {
    /// Some series that have any before a time.
    series: &'static str,
    /// Some series of one host that do.
    pub(super) series_of_host: &'static str,
    /// The time of the row that ends the oldest batch of one of them.
    pub(super) boundary: &'static str,
    pub(super) delete: &'static str,
    /// For how long a row holds more than what begins at its time.
    holds: Duration,
    /// About how many rows one transaction deletes.
    batch: i64,
}

macro_rules! requests {
    ($suffix:literal) => {
        [
            requests!(@ "request_stats", $suffix),
            requests!(@ "request_status", $suffix),
        ]
    };
    (@ $table:literal, $suffix:literal) => {
        Statements {
            boundary: concat!(
                "select time from ",
                $table,
                $suffix,
                " where time < $1 order by time limit 1 offset $2"
            ),
            delete: concat!("delete from ", $table, $suffix, " where time <= $1"),
        }
    };
}

macro_rules! samples {
    ($table:literal, $holds:expr, $batch:expr) => {
        SampleStatements {
            series: concat!(
                "select s.id from host_series s where exists (select 1 from ",
                $table,
                " t where t.series_id = s.id and t.time < $1) order by s.id limit $2"
            ),
            series_of_host: concat!(
                "select s.id from host_series s where s.host_id = $1 and exists (select 1 from ",
                $table,
                " t where t.series_id = s.id and t.time < $2) order by s.id limit $3"
            ),
            boundary: concat!(
                "select time from ",
                $table,
                " where series_id = $1 and time < $2 order by time limit 1 offset $3"
            ),
            delete: concat!(
                "delete from ",
                $table,
                " where series_id = $1 and time <= $2"
            ),
            holds: $holds,
            batch: $batch,
        }
    };
}

fn requests(resolution: Resolution) -> [Statements; 2] {
    match resolution {
        Resolution::Minute => requests!(""),
        Resolution::Hour => requests!("_hourly"),
        Resolution::Day => requests!("_daily"),
    }
}

/// The tables of samples of one resolution. Minutes that are not packed are no older than some hours.
pub(super) const fn samples(resolution: Resolution) -> &'static [SampleStatements] {
    /// Up to the beginning of its last minute.
    const HOUR: Duration = Duration::from_mins(59);
    match resolution {
        Resolution::Minute => &[
            samples!("host_hours", HOUR, WIDE_BATCH),
            samples!("host_samples_old", Duration::ZERO, BATCH),
        ],
        Resolution::Hour => &[samples!("host_samples_hourly", Duration::ZERO, BATCH)],
        Resolution::Day => &[samples!("host_samples_daily", Duration::ZERO, BATCH)],
    }
}

impl SampleStatements {
    /// Rows that begin before this hold nothing that begins at `cutoff` or later.
    pub(super) fn cutoff(&self, cutoff: Timestamp) -> Timestamp {
        cutoff.saturating_sub(self.holds)
    }

    /// How many rows of each series one transaction deletes.
    pub(super) fn each(&self, series: usize) -> i64 {
        self.batch / i64::try_from(series.max(1)).unwrap_or(i64::MAX)
    }
}

impl Store {
    /// Deletes some of the requests of buckets that begin before `cutoff`, the oldest first. Zero
    /// when none are left.
    ///
    /// # Errors
    /// When the database fails; what earlier calls deleted stays deleted.
    pub async fn delete_old_requests(
        &self,
        resolution: Resolution,
        cutoff: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for Statements { boundary, delete } in requests(resolution) {
            deleted += in_write!(self, |tx| {
                let query = sqlx::query_as(boundary).bind(Db(cutoff)).bind(BATCH);
                let found: Option<(Db<Timestamp>,)> = tx.fetch_optional(query).await?;
                let before_cutoff = Timestamp::from_millis(cutoff.as_millis().saturating_sub(1));
                let last = found.map_or(before_cutoff, |(time,)| time.0);
                let deleted = tx.execute(sqlx::query(delete).bind(Db(last))).await?;
                if deleted > 0 {
                    tx.unmerge_between(resolution, FIRST, last).await?;
                }
                Ok(deleted)
            })?;
        }
        Ok(deleted)
    }

    /// Deletes some of the samples that begin before `cutoff`, of some series, the oldest of each
    /// first; packed minutes by the hour, all of which is before it. Returns how many rows that were,
    /// zero when none are left.
    ///
    /// # Errors
    /// When the database fails; what earlier calls deleted stays deleted.
    pub async fn delete_old_samples(
        &self,
        resolution: Resolution,
        cutoff: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for sql in samples(resolution) {
            deleted += self.delete_samples_of(sql, sql.cutoff(cutoff)).await?;
        }
        Ok(deleted)
    }

    async fn delete_samples_of(
        &self,
        sql: &SampleStatements,
        cutoff: Timestamp,
    ) -> Result<u64, StoreError> {
        let found: Vec<(i64,)> = on_read!(self, |tx| Ok(tx
            .fetch_all(sqlx::query_as(sql.series).bind(Db(cutoff)).bind(SERIES))
            .await?))?;
        if found.is_empty() {
            return Ok(0);
        }
        let each = sql.each(found.len());
        let before_cutoff = Timestamp::from_millis(cutoff.as_millis().saturating_sub(1));
        in_write!(self, |tx| {
            let mut deleted = 0;
            for (id,) in &found {
                let query = sqlx::query_as(sql.boundary).bind(*id).bind(Db(cutoff));
                let end: Option<(Db<Timestamp>,)> = tx.fetch_optional(query.bind(each)).await?;
                let last = end.map_or(before_cutoff, |(time,)| time.0);
                let query = sqlx::query(sql.delete).bind(*id).bind(Db(last));
                deleted += tx.execute(query).await?;
            }
            Ok(deleted)
        })
    }

    /// The time of the database's own clock; nothing on SQLite, which has none.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn database_time(&self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "select current_timestamp";
        if self.engine() == Engine::Sqlite {
            return Ok(None);
        }
        let now: Db<Timestamp> = on_read!(self, |tx| Ok(tx
            .fetch_scalar(sqlx::query_scalar(SQL))
            .await?))?;
        Ok(Some(now.0))
    }

    /// Forgets hosts that were not seen since `cutoff`. Their series go as those of living hosts do, by
    /// [`Store::delete_ended_series`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_old_hosts(&self, cutoff: Timestamp) -> Result<(), StoreError> {
        const HOSTS: &str = "delete from hosts where last_seen < $1";
        in_write!(self, |tx| {
            tx.execute(sqlx::query(HOSTS).bind(Db(cutoff))).await?;
            Ok(())
        })
    }

    /// About how many bytes of the database are in use. On SQLite pages that deletions freed don't
    /// count; on PostgreSQL it is the number of live rows times the mean size of some of them,
    /// doubled for indexes and overhead, because the files of its tables never shrink. Hypertables
    /// do shrink when chunks are dropped: there it is their size on disk.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn used_bytes(&self) -> Result<i64, StoreError> {
        const SQLITE: &str = "
            select (page_count - freelist_count) * page_size
            from pragma_page_count, pragma_freelist_count, pragma_page_size";
        const POSTGRES: &str = "
            select cast(coalesce(sum(2 * s.n_live_tup * case s.relname
                when 'request_stats' then coalesce((select avg(pg_column_size(t.*)) from
                    (select * from request_stats limit 200) t), 0)
                when 'request_status' then coalesce((select avg(pg_column_size(t.*)) from
                    (select * from request_status limit 200) t), 0)
                when 'host_hours' then coalesce((select avg(pg_column_size(t.*)) from
                    (select * from host_hours limit 200) t), 0)
                when 'host_minutes' then coalesce((select avg(pg_column_size(t.*)) from
                    (select * from host_minutes limit 200) t), 0)
                else 64 end), 0) as bigint)
            from pg_catalog.pg_stat_user_tables s
            where s.schemaname = 'linux_api'";
        let (sql, hypertables) = match self.engine() {
            Engine::Sqlite => (SQLITE, 0),
            Engine::Postgres if self.timescale().await?.is_used() => {
                (POSTGRES, self.hypertable_bytes().await?)
            }
            Engine::Postgres => (POSTGRES, 0),
        };
        // The rows of hypertables are not counted as theirs.
        let others: i64 = on_read!(self, |tx| Ok(tx
            .fetch_scalar(sqlx::query_scalar(sql))
            .await?))?;
        Ok(others.saturating_add(hypertables))
    }

    /// The time of the oldest minute of requests or of a host's series.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn oldest_minute(&self) -> Result<Option<Timestamp>, StoreError> {
        // The samples are sorted by their series, so one is looked up for each of these.
        const SQL: &str = "
            select time from (
                select min(time) as time from request_stats
                union all select min(time) from request_status
                union all select min(time) from host_minutes
                union all select min(first) from (
                    select (select t.time from host_hours t where t.series_id = s.id
                        order by t.time limit 1) as first from host_series s) packed
                union all select min(first) from (
                    select (select t.time from host_samples_old t where t.series_id = s.id
                        order by t.time limit 1) as first from host_series s) old) oldest
            where time is not null order by time limit 1";
        let found: Option<(Db<Timestamp>,)> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(SQL))
            .await?))?;
        Ok(found.map(|(time,)| time.0))
    }
}
