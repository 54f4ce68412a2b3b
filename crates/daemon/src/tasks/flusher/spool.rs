//! What could not be written before a stop, in a file until the next start.
//!
//! The file is one line that names its version, length and checksum, and then as many bytes of
//! JSON. It is written under another name, flushed to the disk and renamed, so that it is whole or
//! not there.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use linux_api_wire::fleet::HostSample;
use linux_api_wire::request_stats::{
    RequestBucket, RequestKey, RequestMethod, RequestStats, Resolution,
};
use linux_api_wire::sketch::Sketch;
use linux_api_wire::time::Timestamp;

const VERSION: &str = "linux-api-spool-1";
const PREFIX: &str = "spool-";
const SUFFIX: &str = ".json";
const UNFINISHED: &str = "tmp";
/// No start leaves more than the flusher holds in memory.
const BYTES_MAX: u64 = 256 << 20;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Content {
    /// The mark of the database that it is for; older files have none.
    pub(super) database: Option<String>,
    /// Whose samples they are; older files don't say.
    pub(super) host_id: Option<String>,
    pub(super) buckets: Vec<RequestBucket>,
    pub(super) samples: Vec<HostSample>,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolError {
    /// The disk.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what this program writes, or was damaged.
    #[error("{0}")]
    Unusable(&'static str),
}

/// Numbers that must come back to the last bit are kept as their bits.
#[derive(Serialize, Deserialize)]
struct Bucket {
    minutes: u64,
    time: Timestamp,
    host_id: String,
    instance_id: String,
    method: String,
    route: String,
    requests: u64,
    sum: u64,
    min: u64,
    max: u64,
    sketch: String,
    statuses: BTreeMap<u16, u64>,
}

#[derive(Serialize, Deserialize)]
struct Sample {
    name: String,
    labels: String,
    time: Timestamp,
    samples: u64,
    mean: u64,
    max: u64,
}

#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(default)]
    database: Option<String>,
    #[serde(default)]
    host_id: Option<String>,
    buckets: Vec<Bucket>,
    samples: Vec<Sample>,
}

/// Writes the file of this start of the daemon, readable by its owner only.
pub(super) fn write(folder: &Path, instance_id: &str, content: &Content) -> io::Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let body = serde_json::to_vec(&Body::from(content))?;
    let path = folder.join(format!("{PREFIX}{instance_id}{SUFFIX}"));
    let unfinished = path.with_extension(UNFINISHED);
    let written = write_to(&unfinished, &body).and_then(|_held| fs::rename(&unfinished, &path));
    if let Err(error) = written {
        // What fits nowhere must not take the room of what follows.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    File::open(folder)?.sync_all()?;
    Ok(path)
}

/// Writes a file that others don't touch while the returned lock lives.
fn write_to(path: &Path, body: &[u8]) -> io::Result<File> {
    let mut file = loop {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        // Where files can't be locked, they are not removed either.
        let _ = file.lock();
        // Another start may have removed it before it was locked.
        if file.metadata()?.nlink() > 0 {
            break file;
        }
    };
    let checksum = crc32fast::hash(body);
    writeln!(file, "{VERSION} {} {checksum:08x}", body.len())?;
    file.write_all(body)?;
    file.sync_all()?;
    Ok(file)
}

/// Removes unfinished files of processes that ended meanwhile: no process locks them.
pub(super) fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for path in files(folder, &format!(".{UNFINISHED}"))? {
        let file = File::open(&path)?;
        if file.try_lock().is_ok() {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The files that earlier starts left, the oldest names first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    files(folder, SUFFIX)
}

fn files(folder: &Path, suffix: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_wanted = name
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(suffix));
        if is_wanted && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one file.
pub(super) fn read(path: &Path) -> Result<Content, SpoolError> {
    let damaged = SpoolError::Unusable("it is damaged");
    if fs::metadata(path)?.len() > BYTES_MAX {
        return Err(SpoolError::Unusable("it is too large"));
    }
    let bytes = linux_api_files::read(path, BYTES_MAX)?;
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Err(damaged);
    };
    let (header, body) = (&bytes[..end], &bytes[end + 1..]);
    let header = std::str::from_utf8(header).unwrap_or_default();
    let mut words = header.split(' ');
    if words.next() != Some(VERSION) {
        return Err(SpoolError::Unusable(
            "it is not a spool file of this version",
        ));
    }
    let expected = format!("{VERSION} {} {:08x}", body.len(), crc32fast::hash(body));
    if header != expected {
        return Err(damaged);
    }
    let body: Body = serde_json::from_slice(body).map_err(|_| damaged)?;
    Content::try_from(body)
}

/// Puts a file that can't be used out of the way, for a person to look at.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside)?;
    Ok(aside)
}

