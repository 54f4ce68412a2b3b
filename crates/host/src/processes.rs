//! Reads all processes.
//!
//! A scan reads `stat` and `io` of each process; what seldom changes (command line, account,
//! control group) is kept from scan to scan, and read again when another program was started in
//! the process, and at least every 30 seconds. Ids are given to other processes: no row ever mixes two.
//!
//! Names are chosen by the processes and therefore hostile; they are kept as they are, and
//! must be made safe where they are shown.

mod cgroup;
mod details;
mod executable;
mod files;
mod identity;
mod names;
mod own;
mod record;
mod socket_holders;
mod stat;
mod users;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags};
use rustix::time::ClockId;
use tokio::time::Instant;

use super::{CollectError, HostRoots};
pub(super) use details::read_details;
pub use executable::count_running;
use files::{ProcessFiles, ReadBuffer, ReadFailure};
pub use identity::{ProcessIdentity, read_identity};
use linux_api_wire::process::{Process, ProcessDescription, ProcessScan};
use linux_api_wire::time::Timestamp;
pub use own::OwnProcess;
pub(super) use own::read_own;
use record::{Record, Usage};
pub(super) use socket_holders::{SocketHolder, SocketHolders};
use stat::Stat;
pub(super) use stat::state as parse_state;
pub(super) use users::AccountNames;

/// What an earlier scan found is of no use for rates after this time.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// What the start of a process may be ahead of the uptime that was read just before it.
const UPTIME_TOLERANCE: Duration = Duration::from_secs(1);

/// When the clock moves by more than this against the uptime, it has been set.
const CLOCK_WAS_SET: Duration = Duration::from_secs(1);

/// Scans one host, remembering what the scan before has found.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    records: HashMap<u32, Record>,
    buffer: ReadBuffer,
    last_scan: Option<Instant>,
    boot_time: Option<Timestamp>,
}

/// What is the same for all processes of a scan.
#[derive(Debug, Clone, Copy)]
struct Moment<'a> {
    now: Instant,
    /// The same moment on the clock of the calendar.
    time: Timestamp,
    uptime: Duration,
    boot_time: Timestamp,
    /// Time since the scan before; none in the first one.
    interval: Option<Duration>,
    names: &'a AccountNames,
    ticks_per_second: u64,
    page_bytes: u64,
}

impl Scanner {
    /// Reads all processes. One that ends meanwhile is left out, and so is one that is hidden
    /// from us or says what no process says.
    pub(super) fn scan(
        &mut self,
        roots: &HostRoots,
        names: &AccountNames,
        time: Timestamp,
    ) -> Result<ProcessScan, CollectError> {
        names.refresh(&roots.rootfs);
        let moment = self.moment(roots, names, time)?;
        let now = moment.now;
        // Without it processes have no part of it, and are shown all the same.
        let memory_total_bytes = super::system::read_memory_total(roots).unwrap_or(0);
        let procfs = files::open_directory(&roots.procfs)?;
        let mut processes = Vec::with_capacity(self.records.len() + 16);
        files::for_each_pid(&procfs, &roots.procfs, |pid| {
            processes.extend(self.read(&procfs, &roots.procfs, pid, moment)?);
            Ok(())
        })?;
        processes.sort_unstable_by_key(|process| process.pid);
        self.records.retain(|_, record| record.seen == now);
        self.last_scan = Some(now);
        Ok(ProcessScan {
            time,
            duration: now.elapsed(),
            interval: moment.interval,
            boot_time: moment.boot_time,
            memory_total_bytes,
            processes,
        })
    }

