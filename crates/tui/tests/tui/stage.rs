//! A dashboard on a stage: scripted hosts, a clock that stands still, a terminal made of text.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use linux_api_client::error::ClientError;
use linux_api_tui::app::{App, DashboardSettings};
use linux_api_tui::demo::{self, DemoHost};
use linux_api_tui::display::{Display, LocalOffset};
use linux_api_tui::host::HostState;
use linux_api_tui::keymap::Keymap;
use linux_api_tui::message::{AppMessage, ClockReading, Effect, FeedEvent, PollPlan};
use linux_api_tui::query::{AnyQuery, AnyResponse};
use linux_api_tui::sanitize::CleanBackend;
use linux_api_tui::screen::View;
use linux_api_tui::screens;
use linux_api_tui::theme::Theme;
use linux_api_wire::time::{ManualClock, Timestamp};
use linux_api_wire::tui::{Preset, ThemeName};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// What a host says to a question.
pub(crate) type Responder = Box<dyn Fn(&AnyQuery) -> Option<Result<AnyResponse, ClientError>>>;

pub(crate) struct Stage {
    pub(crate) app: App,
    answers: Vec<Responder>,
    clock: ManualClock,
    elapsed: Duration,
    /// What each host is polled for.
    plans: Vec<Arc<PollPlan>>,
    /// Effects other than polls of hosts.
    pub(crate) effects: Vec<Effect>,
}

fn settings() -> DashboardSettings {
    DashboardSettings {
        theme: Theme::new(ThemeName::Default, true, false),
        keymap: Keymap::built_in(Preset::Default),
        every: Duration::from_secs(2),
        read_only: false,
        display: Display {
            local: LocalOffset::Fixed(0),
            ..Display::default()
        },
    }
}

impl Stage {
    /// Hosts with what they say; `width` and `height` of the terminal.
    pub(crate) fn new(hosts: Vec<(HostState, Responder)>, size: (u16, u16)) -> Self {
        let start: Timestamp = "2026-11-23T07:02:00Z".parse().unwrap();
        let (hosts, answers): (Vec<_>, Vec<_>) = hosts.into_iter().unzip();
        let mut stage = Self {
            plans: vec![Arc::default(); answers.len()],
            app: App::new(hosts, settings(), size),
            answers,
            clock: ManualClock::at(start),
            elapsed: Duration::ZERO,
            effects: Vec::new(),
        };
        stage.send(AppMessage::Resize(size.0, size.1));
        stage
    }

    /// The scripted fleet.
    pub(crate) fn fleet(size: (u16, u16)) -> Self {
        Self::of_script(size, |_| true)
    }

    /// One scripted host.
    pub(crate) fn one(size: (u16, u16)) -> Self {
        Self::of_script(size, |name| name == "web-01")
    }

    fn of_script(size: (u16, u16), is_wanted: impl Fn(&str) -> bool) -> Self {
        let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
        let hosts = demo::fleet(&clock.clock()).into_iter();
        let hosts = hosts
            .filter(|(host, _)| is_wanted(&host.name))
            .map(|(host, script)| (host, scripted(script)))
            .collect();
        Self::new(hosts, size)
    }

    /// The hosts of the scripted fleet, all of which respond like this.
    pub(crate) fn fleet_answering(
        size: (u16, u16),
        answer: impl Fn(&AnyQuery) -> Option<Result<AnyResponse, ClientError>> + 'static,
    ) -> Self {
        let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
        let answer = Rc::new(answer);
        let hosts = demo::fleet(&clock.clock()).into_iter();
        let hosts = hosts.map(|(host, _)| {
            let answer = Rc::clone(&answer);
            let answer: Responder = Box::new(move |wanted| answer(wanted));
            (host, answer)
        });
        Self::new(hosts.collect(), size)
    }

    /// One host that responds like this.
    pub(crate) fn answering(
        size: (u16, u16),
        answer: impl Fn(&AnyQuery) -> Option<Result<AnyResponse, ClientError>> + 'static,
    ) -> Self {
        let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
        let (host, _) = demo::fleet(&clock.clock()).remove(0);
        Self::new(vec![(host, Box::new(answer))], size)
    }

