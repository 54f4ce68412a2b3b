//! Work that one daemon among many does.

use crate::codec::Db;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::session::{Session, in_session};
use super::{Engine, Store, StoreError, in_write};
use linux_api_wire::time::Timestamp;

/// Starts the name of the lease that each daemon on PostgreSQL holds for as long as it lives.
const DAEMON: &str = "daemon:";
/// After how long a daemon that was killed counts as gone.
pub(super) const PRESENCE: Duration = Duration::from_mins(1);
/// A write of measurements renews the presence of its daemon from this age on: nearly free, and early
/// enough for two writes that fail.
const RENEWED_BY_FLUSH: Duration = Duration::from_secs(15);
/// From this age on it gets a transaction of its own, because no write of measurements renewed it.
const RENEWED_ALONE: Duration = Duration::from_secs(25);
/// No clock is trusted that is further off than this.
const DAY: Duration = Duration::from_hours(24);

/// Keeps or takes a lease that is there.
pub(super) const RENEW: &str = "
    update leases set holder = $2, expires_at = $3
    where name = $1 and (holder = $2 or expires_at <= $4 or expires_at > $5)";

pub(super) const HOLD: &str = "
    insert into leases (name, holder, expires_at) values ($1, $2, $3)
    on conflict (name) do update set
        holder = excluded.holder, expires_at = excluded.expires_at
    where leases.holder = excluded.holder or leases.expires_at <= $4
        or leases.expires_at > $5";

/// Takes or keeps a lease inside a transaction, and returns how many rows changed; a macro because the
/// bound types differ per engine. Most often it is kept, and an insertion that meets a row locks it first, which
/// goes to the server's log.
macro_rules! hold_lease {
    ($tx:expr, $name:expr, $holder:expr, $now:expr, $duration:expr) => {{
        use $crate::codec::Db;
        let (now, duration): (::linux_api_wire::time::Timestamp, ::std::time::Duration) =
            ($now, $duration);
        let (until, late) = (
            now.saturating_add(duration),
            now.saturating_add(duration * 2),
        );
        let statement = |sql| {
            let query = sqlx::query(sql).bind($name).bind($holder);
            query.bind(Db(until)).bind(Db(now)).bind(Db(late))
        };
        match $tx.execute(statement($crate::leases::RENEW)).await? {
            0 => $tx.execute(statement($crate::leases::HOLD)).await?,
            renewed => renewed,
        }
    }};
}

/// Renews the presence of a daemon inside a transaction.
macro_rules! renew_presence {
    ($tx:expr, $lease:expr, $now:expr) => {{
        let lease: &$crate::leases::PresenceLease = $lease;
        let duration = $crate::leases::PRESENCE;
        $crate::leases::hold_lease!($tx, &*lease.name, &*lease.holder, $now, duration)
    }};
}

pub(super) use {hold_lease, renew_presence};

/// The lease of a daemon that says that it lives.
#[derive(Debug, Clone)]
pub(super) struct PresenceLease {
    pub(super) name: Arc<str>,
    pub(super) holder: Arc<str>,
    /// When it was last written, by both clocks: neither may be trusted alone with a suspended machine or
    /// a step of the time.
    renewed: Option<(Timestamp, Instant)>,
}

impl PresenceLease {
    fn is_older(&self, age: Duration, now: Timestamp) -> bool {
        self.renewed
            .is_none_or(|(time, instant)| now.since(time).max(instant.elapsed()) >= age)
    }
}

/// The presence of the daemon that has this store open; none in a command.
#[derive(Debug, Default)]
pub(super) struct OwnPresence(Mutex<Option<PresenceLease>>);

impl OwnPresence {
    fn lock(&self) -> MutexGuard<'_, Option<PresenceLease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease, when a write of measurements should renew it.
    pub(super) fn due_with_flush(&self, now: Timestamp) -> Option<PresenceLease> {
        let lease = self.lock();
        let due = lease
            .as_ref()
            .filter(|one| one.is_older(RENEWED_BY_FLUSH, now));
        due.cloned()
    }

    pub(super) fn note_renewal(&self, now: Timestamp) {
        if let Some(lease) = &mut *self.lock() {
            lease.renewed = Some((now, Instant::now()));
        }
    }
}

