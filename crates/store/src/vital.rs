//! The two settings that every daemon has to know at any time: whether users and keys changed, and
//! whether it may still use the schema.

use sqlx::Row as _;

use super::migrations::SchemaError;
use super::pools::Pool;
use super::{Store, StoreError};

// The mark keeps a query-caching proxy from repeating an old revision.
const SQLITE: &str = "\
    select name, value from settings where name in ('auth_revision', 'min_compatible')";
// The schema's name, because a pooler's session may have another search path.
const POSTGRES: &str = "/*NO QUERY CACHE*/ select name, value from linux_api.settings \
    where name in ('auth_revision', 'min_compatible')";

/// The same inside a transaction that is open anyway, with the holder of the lease of alerts where it lasts beyond $1
/// and ends by $2.
pub(super) const IN_TRANSACTION: &str = "\
    /*NO QUERY CACHE*/ select name, value from settings \
    where name in ('auth_revision', 'min_compatible') \
    union all select name, holder from leases \
    where name = 'alerts' and expires_at > $1 and expires_at <= $2";

/// Settings that decide whether the rest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VitalSettings {
    /// Grows with each change of users and keys.
    pub(super) auth_revision: i64,
    /// Oldest revision that a program must know to use the database.
    pub(super) min_compatible: i64,
}

impl VitalSettings {
    /// Reads them from rows of `settings`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when one is missing or no number.
    pub(super) fn of(rows: &[(String, String)]) -> Result<Self, StoreError> {
        let find = |name: &'static str| {
            let found = rows.iter().find(|(found, _)| found == name);
            found
                .and_then(|(_, value)| value.parse().ok())
                .ok_or(StoreError::Corrupt {
                    table: "settings",
                    column: name,
                })
        };
        Ok(Self {
            auth_revision: find("auth_revision")?,
            min_compatible: find("min_compatible")?,
        })
    }

    /// Whether a program that knows the schema up to `known` may use the database.
    ///
    /// # Errors
    /// [`SchemaError::TooNew`].
    pub(super) fn check(self, known: i64) -> Result<(), SchemaError> {
        if self.min_compatible <= known {
            return Ok(());
        }
        Err(SchemaError::TooNew {
            found: self.min_compatible,
            known,
            min_compatible: self.min_compatible,
        })
    }
}

impl Store {
    /// On PostgreSQL by the simple protocol: one message and one round trip, which a
    /// transaction-pooling proxy can give to any of its connections.
    pub(super) async fn read_vital_settings(&self) -> Result<Vec<(String, String)>, StoreError> {
        match &*self.pool()? {
            Pool::Sqlite(files) => {
                let mut connection = files.reader.acquire().await?;
                let rows = sqlx::query_as(SQLITE).fetch_all(&mut *connection).await?;
                Ok(rows)
            }
            Pool::Postgres(pools) => {
                let mut held = self.hold_postgres(pools).await?;
                let rows = sqlx::raw_sql(POSTGRES).fetch_all(&mut *held).await?;
                held.settle();
                let pair = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
                Ok(rows.iter().map(pair).collect::<Result<_, sqlx::Error>>()?)
            }
        }
    }
}
