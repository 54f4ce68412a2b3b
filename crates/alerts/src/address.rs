//! Where a request of a channel may go: the address that a name was resolved to is checked, not the name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefusal {
    /// No server has it, or it is link-local.
    #[error("{0} is not an address of a receiver")]
    NoReceiver(IpAddr),
    /// A cloud's metadata service, which gives out credentials.
    #[error("{0} is the metadata service of a cloud")]
    Metadata(IpAddr),
    /// It is this host, or in a private network that is not listed.
    #[error("{0} is not public; alerts.networks has to list its network")]
    Private(IpAddr),
}

/// Services of clouds that give out credentials. They are reached from every host, so they are refused even
/// where their network is allowed.
const METADATA: [IpNet; 5] = [
    v4([169, 254, 169, 254], 32),
    v4([100, 100, 100, 200], 32),
    v4([192, 0, 0, 192], 32),
    v4([168, 63, 129, 16], 32),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32),
];

/// What no receiver has: this network, link-local, multicast, reserved, broadcast, discard.
const NO_RECEIVER: [IpNet; 9] = [
    v4([0, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
];

/// This host and private networks.
const PRIVATE: [IpNet; 8] = [
    v4([127, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([100, 64, 0, 0], 10),
    v4([192, 0, 0, 0], 24),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
];

const fn v4(address: [u8; 4], length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_octets(address), length))
}

const fn v6(address: [u16; 8], length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(
        Ipv6Addr::from_segments(address),
        length,
    ))
}

/// Checks the address that a request would go to. `networks` are those private networks that are allowed.
///
/// To be called for the address of the connection, after the name was resolved: a name that is resolved twice
/// may have another address the second time.
///
/// # Errors
/// Says why it is refused.
pub fn check(address: IpAddr, networks: &[IpNet]) -> Result<(), AddressRefusal> {
    for one in meant(address) {
        let is_in = |list: &[IpNet]| list.iter().any(|network| network.contains(&one));
        if is_in(&METADATA) {
            return Err(AddressRefusal::Metadata(address));
        }
        if is_in(&NO_RECEIVER) {
            return Err(AddressRefusal::NoReceiver(address));
        }
        if is_in(&PRIVATE) && !is_in(networks) {
            return Err(AddressRefusal::Private(address));
        }
    }
    Ok(())
}

/// The address, and the IPv4 address within it: mapped (`::ffff:0:0/96`), compatible (`::/96`), translated
/// (`64:ff9b::/96`) and 6to4 (`2002::/16`) addresses reach it.
fn meant(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let (outer, inner) = match address {
        IpAddr::V4(_) => (Some(address), None),
        IpAddr::V6(six) => match (six.to_ipv4_mapped(), six.segments()) {
            (Some(four), _) => (None, Some(four)),
            (None, [0, 0, 0, 0, 0, 0, 0, 0 | 1]) => (Some(address), None),
            (None, [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low]) => {
                (Some(address), Some(joined(high, low)))
            }
            (None, [0x2002, high, low, ..]) => (Some(address), Some(joined(high, low))),
            (None, _) => (Some(address), None),
        },
    };
    outer.into_iter().chain(inner.map(IpAddr::V4))
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str, networks: &[&str]) -> &'static str {
        let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
        match check(address.parse().unwrap(), &networks) {
            Ok(()) => "ok",
            Err(AddressRefusal::NoReceiver(_)) => "none",
            Err(AddressRefusal::Metadata(_)) => "metadata",
            Err(AddressRefusal::Private(_)) => "private",
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert_eq!(of(address, &[]), "ok", "{address}");
        }
    }

    #[test]
    fn metadata_services_are_refused_even_in_allowed_networks() {
        for address in [
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::ffff:100.100.100.200",
        ] {
            assert_eq!(of(address, &[]), "metadata", "{address}");
            assert_eq!(of(address, &["0.0.0.0/0", "::/0"]), "metadata", "{address}");
        }
    }

    #[test]
    fn what_no_receiver_has_is_refused() {
        for address in [
            "0.0.0.0",
            "169.254.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fec0::1",
            "::ffff:169.254.0.1",
        ] {
            assert_eq!(of(address, &["0.0.0.0/0", "::/0"]), "none", "{address}");
        }
    }

    #[test]
    fn private_networks_pass_when_they_are_listed() {
        for (address, network) in [
            ("127.0.0.1", "127.0.0.0/8"),
            ("10.1.2.3", "10.0.0.0/8"),
            ("172.16.0.1", "172.16.0.0/12"),
            ("192.168.1.5", "192.168.1.5/32"),
            ("100.64.0.1", "100.64.0.0/10"),
            ("::1", "::1/128"),
            ("fd12:3456::1", "fd12:3456::/32"),
            ("::ffff:10.1.2.3", "10.0.0.0/8"),
        ] {
            assert_eq!(of(address, &[]), "private", "{address}");
            assert_eq!(of(address, &["203.0.113.0/24"]), "private", "{address}");
            assert_eq!(of(address, &[network]), "ok", "{address}");
        }
    }
}
