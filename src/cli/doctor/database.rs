//! Whether the database responds, what it is, and whether its schema fits.

use crate::cli::{Context, database};
use linux_api_config::LoadedConfig;
use linux_api_store::migrations::SchemaState;
use linux_api_store::{Store, StoreError};
use linux_api_wire::time::Clock;

use super::{Finding, Verdict};

const DATABASE: &str = "database";
const MIGRATIONS: &str = "migrations";

/// Opens the configured database; nothing when its file does not exist yet. When run as root, it first
/// switches to the owner of the file; this call then does not return.
pub(super) async fn open(
    ctx: &Context,
    loaded: &LoadedConfig,
) -> anyhow::Result<Option<Result<Store, StoreError>>> {
    let options = linux_api_daemon::run::database::options(&loaded.config.database);
    match options.sqlite_path() {
        Ok(Some(path)) => match path.try_exists() {
            Ok(true) => {
                let data = database::data_directory(&path, loaded);
                database::become_owner(&path, &data, loaded, ctx)?;
            }
            Ok(false) => return Ok(None),
            Err(error) => {
                let message = format!("can't look at {}: {error}", path.display());
                return Ok(Some(Err(StoreError::Unusable(message))));
            }
        },
        Ok(None) => {}
        Err(error) => return Ok(Some(Err(error))),
    }
    Ok(Some(Store::open(options, Clock::system()).await))
}

pub(super) async fn check(
    loaded: &LoadedConfig,
    opened: Option<&Result<Store, StoreError>>,
) -> Vec<Finding> {
    let url = &loaded.config.database.url;
    let store = match opened {
        None => {
            return vec![Finding::warn(
                DATABASE,
                format!("there is no {url} yet"),
                "start the daemon, which creates it: linux-api serve",
            )];
        }
        Some(Err(error)) => return vec![unreachable(&url.to_string(), error)],
        Some(Ok(store)) => store,
    };
    let described = match store.describe().await {
        Ok(described) => described,
        Err(error) => return vec![unreachable(&url.to_string(), &error)],
    };
    let mut what = format!("{} {}", store.engine().as_str(), described.version);
    if let Some(version) = described.timescaledb {
        what = format!("{what} with TimescaleDB {version}");
    }
    let last_failure = last_failure(store).await;
    let mut schema = schema(store.schema_state().await, last_failure);
    let may_migrate =
        loaded.config.database.owner_url.is_some() || store.owns_schema().await.unwrap_or(true);
    if schema.result == Verdict::Warn && !may_migrate {
        let advice =
            "run `linux-api db migrate` where database.owner_url is the owner of the schema";
        schema.advice = Some(advice.to_owned());
    }
    vec![Finding::ok(DATABASE, format!("{what} at {url}")), schema]
}

fn unreachable(url: &str, error: &StoreError) -> Finding {
    let advice = match error {
        StoreError::Unavailable(_) | StoreError::DeadlineExceeded(_) => {
            "check that the server runs and that database.url is right; the daemon waits for it"
        }
        StoreError::Full(_) => "free space on the disk of the database",
        _ => "check database.url, and that this account may use it",
    };
    Finding::fail(DATABASE, format!("{url}: {error}"), advice)
}

/// What the newest attempt at a migration said, when it failed.
async fn last_failure(store: &Store) -> Option<String> {
    let newest = store.list_migration_log(1).await.ok()?.into_iter().next()?;
    let error = newest.error.unwrap_or_default();
    (newest.status == "failed").then(|| {
        format!(
            "migration {} {} failed at {}: {error}",
            newest.revision, newest.direction, newest.finished_at
        )
    })
}

fn schema(state: Result<SchemaState, StoreError>, last_failure: Option<String>) -> Finding {
    let state = match state {
        Ok(state) => state,
        Err(error) => {
            let advice = match &error {
                StoreError::Schema(_) => {
                    "run the version of the program that this schema belongs to"
                }
                _ => "check that the database is intact; restore a backup if it is not",
            };
            return Finding::fail(MIGRATIONS, error.to_string(), advice);
        }
    };
    if let Some(failure) = last_failure {
        return Finding::fail(
            MIGRATIONS,
            failure,
            "fix what it reports and start the daemon again; nothing was changed",
        );
    }
    if state.pending.is_empty() {
        return Finding::ok(MIGRATIONS, format!("revision {}", state.current));
    }
    Finding::warn(
        MIGRATIONS,
        format!(
            "revision {}, {} pending up to {}",
            state.current,
            state.pending.len(),
            state.known
        ),
        "start the daemon, which applies them after a backup: linux-api serve",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_store::migrations::SchemaError;

    fn state(current: i64, pending: &[i64]) -> SchemaState {
        SchemaState {
            current,
            known: 2,
            pending: pending.to_vec(),
        }
    }

    #[test]
    fn a_schema_is_current_or_behind_or_of_another_program() {
        assert_eq!(schema(Ok(state(2, &[])), None).result, Verdict::Ok);
        let behind = schema(Ok(state(1, &[2])), None);
        assert_eq!(behind.result, Verdict::Warn);
        assert_eq!(behind.detail, "revision 1, 1 pending up to 2");
        let newer = Err(SchemaError::TooNew {
            found: 9,
            known: 2,
            min_compatible: 9,
        }
        .into());
        assert_eq!(schema(newer, None).result, Verdict::Fail);
        let failed = schema(Ok(state(1, &[2])), Some("migration 2 up failed".to_owned()));
        assert_eq!(failed.result, Verdict::Fail);
    }
}