    /// What happens, and what follows from it: hosts respond at once.
    pub(crate) fn send(&mut self, message: AppMessage) {
        let mut waiting = vec![message];
        while let Some(message) = waiting.pop() {
            let now = ClockReading {
                since_start: self.elapsed,
                wall: self.clock.clock().now(),
            };
            for effect in self.app.update(now, message) {
                match effect {
                    Effect::Poll(host, plan) => {
                        self.plans[host] = Arc::clone(&plan);
                        for wanted in &plan.queries {
                            waiting.splice(0..0, self.ask(host, wanted));
                        }
                    }
                    other => self.effects.push(other),
                }
            }
        }
    }

    /// A host is polled for all of its plan, and responds.
    pub(crate) fn poll(&mut self, host: usize) {
        let plan = Arc::clone(&self.plans[host]);
        for wanted in &plan.queries {
            for message in self.ask(host, wanted).into_iter().rev() {
                self.send(message);
            }
        }
    }

    fn ask(&self, host: usize, wanted: &AnyQuery) -> Vec<AppMessage> {
        let Some(result) = (self.answers[host])(wanted) else {
            return Vec::new();
        };
        let link = match &result {
            Err(error @ ClientError::Offline { .. }) => FeedEvent::Down {
                error: error.clone(),
                retry_in: Duration::from_secs(8),
            },
            _ => FeedEvent::Up(Duration::from_millis(12)),
        };
        let answer = FeedEvent::Response(wanted.clone(), result);
        // Taken from the end.
        vec![
            AppMessage::Host(host, Box::new(answer)),
            AppMessage::Host(host, Box::new(link)),
        ]
    }

    /// Something happens with the mouse at a place.
    pub(crate) fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) {
        self.send(AppMessage::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
    }

    pub(crate) fn key(&mut self, code: KeyCode) {
        let event = KeyEvent::new(code, KeyModifiers::NONE);
        self.send(AppMessage::Key(event));
    }

    /// Types a text.
    pub(crate) fn keys(&mut self, text: &str) {
        for character in text.chars() {
            self.key(KeyCode::Char(character));
        }
    }

    /// Opens a view by the key of its tab.
    pub(crate) fn show(&mut self, view: View) {
        let place = View::ALL.iter().position(|it| *it == view).unwrap();
        self.keys(["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "W"][place]);
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.elapsed += time;
        self.clock.advance(time);
        self.send(AppMessage::Tick);
    }

    /// The screen as text.
    pub(crate) fn text(&self) -> String {
        self.screen().to_string()
    }

    /// The screen with its colours.
    pub(crate) fn screen(&self) -> TestBackend {
        let (width, height) = self.app.size;
        let backend = CleanBackend::new(
            TestBackend::new(width, height),
            self.app.settings.theme.glyphs.ascii,
        );
        let mut terminal = Terminal::new(backend).unwrap();
        terminal
            .draw(|frame| screens::draw(&self.app, frame))
            .unwrap();
        terminal.backend().inner().clone()
    }
}

/// What a host of the script says.
pub(crate) fn scripted(script: DemoHost) -> Responder {
    Box::new(move |wanted| Some(script.respond(wanted)))
}

/// A host of the script, to change what it says.
pub(crate) fn script() -> DemoHost {
    let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
    demo::fleet(&clock.clock()).remove(0).1
}

pub(crate) fn offline() -> ClientError {
    ClientError::Offline {
        address: "https://web-01.example:8443".to_owned(),
        reason: "timed out".to_owned(),
    }
}

pub(crate) fn refused() -> ClientError {
    ClientError::Refused {
        address: "https://web-01.example:8443".to_owned(),
        status: 401,
        code: "key_invalid".to_owned(),
        detail: "The key is not valid.".to_owned(),
        retry_after: None,
    }
}
