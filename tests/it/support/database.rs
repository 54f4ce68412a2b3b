//! An empty database for one test, on either engine.
//!
//! Use it from a test crate with `#[path = "../support/database.rs"] mod database;`, beside
//! `mod postgres;`, and declare it after that one.

use std::convert::Infallible;
use std::time::Duration;

use linux_api_store::{Engine, Options, Store};
use tempfile::TempDir;

use crate::support::postgres;

/// Makes `sqlite::name` and `postgres::name` of each test function that takes a [`Database`].
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::database::Database::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::database::Database::postgres()).await;
            })*
        }
    };
}

/// An empty database.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) engine: Engine,
    /// Holds the file of SQLite, and whatever else the test wants to put there.
    pub(crate) folder: TempDir,
    /// Through which the store reaches it, if through one.
    pub(crate) pooler: Option<String>,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            url: format!("sqlite://{}/data/linux-api.db", folder.path().display()),
            engine: Engine::Sqlite,
            folder,
            pooler: None,
        }
    }

    pub(crate) fn postgres() -> Self {
        Self {
            url: postgres::fresh_database(),
            engine: Engine::Postgres,
            folder: tempfile::tempdir().unwrap(),
            pooler: None,
        }
    }

    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new(self.pooler.as_ref().unwrap_or(&self.url).as_str());
        if self.pooler.is_some() {
            options.pooler = true;
            options.direct_url = Some(self.url.clone().into());
        }
        // The machine that runs the tests may be busy.
        options.deadline = Duration::from_secs(30);
        options
    }
}

pub(crate) async fn no_backup(_: &Store) -> Result<(), Infallible> {
    Ok(())
}

/// The URL in a variable of the environment, by which a test passes a database to a process of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that is started by another reads what that one set"
)]
pub(crate) fn named_by(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
