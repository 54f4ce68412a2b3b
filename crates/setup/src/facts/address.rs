//! Where the daemon may listen.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::{Facts, FoundConfig, SERVICE, Tree, UNITS};

/// Why an address can't be listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenProblem {
    /// Another process does.
    Taken,
    /// Anything else, in words.
    Other(String),
}

impl Facts {
    /// Why the daemon could not listen on `listen`, as far as that can be tried: in a directory with a
    /// system it can't, and where the daemon listens already it does.
    #[must_use]
    pub fn refuses(&self, listen: SocketAddr) -> Option<ListenProblem> {
        let is_own = self.service_runs && is_own_port(self.config.as_ref(), listen);
        if !self.is_live || is_own {
            return None;
        }
        refused(listen)
    }

    /// `listen`, or the same address with the next port that is free, when another program has its.
    #[must_use]
    pub fn free_near(&self, listen: SocketAddr) -> SocketAddr {
        const TRIED: u16 = 100;
        let ports = listen.port()..=listen.port().saturating_add(TRIED);
        let mut addresses = ports.map(|port| SocketAddr::new(listen.ip(), port));
        addresses
            .find(|address| self.refuses(*address) != Some(ListenProblem::Taken))
            .unwrap_or(listen)
    }
}

/// Whether a daemon that runs with this configuration has the port. One whose configuration can't be
/// read may have any.
pub(super) fn is_own_port(config: Option<&FoundConfig>, listen: SocketAddr) -> bool {
    let says = config.and_then(|config| config.says.as_ref().ok());
    says.is_none_or(|says| says.listen.port() == listen.port())
}

/// Below it only root may listen. What another system will say is not known: then the usual one.
pub(super) fn first_free_port(is_live: bool) -> u16 {
    const USUAL: u16 = 1024;
    let read = || {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
        text.ok()?.trim().parse().ok()
    };
    if is_live {
        read().unwrap_or(USUAL)
    } else {
        USUAL
    }
}

pub(super) fn may_bind_low(tree: &Tree) -> bool {
    let folder = tree.outside(Path::new(&format!("{UNITS}/{SERVICE}.d")));
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    texts.any(|text| {
        let mut lines = text.lines().map(str::trim);
        lines.any(|line| {
            line.strip_prefix("AmbientCapabilities=")
                .is_some_and(|value| value.contains("CAP_NET_BIND_SERVICE"))
        })
    })
}

pub(super) fn refused(listen: SocketAddr) -> Option<ListenProblem> {
    match TcpListener::bind(listen) {
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Some(ListenProblem::Taken),
        Err(error) => Some(ListenProblem::Other(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConfigSummary;
    use super::*;
    use linux_api_config::{ConfigValue, DatabaseUrl};

    #[test]
    fn an_address_in_use_is_told_from_one_that_is_not_here() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(
            refused(taken.local_addr().unwrap()),
            Some(ListenProblem::Taken)
        );
        // A network for documentation (RFC 5737), no host has an address of it.
        let elsewhere = refused("192.0.2.1:8080".parse().unwrap());
        assert!(matches!(elsewhere, Some(ListenProblem::Other(_))));
        assert_eq!(refused("127.0.0.1:0".parse().unwrap()), None);
    }

    #[test]
    fn the_next_free_port_is_offered_and_the_own_one_is_free() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let offered = Facts::bare().free_near(address);
        assert_eq!(offered.ip(), address.ip());
        assert!(offered.port() > address.port(), "{offered}");
        assert_eq!(refused(offered), None);
        // A directory with a system has no ports.
        let folder = Facts {
            is_live: false,
            ..Facts::bare()
        };
        assert_eq!(folder.free_near(address), address);
        // The daemon that runs listens there, and nowhere else.
        let says = |listen| FoundConfig {
            text: String::new(),
            says: Ok(ConfigSummary {
                listen,
                has_tls: false,
                database: DatabaseUrl::from_text("sqlite:///var/lib/x.db").unwrap(),
            }),
        };
        let runs = |listen| Facts {
            service_runs: true,
            config: Some(says(listen)),
            ..Facts::bare()
        };
        assert_eq!(runs(address).refuses(address), None);
        let elsewhere = runs(offered).refuses(address);
        assert_eq!(elsewhere, Some(ListenProblem::Taken));
    }
}
