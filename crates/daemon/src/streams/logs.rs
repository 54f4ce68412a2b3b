//! Live streams of the journal.
//!
//! A reader takes what its child has printed; while its client is slow the child waits, so that nothing is
//! queued and nothing lost. Whether it may still read is decided again before each event.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{CHECK_PERIOD, Credentials, Standing, StreamSlot, Streams, end, event};
use crate::error::ApiError;
use crate::journal::{EntryFilter, Follower, Journal, LogCursor};
use linux_api_wire::api::snapshot::StreamEnd;
use linux_api_wire::api_key::Scope;

/// One open stream of the journal.
#[derive(Debug)]
pub(crate) struct LogReader {
    slot: StreamSlot,
    standing: Standing,
    follower: Follower,
    check: Interval,
    /// When the event before was handed to the connection.
    given: Option<Instant>,
    has_ended: bool,
}

impl Streams {
    /// Opens a stream of the journal for `who`, as [`Streams::open`] does for snapshots.
    ///
    /// # Errors
    /// When there are too many already, and when the journal can't be read.
    pub(crate) async fn follow(
        &self,
        who: String,
        credentials: Credentials,
        journal: &Journal,
        filter: &EntryFilter,
        cursor: Option<LogCursor>,
    ) -> Result<LogReader, ApiError> {
        let slot = StreamSlot::take(&self.0, who)?;
        let follower = journal.follow(filter, cursor).await?;
        let mut check = tokio::time::interval(CHECK_PERIOD);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(LogReader {
            slot,
            standing: Standing::new(credentials),
            follower,
            check,
            given: None,
            has_ended: false,
        })
    }
}

impl LogReader {
    /// The next events, with the reader for those after them; `None` after the last.
    pub(crate) async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.has_ended {
            return None;
        }
        let frame = match self.wait().await {
            Ok(frame) => frame,
            Err(reason) => {
                self.has_ended = true;
                event("end", &reason)
            }
        };
        self.given = Some(Instant::now());
        Some((frame, self))
    }

    /// Waits for something to send, or for a reason to end.
    async fn wait(&mut self) -> Result<Bytes, StreamEnd> {
        let hub = Arc::clone(&self.slot.hub);
        // The connection polls for the next event when it has passed the one before on.
        if self
            .given
            .is_some_and(|given| given.elapsed() > hub.limits.lag)
        {
            let detail = "The client was behind for too long.";
            return Err(end("too_slow", detail));
        }
        let silent_since = Instant::now();
        loop {
            let frame = tokio::select! {
                () = hub.stop.cancelled() => {
                    return Err(end("shutdown", "The daemon stops."));
                }
                _ = self.check.tick() => None,
                entries = self.follower.next() => {
                    let entries = entries.map_err(|error| end("unavailable", &error.to_string()))?;
                    let frames: Vec<Bytes> =
                        entries.iter().map(|entry| event("entry", entry)).collect();
                    Some(Bytes::from(frames.concat()))
                }
                () = tokio::time::sleep_until(silent_since + hub.limits.heartbeat) => {
                    Some(Bytes::from_static(b": heartbeat\n\n"))
                }
            };
            // Also after the wait for entries: a key may have been revoked during it.
            let refusal = hub.guard.refusal(&mut self.standing, &[Scope::LogsRead]);
            if let Some(reason) = refusal.await {
                return Err(reason);
            }
            if let Some(frame) = frame {
                return Ok(frame);
            }
        }
    }
}
