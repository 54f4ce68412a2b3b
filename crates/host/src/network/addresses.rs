//! The addresses of a host: `net/if_inet6` says on which interfaces those of IPv6 are. Those of IPv4 are the
//! local ones of `net/fib_trie`; `net/route` says which interface leads to the network of each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Link, for_each_line, is_missing, open};
use crate::{CollectError, HostRoots};

/// Most lines of a table of routes: a router of the Internet has a million routes.
const LINES_MAX: usize = 200_000;
/// A route that is up, see `route.h`.
const UP: u32 = 1;

/// A network that an interface is in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Subnet {
    interface: String,
    address: u32,
    mask: u32,
}

/// All addresses of a host.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// With the interface and the length of the network.
    placed: Vec<(String, IpAddr, u32)>,
    /// Those of which the interface is not known.
    others: Vec<IpAddr>,
}

/// Reads the addresses.
///
/// # Errors
/// When a file can't be read.
pub(super) fn read(roots: &HostRoots) -> Result<Addresses, CollectError> {
    let mut addresses = Addresses::default();
    let networks = networks(roots)?;
    for address in local_addresses(roots)? {
        match network_of(address, &networks) {
            Some((interface, length)) => {
                let address = IpAddr::V4(address);
                addresses
                    .placed
                    .push((interface.to_owned(), address, length));
            }
            None => addresses.others.push(IpAddr::V4(address)),
        }
    }
    match open(roots, "if_inet6") {
        Err(error) if is_missing(&error) => {}
        opened => for_each_line(opened?, 0, |line| {
            addresses.placed.extend(parse_v6(line));
            addresses.placed.len() < LINES_MAX
        })?,
    }
    Ok(addresses)
}

impl Addresses {
    /// Gives each interface its addresses; returns the others.
    pub(super) fn put(self, links: &mut BTreeMap<String, Link>) -> Vec<String> {
        for (interface, address, length) in self.placed {
            let link = links.entry(interface).or_default();
            link.addresses.push(format!("{address}/{length}"));
        }
        self.others.iter().map(IpAddr::to_string).collect()
    }
}

/// The addresses of IPv4 that packets are taken in for.
fn local_addresses(roots: &HostRoots) -> Result<BTreeSet<Ipv4Addr>, CollectError> {
    let opened = match open(roots, "fib_trie") {
        // A kernel without this table.
        Err(error) if is_missing(&error) => return Ok(BTreeSet::new()),
        opened => opened?,
    };
    let mut local = BTreeSet::new();
    let mut last: Option<Ipv4Addr> = None;
    let mut lines = 0;
    for_each_line(opened, 0, |line| {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 ") && line.ends_with(" LOCAL") {
            local.extend(last);
        }
        lines += 1;
        lines < LINES_MAX
    })?;
    Ok(local)
}

