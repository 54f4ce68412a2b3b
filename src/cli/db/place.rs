//! Which database and which folder of backups the commands work on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::cli::database::{actor, become_owner, options};
use crate::cli::{Context, output};
use crate::config::Loaded;
use crate::model::audit::{Action, Actor};
use crate::model::time::Clock;
use crate::store::{self, Store};

/// The configured database and the folder of its backups.
pub(super) struct Place {
    pub(super) loaded: Loaded,
    pub(super) options: store::Options,
    /// The Linux account that gave the command.
    pub(super) actor: Actor,
}

impl Place {
    /// Reads the configuration and names the database on standard error.
    ///
    /// Root first becomes the owner of the SQLite file, or else of the backup folder, so that
    /// nothing is left behind which the daemon can't write: this call then does not return, the
    /// program starts anew.
    pub(super) fn of(ctx: &Context) -> anyhow::Result<Self> {
        let loaded = ctx.load(Vec::new())?;
        let options = options(&loaded.config.database);
        let anchor = match options.sqlite_path()? {
            Some(path) => path,
            None => loaded.config.backup.directory.clone(),
        };
        if let Some(path) = nearest(&anchor) {
            become_owner(&path, ctx)?;
        }
        output::note(&format!("database: {}", loaded.config.database.url));
        Ok(Self {
            loaded,
            options,
            actor: actor(ctx),
        })
    }

    /// Opens the database, whatever its schema; an SQLite file must exist.
    pub(super) async fn open(&self) -> anyhow::Result<Store> {
        if let Some(path) = self.options.sqlite_path()?.filter(|path| !path.exists()) {
            bail!(
                "there is no database {} yet: start the daemon once, or name another one by \
                 --config or LINUX_API__DATABASE__URL",
                path.display()
            );
        }
        Ok(Store::open(self.options.clone(), Clock::system()).await?)
    }

    /// Notes what was done, or why it was not.
    pub(super) async fn audit(
        &self,
        store: &Store,
        action: Action,
        target: &str,
        outcome: Result<String, impl std::fmt::Display>,
    ) -> anyhow::Result<()> {
        let outcome = outcome.map_err(|error| format!("{error:#}"));
        let failed = outcome.is_err();
        let noted = store.audit(&self.actor, action, target, outcome).await;
        match noted {
            // What failed is told to the person, and that matters more than the log.
            Err(_) if failed => Ok(()),
            noted => noted.context("note it in the audit log"),
        }
    }

    /// The folder of the backups.
    pub(super) fn backups(&self) -> &Path {
        &self.loaded.config.backup.directory
    }
}

/// The path itself, or the nearest folder above it that exists.
fn nearest(path: &Path) -> Option<PathBuf> {
    let found = path.ancestors().find(|path| path.exists());
    found.map(Path::to_owned)
}
