//! How many processes there are and what they do, without a look at each.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::CollectError;
use crate::processes::parse_state;
use linux_api_wire::process::ProcessStatus;
use linux_api_wire::snapshot::Processes;

/// Holds the id, the name (64 bytes at most) and the state.
const STAT_BYTES: usize = 256;

/// Counts the processes below the process file system. One that ends meanwhile, or is hidden, is
/// left out.
pub(crate) fn count_processes(procfs: &Path) -> Result<Processes, CollectError> {
    let failed = |source| CollectError::Read {
        path: procfs.to_owned(),
        source,
    };
    let mut counts = Processes::default();
    let mut path = procfs.to_owned();
    for entry in fs::read_dir(procfs).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !name.as_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        path.push(name);
        path.push("stat");
        if let Some(status) = status(&path) {
            count(&mut counts, status);
        }
        path.pop();
        path.pop();
    }
    Ok(counts)
}

fn status(path: &Path) -> Option<ProcessStatus> {
    let mut buffer = [0; STAT_BYTES];
    let length = File::open(path).ok()?.read(&mut buffer).ok()?;
    parse_state(&buffer[..length])
}

fn count(counts: &mut Processes, status: ProcessStatus) {
    counts.total += 1;
    let kind = match status {
        ProcessStatus::Running => &mut counts.running,
        ProcessStatus::DiskSleep => &mut counts.blocked,
        ProcessStatus::Stopped | ProcessStatus::TracingStop => &mut counts.stopped,
        ProcessStatus::Zombie | ProcessStatus::Dead => &mut counts.zombie,
        ProcessStatus::Idle => &mut counts.idle,
        _ => &mut counts.sleeping,
    };
    *kind += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn processes_are_counted_by_what_they_do() {
        let tree = Tree::new();
        let states = ["S", "S", "I", "R", "D", "T", "t", "Z"];
        for (pid, state) in states.iter().enumerate() {
            tree.write(
                &format!("proc/{pid}/stat"),
                format!("{pid} (a) R (b) {state} 1 2"),
            );
        }
        tree.write("proc/900/stat", "");
        tree.write("proc/self/stat", "1 (x) R");
        fs::create_dir_all(tree.path("proc/901")).unwrap();
        let expected = Processes {
            total: 8,
            running: 1,
            sleeping: 2,
            idle: 1,
            blocked: 1,
            stopped: 2,
            zombie: 1,
        };
        assert_eq!(count_processes(&tree.path("proc")).unwrap(), expected);
    }

    #[test]
    fn a_tree_that_is_missing_is_named() {
        let error = count_processes(Path::new("/nonexistent/proc")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent"), "{error}");
    }
}
