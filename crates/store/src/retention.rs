//! Deleting what is older than it should be kept, a little at a time.

use super::{Engine, Store, StoreError, in_write, on_read};
use crate::codec::Db;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// About how many rows one transaction deletes from a table, so that writers never wait long.
pub const BATCH: i64 = 5_000;
/// Of how many series one transaction deletes samples.
pub(super) const SERIES: i64 = 50;

/// The statements for one resolution.
struct Statements {
    /// The time of the row that ends the oldest batch, and the deletion up to it, per table.
    requests: [(&'static str, &'static str); 2],
    samples: SampleStatements,
}

/// The statements for samples, whose tables are sorted by their series.
pub(super) struct SampleStatements {
    /// Some series that have any before a time.
    series: &'static str,
    /// Some series of one host that do.
    pub(super) series_of_host: &'static str,
    /// The time of the row that ends the oldest batch of one of them.
    pub(super) boundary: &'static str,
    pub(super) delete: &'static str,
}

macro_rules! statements {
    ($suffix:literal) => {
        Statements {
            requests: [
                (
                    concat!(
                        "select time from request_stats",
                        $suffix,
                        " where time < $1 order by time limit 1 offset $2"
                    ),
                    concat!("delete from request_stats", $suffix, " where time <= $1"),
                ),
                (
                    concat!(
                        "select time from request_status",
                        $suffix,
                        " where time < $1 order by time limit 1 offset $2"
                    ),
                    concat!("delete from request_status", $suffix, " where time <= $1"),
                ),
            ],
            samples: SampleStatements {
                series: concat!(
                    "select s.id from host_series s where exists (select 1 from host_samples",
                    $suffix,
                    " t where t.series_id = s.id and t.time < $1) order by s.id limit $2"
                ),
                series_of_host: concat!(
                    "select s.id from host_series s where s.host_id = $1 and exists (select 1 from \
                     host_samples",
                    $suffix,
                    " t where t.series_id = s.id and t.time < $2) order by s.id limit $3"
                ),
                boundary: concat!(
                    "select time from host_samples",
                    $suffix,
                    " where series_id = $1 and time < $2 order by time limit 1 offset $3"
                ),
                delete: concat!(
                    "delete from host_samples",
                    $suffix,
                    " where series_id = $1 and time <= $2"
                ),
            },
        }
    };
}

fn statements(resolution: Resolution) -> Statements {
    match resolution {
        Resolution::Minute => statements!(""),
        Resolution::Hour => statements!("_hourly"),
        Resolution::Day => statements!("_daily"),
    }
}

/// The statements for samples of one resolution.
pub(super) fn sample_statements(resolution: Resolution) -> SampleStatements {
    statements(resolution).samples
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
        for (boundary, delete) in statements(resolution).requests {
            deleted += in_write!(self, |tx| {
                let query = sqlx::query_as(boundary).bind(Db(cutoff)).bind(BATCH);
                let found: Option<(Db<Timestamp>,)> = tx.fetch_optional(query).await?;
                let before_cutoff = Timestamp::from_millis(cutoff.as_millis().saturating_sub(1));
                let last = found.map_or(before_cutoff, |(time,)| time.0);
                Ok(tx.execute(sqlx::query(delete).bind(Db(last))).await?)
            })?;
        }
        Ok(deleted)
    }

    /// Deletes some of the samples that begin before `cutoff`, of some series, the oldest of each
    /// first. Zero when none are left.
    ///
    /// # Errors
    /// When the database fails; what earlier calls deleted stays deleted.
    pub async fn delete_old_samples(
        &self,
        resolution: Resolution,
        cutoff: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = statements(resolution).samples;
        let found: Vec<(i64,)> = on_read!(self, |tx| Ok(tx
            .fetch_all(sqlx::query_as(sql.series).bind(Db(cutoff)).bind(SERIES))
            .await?))?;
        if found.is_empty() {
            return Ok(0);
        }
        let each = BATCH / i64::try_from(found.len()).unwrap_or(i64::MAX);
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
                else 64 end), 0) as bigint)
            from pg_catalog.pg_stat_user_tables s
            where s.schemaname = 'linux_api'";
        let sql = match self.engine() {
            Engine::Sqlite => SQLITE,
            Engine::Postgres if self.timescale().await?.is_used() => {
                return self.hypertable_bytes().await;
            }
            Engine::Postgres => POSTGRES,
        };
        on_read!(self, |tx| Ok(tx
            .fetch_scalar(sqlx::query_scalar(sql))
            .await?))
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
                union all select min(first) from (
                    select (select t.time from host_samples t where t.series_id = s.id
                        order by t.time limit 1) as first from host_series s) samples) oldest
            where time is not null order by time limit 1";
        let found: Option<(Db<Timestamp>,)> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(SQL))
            .await?))?;
        Ok(found.map(|(time,)| time.0))
    }
}
