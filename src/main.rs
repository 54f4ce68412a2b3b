//! Parse, run, exit code; nothing else.

use std::process::ExitCode;

use linux_api::cli;

/// musl's own allocator takes one lock for all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(std::env::args_os()).await
}
