//! What each family of a snapshot holds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// What the processors did since the reading before, in percent of all of them together (0 to 100).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cpu {
    /// Time spent on work: all but idling and waiting for disks.
    pub usage_percent: f64,
    /// Time spent in programs, niced ones and virtual machines included.
    pub user_percent: f64,
    /// Time spent in the kernel, interrupts included.
    pub system_percent: f64,
    /// Time idle while something waited for a disk.
    pub iowait_percent: f64,
    /// Time that the hypervisor gave to others.
    pub steal_percent: f64,
    /// Time spent on interrupts; part of `system_percent`.
    #[serde(default)]
    pub irq_percent: f64,
    /// Time spent on deferred work of interrupts, mostly of the network; part of `system_percent`.
    #[serde(default)]
    pub softirq_percent: f64,
    /// Each logical processor that is online, in the order of their numbers.
    pub per_core: Vec<Core>,
    /// Counters since the host started, of all processors together; not part of the wire format.
    #[serde(skip)]
    pub seconds: CpuSeconds,
}

/// What one logical processor did since the reading before, in percent of its time (0 to 100).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Core {
    /// The kernel's number for it.
    pub core: u32,
    /// Time spent on work.
    pub usage_percent: f64,
    /// Time idle while something waited for a disk.
    pub iowait_percent: f64,
    /// Time that the hypervisor gave to others.
    pub steal_percent: f64,
    /// Its clock, where the kernel reports it.
    pub frequency_mhz: Option<f64>,
}

/// Processor time since the host started, in seconds of one processor.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuSeconds {
    /// Programs, without niced ones; virtual machines included.
    pub user: f64,
    /// Niced programs; niced virtual machines included.
    pub nice: f64,
    /// The kernel.
    pub system: f64,
    /// Nothing.
    pub idle: f64,
    /// Nothing, while something waited for a disk. May go back a little, see proc(5).
    pub iowait: f64,
    /// Interrupts.
    pub irq: f64,
    /// Deferred work of interrupts.
    pub softirq: f64,
    /// Given to others by the hypervisor.
    pub steal: f64,
}

impl CpuSeconds {
    /// Part of the time since `earlier` that was work (all but idling and waiting for disks), 0 to
    /// 1; 0 when no time has passed. `None` when time was taken back, as it may be after a pause of
    /// the machine: what passed is then not known.
    #[must_use]
    pub fn busy_fraction_since(&self, earlier: &Self) -> Option<f64> {
        let busy = self.busy() - earlier.busy();
        let idle = self.idle - earlier.idle;
        if busy < 0.0 || idle < 0.0 {
            return None;
        }
        let idle = idle + (self.iowait - earlier.iowait).max(0.0);
        Some(if busy > 0.0 {
            busy / (busy + idle)
        } else {
            0.0
        })
    }

    fn busy(&self) -> f64 {
        self.user + self.nice + self.system + self.irq + self.softirq + self.steal
    }
}

/// The kernel's load averages: processes that run or wait, not per processor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Load {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
}

/// Main memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Memory {
    /// All that the kernel manages.
    pub total_bytes: u64,
    /// What is not available.
    pub used_bytes: u64,
    /// What programs could get without swapping.
    pub available_bytes: u64,
    /// Memory that is not used at all.
    pub free_bytes: u64,
    /// Buffers of block devices.
    pub buffers_bytes: u64,
    /// Cached files and what the kernel can reclaim of its own (`Cached` and `SReclaimable` of
    /// `/proc/meminfo`), as free(1) counts it. `node_memory_Cached_bytes` of `/metrics` is `Cached`
    /// alone.
    pub cached_bytes: u64,
    /// Shared memory and memory file systems; part of the cached bytes.
    pub shared_bytes: u64,
}

/// Swap space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Swap {
    /// All of it; 0 when there is none.
    pub total_bytes: u64,
    /// What is in use.
    pub used_bytes: u64,
}

