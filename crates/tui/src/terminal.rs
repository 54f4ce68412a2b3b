//! The terminal: switched to the dashboard at the start, restored at every end, panics included.

use std::io;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::style::ResetColor;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{Command, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Rect, Size};
use ratatui::{Frame, Terminal};
use tokio::sync::Notify;

use super::outbox::{Canvas, Outbox};
use super::sanitize::CleanBackend;

/// What the dashboard draws on.
type Screen = Terminal<CleanBackend<CrosstermBackend<Canvas>>>;

/// The terminal while the dashboard has it; dropping it gives the terminal back.
pub(super) struct TerminalGuard {
    screen: Screen,
    /// Notified when any thread panics: a task that fails alone would leave a dashboard that only
    /// seems to work.
    pub(super) broken: Arc<Notify>,
    /// Whether the terminal is ours now. It is restored once: a second time would put the cursor
    /// back over what was written in between.
    ours: Arc<AtomicBool>,
    outbox: Outbox,
    canvas: Canvas,
    mouse: bool,
}

impl TerminalGuard {
    /// Takes the terminal over.
    pub(super) fn enter(mouse: bool, is_ascii: bool, outbox: Outbox) -> io::Result<Self> {
        let before = panic::take_hook();
        let broken = Arc::new(Notify::new());
        let on_panic = Arc::clone(&broken);
        let ours = Arc::new(AtomicBool::new(false));
        let of_hook = Arc::clone(&ours);
        let out_of_hook = outbox.clone();
        panic::set_hook(Box::new(move |info| {
            // First the terminal, or the message would be unreadable.
            let _ = restore(&of_hook, &out_of_hook);
            before(info);
            on_panic.notify_one();
        }));
        let canvas = Canvas::default();
        let screen = Terminal::new(CleanBackend::new(
            CrosstermBackend::new(canvas.clone()),
            is_ascii,
        ));
        let mut guard = Self {
            screen: screen?,
            broken,
            ours,
            outbox,
            canvas,
            mouse,
        };
        guard.take_over()?;
        Ok(guard)
    }

    fn take_over(&mut self) -> io::Result<()> {
        self.ours.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        self.outbox.open();
        self.send(EnterAlternateScreen)?;
        self.send(EnableBracketedPaste)?;
        self.capture_mouse(self.mouse)
    }

    /// Captures the mouse, or lets it go so that text can be marked.
    pub(super) fn capture_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            self.send(EnableMouseCapture)
        } else {
            self.send(DisableMouseCapture)
        }
    }

    fn send(&self, command: impl Command) -> io::Result<()> {
        let mut bytes = Vec::new();
        queue!(bytes, command)?;
        self.outbox.send(&bytes)
    }

    /// Offers a text to the clipboard of the terminal: by OSC 52, which also passes SSH. Nothing says
    /// whether the terminal took it.
    pub(super) fn copy(&self, text: &str) -> io::Result<()> {
        let encoded = BASE64_STANDARD.encode(text);
        let sequence = format!("\x1b]52;c;{encoded}\x07");
        self.outbox.send(sequence.as_bytes())
    }

    /// Gives the terminal back and stops, as the shell expects of Ctrl-Z; returns when the shell
    /// continues the program.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore(&self.ours, &self.outbox)?;
        let group = rustix::process::getpgrp();
        rustix::process::kill_process_group(group, rustix::process::Signal::STOP)?;
        self.take_again()
    }

    /// Takes the terminal over once more and draws everything: the shell had it in between.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        restore(&self.ours, &self.outbox)?;
        self.take_over()?;
        self.redraw()
    }

    /// How large the terminal is.
    pub(super) fn size(&self) -> io::Result<Size> {
        self.screen.size()
    }

    /// Makes the next drawing draw everything. `Terminal::clear` would query the terminal for its
    /// cursor, and its report would be read as keys.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        let size = self.screen.size()?;
        self.screen.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Whether the terminal has taken enough of what was drawn to draw more.
    pub(super) fn is_ready(&self) -> bool {
        self.outbox.is_ready()
    }

    /// Waits until it may have.
    pub(super) async fn ready(&self) {
        self.outbox.ready().await;
    }

    /// Draws, unless the terminal was restored already.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if self.ours.load(Ordering::SeqCst) {
            self.screen.draw(draw)?;
            self.outbox.send(&self.canvas.take())?;
        }
        Ok(())
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = restore(&self.ours, &self.outbox);
        self.outbox.end();
    }
}

fn restore(ours: &AtomicBool, outbox: &Outbox) -> io::Result<()> {
    if !ours.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let mut last = Vec::new();
    queue!(
        last,
        ResetColor,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        crossterm::cursor::Show
    )?;
    // Reports of the terminal still come, which the shell would show: raw mode ends after them.
    let closed = outbox.close(&last);
    disable_raw_mode()?;
    closed
}
