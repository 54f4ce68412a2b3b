//! Sockets, addresses and links: what is read when a client requests it, and shared for a second.
//!
//! Everything comes from procfs and sysfs, line by line. Netlink would be quicker with very many sockets, but
//! the packaged unit allows the daemon no such socket, and of a container it shows the container's network.

mod addresses;
mod links;
mod sockets;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::processes::{SocketHolder, SocketHolders};
use super::{CollectError, Collector, HostRoots, SCAN_KEPT_FOR};
pub use links::Link;
use linux_api_wire::api::network::{ListeningSocket, SocketCounts};
use linux_api_wire::time::Timestamp;
use sockets::{Listener, SocketScan};

/// How long all sockets may take.
const SOCKETS: Duration = Duration::from_secs(2);
/// How long looking for the processes that hold listening sockets may take.
const HOLDERS: Duration = Duration::from_secs(1);
/// What is read of a file at once: the kernel gives a page, or more where it has more.
const BUFFER_BYTES: usize = 64 << 10;
/// No line of these files is longer; the rest of one that is belongs to nothing.
const LINE_BYTES: u64 = 4096;

/// What was read of the network at one moment.
#[derive(Debug)]
pub struct NetworkReading {
    /// When.
    pub time: Timestamp,
    /// The sockets, or why they can't be read.
    pub sockets: Result<NetworkSockets, CollectError>,
    /// What each interface is.
    pub links: BTreeMap<String, Link>,
    /// Addresses of which it is not known on which interface they are.
    pub other_addresses: Vec<String>,
    /// Why the addresses can't be read.
    pub addresses_error: Option<CollectError>,
}

/// The sockets of a host.
#[derive(Debug)]
pub struct NetworkSockets {
    /// How many there are.
    pub counts: SocketCounts,
    /// Rows of those that listen, by port, protocol and address.
    pub listening: Vec<ListeningSocket>,
    /// How many that listen are in no row.
    pub left_out: u64,
}

/// What is kept from one reading to the next.
#[derive(Debug, Default)]
pub(crate) struct NetworkReader {
    last: Option<(tokio::time::Instant, Arc<NetworkReading>)>,
    holders: SocketHolders,
}

impl Collector {
    /// Reads sockets, addresses and links, off the async threads and at most once a second: readers share
    /// what was read. Takes three seconds at most, however many sockets there are.
    ///
    /// # Errors
    /// [`CollectError::Stopped`] when the runtime ends. What of it can't be read is an error within.
    pub async fn network(&self) -> Result<Arc<NetworkReading>, CollectError> {
        let mut reader = Arc::clone(&self.0.network).lock_owned().await;
        if let Some((read_at, reading)) = &reader.last
            && read_at.elapsed() < SCAN_KEPT_FOR
        {
            return Ok(Arc::clone(reading));
        }
        // The lock goes along: a reader that leaves early would let the next one read beside it.
        self.blocking(move |collector| {
            let reading = Arc::new(reader.read(collector));
            reader.last = Some((tokio::time::Instant::now(), Arc::clone(&reading)));
            Ok(reading)
        })
        .await
    }
}

impl NetworkReader {
    fn read(&mut self, collector: &Collector) -> NetworkReading {
        let roots = &collector.0.roots;
        let time = collector.0.clock.now();
        let sockets = sockets::scan(roots, Instant::now() + SOCKETS);
        let sockets = sockets.map(|scan| self.with_holders(collector, scan));
        let mut links = links::read(&roots.sysfs);
        let (other_addresses, addresses_error) = match addresses::read(roots) {
            Ok(addresses) => (addresses.put(&mut links), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        NetworkReading {
            time,
            sockets,
            links,
            other_addresses,
            addresses_error,
        }
    }

    fn with_holders(&mut self, collector: &Collector, scan: SocketScan) -> NetworkSockets {
        let wanted: HashSet<u64> = scan.listening.iter().map(|one| one.inode).collect();
        let until = Instant::now() + HOLDERS;
        self.holders.look_up(&collector.0.roots, &wanted, until);
        let names = &collector.0.account_names;
        names.refresh(&collector.0.roots.rootfs);
        // Sockets that share all that is shown of them are one row.
        let mut rows: BTreeMap<(u16, &'static str, IpAddr, Option<u32>, u32), ListeningSocket> =
            BTreeMap::new();
        for listener in scan.listening {
            let holder = self.holders.of(listener.inode);
            let Listener {
                protocol,
                address,
                port,
                uid,
                ..
            } = listener;
            let pid = match holder {
                SocketHolder::Process { pid, .. } => Some(*pid),
                SocketHolder::Unknown(_) => None,
            };
            let key = (port, protocol, address, pid, uid);
            let row = rows.entry(key).or_insert_with(|| {
                let (process, process_error) = match holder {
                    SocketHolder::Process { name, .. } => (Some(name.clone()), None),
                    SocketHolder::Unknown(reason) => (None, Some((*reason).to_owned())),
                };
                ListeningSocket {
                    protocol: protocol.to_owned(),
                    address: address.to_string(),
                    port,
                    sockets: 0,
                    uid: Some(uid),
                    user: names.get(uid).map(|name| name.to_string()),
                    pid,
                    process,
                    process_error,
                }
            });
            row.sockets += 1;
        }
        NetworkSockets {
            counts: scan.counts,
            listening: rows.into_values().collect(),
            left_out: scan.left_out,
        }
    }
}

/// Opens a file of the network: of the host's first process, which in a container sees the host's network, or
/// our own where there is none.
fn open(roots: &HostRoots, name: &str) -> Result<(PathBuf, BufReader<File>), CollectError> {
    let host = roots.procfs.join("1/net").join(name);
    let own = roots.procfs.join("net").join(name);
    let (path, opened) = match File::open(&host) {
        Ok(file) => (host, Ok(file)),
        Err(_) => (own.clone(), File::open(&own)),
    };
    match opened {
        Ok(file) => Ok((path, BufReader::with_capacity(BUFFER_BYTES, file))),
        Err(source) => Err(CollectError::Read { path, source }),
    }
}

/// Calls `take` with each line of a file but the headings, until it says that it is enough.
fn for_each_line(
    (path, mut file): (PathBuf, BufReader<File>),
    headings: usize,
    mut take: impl FnMut(&str) -> bool,
) -> Result<(), CollectError> {
    let mut line = Vec::new();
    let mut seen = 0;
    loop {
        line.clear();
        let read = io::Read::take(&mut file, LINE_BYTES).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(source) => return Err(CollectError::Read { path, source }),
        }
        seen += 1;
        if seen <= headings {
            continue;
        }
        if !take(&String::from_utf8_lossy(&line)) {
            return Ok(());
        }
    }
}

/// Whether a file is not there: a kernel without IPv6 has none of it.
fn is_missing(error: &CollectError) -> bool {
    matches!(error, CollectError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// What a small file of sysfs says; nothing for one that can't be read.
fn word(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
