//! What a person chose on a table. The chosen row is kept by what it is and not by where it stands.

use super::Heading;

/// How far to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// So many rows.
    By(isize),
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
}

/// By which column rows are sorted, and which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sort {
    /// The title of the column; empty where rows stay in the order in which they came.
    pub title: &'static str,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// A row, an order, and which rows to see.
#[derive(Debug, Clone)]
pub struct TableState<Id> {
    /// The chosen row.
    pub selected: Option<Id>,
    /// The order.
    pub sort: Sort,
    /// Which rows to see; empty for all.
    pub filter: String,
    /// How many rows are above the first one seen.
    pub offset: usize,
    /// Whether the first row is the chosen one until a person chooses another, whatever row that is.
    rests_on_top: bool,
    /// Whether no other row is chosen when the chosen one goes.
    pub(crate) is_followed: bool,
    /// The rows, in order.
    ids: Vec<Id>,
    /// Where the chosen row stood last.
    place: usize,
    /// Whether a person chose the row.
    is_moved: bool,
    /// Rows that acts are about together.
    tags: Vec<Id>,
}

impl<Id> Default for TableState<Id> {
    fn default() -> Self {
        Self {
            selected: None,
            sort: Sort::default(),
            filter: String::new(),
            offset: 0,
            rests_on_top: false,
            is_followed: false,
            ids: Vec::new(),
            place: 0,
            is_moved: false,
            tags: Vec::new(),
        }
    }
}

impl<Id: Clone + PartialEq> TableState<Id> {
    /// A table that is sorted by this column.
    pub(crate) fn sorted(title: &'static str, descending: bool) -> Self {
        Self {
            sort: Sort { title, descending },
            ..Self::default()
        }
    }

    /// Whose first row is the chosen one until a person chooses another.
    pub(crate) fn resting(mut self) -> Self {
        self.rests_on_top = true;
        self
    }

    /// Takes the order that was kept under names that begin like this.
    pub(crate) fn restore_sort(&mut self, kept: &toml::Table, name: &str, headings: &[Heading]) {
        let title = kept
            .get(&format!("{name}_sort"))
            .and_then(toml::Value::as_str);
        let mut found = headings.iter().filter(|it| it.sort.is_some());
        if let Some(heading) = found.find(|it| Some(it.title) == title) {
            self.sort.title = heading.title;
        }
        let descending = kept.get(&format!("{name}_descending"));
        let descending = descending.and_then(toml::Value::as_bool);
        self.sort.descending = descending.unwrap_or(self.sort.descending);
    }

    /// Adds the order to what is kept.
    pub(crate) fn save_sort(&self, kept: &mut toml::Table, name: &str) {
        kept.insert(format!("{name}_sort"), self.sort.title.into());
        kept.insert(format!("{name}_descending"), self.sort.descending.into());
    }

    /// The rows, in order.
    pub(crate) fn ids(&self) -> &[Id] {
        &self.ids
    }

    /// Takes the rows, in order. The choice stays on its row; when that is gone, on the one that stands
    /// in its place. Only rows that are not where they were are copied.
    pub(crate) fn set_rows<K: Copy>(&mut self, keys: impl IntoIterator<Item = K>, page: usize)
    where
        Id: PartialEq<K> + From<K>,
    {
        let mut rows = 0;
        for key in keys {
            match self.ids.get_mut(rows) {
                Some(id) if *id == key => {}
                Some(id) => *id = Id::from(key),
                None => self.ids.push(Id::from(key)),
            }
            rows += 1;
        }
        self.ids.truncate(rows);
        let last = rows.saturating_sub(1);
        let place = match self.position() {
            _ if self.rests_on_top && !self.is_moved && !self.is_followed => 0,
            Some(place) => place,
            None if self.is_followed => {
                self.offset = first_seen(self.offset, self.place.min(last), rows, page);
                return;
            }
            None => self.place,
        };
        self.place_at(place.min(last), page);
    }

    /// The tagged rows, in the order in which they were tagged.
    pub(crate) fn tags(&self) -> &[Id] {
        &self.tags
    }

    /// Tags no row that is not any more.
    pub(crate) fn keep_tags(&mut self, keeps: impl Fn(&Id) -> bool) {
        self.tags.retain(keeps);
    }

    /// Chooses a row that no person chose.
    fn place_at(&mut self, place: usize, page: usize) {
        let chosen = self.ids.get(place);
        if self.selected.as_ref() != chosen {
            self.selected = chosen.cloned();
        }
        self.place = place;
        self.offset = first_seen(self.offset, place, self.ids.len(), page);
    }
}

/// A table of any rows.
pub(crate) trait AnyTable {
    /// Where the chosen row stands.
    fn position(&self) -> Option<usize>;
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// How many rows are above the first one seen.
    fn offset(&self) -> usize;
    /// The order.
    fn sort(&self) -> Sort;
    /// Which rows to see; empty for all.
    fn filter(&self) -> &str;
    /// Chooses the row that stands there, so that it is among a page of rows that are seen.
    fn choose(&mut self, place: usize, page: usize);
    /// Moves the choice.
    fn go(&mut self, by: Move, page: usize);
    /// Sets the order.
    fn set_sort(&mut self, sort: Sort);
    /// Sets which rows to see.
    fn set_filter(&mut self, text: &str);
    /// Tags the chosen row, or does not any more, and goes to the next one.
    fn tag_chosen(&mut self, page: usize);
    /// Tags no row; how many were.
    fn untag(&mut self) -> usize;
    /// Whether the row that stands there is tagged.
    fn is_tagged(&self, place: usize) -> bool;

