//! Small files of the kernel that are read again and again.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::CollectError;

/// Room for most files of procfs; others make the buffer grow once.
const BUFFER_BYTES: usize = 4096;
/// Nothing that is read here comes near; a file that does is not what it should be.
const FILE_BYTES_MAX: usize = 64 << 20;

/// A file that stays open, with a buffer that stays allocated.
#[derive(Debug)]
pub(crate) struct Reread {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    /// How much of the buffer the last reading filled.
    length: usize,
}

impl Reread {
    /// Opens nothing yet.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            file: None,
            buffer: Vec::new(),
            length: 0,
        }
    }

    /// All that the file says now.
    ///
    /// # Errors
    /// When it can't be opened or read.
    pub(crate) fn bytes(&mut self) -> Result<&[u8], CollectError> {
        let was_open = self.file.is_some();
        let length = match self.fill() {
            // What was open may have been of a process or device that is gone.
            Err(_) if was_open => {
                self.file = None;
                self.fill()
            }
            filled => filled,
        };
        self.length = length.as_ref().copied().unwrap_or_default();
        match length {
            Ok(length) => Ok(&self.buffer[..length]),
            Err(source) => {
                self.file = None;
                Err(CollectError::Read {
                    path: self.path.clone(),
                    source,
                })
            }
        }
    }

    /// What the last reading found; empty before the first.
    pub(crate) fn last_bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Whether the kernel has announced a change since the last call, or since the file was opened.
    /// `None` for a file that announces nothing: only some of procfs do.
    pub(crate) fn is_announced(&self) -> Option<bool> {
        let file = self.file.as_ref()?;
        let kind = rustix::fs::fstatfs(file).ok()?.f_type;
        if kind != rustix::fs::PROC_SUPER_MAGIC {
            return None;
        }
        let mut polled = [PollFd::new(file, PollFlags::PRI)];
        rustix::event::poll(&mut polled, Some(&Timespec::default())).ok()?;
        Some(polled[0].revents().contains(PollFlags::PRI))
    }

    /// As [`Self::bytes`], with what is no UTF-8 replaced.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub(crate) fn text(&mut self) -> Result<Cow<'_, str>, CollectError> {
        self.bytes().map(String::from_utf8_lossy)
    }

    /// The error for a file that does not say what it should.
    pub(crate) fn malformed(&self, expected: &'static str) -> CollectError {
        CollectError::Malformed {
            path: self.path.clone(),
            expected,
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(File::open(&self.path)?),
        };
        if self.buffer.is_empty() {
            self.buffer.resize(BUFFER_BYTES, 0);
        }
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                if length >= FILE_BYTES_MAX {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                self.buffer.resize(length * 2, 0);
            }
            match file.read_at(&mut self.buffer[length..], length as u64) {
                Ok(0) => return Ok(length),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The number that a file of sysfs holds. For files of which a host may have thousands: unlike a
/// [`Reread`] it is not kept open, because a process may have only so many files open.
pub(crate) fn read_number<T: FromStr>(path: &Path) -> Option<T> {
    let mut buffer = [0; 24];
    let length = File::open(path).ok()?.read_at(&mut buffer, 0).ok()?;
    let text = std::str::from_utf8(&buffer[..length]).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn a_file_is_read_again_each_time_whatever_its_length() {
        let tree = Tree::new();
        let mut file = Reread::new(tree.path("proc/file"));
        assert!(file.bytes().is_err());
        for length in [3, 0, BUFFER_BYTES, 5 * BUFFER_BYTES + 1, 1] {
            tree.write("proc/file", "x".repeat(length));
            assert_eq!(file.text().unwrap().len(), length);
        }
    }

    #[test]
    fn a_file_of_the_kernel_is_read_again_while_it_stays_open() {
        let mut uptime = Reread::new("/proc/uptime");
        let first = uptime.text().unwrap().into_owned();
        while uptime.text().unwrap() == first {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_file_that_was_replaced_by_nothing_is_an_error_that_names_it() {
        let tree = Tree::new();
        let mut file = Reread::new(tree.path("proc/directory"));
        std::fs::create_dir_all(tree.path("proc/directory")).unwrap();
        let error = file.bytes().unwrap_err();
        assert!(error.to_string().contains("/directory"), "{error}");
    }
}
