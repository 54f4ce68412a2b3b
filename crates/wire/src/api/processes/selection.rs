//! Picks the rows of a page: filter, sort, cut.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::column::{Column, Order};
use super::cursor::ProcessCursor;
use super::value::Value;
use crate::filter::Filter;
use crate::process::{Process, ProcessScan};

/// The most characters of a text that count for its place in the list.
const KEY_CHARACTERS: usize = 64;

/// Which processes to list, and how.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Only those that it picks; none picks all.
    pub filter: Option<Filter>,
    /// The column to sort by; the pid decides among equals.
    pub sort: Column,
    /// Which way.
    pub order: Order,
    /// The most rows.
    pub limit: usize,
    /// Only rows after this place; must be of the same sort and order.
    pub after: Option<ProcessCursor>,
}

/// The rows of a page.
#[derive(Debug, Clone)]
pub struct SelectedRows<'a> {
    /// How many rows the filter picks, on all pages.
    pub total: usize,
    /// The rows of this page, in order.
    pub rows: Vec<&'a Process>,
    /// The place of the last row, when others follow.
    pub next: Option<ProcessCursor>,
}

/// What a list is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key<'a> {
    Number(f64),
    Text(Cow<'a, str>),
    /// The process has no such value; last in both directions.
    Missing,
}

impl Key<'_> {
    fn into_owned(self) -> Key<'static> {
        match self {
            Self::Number(number) => Key::Number(number),
            Self::Text(text) => Key::Text(text.into_owned().into()),
            Self::Missing => Key::Missing,
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Missing => 2,
        }
    }
}

fn compare(one: (&Key<'_>, u32), two: (&Key<'_>, u32), order: Order) -> Ordering {
    let keys = match (one.0, two.0) {
        (Key::Number(one), Key::Number(two)) => directed(one.total_cmp(two), order),
        (Key::Text(one), Key::Text(two)) => directed(one.cmp(two), order),
        (one, two) => one.rank().cmp(&two.rank()),
    };
    keys.then(one.1.cmp(&two.1))
}

const fn directed(ascending: Ordering, order: Order) -> Ordering {
    match order {
        Order::Ascending => ascending,
        Order::Descending => ascending.reverse(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers that only differ beyond 2^53 are sorted by pid"
)]
fn key_of(column: Column, process: &Process, memory_total_bytes: u64) -> Key<'_> {
    if column == Column::StartTime {
        return Key::Number(process.description.start_time.as_millis() as f64);
    }
    match column.value(process, memory_total_bytes) {
        Value::Whole(number) => Key::Number(number as f64),
        Value::Signed(number) => Key::Number(number.into()),
        Value::Number(number) => Key::Number(number),
        Value::Text(text) => Key::Text(cut(text)),
        Value::Missing(_) => Key::Missing,
    }
}

fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(KEY_CHARACTERS) else {
        return text;
    };
    match text {
        Cow::Borrowed(text) => text[..end].into(),
        Cow::Owned(text) => text[..end].to_owned().into(),
    }
}

impl Selection {
    /// The rows of the page, and where the next one begins.
    #[must_use]
    pub fn pick<'a>(&self, scan: &'a ProcessScan) -> SelectedRows<'a> {
        let memory = scan.memory_total_bytes;
        let (sort, order) = (self.sort, self.order);
        let picks = |process: &&Process| {
            let filter = self.filter.as_ref();
            filter.is_none_or(|filter| filter.matches(&process.filter_row(memory)))
        };
        let mut rows: Vec<(Key<'a>, &Process)> = scan
            .processes
            .iter()
            .filter(picks)
            .map(|process| (key_of(sort, process, memory), process))
            .collect();
        let total = rows.len();
        if let Some(after) = &self.after {
            let after = (&after.key, after.pid);
            rows.retain(|(key, process)| compare((key, process.pid), after, order).is_gt());
        }
        let by_place = |one: &(Key<'_>, &Process), two: &(Key<'_>, &Process)| {
            compare((&one.0, one.1.pid), (&two.0, two.1.pid), order)
        };
        let more = rows.len() > self.limit;
        if more && self.limit > 0 {
            // The first page of a long list needs no more than its own rows in order.
            rows.select_nth_unstable_by(self.limit - 1, by_place);
        }
        rows.truncate(self.limit);
        rows.sort_unstable_by(by_place);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|(key, last)| ProcessCursor {
                sort,
                order,
                pid: last.pid,
                key: key.clone().into_owned(),
            });
        SelectedRows {
            total,
            rows: rows.into_iter().map(|(_, process)| process).collect(),
            next,
        }
    }
}
