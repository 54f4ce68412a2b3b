//! The kernel's counters as they are, for programs that keep and compare them themselves.
//!
//! Other than the families of a snapshot they are read when they are asked for, whole and without
//! rates. All of it are small files of the process file system, which never block.

mod clock;
pub(super) mod disks;
pub(super) mod interfaces;
mod memory;
pub(super) mod stat;

use super::pressure::PressureReader;
use super::reread::Reread;
use super::{HostRoots, load_average, system};
use linux_api_wire::snapshot::{Load, Pressure};

pub use clock::{ClockInfo, ClockSource, TimeZone};
pub use disks::{DiskCounters, DiskIdentity};
pub use interfaces::InterfaceCounters;
pub use memory::MemoryField;
pub use stat::{CpuCounters, KernelCounters};

/// The counters of one host; a part that can't be read is absent.
#[derive(Debug, Clone, Default)]
pub struct HostCounters {
    /// Processors, interrupts and processes.
    pub kernel: Option<KernelCounters>,
    /// Every field that the kernel tells of its memory.
    pub memory: Option<Vec<MemoryField>>,
    /// The load averages.
    pub load: Option<Load>,
    /// Disks without their partitions.
    pub disks: Option<Vec<DiskCounters>>,
    /// Network interfaces.
    pub interfaces: Option<Vec<InterfaceCounters>>,
    /// Time lost to waiting.
    pub pressure: Option<Pressure>,
    /// What the kernel calls itself and the host.
    pub uname: Uname,
    /// What its clock runs by.
    pub clock: ClockInfo,
}

/// What uname(2) says, with the name of the host that is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uname {
    /// `Linux`.
    pub system: String,
    /// Release of the kernel.
    pub release: String,
    /// Version of that release.
    pub version: String,
    /// Kind of hardware.
    pub machine: String,
    /// Name of the host.
    pub node: String,
    /// NIS domain, `(none)` on most hosts.
    pub domain: String,
}

/// Reads the counters from files that stay open.
#[derive(Debug)]
pub(super) struct CounterReader {
    roots: HostRoots,
    kernel: stat::StatReader,
    memory: Reread,
    load: Reread,
    disks: disks::DiskCounterReader,
    interfaces: interfaces::InterfaceReader,
    pressure: PressureReader,
    clock: clock::ClockReader,
}

impl CounterReader {
    pub(super) fn new(roots: &HostRoots) -> Self {
        let procfs = &roots.procfs;
        Self {
            kernel: stat::StatReader::new(procfs),
            memory: Reread::new(procfs.join("meminfo")),
            load: Reread::new(procfs.join("loadavg")),
            disks: disks::DiskCounterReader::new(roots),
            interfaces: interfaces::InterfaceReader::new(roots),
            pressure: PressureReader::new(procfs),
            clock: clock::ClockReader::new(roots),
            roots: roots.clone(),
        }
    }

    pub(super) fn read(&mut self) -> HostCounters {
        HostCounters {
            kernel: self.kernel.read().ok(),
            memory: memory::read(&mut self.memory).ok(),
            load: load_average::read(&mut self.load).ok(),
            disks: self.disks.read().ok(),
            interfaces: self.interfaces.read().ok(),
            pressure: self.pressure.read().ok(),
            uname: uname(&self.roots),
            clock: self.clock.read(),
        }
    }
}

fn uname(roots: &HostRoots) -> Uname {
    let names = rustix::system::uname();
    let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
    Uname {
        system: text(names.sysname()),
        release: text(names.release()),
        version: text(names.version()),
        machine: text(names.machine()),
        node: system::host_name(roots),
        domain: text(names.domainname()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn what_can_not_be_read_is_absent_and_the_rest_is_there() {
        let tree = Tree::new();
        tree.write("proc/loadavg", "0.5 0.25 0.125 1/2 3\n");
        tree.write("etc/hostname", "web-03\n");
        let counters = CounterReader::new(&tree.roots()).read();
        assert!(counters.kernel.is_none() && counters.memory.is_none());
        assert!(counters.disks.is_none() && counters.interfaces.is_none());
        assert!(counters.pressure.is_none());
        assert_eq!(
            counters.load.map(|load| load.five.to_bits()),
            Some(0.25_f64.to_bits())
        );
        assert_eq!(
            (counters.uname.node.as_str(), counters.uname.system.as_str()),
            ("web-03", "Linux")
        );
    }
}
