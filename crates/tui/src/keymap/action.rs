//! What keys can do: on every view, and on those with a table. What a single view can do besides is in
//! its directory.

use crate::screen::View;

/// Something that a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyAction {
    /// Its name in the configuration and the palette.
    pub name: &'static str,
    /// Its keys in the default preset, with spaces between them; two keys in a row have a comma.
    pub keys: &'static str,
    /// One word for the line at the bottom; empty where it is not worth one.
    pub hint: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// Defines actions: constant, name, keys, hint and help; and a list of them where it has a name.
macro_rules! actions {
    ([$list:ident] $($action:ident $name:literal $keys:literal, $hint:literal, $help:literal;)+) => {
        $crate::keymap::action::actions! { $($action $name $keys, $hint, $help;)+ }
        const $list: &[$crate::keymap::KeyAction] = &[$($action),+];
    };
    ($($action:ident $name:literal $keys:literal, $hint:literal, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub(crate) const $action: $crate::keymap::KeyAction = $crate::keymap::KeyAction {
                name: $name,
                keys: $keys,
                hint: $hint,
                help: $help,
            };
        )+
    };
}
pub(crate) use actions;

// Where a view has rows.
actions! {
    [ROWS]
    OPEN "open" "enter", "open", "open the chosen row";
    FILTER "filter" "/ f4", "filter", "show only some rows; processes take queries";
    FIND "find" "f3", "", "jump to the next row that holds a text";
    SORT_MENU "sort-menu" "s f6", "sort", "choose the column to sort by";
    SORT_LEFT "sort-left" "<", "", "sort by the column to the left";
    SORT_RIGHT "sort-right" ">", "", "sort by the column to the right";
    REVERSE "reverse" "I", "", "sort the other way round";
    TAG "tag" "space", "", "tag the row; acts go to all tagged ones";
    UNTAG "untag" "U", "", "tag no row";
}

// On every view.
actions! {
    [FIRST]
    HELP "help" "? f1", "help", "show what the keys do";
    BACK "back" "esc backspace", "", "close what is open, go one level up";
}
actions! {
    [MOVES]
    UP "up" "up k", "", "up";
    DOWN "down" "down j", "", "down";
    LEFT "left" "left h", "", "left: scroll, collapse, the list beside";
    RIGHT "right" "right l", "", "right: scroll, expand, the list beside";
    TOP "top" "home g,g", "", "to the first row";
    BOTTOM "bottom" "end G", "", "to the last row";
    PAGE_UP "page-up" "pageup ctrl-b", "", "a page up";
    PAGE_DOWN "page-down" "pagedown ctrl-f", "", "a page down";
    HALF_UP "half-up" "ctrl-u", "", "half a page up";
    HALF_DOWN "half-down" "ctrl-d", "", "half a page down";
    NEXT_MATCH "next-match" "n", "", "the next row that holds the text";
    PREVIOUS_MATCH "previous-match" "N", "", "the row before that holds it";
}
actions! {
    [PLACES]
    NEXT_VIEW "next-view" "tab", "views", "the next view";
    PREVIOUS_VIEW "previous-view" "backtab", "", "the view before";
    NEXT_HOST "next-host" "ctrl-n", "", "the next host";
    PREVIOUS_HOST "previous-host" "ctrl-p", "", "the host before";
}
actions! {
    [GENERAL]
    FREEZE "freeze" "f", "freeze", "hold everything still";
    PALETTE "palette" ":", "commands", "type a command";
    COPY "copy" "y", "", "copy the chosen row to the clipboard";
    GRAPH_SHAPE "graph-shape" "ctrl-g", "", "graphs of dots, of blocks, or as a line";
    RELOAD "reload" "ctrl-r", "", "poll the host again at once";
    REDRAW "redraw" "ctrl-l", "", "draw the screen again";
    SUSPEND "suspend" "ctrl-z", "", "back to the shell; fg returns";
    QUIT "quit" "q f10 ctrl-c", "quit", "leave a page that lies over a view, else end";
}

/// Actions by what they are for, as the help has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HelpGroup {
    /// What a view alone can do.
    View,
    /// Rows: finding, filtering, sorting, tagging.
    Rows,
    /// Moving the choice.
    Moves,
    /// Other views and hosts.
    Places,
    /// The program itself.
    General,
}

impl KeyAction {
    /// What can be done on every view, in the order of the hints: the last one always finds room.
    pub(crate) fn everywhere() -> impl Iterator<Item = Self> {
        let views = View::ALL.iter().map(|view| view.action());
        let general = GENERAL.iter().filter(|action| **action != QUIT);
        let all = FIRST.iter().chain(general).chain(MOVES).chain(PLACES);
        all.copied().chain(views).chain([QUIT])
    }

    /// What it is for.
    pub(crate) fn group(self) -> HelpGroup {
        let is_in = |list: &[Self]| list.contains(&self);
        match self {
            _ if is_in(ROWS) => HelpGroup::Rows,
            _ if is_in(MOVES) => HelpGroup::Moves,
            _ if is_in(PLACES) || self.view().is_some() => HelpGroup::Places,
            _ if is_in(FIRST) || is_in(GENERAL) => HelpGroup::General,
            _ => HelpGroup::View,
        }
    }

    /// Whether it can be done on every view.
    pub(crate) fn is_general(self) -> bool {
        Self::everywhere().any(|it| it == self)
    }

    /// What can be done on a view, what can be done everywhere left out.
    pub(crate) fn here(view: View) -> impl Iterator<Item = Self> {
        view.screen().actions().iter().copied()
    }

    /// All actions.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![HELP, OPEN, BACK];
        let views = View::PLACES.iter().flat_map(|view| Self::here(*view));
        for action in views.chain(Self::everywhere()) {
            if !all.contains(&action) {
                all.push(action);
            }
        }
        all
    }

    /// The action of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|it| it.name == name)
    }

    /// Whether it means something on a view.
    #[must_use]
    pub fn is_at(self, view: View) -> bool {
        Self::here(view)
            .chain(Self::everywhere())
            .any(|it| it == self)
    }

    /// Whether a view has it for itself: its keys there go before those of what can be done everywhere.
    pub(crate) fn is_own_of(self, view: View) -> bool {
        Self::here(view).any(|it| it == self)
    }

    /// Whether both mean something on the same view.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let mut views = View::PLACES.iter();
        views.any(|view| self.is_at(*view) && other.is_at(*view))
    }

    /// Whether one key can't be for both: a view has both for itself, or both are for every view.
    #[cfg(test)]
    pub(super) fn clashes(self, other: Self) -> bool {
        let mut views = View::PLACES.iter();
        views.any(|view| {
            self.is_at(*view)
                && other.is_at(*view)
                && self.is_own_of(*view) == other.is_own_of(*view)
        })
    }

    /// The view that it leads to.
    pub(crate) fn view(self) -> Option<View> {
        View::ALL.iter().copied().find(|it| it.action() == self)
    }
}
