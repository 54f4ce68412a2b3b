//! Deadlines of a connection by one timer of the runtime.
//!
//! hyper sets a deadline for each request's head and drops it when the head is there. A timer of the
//! runtime for each would be put into its wheel and taken out again, both under the wheel's lock.
//! Here the connection keeps one timer that rings at the earliest deadline it was ever set for, is
//! left alone when that deadline is dropped, and set again when it rings for nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// The timer of one connection, which has one deadline at a time.
#[derive(Clone, Default)]
pub(super) struct ConnectionTimer(Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>);

/// One deadline of a connection.
struct Deadline {
    timer: ConnectionTimer,
    at: Instant,
}

impl ConnectionTimer {
    fn deadline(&self, at: Instant) -> Pin<Box<Deadline>> {
        let timer = self.clone();
        Box::pin(Deadline { timer, at })
    }
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.deadline(self.now() + duration)
    }

    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Sleep>> {
        self.deadline(at)
    }

    /// The runtime's clock, which tests may pause.
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, at: Instant) {
        *sleep = self.deadline(at);
    }
}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let at = self.at.into();
        let timer = &self.timer.0;
        let mut timer = timer.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        // Earlier deadlines that were dropped may ring first.
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        Poll::Pending
    }
}

impl Sleep for Deadline {}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn rings_after(sleep: Pin<Box<dyn Sleep>>) -> Duration {
        let started = tokio::time::Instant::now();
        sleep.await;
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_deadline_rings_in_its_time_whatever_was_before() {
        let timer = ConnectionTimer::default();
        let near = |measured: Duration, expected: Duration| {
            // Timers of the runtime count in milliseconds.
            measured.abs_diff(expected) <= Duration::from_millis(2)
        };
        assert!(near(rings_after(timer.sleep(SECOND)).await, SECOND));
        // Dropped, so the timer rings too early for the next.
        let mut dropped = timer.sleep(2 * SECOND);
        assert!(futures_util::poll!(&mut dropped).is_pending());
        drop(dropped);
        tokio::time::sleep(SECOND).await;
        assert!(near(
            rings_after(timer.sleep(10 * SECOND)).await,
            10 * SECOND
        ));
        // Dropped, so the timer would ring too late for the next.
        let mut dropped = timer.sleep(60 * SECOND);
        assert!(futures_util::poll!(&mut dropped).is_pending());
        drop(dropped);
        assert!(near(rings_after(timer.sleep(SECOND)).await, SECOND));
        // One that is long over.
        let past = timer.now();
        tokio::time::sleep(SECOND).await;
        assert_eq!(rings_after(timer.sleep_until(past)).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn many_requests_set_one_timer() {
        let timer = ConnectionTimer::default();
        for _ in 0..100 {
            let mut deadline = timer.sleep(10 * SECOND);
            assert!(futures_util::poll!(&mut deadline).is_pending());
            let set_for = timer.0.lock().unwrap().as_ref().unwrap().deadline();
            assert!(set_for <= tokio::time::Instant::now() + 10 * SECOND);
            tokio::time::sleep(SECOND / 100).await;
        }
        let set_for = timer.0.lock().unwrap().as_ref().unwrap().deadline();
        assert!(
            set_for <= tokio::time::Instant::now() + 10 * SECOND - SECOND * 98 / 100,
            "the first one's"
        );
    }
}
