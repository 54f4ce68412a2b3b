//! Which processes hold sockets: their open files name the sockets by number.
//!
//! Looking through all open files of a host is dear, so what was found is only checked the next time, and what
//! was not found is looked for again after a while.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::files::{self, ProcessFiles};
use super::names;
use super::stat::Stat;
use crate::HostRoots;

/// How long what was not found is not looked for again.
const MISSING_FOR: Duration = Duration::from_secs(10);
/// Room for the entries of a directory of open files.
const ENTRIES_BYTES: usize = 16 << 10;
/// Room for the name of a socket.
const NAME_BYTES: usize = 64;
/// How many files are looked at from one look at the clock to the next.
const FILES_AT_ONCE: u32 = 256;

/// The process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SocketHolder {
    /// This one, through one of its files.
    Process {
        /// Its number.
        pid: u32,
        /// Its name.
        name: String,
        /// The number of the file.
        file: u32,
    },
    /// It is not known, for a reason that programs can read.
    Unknown(&'static str),
}

/// What is known of the holders of sockets, by the numbers of those.
#[derive(Debug)]
pub(crate) struct SocketHolders {
    known: HashMap<u64, SocketHolder>,
    searched_at: Option<Instant>,
    /// Why a socket without an entry has none.
    missing: SocketHolder,
}

impl Default for SocketHolders {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            searched_at: None,
            missing: SocketHolder::Unknown("not_found"),
        }
    }
}

/// Why a search ended early.
enum SearchEnd {
    OutOfTime,
    AllFound,
}

/// A search through the open files of all processes.
struct Search<'a> {
    wanted: HashSet<u64>,
    found: &'a mut HashMap<u64, SocketHolder>,
    until: Instant,
    looked: u32,
    was_refused: bool,
}

impl SocketHolders {
    /// The holder of a socket that was looked up.
    pub(crate) fn of(&self, inode: u64) -> &SocketHolder {
        self.known.get(&inode).unwrap_or(&self.missing)
    }

    /// Finds the holders of these sockets, as far as rights and time allow.
    pub(crate) fn look_up(&mut self, roots: &HostRoots, wanted: &HashSet<u64>, until: Instant) {
        let Ok(procfs) = files::open_directory(&roots.procfs) else {
            self.known.clear();
            self.missing = SocketHolder::Unknown("permission_denied");
            return;
        };
        let now = Instant::now();
        // Another socket than before, or a holder that let go, is searched for at once.
        let mut is_new = wanted.iter().any(|inode| !self.known.contains_key(inode));
        self.known.retain(|inode, holder| {
            let SocketHolder::Process { pid, file, .. } = holder else {
                return wanted.contains(inode);
            };
            let name = format!("{pid}/fd/{file}");
            let still = wanted.contains(inode) && socket_of(&procfs, &name) == Ok(Some(*inode));
            is_new |= !still && wanted.contains(inode);
            still
        });
        let is_due = self
            .searched_at
            .is_none_or(|then| now.duration_since(then) >= MISSING_FOR);
        let lacks = |inode: &u64| !matches!(self.of(*inode), SocketHolder::Process { .. });
        let is_wanted = is_new || (is_due && wanted.iter().any(lacks));
        if !is_wanted {
            return;
        }
        let open: HashSet<u64> = wanted.iter().copied().filter(lacks).collect();
        let mut search = Search {
            wanted: open.clone(),
            found: &mut self.known,
            until,
            looked: 0,
            was_refused: false,
        };
        let end = search.run(&procfs, roots);
        let reason = match end {
            Some(SearchEnd::OutOfTime) => "out_of_time",
            _ if search.was_refused => "permission_denied",
            _ => "not_found",
        };
        self.missing = SocketHolder::Unknown(reason);
        for inode in open {
            let missing = self.missing.clone();
            let entry = self.known.entry(inode).or_insert_with(|| missing.clone());
            if matches!(entry, SocketHolder::Unknown(_)) {
                *entry = missing;
            }
        }
        self.searched_at = Some(now);
    }
}

impl Search<'_> {
    fn run(&mut self, procfs: &impl AsFd, roots: &HostRoots) -> Option<SearchEnd> {
        let mut end = None;
        // Numbers come in their order, so that of several holders the first is found.
        let listed = files::for_each_pid(procfs, &roots.procfs, |pid| {
            if end.is_none() {
                end = self.look_through(procfs, roots, pid);
            }
            Ok(())
        });
        if listed.is_err() {
            self.was_refused = true;
        }
        end
    }

    fn look_through(
        &mut self,
        procfs: &impl AsFd,
        roots: &HostRoots,
        pid: u32,
    ) -> Option<SearchEnd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = format!("{pid}/fd");
        let directory = match rustix::fs::openat(procfs, &path, flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(errno) => {
                self.was_refused |= matches!(errno, Errno::ACCESS | Errno::PERM);
                return None;
            }
        };
        let mut space = Vec::with_capacity(ENTRIES_BYTES);
        let mut entries = RawDir::new(&directory, space.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            // A process that may not be looked into has a directory that can't be listed.
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) => {
                    self.was_refused |= matches!(errno, Errno::ACCESS | Errno::PERM);
                    return None;
                }
            };
            self.looked += 1;
            if self.looked.is_multiple_of(FILES_AT_ONCE) && Instant::now() >= self.until {
                return Some(SearchEnd::OutOfTime);
            }
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            let Ok(file) = name.parse::<u32>() else {
                continue;
            };
            match socket_of(&directory, name) {
                Ok(Some(inode)) if self.wanted.remove(&inode) => {
                    let name = name_of(procfs, roots, pid);
                    let holder = SocketHolder::Process { pid, name, file };
                    self.found.insert(inode, holder);
                }
                Err(Errno::ACCESS | Errno::PERM) => {
                    self.was_refused = true;
                    return None;
                }
                _ => {}
            }
        }
        self.wanted.is_empty().then_some(SearchEnd::AllFound)
    }
}

/// The number of the socket that an open file is; nothing for any other file.
fn socket_of(directory: impl AsFd, name: &str) -> Result<Option<u64>, Errno> {
    let buffer = Vec::with_capacity(NAME_BYTES);
    let target = rustix::fs::readlinkat(directory, name, buffer)?;
    let number = target.to_str().ok().and_then(|text| {
        let number = text.strip_prefix("socket:[")?.strip_suffix(']')?;
        number.parse().ok()
    });
    Ok(number)
}

/// The name of a process as lists of processes have it; empty for one that has just ended.
fn name_of(procfs: &impl AsFd, roots: &HostRoots, pid: u32) -> String {
    let files = ProcessFiles::of_number(procfs.as_fd(), &roots.procfs, pid);
    let mut buffer = files::ReadBuffer::default();
    let Ok(text) = files.read("stat", &mut buffer.stat) else {
        return String::new();
    };
    let Some(stat) = Stat::parse(text) else {
        return String::new();
    };
    let arguments = files.read_optional("cmdline", &mut buffer.text);
    let arguments = arguments.ok().and_then(Result::ok).unwrap_or_default();
    names::full_name(stat.name, arguments)
}
