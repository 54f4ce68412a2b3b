//! What the database is.

use crate::codec::Db;
use std::fmt::Write as _;

use secrecy::ExposeSecret as _;
use sha2::{Digest, Sha256};

use super::{Engine, Store, StoreError, on_read};
use linux_api_wire::time::Timestamp;

/// Versions of the engine and its extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Version of SQLite or of the PostgreSQL server.
    pub version: String,
    /// Version of TimescaleDB, where the database uses it.
    pub timescaledb: Option<String>,
}

impl Store {
    /// Queries the versions of the database.
    ///
    /// # Errors
    /// When it can't be reached within the deadline.
    pub async fn describe(&self) -> Result<Description, StoreError> {
        const SQLITE: &str = "select sqlite_version(), cast(null as text)";
        const POSTGRES: &str = "
            select current_setting('server_version'),
                (select extversion from pg_extension where extname = 'timescaledb')";
        let sql = match self.engine() {
            Engine::Sqlite => SQLITE,
            Engine::Postgres => POSTGRES,
        };
        let found: Option<(String, Option<String>)> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(sql))
            .await?))?;
        let (version, timescaledb) = found.unwrap_or_default();
        Ok(Description {
            version,
            timescaledb,
        })
    }

    /// How many bytes the database takes up on its disk: on PostgreSQL all of the database, on
    /// SQLite the file without its log.
    ///
    /// # Errors
    /// When it can't be reached within the deadline.
    pub async fn size_bytes(&self) -> Result<i64, StoreError> {
        const SQLITE: &str =
            "select page_count * page_size from pragma_page_count, pragma_page_size";
        const POSTGRES: &str = "select pg_database_size(current_database())";
        let sql = match self.engine() {
            Engine::Sqlite => SQLITE,
            Engine::Postgres => POSTGRES,
        };
        on_read!(self, |tx| Ok(tx
            .fetch_scalar(sqlx::query_scalar(sql))
            .await?))
    }

    /// What the clock of the database's server shows; nothing for SQLite, which has none of its own.
    ///
    /// # Errors
    /// When it can't be reached within the deadline.
    pub async fn server_time(&self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "/*NO QUERY CACHE*/ select clock_timestamp()";
        if self.engine() == Engine::Sqlite {
            return Ok(None);
        }
        let time: Option<(Db<Timestamp>,)> = on_read!(self, |tx| Ok(tx
            .fetch_optional(sqlx::query_as(SQL))
            .await?))?;
        Ok(time.map(|(time,)| time.0))
    }

    /// Which database this is, for the files that wait for it: a hash of engine, server, port and
    /// name, or of engine and path. Users, passwords and a pooler in between don't count.
    #[must_use]
    pub fn mark(&self) -> String {
        let options = &self.inner.options;
        let place = match options.postgres(true) {
            Ok(server) if self.engine() == Engine::Postgres => {
                let socket = server.get_socket().map(|path| path.display().to_string());
                let host = socket.unwrap_or_else(|| server.get_host().to_owned());
                let name = server.get_database().unwrap_or(server.get_username());
                format!("postgresql\n{host}\n{}\n{name}", server.get_port())
            }
            _ if options.memory_name().is_some() => {
                format!("memory\n{}", options.url.expose_secret())
            }
            _ => {
                let path = options.sqlite_path().ok().flatten().unwrap_or_default();
                // The same file by any way that leads to it.
                let path = path.canonicalize().unwrap_or(path);
                format!("sqlite\n{}", path.display())
            }
        };
        let mut mark = String::new();
        for byte in Sha256::digest(place.as_bytes()).iter().take(8) {
            // Writing to a string never fails.
            let _ = write!(mark, "{byte:02x}");
        }
        mark
    }
}
