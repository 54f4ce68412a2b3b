//! Tables: what a host sent, with the query and the time that it answers, and what a person chose to
//! see of it.
//!
//! Rows are never shown under a heading that they do not fit: [`Held`] knows which query its value
//! answers, and what is held is sorted and filtered here, by [`arrange`], while a newer response is on
//! its way, or never comes because the screen is frozen or the host is gone.

mod cursor;

use std::cmp::Ordering;

pub use cursor::{Cursor, Move, first_seen};

/// A column that a table can be sorted by.
pub trait SortColumn: Copy + PartialEq + 'static {
    /// All of them, from left to right.
    const ALL: &'static [Self];

    /// What stands above it.
    fn title(self) -> &'static str;

    /// Whether people want the largest first.
    fn largest_first(self) -> bool;

    /// The column of that title, in any case.
    fn named(title: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|column| column.title().eq_ignore_ascii_case(title))
    }
}

/// By which column rows are sorted, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort<C> {
    /// The column.
    pub column: C,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl<C: SortColumn> Sort<C> {
    /// By this column, the way people want it.
    pub fn by(column: C) -> Self {
        Self {
            column,
            descending: column.largest_first(),
        }
    }

    /// What the heading shows: the title of the column, and whether the largest comes first.
    pub fn heading(self) -> (&'static str, bool) {
        (self.column.title(), self.descending)
    }
}

/// What a person chose on a table: a row, an order, and which rows to see.
#[derive(Debug, Clone)]
pub struct TableState<Id, C> {
    /// The chosen row, and the first one that is seen.
    pub cursor: Cursor<Id>,
    /// The order.
    pub sort: Sort<C>,
    /// Which rows to see; empty for all.
    pub filter: String,
}

impl<Id, C: SortColumn> TableState<Id, C> {
    /// A table that is sorted by this column.
    pub fn new(sort: Sort<C>) -> Self {
        Self {
            cursor: Cursor::default(),
            sort,
            filter: String::new(),
        }
    }

    /// Sorts by a column; the same one again turns the order round.
    pub fn sort_by(&mut self, column: C) {
        if self.sort.column == column {
            self.reverse();
        } else {
            self.sort = Sort::by(column);
        }
    }

    /// Sorts by the column in that place from the left, where there is one.
    pub fn sort_by_place(&mut self, place: usize) {
        if let Some(column) = C::ALL.get(place) {
            self.sort_by(*column);
        }
    }

    /// The place of the column that it is sorted by, from the left.
    pub fn sort_place(&self) -> usize {
        let place = C::ALL.iter().position(|it| *it == self.sort.column);
        place.unwrap_or(0)
    }

    /// Turns the order round.
    pub const fn reverse(&mut self) {
        self.sort.descending = !self.sort.descending;
    }
}

/// The places of the rows to show, in order. Rows that compare as equal keep the order that they
/// came in. Nothing of the rows is copied.
pub fn arrange<T>(
    rows: &[T],
    keeps: impl Fn(&T) -> bool,
    order: Option<impl Fn(&T, &T) -> Ordering>,
) -> Vec<usize> {
    let mut places: Vec<usize> = (0..rows.len()).filter(|it| keeps(&rows[*it])).collect();
    if let Some(order) = order {
        places.sort_by(|one, other| order(&rows[*one], &rows[*other]));
    }
    places
}

/// Compares values of which some are missing: those come last, whichever way it is sorted.
pub fn missing_last<T>(
    one: Option<T>,
    other: Option<T>,
    descending: bool,
    order: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) if descending => order(&other, &one),
        (Some(one), Some(other)) => order(&one, &other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_last_both_ways() {
        let rows = [Some(2), None, Some(9), Some(5)];
        let sorted = |descending| {
            let order = |one: &Option<i32>, other: &Option<i32>| {
                missing_last(*one, *other, descending, i32::cmp)
            };
            arrange(&rows, |_| true, Some(order))
        };
        assert_eq!(sorted(false), [0, 3, 2, 1]);
        assert_eq!(sorted(true), [2, 3, 0, 1]);
        let kept = arrange(&rows, Option::is_some, None::<fn(&_, &_) -> Ordering>);
        assert_eq!(kept, [0, 2, 3]);
    }
}
