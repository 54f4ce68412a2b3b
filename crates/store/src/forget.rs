//! Forgetting a host that is gone for good.
//!
//! The host leaves the list in one transaction, which also notes in `forgotten_hosts` that its
//! samples and statistics are to go. These may be millions of rows: they go a little at a time, by the
//! daemon that cleans up or by a command, and one that is interrupted leaves the note to the next.
//!
//! A daemon of that host may come back at any moment. What it writes from then on stays, and its row in
//! `hosts` shows that it is back: each step holds that row, or its place, until it commits.

use serde::{Deserialize, Serialize};

use super::audit::Entry;
use super::change::act;
use super::host_minutes::lock_host;
use super::hosts::{Row, host_columns};
use super::retention::{BATCH, FIRST, SERIES, SampleStatements, WIDE_BATCH, samples};
use super::series_ends::{HOLD_PLACE, LEAVE_PLACE, no_samples};
use super::{Refusal, Store, StoreError, in_write, on_read};
use crate::codec::Db;
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::fleet::{AHEAD_MAX, HostRow, LATE_FOR};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// How many rows of all hosts one step looks through for those of one: statistics are sorted by time.
const LOOKED_THROUGH: i64 = 10_000;
/// The latest time that a row can have: what a wrong clock wrote goes too.
const END: Timestamp = Timestamp::from_millis(253_402_300_799_999);
/// No presence is believed that lasts longer.
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

const FIND: &str = concat!("select ", host_columns!(), " from hosts where id = $1");
/// Waits for a daemon that writes this row at the moment, and then looks at what it wrote.
const DELETE: &str = "delete from hosts where id = $1 and (last_seen < $2 or last_seen > $3)";
const IS_PRESENT: &str = "
    select count(*) from leases where name = $1 and expires_at > $2 and expires_at <= $3";
const LEAVE: &str = "delete from leases where name = $1";
const DELETE_BRAKE: &str = "delete from alert_brakes where host_id = $1";
const PUT_NOTE: &str = "
    insert into forgotten_hosts (host_id, note) values ($1, $2)
    on conflict (host_id) do update set note = excluded.note";
const NOTES: &str = "select host_id, note from forgotten_hosts order by host_id limit 1";
const DELETE_NOTE: &str = "delete from forgotten_hosts where host_id = $1";
const SERIES_LEFT: &str = concat!(
    "delete from host_series where id in (
        select s.id from host_series s where s.host_id = $1
            and not exists (select 1 from host_minutes t where t.host_id = s.host_id) and ",
    no_samples!(),
    " limit $2)"
);

/// The time of the row that ends the oldest batch of minutes that are not packed.
const MINUTES_BOUNDARY: &str = "
    select time from host_minutes where host_id = $1 and time < $2 order by time limit 1 offset $3";
const DELETE_MINUTES: &str = "delete from host_minutes where host_id = $1 and time <= $2";

/// What is left to do for a host, as its note has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// When it was forgotten, in milliseconds: what a daemon that came back wrote since then stays.
    until: i64,
    /// How many tables of statistics are done.
    tables: usize,
    /// Up to where the next one is, in milliseconds.
    from: i64,
}

/// How far a step of [`Store::remove_forgotten`] got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovalStep {
    /// Rows that it deleted.
    pub deleted: u64,
    /// Whether there is more to do.
    pub is_more: bool,
}

impl Store {
    /// Forgets a host that is down: takes it off the list, with an audit row. Its samples and
    /// statistics go by [`Store::remove_forgotten`], of which a daemon on the same database takes care.
    ///
    /// # Errors
    /// [`Refusal::HostNotFound`], [`Refusal::HostAlive`], [`Refusal::HostsExceeded`] when the actor is
    /// limited to others, a refusal of the actor, or when the database fails.
    pub async fn forget_host(&self, actor: &Actor, id: &str) -> Result<HostRow, StoreError> {
        let entry = Entry {
            origin: &actor.origin,
            action: Action::HostForget,
            target: format!("host:{id}"),
            detail: String::new(),
        };
        act!(self, actor, entry, |tx, now, rights| {
            let row: Option<Row> = tx.fetch_optional(sqlx::query_as(FIND).bind(id)).await?;
            let host = HostRow::try_from(row.ok_or(Refusal::HostNotFound)?)?;
            if !rights.hosts.matches(&host.labels) {
                return Err(Refusal::HostsExceeded.into());
            }
            let presence = format!("daemon:{}", host.instance_id);
            let query = sqlx::query_scalar(IS_PRESENT).bind(presence.as_str());
            let query = query.bind(Db(now)).bind(Db(now.saturating_add(DAY)));
            let present: i64 = tx.fetch_scalar(query).await?;
            let query = sqlx::query(DELETE).bind(id);
            let query = query.bind(Db(now.saturating_sub(LATE_FOR)));
            let query = query.bind(Db(now.saturating_add(AHEAD_MAX)));
            if present > 0 || tx.execute(query).await? == 0 {
                return Err(Refusal::HostAlive.into());
            }
            tx.execute(sqlx::query(LEAVE).bind(presence)).await?;
            tx.execute(sqlx::query(DELETE_BRAKE).bind(id)).await?;
            let note = Note {
                until: now.as_millis(),
                tables: 0,
                from: i64::MIN,
            };
            tx.execute(sqlx::query(PUT_NOTE).bind(id).bind(note.text()))
                .await?;
            let detail = format!("{}, last seen {}", host.name, host.last_seen);
            (host, Some((format!("host:{id}"), detail)))
        })
    }