impl From<&Content> for Body {
    fn from(content: &Content) -> Self {
        let buckets = content.buckets.iter().map(|one| Bucket {
            minutes: one.resolution.length().as_secs() / 60,
            time: one.time,
            host_id: one.host_id.to_string(),
            instance_id: one.instance_id.to_string(),
            method: one.key.method.as_str().to_owned(),
            route: one.key.route.to_string(),
            requests: one.stats.requests,
            sum: one.stats.sum.to_bits(),
            min: one.stats.min.to_bits(),
            max: one.stats.max.to_bits(),
            sketch: BASE64.encode(one.stats.sketch.encode()),
            statuses: one.stats.statuses.clone(),
        });
        let samples = content.samples.iter().map(|one| Sample {
            name: one.name.clone(),
            labels: one.labels.clone(),
            time: one.time,
            samples: one.samples,
            mean: one.mean.to_bits(),
            max: one.max.to_bits(),
        });
        Self {
            database: content.database.clone(),
            host_id: content.host_id.clone(),
            buckets: buckets.collect(),
            samples: samples.collect(),
        }
    }
}

impl TryFrom<Body> for Content {
    type Error = SpoolError;

    fn try_from(body: Body) -> Result<Self, SpoolError> {
        let buckets = body.buckets.into_iter().map(|one| {
            let resolution = Resolution::ALL
                .into_iter()
                .find(|resolution| resolution.length().as_secs() / 60 == one.minutes)?;
            let sketch = Sketch::decode(&BASE64.decode(&one.sketch).ok()?).ok()?;
            Some(RequestBucket {
                resolution,
                time: one.time,
                host_id: Arc::from(one.host_id),
                instance_id: Arc::from(one.instance_id),
                key: RequestKey {
                    route: Arc::from(one.route),
                    method: RequestMethod::from_name(&one.method),
                },
                stats: RequestStats {
                    requests: one.requests,
                    sum: f64::from_bits(one.sum),
                    min: f64::from_bits(one.min),
                    max: f64::from_bits(one.max),
                    sketch,
                    statuses: one.statuses,
                },
            })
        });
        let buckets: Option<Vec<RequestBucket>> = buckets.collect();
        let samples = body.samples.into_iter().map(|one| HostSample {
            name: one.name,
            labels: one.labels,
            time: one.time,
            samples: one.samples,
            mean: f64::from_bits(one.mean),
            max: f64::from_bits(one.max),
        });
        Ok(Self {
            database: body.database,
            host_id: body.host_id,
            buckets: buckets.ok_or(SpoolError::Unusable("it holds what is no bucket"))?,
            samples: samples.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;

    fn content() -> Content {
        let mut stats = RequestStats::default();
        stats.add(200, Duration::from_micros(123));
        stats.add(500, Duration::from_millis(7));
        let time = Timestamp::from_millis(1_800_000_000_000);
        let bucket = |resolution| RequestBucket {
            resolution,
            time,
            host_id: "host".into(),
            instance_id: "a1".into(),
            key: RequestKey {
                route: "/api/\"quoted\"".into(),
                method: RequestMethod::Patch,
            },
            stats: stats.clone(),
        };
        Content {
            database: Some("0123456789abcdef".to_owned()),
            host_id: Some("host".to_owned()),
            buckets: Resolution::ALL.map(bucket).to_vec(),
            samples: vec![HostSample {
                name: "load.one".to_owned(),
                labels: "{a=\"b\"}".to_owned(),
                time,
                samples: 30,
                mean: 0.1 + 0.2,
                max: 1.0 / 3.0,
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert_eq!(list(&state).unwrap(), Vec::<PathBuf>::new());
        let path = write(&state, "a1", &content()).unwrap();
        assert_eq!(list(&state).unwrap(), std::slice::from_ref(&path));
        assert_eq!(read(&path).unwrap(), content());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    }

    #[test]
    fn a_file_with_any_byte_changed_or_missing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "a1", &content()).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x20;
            fs::write(&path, &changed).unwrap();
            assert!(read(&path).is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(read(&path).is_err(), "length {at}");
        }
        let aside = set_aside(&path).unwrap();
        assert!(aside.exists() && list(folder.path()).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_does_not_say_for_which_database_it_is_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool-a1.json");
        let body = "{\"buckets\":[],\"samples\":[]}";
        let checksum = crc32fast::hash(body.as_bytes());
        let text = format!("linux-api-spool-1 {} {checksum:08x}\n{body}", body.len());
        fs::write(&path, text).unwrap();
        assert_eq!(read(&path).unwrap(), Content::default());
    }

    #[test]
    fn what_can_not_be_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // Nothing can take the place of a directory that is not empty.
        fs::create_dir_all(folder.path().join("spool-a1.json/full")).unwrap();
        assert!(write(folder.path(), "a1", &content()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_an_ended_process_began_is_removed_and_what_a_living_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (ended, living) = (
            folder.path().join("spool-a1.tmp"),
            folder.path().join("spool-b2.tmp"),
        );
        fs::write(&ended, "linux-api-spool-1 ").unwrap();
        let held = write_to(&living, b"{}").unwrap();
        remove_unfinished(folder.path()).unwrap();
        assert!(!ended.exists() && living.exists());
        drop(held);
        remove_unfinished(folder.path()).unwrap();
        assert!(!living.exists());
        remove_unfinished(&folder.path().join("none")).unwrap();
    }
}
