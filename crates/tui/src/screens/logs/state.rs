//! The lines that are held: the newest page, what came after it, and older pages before it.

use super::query::LogFilter;
use crate::query::{LogsQuery, OlderLogsQuery, Responses};
use crate::table::{AnyTable, Move, TableState};
use linux_api_wire::api::logs::{LogEntry, LogPage};

/// Most lines that are held.
const MOST: usize = 5_000;

/// What of the journal is shown.
#[derive(Debug, Clone)]
pub struct LogsState {
    /// The chosen line, by its cursor.
    pub table: TableState<String>,
    /// Which lines.
    pub filter: LogFilter,
    /// Whether the newest line stays chosen.
    pub following: bool,
    /// Whether long messages are wrapped.
    pub(super) wraps: bool,
    /// How far messages are scrolled to the side.
    pub(super) scroll: usize,
    /// Where older lines are requested from.
    older: Option<String>,
    held: Option<HeldLines>,
}

/// Lines without a gap, oldest first.
#[derive(Debug, Clone)]
struct HeldLines {
    /// Of which host, and which lines.
    of: (usize, LogFilter),
    entries: Vec<LogEntry>,
    /// Leads to older ones; nothing when there are none.
    older_cursor: Option<String>,
    is_partial: bool,
    /// The responses that were taken: newest page, older page.
    taken: [u64; 2],
}

impl Default for LogsState {
    fn default() -> Self {
        Self {
            table: TableState::default(),
            filter: LogFilter::default(),
            following: true,
            wraps: false,
            scroll: 0,
            older: None,
            held: None,
        }
    }
}

impl LogsState {
    /// Shows the lines of a unit and no others, and follows them.
    pub(crate) fn look_at(&mut self, unit: String) {
        self.filter = LogFilter {
            unit: Some(unit),
            ..LogFilter::default()
        };
        self.start_again();
    }

    pub(super) fn has_filter(&self) -> bool {
        self.filter != LogFilter::default()
    }

    pub(super) fn clear_filter(&mut self) {
        self.filter = LogFilter::default();
        self.start_again();
    }

    /// Begins at the newest line, after the filter was changed.
    pub(super) fn start_again(&mut self) {
        self.following = true;
        self.older = None;
        self.scroll = 0;
    }

    fn held_of(&self, host: usize) -> Option<&HeldLines> {
        let held = self.held.as_ref()?;
        (held.of == (host, self.filter.clone())).then_some(held)
    }

    /// The lines of a host that are held.
    pub(super) fn entries(&self, host: usize) -> Option<&[LogEntry]> {
        Some(self.held_of(host)?.entries.as_slice())
    }

    /// Whether the newest lines are polled.
    pub(super) fn wants_newest(&self, host: usize) -> bool {
        self.following || self.held_of(host).is_none()
    }

    /// Where older lines are requested from.
    pub(super) fn wanted_older(&self) -> Option<String> {
        self.older.clone()
    }

    pub(super) fn is_full(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.entries.len() >= MOST)
    }

    /// Whether there is nothing older than what is held.
    pub(super) fn is_at_begin(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.older_cursor.is_none())
    }

    pub(super) fn is_partial(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_partial)
    }

    /// Requests older lines, where there are some and they can be held.
    pub(super) fn want_older(&mut self) {
        if self.is_full() {
            return;
        }
        self.older = self
            .held
            .as_ref()
            .and_then(|held| held.older_cursor.clone());
    }

    /// Takes what came from the host, and brings the table up to date.
    pub(super) fn take(&mut self, host: usize, responses: &Responses, page: usize) {
        if self.held_of(host).is_none() {
            self.held = None;
            self.older = None;
        }
        let query = LogsQuery(self.filter.clone());
        let newest = responses.logs.of(&query);
        let generation = responses.logs.generation();
        if let Some(newest) = newest {
            match &mut self.held {
                None => self.held = Some(HeldLines::new((host, query.0), newest, generation)),
                Some(held) if held.taken[0] != generation => {
                    held.taken[0] = generation;
                    held.append(newest);
                }
                Some(_) => {}
            }
        }
        let before = self.take_older(responses);
        // What is seen stays where it is when older lines come above it.
        self.table.offset += before;
        let held = self.held.as_ref();
        let entries = held.map_or(&[][..], |held| held.entries.as_slice());
        self.table
            .set_rows(entries.iter().map(|entry| entry.cursor.as_str()), page);
        if self.following {
            self.table.go(Move::Bottom, page);
        }
    }

    /// Puts an older page before what is held; how many lines it has.
    fn take_older(&mut self, responses: &Responses) -> usize {
        let (Some(cursor), Some(held)) = (&self.older, &mut self.held) else {
            return 0;
        };
        let query = OlderLogsQuery {
            filter: self.filter.clone(),
            cursor: cursor.clone(),
        };
        let generation = responses.older_logs.generation();
        let Some(page) = responses.older_logs.of(&query) else {
            return 0;
        };
        self.older = None;
        if held.taken[1] == generation || held.older_cursor.as_ref() != Some(&query.cursor) {
            return 0;
        }
        held.taken[1] = generation;
        held.older_cursor.clone_from(&page.older_cursor);
        held.is_partial |= page.partial;
        let mut entries = page.items.clone();
        entries.append(&mut held.entries);
        held.entries = entries;
        page.items.len()
    }
}