    /// Deletes some of the samples and statistics of hosts that were forgotten, in one short
    /// transaction. Without `with_statistics` those stay until they are too old: of TimescaleDB's chunks
    /// that are compressed, deleting the rows of one host would unpack all.
    ///
    /// # Errors
    /// When the database fails; what earlier calls deleted stays deleted.
    pub async fn remove_forgotten(&self, with_statistics: bool) -> Result<RemovalStep, StoreError> {
        let found: Option<(String, String)> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(NOTES))
            .await?))?;
        let Some((host, text)) = found else {
            return Ok(RemovalStep {
                deleted: 0,
                is_more: false,
            });
        };
        let host = host.as_str();
        let note = Note::parse(&text)?;
        let deleted = self.remove_minutes(host, note).await?;
        if deleted > 0 {
            return Ok(RemovalStep {
                deleted,
                is_more: true,
            });
        }
        for sql in Resolution::ALL.into_iter().flat_map(samples) {
            if let Some(deleted) = self.remove_samples(host, note, sql).await? {
                return Ok(RemovalStep {
                    deleted,
                    is_more: true,
                });
            }
        }
        let deleted = self.remove_series(host).await?;
        if deleted > 0 {
            return Ok(RemovalStep {
                deleted,
                is_more: true,
            });
        }
        let mut tables = STATISTICS.iter().skip(note.tables);
        if let Some(table) = tables.next().filter(|_| with_statistics) {
            let deleted = self.remove_statistics(host, note, table).await?;
            return Ok(RemovalStep {
                deleted,
                is_more: true,
            });
        }
        in_write!(self, |tx| {
            tx.execute(sqlx::query(DELETE_NOTE).bind(host)).await?;
            Ok(())
        })?;
        // There may be other hosts.
        Ok(RemovalStep {
            deleted: 0,
            is_more: true,
        })
    }

    /// Deletes the oldest minutes that are not packed.
    async fn remove_minutes(&self, host: &str, note: Note) -> Result<u64, StoreError> {
        let (now, engine) = (self.clock().now(), self.engine());
        in_write!(self, |tx| {
            let held = tx
                .execute(sqlx::query(HOLD_PLACE).bind(host).bind(Db(now)))
                .await?;
            lock_host!(tx, engine, host);
            let cutoff = note.cutoff(held);
            let query = sqlx::query_as(MINUTES_BOUNDARY).bind(host).bind(Db(cutoff));
            let end: Option<(Db<Timestamp>,)> = tx.fetch_optional(query.bind(WIDE_BATCH)).await?;
            let last = end.map_or(before(cutoff), |(time,)| time.0);
            let query = sqlx::query(DELETE_MINUTES).bind(host).bind(Db(last));
            let deleted = tx.execute(query).await?;
            if held > 0 {
                tx.execute(sqlx::query(LEAVE_PLACE).bind(host)).await?;
            }
            Ok(deleted)
        })
    }

    /// Deletes the oldest samples of some series, `None` when there are none to delete.
    async fn remove_samples(
        &self,
        host: &str,
        note: Note,
        sql: &SampleStatements,
    ) -> Result<Option<u64>, StoreError> {
        let (now, engine) = (self.clock().now(), self.engine());
        in_write!(self, |tx| {
            let held = tx
                .execute(sqlx::query(HOLD_PLACE).bind(host).bind(Db(now)))
                .await?;
            lock_host!(tx, engine, host);
            let cutoff = sql.cutoff(note.cutoff(held));
            let query = sqlx::query_as(sql.series_of_host).bind(host);
            let query = query.bind(Db(cutoff)).bind(SERIES);
            let found: Vec<(i64,)> = tx.fetch_all(query).await?;
            let each = sql.each(found.len());
            let mut deleted = 0;
            for (id,) in &found {
                let query = sqlx::query_as(sql.boundary).bind(*id).bind(Db(cutoff));
                let end: Option<(Db<Timestamp>,)> = tx.fetch_optional(query.bind(each)).await?;
                let last = end.map_or(before(cutoff), |(time,)| time.0);
                let query = sqlx::query(sql.delete).bind(*id).bind(Db(last));
                deleted += tx.execute(query).await?;
            }
            if held > 0 {
                tx.execute(sqlx::query(LEAVE_PLACE).bind(host)).await?;
            }
            Ok((!found.is_empty()).then_some(deleted))
        })
    }

    /// Deletes some series without samples, unless the host is back and may just begin to use them.
    async fn remove_series(&self, host: &str) -> Result<u64, StoreError> {
        let (now, engine) = (self.clock().now(), self.engine());
        in_write!(self, |tx| {
            let query = sqlx::query(HOLD_PLACE).bind(host).bind(Db(now));
            if tx.execute(query).await? == 0 {
                return Ok(0);
            }
            lock_host!(tx, engine, host);
            let query = sqlx::query(SERIES_LEFT).bind(host).bind(BATCH);
            let deleted = tx.execute(query).await?;
            tx.execute(sqlx::query(LEAVE_PLACE).bind(host)).await?;
            Ok(deleted)
        })
    }

    /// Deletes the host's rows among the next few thousand of a table, and notes how far that went.
    async fn remove_statistics(
        &self,
        host: &str,
        note: Note,
        table: &Statements,
    ) -> Result<u64, StoreError> {
        let from = Timestamp::from_millis(note.from.max(FIRST.as_millis()));
        let now = self.clock().now();
        in_write!(self, |tx| {
            let held = tx
                .execute(sqlx::query(HOLD_PLACE).bind(host).bind(Db(now)))
                .await?;
            let cutoff = note.cutoff(held);
            let query = sqlx::query_as(table.boundary).bind(Db(from));
            let query = query.bind(Db(cutoff)).bind(LOOKED_THROUGH);
            let end: Option<(Db<Timestamp>,)> = tx.fetch_optional(query).await?;
            let last = end.map_or(before(cutoff), |(time,)| time.0);
            let query = sqlx::query(table.delete).bind(Db(from)).bind(Db(last));
            let deleted = tx.execute(query.bind(host)).await?;
            if deleted > 0 {
                tx.unmerge_between(table.resolution, from, last).await?;
            }
            let next = match end {
                Some(_) => Note {
                    from: last.as_millis().saturating_add(1),
                    ..note
                },
                None => Note {
                    tables: note.tables + 1,
                    from: i64::MIN,
                    ..note
                },
            };
            let query = sqlx::query(PUT_NOTE).bind(host);
            tx.execute(query.bind(next.text())).await?;
            if held > 0 {
                tx.execute(sqlx::query(LEAVE_PLACE).bind(host)).await?;
            }
            Ok(deleted)
        })
    }
}

