//! Main memory and swap space.

use crate::CollectError;
use crate::sources::Source;
use crate::sources::meminfo::MemoryFields;
use linux_api_wire::snapshot::{Memory, Swap};

pub(super) fn read_memory(file: &mut Source<MemoryFields>) -> Result<Memory, CollectError> {
    memory(&file.read()?).ok_or_else(|| file.malformed())
}

pub(super) fn read_swap(file: &mut Source<MemoryFields>) -> Result<Swap, CollectError> {
    let fields = file.read()?;
    let swap = fields.bytes("SwapTotal").zip(fields.bytes("SwapFree"));
    let (total, free) = swap.ok_or_else(|| file.malformed())?;
    Ok(Swap {
        total_bytes: total,
        used_bytes: total.saturating_sub(free),
    })
}

fn memory(fields: &MemoryFields) -> Option<Memory> {
    let total = fields.bytes("MemTotal").filter(|total| *total > 0)?;
    let free = fields.bytes("MemFree")?;
    let size = |name| fields.bytes(name).unwrap_or(0);
    let buffers = size("Buffers");
    let cached = size("Cached").saturating_add(size("SReclaimable"));
    let shared = size("Shmem");
    // Kernels before 3.14 don't estimate it. Shared memory is cached but can't be reclaimed.
    let available = fields.bytes("MemAvailable").unwrap_or_else(|| {
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
        let mut file = source(&tree.roots(), "memory sizes");
        let mut swap = source(&tree.roots(), "swap sizes");
        for content in [
            "",
            "MemTotal: many kB\nMemFree: 1 kB\n",
            "MemTotal: 0 kB\nMemFree: 0 kB\n",
        ] {
            tree.write("proc/meminfo", content);
            let error = read_memory(&mut file).unwrap_err();
            assert!(error.to_string().contains("/meminfo"), "{error}");
            let error = read_swap(&mut swap).unwrap_err();
            assert!(error.to_string().contains("swap"), "{error}");
        }
    }

    #[test]
    fn free_swap_below_zero_is_none() {
        let tree = Tree::new();
        let mut file = source(&tree.roots(), "swap sizes");
        let mut swap = |total: u64| {
            let free = "SwapFree: 18446744073709346016 kB\n";
            tree.write("proc/meminfo", format!("SwapTotal: {total} kB\n{free}"));
            let swap = read_swap(&mut file).unwrap();
            (swap.used_bytes, swap.total_bytes)
        };
        assert_eq!(swap(0), (0, 0));
        assert_eq!(swap(10), (10_240, 10_240));
    }

    #[test]
    fn more_available_than_there_is_does_not_overflow() {
        let tree = Tree::new();
        let text = "MemTotal: 100 kB\nMemFree: 90 kB\nMemAvailable: 200 kB\n";
        tree.write("proc/meminfo", text);
        let memory = read_memory(&mut source(&tree.roots(), "memory sizes")).unwrap();
        assert_eq!((memory.used_bytes, memory.available_bytes), (0, 102_400));
    }
}
