//! `net/tcp`, `net/tcp6`, `net/udp`, `net/udp6`: one line for each socket, read once and kept only where it
//! listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use super::{for_each_line, is_missing, open};
use crate::{CollectError, HostRoots};
use linux_api_wire::api::network::SocketCounts;

/// Most sockets that listen; more are counted only.
const LISTENING_MAX: usize = 10_000;
/// How many lines are read from one look at the clock to the next.
const LINES_AT_ONCE: u32 = 1024;
/// The kernel's number of a socket of TCP that listens, see `tcp_states.h`.
const LISTEN: u8 = 10;
/// The same of a socket of UDP that has no peer.
const UNCONNECTED: u8 = 7;

/// All sockets of a host.
#[derive(Debug, Default)]
pub(super) struct SocketScan {
    pub(super) counts: SocketCounts,
    pub(super) listening: Vec<Listener>,
    /// How many more listen.
    pub(super) left_out: u64,
}

/// A socket that waits for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) protocol: &'static str,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) uid: u32,
    pub(super) inode: u64,
}

/// A line of any of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SocketLine {
    local: (IpAddr, u16),
    remote_port: u16,
    state: u8,
    uid: u32,
    inode: u64,
}

/// Reads the sockets until a time; what is not read by then is missing, which the counts say.
///
/// # Errors
/// When a file can't be read, or holds something else.
pub(super) fn scan(roots: &HostRoots, until: Instant) -> Result<SocketScan, CollectError> {
    let mut scan = SocketScan::default();
    scan.counts.complete = true;
    // The kernel lists those that listen before all others.
    for (protocol, file) in [
        ("tcp", "tcp"),
        ("tcp", "tcp6"),
        ("udp", "udp"),
        ("udp", "udp6"),
    ] {
        let opened = match open(roots, file) {
            Err(error) if is_missing(&error) && file.ends_with('6') => continue,
            opened => opened?,
        };
        let path = opened.0.clone();
        let (mut lines, mut good) = (0_u32, 0_u32);
        for_each_line(opened, 1, |line| {
            lines += 1;
            if let Some(line) = parse(line) {
                good += 1;
                scan.take(protocol, line);
            }
            let is_time = lines.is_multiple_of(LINES_AT_ONCE) && Instant::now() >= until;
            scan.counts.complete &= !is_time;
            !is_time
        })?;
        if lines > 0 && good == 0 {
            let expected = "list of sockets";
            return Err(CollectError::Malformed { path, expected });
        }
    }
    Ok(scan)
}

impl SocketScan {
    fn take(&mut self, protocol: &'static str, line: SocketLine) {
        let (address, port) = line.local;
        let listens = if protocol == "tcp" {
            self.counts.tcp.count(line.state);
            line.state == LISTEN
        } else {
            self.counts.udp += 1;
            line.state == UNCONNECTED && line.remote_port == 0 && port != 0
        };
        if !listens {
            return;
        }
        if self.listening.len() >= LISTENING_MAX {
            self.left_out += 1;
            return;
        }
        self.listening.push(Listener {
            protocol,
            address,
            port,
            uid: line.uid,
            inode: line.inode,
        });
    }
}

/// Reads `SL: LOCAL REMOTE STATE QUEUES TIMER RETRANSMITS UID TIMEOUT INODE …`; an odd line is none.
fn parse(line: &str) -> Option<SocketLine> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let local = end(words.next()?)?;
    let (_, remote_port) = end(words.next()?)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let mut words = words.skip(3);
    let uid = words.next()?.parse().ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    Some(SocketLine {
        local,
        remote_port,
        state,
        uid,
        inode,
    })
}

/// Reads `ADDRESS:PORT`: the address as the kernel holds it in memory, in numbers of 32 bits.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| -> Option<[u8; 4]> { super::addresses::word(address.get(at..at + 8)?) };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (place, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(place * 8)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_are_read_as_the_kernel_writes_them() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  \
                    1000        0 31337 1 000000002a87fc27 100 0 0 10 0";
        let read = parse(line).unwrap();
        assert_eq!(read.local, (IpAddr::V4(Ipv4Addr::LOCALHOST), 8080));
        assert_eq!((read.state, read.uid, read.inode), (LISTEN, 1000, 31_337));
        let line = "  1: B80D0120000000000000000010000000:01BB 00000000000000000000000000000000:0000 0A \
                    00000000:00000000 00:00000000 00000000     0        0 9 1 0 100 0 0 10 0";
        let read = parse(line).unwrap();
        assert_eq!(read.local, ("2001:db8::10".parse().unwrap(), 443));
    }

    #[test]
    fn odd_lines_are_none() {
        for line in [
            "",
            "0:",
            "0: 0100007F 0 0A",
            "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 x 0 1",
            "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 1 0",
            "0: é100007:1F90 00000000:0000 0A 0:0 0:0 0 1 0 1",
            "0: 0100007F:FFFFF 00000000:0000 0A 0:0 0:0 0 1 0 1",
        ] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
