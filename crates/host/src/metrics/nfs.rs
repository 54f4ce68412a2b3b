//! NFS: `net/rpc/nfs` of clients and `net/rpc/nfsd` of servers, lines of a word and counters.

use std::collections::BTreeMap;

use super::{Collect, Families, NetFile};
use crate::{CollectError, HostRoots};

/// Procedures of NFS 2 in the order in which they are counted.
const V2: [&str; 18] = [
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write",
    "Create", "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];
/// Those of NFS 3.
const V3: [&str; 22] = [
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];
/// Those of a client of NFS 4, see include/linux/nfs4.h of the kernel; older ones have fewer.
const V4_CLIENT: [&str; 59] = [
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];
/// Operations that a server of NFS 4 counts; those without a name are not shown.
const V4_SERVER: [&str; 40] = [
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];
/// The procedure that does nothing, which servers don't show.
const NULL: &str = "Null";

type Lines<'a> = BTreeMap<&'a str, Vec<u64>>;

/// The counters of each line up to the first that is no whole number: old kernels have fractions in `th`.
fn lines(text: &str) -> Option<Lines<'_>> {
    let mut found = Lines::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let counters = words.map_while(|word| word.parse().ok());
        found.insert(name, counters.collect());
    }
    (!found.is_empty()).then_some(found)
}

/// The first counters of a line.
fn first<const N: usize>(lines: &Lines<'_>, name: &str) -> Option<[u64; N]> {
    lines.get(name)?.first_chunk::<N>().copied()
}

/// The counters of a line that begins with how many there are.
fn counted<'a>(lines: &'a Lines<'_>, name: &str) -> Option<&'a [u64]> {
    let (count, counters) = lines.get(name)?.split_first()?;
    (usize::try_from(*count).ok()? == counters.len()).then_some(counters)
}

/// Adds the counters of a version, which a kernel may not have.
fn write_requests(
    families: &mut Families,
    [family, help, proto]: [&'static str; 3],
    methods: &[&str],
    counters: Option<&[u64]>,
) {
    for (method, count) in methods.iter().zip(counters.unwrap_or_default()) {
        if !method.is_empty() {
            families.counter(
                family,
                help,
                &[("method", method), ("proto", proto)],
                *count,
            );
        }
    }
}

/// What the host's mounts of NFS requested.
#[derive(Debug)]
pub(super) struct Client(NetFile);

impl Client {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(NetFile::new(roots, "rpc/nfs"))
    }
}

impl Collect for Client {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?;
        write_client(&text, families).ok_or_else(|| self.0.malformed("counters of NFS"))
    }
}

fn write_client(text: &str, families: &mut Families) -> Option<()> {
    let lines = lines(text)?;
    let [_, udp, tcp, connections] = first(&lines, "net")?;
    let [calls, retransmissions, refreshes] = first(&lines, "rpc")?;
    for (protocol, count) in [("udp", udp), ("tcp", tcp)] {
        let labels = [("protocol", protocol)];
        families.counter(
            "node_nfs_packets_total",
            "Packets of the NFS client.",
            &labels,
            count,
        );
    }
    let help = "TCP connections of the NFS client.";
    families.counter("node_nfs_connections_total", help, &[], connections);
    families.counter(
        "node_nfs_rpcs_total",
        "Calls of the NFS client.",
        &[],
        calls,
    );
    let help = "Calls that the NFS client sent again.";
    families.counter(
        "node_nfs_rpc_retransmissions_total",
        help,
        &[],
        retransmissions,
    );
    let help = "How often the NFS client authenticated again.";
    families.counter(
        "node_nfs_rpc_authentication_refreshes_total",
        help,
        &[],
        refreshes,
    );
    let versions: [(&str, &str, &[&str]); 3] = [
        ("proc2", "2", &V2),
        ("proc3", "3", &V3),
        ("proc4", "4", &V4_CLIENT),
    ];
    for (line, proto, methods) in versions {
        let family = "node_nfs_requests_total";
        let help = "Requests of the NFS client by version and procedure.";
        let counters = counted(&lines, line);
        write_requests(families, [family, help, proto], methods, counters);
    }
    Some(())
}

