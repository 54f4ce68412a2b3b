//! Main memory and swap space.

use super::CollectError;
use super::reread::Reread;
use linux_api_wire::snapshot::{Memory, Swap};

/// Reads main memory from `meminfo`, see proc(5).
pub(super) fn read_memory(file: &mut Reread) -> Result<Memory, CollectError> {
    let memory = memory(&Meminfo::parse(&file.text()?));
    memory.ok_or_else(|| file.malformed("memory sizes"))
}

/// Reads swap space from `meminfo`, see proc(5).
pub(super) fn read_swap(file: &mut Reread) -> Result<Swap, CollectError> {
    let meminfo = Meminfo::parse(&file.text()?);
    let swap = meminfo.swap_total.zip(meminfo.swap_free);
    let (total, free) = swap.ok_or_else(|| file.malformed("swap sizes"))?;
    Ok(Swap {
        total_bytes: total,
        used_bytes: total.saturating_sub(free),
    })
}

/// What is needed of the file, in bytes.
#[derive(Debug, Default)]
struct Meminfo {
    total: Option<u64>,
    free: Option<u64>,
    available: Option<u64>,
    buffers: Option<u64>,
    cached: Option<u64>,
    reclaimable: Option<u64>,
    shared: Option<u64>,
    swap_total: Option<u64>,
    swap_free: Option<u64>,
}

impl Meminfo {
    fn parse(text: &str) -> Self {
        let mut all = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let field = match key {
                "MemTotal" => &mut all.total,
                "MemFree" => &mut all.free,
                "MemAvailable" => &mut all.available,
                "Buffers" => &mut all.buffers,
                "Cached" => &mut all.cached,
                "SReclaimable" => &mut all.reclaimable,
                "Shmem" => &mut all.shared,
                "SwapTotal" => &mut all.swap_total,
                "SwapFree" => &mut all.swap_free,
                _ => continue,
            };
            // The first of two lines counts.
            *field = field.or_else(|| bytes(value.trim().strip_suffix("kB")?.trim()));
        }
        all
    }
}

/// Bytes from a number of kibibytes. What a container is told may have been counted below zero and
/// wrapped round: then there is nothing left.
pub(super) fn bytes(kib: &str) -> Option<u64> {
    let kib: u64 = kib.parse().ok()?;
    if i64::try_from(kib).is_err() {
        return Some(0);
    }
    kib.checked_mul(1024)
}

fn memory(meminfo: &Meminfo) -> Option<Memory> {
    let total = meminfo.total.filter(|total| *total > 0)?;
    let free = meminfo.free?;
    let buffers = meminfo.buffers.unwrap_or(0);
    let reclaimable = meminfo.reclaimable.unwrap_or(0);
    let cached = meminfo.cached.unwrap_or(0).saturating_add(reclaimable);
    let shared = meminfo.shared.unwrap_or(0);
    // Kernels before 3.14 don't estimate it. Shared memory is cached but can't be given back.
    let available = meminfo.available.unwrap_or_else(|| {
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
    use crate::testing::Tree;

    #[test]
    fn malformed_files_are_named() {
        let tree = Tree::new();
        let mut file = Reread::new(tree.path("proc/meminfo"));
        for content in [
            "",
            "MemTotal: many kB\nMemFree: 1 kB\n",
            "MemTotal: 0 kB\nMemFree: 0 kB\n",
        ] {
            tree.write("proc/meminfo", content);
            let error = read_memory(&mut file).unwrap_err();
            assert!(error.to_string().contains("/meminfo"), "{error}");
            let error = read_swap(&mut file).unwrap_err();
            assert!(error.to_string().contains("swap"), "{error}");
        }
    }

    #[test]
    fn free_swap_below_zero_is_none() {
        let tree = Tree::new();
        let mut file = Reread::new(tree.path("proc/meminfo"));
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
        let meminfo = Meminfo::parse("MemTotal: 100 kB\nMemFree: 90 kB\nMemAvailable: 200 kB\n");
        let memory = memory(&meminfo).unwrap();
        assert_eq!((memory.used_bytes, memory.available_bytes), (0, 102_400));
    }
}
