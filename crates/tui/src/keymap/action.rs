//! Everything that a key can do.

use crate::view::View;

/// On which views an action means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On all of them.
    Everywhere,
    /// On these.
    At(&'static [View]),
}

impl Place {
    /// Whether it is one of this action's views.
    #[must_use]
    pub fn is_at(self, view: View) -> bool {
        match self {
            Self::Everywhere => true,
            Self::At(views) => views.contains(&view),
        }
    }

    /// Whether a view is of both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        View::PLACES
            .iter()
            .any(|view| self.is_at(*view) && other.is_at(*view))
    }
}

/// Defines the actions: variant, name in the configuration, place, hint for the footer ("" for
/// none) and help.
macro_rules! actions {
    ($($variant:ident $name:literal $place:expr, $hint:literal, $help:literal;)+) => {
        /// Something that a key can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $help] $variant,)+
        }

        impl Action {
            /// All of them, in the order of the help.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in the configuration and the palette.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it does.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }

            /// Where it means something.
            #[must_use]
            pub const fn place(self) -> Place {
                match self { $(Self::$variant => $place),+ }
            }

            /// One word for the line at the bottom, where it is worth one.
            #[must_use]
            pub const fn hint(self) -> Option<&'static str> {
                let hint = match self { $(Self::$variant => $hint),+ };
                if hint.is_empty() { None } else { Some(hint) }
            }
        }
    };
}

const ALL: Place = Place::Everywhere;
const FLEET: Place = Place::At(&[View::Fleet]);
const PROCESSES: Place = Place::At(&[View::Processes]);
const TABLES: Place = Place::At(&[View::Fleet, View::Processes, View::Api, View::Users]);
const SORTED: Place = Place::At(&[View::Fleet, View::Processes, View::Api]);
const USERS: Place = Place::At(&[View::Users]);
const HISTORY: Place = Place::At(&[View::History]);
const OPENED: Place = Place::At(&[View::Fleet, View::Overview, View::Processes, View::Users]);

actions! {
    Help "help" ALL, "help", "show what the keys do";
    Open "open" OPENED, "open", "open the chosen row";
    Back "back" ALL, "", "close what is open, go one level up";
    Filter "filter" TABLES, "filter", "show only some rows; processes take queries";
    Find "find" TABLES, "", "jump to the next row that holds a text";
    InvertFilter "invert-filter" PROCESSES, "", "turn the filter round";
    FaultsOnly "faults-only" FLEET, "faults", "show only hosts with trouble";
    SortMenu "sort-menu" SORTED, "sort", "choose the column to sort by";
    SortLeft "sort-left" SORTED, "", "sort by the column to the left";
    SortRight "sort-right" SORTED, "", "sort by the column to the right";
    Reverse "reverse" SORTED, "", "sort the other way round";
    SortPid "sort-pid" PROCESSES, "", "sort by process number";
    SortCpu "sort-cpu" PROCESSES, "", "sort by CPU";
    SortMemory "sort-memory" PROCESSES, "", "sort by memory";
    SortTime "sort-time" PROCESSES, "", "sort by CPU time";
    Tree "tree" PROCESSES, "tree", "show who started whom";
    FullCommand "full-command" PROCESSES, "", "show whole command lines or names";
    PercentBase "percent-base" PROCESSES, "", "percent of one core or of the whole machine";
    UserFilter "user-filter" PROCESSES, "user", "narrow to the user of the chosen process";
    KernelThreads "kernel-threads" PROCESSES, "", "show or hide kernel threads";
    AddUser "add-user" USERS, "add", "add a user";
    ToggleActive "toggle-active" USERS, "activate", "activate or deactivate the user";
    ToggleRole "toggle-role" USERS, "role", "make the user an admin or a viewer";
    DeleteUser "delete-user" USERS, "", "delete the user";
    NewKey "new-key" USERS, "new key", "make a key for the user";
    RotateKey "rotate-key" USERS, "rotate", "replace the key; the old one lasts an hour";
    RevokeKey "revoke-key" USERS, "revoke", "end the key at once";
    ZoomIn "zoom-in" HISTORY, "zoom", "show a shorter time";
    ZoomOut "zoom-out" HISTORY, "", "show a longer time";
    Earlier "earlier" HISTORY, "earlier", "go back a little";
    Later "later" HISTORY, "later", "go forward a little";
    MuchEarlier "much-earlier" HISTORY, "", "go back a screen";
    MuchLater "much-later" HISTORY, "", "go forward a screen";
    Live "live" HISTORY, "live", "back to the present";
    Jump "jump" HISTORY, "go to", "go to a time: 03:12, -2h, 2026-11-20";
    Freeze "freeze" ALL, "freeze", "hold everything still";
    Palette "palette" ALL, "commands", "type a command";
    Up "up" ALL, "", "up";
    Down "down" ALL, "", "down";
    Left "left" ALL, "", "left: scroll, collapse, the list beside";
    Right "right" ALL, "", "right: scroll, expand, the list beside";
    Top "top" ALL, "", "to the first row";
    Bottom "bottom" ALL, "", "to the last row";
    PageUp "page-up" ALL, "", "a page up";
    PageDown "page-down" ALL, "", "a page down";
    HalfUp "half-up" ALL, "", "half a page up";
    HalfDown "half-down" ALL, "", "half a page down";
    NextView "next-view" ALL, "views", "the next view";
    PreviousView "previous-view" ALL, "", "the view before";
    Fleet "fleet" ALL, "", "all hosts";
    Overview "overview" ALL, "", "the host at a glance";
    Processes "processes" ALL, "", "its processes";
    Api "api" ALL, "", "requests to its daemon";
    Health "health" ALL, "", "how its daemon does";
    Users "users" ALL, "", "its users and keys";
    History "history" ALL, "", "its past";
    NextHost "next-host" ALL, "", "the next host";
    PreviousHost "previous-host" ALL, "", "the host before";
    Reload "reload" ALL, "", "ask the host again at once";
    Redraw "redraw" ALL, "", "draw the screen anew";
    Suspend "suspend" ALL, "", "back to the shell; fg returns";
    Quit "quit" ALL, "quit", "leave a page that lies over a view, else end";
}

impl Action {
    /// The action of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.name() == name)
    }

    /// The view that it leads to.
    #[must_use]
    pub const fn view(self) -> Option<View> {
        Some(match self {
            Self::Fleet => View::Fleet,
            Self::Overview => View::Overview,
            Self::Processes => View::Processes,
            Self::Api => View::Api,
            Self::Health => View::Health,
            Self::Users => View::Users,
            Self::History => View::History,
            _ => return None,
        })
    }
}
