//! Keeps the daemon connected to its database, and decides when it is away.
//!
//! One task owns connecting. While the database is ready it waits for a call to fail and looks
//! whether that was an outage; while it is away it tries again, on its own time and not on that of a
//! request. Nothing that happens to the database after the start ends the daemon: a dead daemon
//! shows nothing, and a socket of systemd would start it again for every connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::database::Preparation;
use super::first_admin::LateKey;
use super::status_line::StatusLine;
use linux_api_auth::key::PlainKey;
use linux_api_store::availability::DATABASE_REPLACED;
use linux_api_store::migrations::SchemaError;
use linux_api_store::{Availability, Engine, Obstacle, StoreError};

/// The first and the longest pause between two attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How often a database that is refused is looked at again.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// The same after a migration or its backup failed: each try makes a backup.
const MIGRATE_AGAIN: Duration = Duration::from_hours(1);
/// Suspicions that follow each other faster are one.
const CALM: Duration = Duration::from_secs(1);

/// Connects, prepares and watches.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    pub(super) preparation: Preparation,
    /// Shows the first admin's key, should the database be empty.
    pub(super) late_key: LateKey,
    /// A request to check a refused database again now, after a change.
    pub(super) retry: Arc<Notify>,
    /// What systemd shows.
    pub(super) status: StatusLine,
}

/// How things stand, and so what to do next.
enum Outcome {
    Ready,
    Away,
    Refused,
    /// A call was refused; a look at the schema says why exactly.
    Doubtful,
}

/// Pauses that grow while there is no contact.
struct RetryDelay(Duration);

impl RetryDelay {
    fn new() -> Self {
        Self(PAUSES.0)
    }

    /// The next pause, give or take a fifth so that a fleet does not come back at one moment.
    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(PAUSES.1);
        pause.mul_f64(0.8 + 0.4 * rand::random::<f64>())
    }
}

/// What an attempt that failed says of the database.
pub(super) enum Failure<'a> {
    /// It can't be reached; later it may be.
    Away(&'a StoreError),
    /// It must not be used.
    Refused(Obstacle),
}

impl<'a> Failure<'a> {
    /// Sorts an error of [`Preparation::run`].
    pub(super) fn of(error: &'a anyhow::Error) -> Self {
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::NotReady { code, reason }) if *code == DATABASE_REPLACED => {
                Self::Refused(Obstacle {
                    code: DATABASE_REPLACED,
                    reason: Arc::clone(reason),
                })
            }
            Some(error) if error.is_outage() => Self::Away(error),
            Some(StoreError::Schema(error)) => Self::Refused(error.into()),
            _ => Self::Refused(Obstacle {
                code: "database_unusable",
                reason: format!("{error:#}").into(),
            }),
        }
    }
}

impl Keeper {
    /// The first attempt, before the daemon is ready. The key of the first admin is answered here,
    /// so that it is shown together with the address.
    ///
    /// # Errors
    /// When waiting would not help: on SQLite always, on PostgreSQL for all but an outage and a
    /// migration that another account has to make.
    pub(super) async fn first_attempt(&self) -> anyhow::Result<Option<PlainKey>> {
        let error = match self.preparation.run().await {
            Ok(key) => return Ok(key),
            Err(error) => error,
        };
        let store = &self.preparation.store;
        match Failure::of(&error) {
            Failure::Away(away) if store.engine() == Engine::Postgres => {
                store.note_away(away);
                log_outage(away);
                Ok(None)
            }
            Failure::Refused(obstacle) if waits_for_owner(&error) => {
                self.refuse(obstacle);
                Ok(None)
            }
            _ => Err(error),
        }
    }

