//! Which database and which directory of backups the commands work on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::cli::database::{actor, become_owner, data_directory, must_exist};
use crate::cli::{Context, output};
use linux_api_config::{BeforeMigration, LoadedConfig};
use linux_api_daemon::run::database::options;
use linux_api_daemon::telemetry;
use linux_api_store::backup::{self, BackupError, BackupOrder, BackupScope, Reason};
use linux_api_store::{Options as StoreOptions, Store};
use linux_api_wire::audit::{Action, Actor};
use linux_api_wire::progress::Progress;
use linux_api_wire::time::Clock;

/// The configured database and the directory of its backups.
pub(super) struct DatabaseContext {
    pub(super) loaded: LoadedConfig,
    pub(super) options: StoreOptions,
    /// The Linux account that gave the command.
    pub(super) actor: Actor,
    /// Writes to the log what is written to the audit log.
    _log: telemetry::Guard,
}

impl DatabaseContext {
    /// Reads the configuration and names the database on standard error.
    ///
    /// Root first becomes the owner of the SQLite file, or else of the backup directory, so that
    /// nothing is left behind which the daemon can't write: this call then does not return, the
    /// program starts again.
    pub(super) fn of(ctx: &Context) -> anyhow::Result<Self> {
        let loaded = ctx.load(Vec::new())?;
        let options = options(&loaded.config.database);
        let (anchor, data) = match options.sqlite_path()? {
            Some(path) => {
                let data = data_directory(&path, &loaded);
                (path, data)
            }
            None => (
                loaded.config.backup.directory.clone(),
                loaded.data_dir.clone(),
            ),
        };
        if let Some(path) = nearest(&anchor) {
            become_owner(&path, &data, &loaded, ctx)?;
        }
        output::note(&format!("database: {}", loaded.config.database.url));
        let log = &loaded.config.log;
        let log = telemetry::init_for_command(log.level.as_str(), log.format, ctx.log_sink())
            .context("start logging")?;
        Ok(Self {
            loaded,
            options,
            actor: actor(ctx),
            _log: log,
        })
    }

    /// Opens the database, whatever its schema; an SQLite file must exist.
    pub(super) async fn open(&self) -> anyhow::Result<Store> {
        self.must_exist()?;
        Ok(Store::open(self.options.clone(), Clock::system()).await?)
    }

    /// The same, and refuses while a daemon uses it.
    pub(super) async fn open_alone(&self) -> anyhow::Result<Store> {
        self.must_exist()?;
        Ok(Store::open_alone(self.options.clone(), Clock::system()).await?)
    }

    fn must_exist(&self) -> anyhow::Result<()> {
        match self.options.sqlite_path()? {
            Some(path) => must_exist(&path),
            None => Ok(()),
        }
    }

    /// Whether the database is an SQLite file that is still to be made.
    pub(super) fn is_new(&self) -> anyhow::Result<bool> {
        let path = self.options.sqlite_path()?;
        Ok(path.is_some_and(|path| matches!(path.try_exists(), Ok(false))))
    }

    /// Opens the database, and makes an SQLite file that is not there yet.
    pub(super) async fn open_or_make(&self) -> anyhow::Result<Store> {
        if !self.is_new()? {
            self.must_exist()?;
        }
        Ok(Store::open(self.options.clone(), Clock::system()).await?)
    }

    /// Makes the backup that comes before a change of the schema, unless the configuration says
    /// that there is to be none.
    pub(super) async fn save_before(
        &self,
        store: &Store,
        reason: Reason,
        progress: &dyn Progress,
    ) -> Result<(), BackupError> {
        let scope = match self.loaded.config.backup.before_migration {
            BeforeMigration::All => BackupScope::All,
            BeforeMigration::Security => BackupScope::Security,
            BeforeMigration::Off => return Ok(()),
        };
        let order = BackupOrder {
            folder: self.backups(),
            scope,
            reason,
            progress,
        };
        let info = backup::create(store, order).await?;
        output::note(&format!("backup: {}", info.path.display()));
        Ok(())
    }

    /// A backup that was named: a path when there is a slash in it, else one in the directory.
    pub(super) fn backup(&self, named: &Path) -> anyhow::Result<PathBuf> {
        find(self.backups(), named)
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
            // The user sees what failed, and that matters more than the log.
            Err(_) if failed => Ok(()),
            noted => noted.context("note it in the audit log"),
        }
    }

    /// Notes why something was not done, in a database that this command does not have open. The
    /// user is informed in any case.
    pub(super) async fn note_refused(
        &self,
        database: StoreOptions,
        action: Action,
        target: &str,
        error: &impl std::fmt::Display,
    ) {
        if let Ok(store) = Store::open(database, Clock::system()).await {
            let outcome = Err(format!("{error:#}"));
            // It may be what is broken.
            let _ = store.audit(&self.actor, action, target, outcome).await;
            store.close().await;
        }
    }

    /// The directory of the backups.
    pub(super) fn backups(&self) -> &Path {
        &self.loaded.config.backup.directory
    }
}

/// The path itself, or the nearest directory above it that exists.
fn nearest(path: &Path) -> Option<PathBuf> {
    let found = path.ancestors().find(|path| path.exists());
    found.map(Path::to_owned)
}

/// The directory of a backup. A name leads to a directory of its own below `folder` and nowhere else.
fn find(folder: &Path, named: &Path) -> anyhow::Result<PathBuf> {
    let text = named.to_string_lossy();
    if text.contains('/') {
        return Ok(named.to_owned());
    }
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = (1..=100).contains(&text.len())
        && text.bytes().all(is_usual)
        && !matches!(&*text, "." | "..");
    let path = folder.join(named);
    // Of the entry itself: a link could lead anywhere.
    let is_there =
        is_name && std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
    if !is_there {
        bail!(
            "there is no backup {text:?} in {}; `linux-api db backups` lists them",
            folder.display()
        );
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_a_folder_of_its_own_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let backups = folder.path().join("backups");
        for name in ["2026-11-23T07-02-00.000Z-r7", "plain"] {
            std::fs::create_dir_all(backups.join(name)).unwrap();
            let found = find(&backups, Path::new(name)).unwrap();
            assert_eq!(found, backups.join(name));
        }
        std::os::unix::fs::symlink(folder.path(), backups.join("link")).unwrap();
        std::fs::write(backups.join("file"), "").unwrap();
        std::fs::create_dir(backups.join("with space")).unwrap();
        let long = "a".repeat(101);
        for name in [
            "",
            ".",
            "..",
            "link",
            "file",
            "none",
            "with space",
            "a\0b",
            "..\\..",
            "%2e%2e",
            "..%00",
            "-",
            "a\nb",
            "\u{202e}r",
            &long,
        ] {
            let error = find(&backups, Path::new(name)).unwrap_err().to_string();
            assert!(error.contains("there is no backup"), "{name}: {error}");
        }
        let path = Path::new("./plain");
        assert_eq!(find(&backups, path).unwrap(), path);
    }
}
