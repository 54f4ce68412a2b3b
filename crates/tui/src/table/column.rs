//! A column of a table: everything about it in one value.

use std::cmp::Ordering;

use ratatui::style::Style;

use super::missing_last;
use crate::app::App;
use crate::theme::Theme;

/// What a table knows of a column without its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heading {
    /// What stands above it.
    pub(crate) title: &'static str,
    /// Cells; 0 takes what is left, and only the last column may.
    pub(crate) width: u16,
    /// Fewest cells of the table for this column to be shown.
    pub(crate) from: u16,
    /// Whether values stand at its right edge.
    pub(crate) right: bool,
    /// Whether it can be sorted by, and then whether people want the largest first.
    pub(crate) sort: Option<bool>,
    /// What the API calls it; empty where it sorts nothing there.
    pub(crate) field: &'static str,
}

/// What rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SortKey<'a> {
    /// Whole numbers.
    Whole(u64),
    /// Other numbers.
    Number(f64),
    /// Texts.
    Text(&'a str),
}

impl SortKey<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(other),
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            // A column has keys of one kind.
            _ => Ordering::Equal,
        }
    }
}

/// Where a cell stands.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) app: &'a App,
    pub(crate) theme: &'a Theme,
    /// Cells of the column.
    pub(crate) width: usize,
}

impl Spot<'_> {
    /// An ordinary text.
    pub(crate) fn text(&self, text: impl Into<String>) -> TableCell {
        TableCell::new(text, self.theme.text)
    }

    /// A text that is less important.
    pub(crate) fn dim(&self, text: impl Into<String>) -> TableCell {
        TableCell::new(text, self.theme.dim)
    }

    /// A text, or a dash where there is none.
    pub(crate) fn optional(&self, text: Option<String>) -> TableCell {
        text.map_or_else(|| self.dim("-"), |text| self.text(text))
    }
}

/// A column of rows of this type.
pub(crate) struct TableColumn<R> {
    pub(super) heading: Heading,
    pub(super) cell: fn(&Spot<'_>, &R) -> TableCell,
    key: fn(&R) -> Option<SortKey<'_>>,
}

impl<R> TableColumn<R> {
    /// A column of words; the cell is made for a row and where it stands.
    pub(crate) const fn words(
        title: &'static str,
        width: u16,
        cell: fn(&Spot<'_>, &R) -> TableCell,
    ) -> Self {
        let heading = Heading {
            title,
            width,
            from: 0,
            right: false,
            sort: None,
            field: "",
        };
        Self {
            heading,
            cell,
            key: |_| None,
        }
    }

    /// A column of numbers.
    pub(crate) const fn numbers(
        title: &'static str,
        width: u16,
        cell: fn(&Spot<'_>, &R) -> TableCell,
    ) -> Self {
        let mut column = Self::words(title, width, cell);
        column.heading.right = true;
        column
    }

    /// That can be sorted by, the smallest first.
    pub(crate) const fn ascending(mut self, key: fn(&R) -> Option<SortKey<'_>>) -> Self {
        self.heading.sort = Some(false);
        self.key = key;
        self
    }

    /// That can be sorted by, the largest first.
    pub(crate) const fn descending(mut self, key: fn(&R) -> Option<SortKey<'_>>) -> Self {
        self.heading.sort = Some(true);
        self.key = key;
        self
    }

    /// That is shown where the table has at least this many cells.
    pub(crate) const fn from(mut self, width: u16) -> Self {
        self.heading.from = width;
        self
    }

    /// That the API knows by this name.
    pub(crate) const fn field(mut self, field: &'static str) -> Self {
        self.heading.field = field;
        self
    }

    /// What is known of it without rows.
    pub(crate) const fn heading(&self) -> Heading {
        self.heading
    }

    /// Compares two rows; what is missing comes last both ways.
    pub(crate) fn compare(&self, one: &R, other: &R, descending: bool) -> Ordering {
        let (one, other) = ((self.key)(one), (self.key)(other));
        missing_last(one, other, descending, SortKey::compare)
    }

    /// The column of this title.
    pub(crate) fn titled<'a>(columns: &'a [Self], title: &str) -> Option<&'a Self> {
        columns.iter().find(|column| column.heading.title == title)
    }

    /// What is known of these columns without rows.
    pub(crate) fn headings(columns: &[Self]) -> Vec<Heading> {
        columns.iter().map(|column| column.heading).collect()
    }
}

/// A text in a table.
#[derive(Debug, Clone)]
pub(crate) struct TableCell {
    /// What it says; cut to the column.
    pub(crate) text: String,
    /// How it looks.
    pub(crate) style: Style,
}

impl TableCell {
    /// A text that looks like this.
    #[must_use]
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        let text = text.into();
        Self { text, style }
    }
}
