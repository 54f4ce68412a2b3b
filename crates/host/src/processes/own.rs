//! What this process itself uses.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::ClockId;

use super::stat::Stat;
use linux_api_wire::time::Timestamp;

/// Figures of this process.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnProcess {
    /// Processor time of all its threads since it started, in seconds.
    pub cpu_seconds: f64,
    /// Memory that it holds.
    pub resident_bytes: u64,
    /// Addresses that it has reserved.
    pub virtual_bytes: u64,
    /// How many it may reserve; absent when there is no limit.
    pub max_virtual_bytes: Option<u64>,
    /// Files and sockets that are open.
    pub open_fds: u64,
    /// How many may be open; absent when there is no limit.
    pub max_fds: Option<u64>,
    /// Its threads.
    pub threads: u64,
    /// When it started.
    pub started: Timestamp,
}

/// Reads the figures; absent where `/proc` hides them. `now` is the time of the reading.
pub(crate) fn read_own(now: Timestamp) -> Option<OwnProcess> {
    // Never the host's process file system, which may number processes otherwise.
    let text = std::fs::read("/proc/self/stat").ok()?;
    let stat = Stat::parse(&text)?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let time = |ticks: u64| Duration::from_millis(ticks.saturating_mul(1000) / per_second);
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    let since_boot = rustix::time::clock_gettime(ClockId::Boottime);
    let since_boot = Duration::try_from(since_boot).ok()?;
    Some(OwnProcess {
        cpu_seconds: time(stat.cpu_ticks()).as_secs_f64(),
        resident_bytes: stat.resident_pages.saturating_mul(page),
        virtual_bytes: stat.virtual_bytes,
        max_virtual_bytes: getrlimit(Resource::As).current,
        open_fds: open_fds()?,
        max_fds: getrlimit(Resource::Nofile).current,
        threads: stat.threads,
        started: now.saturating_sub(since_boot.saturating_sub(time(stat.start_ticks))),
    })
}

fn open_fds() -> Option<u64> {
    const DIRECTORY: &str = "/proc/self/fd";
    // Since Linux 6.2 the size of the directory is their number.
    let count = std::fs::metadata(DIRECTORY).ok()?.len();
    if count > 0 {
        return Some(count);
    }
    let listed = std::fs::read_dir(DIRECTORY).ok()?.count();
    // The listing itself is one of them.
    u64::try_from(listed.saturating_sub(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::time::Clock;

    #[test]
    fn this_process_is_read_as_it_is() {
        let now = Clock::system().now();
        let before = read_own(now).unwrap();
        let _open = std::fs::File::open("/proc/self/stat").unwrap();
        let own = read_own(now).unwrap();
        assert!(own.resident_bytes > 1 << 20 && own.virtual_bytes >= own.resident_bytes);
        assert!(own.threads >= 1 && own.open_fds >= 4 && before.open_fds >= 3);
        assert!(own.max_fds.is_none_or(|max| max >= own.open_fds));
        assert!(own.cpu_seconds >= before.cpu_seconds);
        let age = now.as_millis() - own.started.as_millis();
        assert!((0..3_600_000).contains(&age), "{age}");
    }
}
