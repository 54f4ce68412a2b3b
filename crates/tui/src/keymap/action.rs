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
    OPEN "open" "enter", "open", "open the chosen row";
    FILTER "filter" "/", "filter", "show only some rows; processes take queries";
    FIND "find" "f3", "", "jump to the next row that holds a text";
    SORT_MENU "sort-menu" "s f6", "sort", "choose the column to sort by";
    SORT_LEFT "sort-left" "<", "", "sort by the column to the left";
    SORT_RIGHT "sort-right" ">", "", "sort by the column to the right";
    REVERSE "reverse" "I", "", "sort the other way round";
}

// On every view.
actions! {
    [FIRST]
    HELP "help" "? f1", "help", "show what the keys do";
    BACK "back" "esc", "", "close what is open, go one level up";
}
actions! {
    [GENERAL]
    FREEZE "freeze" "f", "freeze", "hold everything still";
    PALETTE "palette" ":", "commands", "type a command";
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
    NEXT_VIEW "next-view" "tab", "views", "the next view";
    PREVIOUS_VIEW "previous-view" "backtab", "", "the view before";
}
actions! {
    [LAST]
    NEXT_HOST "next-host" "ctrl-n", "", "the next host";
    PREVIOUS_HOST "previous-host" "ctrl-p", "", "the host before";
    RELOAD "reload" "ctrl-r", "", "ask the host again at once";
    REDRAW "redraw" "ctrl-l", "", "draw the screen anew";
    SUSPEND "suspend" "ctrl-z", "", "back to the shell; fg returns";
    QUIT "quit" "q ctrl-c", "quit", "leave a page that lies over a view, else end";
}

impl KeyAction {
    /// What can be done on every view, in the order of the help.
    pub(crate) fn everywhere() -> impl Iterator<Item = Self> {
        let views = View::ALL.iter().map(|view| view.action());
        let all = FIRST.iter().chain(GENERAL).copied().chain(views);
        all.chain(LAST.iter().copied())
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

    /// Whether both mean something on the same view.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let mut views = View::PLACES.iter();
        views.any(|view| self.is_at(*view) && other.is_at(*view))
    }

    /// The view that it leads to.
    pub(crate) fn view(self) -> Option<View> {
        View::ALL.iter().copied().find(|it| it.action() == self)
    }
}
