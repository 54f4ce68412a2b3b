//! The key of the first admin, shown once.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context as _;
use secrecy::SecretString;

use crate::cli::remotes::FIRST_KEY_FILE;
use crate::cli::{Context, output};
use linux_api_auth::key::PlainKey;
use linux_api_client::keys::KeyPlace;
use linux_api_client::local;
use linux_api_config::LoadedConfig;
use linux_api_daemon::run::database::options;
use linux_api_daemon::run::first_admin::LateKey;
use linux_api_daemon::run::listen::Addresses;

/// How the first admin's key is shown when it is created after the start: in a private file when
/// standard output is the journal, which others may read, or nothing, as it is for a daemon in the
/// background. Decided by what standard output is now; `is_detached` when it is let go of later.
pub(super) fn late_key(loaded: &LoadedConfig, ctx: &Context, is_detached: bool) -> LateKey {
    let needs_file = is_detached || output_is_journal(ctx);
    let file = needs_file.then(|| loaded.data_dir.join(FIRST_KEY_FILE));
    LateKey::new(move |key| match &file {
        Some(path) => keep(path, key).inspect(|()| {
            tracing::warn!(
                path = %path.display(),
                "created the first admin; its key is in a file: remove it after reading"
            );
        }),
        None => output::text(&format!(
            "The database is ready. The key of the first admin, shown only once:\n\n{}\n",
            key.expose()
        )),
    })
}

fn keep(path: &Path, key: &PlainKey) -> anyhow::Result<()> {
    write_private(path, key.expose())
        .with_context(|| format!("write the first key to {}", path.display()))
}

/// Shows the first admin's key once: on standard output, or in a private file when that is the
/// journal, which others may read. On standard output it is offered to this user's keyring too, so
/// that `linux-api tui` finds it.
pub(super) async fn show_key(
    loaded: &LoadedConfig,
    ctx: &Context,
    key: Option<&PlainKey>,
    addresses: &Addresses,
) -> anyhow::Result<()> {
    let Some(key) = key else {
        let mut text = format!("linux-api listens on {addresses}\n");
        // Elsewhere it is a line of a log.
        if io::stdout().is_terminal() {
            let _ = write!(text, "\n{}", where_to_go(loaded, addresses, false));
        }
        return output::text(&text);
    };
    if output_is_journal(ctx) {
        let path = loaded.data_dir.join(FIRST_KEY_FILE);
        keep(&path, key)?;
        return output::text(&format!(
            "linux-api listens on {addresses}\n\
             The first admin's key is in {}; remove the file once you have it.",
            path.display()
        ));
    }
    let demo = loaded.config.demo.enabled;
    let listen = loaded.config.server.listen;
    // A daemon whose port changes at each start can't be found again, and a demo's key is of no
    // use after it.
    let expected = format!("http://{listen}");
    let kept = if addresses.url() == Some(expected) && !demo {
        offer(ctx, key, listen).await
    } else {
        String::new()
    };
    let next = where_to_go(loaded, addresses, true);
    output::text(&format!(
        "linux-api listens on {addresses}\n\nThe key of the first admin, shown only once:\n\n\
         {key}\n\n{kept}{next}",
        key = key.expose(),
    ))
}

/// Dashboard, API, documentation and data, a line each.
fn where_to_go(loaded: &LoadedConfig, addresses: &Addresses, is_new: bool) -> String {
    let mut text = String::from("  dashboard  linux-api tui\n");
    if let Some(url) = addresses.url() {
        if is_new {
            // No key in an argument, which every account of the host can read, and nothing that
            // only one shell understands: curl reads the header from the terminal.
            let _ = writeln!(
                text,
                "  API        curl -H @- {url}/api/v1/system/info/uptime\n             \
                 (then type X-API-Key: KEY, Enter, Ctrl-D)"
            );
        }
        if loaded.config.docs.enabled {
            let _ = writeln!(text, "  docs       {url}/docs");
        }
    }
    let file = options(&loaded.config.database).sqlite_path();
    if let (Ok(Some(path)), false) = (file, loaded.config.demo.enabled) {
        let _ = writeln!(text, "  data       {}", path.display());
    }
    text
}

/// Keeps the key for this user's `linux-api tui` and says where.
async fn offer(ctx: &Context, key: &PlainKey, listen: SocketAddr) -> String {
    let secret = SecretString::from(key.expose());
    let name = local::key_name(listen);
    match ctx.keys().keep(&name, &secret).await {
        Ok(place) => {
            let note = match place {
                KeyPlace::Kernel => " until the next reboot",
                KeyPlace::SecretService | KeyPlace::File => "",
            };
            format!("It is kept in {place}{note}, where the dashboard finds it.\n\n")
        }
        Err(error) => {
            tracing::debug!(%error, "the first key is not in a keyring");
            format!(
                "No keyring is available to store it. For the dashboard, keep it with:\n\n  \
                 linux-api remote add local http://{listen} --key-file\n\n"
            )
        }
    }
}

fn output_is_journal(ctx: &Context) -> bool {
    rustix::fs::fstat(io::stdout())
        .is_ok_and(|output| ctx.environment.is_journal(output.st_dev, output.st_ino))
}

/// Writes a new file that only this user can read, whatever was there before.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn an_old_key_file_does_not_lend_its_rights_to_the_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first-admin-key");
        std::fs::write(&path, "old").unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
    }
}
