//! Opens and reads the files of processes.

use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, RawDir};
use rustix::io::Errno;
use rustix::path::DecInt;

use super::record::Counters;
use crate::CollectError;
use linux_api_wire::process::Unavailable;

/// Holds `stat`: 52 numbers and a name of 64 bytes at most.
const STAT_BYTES: usize = 2048;

/// Holds every other file that a scan reads, of which the command line is the longest; nothing is
/// wrong with one that is cut.
const TEXT_BYTES: usize = 16 << 10;

/// Holds some hundred entries of a directory.
const ENTRIES_BYTES: usize = 32 << 10;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Where files are read into, used again for each of them.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    pub(super) stat: Box<[u8]>,
    pub(super) text: Box<[u8]>,
}

impl Default for ReadBuffer {
    fn default() -> Self {
        Self {
            stat: vec![0; STAT_BYTES].into(),
            text: vec![0; TEXT_BYTES].into(),
        }
    }
}

/// Why a process is not read to its end.
#[derive(Debug)]
pub(super) enum ReadFailure {
    /// It has ended, or is hidden from us.
    Vanished,
    /// Its files hold what no process has, or can't be read: the others may be fine.
    Odd(CollectError),
    /// The fault is not that of one process.
    Failed(CollectError),
}

/// Whether the process is gone (before it was opened, or before it was read) or, where the process
/// file system is mounted with `hidepid`, not for us to see.
pub(super) fn is_out_of_sight(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::SRCH) || is_refused(errno)
}

fn is_refused(errno: Errno) -> bool {
    matches!(errno, Errno::ACCESS | Errno::PERM)
}

/// Whether a failure has its cause in this program or the machine, so that it is that of no single
/// process.
fn is_everywhere(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}

pub(super) fn open_directory(path: &Path) -> Result<OwnedFd, CollectError> {
    rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty()).map_err(|errno| CollectError::Read {
        path: path.to_owned(),
        source: errno.into(),
    })
}

/// Calls `read` with every number among the entries of the process file system.
pub(super) fn for_each_pid(
    procfs: impl AsFd,
    path: &Path,
    mut read: impl FnMut(u32) -> Result<(), CollectError>,
) -> Result<(), CollectError> {
    let mut space = Vec::with_capacity(ENTRIES_BYTES);
    let mut entries = RawDir::new(procfs, space.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|errno| CollectError::Read {
            path: path.to_owned(),
            source: errno.into(),
        })?;
        if let Some(pid) = parse_pid(entry.file_name().to_bytes()) {
            read(pid)?;
        }
    }
    Ok(())
}

/// Reads the name of a directory of a process.
fn parse_pid(name: &[u8]) -> Option<u32> {
    name.first().filter(|byte| byte.is_ascii_digit())?;
    std::str::from_utf8(name).ok()?.parse().ok()
}

/// Counts the entries of a directory but `.` and `..`.
pub(super) fn count_entries(directory: impl AsFd) -> Result<u64, Errno> {
    let mut space = Vec::with_capacity(ENTRIES_BYTES);
    let mut entries = RawDir::new(directory, space.spare_capacity_mut());
    let mut count = 0;
    while let Some(entry) = entries.next() {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            count += 1;
        }
    }
    Ok(count)
}

pub(super) fn open_process(
    procfs: impl AsFd,
    path: &Path,
    pid: u32,
) -> Result<OwnedFd, ReadFailure> {
    let opened = rustix::fs::openat(
        procfs,
        DecInt::new(pid),
        OFlags::PATH | DIRECTORY,
        Mode::empty(),
    );
    opened.map_err(|errno| {
        if is_out_of_sight(errno) {
            ReadFailure::Vanished
        } else {
            failed(path.join(pid.to_string()), errno)
        }
    })
}

fn failed(path: PathBuf, errno: Errno) -> ReadFailure {
    let error = CollectError::Read {
        path,
        source: errno.into(),
    };
    if is_everywhere(errno) {
        ReadFailure::Failed(error)
    } else {
        ReadFailure::Odd(error)
    }
}

/// The longest name of a file that is read, with the number of its process before it.
const PATH_BYTES: usize = 32;

/// The files of one process.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessFiles<'a> {
    base: Base<'a>,
    /// The process file system, for errors.
    procfs: &'a Path,
    pub(super) pid: u32,
}

