//! Where a connection comes from.

use std::net::{IpAddr, SocketAddr};

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over the network.
    Tcp {
        /// Where it comes from.
        remote: SocketAddr,
        /// The address of this host that it came in at.
        local: IpAddr,
    },
    /// Over the Unix socket: the Linux account as the kernel names it.
    Unix {
        /// Its number.
        uid: u32,
        /// Number of its primary group.
        gid: u32,
    },
}

impl Peer {
    /// The address, over the network; IPv4 is never shown in its IPv6 form.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp { remote, .. } => Some(remote.ip().to_canonical()),
            Self::Unix { .. } => None,
        }
    }

    /// The address of this host that a connection over the network came in at.
    #[must_use]
    pub fn local(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp { local, .. } => Some(*local),
            Self::Unix { .. } => None,
        }
    }
}
