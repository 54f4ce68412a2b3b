//! Where the daemon listens.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{TcpListener, UnixListener};

use super::systemd::{self, PassedSockets};
use crate::server::{Listener, ListeningSocket};
use crate::tls::Certificates;
use linux_api_config::{Config, LoadedConfig};

/// Everything that the daemon listens on.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listeners: Vec<Listener>,
    pub(super) certificates: Option<Certificates>,
    pub(super) addresses: Addresses,
    /// Whether keys travel in the clear to one of the addresses.
    pub(super) is_insecure: bool,
    /// The Unix socket, when it was made here and not by systemd.
    pub(super) own_socket: Option<OwnSocket>,
}

/// The file of a Unix socket that this process made.
#[derive(Debug)]
pub(super) struct OwnSocket {
    path: PathBuf,
    /// Device and inode: whatever has its name later belongs to another process.
    file: (u64, u64),
}

impl OwnSocket {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            file: (found.dev(), found.ino()),
        })
    }

    /// Removes the file. What can't be removed is harmless: the next start replaces it.
    pub(super) fn remove(&self) {
        if Self::at(&self.path).is_ok_and(|found| found.file == self.file) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Where clients find the daemon, for people: `http://127.0.0.1:8080`.
#[derive(Debug, Clone)]
pub struct Addresses {
    uses_tls: bool,
    tcp: Vec<SocketAddr>,
}

impl Addresses {
    /// The first one as a URL.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let address = self.tcp.first()?;
        let scheme = if self.uses_tls { "https" } else { "http" };
        Some(format!("{scheme}://{address}"))
    }

    /// Whether keys travel in the clear to one of them, because the administrator insists. What is
    /// configured may not be what the sockets are: systemd chose them, or they wait for a restart.
    pub(super) fn check_clear_text(&self, loaded: &LoadedConfig) -> anyhow::Result<bool> {
        let mut server = loaded.config.server.clone();
        if !self.uses_tls {
            (server.tls_certificate, server.tls_key) = (None, None);
        }
        let mut is_insecure = false;
        for address in self.tcp.iter().filter(|_| !self.uses_tls) {
            if !server.carries_keys_safely(address.ip()) {
                let message =
                    format!("the daemon's socket {address} needs TLS or a declared proxy");
                return Err(loaded.refuse("server.listen", &message).into());
            }
            is_insecure |= server.is_insecure_at(address.ip());
        }
        Ok(is_insecure)
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

/// Looks at what listening as configured takes, and opens nothing.
pub(super) fn check(loaded: &LoadedConfig) -> anyhow::Result<()> {
    let config = &loaded.config;
    let certificates = certificates(config)?;
    let configured = Addresses {
        uses_tls: certificates.is_some(),
        tcp: vec![config.server.listen],
    };
    configured.check_clear_text(loaded)?;
    if let Some(path) = &config.server.unix {
        look_at_unix(path)?;
    }
    Ok(())
}

/// Refuses a path that is an existing file, or whose directory is missing.
fn look_at_unix(path: &Path) -> anyhow::Result<()> {
    let explain = || format!("listen on {} (server.unix)", path.display());
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => Ok(()),
        Ok(_) => anyhow::bail!("{}: there is a file that is no socket", explain()),
        Err(_) => {
            let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
            let is_missing = folder.is_some_and(|folder| !folder.exists());
            anyhow::ensure!(!is_missing, "{}: its directory is missing", explain());
            Ok(())
        }
    }
}

/// Listens as configured; sockets of systemd take the place of those of their kind.
pub(super) async fn bind(loaded: &LoadedConfig, handed: PassedSockets) -> anyhow::Result<Bound> {
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
    let is_tcp_handed = !sockets.is_empty();
    if !is_tcp_handed {
        let address = config.server.listen;
        let socket = TcpListener::bind(address)
            .await
            .map_err(|error| refused(address, error))?;
        sockets.push(socket);
    }
    let own_path = config.server.unix.as_ref().filter(|_| unix.is_empty());
    let own_socket = match own_path {
        Some(path) => {
            // Who may do what is decided by the account of the caller, not by who may connect.
            unix.push(bind_unix(path, 0o666).with_context(cannot_listen(path))?);
            Some(OwnSocket::at(path).context("look at the Unix socket")?)
        }
        None => None,
    };

    let mut addresses = Addresses {
        uses_tls: certificates.is_some(),
        tcp: Vec::new(),
    };
    for socket in &sockets {
        let address = socket.local_addr().context("read the own address")?;
        if config.demo.enabled && !address.ip().is_loopback() {
            let message = "the demo's key is public, so it only listens on loopback";
            return Err(loaded.refuse("server.listen", message).into());
        }
        addresses.tcp.push(address);
    }
    let is_insecure = addresses.check_clear_text(loaded)?;
    for address in &addresses.tcp {
        tracing::info!(%address, tls = addresses.uses_tls, "listening");
    }
    for _ in &unix {
        tracing::info!("listening on the Unix socket");
    }
    let over_network = sockets.into_iter().map(|socket| Listener {
        socket: match &certificates {
            Some(certificates) => ListeningSocket::Tls(socket, certificates.clone()),
            None => ListeningSocket::Tcp(socket),
        },
        outlives_us: is_tcp_handed,
    });
    let over_unix = unix.into_iter().map(|socket| Listener {
        socket: ListeningSocket::Unix(socket),
        outlives_us: own_socket.is_none(),
    });
    Ok(Bound {
        listeners: over_network.chain(over_unix).collect(),
        addresses,
        is_insecure,
        certificates,
        own_socket,
    })
}

fn refused(address: SocketAddr, error: io::Error) -> anyhow::Error {
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let is_taken = error.kind() == io::ErrorKind::AddrInUse;
    let is_elsewhere = error.kind() == io::ErrorKind::AddrNotAvailable;
    let place = format!("listen on {address} (server.listen)");
    let error = anyhow::Error::new(error);
    if is_denied {
        return error.context(format!(
            "{place}: ports as low as this take a right that this process has not. Choose one from \
             1024 up and have a proxy in front of it, or give the unit the right in a drop-in: \
             AmbientCapabilities=CAP_NET_BIND_SERVICE, CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
        ));
    }
    if is_taken {
        return error.context(format!(
            "{place}: another program listens there, which ss -ltnp 'sport = :{}' names. Stop it, or \
             choose another port by --listen or server.listen",
            address.port()
        ));
    }
    if is_elsewhere {
        return error.context(format!(
            "{place}: this host has no such address; ip address shows those that it has"
        ));
    }
    error.context(place)
}

/// The name that this host gives itself.
pub(super) fn host_name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}

