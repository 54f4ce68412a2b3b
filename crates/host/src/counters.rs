//! The kernel's counters as they are, for programs that keep and compare them themselves.
//!
//! Unlike the families of a snapshot they are read on demand, whole and without rates. All of it are
//! small files of the process file system, which never block.

use std::time::Instant;

use crate::carryover::Carryover;
use crate::metrics::CollectorRun;
use crate::sources::{self, Disks, Interfaces, PressureFiles, Source, stat};
use crate::{HostRoots, system};
use linux_api_wire::metrics_collector::{MetricsCollector, MetricsCollectors};
use linux_api_wire::snapshot::{Load, Pressure};

pub use sources::clocks::{ClockInfo, ClockSource, TimeZone};
pub use sources::meminfo::{MemoryField, MemoryFields};
pub use sources::stat::{CpuTicks, KernelCounters};
pub use sources::{BlockDevice, DeviceKind, DiskCounters, InterfaceCounters};

/// The devices that `/metrics` lists, as `node_exporter` does.
const DISKS: [DeviceKind; 2] = [DeviceKind::Disk, DeviceKind::Auxiliary];

/// The counters of one host; a part that can't be read or is switched off is absent.
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
    pub uname: Option<Uname>,
    /// What its clock runs by.
    pub clock: Option<ClockInfo>,
    /// How long each part took, and whether it was there.
    pub runs: Vec<CollectorRun>,
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
    collectors: MetricsCollectors,
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
            collectors: MetricsCollectors::default(),
        }
    }

    /// Reads other parts from now on.
    pub(super) fn set_collectors(&mut self, collectors: &MetricsCollectors) {
        self.collectors = collectors.clone();
    }

    pub(super) fn read(&mut self) -> HostCounters {
        use MetricsCollector as Name;
        let mut parts = Parts {
            collectors: &self.collectors,
            runs: Vec::new(),
        };
        let kernel = parts.read(&[Name::Cpu, Name::Stat], || {
            risen(self.kernel.read().ok()?, &mut self.ticks)
        });
        let interfaces = parts.read(&[Name::Netdev], || {
            let interfaces = self.interfaces.read().ok()?;
            let unhandled = interfaces.iter().filter_map(|one| {
                let packets = self.interfaces.unhandled(&one.name)?;
                Some((one.name.clone(), packets))
            });
            let unhandled = unhandled.collect();
            Some((interfaces, unhandled))
        });
        let (interfaces, unhandled) = interfaces.map_or((None, Vec::new()), |(all, unhandled)| {
            (Some(all), unhandled)
        });
        let mut kernel = kernel;
        if let Some(kernel) = &mut kernel {
            kernel.keep_only(&self.collectors);
        }
        HostCounters {
            kernel,
            unhandled,
            interfaces,
            memory: parts.read(&[Name::Meminfo], || self.memory.read().ok()),
            load: parts.read(&[Name::Loadavg], || self.load.read().ok()),
            disks: parts.read(&[Name::Diskstats], || self.disks.read(&DISKS).ok()),
            pressure: parts.read(&[Name::Pressure], || self.pressure.read().ok()),
            uname: parts.read(&[Name::Uname], || Some(uname(&self.roots))),
            clock: parts.read(&[Name::Time], || Some(self.clock.read())),
            runs: parts.runs,
        }
    }
}

impl KernelCounters {
    /// Removes what is switched off of a file that two collectors share.
    fn keep_only(&mut self, collectors: &MetricsCollectors) {
        if !collectors.contains(MetricsCollector::Cpu) {
            self.cpus.clear();
        }
        if !collectors.contains(MetricsCollector::Stat) {
            let cpus = std::mem::take(&mut self.cpus);
            *self = Self {
                cpus,
                ..Self::default()
            };
        }
    }
}

/// Which parts are read, and how that goes.
struct Parts<'a> {
    collectors: &'a MetricsCollectors,
    runs: Vec<CollectorRun>,
}

impl Parts<'_> {
    /// Reads what the collectors of these names show, unless all of them are switched off.
    fn read<T>(
        &mut self,
        names: &[MetricsCollector],
        read: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        let names = names.iter().filter(|name| self.collectors.contains(**name));
        let names: Vec<MetricsCollector> = names.copied().collect();
        if names.is_empty() {
            return None;
        }
        let started = Instant::now();
        let found = read();
        let duration = Some(started.elapsed());
        self.runs
            .extend(names.into_iter().map(|collector| CollectorRun {
                collector,
                duration,
                success: found.is_some(),
            }));
        found
    }
}

/// With times of processors that are not below those of the reading before.
fn risen(
    mut kernel: KernelCounters,
    before: &mut Carryover<u32, CpuTicks>,
) -> Option<KernelCounters> {
    for (number, ticks) in &mut kernel.cpus {
        *ticks = ticks.never_below(before.take(number));
        before.keep(*number, *ticks);
    }
    before.finish();
    (!kernel.cpus.is_empty()).then_some(kernel)
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
        let uname = counters.uname.unwrap();
        assert_eq!(
            (uname.node.as_str(), uname.system.as_str()),
            ("web-03", "Linux")
        );
        let done = counters.runs.iter().filter(|run| run.success);
        let done: Vec<&str> = done.map(|run| run.collector.as_str()).collect();
        assert_eq!(
            (done, counters.runs.len()),
            (vec!["loadavg", "uname", "time"], 9)
        );
    }

    #[test]
    fn what_is_switched_off_is_not_read() {
        let tree = Tree::new();
        tree.write("proc/loadavg", "0.5 0.25 0.125 1/2 3\n");
        tree.write("proc/stat", "cpu 1 1 1 1\ncpu0 1 1 1 1\nctxt 7\n");
        let mut reader = CounterReader::new(&tree.roots());
        reader.set_collectors(&[MetricsCollector::Stat].into_iter().collect());
        let counters = reader.read();
        assert!(counters.load.is_none() && counters.uname.is_none());
        assert_eq!(counters.kernel.unwrap().context_switches, Some(7));
        let names: Vec<&str> = counters
            .runs
            .iter()
            .map(|run| run.collector.as_str())
            .collect();
        assert_eq!(names, ["stat"]);
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
