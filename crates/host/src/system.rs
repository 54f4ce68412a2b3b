//! What the machine is and how long it has been up.

use std::ffi::CStr;
use std::path::Path;
use std::sync::OnceLock;

use rustix::time::ClockId;

use super::sources::{cpuinfo, meminfo, stat, uptime};
use super::{CollectError, HostRoots, read_text};
use linux_api_wire::host::{SystemInfo, Uptime};

/// How far the host's uptime is ahead of the clock that counts from this kernel's start, through
/// every sleep of the machine.
///
/// The process file system says the same as that clock, unless the host is a container with a view
/// of its own. One reading therefore serves for as long as the program runs, and a request costs
/// no system call.
#[derive(Debug, Default)]
pub(super) struct UptimeOffset(OnceLock<i64>);

impl UptimeOffset {
    /// What two readings of one clock, one of them cut to hundredths, may differ by.
    const TOLERANCE_MS: u64 = 50;

    pub(super) fn uptime(&self, roots: &HostRoots) -> Result<Uptime, CollectError> {
        let now_ms = since_boot_ms();
        let ahead_ms = if let Some(ahead_ms) = self.0.get() {
            *ahead_ms
        } else {
            let ahead_ms = read_uptime_ms(roots)? - now_ms;
            let same = ahead_ms.unsigned_abs() < Self::TOLERANCE_MS;
            *self.0.get_or_init(|| if same { 0 } else { ahead_ms })
        };
        let uptime_ms = u64::try_from(now_ms + ahead_ms).unwrap_or_default();
        Ok(Uptime::from_seconds(uptime_ms / 1000))
    }
}

fn since_boot_ms() -> i64 {
    let now = rustix::time::clock_gettime(ClockId::Boottime);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

fn read_uptime_ms(roots: &HostRoots) -> Result<i64, CollectError> {
    let mut file = uptime::source(roots);
    let uptime = file.read()?;
    i64::try_from(uptime.as_millis()).map_err(|_| file.malformed())
}

/// The name of the host: of a container's host when its root is mounted here.
pub(super) fn host_name(roots: &HostRoots) -> String {
    let is_mounted = roots.rootfs != Path::new("/");
    let written = is_mounted.then(|| roots.rootfs.join("etc/hostname"));
    let written = written.and_then(|file| read_text(&file).ok());
    let written = written.and_then(|text| {
        let mut lines = text.lines().map(str::trim);
        lines
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
    });
    written.unwrap_or_else(|| {
        let uname = rustix::system::uname();
        uname.nodename().to_string_lossy().into_owned()
    })
}

pub(super) fn read_system_info(roots: &HostRoots) -> Result<SystemInfo, CollectError> {
    let names = rustix::system::uname();
    let text = |name: &CStr| name.to_string_lossy().into_owned();
    let processors = cpuinfo::source(roots).read().unwrap_or_default();
    Ok(SystemInfo {
        system: text(names.sysname()),
        node_name: text(names.nodename()),
        release: text(names.release()),
        version: text(names.version()),
        machine: text(names.machine()),
        // Some containers hide the file.
        processor: processors.model.unwrap_or_default(),
        cpu_count: read_cpu_count(roots)?,
        memory_total: read_memory_total(roots)?,
        disk_total: read_disk_total(&roots.rootfs)?,
    })
}

/// Counts the processors that are online: `stat` has a line for each.
fn read_cpu_count(roots: &HostRoots) -> Result<u32, CollectError> {
    let mut file = stat::source(roots);
    let count = file.read()?.cpus.len();
    let count = u32::try_from(count).ok().filter(|count| *count > 0);
    count.ok_or_else(|| file.malformed())
}

/// All of the host's memory in bytes.
pub(super) fn read_memory_total(roots: &HostRoots) -> Result<u64, CollectError> {
    let total = |text: &str| meminfo::sizes(text, ["MemTotal"])[0];
    meminfo::source(roots, "MemTotal", total).read()
}

fn read_disk_total(rootfs: &Path) -> Result<u64, CollectError> {
    match rustix::fs::statvfs(rootfs) {
        Ok(disk) => Ok(disk.f_blocks.saturating_mul(disk.f_frsize)),
        Err(errno) => Err(CollectError::Read {
            path: rootfs.to_owned(),
            source: errno.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Tree;
    use crate::{Collector, HostRoots};

    fn recorded() -> Tree {
        let tree = Tree::new();
        tree.write("proc/uptime", "987.65 1500.00\n");
        tree.write(
            "proc/stat",
            "cpu  1 2 3 4\ncpu0 1 1 1 1\ncpu11 0 1 2 3\nintr 5\n",
        );
        tree.write(
            "proc/meminfo",
            "MemTotal:       24683656 kB\nMemFree:  1 kB\n",
        );
        tree.write(
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: Fast CPU: v2\n",
        );
        tree
    }

    #[test]
    fn a_recorded_host_is_read() {
        let collector = recorded().collector();
        // The tree is gone by now; nothing was read when the collector was made.
        assert!(collector.uptime().is_err());

        let tree = recorded();
        let info = tree.collector().system_info().unwrap();
        assert_eq!(tree.collector().uptime().unwrap().full_seconds, 987);
        assert_eq!((info.cpu_count, info.memory_total), (2, 24_683_656 * 1024));
        assert_eq!(info.processor, "Fast CPU: v2");
        assert!(info.disk_total > 0);
    }

    #[test]
    fn a_machine_that_names_no_processor_is_fine() {
        let tree = recorded();
        tree.write("proc/cpuinfo", "processor\t: 0\n");
        assert_eq!(tree.collector().system_info().unwrap().processor, "");
        std::fs::remove_file(tree.path("proc/cpuinfo")).unwrap();
        assert_eq!(tree.collector().system_info().unwrap().processor, "");
    }

    #[test]
    fn malformed_files_are_named() {
        for (file, content) in [
            ("stat", "cpu  1 2 3 4\n"),
            ("meminfo", "MemTotal: many kB\n"),
            ("uptime", "up\n"),
        ] {
            let tree = recorded();
            tree.write(&format!("proc/{file}"), content);
            let collector = tree.collector();
            let error = collector
                .system_info()
                .err()
                .or(collector.uptime().err())
                .unwrap();
            assert!(error.to_string().contains(file), "{error}");
        }
    }

    #[test]
    fn a_container_shows_the_name_of_its_host() {
        let tree = recorded();
        let own = super::host_name(&HostRoots::default());
        assert!(!own.is_empty());
        assert_eq!(super::host_name(&tree.roots()), own);
        tree.write("etc/hostname", "# static\n\n web-03 \n");
        assert_eq!(super::host_name(&tree.roots()), "web-03");
    }

    #[test]
    fn this_host_can_be_read() {
        let collector = Collector::default();
        let info = collector.system_info().unwrap();
        assert_eq!(info.system, "Linux");
        assert!(info.cpu_count > 0 && info.memory_total > 0 && info.disk_total > 0);
    }

    #[test]
    fn the_uptime_is_what_the_kernel_says_also_after_the_first_reading() {
        let collector = Collector::default();
        for _ in 0..2 {
            let read = super::read_uptime_ms(&HostRoots::default()).unwrap() / 1000;
            let read = u64::try_from(read).unwrap();
            let uptime = collector.uptime().unwrap().full_seconds;
            assert!(
                (read..=read + 1).contains(&uptime),
                "{uptime} is not {read}"
            );
        }
    }
}
