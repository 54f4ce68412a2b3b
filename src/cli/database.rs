//! The configured database, opened by an administrator while the daemon may be running.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::{Context, output};
use crate::config;
use crate::model::audit::Actor;
use crate::model::time::Clock;
use crate::store::migrations::SchemaError;
use crate::store::{self, Store, StoreError};
use crate::telemetry;

/// How the store is opened by this configuration.
pub(super) fn options(database: &config::Database) -> store::Options {
    store::Options {
        url: database.url.expose().to_owned().into(),
        direct_url: database
            .direct_url
            .as_ref()
            .map(|url| url.expose().to_owned().into()),
        pooler: database.pooler,
        pool_size: database.pool_size,
        deadline: database.deadline,
        lock_timeout: database.lock_timeout,
    }
}

/// A database with the schema of this program, and who works on it.
pub(super) struct Administration {
    pub(super) store: Store,
    /// The Linux account that gave the command.
    pub(super) actor: Actor,
    /// Writes to the log what is written to the audit log.
    _log: telemetry::Guard,
}

impl Administration {
    /// Opens the configured database and names it on standard error.
    ///
    /// On SQLite, root first becomes the owner of the file, so that nothing is left behind which
    /// the daemon can't write: this call then does not return, the program starts anew.
    pub(super) async fn open(ctx: &Context) -> anyhow::Result<Self> {
        let loaded = ctx.load(Vec::new())?;
        let database = &loaded.config.database;
        let options = options(database);
        if let Some(path) = options.sqlite_path()? {
            if !path.exists() {
                bail!(
                    "there is no database {} yet: start the daemon once, or name another one by \
                     --config or LINUX_API__DATABASE__URL",
                    path.display()
                );
            }
            become_owner(&path, ctx)?;
        }
        let log = &loaded.config.log;
        let log = telemetry::init(log.level.as_str(), log.format).context("start logging")?;
        let store = Store::open(options, Clock::system()).await?;
        let pending = store.schema_state().await?.pending.len();
        if pending > 0 {
            return Err(StoreError::from(SchemaError::Pending(pending)).into());
        }
        output::note(&format!("database: {}", database.url));
        Ok(Self {
            store,
            actor: actor(ctx),
            _log: log,
        })
    }
}

/// The Linux account that gave the command.
pub(super) fn actor(ctx: &Context) -> Actor {
    let uid = ctx
        .options
        .acting_uid
        .unwrap_or_else(|| rustix::process::getuid().as_raw());
    Actor::local(uid, account_name(uid))
}

/// Starts the program anew as the owner of `path`, when root runs it and somebody else owns that.
///
/// # Errors
/// When that fails; nothing was changed.
pub(super) fn become_owner(path: &Path, ctx: &Context) -> anyhow::Result<()> {
    let owner = std::fs::metadata(path).with_context(|| format!("look at {}", path.display()))?;
    if !rustix::process::geteuid().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    if ctx.options.acting_uid.is_some() {
        bail!("can't become the owner of {}", path.display());
    }
    // By itself, not by its path: the owner may not come to the folder of root that it lies in.
    let failed = Command::new("/proc/self/exe")
        .arg0(std::env::args_os().next().unwrap_or_default())
        .arg(format!(
            "--acting-uid={}",
            rustix::process::getuid().as_raw()
        ))
        .args(std::env::args_os().skip(1))
        .uid(owner.uid())
        .gid(owner.gid())
        .exec();
    Err(failed).with_context(|| format!("become the owner of {}", path.display()))
}

/// The name of a local account, else its number.
fn account_name(uid: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    accounts
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let found: u32 = fields.nth(1)?.parse().ok()?;
            (found == uid).then(|| name.to_owned())
        })
        .unwrap_or_else(|| uid.to_string())
}
