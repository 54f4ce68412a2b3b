//! Entries as they are written, for as long as a client listens.

use std::sync::Arc;

use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::sync::OwnedSemaphorePermit;

use super::entry::parse;
use super::lines::{Lines, said};
use super::query::{EntryFilter, LogCursor};
use super::{Journal, JournalError, failure};
use linux_api_wire::api::logs::LogEntry;

/// The most entries that are handed over at once.
const BATCH: usize = 100;

/// A child that follows the journal. It is killed when this is dropped. What is not read yet stays with the
/// child, which waits: nothing is queued and nothing lost.
#[derive(Debug)]
pub(crate) struct Follower {
    child: Child,
    lines: Lines<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// The entry that the client has already.
    after: Option<LogCursor>,
    _turn: OwnedSemaphorePermit,
}

impl Journal {
    /// Follows the journal from right after `cursor`, or from the newest entry.
    ///
    /// # Errors
    /// As those of a page.
    pub(crate) async fn follow(
        &self,
        filter: &EntryFilter,
        cursor: Option<LogCursor>,
    ) -> Result<Follower, JournalError> {
        let turn = Arc::clone(&self.0.followers).try_acquire_owned();
        let turn = turn.map_err(|_| JournalError::Busy)?;
        // What the child would refuse is known before the stream begins.
        self.probe(filter).await?;
        let after = match cursor {
            Some(cursor) => Some(cursor),
            None => self.newest().await?,
        };
        let mut arguments = filter.arguments();
        arguments.push("--follow".into());
        arguments.push(match &after {
            Some(cursor) => cursor.argument(),
            // An empty journal has no place to begin at, and nothing to pass over.
            None => "--lines=all".into(),
        });
        arguments.push("--no-tail".into());
        let mut child = self.start(arguments)?;
        let stderr = child.stderr.take();
        let stdout = child.stdout.take().ok_or_else(|| failure(""))?;
        Ok(Follower {
            child,
            lines: Lines::new(stdout),
            stderr,
            after,
            _turn: turn,
        })
    }
}

impl Follower {
    /// Waits for entries: those that are there, at least one. Cancel safe.
    ///
    /// # Errors
    /// Why there will be no more.
    pub(crate) async fn next(&mut self) -> Result<Vec<LogEntry>, JournalError> {
        let mut entries = Vec::new();
        while entries.is_empty() || (self.lines.has_line() && entries.len() < BATCH) {
            let line = match self.lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) | Err(_) if entries.is_empty() => return Err(self.end().await),
                Ok(None) | Err(_) => break,
            };
            let Some(parsed) = parse(&line) else {
                continue;
            };
            let is_known = self
                .after
                .take()
                .is_some_and(|after| after.as_str() == parsed.entry.cursor);
            if !is_known {
                entries.push(parsed.entry);
            }
        }
        Ok(entries)
    }

    /// Why the child ended.
    async fn end(&mut self) -> JournalError {
        let _ = self.child.start_kill();
        failure(&said(self.stderr.take()).await)
    }
}
