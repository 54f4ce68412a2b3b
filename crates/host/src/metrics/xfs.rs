//! Operations of XFS, see Documentation/admin-guide/xfs.rst of the kernel.

use std::path::PathBuf;

use super::attributes::names;
use super::{Collect, Families, malformed};
use crate::{CollectError, HostRoots, read_text};

/// `fs/xfs/DEVICE/stats/stats`: lines of a word and counters.
#[derive(Debug)]
pub(super) struct Xfs(PathBuf);

impl Xfs {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("fs/xfs"))
    }
}

/// The lines that are shown, and what their counters are called; those behind them are left out.
#[rustfmt::skip]
const LINES: [(&str, &str, &[&str]); 8] = [
    ("extent_alloc", "extent_allocation", &["extents_allocated", "blocks_allocated", "extents_freed", "blocks_freed"]),
    ("abt", "allocation_btree", &["lookups", "compares", "records_inserted", "records_deleted"]),
    ("blk_map", "block_mapping", &["reads", "writes", "unmaps", "extent_list_insertions", "extent_list_deletions", "extent_list_lookups", "extent_list_compares"]),
    ("bmbt", "block_map_btree", &["lookups", "compares", "records_inserted", "records_deleted"]),
    ("dir", "directory_operation", &["lookup", "create", "remove", "getdents"]),
    ("ig", "inode_operation", &["attempts", "found", "recycled", "missed", "duplicates", "reclaims", "attribute_changes"]),
    // They are counted in this order, and named in the other.
    ("rw", "", &["write_calls", "read_calls"]),
    ("vnodes", "vnode", &["active", "allocate", "get", "hold", "release", "reclaim", "remove"]),
];

impl Collect for Xfs {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for device in names(&self.0)? {
            // `stats` beside the devices has the sums.
            let path = self.0.join(&device).join("stats/stats");
            if device == "stats" || !path.exists() {
                continue;
            }
            let text = read_text(&path)?;
            for line in text.lines() {
                let (word, counters) = line.split_once(' ').unwrap_or((line, ""));
                let Some((_, group, names)) = LINES.iter().find(|(one, ..)| *one == word) else {
                    continue;
                };
                let counters = counters.split_whitespace().map(str::parse::<u64>);
                let counters: Result<Vec<u64>, _> = counters.collect();
                let counters = counters.ok().filter(|all| all.len() >= names.len());
                let counters = counters.ok_or_else(|| malformed(&path, "counters of XFS"))?;
                for (name, value) in names.iter().zip(counters) {
                    let group = if group.is_empty() {
                        String::new()
                    } else {
                        format!("{group}_")
                    };
                    let help = format!("{} of XFS.", name.replace('_', " "));
                    let family = format!("node_xfs_{group}{name}_total");
                    families.counter(family, help, &[("device", &device)], value);
                }
            }
        }
        Ok(())
    }
}
