//! The executor's own log: one JSON object a line, each with the hash of the line before it.
//!
//! A line is on disk before what it announces happens. Files rotate and the chain goes on over them, so
//! that a change, a removal or an insertion anywhere shows ([`verify()`]). What a crash left of a line stays
//! and is followed by one that says so.

mod stored;
mod verify;

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use linux_api_acts::protocol::{Actor, Head, Outcome, Verb};
use linux_api_wire::time::{Clock, Timestamp};

use crate::automatic::Moment;
pub(crate) use stored::{RememberedAct, history, records_after};
pub use verify::{Finding, Verified, verify};

/// The most bytes of a line.
pub const LINE_BYTES: usize = 4 << 10;
/// A file is rotated before it gets larger.
pub const FILE_BYTES: u64 = 16 << 20;
/// So many files are there at most, the one that is written among them.
pub const FILES: usize = 8;
/// What the first line has in place of the hash of the line before it.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a line says.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    /// An act begins.
    Act {
        id: &'a str,
        claimed: &'a Actor,
        peer_uid: u32,
        peer_pid: Option<i32>,
        verb: &'a Verb,
        rule: &'a str,
        fingerprint: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        automatic: Option<&'a Moment>,
    },
    /// What became of it.
    Result {
        id: &'a str,
        claimed: &'a Actor,
        verb: &'a Verb,
        outcome: &'a Outcome,
    },
    /// Requests were refused since the last such line.
    Refused { count: u64, last: &'a str },
    /// A crash cut off the line before this one.
    Resumed,
    /// The chain was read through.
    Verified {
        lines: u64,
        problem: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: Timestamp,
    prev: &'a str,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

/// The log, open to be written.
#[derive(Debug)]
pub(crate) struct ActLog {
    path: PathBuf,
    file: File,
    size: u64,
    head: Head,
    clock: Clock,
    file_bytes: u64,
    /// Held for as long as this process writes.
    _lock: File,
}

impl ActLog {
    /// Opens the log and continues its chain. Blocks.
    pub(crate) fn open(path: &Path, clock: Clock) -> io::Result<Self> {
        Self::open_sized(path, clock, FILE_BYTES)
    }

    fn open_sized(path: &Path, clock: Clock, file_bytes: u64) -> io::Result<Self> {
        let lock = create(&lock_path(path))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "another executor writes it"))?;
        let file = create(path)?;
        sync_folder(path)?;
        let tail = stored::tail(path)?;
        let mut log = Self {
            path: path.to_owned(),
            size: file.metadata()?.len(),
            file,
            head: Head {
                seq: tail.seq,
                hash: tail.hash.unwrap_or_else(|| NOTHING.to_owned()),
            },
            clock,
            file_bytes,
            _lock: lock,
        };
        if tail.lacks_end {
            log.write(b"\n")?;
        }
        if tail.is_torn {
            log.append(&Event::Resumed)?;
        }
        Ok(log)
    }

    /// The last line.
    pub(crate) fn head(&self) -> Head {
        self.head.clone()
    }

    /// Writes one line and waits until it is on disk. After an error the log must be opened again: what
    /// is on disk is unknown. Blocks.
    pub(crate) fn append(&mut self, event: &Event<'_>) -> io::Result<Head> {
        let line = Line {
            seq: self.head.seq + 1,
            time: self.clock.now(),
            prev: &self.head.hash,
            event,
        };
        let mut text = serde_json::to_vec(&line)?;
        let hash = hash(&text);
        text.push(b'\n');
        if text.len() > LINE_BYTES {
            let problem = format!("a line of {} bytes does not fit into it", text.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        if self.size > 0 && self.size + text.len() as u64 > self.file_bytes {
            self.rotate()?;
        }
        self.write(&text)?;
        self.head = Head {
            seq: self.head.seq + 1,
            hash,
        };
        Ok(self.head())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Moves each file to the next name up to the first one that is free; the oldest of all is replaced.
    fn rotate(&mut self) -> io::Result<()> {
        let last = FILES - 1;
        let free = (1..last).find(|number| !numbered(&self.path, *number).exists());
        for number in (0..free.unwrap_or(last)).rev() {
            std::fs::rename(
                numbered(&self.path, number),
                numbered(&self.path, number + 1),
            )?;
        }
        self.file = create(&self.path)?;
        self.size = self.file.metadata()?.len();
        sync_folder(&self.path)
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let hexadecimal = |byte: &u8| format!("{byte:02x}");
    Sha256::digest(bytes).iter().map(hexadecimal).collect()
}

/// The name of a rotated file; 0 is the one that is written.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 0 {
        name.push(format!(".{number}"));
    }
    name.into()
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a regular file",
    ))
}

/// A new name is durable once its directory is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
