//! Files below a root directory, reached without following symbolic links.
//!
//! Setup runs as root in directories that others may have prepared. Every part of a path is opened by
//! the directory before it; a link in the way is an error that names it. Files get their content under
//! another name and appear whole, with their owner and mode, or not at all.

mod remove;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

/// Why something below the root can't be done.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// There is a symbolic link where a file or directory belongs.
    #[error(
        "{0} is a symbolic link, and setup follows none: its creator could make root write \
         elsewhere. Check where it leads, remove it, and run setup again"
    )]
    Link(PathBuf),
    /// Something else is where a file or directory belongs.
    #[error("{0} is neither a file nor a directory as expected; move it and run setup again")]
    InTheWay(PathBuf),
    /// The disk has no room left.
    #[error(
        "no space is left on the disk of {0}; free some and run setup again: completed steps are kept"
    )]
    Full(PathBuf),
    /// Anything else.
    #[error("{path}: {source}")]
    Io {
        /// What was worked on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Who a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Number of the account.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
}

impl Owner {
    /// Root and its group.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// Whether a step changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It did.
    Yes,
    /// All was as it should be.
    No,
}

/// A directory and all below it.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    handle: OwnedFd,
    /// Without the rights of root nothing can be given to others.
    gives_away: bool,
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Tree {
    /// Opens the root directory, which must exist.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(root: &Path) -> Result<Self, TreeError> {
        let explain = |source| TreeError::Io {
            path: root.to_owned(),
            source,
        };
        let root_path = root.canonicalize().map_err(explain)?;
        let handle = rustix::fs::open(&root_path, FOLDER, Mode::empty())
            .map_err(|errno| explain(errno.into()))?;
        Ok(Self {
            root: root_path,
            handle,
            gives_away: rustix::process::geteuid().is_root(),
        })
    }

    /// Whether this is the running system itself.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Whether files can be given to other accounts.
    #[must_use]
    pub fn gives_away(&self) -> bool {
        self.gives_away
    }

    /// Where a path of the installed system is from here.
    #[must_use]
    pub fn outside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn error(&self, path: &Path, errno: Errno) -> TreeError {
        let path = self.outside(path);
        match errno {
            Errno::NOSPC | Errno::DQUOT => TreeError::Full(path),
            Errno::LOOP => TreeError::Link(path),
            other => TreeError::Io {
                path,
                source: other.into(),
            },
        }
    }

    fn io(&self, path: &Path, error: &io::Error) -> TreeError {
        let errno = Errno::from_io_error(error).unwrap_or(Errno::IO);
        self.error(path, errno)
    }

    /// Opens the directory that holds `path`, and makes those that are missing.
    fn made_parent(&self, path: &Path) -> Result<OwnedFd, TreeError> {
        let folder = self.parent(path, true)?;
        folder.ok_or_else(|| self.error(path, Errno::NOENT))
    }

    /// Opens the directory that holds `path`, and creates missing ones when requested.
    fn parent(&self, path: &Path, make: bool) -> Result<Option<OwnedFd>, TreeError> {
        let mut at = rustix::io::dup(&self.handle).map_err(|errno| self.error(path, errno))?;
        let mut walked = PathBuf::from("/");
        let parent = path.parent().unwrap_or(path);
        for part in parent.components() {
            let Component::Normal(name) = part else {
                continue;
            };
            walked.push(name);
            let mut opened = rustix::fs::openat(&at, name, FOLDER, Mode::empty());
            if opened.as_ref().is_err_and(|errno| *errno == Errno::NOENT) {
                if !make {
                    return Ok(None);
                }
                match rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(self.error(&walked, errno)),
                }
                opened = rustix::fs::openat(&at, name, FOLDER, Mode::empty());
            }
            at = opened.map_err(|errno| self.refusal(&at, name, &walked, errno))?;
        }
        Ok(Some(at))
    }

    /// Says what is there, when it is not what was looked for.
    fn refusal(&self, folder: &OwnedFd, name: &OsStr, path: &Path, errno: Errno) -> TreeError {
        let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
        match found.map(|stat| kind(&stat)) {
            Ok(FileType::Symlink) => TreeError::Link(self.outside(path)),
            Ok(_) if errno == Errno::NOTDIR => TreeError::InTheWay(self.outside(path)),
            _ => self.error(path, errno),
        }
    }

    fn name<'a>(&self, path: &'a Path) -> Result<&'a OsStr, TreeError> {
        path.file_name()
            .ok_or_else(|| TreeError::InTheWay(self.outside(path)))
    }

    /// What is at a path, without following it; nothing when there is nothing.
    ///
    /// # Errors
    /// When a link is in the way, or it can't be looked at.
    pub fn look(&self, path: &Path) -> Result<Option<Stat>, TreeError> {
        let name = self.name(path)?;
        let Some(folder) = self.parent(path, false)? else {
            return Ok(None);
        };
        match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.error(path, errno)),
        }
    }

    /// The content of a plain file of at most `limit` bytes; nothing when there is none.
    ///
    /// # Errors
    /// When it is no plain file, is too large or can't be read.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let Some(stat) = self.look(path)? else {
            return Ok(None);
        };
        self.expect_file(path, &stat)?;
        let Some(folder) = self.parent(path, false)? else {
            return Ok(None);
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&folder, self.name(path)?, flags, Mode::empty())
            .map_err(|errno| self.error(path, errno))?;
        // What was looked at may have been replaced since.
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.error(path, errno))?;
        self.expect_file(path, &stat)?;
        let mut content = Vec::new();
        let read = File::from(file).take(limit + 1).read_to_end(&mut content);
        read.map_err(|error| self.io(path, &error))?;
        if content.len() as u64 > limit {
            return Err(TreeError::InTheWay(self.outside(path)));
        }
        Ok(Some(content))
    }

    fn expect_file(&self, path: &Path, stat: &Stat) -> Result<(), TreeError> {
        match kind(stat) {
            FileType::RegularFile => Ok(()),
            FileType::Symlink => Err(TreeError::Link(self.outside(path))),
            _ => Err(TreeError::InTheWay(self.outside(path))),
        }
    }

    /// Makes a directory, or gives the one that is there its mode and owner.
    ///
    /// # Errors
    /// When something else is there, or it can't be made.
    pub fn directory(&self, path: &Path, mode: u32, owner: Owner) -> Result<Changed, TreeError> {
        let name = self.name(path)?;
        let folder = self.made_parent(path)?;
        let explain = |errno| self.error(path, errno);
        let is_new = match rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(explain(errno)),
        };
        let handle = rustix::fs::openat(&folder, name, FOLDER, Mode::empty())
            .map_err(|errno| self.refusal(&folder, name, path, errno))?;
        let stat = rustix::fs::fstat(&handle).map_err(explain)?;
        if !is_new && self.is_so(&stat, mode, owner) {
            return Ok(Changed::No);
        }
        self.hand_over(&handle, mode, owner).map_err(explain)?;
        Ok(Changed::Yes)
    }

    /// Puts a file in place that has this content, mode and owner.
    ///
    /// # Errors
    /// When something else than a file is there, or it can't be written.
    pub fn write(
        &self,
        path: &Path,
        content: &[u8],
        mode: u32,
        owner: Owner,
    ) -> Result<Changed, TreeError> {
        if let Some(stat) = self.look(path)? {
            self.expect_file(path, &stat)?;
            let same = u64::try_from(stat.st_size).is_ok_and(|size| size == content.len() as u64)
                && self.read(path, content.len() as u64)?.as_deref() == Some(content);
            if same && self.is_so(&stat, mode, owner) {
                return Ok(Changed::No);
            }
        }
        let name = self.name(path)?;
        let folder = self.made_parent(path)?;
        let explain = |errno| self.error(path, errno);
        let draft = draft_name(name);
        // What an interrupted run left; a link is removed and not followed.
        match rustix::fs::unlinkat(&folder, &draft, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(explain(errno)),
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&folder, &draft, flags, Mode::from_raw_mode(0o600))
            .map_err(explain)?;
        let mut file = File::from(handle);
        let written = file
            .write_all(content)
            .and_then(|()| Ok(self.hand_over(&file, mode, owner)?))
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(rustix::fs::renameat(&folder, &draft, &folder, name)?))
            .and_then(|()| Ok(rustix::fs::fsync(&folder)?));
        written.map_err(|error| {
            // An incomplete draft is of no use; the error is what counts.
            let _ = rustix::fs::unlinkat(&folder, &draft, AtFlags::empty());
            self.io(path, &error)
        })?;
        Ok(Changed::Yes)
    }

    /// Makes a symbolic link with this content. One that is there already is left when it leads to
    /// a file of the same name: systemd writes the same place in several ways, `/lib/systemd` and
    /// `/usr/lib/systemd` for instance.
    ///
    /// # Errors
    /// When something else is there, or it can't be made.
    pub fn link(&self, path: &Path, content: &Path) -> Result<Changed, TreeError> {
        let name = self.name(path)?;
        let folder = self.made_parent(path)?;
        match rustix::fs::symlinkat(content, &folder, name) {
            Ok(()) => Ok(Changed::Yes),
            Err(Errno::EXIST) => {
                let found = rustix::fs::readlinkat(&folder, name, Vec::new());
                let found = found.map(|found| found.into_string().unwrap_or_default());
                match found {
                    Ok(found) if Path::new(&found).file_name() == content.file_name() => {
                        Ok(Changed::No)
                    }
                    _ => Err(TreeError::InTheWay(self.outside(path))),
                }
            }
            Err(errno) => Err(self.error(path, errno)),
        }
    }

    fn is_so(&self, stat: &Stat, mode: u32, owner: Owner) -> bool {
        let belongs = (stat.st_uid, stat.st_gid) == (owner.uid, owner.gid);
        Mode::from_raw_mode(stat.st_mode) == Mode::from_raw_mode(mode)
            && (belongs || !self.gives_away)
    }

    /// The owner first: until then no one else may do anything with it.
    fn hand_over(&self, handle: &impl AsFd, mode: u32, owner: Owner) -> Result<(), Errno> {
        if self.gives_away {
            let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
            rustix::fs::fchown(handle, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(handle, Mode::from_raw_mode(mode))
    }
}

/// The name under which a file is written until it is whole.
fn draft_name(name: &OsStr) -> OsString {
    [OsStr::new("."), name, OsStr::new(".setup")]
        .into_iter()
        .collect()
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn mine() -> Owner {
        Owner {
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
        }
    }

    fn tree() -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(folder.path()).unwrap();
        (folder, tree)
    }

    #[test]
    fn a_file_appears_whole_and_is_left_alone_the_second_time() {
        let (folder, tree) = tree();
        let path = Path::new("/etc/linux-api/config.toml");
        let write = |text: &[u8]| tree.write(path, text, 0o640, mine()).unwrap();
        assert_eq!(write(b"one"), Changed::Yes);
        assert_eq!(write(b"one"), Changed::No);
        assert_eq!(write(b"two"), Changed::Yes);
        let there = folder.path().join("etc/linux-api/config.toml");
        assert_eq!(std::fs::metadata(&there).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(tree.read(path, 10).unwrap().unwrap(), b"two");
        let beside = std::fs::read_dir(there.parent().unwrap()).unwrap();
        assert_eq!(beside.count(), 1);
    }

    #[test]
    fn what_an_interrupted_run_left_is_replaced_and_never_followed() {
        let (folder, tree) = tree();
        let target = folder.path().join("target");
        std::fs::write(&target, "untouched").unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        symlink(&target, folder.path().join("etc/.file.setup")).unwrap();
        let path = Path::new("/etc/file");
        tree.write(path, b"new", 0o600, mine()).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"untouched");
    }

    #[test]
    fn a_link_anywhere_in_a_path_is_named_and_not_followed() {
        let (folder, tree) = tree();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), folder.path().join("etc")).unwrap();
        let path = Path::new("/etc/linux-api/config.toml");
        let name = folder.path().join("etc").display().to_string();
        let refusals = [
            tree.write(path, b"", 0o600, mine()).unwrap_err(),
            tree.directory(path, 0o700, mine()).unwrap_err(),
            tree.read(path, 10).unwrap_err(),
            tree.remove(path).unwrap_err(),
            tree.link(path, Path::new("/")).unwrap_err(),
            tree.remove_all(Path::new("/etc")).unwrap_err(),
            tree.directory(Path::new("/etc"), 0o700, mine())
                .unwrap_err(),
            tree.write(Path::new("/etc"), b"", 0o600, mine())
                .unwrap_err(),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, TreeError::Link(_)), "{refusal}");
            assert!(refusal.to_string().contains(&name), "{refusal}");
        }
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn other_things_in_the_way_are_named() {
        let (folder, tree) = tree();
        std::fs::write(folder.path().join("etc"), "a file").unwrap();
        std::fs::create_dir(folder.path().join("file")).unwrap();
        let under_a_file = tree.write(Path::new("/etc/x"), b"", 0o600, mine());
        assert!(matches!(under_a_file, Err(TreeError::InTheWay(_))));
        let a_folder = tree.write(Path::new("/file"), b"", 0o600, mine());
        assert!(matches!(a_folder, Err(TreeError::InTheWay(_))));
        assert!(tree.read(Path::new("/file"), 1).is_err());
        std::fs::write(folder.path().join("long"), "too long").unwrap();
        assert!(tree.read(Path::new("/long"), 3).is_err());
    }

    #[test]
    fn no_room_left_is_said_with_what_to_do() {
        let (_folder, tree) = tree();
        let error = tree.error(Path::new("/etc/x"), Errno::NOSPC);
        assert!(error.to_string().contains("free some and run setup again"));
    }

    #[test]
    fn removing_what_is_not_there_changes_nothing() {
        let (_folder, tree) = tree();
        assert_eq!(tree.remove(Path::new("/a/b")).unwrap(), Changed::No);
        assert_eq!(tree.remove_all(Path::new("/a")).unwrap(), Changed::No);
        tree.link(Path::new("/a/b"), Path::new("/c")).unwrap();
        assert_eq!(
            tree.link(Path::new("/a/b"), Path::new("/c")).unwrap(),
            Changed::No
        );
        assert_eq!(tree.remove(Path::new("/a/b")).unwrap(), Changed::Yes);
        assert_eq!(tree.remove_all(Path::new("/a")).unwrap(), Changed::Yes);
    }
}
