//! What a backup says of itself.

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BackupError, BackupScope, Column};
use linux_api_wire::time::Timestamp;

/// The format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;
pub(super) const FILE_NAME: &str = "manifest.json";
/// A manifest is a few kilobytes; more is not read.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format.
    pub format_version: u32,
    /// When its snapshot was taken.
    pub time: Timestamp,
    /// Version of the program that wrote it.
    pub program_version: String,
    /// `sqlite` or `postgresql`.
    pub engine: String,
    /// Version of the engine.
    pub engine_version: String,
    /// Version of TimescaleDB where the database had it. Its rows are plain rows here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timescaledb: Option<String>,
    /// Revision of the schema.
    pub schema_revision: i64,
    /// Which tables it holds.
    pub scope: BackupScope,
    /// Why it was made.
    pub reason: Reason,
    /// Its files; a table that others refer to comes before them.
    pub tables: Vec<TableFile>,
}

impl Manifest {
    /// Rows of all its tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Bytes of all its tables' files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}

/// Why a backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Made on demand.
    Command,
    /// Migrations were about to run.
    Migration,
    /// Migrations were about to be taken back.
    Rollback,
    /// Its database was about to be replaced by another backup.
    Restore,
    /// Data of another program was about to be imported.
    Import,
    /// The daemon started.
    Start,
    /// It was time.
    Schedule,
}

impl Reason {
    /// The word in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Migration => "migration",
            Self::Rollback => "rollback",
            Self::Restore => "restore",
            Self::Import => "import",
            Self::Start => "start",
            Self::Schedule => "schedule",
        }
    }

    /// Whether the daemon made it by itself.
    #[must_use]
    pub const fn is_automatic(self) -> bool {
        matches!(self, Self::Migration | Self::Start | Self::Schedule)
    }
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    /// Name of the table.
    pub name: String,
    /// Name of the file.
    pub file: String,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of its lines before compression.
    pub raw_bytes: u64,
    /// Rows, one per line.
    pub rows: u64,
    /// What each row holds.
    pub columns: Vec<Column>,
}

/// What is known before the first row is read.
pub(super) struct Draft {
    pub(super) time: Timestamp,
    pub(super) program_version: String,
    pub(super) engine: String,
    pub(super) engine_version: String,
    pub(super) timescaledb: Option<String>,
    pub(super) schema_revision: i64,
    pub(super) scope: BackupScope,
    pub(super) reason: Reason,
}

impl Draft {
    pub(super) fn with(self, tables: Vec<TableFile>) -> Manifest {
        Manifest {
            format_version: FORMAT_VERSION,
            time: self.time,
            program_version: self.program_version,
            engine: self.engine,
            engine_version: self.engine_version,
            timescaledb: self.timescaledb,
            schema_revision: self.schema_revision,
            scope: self.scope,
            reason: self.reason,
            tables,
        }
    }

    /// The backup's name: sorts by time, and has no colon, which some file systems refuse.
    pub(super) fn name(&self) -> String {
        let time = DateTime::<Utc>::from(self.time);
        let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
        format!("{}-r{}", time.replace(':', "-"), self.schema_revision)
    }
}

/// Whether a directory's name is one that [`Draft::name`] made, with a number added or not.
pub(super) fn is_backup_name(name: &str) -> bool {
    const PATTERN: &[u8] = b"0000-00-00T00-00-00.000Z-r";
    let Some((time, rest)) = name.as_bytes().split_at_checked(PATTERN.len()) else {
        return false;
    };
    let fits = time.iter().zip(PATTERN).all(|(byte, wanted)| match wanted {
        b'0' => byte.is_ascii_digit(),
        _ => byte == wanted,
    });
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    fits && rest.splitn(2, |byte| *byte == b'-').all(is_number)
}

pub(super) fn file_name(table: &str) -> String {
    format!("{table}.jsonl.zst")
}

/// The manifest ends with its own checksum: that of all bytes before it.
const CHECKSUM_START: &str = ",\n  \"checksum\": \"";
const CHECKSUM_END: &str = "\"\n}\n";

