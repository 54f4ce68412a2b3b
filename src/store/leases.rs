//! Work that one daemon among many does.

use std::time::Duration;

use super::{Store, StoreError, in_write};

impl Store {
    /// Takes or keeps the lease `name` for `holder`; `false` while another holds it.
    ///
    /// A row and not a lock of the session, because behind a pooler there is no session. The
    /// clocks of hosts may differ, so the work must stay right when two hold it for a moment.
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
            where leases.holder = excluded.holder or leases.expires_at <= $4";
        let now = self.clock().now();
        let expires_at = now.saturating_add(duration);
        let rows = in_write!(self, |tx| {
            let query = sqlx::query(SQL).bind(name).bind(holder);
            Ok(tx.execute(query.bind(expires_at).bind(now)).await?)
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
}