fn before(cutoff: Timestamp) -> Timestamp {
    Timestamp::from_millis(cutoff.as_millis().saturating_sub(1))
}

impl Note {
    fn text(self) -> String {
        // Three numbers are always an object.
        serde_json::to_string(&self).unwrap_or_default()
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text).map_err(|_| StoreError::Corrupt {
            table: "forgotten_hosts",
            column: "note",
        })
    }

    /// What begins before this goes; `held` is how many places were taken, 0 when the host is back.
    fn cutoff(self, held: u64) -> Timestamp {
        if held > 0 {
            END
        } else {
            Timestamp::from_millis(self.until)
        }
    }
}

/// The statements for one table of statistics.
struct Statements {
    /// Of which buckets.
    resolution: Resolution,
    /// The time of the row that ends the next few thousand of all hosts.
    boundary: &'static str,
    delete: &'static str,
}

macro_rules! statements {
    ($($resolution:ident $table:literal),*) => {
        [$(Statements {
            resolution: Resolution::$resolution,
            boundary: concat!(
                "select time from ", $table,
                " where time >= $1 and time < $2 order by time limit 1 offset $3"
            ),
            delete: concat!(
                "delete from ", $table, " where time >= $1 and time <= $2 and host_id = $3"
            ),
        }),*]
    };
}

const STATISTICS: [Statements; 6] = statements!(
    Day "request_stats_daily",
    Day "request_status_daily",
    Hour "request_stats_hourly",
    Hour "request_status_hourly",
    Minute "request_stats",
    Minute "request_status"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merged::Source;

    #[test]
    fn every_table_of_statistics_is_among_those_that_lose_a_host() {
        for resolution in Resolution::ALL {
            let (durations, statuses) = Source::Rows.tables(resolution);
            for table in [durations, statuses] {
                let delete = format!("delete from {table} ");
                let mut all = STATISTICS.iter().filter(|one| one.resolution == resolution);
                let found = all.any(|one| one.delete.starts_with(&delete));
                assert!(found, "{table}");
            }
        }
    }
}
