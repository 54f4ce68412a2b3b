//! Processes below the ones that started them.

use std::collections::{BTreeMap, BTreeSet};

use super::state::ProcessId;
use linux_api_wire::api::processes::Process;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeRow {
    /// Which of the processes.
    pub(super) index: usize,
    /// Its place in the tree: for each level whether more siblings follow.
    pub(super) branch: Vec<bool>,
    /// How many of its descendants are folded away.
    pub(super) folded: usize,
}

/// The rows at these places as a tree: children below their parents, siblings in the order of
/// the places.
pub(super) fn as_tree(
    items: &[Process],
    places: &[usize],
    folded: &BTreeSet<ProcessId>,
) -> Vec<TreeRow> {
    let pids: BTreeSet<u32> = places.iter().map(|place| items[*place].pid).collect();
    let mut children: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut roots = Vec::new();
    for index in places.iter().copied() {
        let process = &items[index];
        // A process that is its own parent, or whose parent is not shown, is a root.
        if process.ppid != process.pid && pids.contains(&process.ppid) {
            children.entry(process.ppid).or_default().push(index);
        } else {
            roots.push(index);
        }
    }
    let mut rows = Vec::with_capacity(places.len());
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<(usize, Vec<bool>)> = Vec::new();
    waiting.extend(roots.into_iter().rev().map(|index| (index, Vec::new())));
    while let Some((index, branch)) = waiting.pop() {
        let process = &items[index];
        // A hostile response may go round in circles.
        if !seen.insert(process.pid) {
            continue;
        }
        let own = children.get(&process.pid).map_or(&[][..], Vec::as_slice);
        let is_folded = folded.contains(&ProcessId::from(process));
        rows.push(TreeRow {
            index,
            branch: branch.clone(),
            folded: if is_folded { own.len() } else { 0 },
        });
        if is_folded {
            continue;
        }
        for (place, child) in own.iter().enumerate().rev() {
            let mut deeper = branch.clone();
            deeper.push(place + 1 < own.len());
            waiting.push((*child, deeper));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process {
            pid,
            ppid: parent,
            ..Process::default()
        }
    }

    fn tree(pairs: &[(u32, u32)], folded: &[u32]) -> Vec<(u32, usize, usize)> {
        let items: Vec<Process> = pairs.iter().map(|it| process(it.0, it.1)).collect();
        let id = |pid: &u32| ProcessId {
            pid: *pid,
            start_time: String::new(),
        };
        let places: Vec<usize> = (0..items.len()).collect();
        let rows = as_tree(&items, &places, &folded.iter().map(id).collect());
        rows.iter()
            .map(|row| (items[row.index].pid, row.branch.len(), row.folded))
            .collect()
    }

    #[test]
    fn children_stand_below_their_parents_and_orphans_are_roots() {
        let pairs = [(5, 3), (1, 0), (2, 1), (4, 2), (3, 1), (9, 77)];
        let shown = tree(&pairs, &[]);
        assert_eq!(
            shown,
            [
                (1, 0, 0),
                (2, 1, 0),
                (4, 2, 0),
                (3, 1, 0),
                (5, 2, 0),
                (9, 0, 0)
            ]
        );
        assert_eq!(tree(&pairs, &[1])[0], (1, 0, 2));
        assert_eq!(tree(&pairs, &[1]).len(), 2);
    }

    #[test]
    fn circles_end() {
        assert_eq!(tree(&[(1, 1), (2, 3), (3, 2)], &[]), [(1, 0, 0)]);
    }
}
