//! The thread that writes a backup's files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::error::files;
use super::manifest::{Draft, FILE_NAME, file_name, hex, to_bytes};
use super::temporary::{CANNOT_WRITE, Temporary, sync_directory};
use super::{BackupError, BackupInfo, Manifest, TableFile, check};
use crate::dump::{Lines, Table};

/// What the reader of the database sends to the writer.
pub(super) enum Message {
    /// The next table, and where its lines come from.
    Table(Table, mpsc::Receiver<Lines>),
    /// That was all; without this word the backup is given up.
    Finish,
}

pub(super) struct Writer {
    parent: PathBuf,
    temporary: Temporary,
}

impl Writer {
    /// Writes until the end is sent. Blocks.
    pub(super) fn run(
        parent: &Path,
        draft: Draft,
        mut messages: mpsc::Receiver<Message>,
    ) -> Result<BackupInfo, BackupError> {
        let name = draft.name();
        let writer = Self::begin(parent, &name)?;
        let mut tables = Vec::new();
        loop {
            match messages.blocking_recv() {
                Some(Message::Table(table, lines)) => tables.push(writer.table(table, lines)?),
                Some(Message::Finish) => break,
                None => return Err(BackupError::Stopped("not all rows were read".to_owned())),
            }
        }
        writer.finish(&name, draft.with(tables))
    }

    fn begin(parent: &Path, name: &str) -> Result<Self, BackupError> {
        Ok(Self {
            parent: parent.to_owned(),
            temporary: Temporary::begin(parent, name)?,
        })
    }

    fn table(
        &self,
        table: Table,
        mut lines: mpsc::Receiver<Lines>,
    ) -> Result<TableFile, BackupError> {
        let file_name = file_name(&table.name);
        let path = self.temporary.path.join(&file_name);
        let cannot = || files(CANNOT_WRITE, &path);
        let output = Hashing {
            file: create(&path)?,
            hash: Sha256::new(),
            bytes: 0,
        };
        let mut packed = zstd::Encoder::new(output, 0).map_err(cannot())?;
        packed.include_checksum(true).map_err(cannot())?;
        let (mut rows, mut raw_bytes) = (0, 0);
        while let Some(part) = lines.blocking_recv() {
            packed.write_all(&part.bytes).map_err(cannot())?;
            rows += part.rows;
            raw_bytes += part.bytes.len() as u64;
        }
        let output = packed.finish().map_err(cannot())?;
        output.file.sync_all().map_err(cannot())?;
        Ok(TableFile {
            name: table.name,
            columns: table.columns,
            file: file_name,
            sha256: hex(&output.hash.finalize()),
            bytes: output.bytes,
            raw_bytes,
            rows,
        })
    }

    fn finish(mut self, name: &str, manifest: Manifest) -> Result<BackupInfo, BackupError> {
        let folder = self.temporary.path.clone();
        let path = folder.join(FILE_NAME);
        let mut file = create(&path)?;
        file.write_all(&to_bytes(&manifest))
            .and_then(|()| file.sync_all())
            .map_err(files(CANNOT_WRITE, &path))?;
        sync_directory(&folder)?;
        if check(&folder)? != manifest {
            return Err(BackupError::damaged(&path, "it reads other than written"));
        }
        let path = self.rename(name)?;
        self.temporary.keep = true;
        sync_directory(&self.parent)?;
        Ok(BackupInfo { path, manifest })
    }

    /// Gives the directory its final name, with a number added when another backup has it.
    fn rename(&self, name: &str) -> Result<PathBuf, BackupError> {
        let mut number = 1;
        loop {
            let path = match number {
                1 => self.parent.join(name),
                _ => self.parent.join(format!("{name}-{number}")),
            };
            match rename(&self.temporary.path, &path) {
                Ok(()) => return Ok(path),
                Err(error) if is_taken(&error) && number < 1000 => number += 1,
                Err(error) => return Err(files("can't rename the backup to", &path)(error)),
            }
        }
    }
}

/// Never onto another backup. A rename replaces no directory that holds anything, so that the plain
/// one will do where the file system does not know the flag.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(from, to),
        other => Ok(other?),
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists
            | io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::NotADirectory
    )
}

fn create(path: &Path) -> Result<File, BackupError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(files(CANNOT_WRITE, path))
}

/// Counts and hashes what goes into a file.
struct Hashing {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
