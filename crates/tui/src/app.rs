//! The dashboard without terminal, network and clock: `update` takes what happened and says what is
//! to be done; the screens only read.

mod act;
mod feeds;
mod keys;
mod looks;
mod memory;
mod mouse;
mod palette;
mod popup_keys;

pub(crate) use palette::{Suggestion, suggestions};

use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Rect;

use super::change::Change;
use super::display::Display;
use super::freshness::{Freshness, PartFreshness};
use super::host::HostState;
use super::keymap::{KeyPress, Keymap};
use super::message::{AppMessage, ClockReading, Effect, PollPlan};
use super::popups::Popup;
use super::query::{AnyQuery, InfoQuery, MeQuery, SnapshotQuery};
use super::screen::{ScreenStates, View};
use super::theme::Theme;
use linux_api_wire::time::Timestamp;

/// Time between two readings of a host that is not on the screen.
const BACKGROUND: Duration = Duration::from_secs(5);
/// The same while the fleet is not on the screen either.
const FAR_BACKGROUND: Duration = Duration::from_secs(15);
/// How long a note stays in the line at the bottom.
const NOTE: Duration = Duration::from_secs(6);

/// What does not change while it runs, or only by a command.
#[derive(Debug, Clone)]
pub struct DashboardSettings {
    /// Colours and glyphs.
    pub theme: Theme,
    /// Keys.
    pub keymap: Keymap,
    /// Time between two readings of the host on the screen.
    pub every: Duration,
    /// Whether changes are out of the question.
    pub read_only: bool,
    /// What the terminal and the user want of it.
    pub display: Display,
}

