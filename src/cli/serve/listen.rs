//! Where the daemon listens.

use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use anyhow::Context as _;
use tokio::net::{TcpListener, UnixListener};

use crate::config::Config;
use crate::server::Listener;

pub(super) async fn bind(config: &Config) -> anyhow::Result<Vec<Listener>> {
    let address = config.server.listen;
    if !address.ip().is_loopback() {
        anyhow::bail!(
            "server.listen is {address}: without TLS this daemon only listens on loopback"
        );
    }
    let tcp = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address} (server.listen)"))?;
    let mut listeners = vec![Listener::Tcp(tcp)];
    if let Some(path) = &config.server.unix {
        listeners.push(Listener::Unix(bind_unix(path)?));
    }
    Ok(listeners)
}

fn bind_unix(path: &Path) -> anyhow::Result<UnixListener> {
    let explain = || format!("listen on {} (server.unix)", path.display());
    // Only a socket is replaced: anything else there is somebody's file.
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            anyhow::bail!("{}: there is a file that is no socket", explain());
        }
        std::fs::remove_file(path).with_context(explain)?;
    }
    let listener = UnixListener::bind(path).with_context(explain)?;
    // Who may do what is decided by the account of the caller, not by who may connect.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).with_context(explain)?;
    Ok(listener)
}

pub(super) fn announce(listeners: &[Listener]) -> anyhow::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for listener in listeners {
        if let Listener::Tcp(tcp) = listener {
            let address = tcp.local_addr().context("ask for the own address")?;
            tracing::info!(%address, "listening");
            addresses.push(address);
        } else {
            tracing::info!("listening on the Unix socket");
        }
    }
    Ok(addresses)
}
