//! Notices that wait, and the messages that they become part of.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use linux_api_alerts::name::Name;
use linux_api_alerts::notice::Notice;
use linux_api_alerts::plan::{Bundle, GroupKey, Plan};
use linux_api_wire::time::Timestamp;
use tokio::time::Instant;

use super::{read, stored};
use crate::codec::Db;
use crate::leases::hold_lease;
use crate::{Store, StoreError, in_write, on_read};

/// The lease of the daemon that groups and sends for all.
pub const LEASE: &str = "alerts";
/// How long the lease lasts: when its holder is killed, another one sends within 90 seconds.
pub const LEASE_TIME: Duration = Duration::from_mins(1);

/// For how long a daemon believes a flush that another one has the lease: a flush and a half.
const SEEN_FOR: Duration = Duration::from_secs(15);

/// A lease that ends later comes from a clock that was ahead, and counts for nothing.
pub(crate) fn latest_end(now: Timestamp) -> Timestamp {
    now.saturating_add(LEASE_TIME * 2)
}

/// Whether a holder lets one have the lease that can send, or that can't.
fn yields(holder: &str, sends: bool) -> bool {
    sends && holder.starts_with("show:")
}

/// Who had the lease when a flush last looked, by both clocks: neither may be trusted alone with a suspended machine.
#[derive(Debug, Default)]
pub(crate) struct SeenLeader(Mutex<Option<(String, Timestamp, Instant)>>);

impl SeenLeader {
    /// Notes who has it.
    pub(crate) fn note(&self, holder: Option<String>, now: Timestamp) {
        *self.lock() = holder.map(|holder| (holder, now, Instant::now()));
    }

    /// Whether another one has it, as far as that was seen not long ago.
    fn is_other(&self, own: &str, sends: bool, now: Timestamp) -> bool {
        self.lock().as_ref().is_some_and(|(holder, time, instant)| {
            let age = now.since(*time).max(instant.elapsed());
            age < SEEN_FOR && holder != own && !yields(holder, sends)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<(String, Timestamp, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const WAITING: &str = "\
    /*NO QUERY CACHE*/ select notice from alert_notices
    where state = 'waiting' order by time, id limit $1";
const GROUPS: &str = "\
    /*NO QUERY CACHE*/ select group_key, max(made_at) from alert_messages
    where made_at > $1 group by group_key";
const TAKE: &str = "
    update alert_notices set state = 'sent', message_id = $2 where id = $1 and state = 'waiting'";
const GIVE: &str = "
    update alert_notices set state = 'waiting', message_id = null where message_id = $1";
const HOLDER: &str = "select holder, expires_at from leases where name = $1";
/// A daemon that can send takes the lease from one that can't.
const YIELD: &str = "delete from leases where name = $1 and holder like 'show:%'";
const RELEASE: &str = "delete from leases where name = $1 and holder = $2";
const DROP_OLD: &str = "
    update alert_notices set state = 'dropped' where state = 'waiting' and time < $1";
const DROP: &str = "update alert_notices set state = 'dropped' where id = $1 and state = 'waiting'";
const COUNT_MESSAGES: &str = "/*NO QUERY CACHE*/ select count(*) from alert_messages where id = $1";
const MESSAGE: &str = "
    insert into alert_messages (id, made_at, group_key, message) values ($1, $2, $3, $4)
    on conflict (id) do nothing";
const DELIVERY: &str = "
    insert into alert_deliveries (message_id, channel, state, attempts, next_attempt, updated_at)
    values ($1, $2, 'waiting', 0, $3, $3) on conflict do nothing";

/// A message of a plan with the channels that it goes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// What is sent.
    pub bundle: Bundle,
    /// Where to: those of the rule, or all that there are.
    pub channels: Vec<Name>,
}

/// What became of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planned {
    /// It is stored: so many messages are on their way.
    Stored(usize),
    /// Another daemon sends now, and nothing is stored.
    NotLeader,
}

impl Store {
    /// Takes or keeps the lease of the daemon that judges the fleet and sends; `false` while another one has it.
    ///
    /// `holder` begins with `send:` or `show:`. One that can't send, because it has no channels or can't read their
    /// secrets, judges the fleet only as long as no other one can: it yields at once.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn hold_alert_lease(&self, holder: &str, sends: bool) -> Result<bool, StoreError> {
        let now = self.clock().now();
        // Most daemons never get it, and each of them tries again and again: flushes have looked for them, else they
        // only look.
        if self.inner.alert_leader.is_other(holder, sends, now) {
            return Ok(false);
        }
        let found: Option<(String, Db<Timestamp>)> = on_read!(self, |tx| {
            Ok(tx
                .fetch_optional(sqlx::query_as(HOLDER).bind(LEASE))
                .await?)
        })?;
        let late = latest_end(now);
        let is_taken = |(other, until): &(String, Db<Timestamp>)| {
            other != holder && !yields(other, sends) && until.0 > now && until.0 <= late
        };
        if found.as_ref().is_some_and(is_taken) {
            return Ok(false);
        }
        in_write!(self, |tx| {
            if sends {
                tx.execute(sqlx::query(YIELD).bind(LEASE)).await?;
            }
            Ok(hold_lease!(tx, LEASE, holder, now, LEASE_TIME) == 1)
        })
    }

    /// Gives the lease back, so that another daemon need not wait for its end.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn release_alert_lease(&self, holder: &str) -> Result<(), StoreError> {
        in_write!(self, |tx| {
            tx.execute(sqlx::query(RELEASE).bind(LEASE).bind(holder))
                .await?;
            Ok(())
        })
    }

    /// Takes notices of before a time off the queue: no daemon could send them. Returns how many.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn drop_unsent_notices(&self, before: Timestamp) -> Result<u64, StoreError> {
        in_write!(self, |tx| {
            Ok(tx.execute(sqlx::query(DROP_OLD).bind(Db(before))).await?)
        })
    }

