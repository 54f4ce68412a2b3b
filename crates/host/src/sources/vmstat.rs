//! `/proc/vmstat`: how often the kernel killed a process for want of memory.

use super::Source;
use crate::HostRoots;

/// The counter since the host started. Kernels before 4.13 have none.
pub(crate) fn source(roots: &HostRoots) -> Source<u64> {
    Source::new(roots.procfs.join("vmstat"), "oom_kill", oom_kills)
}

fn oom_kills(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let (_, count) = lines.find(|(name, _)| *name == "oom_kill")?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    /// The beginning and the lines around it, of Linux 6.1.
    const RECORDED: &str = "nr_free_pages 5021183\nnr_zone_inactive_anon 170143\n\
        oom_kill_x 9\ndrop_slab 0\noom_kill 7\nnuma_pte_updates 0\n";

    #[test]
    fn kills_are_counted_where_the_kernel_counts_them() {
        let tree = Tree::new();
        let mut source = source(&tree.roots());
        assert!(source.read().is_err(), "there is no such file");
        tree.write("proc/vmstat", RECORDED);
        assert_eq!(source.read().unwrap(), 7);
        tree.write("proc/vmstat", RECORDED.replace("oom_kill 7", "oom_kill 9"));
        assert_eq!(source.read().unwrap(), 9);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for text in [
            "",
            "oom_kill",
            "oom_kill \n",
            "oom_kill -1\n",
            "nr_free_pages 1\noom_kill 99999999999999999999\n",
            "nr_free_pages 1\ndrop_slab 0\n",
            "something else\n",
        ] {
            let tree = Tree::new();
            tree.write("proc/vmstat", text);
            let error = source(&tree.roots()).read().unwrap_err();
            assert!(error.to_string().contains("vmstat"), "{text}: {error}");
        }
    }
}
