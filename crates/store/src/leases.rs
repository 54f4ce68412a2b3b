//! Work that one daemon among many does.

use crate::codec::Db;
use std::time::Duration;

use super::session::{Session, in_session};
use super::{Engine, Store, StoreError, in_write};
use linux_api_wire::time::Timestamp;

/// Starts the name of the lease that each daemon on PostgreSQL holds for as long as it lives.
const DAEMON: &str = "daemon:";
/// After how long a daemon that was killed counts as gone.
const PRESENCE: Duration = Duration::from_mins(1);
/// No clock is trusted that is further off than this.
const DAY: Duration = Duration::from_hours(24);

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
        const SQL: &str = "
            insert into leases (name, holder, expires_at) values ($1, $2, $3)
            on conflict (name) do update set
                holder = excluded.holder, expires_at = excluded.expires_at
            where leases.holder = excluded.holder or leases.expires_at <= $4
                or leases.expires_at > $5";
        let now = self.clock().now();
        let expires_at = now.saturating_add(duration);
        let longest = now.saturating_add(duration * 2);
        let rows = in_write!(self, |tx| {
            let query = sqlx::query(SQL).bind(name).bind(holder);
            let query = query.bind(Db(expires_at)).bind(Db(now)).bind(Db(longest));
            Ok(tx.execute(query).await?)
        })?;
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

    /// Says that this daemon lives, for a minute. On SQLite the lock on the file says so.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn say_present(&self, instance_id: &str, host: &str) -> Result<(), StoreError> {
        if self.engine() == Engine::Postgres {
            let name = format!("{DAEMON}{instance_id}");
            self.hold_lease(&name, host, PRESENCE).await?;
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

    /// Says that this daemon ends.
    ///
    /// # Errors
    /// When the database can't be reached within the deadline.
    pub async fn say_gone(&self, instance_id: &str, host: &str) -> Result<(), StoreError> {
        if self.engine() == Engine::Postgres {
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
