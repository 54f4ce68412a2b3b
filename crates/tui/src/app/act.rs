//! What keys do on every view; what they do on one is in its module.

use super::App;
use crate::keymap::action::{
    BACK, BOTTOM, COPY, DOWN, FILTER, FIND, FREEZE, GRAPH_SHAPE, HALF_DOWN, HALF_UP, HELP,
    NEXT_HOST, NEXT_MATCH, NEXT_VIEW, PAGE_DOWN, PAGE_UP, PALETTE, PREVIOUS_HOST, PREVIOUS_MATCH,
    PREVIOUS_VIEW, QUIT, REDRAW, RELOAD, REVERSE, SORT_LEFT, SORT_MENU, SORT_RIGHT, SUSPEND, TAG,
    TOP, UNTAG, UP,
};
use crate::keymap::{KeyAction, KeyPress, Lookup};
use crate::message::Effect;
use crate::popups::{Popup, Purpose};
use crate::screen::View;
use crate::table::{AnyTable, Heading, Move, Sort};
use linux_api_wire::harmless::is_harmless;

/// Actions of the view of the past that lead there from everywhere, by name.
const BACK_IN_TIME: [&str; 3] = ["earlier", "much-earlier", "jump"];
/// Those that lead to the present.
const TO_THE_PRESENT: [&str; 3] = ["later", "much-later", "live"];

/// From where a text is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// From the chosen row on, that row included.
    Here,
    /// From the row after the chosen one on.
    Next,
    /// From the row before the chosen one backwards.
    Previous,
}

impl App {
    /// Does what a key is for.
    pub(super) fn act(&mut self, action: KeyAction) -> Vec<Effect> {
        if let Some(view) = action.view() {
            self.show(view);
            return Vec::new();
        }
        let screen = self.place().screen();
        let page = self.page().cast_signed();
        match action {
            // On a page that lies over a view it leads back, as in every other program of its kind.
            QUIT if self.place() != self.view => screen.back(self),
            QUIT => return vec![Effect::Quit],
            SUSPEND => return vec![Effect::Suspend],
            REDRAW => return vec![Effect::Redraw],
            RELOAD => return vec![Effect::Reload(self.current)],
            HELP => self.popups.push(Popup::help()),
            COPY => return self.copy_chosen(),
            NEXT_MATCH => self.find_again(Search::Next),
            PREVIOUS_MATCH => self.find_again(Search::Previous),
            TAG => {
                self.with_table(|table, page| table.tag_chosen(page));
            }
            UNTAG => {
                let tagged = self.with_table(|table, _| table.untag());
                self.say(format!("{} tagged no longer", tagged.unwrap_or_default()));
            }
            // What is highlighted goes first.
            BACK if !self.found.is_empty() && self.place() == self.view => self.found.clear(),
            PALETTE => self.prompt(Purpose::Palette, ""),
            BACK => screen.back(self),
            NEXT_VIEW => self.show(self.view.step(1)),
            PREVIOUS_VIEW => self.show(self.view.step(-1)),
            NEXT_HOST => self.step_host(1),
            PREVIOUS_HOST => self.step_host(-1),
            FREEZE => return self.freeze(),
            GRAPH_SHAPE => self.next_shape(),
            FILTER => {
                let text = screen.filter(self).to_owned();
                self.prompt(Purpose::Filter, &text);
            }
            FIND => self.prompt(Purpose::Find, ""),
            SORT_MENU => {
                let chosen = self.sort_place();
                let view = self.place();
                self.popups.push(Popup::Sort { view, chosen });
            }
            SORT_LEFT => self.sort_by_place(self.place(), self.sort_place().saturating_sub(1)),
            SORT_RIGHT => self.sort_by_place(self.place(), self.sort_place() + 1),
            REVERSE => {
                if let Some(table) = screen.table_mut(self) {
                    let Sort { title, descending } = table.sort();
                    table.set_sort(Sort {
                        title,
                        descending: !descending,
                    });
                }
            }
            UP => screen.go(self, Move::By(-1)),
            DOWN => screen.go(self, Move::By(1)),
            TOP => screen.go(self, Move::Top),
            BOTTOM => screen.go(self, Move::Bottom),
            PAGE_UP => screen.go(self, Move::By(-page)),
            PAGE_DOWN => screen.go(self, Move::By(page)),
            HALF_UP => screen.go(self, Move::By(-(page / 2))),
            HALF_DOWN => screen.go(self, Move::By(page / 2)),
            _ => screen.act(self, action),
        }
        Vec::new()
    }

    /// The columns that a view can be sorted by, from left to right.
    pub(crate) fn sortable(&self, view: View) -> Vec<Heading> {
        let mut headings = view.screen().sort_headings(self);
        headings.retain(|heading| heading.sort.is_some());
        headings
    }

    /// Sorts a view by one of these columns; the same one again turns the order round.
    pub(super) fn sort_by_place(&mut self, view: View, place: usize) {
        if let Some(heading) = self.sortable(view).get(place)
            && let Some(table) = view.screen().table_mut(self)
        {
            table.sort_by(heading);
        }
    }

