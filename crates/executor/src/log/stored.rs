//! What earlier processes have written: where the chain goes on, and which acts are not to be repeated.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde::Deserialize;

use super::{FILES, LINE_BYTES, hash, numbered};
use linux_api_acts::protocol::{ActRecord, ActRecords, Actor, Head, Outcome, RecordedEvent, Verb};
use linux_api_wire::time::Timestamp;

/// A line, as far as it is read again.
#[derive(Debug, Deserialize)]
pub(super) struct StoredLine {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) prev: String,
    pub(super) event: String,
    id: Option<String>,
    fingerprint: Option<String>,
    outcome: Option<Outcome>,
    claimed: Option<Actor>,
    verb: Option<Verb>,
}

/// The number of a line, without the rest of it: `seq` is its first member.
fn seq_of(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(b"{\"seq\":")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

/// Lines of one file, one after the other, without their ends.
pub(super) struct Lines(BufReader<File>);

/// One line of a file.
pub(super) struct RawLine {
    pub(super) bytes: Vec<u8>,
    /// Whether its end is there.
    pub(super) is_whole: bool,
}

impl Lines {
    /// None where there is no such file.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        match linux_api_files::open_no_follow(path) {
            Ok(file) => Ok(Some(Self(BufReader::new(file)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next line. One that is longer than a line may be comes in parts, none of which is one.
    pub(super) fn next(&mut self) -> io::Result<Option<RawLine>> {
        let mut bytes = Vec::new();
        let most = LINE_BYTES as u64 + 1;
        (&mut self.0).take(most).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let is_whole = bytes.last() == Some(&b'\n');
        if is_whole {
            bytes.pop();
        }
        Ok(Some(RawLine { bytes, is_whole }))
    }
}

/// Where the chain goes on.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) seq: u64,
    /// Of the last line, one that a crash cut off too.
    pub(super) hash: Option<String>,
    /// Whether a crash cut off the last line, and no line says so yet.
    pub(super) is_torn: bool,
    /// Whether the end of the last line is missing.
    pub(super) lacks_end: bool,
}

/// Finds the end of the chain: in the file that is written, or in the newest that has a line.
pub(super) fn tail(path: &Path) -> io::Result<Tail> {
    let mut tail = Tail::default();
    for number in 0..FILES {
        let Some(mut lines) = Lines::open(&numbered(path, number))? else {
            continue;
        };
        let mut last = None;
        while let Some(line) = lines.next()? {
            let stored = serde_json::from_slice::<StoredLine>(&line.bytes).ok();
            if let Some(stored) = &stored {
                tail.seq = stored.seq;
            }
            last = Some((line, stored.is_some()));
        }
        if tail.hash.is_none()
            && let Some((line, is_stored)) = last
        {
            tail.hash = Some(hash(&line.bytes));
            tail.is_torn = !line.is_whole || !is_stored;
            tail.lacks_end = !line.is_whole;
        }
        if tail.seq > 0 {
            break;
        }
    }
    Ok(tail)
}

/// An act of an earlier process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RememberedAct {
    pub(crate) id: String,
    pub(crate) fingerprint: String,
    pub(crate) time: Timestamp,
    /// None when the process ended before the result was written.
    pub(crate) outcome: Option<Outcome>,
}

/// The acts since a time, oldest first, and when the chain was last found whole. Blocks.
pub(crate) fn acts_since(
    path: &Path,
    since: Timestamp,
) -> io::Result<(Vec<RememberedAct>, Option<Timestamp>)> {
    let mut acts: Vec<RememberedAct> = Vec::new();
    let mut verified = None;
    // Files are read from the newest to the first that is too old, and kept in the order of time.
    let mut files = Vec::new();
    for number in 0..FILES {
        let Some(mut lines) = Lines::open(&numbered(path, number))? else {
            continue;
        };
        let mut found = Vec::new();
        let (mut is_old, mut is_empty) = (true, true);
        while let Some(line) = lines.next()? {
            let Ok(stored) = serde_json::from_slice::<StoredLine>(&line.bytes) else {
                continue;
            };
            is_empty = false;
            if stored.time >= since {
                is_old = false;
                found.push(stored);
            }
        }
        files.push(found);
        if is_old && !is_empty {
            break;
        }
    }
    let mut places = HashMap::new();
    for line in files.into_iter().rev().flatten() {
        match (&*line.event, line.id, line.fingerprint, line.outcome) {
            ("act", Some(id), Some(fingerprint), _) => {
                places.insert(id.clone(), acts.len());
                acts.push(RememberedAct {
                    id,
                    fingerprint,
                    time: line.time,
                    outcome: None,
                });
            }
            ("result", Some(id), _, Some(outcome)) => {
                if let Some(act) = places.get(&id).and_then(|place| acts.get_mut(*place)) {
                    act.outcome = Some(outcome);
                }
            }
            ("verified", ..) => verified = Some(line.time),
            _ => {}
        }
    }
    Ok((acts, verified))
}

/// The most bytes of lines in one reply, each of which has its hash besides.
const RECORDS_BYTES: usize = 40 << 10;

/// Lines about acts after one that is known, oldest first. All there are when the log has no such line:
/// then it is another log. Blocks.
pub(crate) fn records_after(path: &Path, after: Option<&Head>) -> io::Result<ActRecords> {
    if let Some(after) = after
        && let Some(found) = read_after(path, Some(after))?
    {
        return Ok(found);
    }
    Ok(read_after(path, None)?.unwrap_or_default())
}

/// None when the known line is not there.
fn read_after(path: &Path, after: Option<&Head>) -> io::Result<Option<ActRecords>> {
    let mut found = ActRecords::default();
    let (mut is_past, mut bytes) = (after.is_none(), 0);
    for number in (0..=first_file(path, after)?).rev() {
        let Some(mut lines) = Lines::open(&numbered(path, number))? else {
            continue;
        };
        while let Some(line) = lines.next()? {
            let bytes_of_line = &line.bytes;
            if let Some(after) = after.filter(|_| !is_past) {
                is_past =
                    seq_of(bytes_of_line) == Some(after.seq) && hash(bytes_of_line) == after.hash;
                if is_past {
                    found.last = Some(after.clone());
                }
                continue;
            }
            let Ok(stored) = serde_json::from_slice::<StoredLine>(bytes_of_line) else {
                continue;
            };
            let head = Head {
                seq: stored.seq,
                hash: hash(bytes_of_line),
            };
            if let Some(record) = record(stored, &head) {
                bytes += bytes_of_line.len() + head.hash.len();
                if bytes > RECORDS_BYTES {
                    found.more = true;
                    return Ok(Some(found));
                }
                found.records.push(record);
            }
            found.last = Some(head);
        }
    }
    Ok(is_past.then_some(found))
}

/// The newest file that can have the line.
fn first_file(path: &Path, after: Option<&Head>) -> io::Result<usize> {
    let Some(after) = after else {
        return Ok(FILES - 1);
    };
    for number in 0..FILES {
        if let Some(mut lines) = Lines::open(&numbered(path, number))?
            && let Some(line) = lines.next()?
            && seq_of(&line.bytes).is_some_and(|seq| seq <= after.seq)
        {
            return Ok(number);
        }
    }
    Ok(FILES - 1)
}

fn record(stored: StoredLine, head: &Head) -> Option<ActRecord> {
    let event = match (&*stored.event, stored.claimed, stored.verb, stored.outcome) {
        ("act", Some(claimed), Some(verb), _) => RecordedEvent::Begun { claimed, verb },
        ("result", _, _, Some(outcome)) => RecordedEvent::Ended(outcome),
        _ => return None,
    };
    Some(ActRecord {
        line: head.clone(),
        time: stored.time,
        id: stored.id?.try_into().ok()?,
        event,
    })
}
