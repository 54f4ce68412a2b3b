//! The families of a snapshot: the rates and values that are made of the raw counters in
//! [`crate::sources`], one file for each. [`FAMILIES`] is the only list.

mod cpu;
mod disks;
mod filesystems;
mod memory;
mod networks;
mod processes;
mod rate;
mod sensors;
mod sessions;

use std::time::{Duration, Instant};

use crate::sources::{MountWatch, PressureFiles, loadavg, meminfo, uptime};
use crate::{CollectError, HostRoots};
use linux_api_wire::snapshot::{Family, FamilyValue};

pub(crate) use processes::count_processes;
pub(crate) use sessions::list_sessions;

/// For what changes slowly and costs more than a few small reads.
pub(crate) const SLOW: Duration = Duration::from_secs(10);

/// Slow families that are as fresh as the rest while a reader is watching.
pub(crate) const EAGER: [Family; 2] = [Family::Processes, Family::Sessions];

/// What the readers of families are made with.
#[derive(Debug)]
pub(crate) struct Given {
    /// Where the host is.
    pub(crate) roots: HostRoots,
    /// Gets what is found wrong with the mounts while they are read.
    pub(crate) mounts: MountWatch,
}

/// Reads one family, and keeps what it measures the next reading from.
pub(crate) type FamilyReader = Box<dyn FnMut(Instant) -> Result<FamilyValue, CollectError> + Send>;
/// Makes a reader that has read nothing yet.
pub(crate) type MakeReader = fn(&Given) -> FamilyReader;
/// A family, how often it is read at most, and how.
pub(crate) type Plan = (Family, Duration, MakeReader);

/// How each family is read. What may get stuck comes last.
pub(crate) const FAMILIES: [Plan; 12] = [
    (Family::Cpu, Duration::ZERO, |given| {
        let mut reader = cpu::CpuReader::new(&given.roots);
        Box::new(move |now| reader.read(now).map(FamilyValue::Cpu))
    }),
    (Family::Load, Duration::ZERO, |given| {
        let mut file = loadavg::source(&given.roots);
        Box::new(move |_| file.read().map(FamilyValue::Load))
    }),
    (Family::Memory, Duration::ZERO, |given| {
        let mut file = meminfo::source(&given.roots, "memory sizes", memory::memory);
        Box::new(move |_| file.read().map(FamilyValue::Memory))
    }),
    (Family::Swap, Duration::ZERO, |given| {
        let mut file = meminfo::source(&given.roots, "swap sizes", memory::swap);
        Box::new(move |_| file.read().map(FamilyValue::Swap))
    }),
    (Family::Disks, Duration::ZERO, |given| {
        let mut reader = disks::DiskReader::new(&given.roots);
        Box::new(move |now| reader.read(now).map(FamilyValue::Disks))
    }),
    (Family::Networks, Duration::ZERO, |given| {
        let mut reader = networks::NetworkReader::new(&given.roots);
        Box::new(move |now| reader.read(now).map(FamilyValue::Networks))
    }),
    (Family::Pressure, Duration::ZERO, |given| {
        let mut files = PressureFiles::new(&given.roots);
        Box::new(move |_| files.read().map(FamilyValue::Pressure))
    }),
    (Family::Uptime, Duration::ZERO, |given| {
        let mut file = uptime::source(&given.roots);
        let seconds = |uptime: Duration| FamilyValue::Uptime(uptime.as_secs());
        Box::new(move |_| file.read().map(seconds))
    }),
    (Family::Processes, SLOW, |given| {
        let procfs = given.roots.procfs.clone();
        Box::new(move |_| count_processes(&procfs).map(FamilyValue::Processes))
    }),
    (Family::Sessions, SLOW, |given| {
        let roots = given.roots.clone();
        Box::new(move |_| list_sessions(&roots.rootfs, &roots.procfs).map(FamilyValue::Sessions))
    }),
    (Family::Filesystems, Duration::ZERO, |given| {
        let mut reader = filesystems::FilesystemReader::new(&given.roots, given.mounts.clone());
        Box::new(move |now| reader.read(now).map(FamilyValue::Filesystems))
    }),
    (Family::Sensors, SLOW, |given| {
        let mut reader = sensors::SensorReader::new(&given.roots);
        Box::new(move |now| reader.read(now).map(FamilyValue::Sensors))
    }),
];
