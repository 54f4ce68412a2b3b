//! The parts of the host that `/metrics` shows, by the names of node_exporter's collectors: the one list.

use std::collections::BTreeSet;
use std::fmt;

macro_rules! collectors {
    ($(#[doc = $doc:literal] $variant:ident = $name:literal, $default:literal;)+) => {
        /// A part of the host in `/metrics`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MetricsCollector {
            $(#[doc = $doc] $variant,)+
        }

        impl MetricsCollector {
            /// All of them, by name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, as in the label `collector`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Whether it is read without any configuration.
            #[must_use]
            pub const fn is_default(self) -> bool {
                match self { $(Self::$variant => $default,)+ }
            }

            /// What it shows, in a few words.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }.trim_ascii()
            }
        }
    };
}

collectors! {
    /// Entries of the ARP table.
    Arp = "arp", true;
    /// Members of bonded interfaces.
    Bonding = "bonding", true;
    /// Tracked connections of the packet filter.
    Conntrack = "conntrack", true;
    /// Time of each processor, throttling, which are online.
    Cpu = "cpu", true;
    /// What the kernel does about each flaw of the processors.
    CpuVulnerabilities = "cpu_vulnerabilities", false;
    /// Clock rates of the processors.
    Cpufreq = "cpufreq", true;
    /// Traffic of the disks.
    Diskstats = "diskstats", true;
    /// Maker, product, board and firmware.
    Dmi = "dmi", true;
    /// Memory errors that were corrected or not.
    Edac = "edac", true;
    /// Bits of the kernel's random pool.
    Entropy = "entropy", true;
    /// Open files of the whole host.
    Filefd = "filefd", true;
    /// Space and inodes of the file systems.
    Filesystem = "filesystem", true;
    /// Temperatures, fans, voltages, currents and power.
    Hwmon = "hwmon", true;
    /// Each interrupt on each processor.
    Interrupts = "interrupts", false;
    /// Totals of the kernel's load balancer.
    Ipvs = "ipvs", true;
    /// Tasks that the kernel found hanging.
    KernelHung = "kernel_hung", true;
    /// Load averages.
    Loadavg = "loadavg", true;
    /// State of software RAID.
    Mdadm = "mdadm", true;
    /// Every field of the kernel's memory.
    Meminfo = "meminfo", true;
    /// Properties of the network interfaces.
    Netclass = "netclass", true;
    /// Traffic of the network interfaces.
    Netdev = "netdev", true;
    /// Counters of IP, ICMP, TCP and UDP.
    Netstat = "netstat", true;
    /// Requests of the NFS client.
    Nfs = "nfs", true;
    /// Requests to the NFS server.
    Nfsd = "nfsd", true;
    /// Model and firmware of NVMe controllers.
    Nvme = "nvme", true;
    /// Name and version of the distribution.
    Os = "os", true;
    /// Batteries and mains.
    Powersupplyclass = "powersupplyclass", true;
    /// Time lost to waiting.
    Pressure = "pressure", true;
    /// Processes and threads by state; reads a file of each.
    Processes = "processes", false;
    /// Energy that the processors took.
    Rapl = "rapl", true;
    /// Running and waiting on each processor.
    Schedstat = "schedstat", true;
    /// Mode of SELinux.
    Selinux = "selinux", true;
    /// Sockets in use and their memory.
    Sockstat = "sockstat", true;
    /// Each kind of software interrupt on each processor.
    Softirqs = "softirqs", false;
    /// Packets that each processor took from the network.
    Softnet = "softnet", true;
    /// Context switches, forks, interrupts, time of boot.
    Stat = "stat", true;
    /// Units of systemd.
    Systemd = "systemd", true;
    /// TCP connections by state; reads all of them.
    Tcpstat = "tcpstat", false;
    /// Files of `metrics.textfile_dir`.
    Textfile = "textfile", true;
    /// Temperatures and cooling of the firmware.
    ThermalZone = "thermal_zone", true;
    /// Clock, time zone and sources of time.
    Time = "time", true;
    /// Synchronisation of the kernel's clock.
    Timex = "timex", true;
    /// Bytes that wait in UDP sockets.
    UdpQueues = "udp_queues", true;
    /// What the kernel calls itself.
    Uname = "uname", true;
    /// Paging and kills for want of memory.
    Vmstat = "vmstat", true;
    /// Watchdog timers.
    Watchdog = "watchdog", true;
    /// Operations of XFS.
    Xfs = "xfs", true;
    /// Caches and pools of ZFS.
    Zfs = "zfs", true;
}

impl MetricsCollector {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == name)
    }
}

impl fmt::Display for MetricsCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which collectors are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsCollectors(BTreeSet<MetricsCollector>);

impl Default for MetricsCollectors {
    fn default() -> Self {
        let all = MetricsCollector::ALL.iter().copied();
        Self(all.filter(|one| one.is_default()).collect())
    }
}

impl FromIterator<MetricsCollector> for MetricsCollectors {
    fn from_iter<T: IntoIterator<Item = MetricsCollector>>(all: T) -> Self {
        Self(all.into_iter().collect())
    }
}

impl MetricsCollectors {
    /// Whether this one is read.
    #[must_use]
    pub fn contains(&self, one: MetricsCollector) -> bool {
        self.0.contains(&one)
    }

    /// Switches one on.
    pub fn insert(&mut self, one: MetricsCollector) {
        self.0.insert(one);
    }

    /// Switches one off.
    pub fn remove(&mut self, one: MetricsCollector) {
        self.0.remove(&one);
    }

    /// Those that are read, by name.
    pub fn iter(&self) -> impl Iterator<Item = MetricsCollector> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_find_their_collector() {
        assert!(MetricsCollector::ALL.is_sorted_by_key(|one| one.as_str()));
        for one in MetricsCollector::ALL {
            assert_eq!(MetricsCollector::named(one.as_str()), Some(*one));
        }
        assert_eq!(MetricsCollector::named("Arp"), None);
        assert_eq!(
            MetricsCollector::Arp.description(),
            "Entries of the ARP table."
        );
    }

    #[test]
    fn costly_ones_are_off_by_default() {
        let default = MetricsCollectors::default();
        assert!(default.contains(MetricsCollector::Netstat));
        let off: Vec<&str> = MetricsCollector::ALL
            .iter()
            .filter(|one| !default.contains(**one))
            .map(|one| one.as_str())
            .collect();
        let expected = [
            "cpu_vulnerabilities",
            "interrupts",
            "processes",
            "softirqs",
            "tcpstat",
        ];
        assert_eq!(off, expected);
    }
}