/// A line for people that goes away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusNote {
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
    pub now: ClockReading,
    /// Settings.
    pub settings: DashboardSettings,
    /// All hosts.
    pub hosts: Vec<HostState>,
    /// The one that is looked at.
    pub current: usize,
    /// The view that is shown.
    pub view: View,
    /// Width and height of the terminal.
    pub size: (u16, u16),
    /// Since when everything is held still.
    pub frozen: Option<ClockReading>,
    /// What lies over the view, the topmost last.
    pub popups: Vec<Popup>,
    /// The note at the bottom.
    pub note: Option<StatusNote>,
    /// The states of the screens.
    pub screens: ScreenStates,
    /// The text that was searched for last; it is highlighted until Esc.
    pub(crate) found: String,
    /// The commands that were typed, the newest last.
    pub(crate) commands: Vec<String>,
    pressed: Vec<KeyPress>,
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
    pub fn new(hosts: Vec<HostState>, settings: DashboardSettings, size: (u16, u16)) -> Self {
        let view = if hosts.len() > 1 {
            View::Fleet
        } else {
            View::Overview
        };
        Self {
            now: ClockReading::default(),
            settings,
            plans: vec![Arc::default(); hosts.len()],
            hosts,
            current: 0,
            view,
            size,
            frozen: None,
            popups: Vec::new(),
            note: None,
            screens: ScreenStates::default(),
            found: String::new(),
            commands: Vec::new(),
            pressed: Vec::new(),
            has_begun: false,
            opened_host: None,
            last_opened: None,
            changed: true,
        }
    }

    /// The host that is looked at.
    #[must_use]
    pub fn host(&self) -> &HostState {
        &self.hosts[self.current]
    }

    /// Where keys are pressed: the view, or the page that lies over it.
    #[must_use]
    pub fn place(&self) -> View {
        self.view.screen().page(self).unwrap_or(self.view)
    }

    /// Whether the screen has to be drawn again; reading this resets it.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Takes in what happened and says what is to be done about it.
    pub fn update(&mut self, now: ClockReading, message: AppMessage) -> Vec<Effect> {
        let before = self.now;
        self.now = now;
        let mut effects = match message {
            AppMessage::Key(event) => {
                self.changed = true;
                self.on_key(event)
            }
            AppMessage::Mouse(event) => self.on_mouse(event),
            AppMessage::Paste(text) => {
                self.changed = true;
                self.on_paste(&text)
            }
            AppMessage::Resize(width, height) => {
                self.changed = true;
                self.size = (width, height);
                Vec::new()
            }
            AppMessage::Tick => {
                self.changed |= self.time_shows(before);
                Vec::new()
            }
            AppMessage::Host(host, event) => self.on_feed(host, *event),
            AppMessage::Added(added) => {
                self.on_added(*added);
                Vec::new()
            }
        };
        if self
            .note
            .as_ref()
            .is_some_and(|note| now.since_start.saturating_sub(note.since) > NOTE)
        {
            self.note = None;
            self.changed = true;
        }
        // Where nothing is drawn again, no row changed.
        if self.changed {
            self.view.screen().arrange(self);
        }
        self.notice_host(&mut effects);
        self.offer_program();
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
        let now = self.time_of(&self.hosts[host]);
        self.hosts[host].trail.open(now);
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
        for view in View::PLACES {
            view.screen().leave_host(self, seen == Some(*view));
        }
        self.view.screen().arrange(self);
    }

    /// Offers once for each host that is opened and has no linux-api to copy it there.
    fn offer_program(&mut self) {
        let is_time = self.view != View::Fleet && self.popups.is_empty();
        if !is_time || self.settings.read_only || !self.host().lacks_program() {
            return;
        }
        if !std::mem::replace(&mut self.hosts[self.current].was_offered, true) {
            self.changed = true;
            self.confirm(Change::CopyProgram);
        }
    }

    /// Whether the passing of a second can be seen: ages, waits and notes count.
    fn time_shows(&self, before: ClockReading) -> bool {
        let second = |now: ClockReading| now.since_start.as_secs();
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
        // What a narrow key may not read is no fault of a view that does not show it.
        let mut parts = vec![self.part(host, &SnapshotQuery.into())];
        parts[0].error = None;
        let queries = self.view.screen().queries(self);
        parts.extend(queries.iter().map(|query| self.part(host, query)));
        Freshness::of(host, &parts, self.frozen.is_some(), self.now)
    }

    /// How new the readings of a host are.
    #[must_use]
    pub fn freshness_of<'a>(&self, host: &'a HostState) -> Freshness<'a> {
        let readings = self.part(host, &SnapshotQuery.into());
        Freshness::of(host, &[readings], self.frozen.is_some(), self.now)
    }

    fn part<'a>(&self, host: &'a HostState, query: &AnyQuery) -> PartFreshness<'a> {
        let every = query.pace(self.pace(host));
        host.responses.part(query, every, self.now)
    }

    /// Time between two readings of a host.
    #[must_use]
    pub fn pace(&self, host: &HostState) -> Duration {
        if std::ptr::eq(host, self.host()) && self.view != View::Fleet {
            self.settings.every
        } else if self.view == View::Fleet || self.hosts.len() == 1 {
            self.settings.every.max(BACKGROUND)
        } else {
            FAR_BACKGROUND
        }
    }

    /// Adds the plans of hosts that changed. What is held still
    /// needs nothing else.
    fn watch(&mut self, effects: &mut Vec<Effect>) {
        if self.frozen.is_some() {
            return;
        }
        for index in 0..self.hosts.len() {
            let plan = self.plan(index);
            if *self.plans[index] != plan {
                let plan = Arc::new(plan);
                self.plans[index] = Arc::clone(&plan);
                effects.push(Effect::Poll(index, plan));
            }
        }
    }

    fn plan(&self, index: usize) -> PollPlan {
        let mut queries = vec![SnapshotQuery.into(), MeQuery.into()];
        queries.extend(self.view.screen().queries_of(self, index));
        if index == self.current && self.view != View::Fleet {
            queries.push(InfoQuery.into());
            for query in self.view.screen().queries(self) {
                if !queries.contains(&query) {
                    queries.push(query);
                }
            }
        }
        PollPlan {
            every: self.pace(&self.hosts[index]),
            queries,
        }
    }

    /// The time on the clock of a host, which may be another than ours.
    pub(crate) fn time_of(&self, host: &HostState) -> Timestamp {
        let snapshot = host.responses.snapshot.value();
        snapshot.map_or(self.now.wall, |snapshot| snapshot.time)
    }

    /// The area between the tabs and the line at the bottom.
    pub(crate) fn body(&self) -> Rect {
        let (width, height) = self.size;
        Rect::new(0, 2, width, height.saturating_sub(3))
    }

    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.note(text.into(), false);
    }

    pub(crate) fn complain(&mut self, text: impl Into<String>) {
        self.note(text.into(), true);
    }

    pub(crate) fn note(&mut self, text: String, bad: bool) {
        self.changed = true;
        self.note = Some(StatusNote {
            text,
            bad,
            since: self.now.since_start,
        });
    }

    /// How many rows of a table fit, without the lines around it.
    pub(crate) fn page(&self) -> usize {
        usize::from(self.size.1).saturating_sub(5).max(1)
    }
}
