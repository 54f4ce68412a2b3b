//! Series that end: a container has some for as long as it lives.
//!
//! `host_series.last_day` is the last day on which a series had a sample. It changes once a day and
//! series, so it costs next to nothing, and sets those that may have samples of a time apart from the many
//! that ended before. A series is deleted when retention has deleted the last of its rows.

use super::retention::BATCH;
use super::{Store, StoreError, in_write, on_read};
use crate::codec::Db;
use linux_api_wire::fleet::HostSample;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;
use std::collections::BTreeMap;

/// That a series `s` has no samples of any resolution, but for minutes that are not packed, which are
/// those of a host: what holds for a series that may be deleted.
macro_rules! no_samples {
    () => {
        "not exists (select 1 from host_samples_daily t where t.series_id = s.id)
            and not exists (select 1 from host_samples_hourly t where t.series_id = s.id)
            and not exists (select 1 from host_hours t where t.series_id = s.id)
            and not exists (select 1 from host_samples_old t where t.series_id = s.id)"
    };
}
pub(super) use no_samples;

/// That the host of a series `s` has no minutes before a day that are not packed.
macro_rules! no_minutes_before {
    () => {
        "not exists (select 1 from host_minutes t where t.host_id = s.host_id and t.time < $1)"
    };
}

/// Holds the row of a host until the transaction ends, as each writer of its samples does; nothing
/// when it is not there.
pub(super) const HOLD: &str = "update hosts set id = id where id = $1";
/// Takes the place of a host that is not there until the transaction ends; nothing when it is there. A
/// daemon that writes its row at the moment is waited for, and one that begins to waits.
pub(super) const HOLD_PLACE: &str = "
    insert into hosts (id, name, labels, version, instance_id, first_seen, last_seen)
    values ($1, '', '{}', '', '', $2, $2) on conflict (id) do nothing";
pub(super) const LEAVE_PLACE: &str = "delete from hosts where id = $1";

pub(super) const TOUCH: &str = "update host_series set last_day = ";

/// A host of which some series have ended and have no samples left.
const HOST: &str = concat!(
    "select s.host_id from host_series s where s.last_day < $1 and ",
    no_minutes_before!(),
    " and ",
    no_samples!(),
    " limit 1"
);
const DELETE: &str = concat!(
    "delete from host_series where id in (
        select s.id from host_series s where s.last_day < $1 and s.host_id = $2 and ",
    no_minutes_before!(),
    " and ",
    no_samples!(),
    " limit $3)"
);

/// The last day of each series among samples.
pub(super) fn last_days(samples: &[HostSample]) -> BTreeMap<(&str, &str), Timestamp> {
    let mut days = BTreeMap::new();
    for one in samples {
        let day = Resolution::Day.start_of(one.time);
        let key = (one.name.as_str(), one.labels.as_str());
        let known = days.entry(key).or_insert(day);
        *known = day.max(*known);
    }
    days
}

/// Notes the last day of series whose samples were written, in the same transaction; `$known` are pairs
/// of a series' id and the later day that is to be noted.
macro_rules! touch_series {
    ($tx:expr, $days:expr) => {{
        let days: ::std::collections::BTreeMap<::linux_api_wire::time::Timestamp, Vec<i64>> = $days;
        for (day, ids) in days {
            for ids in ids.chunks($crate::request_stats::ROWS) {
                let mut query = sqlx::QueryBuilder::new($crate::series_ends::TOUCH);
                query
                    .push_bind($crate::codec::Db(day))
                    .push(" where id in (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(*id);
                }
                query.push(")");
                $tx.execute_bulk(query.build(), false).await?;
            }
        }
    }};
}
pub(super) use touch_series;

impl Store {
    /// Deletes some of the series of one host that ended before a time and of which no sample is left,
    /// in one short transaction. Zero when there are none.
    ///
    /// # Errors
    /// When the database fails; what earlier calls deleted stays deleted.
    pub async fn delete_ended_series(&self, cutoff: Timestamp) -> Result<u64, StoreError> {
        // The last day of such a series is over before it.
        let cutoff = Resolution::Day.start_of(cutoff);
        let found: Option<(String,)> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(HOST).bind(Db(cutoff)))
            .await?))?;
        let Some((host,)) = found else {
            return Ok(0);
        };
        let now = self.clock().now();
        in_write!(self, |tx| {
            // A daemon that begins to write such a series at the moment has it before or after this.
            let mut placed = 0;
            if tx.execute(sqlx::query(HOLD).bind(host.as_str())).await? == 0 {
                let query = sqlx::query(HOLD_PLACE).bind(host.as_str()).bind(Db(now));
                placed = tx.execute(query).await?;
            }
            let query = sqlx::query(DELETE).bind(Db(cutoff)).bind(host.as_str());
            let deleted = tx.execute(query.bind(BATCH)).await?;
            if placed > 0 {
                tx.execute(sqlx::query(LEAVE_PLACE).bind(host.as_str()))
                    .await?;
            }
            Ok(deleted)
        })
    }
}
