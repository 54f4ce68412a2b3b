//! What a screen is, and the list of all screens.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::app::App;
use super::keymap::KeyAction;
use super::query::AnyQuery;
use super::screens;
use super::table::{AnyTable, Heading, Move};

/// The keys of the tabs, from left to right. There are more views than digits.
const TAB_KEYS: [&str; 11] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "W"];

/// All of one screen. Its state is in [`App::screens`]; only what every screen has must be written.
pub(crate) trait Screen: Sync {
    /// What can be done here besides what can be done everywhere, in the order of the help.
    fn actions(&self) -> &'static [KeyAction] {
        &[]
    }

    /// What the host is polled for while it is shown, besides its readings.
    fn queries(&self, _app: &App) -> Vec<AnyQuery> {
        Vec::new()
    }

    /// What each host is polled for while it is shown, the one that is looked at or not.
    fn queries_of(&self, _app: &App, _index: usize) -> Vec<AnyQuery> {
        Vec::new()
    }

    /// Whether what a host says is seen here.
    fn shows(&self, app: &App, index: usize) -> bool {
        index == app.current
    }

    /// Draws the body.
    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>);

    /// Does what a key is for.
    fn act(&self, _app: &mut App, _action: KeyAction) {}

    /// Goes one step back.
    fn back(&self, app: &mut App) {
        if !app.clear_filter() {
            app.show(View::Overview);
        }
    }

    /// Its last part of the path in the header.
    fn crumb(&self, app: &App) -> Option<String> {
        Some(app.view.title().to_lowercase())
    }

    /// The page that lies over it.
    fn page(&self, _app: &App) -> Option<View> {
        None
    }

    /// The table whose rows keys choose.
    fn table<'a>(&self, _app: &'a App) -> Option<&'a dyn AnyTable> {
        None
    }

    /// The same, to change.
    fn table_mut<'a>(&self, _app: &'a mut App) -> Option<&'a mut dyn AnyTable> {
        None
    }

    /// The columns of that table on a terminal of this width, where it can be sorted by some.
    fn headings(&self, _width: u16) -> Vec<Heading> {
        Vec::new()
    }

    /// The columns of what is shown now, where a person can choose by which it is sorted.
    fn sort_headings(&self, _app: &App) -> Vec<Heading> {
        self.headings(0)
    }

    /// The line of the terminal that has the titles of its columns.
    fn heading_line(&self, _app: &App) -> u16 {
        2
    }

    /// How many rows of it are seen.
    fn rows_seen(&self, app: &App) -> usize {
        app.page()
    }

    /// Brings its rows up to date after something changed.
    fn arrange(&self, _app: &mut App) {}

    /// Moves the choice, or what is read.
    fn go(&self, app: &mut App, by: Move) {
        app.with_table(|table, page| table.go(by, page));
    }

    /// Follows the choice of another row.
    fn chosen(&self, _app: &mut App) {}

    /// What a row is found by.
    fn row_text(&self, _app: &App, _place: usize) -> Option<String> {
        None
    }

    /// What is copied of the chosen row; nothing where there is none.
    fn copied(&self, app: &App) -> Option<String> {
        let place = self.table(app)?.position()?;
        self.row_text(app, place)
    }

    /// What is highlighted in its rows besides the text that was searched for.
    fn highlights(&self, app: &App) -> Vec<String> {
        vec![self.filter(app).to_owned()]
    }

    /// The columns as they are drawn at this width, where a person can choose among them.
    fn shown_headings(&self, _app: &App, width: u16) -> Vec<Heading> {
        self.headings(width)
    }

    /// What stands in a badge besides the filter; empty for nothing.
    fn badge(&self, _app: &App) -> String {
        String::new()
    }

    /// Which rows are shown; empty for all.
    fn filter<'a>(&self, app: &'a App) -> &'a str {
        self.table(app).map_or("", AnyTable::filter)
    }

    /// Sets which rows are shown.
    fn set_filter(&self, app: &mut App, text: &str) {
        if let Some(table) = self.table_mut(app) {
            table.set_filter(text);
        }
    }

    /// What is wrong with a filter; nothing when it can be used.
    fn filter_problem(&self, _text: &str) -> Option<String> {
        None
    }

    /// Filters that a person could want here.
    fn filter_examples(&self) -> Vec<String> {
        Vec::new()
    }

    /// The filter that the rows passed that are shown now.
    fn passed_filter(&self, app: &App) -> String {
        self.filter(app).to_owned()
    }

    /// Forgets what was about the host before; a filter that was not seen being set is one of these.
    fn leave_host(&self, app: &mut App, was_shown: bool) {
        if !was_shown {
            self.set_filter(app, "");
        }
    }

    /// Chooses what was clicked on; whether it was chosen already, and is to be opened.
    fn click(&self, app: &mut App, (_, y): (u16, u16)) -> bool {
        app.click_row(y)
    }

    /// What the wheel does there, where it does not move the choice.
    fn wheel(&self, _x: u16, _up: bool) -> Option<KeyAction> {
        None
    }

    /// The actions that the line at the bottom may name.
    fn hinted(&self, _app: &App) -> Vec<KeyAction> {
        self.actions().to_vec()
    }

    /// Why an action is out of the question; nothing when it is not.
    fn forbidden(&self, _app: &App, _action: KeyAction) -> Option<String> {
        None
    }

    /// Adds what is kept from run to run.
    fn save(&self, _app: &App, _kept: &mut toml::Table) {}

    /// Takes up what was kept.
    fn restore(&self, _app: &mut App, _kept: &toml::Table) {}
}