    /// Sorts by the column of this title.
    pub(crate) fn sort_by_title(&mut self, title: &str) {
        let view = self.place();
        let headings = self.sortable(view);
        let place = headings.iter().position(|it| it.title == title);
        if let Some(place) = place {
            self.sort_by_place(view, place);
        }
    }

    fn sort_place(&self) -> usize {
        let view = self.place();
        let title = view.screen().table(self).map(|table| table.sort().title);
        let headings = self.sortable(view);
        let place = headings.iter().position(|it| Some(it.title) == title);
        place.unwrap_or(0)
    }

    /// Shows a view; one that is about a host shows the one chosen in the fleet.
    pub(crate) fn show(&mut self, view: View) {
        self.close_pages();
        self.view = view;
    }

    /// Closes the pages that lie over views.
    fn close_pages(&mut self) {
        self.screens.process.open(None);
        self.screens.unit.open(None);
        self.screens.deed.close();
        self.screens.alert.open(None);
    }

    /// Ends the filter; whether there was one.
    pub(crate) fn clear_filter(&mut self) -> bool {
        let screen = self.place().screen();
        let has_filter = !screen.filter(self).is_empty();
        if has_filter {
            screen.set_filter(self, "");
        }
        has_filter
    }

    /// Changes the table of the view, with how many rows of it are seen; and follows its choice.
    pub(crate) fn with_table<T>(
        &mut self,
        change: impl FnOnce(&mut dyn AnyTable, usize) -> T,
    ) -> Option<T> {
        let screen = self.place().screen();
        let page = screen.rows_seen(self);
        let result = screen.table_mut(self).map(|table| change(table, page));
        screen.chosen(self);
        result
    }

    fn step_host(&mut self, by: isize) {
        let count = self.hosts.len().cast_signed();
        let next = (self.current.cast_signed() + by).rem_euclid(count);
        self.current = next.unsigned_abs();
        self.close_pages();
        let name = self.host().name.clone();
        self.say(name);
    }

    fn freeze(&mut self) -> Vec<Effect> {
        if self.frozen.take().is_some() {
            return (0..self.hosts.len()).map(Effect::Reload).collect();
        }
        self.frozen = Some(self.now);
        Vec::new()
    }

    /// Does what a key is for that means nothing here: the past is gone into from everywhere, and of other keys it
    /// is said what they are for.
    pub(super) fn act_elsewhere(&mut self, key: KeyPress) -> Vec<Effect> {
        let view = self.place();
        if let Lookup::Action(action) = self.settings.keymap.look_up(View::History, &[key])
            && !action.is_at(view)
        {
            if BACK_IN_TIME.contains(&action.name) {
                self.show(View::History);
                return self.act(action);
            }
            if TO_THE_PRESENT.contains(&action.name) {
                if self.frozen.is_some() {
                    return self.freeze();
                }
                self.say(format!("{key}: this is live, there is nothing newer"));
                return Vec::new();
            }
        }
        let excuse = self.settings.keymap.excuse(view, key);
        self.say(excuse);
        Vec::new()
    }

    /// Offers what is chosen to the clipboard of the terminal.
    fn copy_chosen(&mut self) -> Vec<Effect> {
        let Some(text) = self.place().screen().copied(self) else {
            self.complain("nothing is chosen here that could be copied");
            return Vec::new();
        };
        // It may be pasted into a shell.
        let text: String = text.chars().filter(|it| is_harmless(*it)).collect();
        self.say(format!("sent to the terminal's clipboard: {text}"));
        vec![Effect::Copy(text)]
    }

    /// Searches once more for the text that was searched for last.
    fn find_again(&mut self, search: Search) {
        let text = self.found.clone();
        if text.is_empty() {
            let keys = self.settings.keymap.keys_at(self.place(), FIND);
            let key = keys.into_iter().next();
            self.say(match key {
                Some(key) => format!("nothing was searched for yet: {key} finds a text"),
                None => "there are no rows to search here".to_owned(),
            });
            return;
        }
        if !self.find(&text, search) {
            self.complain(format!("no row holds {text:?}"));
        }
    }

    /// Chooses the next row that holds the text; whether there is one.
    pub(super) fn find(&mut self, text: &str, search: Search) -> bool {
        text.clone_into(&mut self.found);
        let wanted = text.to_lowercase();
        let screen = self.place().screen();
        let Some(table) = screen.table(self).filter(|_| !wanted.is_empty()) else {
            return false;
        };
        let rows = table.rows();
        let from = table.position().unwrap_or(0);
        let holds = |place: &usize| {
            let text = screen.row_text(self, *place);
            text.is_some_and(|text| text.to_lowercase().contains(&wanted))
        };
        let found = match search {
            Search::Here => (from..rows).chain(0..from.min(rows)).find(holds),
            Search::Next => (from + 1..rows).chain(0..(from + 1).min(rows)).find(holds),
            Search::Previous => {
                let before = (0..from.min(rows)).rev();
                before.chain((from.min(rows)..rows).rev()).find(holds)
            }
        };
        if let Some(place) = found {
            self.with_table(|table, page| table.choose(place, page));
        }
        found.is_some()
    }
}