pub(super) fn to_bytes(manifest: &Manifest) -> Vec<u8> {
    let text = serde_json::to_string_pretty(manifest)
        .expect("a manifest is made of texts and numbers only");
    let body = text.strip_suffix("\n}").unwrap_or(&text);
    let checksum = hex(&Sha256::digest(body));
    format!("{body}{CHECKSUM_START}{checksum}{CHECKSUM_END}").into_bytes()
}

pub(super) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Manifest, BackupError> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let damaged = |what: &str| BackupError::damaged(path, what);
    let tail = CHECKSUM_START.len() + 64 + CHECKSUM_END.len();
    let (body, said) = bytes
        .len()
        .checked_sub(tail)
        .and_then(|at| bytes.split_at_checked(at))
        .ok_or_else(|| damaged("it is too short"))?;
    let checksum = hex(&Sha256::digest(body));
    if said != format!("{CHECKSUM_START}{checksum}{CHECKSUM_END}").as_bytes() {
        return Err(damaged("its checksum is wrong"));
    }
    let not_ours = |error: serde_json::Error| damaged(&error.to_string());
    let version: Version = serde_json::from_slice(bytes).map_err(not_ours)?;
    if version.format_version > FORMAT_VERSION {
        return Err(BackupError::Format {
            path: path.to_owned(),
            found: version.format_version,
            known: FORMAT_VERSION,
        });
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(not_ours)?;
    for table in &manifest.tables {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        // A name with a slash would lead out of the directory.
        if !table.name.bytes().all(plain) || table.file != file_name(&table.name) {
            return Err(damaged("it names a file that no backup has"));
        }
    }
    Ok(manifest)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn manifest() -> Manifest {
        let draft = Draft {
            time: Timestamp::from_millis(1_795_417_320_000),
            program_version: "1.2.3".to_owned(),
            engine: "sqlite".to_owned(),
            engine_version: "3.51.3".to_owned(),
            timescaledb: None,
            schema_revision: 7,
            scope: BackupScope::Security,
            reason: Reason::Migration,
        };
        assert_eq!(draft.name(), "2026-11-23T07-02-00.000Z-r7");
        draft.with(vec![TableFile {
            name: "users".to_owned(),
            file: "users.jsonl.zst".to_owned(),
            sha256: hex(&[0xab; 32]),
            bytes: 1,
            raw_bytes: 2,
            rows: 3,
            columns: vec![Column {
                name: "active".to_owned(),
                kind: Kind::Bool,
            }],
        }])
    }

    #[test]
    fn it_reads_back_and_every_flipped_bit_is_found() {
        let path = Path::new(FILE_NAME);
        let mut bytes = to_bytes(&manifest());
        assert_eq!(from_bytes(path, &bytes).unwrap(), manifest());
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            from_bytes(path, &bytes).unwrap_err();
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..bytes.len() {
            from_bytes(path, &bytes[..length]).unwrap_err();
        }
    }

    #[test]
    fn a_newer_format_and_a_path_are_refused() {
        let path = Path::new(FILE_NAME);
        let mut newer = manifest();
        newer.format_version += 1;
        let error = from_bytes(path, &to_bytes(&newer)).unwrap_err();
        assert!(error.to_string().contains("newer program"), "{error}");
        let mut hostile = manifest();
        hostile.tables[0].name = "../users".to_owned();
        hostile.tables[0].file = "../users.jsonl.zst".to_owned();
        from_bytes(path, &to_bytes(&hostile)).unwrap_err();
    }

    #[test]
    fn names_are_told_from_others() {
        assert!(is_backup_name("2026-11-23T07-02-00.000Z-r7"));
        assert!(is_backup_name("2026-11-23T07-02-00.000Z-r12-2"));
        for name in [
            "",
            ".tmp-2026-11-23T07-02-00.000Z-r7",
            "2026-11-23T07-02-00.000Z-r",
            "2026-11-23T07-02-00.000Z-r7-",
            "2026-11-23T07-02-00.000Z-r7-2-3",
            "2026-11-23T07-02-00.000Z-r7x",
            "2026-11-23T07:02:00.000Z-r7",
        ] {
            assert!(!is_backup_name(name), "{name}");
        }
    }
}
