//! Pages of the journal.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::time::Duration;

use tokio::process::ChildStdout;
use tokio::time::Instant;

use super::entry::{Parsed, in_short, parse};
use super::lines::{Lines, said};
use super::query::{Direction, EntryFilter, LogCursor, time};
use super::{Journal, JournalError, failure, is_well};
use linux_api_host::units::AnyUnit;
use linux_api_wire::api::logs::{LogEntry, LogPage};
use linux_api_wire::api::units::UnitLogLine;
use linux_api_wire::time::Timestamp;

/// How long a page may take; then it has what was found until then.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// How long the last lines of a unit may take, which are a part of something else.
const LAST_DEADLINE: Duration = Duration::from_secs(2);
/// The most bytes of a page, as the program prints them.
const BYTES: usize = 1 << 20;

/// Which page.
#[derive(Debug, Clone)]
pub(crate) struct PageRequest {
    pub(crate) filter: EntryFilter,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// The page starts right before or after this entry.
    pub(crate) cursor: Option<LogCursor>,
    pub(crate) direction: Direction,
    /// The most entries, at least 1.
    pub(crate) limit: usize,
}

/// What was read of a page, in the order in which it was printed.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Collected {
    pub(super) entries: Vec<Parsed>,
    /// There are more in the direction of reading.
    pub(super) has_more: bool,
    /// The time or the room ran out.
    pub(super) is_partial: bool,
    /// It was the time.
    pub(super) is_late: bool,
    /// All was read that there is.
    pub(super) is_whole: bool,
    /// Where to go on, when that is not at the last entry.
    pub(super) resume: Option<LogCursor>,
    bytes: usize,
}

impl Collected {
    /// Adds an entry; no more are to be read when it does not fit.
    pub(super) fn add(&mut self, parsed: Parsed, bytes: usize, limit: usize) -> ControlFlow<()> {
        if self.entries.len() == limit {
            self.has_more = true;
            return ControlFlow::Break(());
        }
        self.bytes += bytes;
        if self.bytes > BYTES && !self.entries.is_empty() {
            self.has_more = true;
            self.is_partial = true;
            return ControlFlow::Break(());
        }
        self.entries.push(parsed);
        ControlFlow::Continue(())
    }

    pub(super) const fn late(&mut self) {
        self.is_partial = true;
        self.is_late = true;
    }
}

impl PageRequest {
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = self.filter.arguments();
        if self.direction == Direction::Older {
            arguments.push("--reverse".into());
        }
        // Beside a cursor journalctl takes no --since; what it would leave out is left out here.
        match &self.cursor {
            Some(cursor) => arguments.push(cursor.argument()),
            None => arguments.extend(self.since.map(|since| time("--since", since))),
        }
        if self.cursor.is_none() || self.direction == Direction::Newer {
            arguments.extend(self.until.map(|until| time("--until", until)));
        }
        arguments
    }

    /// Reads lines until the page is full or something else ends it.
    async fn collect(&self, lines: &mut Lines<ChildStdout>, until: Instant) -> Collected {
        let mut page = Collected::default();
        let since = self
            .since
            .map(|since| since.as_millis().max(0).unsigned_abs() * 1_000);
        loop {
            let line = match tokio::time::timeout_at(until, lines.next()).await {
                Err(_) => {
                    page.late();
                    return page;
                }
                Ok(Ok(Some(line))) => line,
                // A pipe that can't be read has ended.
                Ok(Ok(None) | Err(_)) => {
                    page.is_whole = true;
                    return page;
                }
            };
            let Some(parsed) = parse(&line) else {
                continue;
            };
            let is_at_cursor = self
                .cursor
                .as_ref()
                .is_some_and(|cursor| cursor.as_str() == parsed.entry.cursor);
            if is_at_cursor {
                continue;
            }
            if since.is_some_and(|since| parsed.usec < since) {
                if self.direction == Direction::Older {
                    return page;
                }
                continue;
            }
            if page.add(parsed, line.len(), self.limit).is_break() {
                return page;
            }
        }
    }

    /// The page as it is sent.
    pub(super) fn finish(&self, collected: Collected) -> LogPage {
        let Collected {
            entries,
            has_more,
            is_partial,
            resume,
            ..
        } = collected;
        let mut items: Vec<LogEntry> = entries.into_iter().map(|one| one.entry).collect();
        if self.direction == Direction::Older {
            items.reverse();
        }
        let has_older = match self.direction {
            Direction::Older => has_more || is_partial,
            // The one of the cursor is older.
            Direction::Newer => self.cursor.is_some(),
        };
        let first = items.first().filter(|_| has_older);
        let mut older_cursor = first.map(|entry| entry.cursor.clone());
        let mut newer_cursor = items.last().map(|entry| entry.cursor.clone());
        if let Some(resume) = resume {
            let cursor = match self.direction {
                Direction::Older => &mut older_cursor,
                Direction::Newer => &mut newer_cursor,
            };
            *cursor = Some(resume.to_string());
        }
        LogPage {
            older_cursor,
            newer_cursor,
            partial: is_partial,
            items,
        }
    }
}

