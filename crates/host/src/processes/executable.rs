//! Which processes run a file as an account.

use std::path::Path;

use linux_api_wire::process::{Process, ProcessScan, ProcessStatus};

/// What the kernel writes after the name of a file that was replaced, by an upgrade for instance.
const DELETED: &str = " (deleted)";

/// How many processes of a scan run this executable as this account; those that have ended and are not reaped yet
/// don't.
///
/// Which file a process of another account runs only root may see. Then the first word of its command line
/// counts, which is the path that it was started by unless it chose another text: with the account fixed, no
/// other user can pass for it. A program that is started by a short name is not found then.
#[must_use]
pub fn count_running(procfs: &Path, scan: &ProcessScan, executable: &str, uid: u32) -> u64 {
    let runs = |one: &&Process| {
        let description = &*one.description;
        let has_ended = matches!(one.state, ProcessStatus::Zombie | ProcessStatus::Dead);
        if description.uid != Some(uid) || has_ended {
            return false;
        }
        match std::fs::read_link(procfs.join(format!("{}/exe", one.pid))) {
            Ok(file) => {
                let file = file.to_string_lossy();
                file.strip_suffix(DELETED).unwrap_or(&file) == executable
            }
            Err(_) => is_begun_by(&description.command, executable),
        }
    };
    scan.processes.iter().filter(runs).count() as u64
}

/// Whether the first word of a command line is this path, which may hold spaces itself.
fn is_begun_by(command: &str, executable: &str) -> bool {
    let rest = command.strip_prefix(executable);
    !executable.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::Tree;

    #[tokio::test]
    async fn only_those_of_the_file_and_the_account_count() {
        let tree = Tree::new();
        for (pid, state, command) in [
            (1, 'S', "/usr/sbin/a\0--x\0"),
            (2, 'S', "/usr/sbin/ab\0"),
            (3, 'Z', "/usr/sbin/a\0"),
            (4, 'S', "a: worker\0"),
            (5, 'S', "/usr/sbin/a\0"),
        ] {
            tree.write_process(pid, b"a", state);
            tree.write(&format!("proc/{pid}/cmdline"), command);
            let uid = if pid == 5 { 1000 } else { 7 };
            let status = format!("Name:\ta\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n");
            tree.write(&format!("proc/{pid}/status"), status);
        }
        let scan = tree.collector().shared_processes().await.unwrap();
        let procfs = tree.roots().procfs;
        let count = |path| count_running(&procfs, &scan, path, 7);
        assert_eq!(count("/usr/sbin/a"), 1);
        assert_eq!(count("a:"), 1, "what a process says of itself is believed");
        symlink("/usr/sbin/a (deleted)", tree.path("proc/4/exe")).unwrap();
        assert_eq!(count("/usr/sbin/a"), 2);
        symlink("/usr/bin/other", tree.path("proc/1/exe")).unwrap();
        assert_eq!(count("/usr/sbin/a"), 1);
        assert_eq!(count_running(&procfs, &scan, "/usr/sbin/a", 1000), 1);
        assert_eq!(count_running(&procfs, &scan, "/usr/sbin/a", 8), 0);
        assert_eq!(count(""), 0);
    }

    #[test]
    fn a_path_is_the_whole_first_word() {
        assert!(is_begun_by("/opt/my app/run --x", "/opt/my app/run"));
        assert!(is_begun_by("/bin/a", "/bin/a"));
        assert!(!is_begun_by("/bin/ab", "/bin/a"));
        assert!(!is_begun_by("", "/bin/a"));
    }
}
