//! Whether the database can be used just now, and what this process knows of it meanwhile.
//!
//! Every call passes `Store::pool`, which refuses at once unless the database is ready: a request
//! never waits for a server that is known to be away. Connecting is the work of one task of the
//! daemon, which calls [`Store::connect`]; a failed call only reports its suspicion to it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::migrations::SchemaError;
use super::{Store, StoreError};
use linux_api_wire::time::Timestamp;

/// How long a request waits for a look at the revision of users and keys.
const CHECK_PATIENCE: Duration = Duration::from_millis(50);
/// After a look that failed, the next one is not tried sooner.
const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// For how long after the last use of a key the revision of users and keys is polled.
const IN_USE: Duration = Duration::from_secs(15);

/// Whether the database can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It can't be reached; attempts go on.
    Away(Outage),
    /// It was reached and is being prepared: a backup, migrations, the first admin.
    Preparing {
        /// What is being done, for people.
        step: Arc<str>,
    },
    /// It is in use.
    Ready,
    /// It can be reached, but this program must not use it as it is.
    Refused(Obstacle),
}

/// Why and since when a database is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When it was first noticed.
    pub since: Timestamp,
    /// The server's or the system's own words.
    pub reason: Arc<str>,
    /// Attempts to connect since then.
    pub attempts: u32,
}

/// Why a database that can be reached is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Stable and machine-readable: `schema_too_new`, `schema_altered`, `migrations_pending`,
    /// `migration_failed`, `database_unusable` or `database_replaced`.
    pub code: &'static str,
    /// In words, with the remedy.
    pub reason: Arc<str>,
}

/// Code of the obstacle that another file lies in the place of the open SQLite database.
pub const DATABASE_REPLACED: &str = "database_replaced";

impl Availability {
    /// The same as one machine-readable word; [`Obstacle::code`] when the database is refused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Away(_) => "database_away",
            Self::Preparing { .. } => "database_preparing",
            Self::Ready => "ready",
            Self::Refused(obstacle) => obstacle.code,
        }
    }

    /// Why the database can't be used; the step of its preparation; empty when it is ready.
    #[must_use]
    pub fn reason(&self) -> Arc<str> {
        match self {
            Self::Away(outage) => Arc::clone(&outage.reason),
            Self::Preparing { step } => Arc::clone(step),
            Self::Ready => Arc::default(),
            Self::Refused(obstacle) => Arc::clone(&obstacle.reason),
        }
    }

    /// Whether calls go through.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

impl From<&SchemaError> for Obstacle {
    fn from(error: &SchemaError) -> Self {
        let code = match error {
            SchemaError::TooNew { .. } => "schema_too_new",
            SchemaError::Altered(_) => "schema_altered",
            SchemaError::Pending(_) | SchemaError::NotOwner { .. } => "migrations_pending",
            SchemaError::NoSuchRevision { .. }
            | SchemaError::Failed { .. }
            | SchemaError::Locked(_)
            | SchemaError::Backup(_) => "migration_failed",
        };
        Self {
            code,
            reason: error.to_string().into(),
        }
    }
}

/// The state of one store, shared by its handles.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) state: watch::Sender<Availability>,
    /// A daemon's task connects again and decides what is away. Without one, as in a command, calls
    /// simply fail.
    is_supervised: AtomicBool,
    suspicion: Notify,
    start: Instant,
    /// Milliseconds after `start` at which the revision of users and keys was last read, plus one;
    /// 0 when it never was.
    contact: AtomicU64,
    /// The same of the last use of a key.
    used: AtomicU64,
    /// Wakes the poll when a key is used after a while of silence.
    use_after_silence: Notify,
    check: Mutex<Option<Check>>,
}

/// Milliseconds after the start of a [`Tracker`], plus one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(u64);

/// A look at the revision that all callers share.
#[derive(Debug, Clone)]
struct Check {
    begun: Instant,
    done: Shared<BoxFuture<'static, ()>>,
}

