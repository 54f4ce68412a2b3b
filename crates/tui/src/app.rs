//! The dashboard without terminal, network and clock: `update` takes what happened and says what is
//! to be done; the screens only read.

mod act;
mod admin;
mod fleet;
pub mod history;
mod keys;
mod memory;
mod mouse;
mod news;
mod palette;
pub mod popup;
pub mod processes;
mod requests;
pub mod shown;
pub mod state;

pub use act::sort_titles;
pub use palette::suggestions;
pub use requests::RouteRow;

use std::sync::Arc;
use std::time::Duration;

use super::freshness::{Freshness, Part};
use super::host::Host;
use super::keymap::{Key, Keymap};
use super::message::{Effect, Message, Now, PollPlan};
use super::query::{
    AnyQuery, HealthQuery, InfoQuery, KeysQuery, MeQuery, ProcessDetailQuery, ProcessQuery,
    ReadinessQuery, RequestsQuery, SnapshotQuery, UsersQuery,
};
use super::theme::Theme;
use super::view::View;
use history::HistoryState;
use linux_api_wire::api_key::Scope;
use popup::Popup;
use processes::ProcessesState;
use shown::ShownProcesses;
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
    shown: Option<ShownProcesses>,
    pressed: Vec<Key>,
    plans: Vec<Arc<PollPlan>>,
    /// Whether there was an update before.
    has_begun: bool,
    /// The host that a view other than the fleet shows.
    opened_host: Option<usize>,
    /// The host that such a view showed last.
    last_opened: Option<usize>,
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
            plans: vec![Arc::default(); hosts.len()],
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
            shown: None,
            pressed: Vec::new(),
            has_begun: false,
            opened_host: None,
            last_opened: None,
            changed: true,
        }
    }

    /// The host that is looked at.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.hosts[self.current]
    }

    /// Where keys are pressed: the view, or the page that lies over it.
    #[must_use]
    pub fn place(&self) -> View {
        if self.view == View::Processes && self.processes.opened.is_some() {
            View::Process
        } else {
            self.view
        }
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
        self.arrange_processes();
        self.keep_selection();
        self.notice_host(&mut effects);
        self.watch(&mut effects);
        effects
    }

    /// Notices when another host is opened: it is polled at once, and no filter is carried over
    /// unseen.
    fn notice_host(&mut self, effects: &mut Vec<Effect>) {
        let opened = (self.view != View::Fleet).then_some(self.current);
        let before = std::mem::replace(&mut self.opened_host, opened);
        let Some(host) = opened.filter(|_| before != opened) else {
            self.has_begun = true;
            return;
        };
        let last = self.last_opened.replace(host);
        if !std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        if self.frozen.is_none() {
            effects.push(Effect::Reload(host));
        }
        if last.is_none_or(|last| last == host) {
            return;
        }
        // Only a filter that was on the screen before is known to be set.
        let seen = before.map(|_| self.view);
        if seen != Some(View::Processes) {
            self.processes.table.filter.clear();
            self.processes.inverted = false;
        }
        if seen != Some(View::Api) {
            self.api.table.filter.clear();
        }
        if seen != Some(View::Users) {
            self.users.filter.clear();
        }
        self.users.in_keys = false;
        self.processes.opened = None;
        self.arrange_processes();
        self.keep_selection();
    }

    /// Whether the passing of a second can be seen: ages, waits and notes count.
    fn time_shows(&self, before: Now) -> bool {
        let second = |now: Now| now.since_start.as_secs();
        if second(before) == second(self.now) {
            return false;
        }
        if self.view == View::Fleet {
            let mut all = self.hosts.iter();
            all.any(|host| self.freshness_of(host).counts_seconds())
        } else {
            self.freshness().counts_seconds()
        }
    }

    /// How new what the view shows of the current host is.
    #[must_use]
    pub fn freshness(&self) -> Freshness<'_> {
        let host = self.host();
        let mut parts = vec![self.part(host, &AnyQuery::Snapshot(SnapshotQuery))];
        let wanted = self.wanted_by_view(host);
        parts.extend(wanted.iter().map(|wanted| self.part(host, wanted)));
        // What a narrow key may not read is no fault of a view that does not show it.
        if self.view != View::Overview {
            parts[0].error = None;
        }
        Freshness::of(host, &parts, self.frozen.is_some(), self.now)
    }

    /// How new the readings of a host are.
    #[must_use]
    pub fn freshness_of<'a>(&self, host: &'a Host) -> Freshness<'a> {
        let readings = self.part(host, &AnyQuery::Snapshot(SnapshotQuery));
        Freshness::of(host, &[readings], self.frozen.is_some(), self.now)
    }

    fn part<'a>(&self, host: &'a Host, query: &AnyQuery) -> Part<'a> {
        let every = query.pace(self.pace(host));
        host.responses.part(query, every, self.now)
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

    /// Adds what hosts are to be asked for from now on, where that changed. What is held still
    /// needs nothing else.
    fn watch(&mut self, effects: &mut Vec<Effect>) {
        if self.frozen.is_some() {
            return;
        }
        for index in 0..self.hosts.len() {
            let interest = self.interest(index);
            if *self.plans[index] != interest {
                let interest = Arc::new(interest);
                self.plans[index] = Arc::clone(&interest);
                effects.push(Effect::Poll(index, interest));
            }
        }
    }

    fn interest(&self, index: usize) -> PollPlan {
        let host = &self.hosts[index];
        let mut wanted = vec![AnyQuery::Snapshot(SnapshotQuery), AnyQuery::Me(MeQuery)];
        if index == self.current && self.view != View::Fleet {
            wanted.push(AnyQuery::Info(InfoQuery));
            wanted.extend(self.wanted_by_view(host));
        }
        PollPlan {
            every: self.pace(host),
            queries: wanted,
        }
    }

    /// The query of the processes that the view needs.
    #[must_use]
    pub fn process_query(&self) -> ProcessQuery {
        if self.view == View::Overview {
            self.processes.overview_query()
        } else {
            self.processes.query(self.size.1)
        }
    }

    fn wanted_by_view(&self, host: &Host) -> Vec<AnyQuery> {
        match self.view {
            View::Overview => vec![AnyQuery::Processes(self.process_query())],
            View::Processes | View::Process => {
                let query = AnyQuery::Processes(self.process_query());
                let opened = self.processes.opened.as_ref();
                let opened =
                    opened.map(|process| AnyQuery::Process(ProcessDetailQuery(process.pid)));
                [query].into_iter().chain(opened).collect()
            }
            View::Health if host.forbids(Scope::StatsRead).is_none() => {
                vec![
                    AnyQuery::Readiness(ReadinessQuery),
                    AnyQuery::Health(HealthQuery),
                ]
            }
            View::Health => vec![AnyQuery::Readiness(ReadinessQuery)],
            View::Api if host.forbids(Scope::StatsRead).is_none() => {
                vec![AnyQuery::Requests(RequestsQuery(self.minute(host)))]
            }
            View::Fleet | View::Api => Vec::new(),
            View::History => vec![AnyQuery::History(self.history_query(host))],
            View::Users if host.forbids(Scope::UsersAdmin).is_some() => {
                vec![AnyQuery::Keys(KeysQuery(None))]
            }
            View::Users => {
                let keys = self.users.rows.selected.clone();
                let keys = keys.map(|id| AnyQuery::Keys(KeysQuery(Some(id))));
                [AnyQuery::Users(UsersQuery)]
                    .into_iter()
                    .chain(keys)
                    .collect()
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
