//! Requests per bucket, written as whole states: the next state of a bucket replaces the one before,
//! so that writing twice never counts twice.

use linux_api_wire::request_stats::Resolution;

/// How many rows one statement writes.
pub(super) const ROWS: usize = 500;

/// One statement per table: the text around the name of the table.
macro_rules! per_resolution {
    ($resolution:expr, $head:literal, $table:literal, $($tail:literal),+) => {
        match $resolution {
            Resolution::Minute => concat!($head, $table, $($tail),+),
            Resolution::Hour => concat!($head, $table, "_hourly", $($tail),+),
            Resolution::Day => concat!($head, $table, "_daily", $($tail),+),
        }
    };
}

/// The statements that write one kind of bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upsert {
    /// Up to the values.
    pub(super) insert: &'static str,
    /// After them.
    pub(super) conflict: &'static str,
}

/// A state never gives way to one with fewer requests: that one is older.
pub(super) fn stats_upsert(resolution: Resolution) -> Upsert {
    Upsert {
        insert: per_resolution!(
            resolution,
            "insert into ",
            "request_stats",
            " as old (time, route, method, host_id, instance_id, requests, sum, min, max, sketch) "
        ),
        conflict: "
            on conflict (time, route, method, instance_id) do update set
                requests = excluded.requests, sum = excluded.sum, min = excluded.min,
                max = excluded.max, sketch = excluded.sketch
            where old.requests <= excluded.requests",
    }
}

pub(super) fn status_upsert(resolution: Resolution) -> Upsert {
    Upsert {
        insert: per_resolution!(
            resolution,
            "insert into ",
            "request_status",
            " as old (time, route, method, status, host_id, instance_id, count) "
        ),
        conflict: "
            on conflict (time, route, method, status, instance_id) do update set
                count = excluded.count
            where old.count <= excluded.count",
    }
}

/// Writes buckets inside a transaction; a macro because the bound types differ per engine.
macro_rules! upsert_buckets {
    ($tx:expr, $buckets:expr) => {{
        use $crate::request_stats::{ROWS, signed, stats_upsert, status_upsert};
        let buckets: &[::linux_api_wire::request_stats::RequestBucket] = $buckets;
        let times = buckets
            .iter()
            .map(|one| (one.resolution, one.resolution.start_of(one.time)));
        $tx.unmerge(&times.collect()).await?;
        for resolution in ::linux_api_wire::request_stats::Resolution::ALL {
            let of_table: Vec<_> = buckets
                .iter()
                .filter(|one| one.resolution == resolution)
                .collect();
            let upsert = stats_upsert(resolution);
            for rows in of_table.chunks(ROWS) {
                let mut query = sqlx::QueryBuilder::new(upsert.insert);
                query.push_values(rows, |mut row, one| {
                    row.push_bind($crate::codec::Db(one.time))
                        .push_bind(&*one.key.route)
                        .push_bind(one.key.method.as_str())
                        .push_bind(&*one.host_id)
                        .push_bind(&*one.instance_id)
                        .push_bind(signed(one.stats.requests))
                        .push_bind(one.stats.sum)
                        .push_bind(one.stats.min)
                        .push_bind(one.stats.max)
                        .push_bind(one.stats.sketch.encode());
                });
                query.push(upsert.conflict);
                $tx.execute_bulk(query.build(), rows.len() == ROWS).await?;
            }
            let statuses: Vec<_> = of_table
                .iter()
                .flat_map(|one| one.stats.statuses.iter().map(move |status| (*one, status)))
                .collect();
            let upsert = status_upsert(resolution);
            for rows in statuses.chunks(ROWS) {
                let mut query = sqlx::QueryBuilder::new(upsert.insert);
                query.push_values(rows, |mut row, (one, (status, count))| {
                    row.push_bind($crate::codec::Db(one.time))
                        .push_bind(&*one.key.route)
                        .push_bind(one.key.method.as_str())
                        .push_bind(i32::from(**status))
                        .push_bind(&*one.host_id)
                        .push_bind(&*one.instance_id)
                        .push_bind(signed(**count));
                });
                query.push(upsert.conflict);
                $tx.execute_bulk(query.build(), rows.len() == ROWS).await?;
            }
        }
    }};
}

pub(super) use {per_resolution, upsert_buckets};

/// Neither database has unsigned numbers.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
