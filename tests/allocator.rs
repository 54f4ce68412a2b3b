//! How the program's allocator is set up: by flags of its build, in `.cargo/config.toml`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Mutex, PoisonError};

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Both tests look at the memory of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Anonymous memory of this process in KiB.
fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.unwrap().parse().unwrap()
}

fn allocate_and_free(times: u32, bytes: usize) {
    for _ in 0..times {
        let mut block: Vec<u8> = Vec::with_capacity(bytes);
        block.push(1);
        std::hint::black_box(&block);
    }
}

/// A block that is mapped at an address of its own leaves its entry in the allocator's table behind.
#[test]
fn large_blocks_leave_nothing_behind() {
    const TIMES: u32 = 4_000;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for bytes in [1 << 20, 19 << 20] {
        allocate_and_free(TIMES, bytes);
        let before = anonymous_kib();
        allocate_and_free(TIMES, bytes);
        let grown = anonymous_kib().saturating_sub(before);
        assert!(
            grown < u64::from(TIMES) / 4,
            "{TIMES} blocks of {bytes} bytes left {grown} KiB behind"
        );
    }
}

/// The memory of many small blocks is kept for a second, and then until a thread ends.
#[test]
fn small_blocks_go_back_when_a_thread_ends() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let blocks: Vec<Box<[u8; 200]>> = (0..100_000).map(|_| Box::new([1; 200])).collect();
    let full = anonymous_kib();
    drop(std::hint::black_box(blocks));
    let kept = anonymous_kib();
    assert!(
        kept + (2 << 10) > full,
        "it needs no help: {full} to {kept} KiB"
    );
    // The allocator's own clock.
    std::thread::sleep(std::time::Duration::from_millis(1_250));
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    linux_api_daemon::tasks::trim::end_a_thread();
    while threads() > before {
        std::thread::yield_now();
    }
    let left = anonymous_kib();
    assert!(left + (15 << 10) < full, "{full} to {left} KiB");
}

/// An idle daemon has no use for what one request needed.
#[test]
fn large_blocks_go_back_to_the_system_at_once() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = anonymous_kib();
    let block = vec![1_u8; 32 << 20];
    assert!(anonymous_kib() > before + (30 << 10));
    drop(std::hint::black_box(block));
    assert!(anonymous_kib() < before + (2 << 10));
}
