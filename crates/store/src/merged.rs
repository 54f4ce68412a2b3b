//! What keeps the merged statistics of a fleet true while others write.
//!
//! A bucket that `fleet_buckets` lists is read from the merged tables, every other one from the rows of the
//! hosts. Whatever changes rows of a bucket takes it off that list in the same transaction, so the list never
//! says more than what is true, and how late a row comes does not matter.
//!
//! On PostgreSQL a lock per bucket makes the order certain: writers share it until they commit, and the
//! daemon that merges takes it for itself or leaves the bucket for later. So the merging transaction sees all
//! that was written before, and what is written after it finds the bucket listed. These locks are in the
//! server's memory only, and writers never wait for each other. On SQLite a transaction that writes is alone.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::{Postgres, QueryBuilder, Sqlite};

use super::Tx;
use crate::codec::Db;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// A bucket of time: how long it is and when it begins.
pub(super) type Bucket = (Resolution, Timestamp);

/// The first number of the locks of buckets, which says how long they are.
const LOCKS: i32 = 0x6c61_7000;
/// That of the lock in place of many.
const LOCK_OF_MANY: i32 = LOCKS + 3;
/// A transaction with more buckets than this takes the lock in place of many: a server has room for a few
/// thousand locks in all.
const LOCKS_MAX: usize = 16;
/// How many buckets one statement takes off the list on SQLite.
const SQLITE_BUCKETS: usize = 500;

/// Where requests are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The rows that hosts wrote.
    Rows,
    /// The rows that were merged from these.
    Merged,
}

impl Source {
    /// The tables of durations and of statuses.
    pub(super) const fn tables(self, resolution: Resolution) -> (&'static str, &'static str) {
        match (self, resolution) {
            (Self::Rows, Resolution::Minute) => ("request_stats", "request_status"),
            (Self::Rows, Resolution::Hour) => ("request_stats_hourly", "request_status_hourly"),
            (Self::Rows, Resolution::Day) => ("request_stats_daily", "request_status_daily"),
            (Self::Merged, Resolution::Minute) => ("fleet_stats", "fleet_status"),
            (Self::Merged, Resolution::Hour) => ("fleet_stats_hourly", "fleet_status_hourly"),
            (Self::Merged, Resolution::Day) => ("fleet_stats_daily", "fleet_status_daily"),
        }
    }
}

/// How the database has the length of a bucket.
pub(super) const fn seconds(resolution: Resolution) -> i32 {
    match resolution {
        Resolution::Minute => 60,
        Resolution::Hour => 3_600,
        Resolution::Day => 86_400,
    }
}

/// The numbers of a bucket's lock.
fn lock_of((resolution, time): Bucket) -> (i32, i32) {
    let length = i64::from(seconds(resolution)) * 1_000;
    let number = time.as_millis().div_euclid(length);
    let kind = match resolution {
        Resolution::Minute => 0,
        Resolution::Hour => 1,
        Resolution::Day => 2,
    };
    // Minutes have numbers of 32 bits from 2 000 years before 1970 to 4 000 after. Were there others, two
    // buckets would share a lock.
    let [a, b, c, d, ..] = number.to_le_bytes();
    (LOCKS + kind, i32::from_le_bytes([a, b, c, d]))
}

impl Tx<'_, Sqlite> {
    /// Takes buckets off the list of those that are merged.
    pub(super) async fn unmerge(&mut self, buckets: &BTreeSet<Bucket>) -> Result<(), sqlx::Error> {
        let buckets: Vec<Bucket> = buckets.iter().copied().collect();
        for some in buckets.chunks(SQLITE_BUCKETS) {
            let mut query =
                QueryBuilder::new("delete from fleet_buckets where (seconds, time) in (");
            query.push_values(some, |mut row, (resolution, time)| {
                row.push_bind(seconds(*resolution)).push_bind(Db(*time));
            });
            query.push(")");
            self.execute_bulk(query.build(), false).await?;
        }
        Ok(())
    }

    /// Takes the buckets that begin between two times off the list of those that are merged.
    pub(super) async fn unmerge_between(
        &mut self,
        resolution: Resolution,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(), sqlx::Error> {
        const SQL: &str =
            "delete from fleet_buckets where seconds = $1 and time >= $2 and time <= $3";
        let query = sqlx::query(SQL).bind(seconds(resolution));
        self.execute(query.bind(Db(resolution.start_of(from))).bind(Db(to)))
            .await?;
        Ok(())
    }

    /// Whether no other transaction can write to a bucket until this one ends.
    #[expect(clippy::unused_async, reason = "the same call on both engines")]
    pub(super) async fn own_bucket(&mut self, _bucket: Bucket) -> Result<bool, sqlx::Error> {
        Ok(true)
    }
}