    fn moment<'a>(
        &mut self,
        roots: &HostRoots,
        names: &'a AccountNames,
        time: Timestamp,
    ) -> Result<Moment<'a>, CollectError> {
        let now = Instant::now();
        let interval = self.last_scan.map(|last| now.duration_since(last));
        if interval.is_some_and(|interval| interval > FORGOTTEN_AFTER) {
            self.records.clear();
            self.last_scan = None;
        }
        let uptime = uptime(roots, &mut self.buffer.stat)?;
        let boot_time = time.saturating_sub(uptime);
        // Both clocks are read at slightly different moments: without this the start times would
        // tremble from scan to scan.
        let kept = self.boot_time.filter(|kept| {
            kept.since(boot_time) <= CLOCK_WAS_SET && boot_time.since(*kept) <= CLOCK_WAS_SET
        });
        let boot_time = *self.boot_time.insert(kept.unwrap_or(boot_time));
        Ok(Moment {
            now,
            time,
            uptime,
            boot_time,
            interval: self.last_scan.and(interval),
            names,
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
        })
    }

    /// Reads one process; `None` when it has vanished or is hidden from us.
    fn read(
        &mut self,
        procfs: impl AsFd,
        path: &Path,
        pid: u32,
        moment: Moment<'_>,
    ) -> Result<Option<Process>, CollectError> {
        let files = ProcessFiles::of_number(procfs.as_fd(), path, pid);
        let read = self.read_record(&files, moment).transpose();
        let read = read.unwrap_or_else(|| {
            let directory = files::open_process(&procfs, path, pid)?;
            self.read_from(&ProcessFiles::new(&directory, path, pid), moment)
        });
        match read {
            Ok(process) => Ok(Some(process)),
            Err(ReadFailure::Vanished) => Ok(None),
            Err(ReadFailure::Odd(error)) => {
                tracing::debug!(pid, %error, "left out a process");
                Ok(None)
            }
            Err(ReadFailure::Failed(error)) => Err(error),
        }
    }

    /// The short way for a process that the scan before has seen; `None` when it is another one
    /// by now, or its description should be read again.
    ///
    /// `stat` is read last: when it is still that of the process of the record, the file that was
    /// read in between was that of no other.
    fn read_record(
        &mut self,
        files: &ProcessFiles<'_>,
        moment: Moment<'_>,
    ) -> Result<Option<Process>, ReadFailure> {
        let Some(record) = self.records.get_mut(&files.pid) else {
            return Ok(None);
        };
        let earlier = record.usage;
        let io = match earlier.io {
            Ok(_) => files.read_io(&mut self.buffer.text)?,
            // What was refused not long ago would be refused again.
            Err(reason) => Err(reason),
        };
        let text = files.read("stat", &mut self.buffer.stat)?;
        let stat =
            Stat::parse(text).ok_or_else(|| files.malformed("stat", "state of a process"))?;
        if record.start_ticks != stat.start_ticks || record.may_differ(files.pid, &stat, moment) {
            return Ok(None);
        }
        record.usage = Usage {
            cpu_ticks: stat.cpu_ticks(),
            io,
        };
        record.seen = moment.now;
        Ok(Some(record.process(
            files.pid,
            &stat,
            Some(earlier),
            moment,
        )))
    }

    /// Reads a process with its description.
    fn read_from(
        &mut self,
        files: &ProcessFiles<'_>,
        moment: Moment<'_>,
    ) -> Result<Process, ReadFailure> {
        let text = files.read("stat", &mut self.buffer.stat)?;
        let stat =
            Stat::parse(text).ok_or_else(|| files.malformed("stat", "state of a process"))?;
        let buffer = &mut self.buffer.text;
        let record = self
            .records
            .get_mut(&files.pid)
            .filter(|record| record.start_ticks == stat.start_ticks);
        let Some(record) = record else {
            let description = describe(files, &stat, buffer, moment)?;
            let io = files.read_io(buffer)?;
            let record = Record::new(&stat, description, io, moment.now);
            // A process that started since the scan before has had nothing at that time.
            let earlier = moment.is_new(&stat).then_some(Usage::NOTHING);
            let process = record.process(files.pid, &stat, earlier, moment);
            self.records.insert(files.pid, record);
            return Ok(process);
        };
        let earlier = record.usage;
        let description = describe(files, &stat, buffer, moment)?;
        record.describe(&stat, description, moment.now);
        record.usage = Usage {
            cpu_ticks: stat.cpu_ticks(),
            io: files.read_io(buffer)?,
        };
        record.seen = moment.now;
        Ok(record.process(files.pid, &stat, Some(earlier), moment))
    }
}

