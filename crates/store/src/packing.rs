//! Packing what no daemon packs for itself: minutes of hosts that are down, and rows of earlier programs.
//!
//! Each call is one short transaction that a kill takes back as a whole.

use super::host_minutes::{self, lock_host, merge_hours, pack_host, put_below};
use super::{Engine, Store, StoreError, in_write, on_read};
use crate::codec::Db;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;
use std::collections::BTreeMap;

/// Hosts of which one transaction packs an hour. SQLite has one writer, which others wait for.
const HOSTS_POSTGRES: i64 = 10;
const HOSTS_SQLITE: i64 = 1;

const LEFT: &str = "
    select distinct host_id from host_minutes where time < $1 order by host_id limit $2";
const NEXT_OLD: &str = "
    select series_id, time from host_samples_old where (series_id, time) > ($1, $2)
    order by series_id, time limit 1";
const HOST_OF_SERIES: &str = "select host_id from host_series where id = $1";
const TAKE_DAY: &str = "
    delete from host_samples_old where series_id = $1 and time >= $2 and time < $3
    returning series_id, time, samples, mean, max";

/// Up to where rows of earlier programs are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldRowsPosition {
    series: i64,
    time: Timestamp,
}

impl OldRowsPosition {
    /// Before all of them.
    pub const START: Self = Self {
        series: i64::MIN,
        time: Timestamp::from_millis(-62_135_596_800_000),
    };
}

impl Store {
    /// Packs an hour of some hosts that should have done it themselves; 0 when there is none.
    ///
    /// # Errors
    /// When the database fails; then nothing was packed.
    pub async fn pack_left_minutes(&self) -> Result<u64, StoreError> {
        let before = host_minutes::left_before(self.clock().now());
        let engine = self.engine();
        let most = match engine {
            Engine::Sqlite => HOSTS_SQLITE,
            Engine::Postgres => HOSTS_POSTGRES,
        };
        let hosts: Vec<(String,)> = on_read!(self, |tx| Ok(tx
            .fetch_all(sqlx::query_as(LEFT).bind(Db(before)).bind(most))
            .await?))?;
        if hosts.is_empty() {
            return Ok(0);
        }
        in_write!(self, |tx| {
            let mut packed = 0;
            for (host,) in &hosts {
                packed += u64::from(pack_host!(tx, engine, host, before, 1));
            }
            Ok(packed)
        })
    }

    /// Packs rows that an earlier program wrote: a day of one series, the next after a position. Returns
    /// the position behind them; nothing when there are none after `after`.
    ///
    /// # Errors
    /// When the database fails; then nothing was packed.
    pub async fn pack_old_rows(
        &self,
        after: OldRowsPosition,
    ) -> Result<Option<OldRowsPosition>, StoreError> {
        let engine = self.engine();
        let next = next_old_row(self, after).await?;
        let Some((series, Db(time))) = next else {
            return Ok(None);
        };
        let day = Resolution::Day.start_of(time);
        let end = day.saturating_add(Resolution::Day.length());
        in_write!(self, |tx| {
            let query = sqlx::query_as(HOST_OF_SERIES).bind(series);
            let host: Option<(String,)> = tx.fetch_optional(query).await?;
            if let Some((host,)) = &host {
                lock_host!(tx, engine, host);
            }
            let take = sqlx::query_as(TAKE_DAY).bind(series);
            let rows = tx.fetch_all(take.bind(Db(day)).bind(Db(end))).await?;
            let mut hours = BTreeMap::new();
            put_below(&mut hours, rows);
            // The program that wrote the rows has summed them up.
            merge_hours!(tx, hours, false);
            Ok(())
        })?;
        Ok(Some(OldRowsPosition {
            series,
            time: Timestamp::from_millis(end.as_millis().saturating_sub(1)),
        }))
    }
}

async fn next_old_row(
    store: &Store,
    after: OldRowsPosition,
) -> Result<Option<(i64, Db<Timestamp>)>, StoreError> {
    on_read!(store, |tx| {
        let query = sqlx::query_as(NEXT_OLD).bind(after.series);
        Ok(tx.fetch_optional(query.bind(Db(after.time))).await?)
    })
}
