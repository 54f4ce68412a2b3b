//! SQLite databases in the memory of this process, which several connections share.
//!
//! SQLite's file system `memdb` has such databases by name. It frees one with the last connection to
//! it, so a connection that is used for nothing else, the [`Anchor`], stays open for as long as the
//! store does.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::Mutex;

use super::open::{check_version, writer_pool};
use super::pools::{SqliteContent, SqlitePools};
use super::{Options, StoreError};

/// The scheme of the URLs of such databases. The configuration knows none like it.
const SCHEME: &str = "memory";
/// The most pages that a connection holds beside the database, as `cache_size` takes it: in KiB, below
/// zero. They only save copying from memory to memory.
const CACHE: &str = "-256";

/// The name of a database in memory: all that open the same one in this process get the same content.
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

/// Connections to a database in memory. It has one reader, because there is no disk to wait for.
/// `anchor` is what kept its content until now.
pub(super) async fn open(
    options: &Options,
    name: &MemoryName,
    anchor: Option<Arc<Anchor>>,
) -> Result<SqlitePools, StoreError> {
    let connect = name.connect_options(options.deadline);
    let anchor = match anchor {
        Some(anchor) => anchor,
        None => Arc::new(Anchor::new(&connect).await?),
    };
    // None of them ends for want of use: opening it again costs more than it holds.
    let steady = |pool: SqlitePoolOptions| pool.idle_timeout(None).max_lifetime(None);
    let reader = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(options.deadline);
    let pools = SqlitePools {
        writer: steady(writer_pool(options)).connect_lazy_with(connect.clone()),
        reader: steady(reader).connect_lazy_with(connect.read_only(true)),
        content: SqliteContent::Memory(anchor),
    };
    check_version(&pools.writer).await?;
    Ok(pools)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::backup::{self, BackupError};
    use linux_api_wire::audit::Actor;
    use linux_api_wire::progress::NoProgress;
    use linux_api_wire::time::Clock;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn only_a_url_of_its_own_names_memory() {
        let name = MemoryName::random();
        assert_eq!(MemoryName::of_url(&name.to_url()), Some(name));
        for url in ["memory:", "memory", "sqlite:///memory:x", "sqlite::memory:"] {
            assert_eq!(MemoryName::of_url(url), None, "{url}");
        }
        assert_ne!(MemoryName::random(), MemoryName::random());
    }

    async fn migrated() -> Store {
        let store = Store::open(Options::in_memory(), Clock::system())
            .await
            .unwrap();
        let nothing_to_save = async |_: &Store| Ok::<_, BackupError>(());
        store.migrate(nothing_to_save).await.unwrap();
        store
    }

    #[tokio::test]
    async fn it_has_all_tables_and_readers_see_what_was_written() {
        let store = migrated().await;
        let schema = store.schema_state().await.unwrap();
        assert!(schema.pending.is_empty() && schema.current > 0);
        assert_eq!(store.inner.options.sqlite_path().unwrap(), None);
        assert!(store.hold_lease("one", "me", DAY).await.unwrap());
        assert!(!store.hold_lease("one", "another", DAY).await.unwrap());
        assert!(store.used_bytes().await.unwrap() > 0);
        store.probe().await.unwrap();
    }

    #[tokio::test]
    async fn stores_do_not_see_each_other() {
        let (one, other) = (migrated().await, migrated().await);
        assert_ne!(one.mark(), other.mark());
        assert!(one.hold_lease("one", "me", DAY).await.unwrap());
        assert!(other.hold_lease("one", "another", DAY).await.unwrap());
    }

    #[tokio::test]
    async fn the_content_outlives_every_connection_but_the_store() {
        let store = migrated().await;
        assert!(store.hold_lease("one", "me", DAY).await.unwrap());
        // New connections, as after an outage.
        store.connect().await.unwrap();
        assert!(!store.hold_lease("one", "another", DAY).await.unwrap());
        let options = store.inner.options.clone();
        store.close().await;
        drop(store);
        let again = Store::open(options, Clock::system()).await.unwrap();
        assert_eq!(again.schema_state().await.unwrap().current, 0);
    }

    #[tokio::test]
    async fn writers_and_readers_wait_for_each_other() {
        let store = migrated().await;
        let write = async |holder: &str| {
            for _ in 0..50 {
                store.hold_lease(holder, holder, DAY).await.unwrap();
            }
        };
        let read = async || {
            for _ in 0..100 {
                store.schema_state().await.unwrap();
            }
        };
        tokio::join!(write("a"), read(), write("b"), read());
    }

    #[tokio::test]
    async fn it_can_be_saved_and_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = migrated().await;
        let order = backup::BackupOrder {
            folder: folder.path(),
            scope: backup::BackupScope::All,
            reason: backup::Reason::Command,
            progress: &NoProgress,
        };
        let saved = backup::create(&store, order).await.unwrap();
        let order = backup::RestoreOrder {
            backup: &saved.path,
            target: store.inner.options.clone(),
            copies: folder.path(),
            actor: &Actor::system(),
            clock: &Clock::system(),
            progress: &NoProgress,
        };
        let refused = backup::restore(order).await.unwrap_err().to_string();
        assert!(refused.contains("in memory"), "{refused}");
    }
}
