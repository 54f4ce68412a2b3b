//! Where the daemon listens.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use anyhow::Context as _;
use tokio::net::{TcpListener, UnixListener};

use super::systemd::{self, Handed};
use crate::config::{Config, Loaded};
use crate::server::Listener;
use crate::server::tls::Certificates;

/// Everything that the daemon listens on.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listeners: Vec<Listener>,
    pub(super) certificates: Option<Certificates>,
    pub(super) addresses: Addresses,
    /// The path of the Unix socket was made here and not by systemd.
    pub(super) owns_unix_path: bool,
}

impl Bound {
    /// Whether keys travel in the clear to one of the addresses.
    pub(super) fn is_insecure(&self, config: &Config) -> bool {
        let mut addresses = self.addresses.tcp.iter();
        addresses.any(|address| config.server.is_insecure_at(address.ip()))
    }
}

/// Where clients find the daemon, for people: `http://127.0.0.1:8080`.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    scheme: &'static str,
    tcp: Vec<SocketAddr>,
}

impl Addresses {
    /// The first one as a URL.
    pub(super) fn url(&self) -> Option<String> {
        let address = self.tcp.first()?;
        Some(format!("{}://{address}", self.scheme))
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.url() {
            Some(url) => f.write_str(&url),
            None => f.write_str("the Unix socket"),
        }
    }
}

/// Reads the certificate, when one is configured.
pub(super) fn certificates(config: &Config) -> anyhow::Result<Option<Certificates>> {
    match (&config.server.tls_certificate, &config.server.tls_key) {
        (Some(certificate), Some(key)) => {
            let loaded = Certificates::load(certificate, key);
            Ok(Some(
                loaded.context("server.tls_certificate and server.tls_key")?,
            ))
        }
        _ => Ok(None),
    }
}

/// Listens as configured; sockets of systemd take the place of those of their kind.
pub(super) async fn bind(loaded: &Loaded, handed: Handed) -> anyhow::Result<Bound> {
    let config = &loaded.config;
    let certificates = certificates(config)?;
    let mut sockets = Vec::new();
    for socket in handed.tcp {
        sockets.push(systemd::adopt_tcp(socket)?);
    }
    let mut unix = Vec::new();
    for socket in handed.unix {
        unix.push(systemd::adopt_unix(socket)?);
    }
    if sockets.is_empty() {
        let address = config.server.listen;
        let socket = TcpListener::bind(address)
            .await
            .with_context(|| format!("listen on {address} (server.listen)"))?;
        sockets.push(socket);
    }
    let owns_unix_path = unix.is_empty() && config.server.unix.is_some();
    if let Some(path) = config.server.unix.as_ref().filter(|_| owns_unix_path) {
        unix.push(bind_unix(path)?);
    }

    let mut tcp = Vec::new();
    for socket in &sockets {
        let address = socket.local_addr().context("ask for the own address")?;
        refuse_clear_text(loaded, address)?;
        tracing::info!(%address, tls = certificates.is_some(), "listening");
        tcp.push(address);
    }
    for _ in &unix {
        tracing::info!("listening on the Unix socket");
    }
    let over_network = sockets.into_iter().map(|socket| match &certificates {
        Some(certificates) => Listener::Tls(socket, certificates.clone()),
        None => Listener::Tcp(socket),
    });
    let over_unix = unix.into_iter().map(Listener::Unix);
    Ok(Bound {
        listeners: over_network.chain(over_unix).collect(),
        addresses: Addresses {
            scheme: if certificates.is_some() {
                "https"
            } else {
                "http"
            },
            tcp,
        },
        certificates,
        owns_unix_path,
    })
}

/// The check of `server.listen`, for an address that systemd chose.
fn refuse_clear_text(loaded: &Loaded, address: SocketAddr) -> anyhow::Result<()> {
    let server = &loaded.config.server;
    if loaded.config.demo.enabled && !address.ip().is_loopback() {
        let message = "the demo's key is public, so it only listens on loopback";
        return Err(loaded.refuse("server.listen", message).into());
    }
    if server.carries_keys_safely(address.ip()) {
        return Ok(());
    }
    let message = format!("systemd listens on {address}, which needs TLS or a declared proxy");
    Err(loaded.refuse("server.listen", &message).into())
}

/// The name that this host gives itself.
pub(super) fn host_name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
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