/// A mounted file system that holds files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Filesystem {
    /// Where it is mounted on the host.
    pub mount_point: String,
    /// What is mounted: a block device, or what a network file system calls its source.
    pub device: String,
    /// Its type, such as `ext4`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its size. `null` when it has not answered yet.
    pub total_bytes: Option<u64>,
    /// What is taken.
    pub used_bytes: Option<u64>,
    /// What an ordinary user can still write.
    pub available_bytes: Option<u64>,
    /// `used_bytes` in percent of `used_bytes` and `available_bytes` together (0 to 100), as df(1)
    /// shows it: what is reserved for root counts as neither. `null` when both are 0 or not known.
    #[serde(default)]
    pub used_percent: Option<f64>,
    /// How many files it can hold; 0 when it has no such limit.
    pub inodes_total: Option<u64>,
    /// How many it holds.
    pub inodes_used: Option<u64>,
    /// Whether it can only be read.
    pub read_only: bool,
    /// Whether another machine or a program serves it (network and FUSE file systems).
    pub network: bool,
    /// Whether it does not respond now; the figures are then of an earlier time.
    pub stale: bool,
    /// Age of the figures in milliseconds, or how long it has not answered when there are none.
    pub age_ms: u64,
    /// Why the figures are missing or stale.
    pub error: Option<String>,
}

impl Filesystem {
    /// How full it is for ordinary users, in percent (0 to 100), as df(1) counts: used of used and
    /// available. `None` when both are 0 or not known.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a percentage needs no more than 53 bits"
    )]
    pub fn fullness(&self) -> Option<f64> {
        let (used, available) = (self.used_bytes? as f64, self.available_bytes? as f64);
        let all = used + available;
        (all > 0.0).then(|| 100.0 * used / all)
    }

    /// As [`Self::fullness`] in whole percent, rounded up as df(1) does: what is shown as 100 may have a
    /// little left, but what is full is never shown as 99.
    #[must_use]
    pub fn df_percent(&self) -> Option<u64> {
        let (used, available) = (self.used_bytes?, self.available_bytes?);
        let all = u128::from(used) + u128::from(available);
        if all == 0 {
            return None;
        }
        u64::try_from((u128::from(used) * 100).div_ceil(all)).ok()
    }

    /// As [`Self::fullness`], where that says whether an operator has to act: `None` for what
    /// can only be read, such as the image that a host starts from, which is full from the start.
    #[must_use]
    pub fn strain(&self) -> Option<f64> {
        self.fullness().filter(|_| !self.read_only)
    }
}

/// A whole disk, with what it did since the reading before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Disk {
    /// The kernel's name for it.
    pub device: String,
    /// Bytes read per second.
    pub read_bytes_per_second: f64,
    /// Bytes written per second.
    pub written_bytes_per_second: f64,
    /// Finished reads per second.
    pub reads_per_second: f64,
    /// Finished writes per second.
    pub writes_per_second: f64,
    /// Part of the time in which it had something to do, 0 to 100.
    pub busy_percent: f64,
    /// Bytes read since the host started.
    pub read_bytes: u64,
    /// Bytes written since the host started.
    pub written_bytes: u64,
}

/// A network interface, with what it did since the reading before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Network {
    /// Its name.
    pub interface: String,
    /// Whether a device stands behind it. Bridges, bonds, VLANs, tunnels and the ends of virtual
    /// cables have none: what they carry passes through a device too, or never leaves the host.
    #[serde(default)]
    pub has_device: bool,
    /// Bytes received per second.
    pub received_bytes_per_second: f64,
    /// Bytes sent per second.
    pub sent_bytes_per_second: f64,
    /// Errors in both directions since it came up.
    pub errors: u64,
    /// Packets dropped in both directions since it came up.
    pub drops: u64,
    /// Bytes received since it came up.
    pub received_bytes: u64,
    /// Bytes sent since it came up.
    pub sent_bytes: u64,
    /// Packets received since it came up.
    pub received_packets: u64,
    /// Packets sent since it came up.
    pub sent_packets: u64,
    /// Errors while receiving.
    pub receive_errors: u64,
    /// Errors while sending.
    pub send_errors: u64,
    /// Packets dropped while receiving.
    pub receive_drops: u64,
    /// Packets dropped while sending.
    pub send_drops: u64,
}

/// A temperature.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sensor {
    /// Chip and label, such as `coretemp Package id 0`; unique within the snapshot.
    pub name: String,
    /// The temperature; `null` when the sensor says what can't be.
    pub celsius: Option<f64>,
    /// From where on the maker calls it high, when known.
    pub high_celsius: Option<f64>,
    /// From where on the maker calls it critical, when known.
    pub critical_celsius: Option<f64>,
    /// Why there is no temperature.
    #[serde(default)]
    pub error: Option<String>,
}