/// Listens at a path, in the place of a socket that its process left behind; `mode` are the rights of
/// the new one.
pub(super) fn bind_unix(path: &Path, mode: u32) -> anyhow::Result<UnixListener> {
    // Anything else there belongs to someone.
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            anyhow::bail!("there is a file that is no socket");
        }
        if !is_left_behind(path)? {
            anyhow::bail!("another process listens there; stop it, or choose another path");
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

fn cannot_listen(path: &Path) -> impl FnOnce() -> String {
    move || format!("listen on {} (server.unix)", path.display())
}

/// Whether nothing listens at a socket any more.
fn is_left_behind(path: &Path) -> io::Result<bool> {
    // One whose queue is full would make this wait.
    let kind = (
        SocketType::STREAM,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
    );
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind.0, kind.1, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(true),
        // Taken at once, or the queue is full, or the socket is of another type.
        Ok(()) | Err(Errno::AGAIN | Errno::INPROGRESS | Errno::PROTOTYPE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_takes_a_right_is_told_with_the_ways_out() {
        let address = "127.0.0.1:443".parse().unwrap();
        let denied = refused(address, io::ErrorKind::PermissionDenied.into());
        for part in [
            "127.0.0.1:443 (server.listen)",
            "proxy",
            "AmbientCapabilities",
        ] {
            assert!(denied.to_string().contains(part), "{denied}");
        }
        let taken = refused(address, io::ErrorKind::AddrInUse.into());
        for part in [
            "127.0.0.1:443 (server.listen)",
            "another program",
            "sport = :443",
            "--listen",
        ] {
            assert!(taken.to_string().contains(part), "{taken}");
        }
        let elsewhere = refused(address, io::ErrorKind::AddrNotAvailable.into());
        assert!(
            elsewhere.to_string().contains("no such address"),
            "{elsewhere}"
        );
    }

    #[tokio::test]
    async fn only_a_socket_that_was_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let first = bind_unix(&path, 0o666).unwrap();
        let refused = bind_unix(&path, 0o666).unwrap_err().to_string();
        assert!(
            refused.contains("another process listens there"),
            "{refused}"
        );
        // The first one still gets what connects.
        let (connected, accepted) =
            tokio::join!(tokio::net::UnixStream::connect(&path), first.accept());
        assert!(connected.is_ok() && accepted.is_ok());
        drop((first, accepted));
        bind_unix(&path, 0o666).unwrap();

        let other = folder.path().join("datagrams");
        let _datagrams = std::os::unix::net::UnixDatagram::bind(&other).unwrap();
        assert!(bind_unix(&other, 0o666).is_err());
        let full = folder.path().join("full");
        let listener = std::os::unix::net::UnixListener::bind(&full).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let _waiting = std::os::unix::net::UnixStream::connect(&full).unwrap();
        assert!(
            bind_unix(&full, 0o666).is_err(),
            "its queue is full, but it lives"
        );
    }
}
