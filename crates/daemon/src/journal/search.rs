//! Searches that take longer than a page may.
//!
//! `journalctl --grep` says nothing until an entry matches, so it is unknown how far it came when its time is up, and
//! the next page would begin at the same place. A search that is not over after some time therefore goes on in steps:
//! spans of time, each twice as long as the one before. After a step it is known that all of it was searched, and the
//! page has a cursor at its end.

use std::collections::HashSet;
use std::ffi::OsString;
use std::time::Duration;

use tokio::time::Instant;

use super::entry::{Parsed, parse};
use super::lines::{Lines, said};
use super::page::{Collected, DEADLINE, PageRequest};
use super::query::{Direction, LogCursor, time_usec};
use super::{Journal, JournalError, failure, is_well};
use linux_api_wire::api::logs::LogPage;
use linux_api_wire::time::Timestamp;

/// How long a search may take that is read at once, in the order of the journal.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long it may go on in steps; the rest is for finding the cursor.
const IN_STEPS: Duration = Duration::from_millis(4_500);
/// The first step.
const STEP: u64 = 60_000_000;

/// Where a search in steps is. Times are in microseconds since 1970.
#[derive(Debug)]
struct Search<'a> {
    request: &'a PageRequest,
    /// What was found before, and is not found again.
    known: HashSet<String>,
    /// The entry that the page starts at.
    start: Option<LogCursor>,
    /// The first moment of the next step.
    place: u64,
    /// The last moment of all.
    end: u64,
    step: u64,
    /// Whether a step was searched to its end.
    is_begun: bool,
}

impl Journal {
    /// Reads a page of what matches a pattern.
    pub(super) async fn search(&self, request: &PageRequest) -> Result<LogPage, JournalError> {
        let _turn = self.turn().await?;
        let begin = Instant::now();
        let mut found = self.read(request, begin + AT_ONCE).await?;
        if found.is_late
            && let Some(mut search) = self.begin(request, &found, begin + DEADLINE).await?
        {
            found.is_late = false;
            found.is_partial = false;
            while !search.step(self, &mut found, begin + IN_STEPS).await? {}
            if found.is_late && found.resume.is_none() {
                // Nothing was found in the last step: it goes on where that began.
                found.resume = search.boundary(self, begin + DEADLINE).await?;
            }
        }
        Ok(request.finish(found))
    }

    /// Prepares the steps; none when there is nothing to search.
    async fn begin<'a>(
        &self,
        request: &'a PageRequest,
        found: &Collected,
        until: Instant,
    ) -> Result<Option<Search<'a>>, JournalError> {
        let usec = |time: Timestamp| time.as_millis().max(0).unsigned_abs() * 1_000;
        let last = found.entries.last();
        let start = match last {
            Some(last) => last.entry.cursor.parse().ok(),
            None => request.cursor.clone(),
        };
        let since = request.since.map(usec);
        // To the end of the millisecond.
        let before = request.until.map(|time| usec(time) + 999);
        let is_older = request.direction == Direction::Older;
        let (first, end) = if is_older {
            (before, since)
        } else {
            (since, before)
        };
        // Both are entries, so that there is one at each place that was reached.
        let place = match &start {
            Some(start) => Some(start.clone()),
            None => self.nearest(is_older, first, until).await?,
        };
        let end = match end {
            Some(end) => Some(end),
            None => self
                .nearest(!is_older, None, until)
                .await?
                .map(|it| it.usec()),
        };
        let (Some(place), Some(end)) = (place.map(|it| it.usec()), end) else {
            return Ok(None);
        };
        Ok(Some(Search {
            request,
            known: found
                .entries
                .iter()
                .map(|one| one.entry.cursor.clone())
                .collect(),
            start,
            place,
            end,
            step: STEP,
            is_begun: false,
        }))
    }

    /// The first entry from a moment on, or back from it, whatever the filter selects.
    async fn nearest(
        &self,
        is_back: bool,
        usec: Option<u64>,
        until: Instant,
    ) -> Result<Option<LogCursor>, JournalError> {
        let mut arguments: Vec<OsString> = Vec::new();
        if is_back {
            arguments.push("--reverse".into());
        }
        let option = if is_back { "--until" } else { "--since" };
        arguments.extend(usec.map(|usec| time_usec(option, usec)));
        let mut child = self.start(arguments)?;
        let mut nearest = None;
        if let Some(stdout) = child.stdout.take() {
            let mut lines = Lines::new(stdout);
            while let Ok(Ok(Some(line))) = tokio::time::timeout_at(until, lines.next()).await {
                if let Some(parsed) = parse(&line) {
                    nearest = parsed.entry.cursor.parse().ok();
                    break;
                }
            }
        }
        let _ = child.kill().await;
        Ok(nearest)
    }
}

