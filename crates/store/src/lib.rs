//! The database: one set of statements for SQLite and PostgreSQL. Knows no HTTP.
//!
//! Start at [`Store`]. Its methods are in one file per subject ([`users`], [`api_keys`], [`audit`],
//! [`host_samples`], [`request_queries`] …). Queries never touch a pool: `on_read!` and `in_write!` give
//! them a `Tx`, which handles connection poolers, deadlines and write locks in one place.
//!
//! - [`availability`]: whether the database may be used now; every query is refused at once when not.
//! - [`roles`]: which account of the server may do what with which table.
//! - [`migrations`]: the schema, its lock and its log; `migrations/embedded.rs` lists the files.
//! - [`backup`]: backups of both engines in one format, verify and restore.
//! - `codec::Db`: how times and ids are stored; [`error`]: [`StoreError`] and [`Refusal`].
//!
//! To add a table: a pair of migrations per engine in `migrations/`, their lines in
//! `migrations/embedded.rs`, its class in `roles.rs`, the columns that SQLite stores as integers in
//! `dump.rs`, and a file of
//! queries here with its tests in `tests/it/store`, which run on both engines. CONTRIBUTING.md has the
//! steps.

pub mod acts;
pub mod alerts;
pub mod api_keys;
mod arrays;
pub mod audit;
pub mod availability;
pub mod backup;
mod change;
mod codec;
pub mod describe;
pub(crate) mod dump;
pub mod error;
pub mod flush;
pub mod forget;
pub mod future;
pub mod host_list;
mod host_minutes;
pub mod host_samples;
pub mod hosts;
mod imported_keys;
pub mod imports;
mod leases;
pub(crate) mod load;
mod lock;
mod memory;
pub mod merge;
mod merged;
pub mod migrations;
mod minute_rows;
mod new_file;
mod open;
mod packed;
pub mod packing;
mod pools;
pub mod refusals;
pub(crate) mod replace;
mod request_offsets;
mod request_parts;
pub mod request_queries;
pub mod request_routes;
mod request_rows;
mod request_stats;
mod request_windows;
pub mod retention;
pub mod roles;
mod sample_steps;
mod series_ends;
mod session;
pub mod timescale;
mod tx;
mod urls;
pub mod users;
mod vital;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use linux_api_wire::time::Clock;

pub use availability::{Availability, Obstacle, Outage};
pub use error::{Refusal, StoreError};
pub(crate) use lock::SoleUse;
pub use open::{Engine, Options};
pub use pools::in_background;
pub(crate) use session::Session;
pub(crate) use tx::{Tx, in_admin_write, in_write, on_read};

use availability::Tracker;
use pools::Pool;
use vital::VitalSettings;

/// The database of one daemon or command. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
    /// This handle prepares the database for the others, see [`Store::preparing`].
    is_preparing: bool,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    /// None before the first connection and after [`Store::close`].
    pool: RwLock<Option<Arc<Pool>>>,
    options: Options,
    clock: Clock,
    /// The newest `auth_revision` that this process has seen or made.
    auth_revision: watch::Sender<i64>,
    refusals: refusals::Refusals,
    presence: leases::OwnPresence,
    alert_leader: alerts::outbox::SeenLeader,
    tracker: Tracker,
    /// See [`Store::set_own_labels`].
    own_labels: RwLock<Arc<BTreeMap<String, String>>>,
    /// See [`Store::set_own_host`].
    own_host: RwLock<Option<Arc<str>>>,
}

/// How busy the connection pool is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolState {
    /// Open connections.
    pub open: u32,
    /// Open connections that are not in use.
    pub idle: usize,
    /// The most that may be open.
    pub max: u32,
}

impl Store {
    /// Which database this is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// The clock that rows are stamped with.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The labels of the host that this process works on, which limited users and keys are compared with.
    #[must_use]
    pub fn own_labels(&self) -> Arc<BTreeMap<String, String>> {
        let labels = self.inner.own_labels.read();
        Arc::clone(&labels.unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the labels of the host that this process works on, as its configuration has them. There are
    /// none before that, so that no limited user or key is accepted.
    pub fn set_own_labels(&self, labels: BTreeMap<String, String>) {
        let own = self.inner.own_labels.write();
        *own.unwrap_or_else(PoisonError::into_inner) = Arc::new(labels);
    }

    /// The id of the host that this process works on, which rows about acts name.
    #[must_use]
    pub fn own_host(&self) -> Option<Arc<str>> {
        let host = self.inner.own_host.read();
        host.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the id of the host that this process works on.
    pub fn set_own_host(&self, id: Arc<str>) {
        let own = self.inner.own_host.write();
        *own.unwrap_or_else(PoisonError::into_inner) = Some(id);
    }

    /// How many connections are open, idle and allowed.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        self.current_pool()
            .map_or_else(PoolState::default, |pool| pool.state())
    }

    /// Returns when the database responds.
    ///
    /// # Errors
    /// When it can't be reached within the deadline.
    pub async fn ping(&self) -> Result<(), StoreError> {
        const SQL: &str = "select 1 as one";
        on_read!(self, |tx| {
            tx.fetch_scalar::<i32>(sqlx::query_scalar(SQL)).await?;
            Ok(())
        })
    }

    /// The newest revision of users and keys known to this process, and a way to wait for the next.
    #[must_use]
    pub fn auth_revision(&self) -> watch::Receiver<i64> {
        self.inner.auth_revision.subscribe()
    }

    /// The newest revision of users and keys known to this process.
    #[must_use]
    pub fn known_auth_revision(&self) -> i64 {
        *self.inner.auth_revision.borrow()
    }

    /// Reads the revision of users and keys, which grows when any process changes one, and whether
    /// this program may still use the schema: one statement, one round trip.
    ///
    /// # Errors
    /// [`migrations::SchemaError::TooNew`] when another program raised what it takes to use the
    /// database, and when the database can't be reached within the deadline.
    pub async fn refresh_auth_revision(&self) -> Result<i64, StoreError> {
        let since = self.inner.tracker.moment();
        let rows = self.within_deadline(self.read_vital_settings()).await?;
        let vital = VitalSettings::of(&rows)?;
        vital.check(self.known_revision())?;
        self.note_contact(since, vital.auth_revision);
        Ok(vital.auth_revision)
    }

    /// Notes which revision was read after `since`. What took long says nothing of the time that it took: a
    /// change may have come right after the reading.
    fn note_contact(&self, since: availability::Moment, auth_revision: i64) {
        // In this order: who sees the new time sees the revision too.
        self.announce_auth_revision(auth_revision);
        self.inner.tracker.note_contact(since);
    }

    fn announce_auth_revision(&self, revision: i64) {
        self.inner.auth_revision.send_if_modified(|known| {
            let newer = revision > *known;
            *known = revision.max(*known);
            newer
        });
    }

    /// Closes every connection; later calls fail.
    pub async fn close(&self) {
        if let Some(pool) = self.current_pool() {
            pool.close().await;
        }
    }

    /// The pool, whether or not calls may go through it.
    fn current_pool(&self) -> Option<Arc<Pool>> {
        let pool = self.inner.pool.read();
        pool.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn deadline(&self) -> Duration {
        self.inner.options.deadline
    }
}
