//! Looks for faults of the mounts whenever the table of mounts is read anyway.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use super::fstab::{self, Entry};
use super::mountinfo::{self, MountFaults};
use super::{MountList, below};
use crate::HostRoots;

/// How often `/etc/fstab` is looked at.
const PERIOD: Duration = Duration::from_secs(10);
/// From then on the table counts as not read: its reader is stuck.
const KEPT_FOR: Duration = Duration::from_mins(2);
/// The longest file that is read as `/etc/fstab`.
const FSTAB_MAX: usize = 1 << 20;

/// What the reader of snapshots found wrong with the mounts. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MountWatch(Arc<Mutex<Option<Found>>>);

#[derive(Debug)]
struct Found {
    at: Instant,
    outcome: Result<Arc<MountFaults>, String>,
}

impl MountWatch {
    /// What was found last.
    ///
    /// # Errors
    /// Why it is not known: the table or `/etc/fstab` can't be read, or was not for two minutes.
    pub fn faults(&self) -> Result<Arc<MountFaults>, String> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*found {
            None => Err("the mounts have not been read yet".to_owned()),
            Some(found) if found.at.elapsed() > KEPT_FOR => {
                let seconds = found.at.elapsed().as_secs();
                Err(format!("the mounts were last read {seconds} s ago"))
            }
            Some(found) => found.outcome.clone(),
        }
    }

    fn set(&self, outcome: Result<Arc<MountFaults>, String>) {
        let at = Instant::now();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Found { at, outcome });
    }
}

/// Who looks.
#[derive(Debug)]
pub(crate) struct MountLook {
    watch: MountWatch,
    rootfs: PathBuf,
    /// What `/etc/fstab` said, and what that means.
    fstab: Vec<u8>,
    entries: Vec<Entry>,
    looked_at: Option<Instant>,
    newest: Option<Arc<MountFaults>>,
}

impl MountLook {
    pub(crate) fn new(roots: &HostRoots, watch: MountWatch) -> Self {
        Self {
            watch,
            rootfs: roots.rootfs.clone(),
            fstab: Vec::new(),
            entries: Vec::new(),
            looked_at: None,
            newest: None,
        }
    }

    /// Compares the table with `/etc/fstab`, when one of them has changed.
    pub(crate) fn look(&mut self, list: &MountList, has_changed: bool, now: Instant) {
        let is_due = self
            .looked_at
            .is_none_or(|then| now.saturating_duration_since(then) >= PERIOD);
        if !has_changed && !is_due {
            return;
        }
        self.looked_at = Some(now);
        let fstab_has_changed = match self.read_fstab() {
            Ok(has_changed) => has_changed,
            Err(error) => {
                self.newest = None;
                self.watch
                    .set(Err(format!("can't read /etc/fstab: {error}")));
                return;
            }
        };
        let newest = self.newest.take();
        let newest = newest.filter(|_| !has_changed && !fstab_has_changed);
        let newest = newest.unwrap_or_else(|| {
            let resolve = |point: &Path| self.resolve(point);
            Arc::new(mountinfo::faults(list.table(), &self.entries, resolve))
        });
        self.watch.set(Ok(Arc::clone(&newest)));
        self.newest = Some(newest);
    }

    /// Notes that the table can't be read.
    pub(crate) fn fail(&mut self, error: &impl std::fmt::Display) {
        self.newest = None;
        self.watch.set(Err(error.to_string()));
    }

    /// Whether it says something else than before. A host without the file mounts nothing by it.
    fn read_fstab(&mut self) -> io::Result<bool> {
        let text = match fs::read(self.rootfs.join("etc/fstab")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            text => text?,
        };
        if text.len() > FSTAB_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if text == self.fstab {
            return Ok(false);
        }
        self.entries = fstab::entries(&text);
        self.fstab = text;
        Ok(true)
    }

    /// A mount point without symbolic links. Below another root they would lead out of it.
    fn resolve(&self, point: &Path) -> Option<PathBuf> {
        let is_own_root = self.rootfs == Path::new("/");
        if !is_own_root {
            return None;
        }
        let resolved = below(&self.rootfs, point).canonicalize().ok()?;
        (resolved != point).then_some(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    const TABLE: &str =
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n40 22 8:16 / /data rw - xfs /dev/sdb rw\n";
    const FSTAB: &str = "UUID=1 / ext4 defaults\nUUID=2 /data xfs defaults\n";

    #[test]
    fn faults_come_and_go_with_the_table_and_with_fstab() {
        let tree = Tree::new();
        let watch = MountWatch::default();
        let mut look = MountLook::new(&tree.roots(), watch.clone());
        let mut list = MountList::new(&tree.roots());
        let mut now = Instant::now();
        let mut turn = |table: &str, fstab: &str| {
            tree.write("proc/1/mountinfo", table);
            tree.write("etc/fstab", fstab);
            now += PERIOD;
            let has_changed = list.refresh(now).unwrap();
            look.look(&list, has_changed, now);
            let found = watch.faults().unwrap();
            let mut all = found.turned_read_only.clone();
            all.extend(found.missing.iter().map(|point| format!("no {point}")));
            all
        };
        assert_eq!(turn(TABLE, FSTAB), [""; 0]);
        let more = format!("{FSTAB}UUID=3 /more ext4 defaults\n");
        assert_eq!(turn(TABLE, &more), ["no /more"]);
        let turned = TABLE.replace("/dev/sdb rw", "/dev/sdb ro");
        assert_eq!(turn(&turned, &more), ["/data", "no /more"]);
        assert_eq!(turn(TABLE, FSTAB), [""; 0]);
    }

    #[test]
    fn what_can_not_be_read_is_not_known() {
        let tree = Tree::new();
        let watch = MountWatch::default();
        let mut look = MountLook::new(&tree.roots(), watch.clone());
        let unread = watch.faults().unwrap_err();
        assert!(unread.contains("not been read yet"), "{unread}");
        tree.write("proc/1/mountinfo", TABLE);
        let mut list = MountList::new(&tree.roots());
        let now = Instant::now();
        let has_changed = list.refresh(now).unwrap();
        // There is none: nothing is mounted by it.
        look.look(&list, has_changed, now);
        assert_eq!(*watch.faults().unwrap(), MountFaults::default());
        std::fs::create_dir_all(tree.path("etc/fstab")).unwrap();
        look.look(&list, true, now);
        let error = watch.faults().unwrap_err();
        assert!(error.contains("/etc/fstab"), "{error}");
        look.fail(&"the table is gone");
        assert_eq!(watch.faults().unwrap_err(), "the table is gone");
    }
}
