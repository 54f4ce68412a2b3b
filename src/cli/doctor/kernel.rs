//! What the kernel lets the daemon read.

use std::path::Path;

use super::Finding;
use linux_api_config::Host;

const PROC: &str = "procfs";
const PRESSURE: &str = "pressure";
const CGROUP: &str = "cgroup";

pub(super) fn check(host: &Host) -> Vec<Finding> {
    vec![
        procfs(&host.procfs),
        pressure(&host.procfs),
        cgroup(&host.sysfs),
    ]
}

/// Without these there is next to nothing to show.
fn procfs(procfs: &Path) -> Finding {
    for name in ["stat", "meminfo", "loadavg", "uptime", "1/stat"] {
        let path = procfs.join(name);
        if let Err(error) = std::fs::read(&path) {
            return Finding::fail(
                PROC,
                format!("can't read {}: {error}", path.display()),
                "mount the host's /proc and name it in host.procfs; where hidepid hides processes, \
                 add the daemon's account to the group of its gid option",
            );
        }
    }
    Finding::ok(PROC, procfs.display().to_string())
}

/// Pressure stall information is younger than other figures, and a distribution may switch it off.
fn pressure(procfs: &Path) -> Finding {
    let folder = procfs.join("pressure");
    if !folder.exists() {
        return Finding::ok(
            PRESSURE,
            "not supported by this kernel; its figures are left out (try booting with psi=1)",
        );
    }
    for name in ["cpu", "memory", "io"] {
        let path = folder.join(name);
        if let Err(error) = std::fs::read(&path) {
            return Finding::fail(
                PRESSURE,
                format!("can't read {}: {error}", path.display()),
                "boot with psi=1, or let the daemon's account read it",
            );
        }
    }
    Finding::ok(PRESSURE, "cpu, memory and io")
}

fn cgroup(sysfs: &Path) -> Finding {
    let folder = sysfs.join("fs/cgroup");
    if folder.join("cgroup.controllers").exists() {
        return Finding::ok(CGROUP, "version 2");
    }
    match std::fs::read_dir(&folder) {
        Ok(mut entries) => Finding::ok(
            CGROUP,
            if entries.next().is_some() {
                "version 1"
            } else {
                "none: processes are shown without unit and container"
            },
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Finding::ok(
            CGROUP,
            "none: processes are shown without unit and container",
        ),
        Err(error) => Finding::fail(
            CGROUP,
            format!("can't read {}: {error}", folder.display()),
            "mount the host's /sys and name it in host.sysfs",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn what_a_kernel_lacks_is_said_and_what_can_not_be_read_fails() {
        let root = tempfile::tempdir().unwrap();
        let (proc, sys) = (root.path().join("proc"), root.path().join("sys"));
        assert_eq!(procfs(&proc).result, Verdict::Fail);
        fs::create_dir_all(proc.join("1")).unwrap();
        for name in ["stat", "meminfo", "loadavg", "uptime", "1/stat"] {
            fs::write(proc.join(name), "").unwrap();
        }
        assert_eq!(procfs(&proc).result, Verdict::Ok);
        let none = pressure(&proc);
        assert!(none.result == Verdict::Ok && none.detail.contains("psi=1"));
        fs::create_dir(proc.join("pressure")).unwrap();
        assert_eq!(pressure(&proc).result, Verdict::Fail);
        for name in ["cpu", "memory", "io"] {
            fs::write(proc.join("pressure").join(name), "").unwrap();
        }
        assert_eq!(pressure(&proc).result, Verdict::Ok);

        assert!(cgroup(&sys).detail.starts_with("none"));
        let folder = sys.join("fs/cgroup");
        fs::create_dir_all(sys.join("fs")).unwrap();
        fs::write(&folder, "").unwrap();
        assert_eq!(cgroup(&sys).result, Verdict::Fail);
        fs::remove_file(&folder).unwrap();
        fs::create_dir_all(folder.join("memory")).unwrap();
        assert_eq!(cgroup(&sys).detail, "version 1");
        fs::write(folder.join("cgroup.controllers"), "").unwrap();
        assert_eq!(cgroup(&sys).detail, "version 2");
    }
}
