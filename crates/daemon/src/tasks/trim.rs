//! Returns to the system what the daemon has freed.
//!
//! mimalloc keeps freed memory for a second, and looks for what it has kept for longer only when more
//! is freed or when a thread ends. A daemon that has just started, or whose last client has gone, may
//! free nothing more for minutes: so a thread ends for it.

use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::supervisor::every;

/// Longer than mimalloc keeps freed memory, which is a second.
const FIRST: Duration = Duration::from_millis(1_250);
const INTERVAL: Duration = Duration::from_mins(1);

/// Returns freed memory soon after the start and then every minute.
pub async fn run(stop: CancellationToken) {
    if stop
        .run_until_cancelled(tokio::time::sleep(FIRST))
        .await
        .is_none()
    {
        return;
    }
    every(INTERVAL, &stop, &mut (), |()| {
        end_a_thread();
        Box::pin(async {})
    })
    .await;
}

/// Ends a thread that has allocated. Without one the memory stays until more is freed, so that a
/// system that refuses threads for a moment is no failure.
pub fn end_a_thread() {
    let name = "trim".to_owned();
    let builder = thread::Builder::new().name(name).stack_size(64 << 10);
    let started = builder.spawn(|| drop(std::hint::black_box(Box::new(0_u64))));
    if let Err(error) = started {
        tracing::debug!(%error, "no thread to return memory with");
    }
}
