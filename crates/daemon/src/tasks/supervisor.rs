//! Background tasks that must not die unnoticed.
//!
//! A daemon that lost its sampler or its flusher looks healthy from outside and measures nothing. So
//! a task that ends by itself or panics ends the daemon: whatever started it starts it again, with
//! or without a watchdog.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts background tasks and notices when one ends that should not. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Supervisor(Arc<SupervisorCore>);

#[derive(Debug, Default)]
struct SupervisorCore {
    tasks: TaskTracker,
    failure: OnceLock<TaskFailure>,
    failed: Notify,
}

/// Which task ended, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the background task {name} {how}")]
pub struct TaskFailure {
    /// Name of the task.
    pub name: &'static str,
    /// `ended`, or `panicked: MESSAGE`.
    pub how: String,
}

impl Supervisor {
    /// Runs `work` until `stop` is cancelled; the work itself has to end then. Ending before, and a
    /// panic at any time, is a failure of the daemon. Its calls to the store are those of the background
    /// ([`linux_api_store::in_background`]).
    pub fn spawn(
        &self,
        name: &'static str,
        stop: &CancellationToken,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let (shared, stop) = (Arc::clone(&self.0), stop.clone());
        let work = linux_api_store::in_background(work);
        self.0.tasks.spawn(async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            let how = match outcome {
                Ok(()) if stop.is_cancelled() => return,
                Ok(()) => "ended".to_owned(),
                Err(panic) => format!("panicked: {}", message(&*panic)),
            };
            shared.fail(TaskFailure { name, how });
        });
    }

    /// Waits until a task has failed.
    pub async fn failed(&self) -> TaskFailure {
        loop {
            let failed = self.0.failed.notified();
            if let Some(failure) = self.failure() {
                return failure;
            }
            failed.await;
        }
    }

    /// The first task that failed.
    #[must_use]
    pub fn failure(&self) -> Option<TaskFailure> {
        self.0.failure.get().cloned()
    }

    /// Waits until all tasks have ended. None may be started after it.
    pub async fn wait(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl SupervisorCore {
    fn fail(&self, failure: TaskFailure) {
        tracing::error!(task = failure.name, "{failure}; the daemon stops");
        // Only the first is the cause; others may fail because of it.
        let _ = self.failure.set(failure);
        self.failed.notify_waiters();
    }
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// Has `worker` do its `work` at once and then again and again, `interval` after it was done, until
/// `stop` is cancelled. Work that is under way then is dropped at its next await.
pub async fn every<W: Send>(
    interval: Duration,
    stop: &CancellationToken,
    worker: &mut W,
    work: impl for<'w> Fn(&'w mut W) -> BoxFuture<'w, ()> + Send,
) {
    let repeat = async {
        loop {
            work(worker).await;
            tokio::time::sleep(interval).await;
        }
    };
    stop.run_until_cancelled(repeat).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_or_panics_is_named_and_one_that_was_stopped_is_not() {
        let stop = CancellationToken::new();
        let supervisor = Supervisor::default();
        supervisor.spawn("stopped", &stop, stop.clone().cancelled_owned());
        assert_eq!(supervisor.failure(), None);
        supervisor.spawn("sampler", &stop, async { panic!("no {}", "luck") });
        let failure = supervisor.failed().await;
        assert_eq!(
            failure.to_string(),
            "the background task sampler panicked: no luck"
        );
        let quiet = Supervisor::default();
        quiet.spawn("janitor", &stop, async {});
        assert_eq!(
            quiet.failed().await.to_string(),
            "the background task janitor ended"
        );
        stop.cancel();
        supervisor.wait().await;
        let late = Supervisor::default();
        late.spawn("late", &stop, async {});
        late.wait().await;
        assert_eq!(late.failure(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_repeated_until_it_is_stopped() {
        let stop = CancellationToken::new();
        let mut counter = (0, stop.clone());
        every(
            Duration::from_secs(10),
            &stop,
            &mut counter,
            |(times, stop)| {
                async move {
                    *times += 1;
                    if *times == 3 {
                        stop.cancel();
                    }
                }
                .boxed()
            },
        )
        .await;
        assert_eq!(counter.0, 3);
    }
}
