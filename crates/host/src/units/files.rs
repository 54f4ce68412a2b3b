//! The list of unit files, which is read again only after one has changed.
//!
//! systemd finds out the state of each file by a look at all directories, so a list takes it time that grows with
//! the square of their number: 2 s of process 1 with 700 files. What is on disk is compared in place of that.

use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::systemd::File;

/// The directories that systemd reads units from, below the root of the host's files; see systemd.unit(5).
const DIRECTORIES: [&str; 13] = [
    "etc/systemd/system.control",
    "run/systemd/system.control",
    "run/systemd/transient",
    "run/systemd/generator.early",
    "etc/systemd/system",
    "etc/systemd/system.attached",
    "run/systemd/system",
    "run/systemd/system.attached",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
];
/// For how long a list is kept when nothing seems to have changed: there may be what can't be seen from here.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// How long systemd may take for a list; it goes on when the reader has left.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the files were like; the same again when nothing was added, removed, linked or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint(u64);

#[derive(Debug)]
struct Kept {
    fingerprint: Fingerprint,
    read: Instant,
    files: Arc<[File]>,
}

/// The list that was read last.
#[derive(Debug)]
pub(super) struct UnitFiles {
    directories: Vec<PathBuf>,
    kept: Arc<Mutex<Option<Kept>>>,
}

impl UnitFiles {
    pub(super) fn new(rootfs: &Path) -> Self {
        Self {
            directories: DIRECTORIES.map(|one| rootfs.join(one)).to_vec(),
            kept: Arc::default(),
        }
    }

    /// The files as they are now; `read` has systemd list them, when it has to.
    pub(super) async fn current(
        &self,
        read: impl Future<Output = zbus::Result<Vec<File>>> + Send + 'static,
    ) -> zbus::Result<Arc<[File]>> {
        let mut kept = Arc::clone(&self.kept).lock_owned().await;
        let directories = self.directories.clone();
        // Before the list: what changes meanwhile is seen the next time.
        let looked = tokio::task::spawn_blocking(move || fingerprint(&directories)).await;
        let Ok(fingerprint) = looked else {
            return Err(zbus::Error::Failure(
                "the unit files can't be looked at".to_owned(),
            ));
        };
        if let Some(kept) = &*kept
            && kept.fingerprint == fingerprint
            && kept.read.elapsed() < KEPT_FOR
        {
            return Ok(Arc::clone(&kept.files));
        }
        // A task of its own: a reader that leaves would let the next one start over.
        let task = tokio::spawn(async move {
            let timed_out =
                |_| zbus::Error::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
            let listed = tokio::time::timeout(DEADLINE, read)
                .await
                .map_err(timed_out)??;
            let files: Arc<[File]> = listed.into();
            *kept = Some(Kept {
                fingerprint,
                read: Instant::now(),
                files: Arc::clone(&files),
            });
            Ok(files)
        });
        let stopped = |_| Err(zbus::Error::Failure("the reading was given up".to_owned()));
        task.await.unwrap_or_else(stopped)
    }
}

/// Looks at all directories, the directories of links and drop-ins in them, and their files. What can't be read is
/// left out.
fn fingerprint(directories: &[PathBuf]) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    for directory in directories {
        let Ok(metadata) = std::fs::metadata(directory) else {
            continue;
        };
        directory.hash(&mut hasher);
        add(&mut hasher, &metadata);
        let Ok(entries) = std::fs::read_dir(directory) else {
            continue;
        };
        // They come in any order.
        let mut sum = 0_u64;
        for entry in entries.flatten() {
            let mut one = DefaultHasher::new();
            entry.file_name().hash(&mut one);
            // Of a link the file: a new link is a change of the directory.
            if let Ok(metadata) = std::fs::metadata(entry.path()) {
                add(&mut one, &metadata);
            }
            sum = sum.wrapping_add(one.finish());
        }
        sum.hash(&mut hasher);
    }
    Fingerprint(hasher.finish())
}

fn add(hasher: &mut DefaultHasher, metadata: &Metadata) {
    let times = (
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    );
    (metadata.dev(), metadata.ino(), metadata.size(), times).hash(hasher);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Host {
        folder: tempfile::TempDir,
        files: UnitFiles,
        reads: Arc<AtomicU32>,
    }

    impl Host {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let host = Self {
                files: UnitFiles::new(folder.path()),
                reads: Arc::default(),
                folder,
            };
            std::fs::create_dir_all(host.path("multi-user.target.wants")).unwrap();
            host.write("a.service", "[Install]\n");
            host
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join("etc/systemd/system").join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.path(name), text).unwrap();
        }

        /// Lists the files, and says how often systemd has listed them.
        async fn list(&self) -> u32 {
            let reads = Arc::clone(&self.reads);
            let read = async move {
                let number = reads.fetch_add(1, Ordering::Relaxed) + 1;
                Ok(vec![(format!("/x/{number}.service"), "enabled".to_owned())])
            };
            let files = self.files.current(read).await.unwrap();
            let reads = self.reads.load(Ordering::Relaxed);
            assert_eq!(*files[0].0, format!("/x/{reads}.service"));
            reads
        }
    }

    #[tokio::test]
    async fn systemd_lists_its_files_again_only_after_one_has_changed() {
        let host = Host::new();
        assert_eq!(host.list().await, 1);
        assert_eq!(host.list().await, 1);
        host.write("b.service", "");
        assert_eq!(host.list().await, 2);
        // Enabled, which touches neither the file nor its directory.
        let link = host.path("multi-user.target.wants/a.service");
        std::os::unix::fs::symlink(host.path("a.service"), link).unwrap();
        assert_eq!(host.list().await, 3);
        // Written in place.
        host.write("a.service", "[Install]\nWantedBy=x.target\n");
        assert_eq!(host.list().await, 4);
        std::fs::remove_file(host.path("b.service")).unwrap();
        assert_eq!(host.list().await, 5);
        assert_eq!(host.list().await, 5);
    }

    #[tokio::test]
    async fn a_list_that_failed_is_not_kept_and_one_that_was_left_goes_on() {
        let host = Host::new();
        let failing = async { Err(zbus::Error::Failure("no".to_owned())) };
        host.files.current(failing).await.unwrap_err();
        let (free, gate) = tokio::sync::oneshot::channel::<()>();
        let slow = async move {
            gate.await.unwrap();
            Ok(vec![("/x/slow.service".to_owned(), "static".to_owned())])
        };
        let left = tokio::time::timeout(Duration::from_millis(20), host.files.current(slow));
        left.await.unwrap_err();
        free.send(()).unwrap();
        let never = async { panic!("it is read already") };
        let files = host.files.current(never).await.unwrap();
        assert_eq!(files[0].0, "/x/slow.service");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_kept_for_ten_minutes() {
        let host = Host::new();
        assert_eq!(host.list().await, 1);
        tokio::time::advance(KEPT_FOR).await;
        assert_eq!(host.list().await, 2);
    }
}