/// The networks that interfaces are in.
fn networks(roots: &HostRoots) -> Result<Vec<Subnet>, CollectError> {
    let opened = match open(roots, "route") {
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut networks = Vec::new();
    let mut lines = 0;
    for_each_line(opened, 1, |line| {
        networks.extend(parse_route(line));
        lines += 1;
        lines < LINES_MAX
    })?;
    Ok(networks)
}

/// Reads `INTERFACE NETWORK GATEWAY FLAGS USES USE METRIC MASK …`; nothing for a route that leads through a
/// gateway, or everywhere.
fn parse_route(line: &str) -> Option<Subnet> {
    let mut words = line.split_ascii_whitespace();
    let interface = words.next()?.to_owned();
    let mut number = || Some(u32::from_be_bytes(word(words.next()?)?));
    let (address, gateway) = (number()?, number()?);
    let flags = u32::from_str_radix(words.next()?, 16).ok()?;
    let mask = u32::from_be_bytes(word(words.nth(3)?)?);
    let is_direct = gateway == 0 && mask != 0 && flags & UP != 0;
    is_direct.then_some(Subnet {
        interface,
        address,
        mask,
    })
}

/// The interface whose network an address is in, and the length of that: of several networks the smallest,
/// and none where two interfaces are in it.
fn network_of(address: Ipv4Addr, networks: &[Subnet]) -> Option<(&str, u32)> {
    if address.is_loopback() {
        return Some(("lo", 8));
    }
    let address = u32::from(address);
    let holds = |one: &&Subnet| one.mask != u32::MAX && address & one.mask == one.address;
    let longest = networks.iter().filter(holds).map(|one| one.mask).max()?;
    let mut of = networks
        .iter()
        .filter(holds)
        .filter(|one| one.mask == longest);
    let first = of.next()?;
    let is_alone = of.all(|other| other.interface == first.interface);
    is_alone.then_some((first.interface.as_str(), longest.count_ones()))
}

/// Reads `ADDRESS INDEX LENGTH SCOPE FLAGS INTERFACE`, all but the last in hexadecimal.
fn parse_v6(line: &str) -> Option<(String, IpAddr, u32)> {
    let mut words = line.split_ascii_whitespace();
    let address = u128::from_str_radix(words.next()?, 16).ok()?;
    let length = u32::from_str_radix(words.nth(1)?, 16).ok()?;
    let interface = words.nth(2)?.to_owned();
    Some((interface, IpAddr::V6(Ipv6Addr::from(address)), length))
}

/// Reads eight digits as the four bytes that the kernel has in memory.
pub(super) fn word(text: &str) -> Option<[u8; 4]> {
    let is_hexadecimal = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(text, 16).ok()?;
    is_hexadecimal.then(|| number.to_ne_bytes())
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    fn network(text: &str) -> Subnet {
        parse_route(text).unwrap()
    }

    #[test]
    fn an_address_is_on_the_interface_whose_network_it_is_in() {
        let wide = network("eth0 0000000A 00000000 0001 0 0 0 000000FF 0 0 0");
        let narrow = network("eth1\t0000020A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0");
        assert_eq!(
            (narrow.address, narrow.mask),
            (0x0a02_0000, 0xffff_0000),
            "10.2.0.0/16"
        );
        let networks = [wide.clone(), narrow.clone()];
        let of = |text: &str| network_of(text.parse().unwrap(), &networks);
        assert_eq!(of("10.2.3.4"), Some(("eth1", 16)));
        assert_eq!(of("10.3.3.4"), Some(("eth0", 8)));
        assert_eq!(of("127.0.0.1"), Some(("lo", 8)));
        assert_eq!(of("192.0.2.1"), None);
        let other = Subnet {
            interface: "eth2".to_owned(),
            ..narrow.clone()
        };
        let networks = [narrow.clone(), other];
        assert_eq!(network_of("10.2.3.4".parse().unwrap(), &networks), None);
        let twice = [narrow.clone(), narrow];
        assert!(network_of("10.2.3.4".parse().unwrap(), &twice).is_some());
    }

    #[test]
    fn routes_through_gateways_and_odd_lines_say_nothing() {
        for line in [
            "",
            "eth0",
            "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0",
            "eth0 0000000A 010200C0 0003 0 0 0 000000FF 0 0 0",
            "eth0 0000000A 00000000 0000 0 0 0 000000FF 0 0 0",
            "eth0 +000000A 00000000 0001 0 0 0 000000FF 0 0 0",
            "eth0 0000000A 00000000 0001 0 0 0",
        ] {
            assert_eq!(parse_route(line), None, "{line:?}");
        }
        assert_eq!(parse_v6("xyz 04 40 20 80 eth0"), None);
        let v6 = parse_v6("fe8000000000000000fc00fffe000001 04 40 20 80     eth0").unwrap();
        assert_eq!(v6.0, "eth0");
        assert_eq!(format!("{}/{}", v6.1, v6.2), "fe80::fc:ff:fe00:1/64");
    }
}
