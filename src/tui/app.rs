//! The dashboard without terminal, network and clock: `update` takes what happened and says what is
//! to be done; the screens only read.

mod act;
mod admin;
pub mod history;
mod keys;
mod memory;
mod mouse;
mod news;
mod palette;
pub mod popup;
pub mod processes;
mod requests;
pub mod rows;
pub mod state;

pub use act::sort_titles;
pub use palette::suggestions;
pub use requests::RouteRow;

use std::sync::Arc;
use std::time::Duration;

use super::host::Host;
use super::keymap::{Key, Keymap};
use super::message::{Effect, Interest, Message, Now, Wanted};
use super::theme::Theme;
use super::view::View;
use crate::model::api_key::Scope;
use history::HistoryState;
use popup::Popup;
use processes::ProcessesState;
use state::{ApiState, FleetState, UsersState};

/// How often hosts are asked that are not looked at.
const BACKGROUND: Duration = Duration::from_secs(5);
/// How often they are asked when the fleet is not looked at either.
const FAR_BACKGROUND: Duration = Duration::from_secs(15);
/// How long a note stays in the line at the bottom.
const NOTE: Duration = Duration::from_secs(6);

/// What does not change while it runs, or only by a command.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Colours and glyphs.
    pub theme: Theme,
    /// Keys.
    pub keymap: Keymap,
    /// How often the host that is looked at is asked.
    pub every: Duration,
    /// Whether changes are out of the question.
    pub read_only: bool,
    /// Whether colours may be used at all.
    pub colour: bool,
}

/// A line for people that goes away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What to say.
    pub text: String,
    /// Whether something failed.
    pub bad: bool,
    since: Duration,
}

/// Everything that the screens show.
#[derive(Debug, Clone)]
pub struct App {
    /// The moment of the last update.
    pub now: Now,
    /// Settings.
    pub settings: Settings,
    /// All hosts.
    pub hosts: Vec<Host>,
    /// The one that is looked at.
    pub current: usize,
    /// The view that is shown.
    pub view: View,
    /// Width and height of the terminal.
    pub size: (u16, u16),
    /// Since when everything is held still.
    pub frozen: Option<Now>,
    /// What lies over the view, the topmost last.
    pub popups: Vec<Popup>,
    /// The note at the bottom.
    pub note: Option<Note>,
    /// The view of all hosts.
    pub fleet: FleetState,
    /// The view of processes.
    pub processes: ProcessesState,
    /// The view of requests.
    pub api: ApiState,
    /// The view of users.
    pub users: UsersState,
    /// The view of the past.
    pub history: HistoryState,
    pressed: Vec<Key>,
    watched: Vec<Arc<Interest>>,
    /// Whether there is something new to draw.
    changed: bool,
}

impl App {
    /// The first screen: the fleet when there are several hosts, else the host.
    #[must_use]
    pub fn new(hosts: Vec<Host>, settings: Settings, size: (u16, u16)) -> Self {
        let view = if hosts.len() > 1 {
            View::Fleet
        } else {
            View::Overview
        };
        Self {
            now: Now::default(),
            settings,
            watched: vec![Arc::default(); hosts.len()],
            hosts,
            current: 0,
            view,
            size,
            frozen: None,
            popups: Vec::new(),
            note: None,
            fleet: FleetState::default(),
            processes: ProcessesState::default(),
            api: ApiState::default(),
            users: UsersState::default(),
            history: HistoryState::default(),
            pressed: Vec::new(),
            changed: true,
        }
    }

