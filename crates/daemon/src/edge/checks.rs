//! Keys that are being checked right now.
//!
//! A client that begins with many requests at once sends one unverified key many times.
//! They all wait for one check, so before it they count as one failure; the others count when it has
//! failed.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The SHA-256 of a whole key.
type Digest = [u8; 32];

/// There are never more of them than requests that run.
#[derive(Debug, Default)]
pub(crate) struct RunningChecks(Mutex<HashSet<Digest>>);

/// A check that counts. It ends with this value.
#[derive(Debug)]
pub(super) struct RunningCheck<'a> {
    all: &'a RunningChecks,
    digest: Digest,
}

impl RunningChecks {
    /// Begins a check, when `count` lets it; `None` when this key is being checked already.
    pub(super) fn begin<E>(
        &self,
        digest: Digest,
        count: impl FnOnce() -> Result<(), E>,
    ) -> Result<Option<RunningCheck<'_>>, E> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.contains(&digest) {
            return Ok(None);
        }
        // Within the lock: who is refused must leave nothing that others could join.
        count()?;
        running.insert(digest);
        Ok(Some(RunningCheck { all: self, digest }))
    }
}

impl Drop for RunningCheck<'_> {
    fn drop(&mut self) {
        let mut running = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_once_while_it_is_checked_and_again_afterwards() {
        let checks = RunningChecks::default();
        let mut counted = 0;
        let mut begin = |digest: u8| {
            checks.begin([digest; 32], || {
                counted += 1;
                if counted < 4 { Ok(()) } else { Err(counted) }
            })
        };
        let first = begin(1).unwrap();
        assert!(first.is_some());
        assert!(begin(1).unwrap().is_none());
        assert!(begin(2).unwrap().is_some());
        drop(first);
        assert!(begin(1).unwrap().is_some());
        assert_eq!(begin(1).unwrap_err(), 4);
        assert_eq!(begin(1).unwrap_err(), 5, "who was refused is not joined");
    }
}
