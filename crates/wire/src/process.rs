//! Processes as the process list shows them.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::filter::FilterRow;
use super::time::Timestamp;

/// What a process is doing, in the words of psutil, which readers of the v1 API know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessStatus {
    /// On a CPU or ready for one.
    Running,
    /// Waits for something and may be interrupted.
    Sleeping,
    /// Waits, usually for a disk, and can't be interrupted.
    DiskSleep,
    /// Stopped by a signal.
    Stopped,
    /// Stopped by a debugger.
    TracingStop,
    /// Exited, not yet reaped by the parent.
    Zombie,
    /// About to vanish.
    Dead,
    /// Waits and wakes up only to be killed (Linux 2.6.33 to 3.13).
    WakeKill,
    /// Wakes up (Linux 2.6.33 to 3.13).
    Waking,
    /// A parked kernel thread.
    Parked,
    /// An idle kernel thread.
    Idle,
    /// Waits for a lock; Linux has no letter for it.
    Locked,
    /// Waits for its turn; Linux has no letter for it.
    Waiting,
    /// A letter that this program does not know.
    Unknown,
}

impl ProcessStatus {
    /// The word that psutil uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::DiskSleep => "disk-sleep",
            Self::Stopped => "stopped",
            Self::TracingStop => "tracing-stop",
            Self::Zombie => "zombie",
            Self::Dead => "dead",
            Self::WakeKill => "wake-kill",
            Self::Waking => "waking",
            Self::Parked => "parked",
            Self::Idle => "idle",
            Self::Locked => "locked",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
        }
    }

    /// The states that Linux has letters for.
    pub const ALL: [Self; 11] = [
        Self::Running,
        Self::Sleeping,
        Self::DiskSleep,
        Self::Stopped,
        Self::TracingStop,
        Self::Zombie,
        Self::Dead,
        Self::WakeKill,
        Self::Waking,
        Self::Parked,
        Self::Idle,
    ];

    /// The state of that word, in any case; one that this program does not know is `Unknown`.
    #[must_use]
    pub fn named(word: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|state| state.as_str().eq_ignore_ascii_case(word))
            .unwrap_or(Self::Unknown)
    }

    /// Reads the letter in the third field of `/proc/PID/stat`, see proc(5).
    #[must_use]
    pub const fn from_letter(letter: u8) -> Self {
        match letter {
            b'R' => Self::Running,
            b'S' => Self::Sleeping,
            b'D' => Self::DiskSleep,
            b'T' => Self::Stopped,
            b't' => Self::TracingStop,
            b'Z' => Self::Zombie,
            b'X' | b'x' => Self::Dead,
            b'K' => Self::WakeKill,
            b'W' => Self::Waking,
            b'P' => Self::Parked,
            b'I' => Self::Idle,
            _ => Self::Unknown,
        }
    }
}

/// What does not change often about a process; scans share it while it stays the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessDescription {
    /// Its name as the process itself chose it: may hold any character, also control characters.
    pub name: String,
    /// Its arguments with spaces between them, cut at 4 KiB; empty for kernel threads and
    /// zombies. As hostile as the name.
    pub command: String,
    /// Effective user id.
    pub uid: Option<u32>,
    /// Name of that account, once it is known.
    pub user: Option<Arc<str>>,
    /// Resident memory that files or other processes share with it (`RssFile` and `RssShmem` of
    /// `/proc/PID/status`), in bytes; none where the kernel does not report it.
    pub shared_bytes: Option<u64>,
    /// When it started.
    pub start_time: Timestamp,
    /// Where it stands among the control groups.
    pub placement: Placement,
}

/// Control group of a process, and what its path shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// Path of the control group: the unified one, else systemd's, else the first that is not `/`.
    pub cgroup: Option<String>,
    /// The systemd unit (of the system, not of a user's own manager).
    pub unit: Option<String>,
    /// Id or name of the container.
    pub container: Option<String>,
}

/// One process or kernel thread with all that a scan reads of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Id of its parent; 0 for the first process and the kernel's thread maker.
    pub ppid: u32,
    /// Clock ticks from the start of the machine to its own: with the pid its identity.
    pub start_ticks: u64,
    /// What it was doing when it was looked at.
    pub state: ProcessStatus,
    /// CPU time since the previous scan in percent of one CPU, 0 to 100 times the number of CPUs;
    /// none in the first scan.
    pub cpu_percent: Option<f64>,
    /// CPU time since it started, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Virtual memory in bytes.
    pub virtual_bytes: u64,
    /// Number of threads.
    pub threads: u64,
    /// Priority as the kernel schedules it: 0 to 39 for ordinary processes, -2 to -100 for real-time ones.
    pub priority: i32,
    /// Nice value, -20 to 19.
    pub nice: i32,
    /// Terminal that controls it, for instance `pts/3`.
    pub tty: Option<String>,
    /// What it has read and written, or why that is not known.
    pub io: Result<ProcessIo, Unavailable>,
    /// What does not change often.
    pub description: Arc<ProcessDescription>,
}

