//! `net/dev`: what the network interfaces have carried.

use std::collections::HashSet;
use std::path::PathBuf;

use super::{Source, read_number};
use crate::{CollectError, HostRoots};

/// The counters of one interface since it came up, in the order of [`InterfaceCounters::RECEIVE`]
/// and [`InterfaceCounters::TRANSMIT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// Its name.
    pub name: String,
    /// What came in.
    pub receive: [u64; 8],
    /// What went out.
    pub transmit: [u64; 8],
}

impl InterfaceCounters {
    /// What is counted of what comes in, see proc(5).
    pub const RECEIVE: [&'static str; 8] = [
        "bytes",
        "packets",
        "errs",
        "drop",
        "fifo",
        "frame",
        "compressed",
        "multicast",
    ];
    /// What is counted of what goes out, see proc(5).
    pub const TRANSMIT: [&'static str; 8] = [
        "bytes",
        "packets",
        "errs",
        "drop",
        "fifo",
        "colls",
        "carrier",
        "compressed",
    ];
}

/// Reads `net/dev` of the process file system.
#[derive(Debug)]
pub(crate) struct Interfaces {
    /// Of the host's first process, which in a container sees the host's interfaces.
    host: Source<Vec<InterfaceCounters>>,
    own: Source<Vec<InterfaceCounters>>,
    /// Where the system file system describes each interface.
    directory: PathBuf,
}

impl Interfaces {
    pub(crate) fn new(roots: &HostRoots) -> Self {
        let file = |path| Source::new(roots.procfs.join(path), "counters of interfaces", parse);
        Self {
            host: file("1/net/dev"),
            own: file("net/dev"),
            directory: roots.sysfs.join("class/net"),
        }
    }

    /// All interfaces, in the order of the file.
    ///
    /// # Errors
    /// When the file can't be read or holds something else.
    pub(crate) fn read(&mut self) -> Result<Vec<InterfaceCounters>, CollectError> {
        match self.host.read() {
            // A container without the host's processes has no such file, nor a reason to fail.
            Err(CollectError::Read { .. }) => self.own.read(),
            read => read,
        }
    }

    /// Whether a device stands behind an interface.
    pub(crate) fn has_device(&self, name: &str) -> bool {
        self.directory.join(name).join("device").exists()
    }

    /// Packets that an interface received and that nothing handled; kernels before 4.6 don't count
    /// them.
    pub(crate) fn unhandled(&self, name: &str) -> Option<u64> {
        read_number(&self.directory.join(name).join("statistics/rx_nohandler"))
    }
}

/// Two lines of headings, then `NAME: ` and sixteen counters, eight for each direction; a line that
/// is anything else is passed over, and so is a second one of an interface. `None` when there are
/// lines and none of them is good.
fn parse(text: &str) -> Option<Vec<InterfaceCounters>> {
    let mut seen = HashSet::new();
    let lines = text.lines().skip(2).filter(|line| !line.trim().is_empty());
    let is_empty = lines.clone().next().is_none();
    let interfaces: Vec<InterfaceCounters> = lines
        .filter_map(|line| {
            // Old kernels write no space behind the colon, and a name may hold one.
            let (name, counters) = line.rsplit_once(':')?;
            let mut words = counters.split_whitespace().map(str::parse::<u64>);
            let mut eight = || -> Option<[u64; 8]> {
                let mut all = [0; 8];
                for counter in &mut all {
                    *counter = words.next()?.ok()?;
                }
                Some(all)
            };
            let (receive, transmit) = (eight()?, eight()?);
            seen.insert(name.trim()).then(|| InterfaceCounters {
                name: name.trim().to_owned(),
                receive,
                transmit,
            })
        })
        .collect();
    (is_empty || !interfaces.is_empty()).then_some(interfaces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_read_in_their_order() {
        let text = "a\nb\n veth:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        let interfaces = parse(text).unwrap();
        assert_eq!(interfaces[0].name, "veth:1");
        assert_eq!(interfaces[0].receive, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(interfaces[0].transmit, [9, 10, 11, 12, 13, 14, 15, 16]);
        assert_eq!(parse("a\nb\n eth0: 1 2 3\n"), None);
        assert_eq!(parse("a\nb\n eth0 1\n"), None);
        assert_eq!(parse("a\nb\n"), Some(Vec::new()));
        let odd = format!(
            "{text} eth0: 1 2 3\n eth1 5\n{}",
            text.trim_start_matches("a\nb\n")
        );
        assert_eq!(parse(&odd), Some(interfaces));
    }
}
