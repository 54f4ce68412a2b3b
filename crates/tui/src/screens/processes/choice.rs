//! Which columns of processes a person wants, and in which order.

use super::columns::{self, COMMAND, ProcessColumn};
use crate::table::TableColumn;

/// Fewest cells for the command line: less of it says nothing.
const COMMAND_LEAST: u16 = 12;
/// What gives way first where there is little room.
const FIRST_TO_GO: [&str; 18] = [
    "CGROUP", "START", "SHR", "VIRT", "PRI", "THR", "NI", "TREND", "NAME", "WRITE/s", "READ/s",
    "UNIT", "TIME", "MEM%", "S", "USER", "RES", "CPU%",
];

/// Whether a column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnWish {
    /// Where there is room, and some row has something in it.
    Auto,
    /// Always, as far as there is any room.
    Shown,
    /// Never.
    Hidden,
}

impl ColumnWish {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Auto, "auto"),
        (Self::Shown, "shown"),
        (Self::Hidden, "hidden"),
    ];

    const fn next(self) -> Self {
        match self {
            Self::Auto => Self::Shown,
            Self::Shown => Self::Hidden,
            Self::Hidden => Self::Auto,
        }
    }
}

/// The columns from left to right, but for the command line, which is always the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnChoice(Vec<(&'static str, ColumnWish)>);

impl Default for ColumnChoice {
    fn default() -> Self {
        let headings = TableColumn::headings(&columns::columns());
        let titles = headings.iter().map(|heading| heading.title);
        let chosen = titles.filter(|title| *title != COMMAND);
        Self(chosen.map(|title| (title, ColumnWish::Auto)).collect())
    }
}

