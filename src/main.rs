//! Parse, run, exit code; nothing else.

use std::io;
use std::process::ExitCode;

use linux_api::cli;
use tokio::runtime::Builder;

/// musl's own allocator takes one lock for all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reading and hashing at once. Under an overload tokio's 512 threads would hold memory and get no
/// more done; what waits for one of these waits in a queue.
const BLOCKING_THREADS: usize = 64;

fn main() -> io::Result<ExitCode> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    Ok(runtime.block_on(cli::run(std::env::args_os())))
}
