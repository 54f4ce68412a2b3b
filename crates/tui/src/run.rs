//! The loop: input, news and time go in, effects come out, and what changed is drawn.

use std::io;
use std::pin::pin;
use std::time::Duration;

use crossterm::event::Event;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::RemoteAdder;
use super::app::App;
use super::feed::{Feed, HostSource, QUEUE};
use super::input;
use super::message::{AppMessage, ClockReading, Effect};
use super::outbox::Outbox;
use super::screens;
use super::terminal::TerminalGuard;
use linux_api_wire::time::Clock;

/// Shortest time between two drawings: 30 a second.
const FRAME: Duration = Duration::from_millis(33);
/// How often the passing of time is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait for input or news when nothing is to be drawn.
const LONG: Duration = Duration::from_hours(1);

struct TerminalSignals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    stop: Signal,
    go_on: Signal,
    resize: Signal,
}

/// What a signal is for.
enum SignalRequest {
    End,
    /// To stop, as Ctrl-Z does.
    Stop,
    /// To take the terminal again, after the process was stopped without a warning.
    GoOn,
    /// To look how large the terminal is.
    Resize,
}

impl TerminalSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            stop: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            go_on: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            resize: signal(SignalKind::window_change())?,
        })
    }

    async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.terminate.recv() => SignalRequest::End,
            _ = self.hang_up.recv() => SignalRequest::End,
            _ = self.interrupt.recv() => SignalRequest::End,
            _ = self.stop.recv() => SignalRequest::Stop,
            _ = self.go_on.recv() => SignalRequest::GoOn,
            _ = self.resize.recv() => SignalRequest::Resize,
        }
    }
}

/// What the loop needs besides the dashboard.
#[derive(Debug, Default)]
pub(super) struct RunOptions {
    /// Whether to capture the mouse.
    pub(super) mouse: bool,
    /// How remotes are added.
    pub(super) add_remote: RemoteAdder,
}

/// Runs the dashboard until the user ends it; returns its last state.
///
/// # Errors
/// When the terminal can't be used.
pub(super) async fn run(
    mut app: App,
    sources: Vec<HostSource>,
    clock: Clock,
    start: RunOptions,
) -> io::Result<App> {
    let RunOptions { mouse, add_remote } = start;
    let mut signals = TerminalSignals::new()?;
    let is_ascii = app.settings.theme.glyphs.ascii;
    let outbox = Outbox::start()?;
    let mut guard = TerminalGuard::enter(mouse, is_ascii, outbox.clone())?;
    let size = guard.size()?;
    let (sender, mut news) = mpsc::channel(QUEUE);
    let mut feeds: Vec<Feed> = sources
        .into_iter()
        .enumerate()
        .map(|(host, source)| Feed::start(host, source, sender.clone()))
        .collect();
    let mut keys = input::start(outbox)?;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let start = Instant::now();
    let now = || ClockReading {
        since_start: start.elapsed(),
        wall: clock.now(),
    };
    let mut effects = app.update(now(), AppMessage::Resize(size.width, size.height));
    let mut drawn = start.checked_sub(FRAME).unwrap_or(start);
    let mut waiting = true;
    let mut added = Vec::new();
    loop {
        for effect in effects.drain(..) {
            match effect {
                Effect::Quit => return Ok(app),
                Effect::AddRemote(remote) => added.push(add_remote.add(&remote)),
                effect => carry_out(effect, &feeds, &mut guard)?,
            }
        }
        for result in added.drain(..) {
            let result = result.map(|(host, source)| {
                feeds.push(Feed::start(feeds.len(), source, sender.clone()));
                host
            });
            effects.extend(app.update(now(), AppMessage::Added(Box::new(result))));
        }
        if !effects.is_empty() {
            continue;
        }
        waiting |= app.take_changed();
        // While the terminal takes the last frame, the next one can still change.
        if waiting && drawn.elapsed() >= FRAME && guard.is_ready() {
            guard.draw(|frame| screens::draw(&app, frame))?;
            drawn = Instant::now();
            waiting = false;
        }
        let next_frame = if waiting && guard.is_ready() {
            FRAME.saturating_sub(drawn.elapsed())
        } else {
            LONG
        };
        let mut redraw = pin!(tokio::time::sleep(next_frame));
        // In this order, so that a key never waits behind news.
        let message = tokio::select! {
            biased;
            event = keys.recv() => match event {
                Some(Ok(event)) => of_terminal(event),
                // The terminal is gone.
                Some(Err(_)) | None => return Ok(app),
            },
            request = signals.next() => {
                match request {
                    SignalRequest::End => return Ok(app),
                    SignalRequest::Stop => guard.suspend()?,
                    SignalRequest::GoOn => guard.take_again()?,
                    SignalRequest::Resize => {}
                }
                waiting = true;
                let size = guard.size()?;
                Some(AppMessage::Resize(size.width, size.height))
            }
            () = guard.broken.notified() => {
                return Err(io::Error::other("a part of the dashboard failed; see above"));
            }
            () = &mut redraw => None,
            () = guard.ready(), if waiting => None,
            _ = tick.tick() => Some(AppMessage::Tick),
            Some(message) = news.recv() => Some(message),
        };
        if let Some(message) = message {
            effects = app.update(now(), message);
        }
    }
}

fn of_terminal(event: Event) -> Option<AppMessage> {
    match event {
        Event::Key(key) => Some(AppMessage::Key(key)),
        Event::Mouse(mouse) => Some(AppMessage::Mouse(mouse)),
        Event::Paste(text) => Some(AppMessage::Paste(text)),
        Event::Resize(width, height) => Some(AppMessage::Resize(width, height)),
        Event::FocusGained | Event::FocusLost => None,
    }
}

fn carry_out(effect: Effect, feeds: &[Feed], guard: &mut TerminalGuard) -> io::Result<()> {
    match effect {
        Effect::Poll(host, plan) => {
            if let Some(feed) = feeds.get(host) {
                feed.poll(plan);
            }
        }
        Effect::Reload(host) => {
            if let Some(feed) = feeds.get(host) {
                feed.reload();
            }
        }
        Effect::Change(host, change) => {
            if let Some(feed) = feeds.get(host) {
                feed.change(change);
            }
        }
        Effect::Suspend => guard.suspend()?,
        Effect::Redraw => guard.redraw()?,
        Effect::Mouse(on) => guard.capture_mouse(on)?,
        Effect::Copy(text) => guard.copy(&text)?,
        // The loop does these itself.
        Effect::Quit | Effect::AddRemote(_) => {}
    }
    Ok(())
}
