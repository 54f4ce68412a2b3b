//! Whether those who use an SQLite database use the file that lies at its path.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Finding;

const CHECK: &str = "database file";

/// Which file something is: device and inode.
type FileId = (u64, u64);

fn id(path: &Path) -> Option<FileId> {
    fs::metadata(path)
        .ok()
        .map(|found| (found.dev(), found.ino()))
}

/// Looks through the open files of the processes that hold the database's lock: one that has not
/// opened the file which is there now works on a file that was replaced or deleted. Nothing is found
/// out about processes of other accounts.
pub(super) fn check(database: &Path) -> Option<Finding> {
    let mut lock = database.as_os_str().to_owned();
    lock.push(".in-use");
    let (lock, now) = (id(Path::new(&lock))?, id(database));
    let stranger = fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        if pid == std::process::id() {
            return None;
        }
        let open = open_files(&entry.path());
        let is_user = open.contains(&lock);
        let has_it = now.is_some_and(|now| open.contains(&now));
        (is_user && !has_it).then_some(pid)
    })?;
    Some(Finding::fail(
        CHECK,
        format!(
            "process {stranger} works on another file than {}, which was replaced or deleted while \
             it was open",
            database.display()
        ),
        "restore the old file, or restart the daemon to use the new one",
    ))
}

fn open_files(process: &Path) -> Vec<FileId> {
    let links = fs::read_dir(process.join("fd")).into_iter().flatten();
    let paths = links.flatten().map(|link| link.path());
    paths.filter_map(|path: PathBuf| id(&path)).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    struct KillOnDrop(Child);

    impl Drop for KillOnDrop {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Another process that has both files open, and says so.
    fn user_of(folder: &Path) -> KillOnDrop {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "exec 3<a.db 4<a.db.in-use; echo open; read end"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 5];
        let stdout = child.stdout.as_mut().unwrap();
        std::io::Read::read_exact(stdout, &mut said).unwrap();
        KillOnDrop(child)
    }

    #[test]
    fn a_process_that_holds_a_replaced_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        assert_eq!(check(&path), None);
        fs::write(&path, "old").unwrap();
        fs::write(folder.path().join("a.db.in-use"), "").unwrap();
        let user = user_of(folder.path());
        assert_eq!(check(&path), None);
        fs::rename(&path, folder.path().join("aside")).unwrap();
        let found = check(&path).unwrap();
        assert!(found.detail.contains(&user.0.id().to_string()), "{found:?}");
        fs::write(&path, "new").unwrap();
        let found = check(&path).unwrap();
        assert!(found.detail.contains("replaced or deleted"), "{found:?}");
    }
}
