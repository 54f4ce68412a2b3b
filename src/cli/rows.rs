//! Rows in every format: tables for people, JSON for programs, names for shells.

mod layout;

use serde::Serialize;

use super::globals::Format;
use super::{Context, output};
use layout::{Head, Look, lay_out};

pub(super) use layout::{clean, paint};

/// How good or bad a cell is, as its colour says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing to say.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Needs attention.
    Warn,
    /// Needs attention now.
    Bad,
}

impl Tone {
    /// What a part in percent says of something that should not be full.
    pub(super) fn of_percent(value: f64) -> Self {
        match value {
            value if value >= 90.0 => Self::Bad,
            value if value >= 75.0 => Self::Warn,
            _ => Self::Plain,
        }
    }

    /// The sequence that begins it; none for plain text.
    const fn sequence(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("\u{1b}[32m"),
            Self::Warn => Some("\u{1b}[33m"),
            Self::Bad => Some("\u{1b}[31m"),
        }
    }
}

/// One field of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text with a colour.
    pub(super) fn new(text: impl Into<String>, tone: Tone) -> Self {
        let text = text.into();
        Self { text, tone }
    }

    /// Without its colour.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// A column of a table.
#[derive(Debug)]
pub(super) struct Column<T> {
    title: &'static str,
    is_number: bool,
    is_wide: bool,
    is_cut: bool,
    cell: fn(&T) -> Cell,
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

impl<T> Column<T> {
    /// A text, which is never cut.
    pub(super) const fn text(title: &'static str, cell: fn(&T) -> Cell) -> Self {
        Self {
            title,
            is_number: false,
            is_wide: false,
            is_cut: false,
            cell,
        }
    }

    /// A number, flush right.
    pub(super) const fn number(title: &'static str, cell: fn(&T) -> Cell) -> Self {
        Self {
            is_number: true,
            ..Self::text(title, cell)
        }
    }

    /// A text that is cut where the terminal is too narrow.
    pub(super) const fn long(title: &'static str, cell: fn(&T) -> Cell) -> Self {
        Self {
            is_cut: true,
            ..Self::text(title, cell)
        }
    }

    /// A text that only `-o wide` shows.
    pub(super) const fn wide(title: &'static str, cell: fn(&T) -> Cell) -> Self {
        Self {
            is_wide: true,
            ..Self::text(title, cell)
        }
    }

    /// A number that only `-o wide` shows.
    pub(super) const fn wide_number(title: &'static str, cell: fn(&T) -> Cell) -> Self {
        Self {
            is_wide: true,
            ..Self::number(title, cell)
        }
    }
}

/// How rows of one kind are shown.
#[derive(Debug)]
pub(super) struct Listing<T> {
    /// All columns, in their order.
    pub(super) columns: Vec<Column<T>>,
    /// What a row is called, for `-o name`; empty when it is called as its host is. Among many hosts the
    /// host's name and a slash go before it.
    pub(super) name: fn(&T) -> String,
    /// What a table says when there are no rows.
    pub(super) empty: String,
}

/// A row for programs, with the host that it is of.
#[derive(Debug, Serialize)]
pub(super) struct HostRow<'a, T> {
    host: &'a str,
    #[serde(flatten)]
    row: &'a T,
}

/// A row for programs.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum JsonRow<'a, T> {
    /// Of a host among many.
    Host(HostRow<'a, T>),
    /// Of the only host.
    Plain(&'a T),
}

impl<'a, T> JsonRow<'a, T> {
    /// With the name of its host, where there may be many.
    pub(super) const fn new(host: Option<&'a str>, row: &'a T) -> Self {
        match host {
            Some(host) => Self::Host(HostRow { host, row }),
            None => Self::Plain(row),
        }
    }
}

impl<T> Listing<T> {
    /// The table of rows that are of no host in particular.
    pub(super) fn in_words(&self, ctx: &Context, rows: &[T]) -> String {
        let rows: Vec<(Option<&str>, &T)> = rows.iter().map(|row| (None, row)).collect();
        self.table(ctx, &rows, false)
    }

    fn table(&self, ctx: &Context, rows: &[(Option<&str>, &T)], has_hosts: bool) -> String {
        let is_wide = ctx.format() == Format::Wide;
        let columns: Vec<&Column<T>> = self
            .columns
            .iter()
            .filter(|column| is_wide || !column.is_wide)
            .collect();
        let mut heads: Vec<Head> = columns
            .iter()
            .map(|column| Head {
                title: column.title,
                is_number: column.is_number,
                is_cut: column.is_cut,
            })
            .collect();
        if has_hosts {
            heads.insert(0, Head::text("HOST"));
        }
        let cells: Vec<Vec<Cell>> = rows
            .iter()
            .map(|(host, row)| {
                let host = has_hosts.then(|| Cell::from(host.unwrap_or_default()));
                let own = columns.iter().map(|column| (column.cell)(row));
                host.into_iter().chain(own).collect()
            })
            .collect();
        let look = Look {
            width: ctx.width(),
            color: ctx.has_color(),
            utf8: ctx.speaks_utf8(),
        };
        lay_out(&heads, cells, &look)
    }
}

impl<T: Serialize> Listing<T> {
    /// Prints rows that are of no host in particular.
    ///
    /// # Errors
    /// When the output can't be written.
    pub(super) fn print(&self, ctx: &Context, rows: &[T]) -> anyhow::Result<()> {
        let rows: Vec<(Option<&str>, &T)> = rows.iter().map(|row| (None, row)).collect();
        self.print_all(ctx, &rows, false, true)
    }

    /// Prints rows, each with its host where there may be many; with `says_empty` a table without rows
    /// says so.
    ///
    /// # Errors
    /// When the output can't be written.
    pub(super) fn print_all(
        &self,
        ctx: &Context,
        rows: &[(Option<&str>, &T)],
        has_hosts: bool,
        says_empty: bool,
    ) -> anyhow::Result<()> {
        match ctx.format() {
            Format::Json => {
                let all = rows.iter().map(|(host, row)| JsonRow::new(*host, *row));
                output::json(&all.collect::<Vec<_>>())
            }
            Format::Jsonl => rows
                .iter()
                .try_for_each(|(host, row)| output::json_line(&JsonRow::new(*host, *row))),
            Format::Name => rows.iter().try_for_each(|(host, row)| {
                let name = (self.name)(row);
                let name = match host {
                    Some(host) if name.is_empty() => (*host).to_owned(),
                    Some(host) => format!("{host}/{name}"),
                    None => name,
                };
                output::text(&clean(&name))
            }),
            Format::Table | Format::Wide if rows.is_empty() => {
                if says_empty {
                    output::text(&self.empty)?;
                }
                Ok(())
            }
            Format::Table | Format::Wide => output::styled(&self.table(ctx, rows, has_hosts)),
        }
    }
}