impl Store {
    /// Takes or keeps the lease `name` for `holder`; `false` while another holds it.
    ///
    /// A row and not a lock of the session, because behind a pooler there is no session. The
    /// clocks of hosts may differ, so the work must stay right when two hold it for a moment. A lease
    /// that would last longer than any is taken for comes from a clock that was ahead.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn hold_lease(
        &self,
        name: &str,
        holder: &str,
        duration: Duration,
    ) -> Result<bool, StoreError> {
        let now = self.clock().now();
        let rows = in_write!(self, |tx| Ok(hold_lease!(tx, name, holder, now, duration)))?;
        Ok(rows == 1)
    }

    /// Gives a lease back, so that another need not wait for its end.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        const SQL: &str = "delete from leases where name = $1 and holder = $2";
        in_write!(self, |tx| {
            tx.execute(sqlx::query(SQL).bind(name).bind(holder)).await?;
            Ok(())
        })
    }

    /// Says that this daemon lives, for a minute, and has each [`Store::flush`] say so from then on; does
    /// nothing while one did lately. On SQLite the lock on the file says so.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn say_present(&self, instance_id: &str, host: &str) -> Result<(), StoreError> {
        if self.engine() != Engine::Postgres {
            return Ok(());
        }
        let now = self.clock().now();
        let lease = {
            let mut own = self.inner.presence.lock();
            let lease = own.get_or_insert_with(|| PresenceLease {
                name: format!("{DAEMON}{instance_id}").into(),
                holder: host.into(),
                renewed: None,
            });
            lease.clone()
        };
        if lease.is_older(RENEWED_ALONE, now) {
            in_write!(self, |tx| Ok(renew_presence!(tx, &lease, now)))?;
            self.inner.presence.note_renewal(now);
        }
        Ok(())
    }

    /// Removes the leases of daemons that were killed a day ago or earlier, and those with times in the
    /// future.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn forget_killed_daemons(&self) -> Result<(), StoreError> {
        const SQL: &str = "
            delete from leases
            where name like 'daemon:%' and (expires_at < $1 or expires_at > $2)";
        let now = self.clock().now();
        let (yesterday, tomorrow) = (now.saturating_sub(DAY), now.saturating_add(DAY));
        in_write!(self, |tx| {
            tx.execute(sqlx::query(SQL).bind(Db(yesterday)).bind(Db(tomorrow)))
                .await?;
            Ok(())
        })
    }

    /// Says that this daemon ends. It must come after the last [`Store::flush`].
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn say_gone(&self, instance_id: &str, host: &str) -> Result<(), StoreError> {
        if self.engine() == Engine::Postgres {
            *self.inner.presence.lock() = None;
            let name = format!("{DAEMON}{instance_id}");
            self.release_lease(&name, host).await?;
        }
        Ok(())
    }

    /// Refuses while a daemon lives on a PostgreSQL database.
    pub(super) async fn refuse_beside_daemons(&self) -> Result<(), StoreError> {
        if self.engine() == Engine::Postgres {
            let now = self.clock().now();
            let mut snapshot = self.snapshot().await?;
            snapshot.refuse_beside_daemons(now).await?;
            snapshot.rollback().await?;
        }
        Ok(())
    }
}

impl Session {
    /// Refuses while a daemon lives on the database.
    pub(super) async fn refuse_beside_daemons(&mut self, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "
            select holder, expires_at from leases
            where name like 'daemon:%' and expires_at > $1 and expires_at <= $2
            order by expires_at desc";
        if !self.has_table("leases").await? {
            return Ok(());
        }
        let found: Vec<(String, Db<Timestamp>)> = in_session!(self, |tx| tx
            .fetch_all(
                sqlx::query_as(SQL)
                    .bind(Db(now))
                    .bind(Db(now.saturating_add(DAY)))
            )
            .await?);
        let Some((_, last)) = found.first() else {
            return Ok(());
        };
        let mut hosts: Vec<&str> = found.iter().map(|(host, _)| host.as_str()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        // One that was killed could not say that it went.
        Err(StoreError::InUse(format!(
            "a daemon on {} uses the database (one that was killed is forgotten {} s from now)",
            hosts.join(", "),
            last.0.since(now).as_secs() + 1
        )))
    }
}
