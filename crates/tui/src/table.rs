//! The one table. A [`TableColumn`] is a title, a width, an order and a text; a [`TableState`] is what a
//! person chose: a row, an order, and which rows to see; a [`TableView`] is what of it is drawn.
//!
//! Rows stay where they are: what is sorted and filtered are their places.

mod column;
mod state;
mod view;

pub(crate) use column::{Heading, SortKey, Spot, TableCell, TableColumn};
pub(crate) use state::AnyTable;
pub(crate) use state::{Move, Sort, TableState};
pub(crate) use view::{TableView, fit, heading_at};

use std::cmp::Ordering;

/// The places of the rows to show, in order. Rows that compare as equal keep the order that they
/// came in. Nothing of the rows is copied.
pub(crate) fn arrange<'a, T>(
    rows: &'a [T],
    keeps: impl Fn(&'a T) -> bool,
    order: Option<impl Fn(&'a T, &'a T) -> Ordering>,
) -> Vec<usize> {
    let mut places: Vec<usize> = (0..rows.len()).filter(|it| keeps(&rows[*it])).collect();
    if let Some(order) = order {
        places.sort_by(|one, other| order(&rows[*one], &rows[*other]));
    }
    places
}

/// Compares values of which some are missing: those come last, whichever way it is sorted.
pub(crate) fn missing_last<T>(
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
