//! Reads the chain through.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::stored::{StoredLine, open_all};
use super::{NOTHING, hash};
use linux_api_acts::protocol::Head;

/// A log whose chain is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many lines it has.
    pub lines: u64,
    /// The number of its first line: larger than 1 once the oldest file was dropped.
    pub first: u64,
    /// Its last line; none while it is empty.
    pub head: Option<Head>,
    /// Lines that a crash cut off, each followed by a line that says so: `FILE:LINE`.
    pub torn: Vec<String>,
}

/// Where the chain is broken.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// A file can't be read.
    #[error("can't read {}: {error}", .path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// A line is not as it was written.
    #[error("{}:{line}: {what}", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A line that is known from elsewhere is another one here, or is not here.
    #[error("line {0} has another hash than the one that was given, or is not in the log")]
    Other(u64),
}

/// Reads the log from its oldest file on and compares all hashes and numbers. `known` is a line that was
/// noted elsewhere: without one, the removal of the newest lines can't be seen. Blocks.
///
/// # Errors
/// The first line that is not as it was written.
pub fn verify(path: &Path, known: Option<&Head>) -> Result<Verified, Finding> {
    let mut chain = Chain::default();
    let mut is_known = known.is_none();
    let unreadable = |error| Finding::Unreadable {
        path: path.to_owned(),
        error,
    };
    let files = open_all(path).map_err(unreadable)?;
    for (path, mut lines) in files.into_iter().rev() {
        let mut line = 0;
        while let Some(raw) = lines.next().map_err(unreadable)? {
            line += 1;
            let place = format!("{}:{line}", path.display());
            chain
                .add(&raw.bytes, raw.is_whole, place)
                .map_err(|what| Finding::Broken {
                    path: path.clone(),
                    line,
                    what,
                })?;
            is_known |= known.is_some() && known == chain.head.as_ref();
        }
    }
    if let Some(place) = chain.unexplained {
        // The process that writes now may be in the middle of it, or has crashed and was not started since.
        chain.torn.push(place);
    }
    match known {
        Some(known) if !is_known => Err(Finding::Other(known.seq)),
        _ => Ok(Verified {
            lines: chain.lines,
            first: chain.first,
            head: chain.head,
            torn: chain.torn,
        }),
    }
}

#[derive(Default)]
struct Chain {
    lines: u64,
    first: u64,
    head: Option<Head>,
    /// The hash of the line before, a torn one too.
    previous: Option<String>,
    /// A torn line that no line has explained yet.
    unexplained: Option<String>,
    torn: Vec<String>,
}

impl Chain {
    fn add(&mut self, bytes: &[u8], is_whole: bool, place: String) -> Result<(), String> {
        let Ok(stored) = serde_json::from_slice::<StoredLine>(bytes) else {
            // Of several in a row each had its own crash; the last one is in the chain.
            self.torn.extend(self.unexplained.replace(place));
            self.previous = Some(hash(bytes));
            return Ok(());
        };
        if let Some(torn) = self.unexplained.take() {
            if stored.event != "resumed" {
                return Err(format!(
                    "the line before it ({torn}) is no line of this log"
                ));
            }
            self.torn.push(torn);
        }
        match &self.previous {
            Some(previous) if *previous != stored.prev => {
                return Err("the line before it was changed, removed or inserted".to_owned());
            }
            None if stored.seq == 1 && stored.prev != NOTHING => {
                return Err("it is the first line and names one before it".to_owned());
            }
            _ => {}
        }
        match &self.head {
            Some(head) if head.seq + 1 != stored.seq => {
                return Err(format!("line {} follows line {}", stored.seq, head.seq));
            }
            None => self.first = stored.seq,
            Some(_) => {}
        }
        let hash = hash(bytes);
        self.lines += 1;
        self.previous = Some(hash.clone());
        self.head = Some(Head {
            seq: stored.seq,
            hash,
        });
        if !is_whole {
            self.unexplained = Some(place);
        }
        Ok(())
    }
}
