//! Software RAID: `mdstat` of the process file system, see Documentation/admin-guide/md.rst of the kernel.

use super::{Collect, Families};
use crate::sources::Reread;
use crate::{CollectError, HostRoots};

/// State and progress of each array.
#[derive(Debug)]
pub(super) struct Mdstat(Reread);

impl Mdstat {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(Reread::new(roots.procfs.join("mdstat")))
    }
}

/// Values of `state`: the array's own words, and what it does.
const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];

#[derive(Debug, Default)]
struct Array<'a> {
    name: &'a str,
    state: &'static str,
    active: u64,
    failed: u64,
    spare: u64,
    required: u64,
    blocks: u64,
    synced: u64,
}

impl Collect for Mdstat {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?.into_owned();
        for array in arrays(&text).ok_or_else(|| self.0.malformed("state of arrays"))? {
            let device = ("device", array.name);
            let disks = [
                ("active", array.active),
                ("failed", array.failed),
                ("spare", array.spare),
            ];
            for (state, count) in disks {
                let labels = [device, ("state", state)];
                families.gauge(
                    "node_md_disks",
                    "Disks of an array by state.",
                    &labels,
                    count,
                );
            }
            let help = "Disks that an array has when it is whole.";
            families.gauge("node_md_disks_required", help, &[device], array.required);
            for state in STATES {
                let labels = [device, ("state", state)];
                let help = "What an array is or does: 1 for one of them.";
                families.gauge("node_md_state", help, &labels, state == array.state);
            }
            let help = "Size of an array in blocks of 1 KiB.";
            families.gauge("node_md_blocks", help, &[device], array.blocks);
            let help = "Blocks that are in agreement; all when nothing goes on.";
            families.gauge("node_md_blocks_synced", help, &[device], array.synced);
        }
        Ok(())
    }
}

/// A line for each array, then indented lines about it: its size, and what it does.
fn arrays(text: &str) -> Option<Vec<Array<'_>>> {
    let mut arrays = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_other = line.trim().is_empty()
            || line.starts_with(char::is_whitespace)
            || line.starts_with("unused")
            || line.starts_with("Personalities");
        if is_other {
            continue;
        }
        let mut about = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            about.push(line);
        }
        arrays.push(array(line, &about)?);
    }
    Some(arrays)
}

fn array<'a>(line: &'a str, about: &[&str]) -> Option<Array<'a>> {
    let (name, rest) = line.split_once(" : ")?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let is_inactive = *words.first()? == "inactive";
    let with_mark = |mark: &str| words.iter().filter(|word| word.ends_with(mark)).count() as u64;
    let mut array = Array {
        name: name.trim(),
        state: if is_inactive { "inactive" } else { "active" },
        failed: with_mark("(F)"),
        spare: with_mark("(S)"),
        ..Array::default()
    };
    let size = about.first()?;
    array.blocks = size.split_whitespace().next()?.parse().ok()?;
    array.synced = array.blocks;
    let members = words.iter().filter(|word| word.contains('[')).count() as u64;
    let has_redundancy = !words.iter().any(|word| matches!(*word, "raid0" | "linear"));
    if is_inactive {
        // Which disks it needs is not known.
    } else if has_redundancy {
        (array.required, array.active) = required_and_active(size)?;
    } else {
        (array.required, array.active) = (members, members);
    }
    for line in about.iter().skip(1) {
        let kind = [
            ("recovery", "recovering"),
            ("resync", "resync"),
            ("check", "check"),
            ("reshape", ""),
        ];
        let Some((_, state)) = kind.iter().find(|(word, _)| line.contains(word)) else {
            continue;
        };
        array.state = state;
        // Of one that waits for its turn nothing is done yet.
        array.synced = if line.contains("DELAYED") || line.contains("PENDING") {
            0
        } else {
            let (done, _) = line.split_once('(')?.1.split_once('/')?;
            done.trim().parse().ok()?
        };
    }
    Some(array)
}

/// `[4/3]` of a line of sizes.
fn required_and_active(line: &str) -> Option<(u64, u64)> {
    let mut pairs = line.split_whitespace().filter_map(|word| {
        let (required, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
        Some((required.parse().ok()?, active.parse().ok()?))
    });
    pairs.next()
}