impl Tracker {
    pub(super) fn new(now: Timestamp) -> Self {
        let state = Availability::Away(Outage {
            since: now,
            reason: "not connected yet".into(),
            attempts: 0,
        });
        Self {
            state: watch::Sender::new(state),
            is_supervised: AtomicBool::new(false),
            suspicion: Notify::new(),
            start: Instant::now(),
            contact: AtomicU64::new(0),
            used: AtomicU64::new(0),
            use_after_silence: Notify::new(),
            check: Mutex::default(),
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn age(&self, moment: &AtomicU64) -> Duration {
        Self::age_at(moment, self.elapsed())
    }

    fn age_at(moment: &AtomicU64, now: u64) -> Duration {
        match moment.load(Ordering::Relaxed) {
            0 => Duration::MAX,
            then => Duration::from_millis(now.saturating_sub(then)),
        }
    }

    /// A moment of now for [`Self::note_contact`].
    pub(super) fn moment(&self) -> Moment {
        Moment(self.elapsed())
    }

    /// Notes that the revision was read, no earlier than `since`. What was read later counts already.
    pub(super) fn note_contact(&self, since: Moment) {
        self.contact.fetch_max(since.0, Ordering::Relaxed);
    }
}

impl Store {
    /// Follows whether the database can be used.
    #[must_use]
    pub fn availability(&self) -> watch::Receiver<Availability> {
        self.inner.tracker.state.subscribe()
    }

    /// Whether the database can be used now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.inner.tracker.state.borrow().is_ready()
    }

    /// Whether another file lies where the open SQLite database was, or none.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.inner.tracker.state.borrow().code() == DATABASE_REPLACED
    }

    /// Returns once the database is ready.
    pub async fn ready(&self) {
        let mut state = self.availability();
        // The sender lives as long as this store does.
        let _ = state.wait_for(Availability::is_ready).await;
    }