    /// The host that is looked at.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.hosts[self.current]
    }

    /// Whether the screen has to be drawn anew; asking resets it.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Takes in what happened and says what is to be done about it.
    pub fn update(&mut self, now: Now, message: Message) -> Vec<Effect> {
        let before = self.now;
        self.now = now;
        let mut effects = match message {
            Message::Key(event) => {
                self.changed = true;
                self.on_key(event)
            }
            Message::Mouse(event) => self.on_mouse(event),
            Message::Paste(text) => {
                self.changed = true;
                self.on_paste(&text)
            }
            Message::Resize(width, height) => {
                self.changed = true;
                self.size = (width, height);
                Vec::new()
            }
            Message::Tick => {
                self.changed |= self.time_shows(before);
                Vec::new()
            }
            Message::Host(host, news) => self.on_news(host, *news),
        };
        if self
            .note
            .as_ref()
            .is_some_and(|note| now.since_start.saturating_sub(note.since) > NOTE)
        {
            self.note = None;
            self.changed = true;
        }
        self.keep_selection();
        self.watch(&mut effects);
        effects
    }

    /// Whether the passing of a second can be seen: ages, waits and notes count.
    fn time_shows(&self, before: Now) -> bool {
        use super::host::Link;

        let second = |now: Now| now.since_start.as_secs();
        if second(before) == second(self.now) {
            return false;
        }
        let counts = |host: &Host| {
            !matches!(host.link, Link::Up { .. }) || host.is_stale(self.now, self.pace(host))
        };
        let shown = if self.view == View::Fleet {
            &self.hosts[..]
        } else {
            std::slice::from_ref(self.host())
        };
        self.frozen.is_none() && shown.iter().any(counts)
    }

    /// How often a host is asked for its reading.
    #[must_use]
    pub fn pace(&self, host: &Host) -> Duration {
        if std::ptr::eq(host, self.host()) && self.view != View::Fleet {
            self.settings.every
        } else if self.view == View::Fleet || self.hosts.len() == 1 {
            self.settings.every.max(BACKGROUND)
        } else {
            FAR_BACKGROUND
        }
    }

    /// Adds what hosts are to be asked for from now on, where that changed.
    fn watch(&mut self, effects: &mut Vec<Effect>) {
        for index in 0..self.hosts.len() {
            let interest = self.interest(index);
            if *self.watched[index] != interest {
                let interest = Arc::new(interest);
                self.watched[index] = Arc::clone(&interest);
                effects.push(Effect::Watch(index, interest));
            }
        }
    }

    fn interest(&self, index: usize) -> Interest {
        let host = &self.hosts[index];
        let mut wanted = vec![Wanted::Snapshot, Wanted::Me];
        if index == self.current && self.view != View::Fleet {
            wanted.push(Wanted::Info);
            wanted.extend(self.wanted_by_view(host));
        }
        Interest {
            every: self.pace(host),
            wanted,
        }
    }

    fn wanted_by_view(&self, host: &Host) -> Vec<Wanted> {
        match self.view {
            View::Overview => vec![Wanted::Processes(self.processes.overview_query())],
            View::Processes => {
                let query = Wanted::Processes(self.processes.query(self.size.1));
                let opened = self.processes.opened.as_ref();
                let opened = opened.map(|process| Wanted::Process(process.pid));
                [query].into_iter().chain(opened).collect()
            }
            View::Health if host.forbids(Scope::StatsRead).is_none() => {
                vec![Wanted::Readiness, Wanted::Health]
            }
            View::Health => vec![Wanted::Readiness],
            View::Api if host.forbids(Scope::StatsRead).is_none() => {
                vec![Wanted::Requests(self.minute(host))]
            }
            View::Fleet | View::Api => Vec::new(),
            View::History => vec![Wanted::History(self.history_query(host))],
            View::Users if host.forbids(Scope::UsersAdmin).is_some() => vec![Wanted::Keys(None)],
            View::Users => {
                let keys = self.users.rows.selected.clone();
                let keys = keys.map(|id| Wanted::Keys(Some(id)));
                [Wanted::Users].into_iter().chain(keys).collect()
            }
        }
    }

    fn say(&mut self, text: impl Into<String>) {
        self.note(text.into(), false);
    }

    fn complain(&mut self, text: impl Into<String>) {
        self.note(text.into(), true);
    }

    fn note(&mut self, text: String, bad: bool) {
        self.changed = true;
        self.note = Some(Note {
            text,
            bad,
            since: self.now.since_start,
        });
    }

    /// How many rows of a table fit, without the lines around it.
    fn page(&self) -> usize {
        usize::from(self.size.1).saturating_sub(5).max(1)
    }
}
