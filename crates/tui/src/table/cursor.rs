//! The chosen row of a table, kept by what it is and not by where it stands.

/// Which row is chosen, and which is the first one to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<Id> {
    /// The chosen row.
    pub selected: Option<Id>,
    /// How many rows are above the first one seen.
    pub offset: usize,
    place: usize,
}

impl<Id> Default for Cursor<Id> {
    fn default() -> Self {
        Self {
            selected: None,
            offset: 0,
            place: 0,
        }
    }
}

/// How far to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// So many rows.
    By(isize),
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
}

impl<Id: Clone + PartialEq> Cursor<Id> {
    /// Where the chosen row stands among these.
    #[must_use]
    pub fn position(&self, ids: &[Id]) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        ids.iter().position(|id| id == selected)
    }

    /// Keeps the choice on its row; when that is gone, on the one that stands in its place.
    pub fn keep(&mut self, ids: &[Id], page: usize) {
        let place = match self.position(ids) {
            Some(place) => place,
            None => self.place.min(ids.len().saturating_sub(1)),
        };
        self.choose(ids, place, page);
    }

    /// Moves the choice.
    pub fn go(&mut self, ids: &[Id], by: Move, page: usize) {
        let last = ids.len().saturating_sub(1);
        let place = self.position(ids).unwrap_or(self.place);
        let place = match by {
            Move::Top => 0,
            Move::Bottom => last,
            Move::By(by) => place.saturating_add_signed(by).min(last),
        };
        self.choose(ids, place, page);
    }

    /// Chooses the row that stands there.
    pub fn choose(&mut self, ids: &[Id], place: usize, page: usize) {
        self.selected = ids.get(place).cloned();
        self.place = place;
        self.offset = first_seen(self.offset, place, ids.len(), page);
    }
}

/// The first row to be seen, so that `place` is among `page` rows and no space is wasted.
#[must_use]
pub fn first_seen(offset: usize, place: usize, rows: usize, page: usize) -> usize {
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
        let mut rows = Cursor::default();
        rows.keep(&['a', 'b', 'c'], 10);
        rows.go(&['a', 'b', 'c'], Move::By(1), 10);
        assert_eq!(rows.selected, Some('b'));
        rows.keep(&['x', 'y', 'b', 'a'], 10);
        assert_eq!(rows.selected, Some('b'));
        rows.keep(&['x', 'y', 'z', 'a'], 10);
        assert_eq!(rows.selected, Some('z'), "the one in its place");
        rows.keep(&[], 10);
        assert_eq!(rows.selected, None);
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