    /// A handle that works whatever the state, for preparing the database: the others wait.
    #[must_use]
    pub fn preparing(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            is_preparing: true,
        }
    }

    /// Declares that a task connects again after outages. From now on a failed call is reported by
    /// [`Store::suspected`], and a lost file or a failed disk takes the database out of use at once.
    pub fn supervise(&self) {
        self.inner
            .tracker
            .is_supervised
            .store(true, Ordering::Relaxed);
    }

    /// Waits until a call failed in a way that an outage would explain.
    pub async fn suspected(&self) {
        self.inner.tracker.suspicion.notified().await;
    }

    /// Changes the state, and notifies all subscribers.
    pub fn set_availability(&self, state: Availability) {
        self.inner.tracker.state.send_if_modified(|known| {
            let differs = *known != state;
            *known = state;
            differs
        });
    }

    /// Notes a failed attempt to reach the database; the outage begins with the first.
    pub fn note_away(&self, error: &StoreError) {
        let reason: Arc<str> = error.to_string().into();
        let now = self.clock().now();
        self.inner.tracker.state.send_modify(|state| {
            let (since, attempts) = match state {
                Availability::Away(outage) => (outage.since, outage.attempts),
                _ => (now, 0),
            };
            *state = Availability::Away(Outage {
                since,
                reason,
                attempts: attempts.saturating_add(1),
            });
        });
    }

    /// What a call that comes now is refused with.
    pub(super) fn refusal(&self) -> Option<StoreError> {
        let state = self.inner.tracker.state.borrow();
        let passes = state.is_ready() || self.is_preparing;
        (!passes).then(|| StoreError::NotReady {
            code: state.code(),
            reason: state.reason(),
        })
    }

    /// Returns when calls that are under way have become pointless.
    pub(super) async fn left_ready(&self) -> StoreError {
        let mut state = self.availability();
        loop {
            if let Some(refusal) = self.refusal() {
                return refusal;
            }
            if state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Updates the state after an error of a call.
    pub(super) fn observe(&self, error: &StoreError) {
        let tracker = &self.inner.tracker;
        if self.is_preparing || !tracker.is_supervised.load(Ordering::Relaxed) {
            return;
        }
        match error {
            // After an I/O error it is unknown what of the file is on disk and what is only in
            // memory, so this handle on it is not used on.
            StoreError::Unavailable(_) if error.is_disk_failure() => {
                if self.is_ready() {
                    self.note_away(error);
                }
                tracker.suspicion.notify_one();
            }
            StoreError::Schema(schema) if schema.is_final() => {
                self.set_availability(Availability::Refused(schema.into()));
                tracker.suspicion.notify_one();
            }
            StoreError::Unavailable(_) | StoreError::DeadlineExceeded(_) => {
                tracker.suspicion.notify_one();
            }
            _ => {}
        }
    }

    /// Takes the database out of use when its file is gone.
    pub(super) fn note_lost_file(&self, error: &StoreError) {
        let tracker = &self.inner.tracker;
        if let StoreError::NotReady { code, reason } = error
            && tracker.is_supervised.load(Ordering::Relaxed)
        {
            self.set_availability(Availability::Refused(Obstacle {
                code,
                reason: Arc::clone(reason),
            }));
            tracker.suspicion.notify_one();
        }
    }

    /// Reports that something takes suspiciously long.
    pub(super) fn suspect(&self) {
        let tracker = &self.inner.tracker;
        if !self.is_preparing && tracker.is_supervised.load(Ordering::Relaxed) {
            tracker.suspicion.notify_one();
        }
    }

    /// How long ago the revision of users and keys was last read; [`Duration::MAX`] when it never
    /// was. Monotonic: steps of the wall clock don't count.
    #[must_use]
    pub fn contact_age(&self) -> Duration {
        self.inner.tracker.age(&self.inner.tracker.contact)
    }

    /// Notes that a key or an account was used, which keeps the poll going for 15 seconds. Returns how
    /// long ago the revision was last read, as [`contact_age`](Self::contact_age) does.
    #[expect(clippy::must_use_candidate, reason = "most callers only note the use")]
    pub fn note_use(&self) -> Duration {
        let tracker = &self.inner.tracker;
        let now = tracker.elapsed();
        let last = tracker.used.load(Ordering::Relaxed);
        // Many requests fall into one millisecond, and a write is dear where threads share the place.
        if last != now {
            let last = tracker.used.swap(now, Ordering::Relaxed);
            let silence = Duration::from_millis(now.saturating_sub(last));
            if last == 0 || silence >= IN_USE {
                tracker.use_after_silence.notify_one();
            }
        }
        Tracker::age_at(&tracker.contact, now)
    }

    /// Returns at once while keys are used, else when the next one is.
    pub async fn in_use(&self) {
        let tracker = &self.inner.tracker;
        while tracker.age(&tracker.used) >= IN_USE {
            tracker.use_after_silence.notified().await;
        }
    }

    /// Reads the revision of users and keys unless it was read within `max_age`, and waits for that
    /// at most 50 ms. All callers share one look, and none is made while the database is not ready.
    pub async fn check_revision(&self, max_age: Duration) {
        if self.contact_age() <= max_age || !self.is_ready() {
            return;
        }
        let done = {
            let tracker = &self.inner.tracker;
            let mut check = tracker.check.lock().unwrap_or_else(PoisonError::into_inner);
            match &*check {
                Some(known) if known.done.peek().is_none() => known.done.clone(),
                Some(known) if known.begun.elapsed() < CHECK_PAUSE.min(max_age) => return,
                _ => {
                    let store = self.clone();
                    // A task of its own: a request that gives up must not break off the query.
                    let look = tokio::spawn(async move {
                        let _ = store.refresh_auth_revision().await;
                    });
                    let done = look.map(|_| ()).boxed().shared();
                    *check = Some(Check {
                        begun: Instant::now(),
                        done: done.clone(),
                    });
                    done
                }
            }
        };
        let _ = tokio::time::timeout(CHECK_PATIENCE, done).await;
    }
}