impl ColumnChoice {
    /// All of them, in order.
    pub(crate) fn all(&self) -> &[(&'static str, ColumnWish)] {
        &self.0
    }

    /// Wants another thing of a column: automatic, always, never.
    pub(crate) fn change(&mut self, place: usize) {
        if let Some((_, wish)) = self.0.get_mut(place) {
            *wish = wish.next();
        }
    }

    /// Moves a column by one place; where it stands then.
    pub(crate) fn shift(&mut self, place: usize, to_the_right: bool) -> usize {
        let other = if to_the_right {
            place + 1
        } else {
            place.saturating_sub(1)
        };
        if place.max(other) >= self.0.len() {
            return place;
        }
        self.0.swap(place, other);
        other
    }

    /// As it was in the beginning.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether a column is to be shown on a terminal of this width, if there is something in it.
    pub(super) fn wants(&self, title: &str, width: u16) -> bool {
        let wish = self.0.iter().find(|(other, _)| *other == title);
        let columns = columns::columns();
        let from = TableColumn::titled(&columns, title).map_or(0, |it| it.heading().from);
        match wish {
            Some((_, ColumnWish::Shown)) => true,
            Some((_, ColumnWish::Hidden)) => false,
            _ => from <= width,
        }
    }

    /// The columns that are drawn in a table of this width; those that are empty and were not chosen are not.
    pub(super) fn columns<'a>(&self, width: u16, empty: &[&str]) -> Vec<ProcessColumn<'a>> {
        let mut all: Vec<ProcessColumn<'a>> = columns::columns().into_iter().collect();
        let mut shown: Vec<ProcessColumn<'a>> = Vec::new();
        for (title, wish) in &self.0 {
            let Some(place) = all.iter().position(|it| it.heading().title == *title) else {
                continue;
            };
            let column = all.remove(place);
            let is_empty = *wish == ColumnWish::Auto && empty.contains(title);
            if self.wants(title, width) && !is_empty {
                // The wish has been decided on: the table need not do it once more.
                shown.push(column.from(0));
            }
        }
        let used = |shown: &[ProcessColumn<'a>]| -> u16 {
            shown.iter().map(|it| it.heading().width + 1).sum()
        };
        let is_chosen = |title: &'static str| self.0.contains(&(title, ColumnWish::Shown));
        for gives_up_chosen in [false, true] {
            for title in FIRST_TO_GO {
                if used(&shown) + COMMAND_LEAST <= width {
                    break;
                }
                if gives_up_chosen || !is_chosen(title) {
                    shown.retain(|column| column.heading().title != title);
                }
            }
        }
        shown.extend(all.into_iter().filter(|it| it.heading().title == COMMAND));
        shown
    }

    /// As text, for the file of what is kept; nothing where nothing was chosen.
    pub(super) fn saved(&self) -> Option<toml::Value> {
        if *self == Self::default() {
            return None;
        }
        let word = |wish: ColumnWish| {
            let mut words = ColumnWish::ALL.iter();
            words.find(|it| it.0 == wish).map_or("auto", |it| it.1)
        };
        let each = self.0.iter();
        let each = each.map(|(title, wish)| format!("{title} {}", word(*wish)).into());
        Some(toml::Value::Array(each.collect()))
    }

    /// Takes what was kept. Columns that are not named stand where they did, behind the others.
    pub(super) fn restored(kept: Option<&toml::Value>) -> Self {
        let mut rest = Self::default().0;
        let mut chosen = Vec::new();
        let lines = kept.and_then(toml::Value::as_array).into_iter().flatten();
        for line in lines.filter_map(toml::Value::as_str) {
            let Some((title, word)) = line.split_once(' ') else {
                continue;
            };
            let place = rest.iter().position(|(other, _)| *other == title);
            let wish = ColumnWish::ALL.iter().find(|it| it.1 == word);
            if let (Some(place), Some((wish, _))) = (place, wish) {
                chosen.push((rest.remove(place).0, *wish));
            }
        }
        chosen.extend(rest);
        Self(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(choice: &ColumnChoice, width: u16, empty: &[&str]) -> Vec<&'static str> {
        let columns = choice.columns(width, empty);
        columns.iter().map(|it| it.heading().title).collect()
    }

    #[test]
    fn what_gives_way_is_named_once_and_there_is_room_for_the_command_at_every_width() {
        for (title, _) in ColumnChoice::default().all() {
            let named = FIRST_TO_GO.iter().filter(|it| *it == title).count();
            assert_eq!(named, usize::from(*title != "PID"), "{title}");
        }
        let mut all = ColumnChoice::default();
        for place in 0..all.all().len() {
            all.change(place);
        }
        for choice in [ColumnChoice::default(), all] {
            for width in 30..=260 {
                let columns = choice.columns(width, &[]);
                let used: u16 = columns.iter().map(|it| it.heading().width + 1).sum();
                assert!(used - 1 + COMMAND_LEAST <= width, "{width}");
                let last = columns.last().map(|it| it.heading().title);
                assert_eq!(last, Some(COMMAND), "{width}");
            }
        }
    }

    #[test]
    fn empty_columns_are_hidden_unless_they_were_chosen() {
        let mut choice = ColumnChoice::default();
        assert!(titles(&choice, 200, &[]).contains(&"READ/s"));
        assert!(!titles(&choice, 200, &["READ/s"]).contains(&"READ/s"));
        let place = choice.0.iter().position(|it| it.0 == "READ/s").unwrap();
        choice.change(place);
        assert!(titles(&choice, 80, &["READ/s"]).contains(&"READ/s"));
        choice.change(place);
        assert!(!titles(&choice, 200, &[]).contains(&"READ/s"));
    }

    #[test]
    fn a_choice_is_kept_and_a_broken_one_is_none() {
        let mut choice = ColumnChoice::default();
        assert_eq!(choice.saved(), None);
        choice.change(1);
        assert_eq!(choice.shift(1, false), 0);
        assert_eq!(choice.shift(0, false), 0);
        let saved = choice.saved().unwrap();
        assert_eq!(ColumnChoice::restored(Some(&saved)), choice);
        assert_eq!(titles(&choice, 80, &[])[..2], ["USER", "PID"]);
        let broken = toml::Value::Array(vec!["nonsense auto".into(), "PID".into()]);
        assert_eq!(
            ColumnChoice::restored(Some(&broken)),
            ColumnChoice::default()
        );
        choice.reset();
        assert_eq!(choice, ColumnChoice::default());
    }
}