    /// The notices that wait, the oldest first.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn waiting_notices(&self, limit: u32) -> Result<Vec<Notice>, StoreError> {
        let rows: Vec<(String,)> = on_read!(self, |tx| {
            let query = sqlx::query_as(WAITING).bind(i64::from(limit));
            Ok(tx.fetch_all(query).await?)
        })?;
        let rows = rows.into_iter();
        rows.map(|(notice,)| read("alert_notices", "notice", &notice))
            .collect()
    }

    /// When a message of each group was made last, after a time.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline, or a row can't be read.
    pub async fn alert_groups(
        &self,
        after: Timestamp,
    ) -> Result<BTreeMap<GroupKey, Timestamp>, StoreError> {
        let rows: Vec<(String, Db<Timestamp>)> = on_read!(self, |tx| {
            let query = sqlx::query_as(GROUPS).bind(Db(after));
            Ok(tx.fetch_all(query).await?)
        })?;
        let rows = rows.into_iter();
        rows.map(|(key, made_at)| Ok((read("alert_messages", "group_key", &key)?, made_at.0)))
            .collect()
    }

    /// Stores the messages of a plan with their deliveries and takes their notices off the queue, and those that
    /// need not be sent; only while `holder` has the lease, which is renewed by it.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn store_plan(
        &self,
        holder: &str,
        plan: &Plan,
        outgoing: &[Outgoing],
    ) -> Result<Planned, StoreError> {
        in_write!(self, |tx| {
            let now = self.clock().now();
            if hold_lease!(tx, LEASE, holder, now, LEASE_TIME) == 0 {
                return Ok(Planned::NotLeader);
            }
            let mut made = 0;
            for Outgoing { bundle, channels } in outgoing {
                let id = bundle.id.to_string();
                let query = sqlx::query_scalar(COUNT_MESSAGES).bind(id.as_str());
                let stored_before: i64 = tx.fetch_scalar(query).await?;
                if stored_before > 0 {
                    // By a transaction whose end was not seen: its notices stay taken.
                    continue;
                }
                let mut taken = 0;
                for notice in &bundle.covers {
                    let query = sqlx::query(TAKE).bind(notice.to_string());
                    taken += tx.execute(query.bind(id.as_str())).await?;
                }
                if usize::try_from(taken) != Ok(bundle.covers.len()) {
                    // One of them was sent meanwhile: what is left is planned again.
                    tx.execute(sqlx::query(GIVE).bind(id.as_str())).await?;
                    continue;
                }
                let query = sqlx::query(MESSAGE)
                    .bind(id.as_str())
                    .bind(Db(now))
                    .bind(stored("alert_messages", "group_key", &bundle.key)?)
                    .bind(stored("alert_messages", "message", bundle)?);
                tx.execute(query).await?;
                for channel in channels {
                    let query = sqlx::query(DELIVERY)
                        .bind(id.as_str())
                        .bind(channel.as_str())
                        .bind(Db(now));
                    tx.execute(query).await?;
                }
                made += 1;
            }
            for notice in &plan.dropped {
                tx.execute(sqlx::query(DROP).bind(notice.to_string()))
                    .await?;
            }
            Ok(Planned::Stored(made))
        })
    }
}