impl Moment<'_> {
    /// How long ago the process started; `None` when the uptime is of another clock than the start,
    /// which would lie ahead of now.
    fn age(&self, stat: &Stat<'_>) -> Option<Duration> {
        let before = Duration::from_millis(self.millis(stat.start_ticks));
        let ahead = before.saturating_sub(self.uptime);
        (ahead <= UPTIME_TOLERANCE).then(|| self.uptime.saturating_sub(before))
    }

    /// Whether the process started after the scan before.
    fn is_new(&self, stat: &Stat<'_>) -> bool {
        self.interval
            .zip(self.age(stat))
            .is_some_and(|(interval, age)| age <= interval)
    }

    /// When the process started: never later than now.
    fn start_time(&self, stat: &Stat<'_>) -> Timestamp {
        let after = Duration::from_millis(self.millis(stat.start_ticks));
        self.boot_time.saturating_add(after).min(self.time)
    }

    fn millis(&self, ticks: u64) -> u64 {
        ticks.saturating_mul(1000) / self.ticks_per_second
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 ticks are a million CPU years"
    )]
    fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / self.ticks_per_second as f64
    }
}

fn describe(
    files: &ProcessFiles<'_>,
    stat: &Stat<'_>,
    buffer: &mut [u8],
    moment: Moment<'_>,
) -> Result<ProcessDescription, ReadFailure> {
    let (name, command) = if stat.is_kernel_thread() {
        (names::full_name(stat.name, b""), String::new())
    } else {
        let arguments = files.read_optional("cmdline", buffer)?.unwrap_or_default();
        let name = names::full_name(stat.name, arguments);
        (name, names::command_line(arguments))
    };
    let status = files.read_optional("status", buffer)?.unwrap_or_default();
    let uid = names::effective_uid(status);
    let shared_bytes = names::shared_bytes(status, stat.resident_pages);
    let placement = files.read_optional("cgroup", buffer)?.unwrap_or_default();
    Ok(ProcessDescription {
        name,
        command,
        uid,
        user: uid.and_then(|uid| moment.names.get(uid)),
        shared_bytes,
        start_time: moment.start_time(stat),
        placement: cgroup::parse(placement),
    })
}

/// How long the clock runs by which processes are dated.
///
/// In a container `uptime` may be written by lxcfs and begin with the container, while the kernel
/// dates processes from its own start: then the first process, which is older than all others, would
/// have started after now, and the kernel's own clock is the right one.
fn uptime(roots: &HostRoots, buffer: &mut [u8]) -> Result<Duration, CollectError> {
    let file = super::sources::uptime::source(roots).read()?;
    let path = roots.procfs.join("1/stat");
    let first = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file| rustix::io::read(&file, &mut *buffer))
        .ok()
        .and_then(|length| Stat::parse(&buffer[..length]))
        .map(|stat| {
            let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
            Duration::from_millis(stat.start_ticks.saturating_mul(1000) / ticks_per_second)
        });
    let now = rustix::time::clock_gettime(ClockId::Boottime);
    let since_boot = Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    );
    Ok(fitting(file, since_boot, first))
}

/// Of the uptime in a file and that of the kernel's clock the one after which the first
/// process has not started; the file's when both or neither will do.
fn fitting(file: Duration, since_boot: Duration, first: Option<Duration>) -> Duration {
    let fits = |uptime: Duration| {
        first.is_none_or(|first| first <= uptime.saturating_add(UPTIME_TOLERANCE))
    };
    if !fits(file) && fits(since_boot) {
        since_boot
    } else {
        file
    }
}

#[cfg(test)]
mod tests;
