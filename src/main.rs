//! Parse, run, exit code; nothing else.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use linux_api::cli;
use tokio::runtime::Builder;

/// musl's own allocator takes one lock for all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reading and hashing at once. Under an overload tokio's 512 threads would hold memory and get no
/// more done; what waits for one of these waits in a queue.
const BLOCKING_THREADS: usize = 64;
/// Threads that a daemon needs beside the runtime's workers: for the log, the access log, the
/// database, reading the host, and one that blocks.
const OTHER_THREADS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = cli::answer_shell(&arguments) {
        return code;
    }
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // A daemon serves as many clients at once as there are processors. All else waits for one person.
    let is_daemon = arguments.iter().any(|argument| argument == "serve");
    let workers = if is_daemon { workers } else { workers.min(2) };
    let runtime = try_threads(workers + OTHER_THREADS).and_then(|()| {
        Builder::new_multi_thread()
            .enable_all()
            .worker_threads(workers)
            .max_blocking_threads(BLOCKING_THREADS)
            .build()
    });
    match runtime {
        Ok(runtime) => runtime.block_on(cli::run(arguments)),
        Err(error) => cli::cannot_start(&error),
    }
}

/// Whether the system lets this process have so many more threads. The runtime panics in the middle of
/// its start when it is refused one.
fn try_threads(count: usize) -> std::io::Result<()> {
    let (done, wait) = mpsc::sync_channel::<()>(0);
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let mut threads = Vec::new();
    let mut refused = None;
    for _ in 0..count {
        let wait = std::sync::Arc::clone(&wait);
        // They all live until the last one has started.
        let idle = move || drop(wait.lock().map(|wait| wait.recv()));
        match thread::Builder::new().stack_size(64 << 10).spawn(idle) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    drop(done);
    for thread in threads {
        let _ = thread.join();
    }
    refused.map_or(Ok(()), Err)
}
