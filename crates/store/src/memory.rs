//! SQLite databases in the memory of this process, which several connections share.
//!
//! SQLite's file system `memdb` has such databases by name. It frees one with the last connection to
//! it, so a connection that is used for nothing else, the [`Anchor`], stays open for as long as the
//! store does.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::Mutex;

/// The scheme of the URLs of such databases. The configuration knows none like it.
const SCHEME: &str = "memory";
/// The most pages that a connection holds beside the database, as `cache_size` takes it: in KiB, below
/// zero. They only save copying from memory to memory.
const CACHE: &str = "-256";

/// The name of a database in memory: whoever opens the same one in this process gets the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MemoryName(String);

impl MemoryName {
    pub(super) fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    pub(super) fn to_url(&self) -> String {
        format!("{SCHEME}:{}", self.0)
    }

    pub(super) fn of_url(url: &str) -> Option<Self> {
        let (scheme, name) = url.split_once(':')?;
        (scheme == SCHEME && !name.is_empty()).then(|| Self(name.to_owned()))
    }

    /// How to connect; `deadline` bounds the wait for another connection's transaction.
    pub(super) fn connect_options(&self, deadline: Duration) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            // Connections share what has a name that begins with a slash.
            .filename(format!("/linux-api-{}", self.0))
            .vfs("memdb")
            .create_if_missing(true)
            // There is nothing beside memory that a power cut could leave half written.
            .journal_mode(SqliteJournalMode::Memory)
            .synchronous(SqliteSynchronous::Off)
            .foreign_keys(true)
            // Sorting what is large would make files otherwise.
            .pragma("temp_store", "memory")
            .pragma("cache_size", CACHE)
            .row_buffer_size(1_000)
            .busy_timeout(deadline)
    }
}

/// A connection that keeps the content of a database in memory.
#[derive(Debug)]
pub(super) struct Anchor(Mutex<Option<SqliteConnection>>);

impl Anchor {
    pub(super) async fn new(connect: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        Ok(Self(Mutex::new(Some(connect.connect().await?))))
    }

    /// Lets go of the content; it is freed when no other connection is open.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.0.lock().await.take() {
            // Nothing of it can be lost any more.
            let _ = connection.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_of_its_own_names_memory() {
        let name = MemoryName::random();
        assert_eq!(MemoryName::of_url(&name.to_url()), Some(name));
        for url in ["memory:", "memory", "sqlite:///memory:x", "sqlite::memory:"] {
            assert_eq!(MemoryName::of_url(url), None, "{url}");
        }
        assert_ne!(MemoryName::random(), MemoryName::random());
    }
}