impl Search<'_> {
    fn is_older(&self) -> bool {
        self.request.direction == Direction::Older
    }

    /// The earliest and latest moment of the next step, and whether it is the last one.
    fn span(&self) -> (u64, u64, bool) {
        if self.is_older() {
            let low = self.place.saturating_sub(self.step).max(self.end);
            (low, self.place, low == self.end)
        } else {
            let high = self.place.saturating_add(self.step).min(self.end);
            (self.place, high, high == self.end)
        }
    }

    /// Searches the next step; whether the search is over.
    async fn step(
        &mut self,
        journal: &Journal,
        found: &mut Collected,
        until: Instant,
    ) -> Result<bool, JournalError> {
        let (low, high, is_last) = self.span();
        if low > high {
            found.is_whole = true;
            return Ok(true);
        }
        let mut arguments = self.request.filter.arguments();
        if self.is_older() {
            arguments.push("--reverse".into());
        }
        arguments.extend([time_usec("--since", low), time_usec("--until", high)]);
        let mut child = journal.start(arguments)?;
        let stderr = child.stderr.take();
        let count = found.entries.len();
        if let Some(stdout) = child.stdout.take() {
            let mut lines = Lines::new(stdout);
            loop {
                let line = match tokio::time::timeout_at(until, lines.next()).await {
                    Err(_) => {
                        found.late();
                        // What was found in this step is nearer to the place that was reached.
                        let last = found.entries.last().filter(|_| found.entries.len() > count);
                        found.resume = last.and_then(|last| last.entry.cursor.parse().ok());
                        let _ = child.kill().await;
                        return Ok(true);
                    }
                    Ok(Ok(Some(line))) => line,
                    Ok(Ok(None) | Err(_)) => break,
                };
                let Some(parsed) = parse(&line).filter(|parsed| self.is_new(parsed)) else {
                    continue;
                };
                self.known.insert(parsed.entry.cursor.clone());
                if found.add(parsed, line.len(), self.request.limit).is_break() {
                    let _ = child.kill().await;
                    return Ok(true);
                }
            }
        }
        let (said, status) = tokio::join!(said(stderr), child.wait());
        if !is_well(status, &said, &self.request.filter) {
            return Err(failure(&said));
        }
        found.is_whole = is_last;
        // The next one begins a microsecond further.
        self.place = if self.is_older() {
            low.saturating_sub(1)
        } else {
            high.saturating_add(1)
        };
        self.step = self.step.saturating_mul(2);
        self.is_begun = true;
        Ok(is_last)
    }

    /// Whether an entry lies after the start, in the direction of reading, and was not found before.
    fn is_new(&self, parsed: &Parsed) -> bool {
        if self.known.contains(&parsed.entry.cursor) {
            return false;
        }
        let Some(start) = &self.start else {
            return true;
        };
        let Ok(own) = parsed.entry.cursor.parse::<LogCursor>() else {
            return false;
        };
        let ((source, number), (start_source, start_number)) = (own.number(), start.number());
        // Entries of one microsecond differ in their number.
        if source == start_source {
            return if self.is_older() {
                number < start_number
            } else {
                number > start_number
            };
        }
        true
    }

    /// The entry next to what was searched, on the side of the start: one that was searched already.
    async fn boundary(
        &self,
        journal: &Journal,
        until: Instant,
    ) -> Result<Option<LogCursor>, JournalError> {
        if !self.is_begun {
            return Ok(self.start.clone());
        }
        let is_older = self.is_older();
        let usec = if is_older {
            self.place.saturating_add(1)
        } else {
            self.place.saturating_sub(1)
        };
        journal.nearest(!is_older, Some(usec), until).await
    }
}
