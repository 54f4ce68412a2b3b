//! What earlier processes have written: where the chain goes on, and which acts are not to be repeated.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FILES, LINE_BYTES, hash, numbered};
use crate::automatic::Moment;
use linux_api_acts::protocol::{ActRecord, ActRecords, Head, Outcome, RecordedAct};
use linux_api_wire::time::Timestamp;

/// A line, as far as it is read again. What an act was is in the words of the release that wrote it: the chain
/// is whole though this one does not know them.
#[derive(Debug, Deserialize)]
pub(super) struct StoredLine {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) prev: String,
    pub(super) event: String,
    id: Option<String>,
    fingerprint: Option<String>,
    outcome: Option<Value>,
    claimed: Option<Value>,
    verb: Option<Value>,
    problem: Option<String>,
    automatic: Option<Moment>,
}

fn known<T: DeserializeOwned>(value: Option<Value>) -> Option<T> {
    serde_json::from_value(value?).ok()
}

/// The number of a line, without the rest of it: `seq` is its first member.
fn seq_of(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(b"{\"seq\":")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

/// Opens all files, the one that is written first. As files only move to higher numbers, one that moves
/// meanwhile is not missed; nor is it there twice.
pub(super) fn open_all(path: &Path) -> io::Result<Vec<(PathBuf, Lines)>> {
    let (mut files, mut inodes) = (Vec::new(), BTreeSet::new());
    for path in (0..FILES).map(|number| numbered(path, number)) {
        match linux_api_files::open_no_follow(&path) {
            Ok(file) => {
                if inodes.insert(file.metadata()?.ino()) {
                    files.push((path, Lines(BufReader::new(file))));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
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

    /// The number of the next line.
    fn peek(&mut self) -> io::Result<Option<u64>> {
        self.0.fill_buf().map(seq_of)
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
    for (_, mut lines) in open_all(path)? {
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

/// What earlier processes have left.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Oldest first.
    pub(crate) acts: Vec<RememberedAct>,
    /// When there were automatic acts, in the files that were read.
    pub(crate) automatic: Vec<(Timestamp, Moment)>,
    /// When the chain was last read through.
    pub(crate) checked: Option<Timestamp>,
    /// When it was whole.
    pub(crate) verified: Option<Timestamp>,
    /// What was wrong with it when it was last read through.
    pub(crate) problem: Option<String>,
}

/// What the log says of the time since `since`. Blocks.
pub(crate) fn history(path: &Path, since: Timestamp) -> io::Result<History> {
    // Files are read from the newest to the first that is too old, and kept in the order of time.
    let mut files = Vec::new();
    let mut history = History::default();
    for (_, mut lines) in open_all(path)? {
        let mut found = Vec::new();
        let (mut is_old, mut is_empty) = (true, true);
        while let Some(line) = lines.next()? {
            let Ok(stored) = serde_json::from_slice::<StoredLine>(&line.bytes) else {
                continue;
            };
            is_empty = false;
            // Their own age counts, not that by the clock.
            let automatic = stored.automatic.as_ref();
            let moment = automatic.map(|moment| (stored.time, moment.clone()));
            history.automatic.extend(moment);
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
        match (&*line.event, line.id, line.fingerprint) {
            ("act", Some(id), Some(fingerprint)) => {
                places.insert(id.clone(), history.acts.len());
                history.acts.push(RememberedAct {
                    id,
                    fingerprint,
                    time: line.time,
                    outcome: None,
                });
            }
            ("result", Some(id), _) => {
                let place = places.get(&id);
                if let Some(act) = place.and_then(|place| history.acts.get_mut(*place)) {
                    act.outcome = known(line.outcome);
                }
            }
            ("verified", ..) => {
                history.checked = Some(line.time);
                if line.problem.is_none() {
                    history.verified = Some(line.time);
                }
                history.problem = line.problem;
            }
            _ => {}
        }
    }
    Ok(history)
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
    let mut files = open_all(path)?;
    if let Some(after) = after {
        // The newest file that can have the line, and those after it.
        let mut newer = 0;
        for (_, lines) in &mut files {
            newer += 1;
            if lines.peek()?.is_some_and(|seq| seq <= after.seq) {
                break;
            }
        }
        files.truncate(newer);
    }
    for (_, mut lines) in files.into_iter().rev() {
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

fn record(stored: StoredLine, head: &Head) -> Option<ActRecord> {
    let act = match (known(stored.claimed), known(stored.verb)) {
        (Some(claimed), Some(verb)) => Some(RecordedAct { claimed, verb }),
        _ => None,
    };
    let outcome: Option<Outcome> = known(stored.outcome);
    let is_act = match &*stored.event {
        "act" => act.is_some(),
        "result" => outcome.is_some(),
        _ => false,
    };
    let id = stored.id.filter(|_| is_act)?.try_into().ok()?;
    Some(ActRecord {
        line: head.clone(),
        time: stored.time,
        id,
        act,
        outcome,
    })
}
