//! Deleting measurements of a time that has not come: a clock was wrong when they were written.
//!
//! No list shows them, and retention does not reach them before their time.

use super::retention::{BATCH, SERIES};
use super::{Store, StoreError, in_write, on_read};
use crate::codec::Db;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// The latest time that a row can have.
const LAST: Timestamp = Timestamp::from_millis(253_402_300_799_999);
/// Series that had samples of that time end before it, when they do.
const END_SERIES: &str = "update host_series set last_day = $1 where last_day > $1";

/// How many rows of one table begin after a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsAfter {
    /// Which table.
    pub table: &'static str,
    /// How many.
    pub rows: u64,
}

/// The statements for one table.
struct Statements {
    table: &'static str,
    count: &'static str,
    /// The time of the row that ends the newest batch, of one series where the table has these.
    boundary: &'static str,
    delete: &'static str,
    /// Some series that have any; the table is sorted by its series.
    series: Option<&'static str>,
    /// What is merged from it: of which buckets, and the deletion of that.
    merged: Option<(Resolution, &'static str)>,
}

/// A table whose rows are found by their time, whatever they are of.
macro_rules! by_time {
    ($table:literal, $resolution:ident, $merged:literal) => {
        by_time!(@ $table, Some((
            Resolution::$resolution,
            concat!("delete from ", $merged, " where time >= $1"),
        )))
    };
    ($table:literal) => {
        by_time!(@ $table, None)
    };
    (@ $table:literal, $merged:expr) => {
        Statements {
            table: $table,
            count: concat!("select count(*) from ", $table, " where time > $1"),
            boundary: concat!(
                "select time from ",
                $table,
                " where time > $1 order by time desc limit 1 offset $2"
            ),
            delete: concat!("delete from ", $table, " where time >= $1"),
            series: None,
            merged: $merged,
        }
    };
}

macro_rules! samples {
    ($table:literal) => {
        Statements {
            table: $table,
            count: concat!(
                "select cast(coalesce(sum(n), 0) as bigint) from (select (select count(*) from ",
                $table,
                " t where t.series_id = s.id and t.time > $1) as n from host_series s) counted"
            ),
            boundary: concat!(
                "select time from ",
                $table,
                " where series_id = $3 and time > $1 order by time desc limit 1 offset $2"
            ),
            delete: concat!(
                "delete from ",
                $table,
                " where time >= $1 and series_id = $2"
            ),
            series: Some(concat!(
                "select s.id from host_series s where exists (select 1 from ",
                $table,
                " t where t.series_id = s.id and t.time > $1) order by s.id limit $2"
            )),
            merged: None,
        }
    };
}

/// Every table of measurements.
const TABLES: [Statements; 11] = [
    by_time!("request_stats", Minute, "fleet_stats"),
    by_time!("request_stats_hourly", Hour, "fleet_stats_hourly"),
    by_time!("request_stats_daily", Day, "fleet_stats_daily"),
    by_time!("request_status", Minute, "fleet_status"),
    by_time!("request_status_hourly", Hour, "fleet_status_hourly"),
    by_time!("request_status_daily", Day, "fleet_status_daily"),
    by_time!("host_minutes"),
    samples!("host_hours"),
    samples!("host_samples_old"),
    samples!("host_samples_hourly"),
    samples!("host_samples_daily"),
];

impl Store {
    /// How many measurements begin after a time, per table that has any. Takes a look-up per series and
    /// as long as counting takes.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn count_after(&self, time: Timestamp) -> Result<Vec<RowsAfter>, StoreError> {
        let mut found = Vec::new();
        for one in &TABLES {
            let rows: i64 = on_read!(self, |tx| Ok(tx
                .fetch_scalar(sqlx::query_scalar(one.count).bind(Db(time)))
                .await?))?;
            if let Some(rows) = u64::try_from(rows).ok().filter(|rows| *rows > 0) {
                let table = one.table;
                found.push(RowsAfter { table, rows });
            }
        }
        Ok(found)
    }

    /// Deletes some of the measurements that begin after a time, the newest first: requests and series
    /// of all hosts, in buckets of every length, in short transactions. Zero when none are left.
    ///
    /// A bucket that began before the time and holds requests or readings of a wrong clock stays.
    ///
    /// # Errors
    /// When the database fails; what was deleted before stays deleted.
    pub async fn delete_after(&self, time: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for one in &TABLES {
            deleted += match one.series {
                None => self.delete_rows_after(one, time).await?,
                Some(series) => self.delete_samples_after(one, series, time).await?,
            };
        }
        if deleted == 0 {
            in_write!(self, |tx| {
                let query = sqlx::query(END_SERIES).bind(Db(Resolution::Day.start_of(time)));
                tx.execute(query).await?;
                Ok(())
            })?;
        }
        Ok(deleted)
    }

    async fn delete_rows_after(
        &self,
        sql: &Statements,
        time: Timestamp,
    ) -> Result<u64, StoreError> {
        in_write!(self, |tx| {
            let query = sqlx::query_as(sql.boundary).bind(Db(time)).bind(BATCH);
            let found: Option<(Db<Timestamp>,)> = tx.fetch_optional(query).await?;
            let first = found.map_or(next(time), |(time,)| time.0);
            let deleted = tx.execute(sqlx::query(sql.delete).bind(Db(first))).await?;
            if let Some((resolution, delete)) = sql.merged {
                tx.unmerge_between(resolution, first, LAST).await?;
                tx.execute(sqlx::query(delete).bind(Db(first))).await?;
            }
            Ok(deleted)
        })
    }

    async fn delete_samples_after(
        &self,
        sql: &Statements,
        series: &'static str,
        time: Timestamp,
    ) -> Result<u64, StoreError> {
        let found: Vec<(i64,)> = on_read!(self, |tx| Ok(tx
            .fetch_all(sqlx::query_as(series).bind(Db(time)).bind(SERIES))
            .await?))?;
        if found.is_empty() {
            return Ok(0);
        }
        let each = BATCH / i64::try_from(found.len()).unwrap_or(i64::MAX);
        in_write!(self, |tx| {
            let mut deleted = 0;
            for (id,) in &found {
                let query = sqlx::query_as(sql.boundary).bind(Db(time)).bind(each);
                let end: Option<(Db<Timestamp>,)> = tx.fetch_optional(query.bind(*id)).await?;
                let first = end.map_or(next(time), |(time,)| time.0);
                let query = sqlx::query(sql.delete).bind(Db(first)).bind(*id);
                deleted += tx.execute(query).await?;
            }
            Ok(deleted)
        })
    }
}

/// Times are whole milliseconds.
fn next(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(1))
}
