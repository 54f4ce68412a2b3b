//! Reading a backup, and finding out whether it is what was written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::error::files;
use super::manifest::{FILE_NAME, MAX_BYTES, from_bytes, hex};
use super::{BackupError, Manifest, TableFile};
use crate::dump::Lines;

const CANNOT_READ: &str = "can't read";

/// Reads all of the backup in the directory `path` and compares it with its manifest. Takes as long as
/// reading takes, so call it where blocking is allowed.
///
/// # Errors
/// When a file can't be read or is not what was written, down to a single bit.
pub fn check(path: &Path) -> Result<Manifest, BackupError> {
    let manifest = read_manifest(path)?;
    for table in &manifest.tables {
        check_table(path, table)?;
    }
    Ok(manifest)
}

pub(super) fn read_manifest(folder: &Path) -> Result<Manifest, BackupError> {
    let path = folder.join(FILE_NAME);
    let mut bytes = Vec::new();
    open(&path)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(files(CANNOT_READ, &path))?;
    from_bytes(&path, &bytes)
}

fn check_table(folder: &Path, table: &TableFile) -> Result<(), BackupError> {
    let path = folder.join(&table.file);
    let damaged = |what: &str| BackupError::damaged(&path, what);
    let mut file = open(&path)?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(files(CANNOT_READ, &path)(error)),
        };
        hash.update(&buffer[..count]);
        bytes += count as u64;
    }
    if bytes != table.bytes {
        return Err(damaged(&format!(
            "it has {bytes} bytes instead of {}",
            table.bytes
        )));
    }
    if hex(&hash.finalize()) != table.sha256 {
        return Err(damaged("its SHA-256 is wrong"));
    }

    let undo = zstd::Decoder::new(open(&path)?).map_err(files(CANNOT_READ, &path))?;
    // One byte more than there should be shows that there is more.
    let mut lines = BufReader::new(undo).take(table.raw_bytes.saturating_add(1));
    let (mut rows, mut raw_bytes) = (0, 0);
    loop {
        let part = lines
            .fill_buf()
            .map_err(|error| damaged(&format!("it can't be decompressed: {error}")))?;
        if part.is_empty() {
            break;
        }
        let count = part.len();
        rows += part
            .iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>();
        raw_bytes += count as u64;
        lines.consume(count);
    }
    if (rows, raw_bytes) != (table.rows, table.raw_bytes) {
        return Err(damaged(&format!(
            "it holds {rows} rows in {raw_bytes} bytes instead of {} in {}",
            table.rows, table.raw_bytes
        )));
    }
    Ok(())
}

/// Sends the lines of one table, some whole ones at a time. Blocks.
pub(super) fn send_lines(
    folder: &Path,
    table: &TableFile,
    to: &mpsc::Sender<Lines>,
) -> Result<(), BackupError> {
    const BYTES: usize = 256 * 1024;
    let path = folder.join(&table.file);
    let damaged = |what: &str| BackupError::damaged(&path, what);
    let undo = zstd::Decoder::new(open(&path)?).map_err(files(CANNOT_READ, &path))?;
    let mut input = BufReader::new(undo);
    let mut lines = Lines::default();
    loop {
        let length = lines.bytes.len();
        let room = table.raw_bytes.saturating_add(1);
        let count = input
            .by_ref()
            .take(room)
            .read_until(b'\n', &mut lines.bytes)
            .map_err(|error| damaged(&format!("it can't be decompressed: {error}")))?;
        if count > 0 {
            if !lines.bytes.ends_with(b"\n") {
                return Err(damaged("its last line has no end"));
            }
            lines.rows += 1;
        }
        let is_over = lines.bytes.len() == length;
        if is_over || lines.bytes.len() >= BYTES {
            // Their receiver has given up and reports why.
            if lines.rows > 0 && to.blocking_send(std::mem::take(&mut lines)).is_err() {
                return Ok(());
            }
        }
        if is_over {
            return Ok(());
        }
    }
}

/// Opens a plain file; a link could lead anywhere, and a pipe would block forever.
fn open(path: &Path) -> Result<File, BackupError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(files(CANNOT_READ, path))?;
    let metadata = file.metadata().map_err(files(CANNOT_READ, path))?;
    if metadata.is_file() {
        Ok(file)
    } else {
        Err(BackupError::damaged(path, "it is not a file"))
    }
}
