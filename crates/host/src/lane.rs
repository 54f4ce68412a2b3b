//! A thread for work that may block, which is replaced when it gets stuck.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs one after another, in the order in which they came.
///
/// When a job does not return, [`Lane::relieve`] leaves it alone with its thread and lets a new
/// thread do the others. So there are as many threads as stuck jobs, and one.
pub(super) struct Lane(Arc<LaneCore>);

struct LaneCore {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// The only thread that may take jobs; threads before it end after their job.
    current: u64,
    has_thread: bool,
    is_closed: bool,
}

impl Lane {
    /// Starts no thread yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(LaneCore {
            state: Mutex::default(),
            wake: Condvar::new(),
        }))
    }

    /// Adds jobs. A panic of one is its own affair.
    ///
    /// # Errors
    /// When no thread can be started; the jobs then wait for the next call.
    pub(super) fn submit(&self, jobs: Vec<Job>) -> std::io::Result<()> {
        let mut state = self.0.lock();
        state.waiting.extend(jobs);
        self.0.wake.notify_one();
        self.ensure_thread(&mut state)
    }

    /// Gives up waiting for the job that runs.
    ///
    /// # Errors
    /// When no thread can be started for the others; they then wait for the next call.
    pub(super) fn relieve(&self) -> std::io::Result<()> {
        let mut state = self.0.lock();
        state.current += 1;
        state.has_thread = false;
        self.ensure_thread(&mut state)
    }

    fn ensure_thread(&self, state: &mut State) -> std::io::Result<()> {
        if state.has_thread {
            return Ok(());
        }
        let (shared, own) = (Arc::clone(&self.0), state.current);
        thread::Builder::new()
            .name("collector".to_owned())
            .spawn(move || shared.work(own))?;
        state.has_thread = true;
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.wake.notify_all();
    }
}

impl LaneCore {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, own: u64) {
        while let Some(job) = self.next(own) {
            // The job itself reports what happened to it.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    /// The next job; `None` when this thread is not needed any more.
    fn next(&self, own: u64) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.is_closed || state.current != own {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn job(job: impl FnOnce() + Send + 'static) -> Job {
        Box::new(job)
    }

    fn blocked(until: Receiver<()>) -> Job {
        job(move || {
            let _ = until.recv();
        })
    }

    #[test]
    fn jobs_run_in_order_on_one_thread_and_survive_a_panic() {
        let lane = Lane::new();
        let (sender, receiver) = sync_channel(8);
        let say = |number: u32| {
            let sender = sender.clone();
            job(move || sender.send((number, thread::current().id())).unwrap())
        };
        lane.submit(vec![say(1), job(|| panic!("on purpose")), say(2)])
            .unwrap();
        let first = receiver.recv_timeout(LONG).unwrap();
        let second = receiver.recv_timeout(LONG).unwrap();
        assert_eq!((first.0, second.0, first.1), (1, 2, second.1));
    }

    #[test]
    fn a_stuck_job_does_not_keep_the_others_from_running() {
        let lane = Lane::new();
        let (release, until) = sync_channel(1);
        let (sender, receiver) = sync_channel(8);
        let first = sender.clone();
        lane.submit(vec![blocked(until), job(move || first.send(1).unwrap())])
            .unwrap();
        assert!(receiver.recv_timeout(Duration::from_millis(20)).is_err());
        lane.relieve().unwrap();
        assert_eq!(receiver.recv_timeout(LONG), Ok(1));
        // The old thread ends, and takes no job from the new one.
        release.send(()).unwrap();
        lane.submit(vec![job(move || sender.send(2).unwrap())])
            .unwrap();
        assert_eq!(receiver.recv_timeout(LONG), Ok(2));
    }

    #[test]
    fn the_thread_ends_with_the_lane() {
        let lane = Lane::new();
        let shared = Arc::downgrade(&lane.0);
        lane.submit(vec![job(|| {})]).unwrap();
        drop(lane);
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