impl HeldLines {
    fn new(of: (usize, LogFilter), page: &LogPage, generation: u64) -> Self {
        Self {
            of,
            entries: page.items.clone(),
            older_cursor: page.older_cursor.clone(),
            is_partial: page.partial,
            taken: [generation, 0],
        }
    }

    /// Adds what is new of the newest page. Where lines between were missed, only that page is held.
    fn append(&mut self, page: &LogPage) {
        let last = self.entries.last().map(|entry| entry.cursor.as_str());
        let known = page
            .items
            .iter()
            .rposition(|entry| Some(entry.cursor.as_str()) == last);
        match known {
            Some(place) => {
                let new = page.items[place + 1..].iter().cloned();
                self.entries.extend(new);
                let excess = self.entries.len().saturating_sub(MOST);
                if excess > 0 {
                    self.entries.drain(..excess);
                    // The first one that is held leads on.
                    self.older_cursor = self.entries.first().map(|entry| entry.cursor.clone());
                }
            }
            None if page.items.is_empty() && page.partial => {}
            None => {
                self.entries.clone_from(&page.items);
                self.older_cursor.clone_from(&page.older_cursor);
            }
        }
        self.is_partial = page.partial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(numbers: std::ops::Range<u32>, older: Option<&str>) -> LogPage {
        let items = numbers.map(|number| {
            serde_json::from_value(serde_json::json!({
                "cursor": number.to_string(), "time": "2026-11-23T07:00:00Z", "message": "hello",
                "message_state": "text",
            }))
            .unwrap()
        });
        LogPage {
            items: items.collect(),
            partial: false,
            older_cursor: older.map(str::to_owned),
            newer_cursor: None,
        }
    }

    fn cursors(held: &HeldLines) -> Vec<&str> {
        held.entries.iter().map(|it| it.cursor.as_str()).collect()
    }

    #[test]
    fn new_lines_are_added_once_and_a_page_beyond_a_gap_stands_alone() {
        let mut held = HeldLines::new((0, LogFilter::default()), &page(1..4, Some("1")), 1);
        held.append(&page(2..6, Some("2")));
        assert_eq!(cursors(&held), ["1", "2", "3", "4", "5"]);
        assert_eq!(
            held.older_cursor.as_deref(),
            Some("1"),
            "older pages go before the first"
        );
        held.append(&page(2..6, Some("2")));
        assert_eq!(held.entries.len(), 5);
        held.append(&page(9..11, Some("9")));
        assert_eq!(cursors(&held), ["9", "10"], "what is between was not read");
        assert_eq!(held.older_cursor.as_deref(), Some("9"));
    }

    #[test]
    fn no_more_is_held_than_can_be_and_what_was_dropped_is_read_again() {
        let most = u32::try_from(MOST).unwrap();
        let mut held = HeldLines::new((0, LogFilter::default()), &page(0..most, None), 1);
        held.append(&page(most - 10..most + 10, Some("x")));
        assert_eq!(held.entries.len(), MOST);
        assert_eq!(held.older_cursor.as_deref(), Some("10"));
    }
}