impl Journal {
    /// Reads a page. The child is killed when the caller stops waiting.
    ///
    /// # Errors
    /// When the journal can't be read, when too many read it, and when a value is refused.
    pub(crate) async fn page(&self, request: &PageRequest) -> Result<LogPage, JournalError> {
        if request.filter.grep.is_some() {
            return self.search(request).await;
        }
        self.page_within(request, DEADLINE).await
    }

    async fn page_within(
        &self,
        request: &PageRequest,
        limit: Duration,
    ) -> Result<LogPage, JournalError> {
        let _turn = self.turn().await?;
        let collected = self.read(request, Instant::now() + limit).await?;
        Ok(request.finish(collected))
    }

    /// Reads until a moment, or the end of the page.
    pub(super) async fn read(
        &self,
        request: &PageRequest,
        until: Instant,
    ) -> Result<Collected, JournalError> {
        let mut child = self.start(request.arguments())?;
        let stderr = child.stderr.take();
        let mut collected = Collected::default();
        if let Some(stdout) = child.stdout.take() {
            let mut lines = Lines::new(stdout);
            collected = request.collect(&mut lines, until).await;
        }
        if !collected.is_whole {
            // Enough was read: it would go on for as long as there are entries.
            let _ = child.kill().await;
            return Ok(collected);
        }
        let (said, status) = tokio::join!(said(stderr), child.wait());
        if !is_well(status, &said, &request.filter) {
            return Err(failure(&said));
        }
        if collected.entries.is_empty() {
            // Without entries it is unknown whether there are none or none may be read.
            let journal = self.clone();
            let refusal = tokio::task::spawn_blocking(move || journal.refusal()).await;
            if let Ok(Some(refusal)) = refusal {
                return Err(refusal);
            }
        }
        Ok(collected)
    }

    /// The last lines of a unit's log, oldest first: at most `lines`, and none from before `since`. Takes 2 s
    /// at most.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub(crate) async fn last_lines(
        &self,
        unit: &AnyUnit,
        since: Option<Timestamp>,
        lines: usize,
    ) -> Result<Vec<UnitLogLine>, JournalError> {
        if lines == 0 {
            return Ok(Vec::new());
        }
        let request = PageRequest {
            filter: EntryFilter {
                unit: Some(unit.clone()),
                ..EntryFilter::default()
            },
            since,
            until: None,
            cursor: None,
            direction: Direction::Older,
            limit: lines,
        };
        let page = self.page_within(&request, LAST_DEADLINE).await?;
        Ok(page.items.into_iter().map(in_short).collect())
    }

    /// Whether entries like these can be read, without a look at any: none is from before 1970.
    pub(super) async fn probe(&self, filter: &EntryFilter) -> Result<(), JournalError> {
        let request = PageRequest {
            filter: filter.clone(),
            since: None,
            until: Some(Timestamp::from_millis(0)),
            cursor: None,
            direction: Direction::Newer,
            limit: 1,
        };
        self.page(&request).await.map(|_| ())
    }

    /// The newest entry of all.
    pub(super) async fn newest(&self) -> Result<Option<LogCursor>, JournalError> {
        let request = PageRequest {
            filter: EntryFilter::default(),
            since: None,
            until: None,
            cursor: None,
            direction: Direction::Older,
            limit: 1,
        };
        let page = self.page(&request).await?;
        Ok(page.newer_cursor.and_then(|cursor| cursor.parse().ok()))
    }
}