    /// Watches the database until stopped.
    pub(super) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(Box::pin(self.watch())).await;
    }

    async fn watch(&self) {
        let store = &self.preparation.store;
        let mut backoff = RetryDelay::new();
        let mut outcome = match &*store.availability().borrow() {
            Availability::Ready => Outcome::Ready,
            Availability::Refused(_) => Outcome::Refused,
            Availability::Away(_) | Availability::Preparing { .. } => Outcome::Away,
        };
        loop {
            self.status.send();
            match outcome {
                Outcome::Ready => {
                    backoff = RetryDelay::new();
                    outcome = self.wait_for_trouble().await;
                    continue;
                }
                Outcome::Away => tokio::time::sleep(backoff.next()).await,
                Outcome::Refused => self.wait_for_change().await,
                Outcome::Doubtful => {}
            }
            outcome = self.attempt().await;
            if !matches!(outcome, Outcome::Away) {
                backoff = RetryDelay::new();
            }
        }
    }

    /// While the database is ready: waits until it is not.
    async fn wait_for_trouble(&self) -> Outcome {
        let store = &self.preparation.store;
        loop {
            store.suspected().await;
            let noticed = Instant::now();
            match &*store.availability().borrow() {
                Availability::Ready | Availability::Preparing { .. } => {}
                Availability::Away(outage) => {
                    tracing::error!(reason = %outage.reason, "the database is closed and opened again");
                    return Outcome::Away;
                }
                Availability::Refused(obstacle) if obstacle.code == DATABASE_REPLACED => {
                    log_obstacle(obstacle);
                    return Outcome::Refused;
                }
                Availability::Refused(_) => return Outcome::Doubtful,
            }
            match store.probe().await {
                Ok(()) => {}
                Err(error @ StoreError::NotReady { .. }) => {
                    let error = anyhow::Error::new(error);
                    if let Failure::Refused(obstacle) = Failure::of(&error) {
                        self.refuse(obstacle);
                        return Outcome::Refused;
                    }
                }
                Err(error) => {
                    store.note_away(&error);
                    log_outage(&error);
                    return Outcome::Away;
                }
            }
            // The next suspicions are of the same cause.
            tokio::time::sleep_until(noticed + CALM).await;
        }
    }

    /// While the database is refused: waits until a look at it is due.
    async fn wait_for_change(&self) {
        let store = &self.preparation.store;
        let pause = match store.availability().borrow().code() {
            "migration_failed" => MIGRATE_AGAIN,
            // Seen without the database itself.
            DATABASE_REPLACED => CALM,
            _ => LOOK_AGAIN,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.retry.notified() => {}
        }
    }

    async fn attempt(&self) -> Outcome {
        let store = &self.preparation.store;
        let before = store.availability().borrow().clone();
        let error = match self.preparation.run().await {
            Ok(key) => {
                tracing::info!("the database is back");
                if let Some(key) = key {
                    self.late_key.show(&key);
                }
                return Outcome::Ready;
            }
            Err(error) => error,
        };
        match Failure::of(&error) {
            Failure::Away(away) => {
                // The state may say "preparing" by now; the outage goes on.
                if let Availability::Away(_) = &before {
                    store.set_availability(before.clone());
                }
                let was_denied = matches!(&before, Availability::Away(outage) if *outage.reason == *away.to_string());
                if away.is_denied() && !was_denied {
                    log_outage(away);
                }
                store.note_away(away);
                Outcome::Away
            }
            Failure::Refused(obstacle) => {
                let is_known =
                    matches!(&before, Availability::Refused(known) if *known == obstacle);
                store.set_availability(Availability::Refused(obstacle.clone()));
                if !is_known {
                    log_obstacle(&obstacle);
                }
                Outcome::Refused
            }
        }
    }

    fn refuse(&self, obstacle: Obstacle) {
        log_obstacle(&obstacle);
        let store = &self.preparation.store;
        store.set_availability(Availability::Refused(obstacle));
    }
}

/// Whether nothing is wrong with the schema but that the owner of it has not migrated yet: of a fleet,
/// programs may be newer than that for a while.
fn waits_for_owner(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(StoreError::Schema(SchemaError::NotOwner { .. }))
    )
}

/// Once per outage: the daemon goes on trying.
fn log_outage(error: &StoreError) {
    if error.is_denied() {
        tracing::error!(
            %error,
            "the database refuses this daemon; a restart does not help: correct database.url or the \
             account's rights"
        );
    } else {
        tracing::warn!(%error, "the database is away; the daemon keeps trying");
    }
}

fn log_obstacle(obstacle: &Obstacle) {
    tracing::error!(
        code = obstacle.code,
        reason = %obstacle.reason,
        "the database is not used until this changes"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_waited_for_and_a_wrong_schema_is_refused() {
        let away = anyhow::Error::new(StoreError::DeadlineExceeded(Duration::from_secs(5)));
        assert!(matches!(Failure::of(&away), Failure::Away(_)));
        let read_only = anyhow::Error::new(StoreError::ReadOnly);
        assert!(matches!(Failure::of(&read_only), Failure::Away(_)));
        let pending = anyhow::Error::new(StoreError::from(SchemaError::Pending(2)));
        let Failure::Refused(obstacle) = Failure::of(&pending) else {
            panic!("a schema that is too old is not used");
        };
        assert_eq!(obstacle.code, "migrations_pending");
        let other = anyhow::anyhow!("something else");
        assert!(matches!(Failure::of(&other), Failure::Refused(_)));
    }

    #[test]
    fn pauses_grow_to_ten_seconds_and_differ() {
        let mut backoff = RetryDelay::new();
        let pauses: Vec<Duration> = (0..8).map(|_| backoff.next()).collect();
        assert!(pauses[0] >= Duration::from_millis(400) && pauses[0] <= Duration::from_millis(600));
        let last = pauses[7];
        assert!(last >= Duration::from_secs(8) && last <= Duration::from_secs(12));
    }
}