    /// Chooses the row that is seen there; whether it was the chosen one already.
    fn click(&mut self, row: usize, page: usize) -> bool {
        let place = self.offset() + row;
        if place >= self.rows() {
            return false;
        }
        let was_chosen = self.position() == Some(place);
        self.choose(place, page);
        was_chosen
    }

    /// Sorts by a column; the same one again turns the order round.
    fn sort_by(&mut self, heading: &Heading) {
        let sort = self.sort();
        let descending = if sort.title == heading.title {
            !sort.descending
        } else {
            heading.sort.unwrap_or(false)
        };
        self.set_sort(Sort {
            title: heading.title,
            descending,
        });
    }
}

impl<Id: Clone + PartialEq> AnyTable for TableState<Id> {
    fn position(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.ids.iter().position(|id| id == selected)
    }

    fn rows(&self) -> usize {
        self.ids.len()
    }

    fn offset(&self) -> usize {
        self.offset
    }

    fn sort(&self) -> Sort {
        self.sort
    }

    fn filter(&self) -> &str {
        &self.filter
    }

    fn choose(&mut self, place: usize, page: usize) {
        self.is_moved = true;
        self.is_followed = false;
        self.place_at(place, page);
    }

    fn go(&mut self, by: Move, page: usize) {
        let last = self.ids.len().saturating_sub(1);
        let place = self.position().unwrap_or(self.place);
        let place = match by {
            Move::Top => 0,
            Move::Bottom => last,
            Move::By(by) => place.saturating_add_signed(by).min(last),
        };
        self.choose(place, page);
        self.is_moved = by != Move::Top;
    }

    fn set_sort(&mut self, sort: Sort) {
        self.sort = sort;
    }

    fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
    }

    fn tag_chosen(&mut self, page: usize) {
        let Some(place) = self.position() else {
            return;
        };
        let chosen = self.ids[place].clone();
        match self.tags.iter().position(|tag| *tag == chosen) {
            Some(tag) => {
                self.tags.remove(tag);
            }
            None => self.tags.push(chosen),
        }
        self.go(Move::By(1), page);
    }

    fn untag(&mut self) -> usize {
        std::mem::take(&mut self.tags).len()
    }

    fn is_tagged(&self, place: usize) -> bool {
        !self.tags.is_empty() && self.ids.get(place).is_some_and(|id| self.tags.contains(id))
    }
}

/// The first row to be seen, so that `place` is among `page` rows and no space is wasted.
fn first_seen(offset: usize, place: usize, rows: usize, page: usize) -> usize {
    let page = page.max(1);
    let offset = offset.min(place);
    let offset = offset.max((place + 1).saturating_sub(page));
    offset.min(rows.saturating_sub(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_stays_on_its_row_when_others_come_and_go() {
        let mut table: TableState<char> = TableState::default();
        table.set_rows("abc".chars(), 10);
        table.go(Move::By(1), 10);
        assert_eq!(table.selected, Some('b'));
        table.set_rows("xyba".chars(), 10);
        assert_eq!(table.selected, Some('b'));
        table.set_rows("xyza".chars(), 10);
        assert_eq!(table.selected, Some('z'), "the one in its place");
        table.set_rows("".chars(), 10);
        assert_eq!(table.selected, None);
    }

    #[test]
    fn a_choice_that_nobody_made_rests_on_the_first_row() {
        let mut table: TableState<char> = TableState {
            rests_on_top: true,
            ..TableState::default()
        };
        table.set_rows("abc".chars(), 10);
        table.set_rows("cab".chars(), 10);
        assert_eq!(table.selected, Some('c'), "no one chose a");
        table.go(Move::By(1), 10);
        table.set_rows("bca".chars(), 10);
        assert_eq!(table.selected, Some('a'), "a person chose it");
        table.go(Move::Top, 10);
        table.set_rows("cab".chars(), 10);
        assert_eq!(table.selected, Some('c'));
    }

    #[test]
    fn who_follows_a_row_gets_no_other_one() {
        let mut table: TableState<char> = TableState::default();
        table.set_rows("abc".chars(), 10);
        table.is_followed = true;
        table.set_rows("bca".chars(), 10);
        assert_eq!((table.selected, table.position()), (Some('a'), Some(2)));
        table.set_rows("bc".chars(), 10);
        assert_eq!((table.selected, table.position()), (Some('a'), None));
        table.go(Move::By(1), 10);
        assert!(!table.is_followed && table.selected == Some('c'));
    }

    #[test]
    fn tags_stay_on_their_rows() {
        let mut table: TableState<char> = TableState::default();
        table.set_rows("abc".chars(), 10);
        table.tag_chosen(10);
        table.tag_chosen(10);
        assert_eq!((table.tags(), table.selected), (&['a', 'b'][..], Some('c')));
        table.set_rows("cba".chars(), 10);
        assert!(!table.is_tagged(0) && table.is_tagged(1) && table.is_tagged(2));
        table.go(Move::Bottom, 10);
        table.tag_chosen(10);
        assert_eq!(table.tags(), ['b']);
        assert_eq!((table.untag(), table.tags().len()), (1, 0));
    }

    #[test]
    fn the_chosen_row_is_always_seen() {
        for rows in 0..30_usize {
            for page in 0..12 {
                for place in 0..rows {
                    for offset in 0..40 {
                        let first = first_seen(offset, place, rows, page);
                        assert!(first <= place && place < first + page.max(1));
                    }
                }
            }
        }
    }
}
