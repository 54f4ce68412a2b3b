//! The list of processes.
//!
//! Reads `/proc/PID/stat` itself: only its first bytes are needed, and a host may have tens of
//! thousands of processes. Names are chosen by the processes and therefore hostile; they are kept
//! as they are, and whoever shows them has to make them safe.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::CollectError;
use crate::model::process::{ProcessStatus, ProcessSummary};

/// The kernel cuts the name of a process to this many bytes.
const SHORT_NAME_BYTES: usize = 15;

/// No file name is longer, see `NAME_MAX` in limits.h: what is longer was never a program's name.
const FILE_NAME_BYTES: usize = 255;

/// Holds the id, the name (64 bytes at most) and the state.
const STAT_BYTES: usize = 512;

/// The longest path, `PATH_MAX`.
const COMMAND_BYTES: usize = 4096;

pub(super) fn scan(procfs: &Path) -> Result<Vec<ProcessSummary>, CollectError> {
    let failed = |source| CollectError::Read {
        path: procfs.to_owned(),
        source,
    };
    let mut processes = Vec::new();
    for entry in fs::read_dir(procfs).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        processes.extend(read_process(&procfs.join(&name), pid)?);
    }
    processes.sort_unstable_by_key(|process| process.pid);
    Ok(processes)
}

/// Reads one process; `None` when it has vanished or is hidden from us.
fn read_process(directory: &Path, pid: u32) -> Result<Option<ProcessSummary>, CollectError> {
    let path = directory.join("stat");
    let mut buffer = [0; STAT_BYTES];
    let stat = match read_start(&path, &mut buffer) {
        Ok([]) => return Ok(None),
        Ok(stat) => stat,
        Err(error) if is_out_of_sight(&error) => return Ok(None),
        Err(source) => return Err(CollectError::Read { path, source }),
    };
    let Some((short_name, status)) = parse_stat(stat) else {
        return Err(CollectError::Malformed {
            path,
            expected: "name and state of a process",
        });
    };
    let mut command = [0; COMMAND_BYTES];
    let full_name = if short_name.len() < SHORT_NAME_BYTES {
        None
    } else {
        // The name may be short by a few letters, but it is one: no reason to fail.
        let command = read_start(&directory.join("cmdline"), &mut command).unwrap_or_default();
        program_name(command).filter(|name| name.starts_with(short_name))
    };
    let name = String::from_utf8_lossy(full_name.unwrap_or(short_name)).into_owned();
    Ok(Some(ProcessSummary { pid, name, status }))
}

/// Reads what fits into `buffer`. The kernel gives all of a small file in one go.
fn read_start<'a>(path: &Path, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let length = File::open(path)?.read(buffer)?;
    Ok(&buffer[..length])
}

/// Whether the process is gone (before it was opened, or before it was read) or, where the process
/// file system is mounted with `hidepid`, not for us to see.
fn is_out_of_sight(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
    ) || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Finds the name and the state in `PID (NAME) STATE …`. The name may hold parentheses and line
/// ends, but only numbers follow the state, so the last parenthesis ends the name.
fn parse_stat(stat: &[u8]) -> Option<(&[u8], ProcessStatus)> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let name = stat.get(open + 1..close)?;
    let [b' ', letter, ..] = stat.get(close + 1..)? else {
        return None;
    };
    Some((name, ProcessStatus::from_letter(*letter)))
}

