//! What `/metrics` shows beside [`crate::counters`]: collectors that make whole families, by node_exporter's
//! names.
//!
//! Each is a few small files, the parser of their format, and the families made of them; to add one, write it
//! below this module, name it in [`MetricsCollector`] and in `collectors`.

mod attributes;
mod cpu;
mod family;
mod hwmon;
mod interrupts;
mod kernel;
mod lane;
mod link_layer;
mod memory_errors;
mod nfs;
mod packets;
mod power;
mod product;
mod protocols;
mod raid;
mod sockets;
mod tasks;
#[cfg(test)]
mod tests;
mod textfile;
mod timex;
mod watchdog;
mod xfs;
mod zfs;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sources::Reread;
use crate::{CollectError, HostRoots};
use linux_api_wire::metrics_collector::{MetricsCollector, MetricsCollectors};

pub use family::{MetricFamily, MetricKind, MetricLabels, MetricSample, MetricValue};

use family::Families;
pub(super) use lane::CollectorLane;

/// Which parts of the host `/metrics` shows.
#[derive(Debug, Clone, Default)]
pub struct MetricsOptions {
    /// The collectors that are read.
    pub collectors: MetricsCollectors,
    /// Directory with files of other programs (`*.prom`).
    pub textfile_dir: Option<PathBuf>,
}

/// How one collector did at a scrape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CollectorRun {
    /// Which one.
    pub collector: MetricsCollector,
    /// How long it took; absent where it was not read at the scrape or has not returned.
    pub duration: Option<Duration>,
    /// Whether it found what it shows.
    pub success: bool,
}

/// What the collectors found at one scrape.
#[derive(Debug, Clone, Default)]
pub struct MetricsReading {
    /// The collectors that are switched on, those of [`crate::counters`] and of snapshots too.
    pub collectors: MetricsCollectors,
    /// How those did that were read here; one name may come more than once.
    pub runs: Vec<CollectorRun>,
    /// What they found.
    pub families: Vec<MetricFamily>,
}

/// Reads some files and makes families of them.
trait Collect: Send + fmt::Debug {
    /// Adds the families. What was added before an error is shown all the same.
    ///
    /// # Errors
    /// When what it shows is not there, or is malformed.
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError>;
}

/// A collector and the name that it is switched by.
type Named = (MetricsCollector, Box<dyn Collect>);

/// The collectors that are switched on. Some add to what [`crate::counters`] has under the same name.
fn collectors(roots: &HostRoots, options: &MetricsOptions) -> Vec<Named> {
    use MetricsCollector as Name;
    let mut all: Vec<Named> = vec![
        (Name::Arp, Box::new(packets::Arp::new(roots))),
        (Name::Bonding, Box::new(link_layer::Bonding::new(roots))),
        (Name::Conntrack, Box::new(packets::Conntrack::new(roots))),
        (Name::Cpu, Box::new(cpu::Topology::new(roots))),
        (Name::CpuVulnerabilities, Box::new(cpu::Flaws::new(roots))),
        (Name::Cpufreq, Box::new(cpu::Frequencies::new(roots))),
        (Name::Dmi, Box::new(product::Dmi::new(roots))),
        (Name::Edac, Box::new(memory_errors::Edac::new(roots))),
        (Name::Entropy, Box::new(kernel::Entropy::new(roots))),
        (Name::Filefd, Box::new(kernel::OpenFiles::new(roots))),
        (Name::Hwmon, Box::new(hwmon::Hwmon::new(roots))),
        (
            Name::Interrupts,
            Box::new(interrupts::Interrupts::new(roots)),
        ),
        (Name::Ipvs, Box::new(packets::Ipvs::new(roots))),
        (Name::KernelHung, Box::new(kernel::HungTasks::new(roots))),
        (Name::Mdadm, Box::new(raid::Mdstat::new(roots))),
        (Name::Netclass, Box::new(link_layer::Netclass::new(roots))),
        (Name::Netstat, Box::new(protocols::Netstat::new(roots))),
        (Name::Nfs, Box::new(nfs::Client::new(roots))),
        (Name::Nfsd, Box::new(nfs::Server::new(roots))),
        (Name::Nvme, Box::new(product::Nvme::new(roots))),
        (Name::Os, Box::new(product::Distribution::new(roots))),
        (
            Name::Powersupplyclass,
            Box::new(power::Supplies::new(roots)),
        ),
        (
            Name::Pressure,
            Box::new(kernel::InterruptPressure::new(roots)),
        ),
        (Name::Processes, Box::new(tasks::Tasks::new(roots))),
        (Name::Rapl, Box::new(power::Rapl::new(roots))),
        (Name::Schedstat, Box::new(kernel::Schedstat::new(roots))),
        (Name::Selinux, Box::new(kernel::Selinux::new(roots))),
        (Name::Sockstat, Box::new(sockets::Sockstat::new(roots))),
        (Name::Softirqs, Box::new(interrupts::Softirqs::new(roots))),
        (Name::Softnet, Box::new(packets::Softnet::new(roots))),
        (Name::Tcpstat, Box::new(sockets::TcpStates::new(roots))),
        (Name::ThermalZone, Box::new(power::Thermal::new(roots))),
        (Name::Timex, Box::new(timex::Timex)),
        (Name::UdpQueues, Box::new(sockets::UdpQueues::new(roots))),
        (Name::Vmstat, Box::new(kernel::Vmstat::new(roots))),
        (Name::Watchdog, Box::new(watchdog::Watchdogs::new(roots))),
        (Name::Xfs, Box::new(xfs::Xfs::new(roots))),
        (Name::Zfs, Box::new(zfs::Zfs::new(roots))),
    ];
    let textfile = textfile::Textfile::new(options.textfile_dir.clone());
    all.push((Name::Textfile, Box::new(textfile)));
    all.retain(|(name, _)| options.collectors.contains(*name));
    all
}

/// A file of `net` of the process file system: that of the host's first process, which in a container sees the
/// host's network, or our own where there is none.
#[derive(Debug)]
struct NetFile {
    host: Reread,
    own: Reread,
}

impl NetFile {
    fn new(roots: &HostRoots, name: &str) -> Self {
        let file = |directory: &str| Reread::new(roots.procfs.join(directory).join(name));
        Self {
            host: file("1/net"),
            own: file("net"),
        }
    }

    /// # Errors
    /// When neither can be read.
    fn text(&mut self) -> Result<String, CollectError> {
        match self.host.text() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => self.own.text().map(std::borrow::Cow::into_owned),
        }
    }

    fn malformed(&self, expected: &'static str) -> CollectError {
        self.own.malformed(expected)
    }
}

/// The error for a file or directory that does not hold what it should.
fn malformed(path: &Path, expected: &'static str) -> CollectError {
    CollectError::Malformed {
        path: path.to_owned(),
        expected,
    }
}

/// A count as a floating point number.
#[expect(
    clippy::cast_precision_loss,
    reason = "a scrape has no more than 53 bits for a number with a fraction"
)]
fn real(count: u64) -> f64 {
    count as f64
}
