//! Files of other programs: `*.prom` in a directory, in the text format of Prometheus.

mod parser;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};

use super::family::MetricFamily;
use super::{Collect, Families, MetricKind};
use crate::CollectError;

/// The end of the names of files that are read.
const EXTENSION: &str = ".prom";
/// The most bytes of a file.
const FILE_BYTES: u64 = 1 << 20;
/// The most samples of a file.
const FILE_SAMPLES: usize = 5_000;
/// The most samples of all files.
const ALL_SAMPLES: usize = 20_000;
/// The rights to write of others than the owner.
const OTHERS_WRITE: u32 = 0o022;

/// Reads the directory at each scrape, and a file again when it has changed.
#[derive(Debug)]
pub(super) struct Textfile {
    directory: Option<PathBuf>,
    /// By name.
    known: Vec<Known>,
    /// What was wrong at the last scrape, to log each problem once.
    problems: Vec<String>,
}

/// A file as it was at the last scrape.
#[derive(Debug)]
struct Known {
    name: String,
    version: Version,
    /// When it was changed, in seconds since 1970.
    changed: i64,
    read: Result<Vec<MetricFamily>, String>,
}

/// What differs between two states of a file: device, inode, size, and both times of change.
type Version = (u64, u64, u64, [i64; 4]);

impl Textfile {
    pub(super) const fn new(directory: Option<PathBuf>) -> Self {
        Self {
            directory,
            known: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Reads what has changed; the error is about the directory as a whole.
    fn refresh(&mut self, directory: &Path) -> Result<(), String> {
        let mut old = std::mem::take(&mut self.known);
        let folder = open_directory(directory).map_err(|error| error.to_string())?;
        for name in files(directory).map_err(|error| error.to_string())? {
            let place = old.iter().position(|known| known.name == name);
            let before = place.map(|place| old.swap_remove(place));
            self.known.push(load(&folder, name, before));
        }
        Ok(())
    }
}

/// The file now, without reading it again when it has not changed.
fn load(folder: &File, name: String, before: Option<Known>) -> Known {
    let failed = |name, error: io::Error| Known {
        name,
        version: Version::default(),
        changed: 0,
        read: Err(error.to_string()),
    };
    let (file, version, changed) = match open_file(folder, &name) {
        Ok(opened) => opened,
        Err(error) => return failed(name, error),
    };
    if let Some(before) = before
        && before.version == version
    {
        return before;
    }
    let mut text = String::new();
    // It may have grown since.
    if let Err(error) = file.take(FILE_BYTES).read_to_string(&mut text) {
        return failed(name, error);
    }
    Known {
        name,
        version,
        changed,
        read: parser::parse(&text, FILE_SAMPLES),
    }
}

/// Opens the directory, unless others than root and this program's account can put files there.
fn open_directory(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = folder.metadata()?;
    let own = rustix::process::geteuid().as_raw();
    if ![0, own].contains(&found.uid()) {
        return Err(io::Error::other(
            "it belongs neither to root nor to the daemon's account",
        ));
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return Err(io::Error::other("others than its owner may write to it"));
    }
    Ok(folder)
}

/// The names of the files in the directory, sorted; hidden ones are left out, which are being written.
fn files(directory: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    let names: io::Result<Vec<Option<String>>> = names.collect();
    let mut names: Vec<String> = names?.into_iter().flatten().collect();
    names.retain(|name| name.ends_with(EXTENSION) && !name.starts_with('.'));
    names.sort_unstable();
    Ok(names)
}

/// Opens a regular file of the directory that was checked, whatever happens to its path meanwhile. Never follows a
/// link, never waits for the other end of a pipe.
fn open_file(folder: &File, name: &str) -> io::Result<(File, Version, i64)> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = openat(folder.as_fd(), name, flags, Mode::empty());
    let file = File::from(opened.map_err(|error| match error {
        rustix::io::Errno::LOOP => io::Error::other("it is a symbolic link"),
        error => error.into(),
    })?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if found.size() > FILE_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    let times = [
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ];
    let version = (found.dev(), found.ino(), found.size(), times);
    Ok((file, version, found.mtime()))
}

impl Collect for Textfile {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let mut problems = Vec::new();
        if let Some(directory) = self.directory.clone() {
            if let Err(problem) = self.refresh(&directory) {
                problems.push(format!("{}: {problem}", directory.display()));
            }
            let mut room = ALL_SAMPLES;
            let mut found = Vec::new();
            for known in &self.known {
                let path = directory.join(&known.name);
                let path = path.to_string_lossy();
                match add(&mut found, known, &mut room) {
                    Ok(()) => {
                        let help = "When a file of another program was changed.";
                        let labels = [("file", &*path)];
                        families.gauge("node_textfile_mtime_seconds", help, &labels, known.changed);
                    }
                    Err(problem) => problems.push(format!("{path}: {problem}")),
                }
            }
            families.0.append(&mut found);
        }
        for problem in &problems {
            if !self.problems.contains(problem) {
                tracing::warn!("a file for /metrics can't be used: {problem}");
            }
        }
        let help = "Whether a file of another program could not be used.";
        families.gauge(
            "node_textfile_scrape_error",
            help,
            &[],
            !problems.is_empty(),
        );
        self.problems = problems;
        Ok(())
    }
}

/// Adds the families of a file whole or not at all. Those of one name in several files become one.
fn add(found: &mut Vec<MetricFamily>, known: &Known, room: &mut usize) -> Result<(), String> {
    let families = known.read.as_ref().map_err(String::clone)?;
    let samples: usize = families.iter().map(|family| family.samples.len()).sum();
    let left = room.checked_sub(samples);
    let left =
        left.ok_or_else(|| format!("all files together have more than {ALL_SAMPLES} samples"))?;
    let place = |found: &[MetricFamily], name: &str| found.iter().position(|one| one.name == name);
    for family in families {
        let other = place(found, &family.name).map(|place| found[place].kind);
        if let Some(other) = other.filter(|other| *other != family.kind) {
            let (name, own, other) = (&family.name, word(family.kind), word(other));
            return Err(format!(
                "{name} is a {own} here and a {other} in another file"
            ));
        }
    }
    for family in families {
        match place(found, &family.name) {
            Some(place) => found[place].samples.extend(family.samples.iter().cloned()),
            None => found.push(family.clone()),
        }
    }
    *room = left;
    Ok(())
}

const fn word(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        MetricKind::Summary => "summary",
        MetricKind::Unknown => "family without a type",
    }
}

#[cfg(test)]
mod tests;
