//! Caches and pools of ZFS: `spl/kstat/zfs` of the process file system.

use std::path::{Path, PathBuf};

use super::attributes::{if_there, names, word};
use super::{Collect, Families, MetricValue, malformed};
use crate::{CollectError, HostRoots, read_text};

/// Tables of the module as a whole: file, and what its families begin with.
const TABLES: [(&str, &str); 11] = [
    ("abdstats", "abd"),
    ("arcstats", "arc"),
    ("dbufstats", "dbuf"),
    ("dmu_tx", "dmu_tx"),
    ("dnodestats", "dnode"),
    ("fm", "fm"),
    ("vdev_cache_stats", "vdev_cache"),
    ("vdev_mirror_stats", "vdev_mirror"),
    ("xuio_stats", "xuio"),
    ("zfetchstats", "zfetch"),
    ("zil", "zil"),
];
/// States of a pool.
const STATES: [&str; 7] = [
    "online",
    "degraded",
    "faulted",
    "offline",
    "removed",
    "unavail",
    "suspended",
];
/// Kinds of values in the tables: signed and unsigned numbers of 64 bits.
const NUMBERS: [&str; 2] = ["3", "4"];

/// What the module counts, and the state of each pool.
#[derive(Debug)]
pub(super) struct Zfs(PathBuf);

impl Zfs {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.procfs.join("spl/kstat/zfs"))
    }
}

impl Collect for Zfs {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let entries = names(&self.0)?;
        for (file, group) in TABLES {
            let path = self.0.join(file);
            // Each release of ZFS has others.
            let Some(text) = if_there(read_text(&path))? else {
                continue;
            };
            let table = table(&text).ok_or_else(|| malformed(&path, "table of ZFS"))?;
            for (name, value) in table {
                let help = format!("{name} of ZFS' {file}.");
                families.unknown(
                    format!("node_zfs_{group}_{}", clean(name)),
                    help,
                    &[],
                    value,
                );
            }
        }
        for pool in entries {
            let directory = self.0.join(&pool);
            if directory.is_dir() {
                write_pool(&pool, &directory, families)?;
            }
        }
        Ok(())
    }
}

fn write_pool(pool: &str, directory: &Path, families: &mut Families) -> Result<(), CollectError> {
    if let Some(state) = word(&directory.join("state")) {
        let state = state.to_lowercase();
        for one in STATES {
            let labels = [("state", one), ("zpool", pool)];
            let help = "State of a pool: 1 for one of them.";
            families.gauge("node_zfs_zpool_state", help, &labels, one == state);
        }
    }
    for file in names(directory)? {
        if !file.starts_with("objset-") {
            continue;
        }
        let path = directory.join(file);
        let Some(text) = if_there(read_text(&path))? else {
            continue;
        };
        let table = table(&text).ok_or_else(|| malformed(&path, "table of ZFS"))?;
        let dataset = text
            .lines()
            .find_map(|line| line.strip_prefix("dataset_name "));
        // The kind of the value, then the name to the end of the line, which may hold spaces.
        let dataset = dataset.and_then(|rest| rest.trim_start().split_once(' '));
        let Some((_, dataset)) = dataset else {
            continue;
        };
        for (name, value) in table {
            let labels = [("dataset", dataset.trim()), ("zpool", pool)];
            let help = format!("{name} of a dataset.");
            families.unknown(
                format!("node_zfs_zpool_dataset_{}", clean(name)),
                help,
                &labels,
                value,
            );
        }
    }
    Ok(())
}

/// Names and values below the heading `name type data`; those that are no numbers are left out.
fn table(text: &str) -> Option<Vec<(&str, MetricValue)>> {
    let mut lines = text.lines();
    let heading = |line: &str| line.split_whitespace().eq(["name", "type", "data"]);
    lines.find(|line| heading(line))?;
    let mut values = Vec::new();
    for line in lines {
        let mut words = line.split_whitespace();
        let (Some(name), Some(kind), Some(value)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if NUMBERS.contains(&kind) {
            let value = match value.parse::<u64>() {
                Ok(value) => value.into(),
                Err(_) => value.parse::<i64>().ok()?.into(),
            };
            values.push((name, value));
        }
    }
    Some(values)
}

/// A name that a family may have.
fn clean(name: &str) -> String {
    let allowed = |one: char| one.is_ascii_alphanumeric() || one == '_';
    name.chars()
        .map(|one| if allowed(one) { one } else { '_' })
        .collect()
}
