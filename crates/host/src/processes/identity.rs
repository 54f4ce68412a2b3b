//! Who a process is, for those who act on it: read right before the act.

use std::io;
use std::path::Path;

use super::{cgroup, names, stat::Stat};

/// What decides whether a process may be acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// When it started, in ticks of the kernel since the boot: with the id it names one process, as
    /// ids are given to other processes.
    pub start_ticks: u64,
    /// Whether it is a thread of the kernel.
    pub is_kernel_thread: bool,
    /// Its user ids: real, effective, saved, file system.
    pub uids: [u32; 4],
    /// Its control group; none where the kernel has no groups or hides them.
    pub cgroup: Option<String>,
    /// The unit of the system's manager that it belongs to.
    pub unit: Option<String>,
}

/// Reads the identity of a process from the process file system at `procfs`. Blocks for three small reads.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when there is no such process or `pid` is that of a thread;
/// [`io::ErrorKind::InvalidData`] when its files hold what no process has.
pub fn read_identity(procfs: &Path, pid: u32) -> io::Result<ProcessIdentity> {
    let directory = procfs.join(pid.to_string());
    let text = std::fs::read(directory.join("stat")).map_err(vanished)?;
    let stat = Stat::parse(&text).ok_or(io::ErrorKind::InvalidData)?;
    let status = std::fs::read(directory.join("status")).map_err(vanished)?;
    // Threads have directories too, which are not listed.
    if names::thread_group(&status) != Some(pid) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let groups = std::fs::read(directory.join("cgroup")).unwrap_or_default();
    let placement = cgroup::parse(&groups);
    Ok(ProcessIdentity {
        start_ticks: stat.start_ticks,
        is_kernel_thread: stat.is_kernel_thread(),
        uids: names::uids(&status).ok_or(io::ErrorKind::InvalidData)?,
        cgroup: placement.cgroup,
        unit: placement.unit,
    })
}

/// A process that ends while its file is read is gone as well.
fn vanished(error: io::Error) -> io::Error {
    const ESRCH: i32 = 3;
    if error.raw_os_error() == Some(ESRCH) {
        return io::ErrorKind::NotFound.into();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCFS: &str = "/proc";

    #[test]
    fn this_process_is_known_and_its_threads_are_none() {
        let own = std::process::id();
        let identity = read_identity(Path::new(PROCFS), own).unwrap();
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(identity.uids[0], uid);
        assert!(!identity.is_kernel_thread && identity.start_ticks > 0);
        assert_eq!(read_identity(Path::new(PROCFS), own).unwrap(), identity);
        let thread = std::thread::spawn(|| rustix::thread::gettid().as_raw_pid());
        let thread = u32::try_from(thread.join().unwrap()).unwrap();
        let gone = read_identity(Path::new(PROCFS), thread).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_no_process_has_is_malformed() {
        let tree = tempfile::tempdir().unwrap();
        let process = tree.path().join("7");
        std::fs::create_dir(&process).unwrap();
        let kind = || read_identity(tree.path(), 7).unwrap_err().kind();
        assert_eq!(kind(), io::ErrorKind::NotFound);
        std::fs::write(process.join("stat"), "7 (x) R 1").unwrap();
        assert_eq!(kind(), io::ErrorKind::InvalidData);
        let numbers = "0 ".repeat(60);
        std::fs::write(process.join("stat"), format!("7 (x) S 1 {numbers}")).unwrap();
        std::fs::write(process.join("status"), "Tgid:\t7\nUid:\t0\t0\n").unwrap();
        assert_eq!(kind(), io::ErrorKind::InvalidData);
        std::fs::write(process.join("status"), "Tgid:\t7\nUid:\t1\t2\t3\t4\n").unwrap();
        std::fs::write(process.join("cgroup"), "0::/system.slice/a.service\n").unwrap();
        let identity = read_identity(tree.path(), 7).unwrap();
        assert_eq!(identity.uids, [1, 2, 3, 4]);
        assert_eq!(identity.unit.as_deref(), Some("a.service"));
    }
}