// Those that are on the list are locked in one order first, or two writers of late buckets could wait for each
// other.
const DELETE_SOME: &str = "
    delete from fleet_buckets b using (
        select f.seconds, f.time from fleet_buckets f
        join unnest($1::integer[], $2::timestamptz[]) as written (seconds, time)
            on f.seconds = written.seconds and f.time = written.time
        order by f.seconds, f.time for update of f) listed
    where b.seconds = listed.seconds and b.time = listed.time";
const DELETE_BETWEEN: &str = "
    delete from fleet_buckets b using (
        select f.seconds, f.time from fleet_buckets f
        where f.seconds = $1 and f.time >= $2 and f.time <= $3
        order by f.seconds, f.time for update of f) listed
    where b.seconds = listed.seconds and b.time = listed.time";
const SHARE: &str = "
    select count(pg_advisory_xact_lock_shared(kind, number))
    from unnest($1::integer[], $2::integer[]) as locks (kind, number)";
const TRY_TO_OWN: &str =
    "select pg_try_advisory_xact_lock($1, 0) and pg_try_advisory_xact_lock($2, $3)";

impl Tx<'_, Postgres> {
    /// Takes buckets off the list of those that are merged, and keeps them from being merged until this
    /// transaction ends.
    pub(super) async fn unmerge(&mut self, buckets: &BTreeSet<Bucket>) -> Result<(), sqlx::Error> {
        if buckets.is_empty() {
            return Ok(());
        }
        if buckets.len() > LOCKS_MAX {
            self.share(&[(LOCK_OF_MANY, 0)]).await?;
        } else {
            let locks: Vec<(i32, i32)> = buckets.iter().copied().map(lock_of).collect();
            self.share(&locks).await?;
        }
        let lengths: Vec<i32> = buckets.iter().map(|(one, _)| seconds(*one)).collect();
        let times: Vec<DateTime<Utc>> = buckets.iter().map(|(_, time)| (*time).into()).collect();
        self.execute(sqlx::query(DELETE_SOME).bind(lengths).bind(times))
            .await?;
        Ok(())
    }

    /// The same with the buckets that begin between two times.
    pub(super) async fn unmerge_between(
        &mut self,
        resolution: Resolution,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(), sqlx::Error> {
        self.share(&[(LOCK_OF_MANY, 0)]).await?;
        let query = sqlx::query(DELETE_BETWEEN).bind(seconds(resolution));
        self.execute(query.bind(Db(resolution.start_of(from))).bind(Db(to)))
            .await?;
        Ok(())
    }

    /// Whether no other transaction can write to a bucket until this one ends; waits for none.
    pub(super) async fn own_bucket(&mut self, bucket: Bucket) -> Result<bool, sqlx::Error> {
        let (kind, number) = lock_of(bucket);
        let query = sqlx::query_scalar(TRY_TO_OWN).bind(LOCK_OF_MANY);
        self.fetch_scalar(query.bind(kind).bind(number)).await
    }

    async fn share(&mut self, locks: &[(i32, i32)]) -> Result<(), sqlx::Error> {
        let (kinds, numbers): (Vec<i32>, Vec<i32>) = locks.iter().copied().unzip();
        self.fetch_scalar::<i64>(sqlx::query_scalar(SHARE).bind(kinds).bind(numbers))
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_has_a_lock_of_its_own() {
        let start = Timestamp::from_millis(1_800_000_000_000);
        let mut locks = BTreeSet::from([(LOCK_OF_MANY, 0)]);
        for resolution in Resolution::ALL {
            for number in 0..3_000 {
                let time = start.saturating_add(resolution.length() * number);
                locks.insert(lock_of((resolution, resolution.start_of(time))));
            }
        }
        assert_eq!(locks.len(), 9_001);
    }

    #[test]
    fn lengths_are_those_of_the_buckets() {
        for resolution in Resolution::ALL {
            let length = u64::try_from(seconds(resolution)).unwrap();
            assert_eq!(length, resolution.length().as_secs());
        }
    }
}