/// The file name of the program in a command line whose arguments end with a NUL.
///
/// Programs that rewrite their command line often leave one argument with spaces in it.
fn program_name(command: &[u8]) -> Option<&[u8]> {
    let mut arguments = command
        .strip_suffix(b"\0")
        .unwrap_or(command)
        .split(|byte| *byte == 0);
    let mut program = arguments.next()?;
    if arguments.next().is_none() {
        program = program.split(|byte| *byte == b' ').next()?;
    }
    let name = program.rsplit(|byte| *byte == b'/').next()?;
    (name.len() <= FILE_NAME_BYTES).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::collector::Collector;
    use crate::collector::testing::Tree;

    /// The only process of a tree with these files.
    fn only(stat: &[u8], cmdline: Option<&[u8]>) -> ProcessSummary {
        let tree = Tree::new();
        tree.write("proc/7/stat", stat);
        if let Some(cmdline) = cmdline {
            tree.write("proc/7/cmdline", cmdline);
        }
        let mut processes = tree.collector().processes().unwrap();
        assert_eq!(processes.len(), 1);
        processes.remove(0)
    }

    #[test]
    fn hostile_names_are_kept_and_do_not_forge_a_state() {
        for name in [
            ")", "a) R 1", "((", "a\nb", "\x1b[2J", "", " ", "a\\b", "7 (x) Z",
        ] {
            let process = only(format!("7 ({name}) S 1 7 7 0\n").as_bytes(), None);
            assert_eq!(
                (process.name.as_str(), process.status),
                (name, ProcessStatus::Sleeping)
            );
        }
        assert_eq!(only(b"7 (a\xffb) Z 1", None).name, "a\u{fffd}b");
        let json = serde_json::to_string(&only(b"7 (\x1b\n) I 2 0", None)).unwrap();
        assert_eq!(json, r#"{"pid":7,"name":"\u001b\n","status":"idle"}"#);
    }

    #[test]
    fn a_cut_name_is_completed_from_the_command_line() {
        let stat = b"7 (gnome-keyring-d) S 1";
        let name = |cmdline| only(stat, Some(cmdline)).name;
        assert_eq!(
            name(b"/usr/bin/gnome-keyring-daemon\0--start\0"),
            "gnome-keyring-daemon"
        );
        assert_eq!(
            name(b"gnome-keyring-daemon: idle session"),
            "gnome-keyring-daemon:"
        );
        assert_eq!(
            name(b"/bin/my gnome-keyring-daemon\0-v\0"),
            "gnome-keyring-d"
        );
        assert_eq!(
            name(b"/usr/bin/python3\0gnome-keyring-daemon\0"),
            "gnome-keyring-d"
        );
        assert_eq!(name(b""), "gnome-keyring-d");
        let endless = [b"gnome-keyring-d".as_slice(), &[b'x'; 300]].concat();
        assert_eq!(name(&endless), "gnome-keyring-d");
        assert_eq!(only(stat, None).name, "gnome-keyring-d");
    }

    #[test]
    fn a_whole_name_and_a_kernel_thread_keep_theirs() {
        assert_eq!(
            only(b"7 (bash) S 1", Some(b"/bin/bash-completed\0")).name,
            "bash"
        );
        let thread = only(b"7 (kworker/R-rcu_gp_long) I 2", Some(b""));
        assert_eq!(thread.name, "kworker/R-rcu_gp_long");
        assert_eq!(thread.status, ProcessStatus::Idle);
    }

    #[test]
    fn processes_are_in_order_and_vanished_ones_are_left_out() {
        let tree = Tree::new();
        for pid in [10, 9, 1] {
            tree.write(&format!("proc/{pid}/stat"), format!("{pid} (p) R 0"));
        }
        fs::create_dir(tree.path("proc/5")).unwrap();
        tree.write("proc/6/stat", "");
        tree.write("proc/self/stat", "9 (p) R 0");
        tree.write("proc/version", "Linux");
        let pids: Vec<u32> = tree
            .collector()
            .processes()
            .unwrap()
            .iter()
            .map(|process| process.pid)
            .collect();
        assert_eq!(pids, [1, 9, 10]);
    }

    #[test]
    fn only_errors_of_one_process_are_passed_over() {
        let errno = |errno: rustix::io::Errno| io::Error::from(errno);
        for gone in [
            rustix::io::Errno::SRCH,
            rustix::io::Errno::NOENT,
            rustix::io::Errno::ACCESS,
        ] {
            assert!(is_out_of_sight(&errno(gone)));
        }
        assert!(!is_out_of_sight(&errno(rustix::io::Errno::MFILE)));
    }

    #[test]
    fn malformed_files_are_named() {
        for stat in [
            "7 init S",
            "7 )init( S",
            "7 (init)",
            "7 (init) ",
            "7 (init)S",
        ] {
            let tree = Tree::new();
            tree.write("proc/7/stat", stat);
            let error = tree.collector().processes().unwrap_err();
            assert!(error.to_string().contains("/7/stat"), "{error}");
        }
    }

    #[test]
    fn a_live_process_with_a_hostile_name_is_listed() {
        const NAME: &str = "a) R 1\n\x1b[2J (";
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join(NAME);
        std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
        let mut child = Command::new(&program)
            .arg0("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let processes = Collector::default().processes().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let found = processes
            .iter()
            .find(|process| process.pid == child.id())
            .unwrap();
        assert_eq!(found.name, NAME);
    }

    #[test]
    fn this_host_is_listed_while_processes_come_and_go() {
        let collector = Collector::default();
        for _ in 0..20 {
            let mut child = Command::new("/bin/true")
                .stdin(Stdio::null())
                .spawn()
                .unwrap();
            let processes = collector.processes().unwrap();
            assert!(
                processes
                    .iter()
                    .any(|process| process.pid == std::process::id())
            );
            assert!(processes.is_sorted_by(|a, b| a.pid < b.pid));
            child.wait().unwrap();
        }
    }
}