/// What the host's NFS server served.
#[derive(Debug)]
pub(super) struct Server(NetFile);

impl Server {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(NetFile::new(roots, "rpc/nfsd"))
    }
}

impl Collect for Server {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?;
        write_server(&text, families).ok_or_else(|| self.0.malformed("counters of NFS"))
    }
}

fn write_server(text: &str, families: &mut Families) -> Option<()> {
    let lines = lines(text)?;
    let [hits, misses, uncached] = first(&lines, "rc")?;
    let [stale] = first(&lines, "fh")?;
    let [read, written] = first(&lines, "io")?;
    let [threads] = first(&lines, "th")?;
    let [_, udp, tcp, connections] = first(&lines, "net")?;
    let [calls, _, bad_format, bad_auth, bad_client] = first(&lines, "rpc")?;
    let counters = [
        (
            "reply_cache_hits_total",
            "Requests found in the cache of replies.",
            hits,
        ),
        (
            "reply_cache_misses_total",
            "Requests not found in it.",
            misses,
        ),
        (
            "reply_cache_nocache_total",
            "Requests that need no such cache.",
            uncached,
        ),
        (
            "file_handles_stale_total",
            "Requests for files that are gone.",
            stale,
        ),
        (
            "disk_bytes_read_total",
            "Bytes that the NFS server read.",
            read,
        ),
        (
            "disk_bytes_written_total",
            "Bytes that the NFS server wrote.",
            written,
        ),
        (
            "connections_total",
            "TCP connections to the NFS server.",
            connections,
        ),
        ("server_rpcs_total", "Calls to the NFS server.", calls),
    ];
    for (name, help, value) in counters {
        families.counter(format!("node_nfsd_{name}"), help, &[], value);
    }
    families.gauge(
        "node_nfsd_server_threads",
        "Threads of the NFS server.",
        &[],
        threads,
    );
    // Kernels since 5.4 have no such cache.
    if let Some(cache) = lines.get("ra") {
        let help = "Size of the cache for reading ahead, in blocks.";
        let size = cache.first().copied().unwrap_or_default();
        families.gauge("node_nfsd_read_ahead_cache_size_blocks", help, &[], size);
        let help = "Requests not found in the cache for reading ahead.";
        let not_found = cache.get(11).copied().unwrap_or_default();
        families.counter(
            "node_nfsd_read_ahead_cache_not_found_total",
            help,
            &[],
            not_found,
        );
    }
    for (proto, count) in [("udp", udp), ("tcp", tcp)] {
        let help = "Packets of the NFS server.";
        families.counter("node_nfsd_packets_total", help, &[("proto", proto)], count);
    }
    for (error, count) in [
        ("fmt", bad_format),
        ("auth", bad_auth),
        ("cInt", bad_client),
    ] {
        let help = "Calls to the NFS server that it refused.";
        families.counter(
            "node_nfsd_rpc_errors_total",
            help,
            &[("error", error)],
            count,
        );
    }
    write_server_requests(&lines, families);
    Some(())
}

/// What was requested, by version of the protocol.
fn write_server_requests(lines: &Lines<'_>, families: &mut Families) {
    let versions: [(&str, &str, &[&str]); 3] = [
        ("proc2", "2", &V2),
        ("proc3", "3", &V3),
        ("proc4ops", "4", &V4_SERVER),
    ];
    let family = "node_nfsd_requests_total";
    let help = "Requests to the NFS server by version and procedure.";
    for (line, proto, methods) in versions {
        let methods: Vec<&str> = methods
            .iter()
            .map(|one| if *one == NULL { "" } else { *one })
            .collect();
        write_requests(
            families,
            [family, help, proto],
            &methods,
            counted(lines, line),
        );
    }
    if let Some([count]) = first(lines, "wdeleg_getattr") {
        let labels = [("method", "WdelegGetattr"), ("proto", "4")];
        families.counter(family, help, &labels, count);
    }
}
