//! Main memory and swap space.

use crate::sources::meminfo::sizes;
use linux_api_wire::snapshot::{Memory, Swap};

pub(super) fn swap(text: &str) -> Option<Swap> {
    let [total, free] = sizes(text, ["SwapTotal", "SwapFree"]);
    let (total, free) = total.zip(free)?;
    Some(Swap {
        total_bytes: total,
        used_bytes: total.saturating_sub(free),
    })
}

pub(super) fn memory(text: &str) -> Option<Memory> {
    let [total, free, available] = sizes(text, ["MemTotal", "MemFree", "MemAvailable"]);
    let rest = sizes(text, ["Buffers", "Cached", "SReclaimable", "Shmem"]);
    let [buffers, cached, reclaimable, shared] = rest.map(|size| size.unwrap_or(0));
    let (total, free) = (total.filter(|total| *total > 0)?, free?);
    let cached = cached.saturating_add(reclaimable);
    // Kernels before 3.14 don't estimate it. Shared memory is cached but can't be reclaimed.
    let available = available.unwrap_or_else(|| {
        free.saturating_add(buffers)
            .saturating_add(cached)
            .saturating_sub(shared)
    });
    let available = available.min(total);
    Some(Memory {
        total_bytes: total,
        used_bytes: total - available,
        available_bytes: available,
        free_bytes: free,
        buffers_bytes: buffers,
        cached_bytes: cached,
        shared_bytes: shared,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::meminfo::source;
    use crate::testing::Tree;

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        let mut memory = source(&tree.roots(), "memory sizes", memory);
        let mut swap = source(&tree.roots(), "swap sizes", swap);
        for content in [
            "",
            "MemTotal: many kB\nMemFree: 1 kB\n",
            "MemTotal: 0 kB\nMemFree: 0 kB\n",
        ] {
            tree.write("proc/meminfo", content);
            let error = memory.read().unwrap_err();
            assert!(error.to_string().contains("/meminfo"), "{error}");
            let error = swap.read().unwrap_err();
            assert!(error.to_string().contains("swap"), "{error}");
        }
    }

    #[test]
    fn free_swap_below_zero_is_none() {
        let swap = |total: u64| {
            let free = "SwapFree: 18446744073709346016 kB\n";
            let swap = swap(&format!("SwapTotal: {total} kB\n{free}")).unwrap();
            (swap.used_bytes, swap.total_bytes)
        };
        assert_eq!(swap(0), (0, 0));
        assert_eq!(swap(10), (10_240, 10_240));
    }

    #[test]
    fn more_available_than_there_is_does_not_overflow() {
        let text = "MemTotal: 100 kB\nMemFree: 90 kB\nMemAvailable: 200 kB\n";
        let memory = memory(text).unwrap();
        assert_eq!((memory.used_bytes, memory.available_bytes), (0, 102_400));
    }
}
