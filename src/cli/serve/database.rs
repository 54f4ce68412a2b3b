//! The database at the start: opened, saved, brought up to date.

use secrecy::SecretString;

use super::systemd::StartSteps;
use super::{Demo, measuring};
use crate::backup::{self, BackupError, Order, Reason, Scope};
use crate::config::{BeforeMigration, Config, DatabaseUrl};
use crate::model::time::Clock;
use crate::store::migrations::{Migrated, Run, SchemaError};
use crate::store::{Options, Store, StoreError};
use crate::tasks::backups;

/// Opens the database with a schema that is up to date, or refuses where it may not change that.
pub(super) async fn open(
    config: &Config,
    demo: Option<&Demo>,
    clock: &Clock,
) -> anyhow::Result<Store> {
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
        ..super::super::database::options(database)
    };
    let store = Store::open(options, clock.clone()).await?;
    if database.migrate {
        Box::pin(migrate(&store, config)).await?;
        if database.timescaledb {
            Box::pin(use_timescaledb(&store)).await;
        }
    } else {
        let pending = store.schema_state().await?.pending.len();
        if pending > 0 {
            return Err(StoreError::from(SchemaError::Pending(pending)).into());
        }
    }
    Ok(store)
}

/// Brings the schema up to date, after a backup.
async fn migrate(store: &Store, config: &Config) -> anyhow::Result<()> {
    let folder = &config.backup.directory;
    let scope = match config.backup.before_migration {
        BeforeMigration::All => Some(Scope::All),
        BeforeMigration::Security => Some(Scope::Security),
        BeforeMigration::Off => None,
    };
    let run = Run {
        progress: &StartSteps,
        ..Run::default()
    };
    let mut saved = false;
    let migrated = store
        .migrate_as(&run, async |store: &Store| {
            let Some(scope) = scope else { return Ok(()) };
            let order = Order {
                folder,
                scope,
                reason: Reason::Migration,
                progress: &StartSteps,
            };
            let info = backup::create(store, order).await?;
            saved = true;
            tracing::info!(path = %info.path.display(), "made a backup before the migration");
            Ok::<_, BackupError>(())
        })
        .await?;
    if let Migrated::From(from, to) = migrated {
        tracing::info!(from, to, "migrated the database");
    }
    if saved {
        let pruned = backups::prune(store, folder.clone(), measuring::automatic(&config.backup));
        if let Err(error) = pruned.await {
            tracing::warn!(%error, "can't delete old backups");
        }
    }
    Ok(())
}

/// Plain tables do as well, so a failure is no reason not to start.
async fn use_timescaledb(store: &Store) {
    match store.use_timescaledb().await {
        Ok(found) if found.is_used() => {
            tracing::info!(version = ?found.version, "TimescaleDB keeps the measurements");
        }
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(%error, "TimescaleDB can't be used; measurements stay in plain tables");
        }
    }
}