/// The methods of a screen whose rows are those of the table in its state.
macro_rules! own_table {
    ($module:ident) => {
        fn table<'a>(&self, app: &'a App) -> Option<&'a dyn AnyTable> {
            Some(&app.screens.$module.table)
        }

        fn table_mut<'a>(&self, app: &'a mut App) -> Option<&'a mut dyn AnyTable> {
            Some(&mut app.screens.$module.table)
        }
    };
}
pub(crate) use own_table;

/// Makes the views of a list: name, module, screen and state; title, and one for where there is
/// little room; what it is about. Then the pages that lie over a view and have no tab.
macro_rules! views {
    (
        tabs { $($view:ident $module:ident $screen:ident $state:ident, $title:literal $short:literal, $about:literal;)+ }
        pages { $($page:ident $over:ident $page_screen:ident $page_state:ident, $page_title:literal;)* }
    ) => {
        /// One view; the modules of [`screens`] say what each shows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the modules of the same names say it")]
        pub enum View { $($view,)+ $($page,)* }

        /// The states of all screens.
        #[derive(Debug, Clone, Default)]
        #[expect(missing_docs, reason = "the modules of the same names say it")]
        pub struct ScreenStates { $(pub $module: screens::$module::$state,)+ $(pub $over: screens::$over::$page_state,)* }

        impl View {
            /// All that have tabs, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$view,)+];

            /// All places that keys can be pressed at: the tabs, and the pages over them.
            pub const PLACES: &'static [Self] = &[$(Self::$view,)+ $(Self::$page,)*];

            /// The screen, its titles, and the action that opens it without its key.
            const fn parts(self) -> (&'static dyn Screen, [&'static str; 4]) {
                match self {
                    $(Self::$view => {
                        (&screens::$module::$screen, [$title, $short, stringify!($module), $about])
                    })+
                    $(Self::$page => (&screens::$over::$page_screen, [$page_title, $page_title, "", ""]),)*
                }
            }
        }
    };
}

views! {
    tabs {
        Fleet fleet FleetScreen FleetState, "Fleet" "Fleet", "all hosts";
        Overview overview OverviewScreen OverviewState, "Overview" "Over", "the host at a glance";
        Processes processes ProcessesScreen ProcessesState, "Processes" "Proc", "its processes";
        Api api ApiScreen ApiState, "API" "API", "requests to its daemon";
        Health health HealthScreen HealthState, "Health" "Hlth", "how its daemon does";
        Users users UsersScreen UsersState, "Users" "Users", "its users and keys";
        History history HistoryScreen HistoryState, "History" "Hist", "its past";
        Units units UnitsScreen UnitsState, "Units" "Units", "its units of systemd";
        Logs logs LogsScreen LogsState, "Logs" "Logs", "its journal";
        Alerts alerts AlertsScreen AlertsState, "Alerts" "Alrt", "alerts, rules and silences";
        Network network NetworkScreen NetworkState, "Network" "Net", "its interfaces and sockets";
    }
    pages {
        Process process ProcessScreen ProcessState, "Process";
        Unit unit UnitScreen UnitState, "Unit";
        Deed deed DeedScreen DeedState, "Results";
        Alert alert AlertScreen AlertState, "Alert";
    }
}

impl View {
    /// All of it.
    pub(crate) const fn screen(self) -> &'static dyn Screen {
        self.parts().0
    }

    /// What its tab says.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.parts().1[0]
    }

    /// What its tab says where there is little room.
    pub(crate) const fn short_title(self) -> &'static str {
        self.parts().1[1]
    }

    /// The action that opens it.
    pub(crate) fn action(self) -> KeyAction {
        let place = Self::ALL.iter().position(|view| *view == self);
        let [.., name, help] = self.parts().1;
        KeyAction {
            name,
            keys: place.and_then(|place| TAB_KEYS.get(place)).unwrap_or(&""),
            hint: "",
            help,
        }
    }

    /// The view so many tabs further, around the end.
    pub(crate) fn step(self, by: isize) -> Self {
        let place = Self::ALL.iter().position(|view| *view == self);
        let count = Self::ALL.len().cast_signed();
        let next = (place.unwrap_or(0).cast_signed() + by).rem_euclid(count);
        Self::ALL[next.unsigned_abs()]
    }
}
