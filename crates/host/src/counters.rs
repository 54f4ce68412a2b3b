//! The kernel's counters as they are, for programs that keep and compare them themselves.
//!
//! Unlike the families of a snapshot they are read on demand, whole and without rates. All of it are
//! small files of the process file system, which never block.

use crate::carryover::Carryover;
use crate::sources::{self, Disks, Interfaces, PressureFiles, Source, stat};
use crate::{HostRoots, system};
use linux_api_wire::snapshot::{Load, Pressure};

pub use sources::clocks::{ClockInfo, ClockSource, TimeZone};
pub use sources::meminfo::{MemoryField, MemoryFields};
pub use sources::stat::{CpuTicks, KernelCounters};
pub use sources::{BlockDevice, DeviceKind, DiskCounters, InterfaceCounters};

/// The devices that `/metrics` lists, as `node_exporter` does.
const DISKS: [DeviceKind; 2] = [DeviceKind::Disk, DeviceKind::Auxiliary];

/// The counters of one host; a part that can't be read is absent.
#[derive(Debug, Clone, Default)]
pub struct HostCounters {
    /// Processors, interrupts and processes. The time of a processor is never less than at the
    /// reading before.
    pub kernel: Option<KernelCounters>,
    /// Every field that the kernel has of its memory.
    pub memory: Option<MemoryFields>,
    /// The load averages.
    pub load: Option<Load>,
    /// Disks without their partitions.
    pub disks: Option<Vec<DiskCounters>>,
    /// Network interfaces.
    pub interfaces: Option<Vec<InterfaceCounters>>,
    /// Packets that were received and that nothing handled, by the interface's name.
    pub unhandled: Vec<(String, u64)>,
    /// Time lost to waiting.
    pub pressure: Option<Pressure>,
    /// What the kernel calls itself and the host.
    pub uname: Uname,
    /// What its clock runs by.
    pub clock: ClockInfo,
}

/// What uname(2) returns, with the name of the host that is watched.
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
    kernel: Source<KernelCounters>,
    /// Processor times of the reading before, by the processor's number.
    ticks: Carryover<u32, CpuTicks>,
    memory: Source<MemoryFields>,
    load: Source<Load>,
    disks: Disks,
    interfaces: Interfaces,
    pressure: PressureFiles,
    clock: sources::clocks::ClockReader,
}

impl CounterReader {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            kernel: stat::source(roots),
            ticks: Carryover::default(),
            memory: sources::meminfo::source(roots, "memory sizes", sources::meminfo::fields),
            load: sources::loadavg::source(roots),
            disks: Disks::new(roots),
            interfaces: Interfaces::new(roots),
            pressure: PressureFiles::new(roots),
            clock: sources::clocks::ClockReader::new(roots),
            roots: roots.clone(),
        }
    }

    pub(super) fn read(&mut self) -> HostCounters {
        let interfaces = self.interfaces.read().ok();
        let unhandled = interfaces.iter().flatten().filter_map(|one| {
            let packets = self.interfaces.unhandled(&one.name)?;
            Some((one.name.clone(), packets))
        });
        HostCounters {
            unhandled: unhandled.collect(),
            interfaces,
            kernel: self.kernel(),
            memory: self.memory.read().ok(),
            load: self.load.read().ok(),
            disks: self.disks.read(&DISKS).ok(),
            pressure: self.pressure.read().ok(),
            uname: uname(&self.roots),
            clock: self.clock.read(),
        }
    }

    fn kernel(&mut self) -> Option<KernelCounters> {
        let mut kernel = self.kernel.read().ok()?;
        for (number, ticks) in &mut kernel.cpus {
            *ticks = ticks.never_below(self.ticks.take(number));
            self.ticks.keep(*number, *ticks);
        }
        self.ticks.finish();
        (!kernel.cpus.is_empty()).then_some(kernel)
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
    #[test]
    fn a_counter_of_a_processor_never_falls() {
        let tree = Tree::new();
        let mut reader = CounterReader::new(&tree.roots());
        let mut idle = |ticks: u64| {
            tree.write("proc/stat", format!("cpu 1 1 1 1\ncpu0 1 1 1 {ticks}\n"));
            let kernel = reader.read().kernel.unwrap();
            kernel.cpus[0].1.0[CpuTicks::IDLE]
        };
        assert_eq!(
            [idle(500), idle(490), idle(510), idle(5)],
            [500, 500, 510, 5]
        );
        tree.write("proc/stat", "cpu 1 1 1 1\n");
        assert_eq!(reader.read().kernel, None);
    }
}
