//! Finds the daemon of this machine without any configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::SecretString;

use super::error::ClientError;
use super::keys::{self, KeyError, Keys};
use super::{Address, AddressError, Client, Target};

/// Where the daemon of this machine may be.
#[derive(Debug, Clone)]
pub struct Places {
    /// Unix sockets, the likeliest first.
    pub sockets: Vec<PathBuf>,
    /// Where it listens on TCP.
    pub listen: SocketAddr,
    /// Where the first start may have left the first admin's key.
    pub key_file: PathBuf,
}

/// The daemon of this machine can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is none.
    #[error("no daemon responds on this machine ({0}); start one with: linux-api serve")]
    Away(String),
    /// There is one, and no key for it.
    #[error(
        "a daemon is running at {address}, but there is no key for it ({reason}); \
         set LINUX_API_KEY, or run: linux-api remote add local {address} (with --key-file where \
         there is no keyring)"
    )]
    NoKey {
        /// Where.
        address: String,
        /// Where a key was looked for.
        reason: String,
    },
}

/// What the first admin's key is called in a keyring: daemons at other addresses have others.
#[must_use]
pub fn key_name(listen: SocketAddr) -> String {
    format!("first-admin@{}", reachable(listen))
}

/// The address to connect to when a daemon listens on all of them.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

/// Tries the sockets, then the TCP address with a key: the given one, one from a keyring, or the
/// one that the daemon left in its file.
///
/// # Errors
/// When no daemon responds, or none accepts this user.
pub async fn find(
    places: &Places,
    keys: &Keys,
    key: Option<&SecretString>,
) -> Result<Target, LocalError> {
    for path in places.sockets.iter().filter(|path| path.exists()) {
        let target = Target::new(Address::Unix(path.clone()));
        if lets_in(&target).await.is_ok() {
            return Ok(target);
        }
    }
    let url = format!("http://{}", reachable(places.listen));
    let address = url
        .parse()
        .map_err(|error: AddressError| LocalError::Away(format!("{url}: {error}")))?;
    let mut target = Target::new(address);
    let alive = match Client::new(&target) {
        Ok(client) => client.liveness().await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = alive {
        return Err(LocalError::Away(error.to_string()));
    }
    let no_key = |reason: String| LocalError::NoKey {
        address: url.clone(),
        reason,
    };
    target.key = match key {
        Some(key) => Some(key.clone()),
        None => match find_key(places, keys).await {
            Ok(key) => Some(key),
            Err(error) => return Err(no_key(error.to_string())),
        },
    };
    match lets_in(&target).await {
        Ok(()) => Ok(target),
        Err(error) => Err(no_key(error.in_short())),
    }
}

async fn find_key(places: &Places, keys: &Keys) -> Result<SecretString, KeyError> {
    if let Ok(key) = keys::read_file(&places.key_file) {
        return Ok(key);
    }
    keys.find(&key_name(places.listen)).await
}

async fn lets_in(target: &Target) -> Result<(), ClientError> {
    Client::new(target)?.current_user().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_on_all_addresses_is_reached_on_loopback() {
        let name = |listen: &str| key_name(listen.parse().unwrap());
        assert_eq!(name("0.0.0.0:8080"), "first-admin@127.0.0.1:8080");
        assert_eq!(name("[::]:8080"), "first-admin@[::1]:8080");
        assert_eq!(name("10.0.0.7:80"), "first-admin@10.0.0.7:80");
    }
}
