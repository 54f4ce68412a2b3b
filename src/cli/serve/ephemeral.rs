//! `linux-api serve --ephemeral`: a daemon for this account alone that keeps nothing.

use std::fs::{DirBuilder, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::super::{Context, output};
use linux_api_config::{Config, Environment, Sources};
use linux_api_daemon::run::ephemeral::Ephemeral;
use linux_api_daemon::telemetry;

/// The socket, in a directory of its own.
const SOCKET: &str = "api.sock";

pub(super) async fn run(
    ctx: &Context,
    unix: Option<String>,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let config = configuration(ctx)?;
    // The terminal or the line is gone, and with it who wanted the daemon.
    let mut hangup = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    let (level, format) = (config.log.level.as_str(), config.log.format);
    let _telemetry = telemetry::init(level, format, ctx.log_sink()).context("start logging")?;
    let folder = match unix {
        Some(_) => None,
        None => Some(SocketDirectory::make(&ctx.environment)?),
    };
    let path = match (&unix, &folder) {
        (Some(path), _) => std::path::absolute(path).context("find the socket's path")?,
        (None, Some(folder)) => folder.0.join(SOCKET),
        (None, None) => anyhow::bail!("there is no directory for the socket"),
    };
    let daemon = tokio::select! {
        started = Ephemeral::start_at(&config, &path) => started?,
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    let shown = path.display();
    output::text(&format!(
        "linux-api listens on unix:{shown}; look with: linux-api tui unix:{shown}"
    ))?;
    tokio::select! {
        () = stop.cancelled() => {}
        _ = hangup.recv() => {}
        () = daemon.ended() => {}
    }
    daemon.stop().await?;
    drop(folder);
    Ok(ExitCode::SUCCESS)
}

/// What the file that `--config` names and the environment say. The files of the system and of the user
/// are for daemons that last, and this account may not be allowed to read the first.
fn configuration(ctx: &Context) -> anyhow::Result<Config> {
    let loaded = Config::load(&Sources {
        config_path: ctx.options.config.clone(),
        environment: Environment {
            system_config: None,
            user_config: None,
            ..ctx.environment.clone()
        },
        flags: ctx.options.flags(),
    })?;
    Ok(loaded.config)
}

/// The directory of the socket, which no other account may enter. It is removed at the end, unless
/// there is something else in it.
struct SocketDirectory(PathBuf);

impl SocketDirectory {
    /// In the user's runtime directory, else in `/tmp`. Its name is the same each time, so that the
    /// next start finds what one that was killed left behind.
    fn make(environment: &Environment) -> anyhow::Result<Self> {
        let runtime = environment.text("XDG_RUNTIME_DIR").map(PathBuf::from);
        // Under sudo it may be that of another account.
        let runtime = runtime.filter(|path| path.is_absolute() && is_own_folder(path));
        let path = runtime.map_or_else(
            || {
                let uid = rustix::process::geteuid().as_raw();
                PathBuf::from(format!("/tmp/linux-api-{uid}"))
            },
            |runtime| runtime.join("linux-api"),
        );
        Self::make_at(path)
    }

    fn make_at(path: PathBuf) -> anyhow::Result<Self> {
        let explain = || format!("make {} for the socket", path.display());
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                anyhow::ensure!(
                    is_own_folder(&path),
                    "{}: what is there is not a directory of this account that others can't write; \
                     choose a path by --unix",
                    explain()
                );
            }
            Err(error) => return Err(error).with_context(explain),
        }
        Ok(Self(path))
    }
}

impl Drop for SocketDirectory {
    fn drop(&mut self) {
        // Fails when there is something in it.
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Whether a path is a directory, no link to one, that belongs to this account and that no other can
/// write.
fn is_own_folder(path: &Path) -> bool {
    let is_own = |found: Metadata| {
        let is_private = found.mode() & 0o022 == 0;
        found.is_dir() && is_private && found.uid() == rustix::process::geteuid().as_raw()
    };
    std::fs::symlink_metadata(path).is_ok_and(is_own)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_directory_that_others_can_write_or_a_link_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("linux-api");
        let folder = SocketDirectory::make_at(path.clone()).unwrap();
        let mode = std::fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        // Left behind by a start that was killed.
        std::fs::write(path.join(SOCKET), "").unwrap();
        let again = SocketDirectory::make_at(path.clone()).unwrap();
        drop(folder);
        assert!(path.exists(), "it is not empty");
        std::fs::remove_file(path.join(SOCKET)).unwrap();
        drop(again);
        assert!(!path.exists());

        std::fs::create_dir(&path).unwrap();
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&path, open).unwrap();
        assert!(SocketDirectory::make_at(path.clone()).is_err());
        std::fs::remove_dir(&path).unwrap();
        let elsewhere = root.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(SocketDirectory::make_at(path).is_err());
    }
}