/// Time lost to waiting for resources (PSI).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pressure {
    /// Waiting for a processor; `null` when the kernel says nothing of it that can be read.
    pub cpu: Option<ResourcePressure>,
    /// Waiting for memory; `null` likewise.
    pub memory: Option<ResourcePressure>,
    /// Waiting for disks; `null` likewise.
    pub io: Option<ResourcePressure>,
}

/// Time lost to waiting for one resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResourcePressure {
    /// Time in which at least one task waited.
    pub some: PressureShare,
    /// Time in which all tasks waited; older kernels don't report it for processors.
    pub full: Option<PressureShare>,
}

/// Part of the time in percent, 0 to 100.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PressureShare {
    /// Over ten seconds.
    pub avg10: f64,
    /// Over one minute.
    pub avg60: f64,
    /// Over five minutes.
    pub avg300: f64,
    /// Microseconds since the host started; not part of the wire format.
    #[serde(skip)]
    pub total_us: u64,
}

/// How many processes there are, kernel threads included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Processes {
    /// All of them.
    pub total: u32,
    /// On a processor or ready for one.
    pub running: u32,
    /// Waiting for something.
    pub sleeping: u32,
    /// Idle kernel threads.
    #[serde(default)]
    pub idle: u32,
    /// Waiting, usually for a disk, and not to be interrupted.
    pub blocked: u32,
    /// Stopped by a signal or a debugger.
    pub stopped: u32,
    /// Exited, not yet reaped by the parent.
    pub zombie: u32,
}

/// A login session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Name of the Linux account.
    pub user: String,
    /// The terminal, where there is one.
    pub terminal: Option<String>,
    /// Where the connection comes from, when it comes from elsewhere.
    pub remote_host: Option<String>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
}

/// Units of systemd that need a look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FailedUnits {
    /// How many have failed.
    pub failed: u64,
    /// Their names in alphabetical order, the first 20.
    pub failed_names: Vec<String>,
    /// How many systemd was about to start again when it was polled, because they had ended.
    pub restarting: u64,
    /// Their names in alphabetical order, the first 20.
    pub restarting_names: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_fraction_stays_between_zero_and_one() {
        let at = |busy, idle, iowait| CpuSeconds {
            system: busy,
            idle,
            iowait,
            ..CpuSeconds::default()
        };
        let start = at(100.0, 100.0, 10.0);
        let since = |later: CpuSeconds| later.busy_fraction_since(&start);
        assert_eq!(since(at(101.0, 102.0, 11.0)), Some(0.25));
        assert_eq!(since(start), Some(0.0));
        assert_eq!(since(at(101.0, 100.0, 5.0)), Some(1.0));
        assert_eq!(since(at(99.0, 100.0, 10.0)), None);
        assert_eq!(since(at(101.0, 99.0, 10.0)), None);
    }

    #[test]
    fn a_file_system_is_as_full_as_df_says() {
        // A twentieth is reserved for root: df says 100 %, and 52 % of all is something else.
        let one = |used: u64, available: u64, read_only: bool| Filesystem {
            total_bytes: Some(1_000),
            used_bytes: Some(used),
            available_bytes: Some(available),
            read_only,
            ..Filesystem::default()
        };
        let full = one(520, 0, false);
        assert_eq!((full.fullness(), full.strain()), (Some(100.0), Some(100.0)));
        let percents = [(1, 999), (370, 630), (3701, 6299), (999, 1)];
        let percents = percents.map(|(used, available)| one(used, available, false).df_percent());
        assert_eq!(percents, [Some(1), Some(37), Some(38), Some(100)]);
        assert_eq!(one(0, 0, false).df_percent(), None);
        assert_eq!(one(300, 900, false).fullness(), Some(25.0));
        assert_eq!(one(0, 0, false).fullness(), None);
        let image = one(1_000, 0, true);
        assert_eq!((image.fullness(), image.strain()), (Some(100.0), None));
        assert_eq!(Filesystem::default().fullness(), None);
    }
}
