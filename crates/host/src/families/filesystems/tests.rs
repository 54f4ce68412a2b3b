use std::sync::Condvar;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::testing::Tree;

const USAGE: Usage = Usage {
    total_bytes: 1_000,
    used_bytes: 400,
    available_bytes: 500,
    inodes_total: 10,
    inodes_used: 3,
};

const LOCAL_AND_NFS: &str = "\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
22 21 0:40 / /nfs rw - nfs4 nas:/ rw
23 21 0:41 / /odd rw - newpseudofs none rw
24 21 8:2 /hosts /etc/hosts rw - xfs /dev/sda2 rw
";

/// A file system that blocks until the test opens its gate.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
    asked: AtomicUsize,
    waiting: AtomicUsize,
}

impl Gate {
    fn set(&self, is_open: bool) {
        *self.is_open.lock().unwrap() = is_open;
        self.opened.notify_all();
    }

    fn probe(self: &Arc<Self>) -> Probe {
        let gate = Arc::clone(self);
        Arc::new(move |path: &Path| {
            if path.ends_with("odd") {
                return Ok(Usage::default());
            }
            if path.ends_with("nfs") {
                gate.asked.fetch_add(1, Ordering::SeqCst);
                gate.waiting.fetch_add(1, Ordering::SeqCst);
                let guard = gate.is_open.lock().unwrap();
                drop(gate.opened.wait_while(guard, |is_open| !*is_open).unwrap());
                gate.waiting.fetch_sub(1, Ordering::SeqCst);
            }
            Ok(USAGE)
        })
    }

    fn wait_until_idle(&self) {
        while self.waiting.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
    }
}

fn tree() -> Tree {
    let tree = Tree::new();
    tree.write("proc/1/mountinfo", LOCAL_AND_NFS);
    tree.write("etc/hosts", "127.0.0.1 localhost\n");
    tree
}

fn points(filesystems: &[Filesystem]) -> Vec<&str> {
    filesystems
        .iter()
        .map(|one| one.mount_point.as_str())
        .collect()
}

#[test]
fn file_systems_are_shown_with_exact_figures_and_files_and_empty_ones_are_not() {
    let gate = Arc::new(Gate::default());
    gate.set(true);
    let tree = tree();
    let mut reader =
        FilesystemReader::with_probe(&tree.roots(), MountWatch::default(), gate.probe());
    let shown = reader.read(Instant::now()).unwrap();
    let root = Filesystem {
        mount_point: "/".to_owned(),
        device: "/dev/sda1".to_owned(),
        kind: "ext4".to_owned(),
        total_bytes: Some(1_000),
        used_bytes: Some(400),
        available_bytes: Some(500),
        // As df counts: space reserved for root is not available.
        used_percent: Some(44.44),
        inodes_total: Some(10),
        inodes_used: Some(3),
        ..Filesystem::default()
    };
    assert_eq!(shown[0], root);
    assert_eq!(points(&shown), ["/", "/nfs"]);
    let nfs = &shown[1];
    assert_eq!(
        (nfs.network, nfs.stale, nfs.used_bytes),
        (true, false, Some(400))
    );
}

#[test]
fn a_server_that_never_answers_delays_nobody_and_keeps_one_thread() {
    let gate = Arc::new(Gate::default());
    let tree = tree();
    let mut reader =
        FilesystemReader::with_probe(&tree.roots(), MountWatch::default(), gate.probe());
    let start = Instant::now();
    for _ in 0..20 {
        let shown = reader.read(Instant::now()).unwrap();
        assert_eq!(
            (points(&shown), shown[0].used_bytes),
            (vec!["/", "/nfs"], Some(400))
        );
        assert_eq!(shown[1].used_bytes, None);
    }
    // Only the first call waits, for a moment.
    assert!(start.elapsed() < STUCK_AFTER, "{:?}", start.elapsed());
    let late = start + Duration::from_hours(1);
    let shown = reader.read(late).unwrap();
    assert!(
        shown[1].stale && shown[1].age_ms >= 3_590_000,
        "{:?}",
        shown[1]
    );
    let error = shown[1].error.as_deref().unwrap();
    assert!(error.starts_with("no answer for 35"), "{error}");
    assert_eq!(gate.asked.load(Ordering::SeqCst), 1);

    // It comes back, is shown, and is read again when it is due.
    gate.set(true);
    gate.wait_until_idle();
    while Arc::strong_count(&reader.probing) > 1 {
        std::thread::yield_now();
    }
    let shown = reader.read(late + REMOTE_PERIOD).unwrap();
    assert_eq!((shown[1].stale, shown[1].used_bytes), (false, Some(400)));
    while gate.asked.load(Ordering::SeqCst) < 2 {
        std::thread::yield_now();
    }
}

#[test]
fn a_mount_that_gets_stuck_keeps_its_last_figures_and_their_age() {
    let gate = Arc::new(Gate::default());
    gate.set(true);
    let tree = tree();
    let mut reader =
        FilesystemReader::with_probe(&tree.roots(), MountWatch::default(), gate.probe());
    let start = Instant::now();
    reader.read(start).unwrap();
    gate.wait_until_idle();
    gate.set(false);
    reader.read(start + REMOTE_PERIOD).unwrap();
    let shown = reader
        .read(start + REMOTE_PERIOD + 5 * STUCK_AFTER)
        .unwrap();
    assert_eq!((shown[1].stale, shown[1].used_bytes), (true, Some(400)));
    assert!(
        (14_000..=15_000).contains(&shown[1].age_ms),
        "{:?}",
        shown[1]
    );
    assert_eq!(shown[1].error.as_deref(), Some("no answer for 5 s"));
    gate.set(true);
}

#[test]
fn a_mount_that_refuses_says_why_and_one_that_is_gone_is_forgotten() {
    let tree = tree();
    let refuse: Probe = Arc::new(|_: &Path| Err(io::ErrorKind::PermissionDenied.into()));
    let mut reader = FilesystemReader::with_probe(&tree.roots(), MountWatch::default(), refuse);
    let shown = reader.read(Instant::now()).unwrap();
    for filesystem in &shown {
        assert_eq!(filesystem.error.as_deref(), Some("permission denied"));
        assert_eq!(filesystem.total_bytes, None);
    }
    assert_eq!(reader.remote.len(), 1);
    tree.write("proc/1/mountinfo", "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    assert_eq!(points(&reader.read(Instant::now()).unwrap()), ["/"]);
    assert_eq!(reader.remote.len(), 0);
}

#[test]
fn this_host_has_a_root_and_a_list_that_is_missing_is_named() {
    let mut reader = FilesystemReader::new(&HostRoots::default(), MountWatch::default());
    let shown = reader.read(Instant::now()).unwrap();
    let root = shown.iter().find(|one| one.mount_point == "/").unwrap();
    assert!(root.total_bytes.unwrap() > 0 && root.error.is_none());
    let error = FilesystemReader::new(&Tree::new().roots(), MountWatch::default())
        .read(Instant::now())
        .unwrap_err();
    assert!(error.to_string().contains("self/mountinfo"), "{error}");
}
