//! What is done with the database before it is used: saved, brought up to date, given an admin.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::measuring;
use super::systemd;
use super::{Demo, first_admin};
use crate::tasks::backups;
use linux_api_auth::key::PlainKey;
use linux_api_config::{BeforeMigration, Config, Database, DatabaseUrl, Retention};
use linux_api_store::backup::{self, BackupError, BackupOrder, BackupScope, Reason};
use linux_api_store::migrations::{MigrationOutcome, Run, SchemaError};
use linux_api_store::{Availability, Options, Store, StoreError};
use linux_api_wire::progress::Progress;
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Clock;

/// How the store is opened by this configuration.
#[must_use]
pub fn options(database: &Database) -> Options {
    let secret = |url: &Option<DatabaseUrl>| url.as_ref().map(|url| url.expose().to_owned().into());
    Options {
        url: database.url.expose().to_owned().into(),
        direct_url: secret(&database.direct_url),
        admin_url: secret(&database.admin_url),
        owner_url: secret(&database.owner_url),
        pooler: database.pooler,
        pool_size: database.pool_size,
        deadline: database.deadline,
        lock_timeout: database.lock_timeout,
    }
}

/// The store of the configured database, not connected yet.
///
/// # Errors
/// When the URL is wrong.
pub(super) fn store(
    config: &Config,
    demo: Option<&Demo>,
    clock: &Clock,
) -> Result<Store, StoreError> {
    let database = &config.database;
    let url = match demo {
        Some(Demo(folder)) => DatabaseUrl::sqlite(&folder.join("demo.db"))
            .expose()
            .to_owned(),
        None => database.url.expose().to_owned(),
    };
    let options = Options {
        url: SecretString::from(url),
        pooler: database.pooler && demo.is_none(),
        ..options(database)
    };
    Store::new(options, clock.clone())
}

/// Prepares the database: the same steps in the same order, whether it could be reached at the start
/// or hours later.
#[derive(Debug, Clone)]
pub(super) struct Preparation {
    pub(super) store: Store,
    pub(super) config: Arc<Config>,
}

impl Preparation {
    /// Connects once and prepares what is found; then the database is ready. Returns the key of the
    /// first admin when this made it.
    ///
    /// # Errors
    /// When the database can't be reached or prepared; the availability is left to the caller.
    pub(super) async fn run(&self) -> anyhow::Result<Option<PlainKey>> {
        self.store.connect().await?;
        let store = self.store.preparing();
        if self.config.database.migrate {
            Box::pin(self.migrate(&store)).await?;
            if self.config.database.timescaledb {
                Box::pin(use_timescaledb(&store, &self.config.retention)).await;
            }
        } else {
            let pending = store.schema_state().await?.pending.len();
            if pending > 0 {
                return Err(StoreError::from(SchemaError::Pending(pending)).into());
            }
        }
        let key = first_admin::create(&store, &self.config).await?;
        store.refresh_auth_revision().await?;
        self.store.set_availability(Availability::Ready);
        Ok(key)
    }

    /// Brings the schema up to date, after a backup.
    async fn migrate(&self, store: &Store) -> anyhow::Result<()> {
        let backup = &self.config.backup;
        let scope = match backup.before_migration {
            BeforeMigration::All => Some(BackupScope::All),
            BeforeMigration::Security => Some(BackupScope::Security),
            BeforeMigration::Off => None,
        };
        let steps = Steps::new(store);
        let run = Run {
            progress: &steps,
            ..Run::default()
        };
        let mut saved = false;
        let migrated = store
            .migrate_as(&run, async |store: &Store| {
                let Some(scope) = scope else { return Ok(()) };
                let order = BackupOrder {
                    folder: &backup.directory,
                    scope,
                    reason: Reason::Migration,
                    progress: &steps,
                };
                let info = backup::create(store, order).await?;
                saved = true;
                tracing::info!(path = %info.path.display(), "made a backup before the migration");
                Ok::<_, BackupError>(())
            })
            .await?;
        if let MigrationOutcome::From(from, to) = migrated {
            tracing::info!(from, to, "migrated the database");
        }
        if saved {
            let rule = measuring::automatic(backup);
            let pruned = backups::prune(store, backup.directory.clone(), rule);
            if let Err(error) = pruned.await {
                tracing::warn!(%error, "can't delete old backups");
            }
        }
        Ok(())
    }
}

/// Plain tables do as well, so a failure is no reason not to start.
async fn use_timescaledb(store: &Store, retention: &Retention) {
    match store.use_timescaledb().await {
        Ok(found) if found.is_used() => {
            keep_chunks(store, retention).await;
            let version = found.version.unwrap_or_default();
            tracing::info!(version, "measurements are stored by TimescaleDB");
        }
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(%error, "TimescaleDB can't be used; measurements stay in plain tables");
        }
    }
}

/// Has TimescaleDB itself delete what is too old, where this account owns the tables: the daemon that cleans
/// up may have another.
pub async fn keep_chunks(store: &Store, retention: &Retention) {
    let keep = async {
        if store.owns_schema().await? {
            for (resolution, keep) in [
                (Resolution::Minute, retention.minutes),
                (Resolution::Hour, retention.hours),
                (Resolution::Day, retention.days),
            ] {
                store.keep_chunks(resolution, keep).await?;
            }
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = keep.await {
        tracing::warn!(%error, "can't set the retention of TimescaleDB");
    }
}

/// Shows the steps of the preparation: to systemd, and in `/readyz`.
struct Steps<'a> {
    store: &'a Store,
    /// The kind of the step that systemd was last notified of, and when.
    sent: Mutex<Option<(String, Instant)>>,
}

/// A step like the one before is shown by systemd only when that one took this long: few messages fit into
/// the queue of its socket, and a process that fills it stands still until systemd has read them.
const STEP_SHOWN: Duration = Duration::from_millis(250);

impl<'a> Steps<'a> {
    fn new(store: &'a Store) -> Self {
        Self {
            store,
            sent: Mutex::default(),
        }
    }

    /// Whether systemd is to be notified of this step.
    fn is_shown(&self, step: &str) -> bool {
        let kind = step.split(' ').next().unwrap_or_default();
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_shown = sent
            .as_ref()
            .is_none_or(|(last, time)| last != kind || time.elapsed() >= STEP_SHOWN);
        if is_shown {
            *sent = Some((kind.to_owned(), Instant::now()));
        }
        is_shown
    }
}

impl Progress for Steps<'_> {
    fn begin(&self, step: &str, _total: Option<u64>) {
        if self.is_shown(step) {
            systemd::notify_status(&format!("preparing the database: {step}"));
        }
        self.store
            .set_availability(Availability::Preparing { step: step.into() });
    }

    fn advance(&self, _rows: u64) {}

    fn end(&self) {}
}
