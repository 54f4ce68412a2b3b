//! The configured database, opened by an administrator while the daemon may be running.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::{Context, output};
use linux_api_config::{DATABASE_FILE, LoadedConfig};
use linux_api_daemon::run::database::options;
use linux_api_daemon::telemetry;
use linux_api_store::migrations::SchemaError;
use linux_api_store::{Store, StoreError};
use linux_api_wire::audit::Actor;
use linux_api_wire::time::Clock;

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
    /// the daemon can't write: this call then does not return, the program starts again.
    pub(super) async fn open(ctx: &Context) -> anyhow::Result<Self> {
        let loaded = ctx.load(Vec::new())?;
        let database = &loaded.config.database;
        let options = options(database);
        if let Some(path) = options.sqlite_path()? {
            must_exist(&path)?;
            become_owner(&path, &data_directory(&path, &loaded), &loaded, ctx)?;
        }
        let log = &loaded.config.log;
        let log = telemetry::init_for_command(log.level.as_str(), log.format, ctx.log_sink())
            .context("start logging")?;
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

/// Refuses a database that is not there, and one that this account may not look at.
pub(super) fn must_exist(path: &Path) -> anyhow::Result<()> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => bail!(
            "there is no database {} yet: start the daemon once, or name another one by --config or \
             LINUX_API__DATABASE__URL",
            path.display()
        ),
        Err(error) => bail!(
            "this account may not look at the database {}: {error}. Run the command with sudo, or as \
             the account of the daemon",
            path.display()
        ),
    }
}

/// Where the daemon of an SQLite database keeps its data: the directory of the file, when it is called as
/// the daemon calls it.
pub(super) fn data_directory(path: &Path, loaded: &LoadedConfig) -> PathBuf {
    let is_usual = path.file_name() == Some(OsStr::new(DATABASE_FILE));
    let folder = path.parent().filter(|_| is_usual);
    folder.map_or_else(|| loaded.data_dir.clone(), Path::to_owned)
}

/// Restarts the program as the owner of `path`, when root runs it and another account owns that, with
/// the owner's home in place of root's and `data` for the directory of the daemon's data.
///
/// # Errors
/// When that fails; nothing was changed.
pub(super) fn become_owner(
    path: &Path,
    data: &Path,
    loaded: &LoadedConfig,
    ctx: &Context,
) -> anyhow::Result<()> {
    let owner = std::fs::metadata(path).with_context(|| format!("look at {}", path.display()))?;
    if !rustix::process::geteuid().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    if ctx.options.acting_uid.is_some() {
        bail!("can't become the owner of {}", path.display());
    }
    // By itself, not by its path: the owner may not come to the directory of root that it lies in.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0(std::env::args_os().next().unwrap_or_default())
        .arg(format!(
            "--acting-uid={}",
            rustix::process::getuid().as_raw()
        ));
    // What was found by root's home would not be found by the owner's.
    if let (Some(file), None) = (&loaded.file, &ctx.options.config) {
        command.arg("--config").arg(file);
    }
    for variable in ROOTS_OWN {
        command.env_remove(variable);
    }
    let failed = command
        .args(std::env::args_os().skip(1))
        .env("HOME", home_of(owner.uid()))
        .env("STATE_DIRECTORY", data)
        .uid(owner.uid())
        .gid(owner.gid())
        .exec();
    Err(failed).with_context(|| format!("become the owner of {}", path.display()))
}

/// Variables that lead to files of root.
const ROOTS_OWN: [&str; 6] = [
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// The home of a local account; the root directory, which holds none of its files, when it has none.
fn home_of(uid: u32) -> String {
    account_field(uid, 5).unwrap_or_else(|| "/".to_owned())
}

/// The name of a local account, else its number.
fn account_name(uid: u32) -> String {
    account_field(uid, 0).unwrap_or_else(|| uid.to_string())
}

/// A field of the line of a local account, see passwd(5).
fn account_field(uid: u32, field: usize) -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut lines = accounts.lines().map(|line| line.split(':'));
    let mut found = lines.find(|fields| {
        let number = fields.clone().nth(2).and_then(|text| text.parse().ok());
        number == Some(uid)
    })?;
    found.nth(field).map(str::to_owned)
}