/// What files are opened relative to.
#[derive(Debug, Clone, Copy)]
enum Base<'a> {
    /// The directory of the process. It stays that of the same process.
    Process(BorrowedFd<'a>),
    /// The process file system: cheaper, but of whatever process has the number at the moment.
    Procfs(BorrowedFd<'a>),
}

impl<'a> ProcessFiles<'a> {
    pub(super) fn new(directory: &'a OwnedFd, procfs: &'a Path, pid: u32) -> Self {
        Self {
            base: Base::Process(directory.as_fd()),
            procfs,
            pid,
        }
    }

    /// The files of whatever process has this number when each of them is opened.
    pub(super) fn of_number(procfs: BorrowedFd<'a>, path: &'a Path, pid: u32) -> Self {
        Self {
            base: Base::Procfs(procfs),
            procfs: path,
            pid,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.procfs.join(self.pid.to_string()).join(name)
    }

    pub(super) fn malformed(&self, name: &str, expected: &'static str) -> ReadFailure {
        ReadFailure::Odd(CollectError::Malformed {
            path: self.path(name),
            expected,
        })
    }

    fn open(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        match self.base {
            Base::Process(directory) => rustix::fs::openat(directory, name, flags, Mode::empty()),
            Base::Procfs(procfs) => {
                let pid = DecInt::new(self.pid);
                let parts = [pid.as_bytes(), b"/", name.as_bytes()];
                let mut path = [0; PATH_BYTES];
                let mut length = 0;
                for part in parts {
                    let end = length + part.len();
                    let place = path.get_mut(length..end).ok_or(Errno::NAMETOOLONG)?;
                    place.copy_from_slice(part);
                    length = end;
                }
                rustix::fs::openat(procfs, &path[..length], flags, Mode::empty())
            }
        }
    }

    /// Reads the start of a file. The kernel gives all of a small one in one go.
    fn try_read<'b>(&self, name: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        let file = self.open(name, OFlags::RDONLY)?;
        let length = rustix::io::read(&file, &mut *buffer)?;
        Ok(&buffer[..length])
    }

    /// Reads a file that every process has and every account may read.
    pub(super) fn read<'b>(
        &self,
        name: &str,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], ReadFailure> {
        match self.try_read(name, buffer) {
            Ok([]) => Err(ReadFailure::Vanished),
            Ok(text) => Ok(text),
            Err(errno) if is_out_of_sight(errno) => Err(ReadFailure::Vanished),
            Err(errno) => Err(failed(self.path(name), errno)),
        }
    }

    /// Reads a file that may be missing or not for us to read.
    pub(super) fn read_optional<'b>(
        &self,
        name: &str,
        buffer: &'b mut [u8],
    ) -> Result<Result<&'b [u8], Unavailable>, ReadFailure> {
        let read = self.try_read(name, buffer);
        self.optional(name, read)
    }

    /// Opens a directory of the process that may not be for us to read, for [`count_entries`].
    pub(super) fn count_optional(
        &self,
        name: &str,
    ) -> Result<Result<u64, Unavailable>, ReadFailure> {
        let counted = self.open(name, DIRECTORY).and_then(count_entries);
        self.optional(name, counted)
    }

    /// Distinguishes a process that has ended from a file that does not exist or may not be read.
    fn optional<T>(
        &self,
        name: &str,
        read: Result<T, Errno>,
    ) -> Result<Result<T, Unavailable>, ReadFailure> {
        match read {
            Ok(value) => Ok(Ok(value)),
            Err(errno) if is_refused(errno) => Ok(Err(Unavailable::PermissionDenied)),
            // Said of a missing file as well as of every file of a process that has ended.
            Err(Errno::NOENT) if self.open("stat", OFlags::PATH).is_ok() => {
                Ok(Err(Unavailable::NotSupported))
            }
            Err(errno) if is_out_of_sight(errno) => Err(ReadFailure::Vanished),
            Err(errno) if is_everywhere(errno) => Err(failed(self.path(name), errno)),
            // An odd file costs what it holds, not the process.
            Err(_) => Ok(Err(Unavailable::NotSupported)),
        }
    }

    /// Reads a whole file in pieces, up to `limit` bytes.
    pub(super) fn read_long(
        &self,
        name: &str,
        limit: usize,
    ) -> Result<Result<Vec<u8>, Unavailable>, ReadFailure> {
        let read = self.open(name, OFlags::RDONLY).and_then(|file| {
            let mut whole = Vec::new();
            let limit = limit as u64;
            std::fs::File::from(file)
                .take(limit)
                .read_to_end(&mut whole)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            Ok(whole)
        });
        self.optional(name, read)
    }

    pub(super) fn read_io(
        &self,
        buffer: &mut [u8],
    ) -> Result<Result<Counters, Unavailable>, ReadFailure> {
        let text = self.read_optional("io", buffer)?;
        Ok(text.and_then(|text| parse_io(text).ok_or(Unavailable::NotSupported)))
    }
}

/// Reads `/proc/PID/io`: lines of `name: number`.
fn parse_io(text: &[u8]) -> Option<Counters> {
    let value = |name: &[u8]| {
        text.split(|byte| *byte == b'\n').find_map(|line| {
            let number = line.strip_prefix(name)?;
            std::str::from_utf8(number).ok()?.parse().ok()
        })
    };
    Some(Counters {
        read: value(b"read_bytes: ")?,
        written: value(b"write_bytes: ")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_one_process_are_passed_over() {
        for gone in [Errno::SRCH, Errno::NOENT, Errno::ACCESS, Errno::PERM] {
            assert!(is_out_of_sight(gone));
        }
        assert!(!is_out_of_sight(Errno::MFILE));
    }

    #[test]
    fn only_plain_numbers_are_processes() {
        assert_eq!(parse_pid(b"4194304"), Some(4_194_304));
        for name in [b"self".as_slice(), b"+7", b"-1", b"", b"7x", b"99999999999"] {
            assert_eq!(parse_pid(name), None);
        }
    }

    #[test]
    fn cancelled_writes_are_not_taken_for_writes() {
        let text = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n\
                    cancelled_write_bytes: 7\n";
        let counters = parse_io(text.as_bytes());
        assert_eq!(
            counters,
            Some(Counters {
                read: 5,
                written: 6
            })
        );
        assert_eq!(parse_io(b"read_bytes: 5\n"), None);
        assert_eq!(parse_io(b"read_bytes: x\nwrite_bytes: 6\n"), None);
    }
}