/// Traffic between a process and the disks, as the kernel counts it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessIo {
    /// Bytes read since it started.
    pub read_bytes: u64,
    /// Bytes written since it started.
    pub written_bytes: u64,
    /// Both since the previous scan; none in the first one.
    pub rates: Option<IoRates>,
}

/// Bytes a second since the previous scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IoRates {
    /// Read from disks.
    pub read_bytes_per_second: f64,
    /// Written to disks.
    pub written_bytes_per_second: f64,
}

/// Why a value of a process is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unavailable {
    /// The daemon has no right to read it.
    PermissionDenied,
    /// The kernel does not report it.
    NotSupported,
    /// It is a difference between two scans, and this is the first one that saw the process.
    FirstScan,
}

impl Unavailable {
    /// The stable word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PermissionDenied => "permission_denied",
            Self::NotSupported => "not_supported",
            Self::FirstScan => "first_scan",
        }
    }
}

/// All processes as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessScan {
    /// When it was begun.
    pub time: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Time since the scan before, over which rates are means; none in the first one.
    pub interval: Option<Duration>,
    /// When the machine was started.
    pub boot_time: Timestamp,
    /// Memory of the machine in bytes.
    pub memory_total_bytes: u64,
    /// In the order of their ids, kernel threads included.
    pub processes: Vec<Process>,
}

impl ProcessScan {
    /// The process with this id.
    #[must_use]
    pub fn find(&self, pid: u32) -> Option<&Process> {
        let index = self
            .processes
            .binary_search_by_key(&pid, |process| process.pid);
        index.ok().map(|index| &self.processes[index])
    }
}

/// `bytes` in percent of `total`, with two decimals; none when the total is zero.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "two decimals are far from the limits of a float"
)]
pub fn memory_percent(bytes: u64, total: u64) -> Option<f64> {
    let percent = bytes as f64 / total as f64 * 100.0;
    percent
        .is_finite()
        .then(|| (percent * 100.0).round() / 100.0)
}

impl Process {
    /// The process as filters see it.
    #[must_use]
    pub fn filter_row(&self, memory_total_bytes: u64) -> FilterRow<'_> {
        let ProcessDescription {
            name,
            command,
            uid,
            user,
            placement,
            ..
        } = &*self.description;
        FilterRow {
            pid: self.pid,
            ppid: self.ppid,
            name,
            command,
            user: user.as_deref().unwrap_or_default(),
            uid: *uid,
            state: self.state,
            cpu_percent: self.cpu_percent,
            memory_bytes: self.memory_bytes,
            memory_percent: memory_percent(self.memory_bytes, memory_total_bytes),
            threads: self.threads,
            unit: placement.unit.as_deref().unwrap_or_default(),
            cgroup: placement.cgroup.as_deref().unwrap_or_default(),
            container: placement.container.as_deref().unwrap_or_default(),
        }
    }
}

/// What is read of a single process only.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessDetails {
    /// As the scan has it, at most a second old.
    pub process: Process,
    /// Its arguments, each whole; cut at 128 KiB.
    pub arguments: Vec<String>,
    /// How many files it has open.
    pub open_files: Result<u64, Unavailable>,
    /// Memory of the machine in bytes.
    pub memory_total_bytes: u64,
    /// What it may use at most.
    pub limits: Result<Vec<ResourceLimit>, Unavailable>,
}

/// One line of `/proc/PID/limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceLimit {
    /// What is limited, in the kernel's words: `Max open files`.
    pub name: String,
    /// The limit in force; none means unlimited.
    pub soft: Option<u64>,
    /// How far the process may raise it; none means unlimited.
    pub hard: Option<u64>,
    /// Of what: `files`, `bytes`, …; none where it is a plain number.
    pub unit: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_written_as_psutil_words() {
        let words: Vec<String> = b"RSDTtZXxKWPI?"
            .iter()
            .map(|letter| serde_json::to_string(&ProcessStatus::from_letter(*letter)).unwrap())
            .collect();
        assert_eq!(
            words.join(" ").replace('"', ""),
            "running sleeping disk-sleep stopped tracing-stop zombie dead dead wake-kill waking \
             parked idle unknown"
        );
        let rest = [ProcessStatus::Locked, ProcessStatus::Waiting];
        assert_eq!(
            serde_json::to_string(&rest).unwrap(),
            r#"["locked","waiting"]"#
        );
    }
}
