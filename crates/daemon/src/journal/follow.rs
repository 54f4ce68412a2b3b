//! Entries as they are written, for as long as a client listens.

use std::sync::Arc;

use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::sync::OwnedSemaphorePermit;

use super::entry::parse;
use super::lines::{Lines, said};
use super::query::{EntryFilter, LogCursor};
use super::{Journal, JournalError, failure, is_well};
use linux_api_wire::api::logs::LogEntry;

/// The most entries that are handed over at once.
const BATCH: usize = 100;

/// A child that follows the journal. It is killed when this is dropped. What is not read yet stays with the
/// child, which waits: nothing is queued and nothing lost.
#[derive(Debug)]
pub(crate) struct Follower {
    journal: Journal,
    filter: EntryFilter,
    running: Running,
    /// Whether the child ends at the newest entry. A child that follows leaves out earlier boots, so what is
    /// between the cursor and now is read by one that does not.
    is_catching_up: bool,
    /// The entry that the client has already.
    last: Option<LogCursor>,
    _turn: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Running {
    child: Child,
    lines: Lines<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// Where it began: it prints that entry first.
    from: Option<LogCursor>,
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
        let is_catching_up = cursor.is_some();
        let last = match cursor {
            Some(cursor) => Some(cursor),
            None => self.newest().await?,
        };
        Ok(Follower {
            running: self.run(filter, last.clone(), !is_catching_up)?,
            journal: self.clone(),
            filter: filter.clone(),
            is_catching_up,
            last,
            _turn: turn,
        })
    }

    fn run(
        &self,
        filter: &EntryFilter,
        from: Option<LogCursor>,
        is_following: bool,
    ) -> Result<Running, JournalError> {
        let mut arguments = filter.arguments();
        arguments.push(match &from {
            Some(cursor) => cursor.argument(),
            // An empty journal has no place to begin at, and nothing to pass over.
            None => "--lines=all".into(),
        });
        if is_following {
            arguments.extend(["--follow".into(), "--no-tail".into()]);
        }
        let mut child = self.start(arguments)?;
        let stderr = child.stderr.take();
        let stdout = child.stdout.take().ok_or_else(|| failure(""))?;
        Ok(Running {
            child,
            lines: Lines::new(stdout),
            stderr,
            from,
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
        while entries.is_empty() || (self.running.lines.has_line() && entries.len() < BATCH) {
            let line = match self.running.lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) | Err(_) if entries.is_empty() => {
                    self.go_on().await?;
                    continue;
                }
                Ok(None) | Err(_) => break,
            };
            let Some(parsed) = parse(&line) else {
                continue;
            };
            let from = self.running.from.take();
            let is_known = from.is_some_and(|from| from.as_str() == parsed.entry.cursor);
            if !is_known {
                self.last = parsed.entry.cursor.parse().ok();
                entries.push(parsed.entry);
            }
        }
        Ok(entries)
    }

    /// After the end of a child: follows where the one before has caught up.
    async fn go_on(&mut self) -> Result<(), JournalError> {
        if !self.is_catching_up {
            let _ = self.running.child.start_kill();
            return Err(failure(&said(self.running.stderr.take()).await));
        }
        let status = self.running.child.wait().await;
        let said = said(self.running.stderr.take()).await;
        if !is_well(status, &said, &self.filter) {
            return Err(failure(&said));
        }
        self.running = self.journal.run(&self.filter, self.last.clone(), true)?;
        self.is_catching_up = false;
        Ok(())
    }
}
