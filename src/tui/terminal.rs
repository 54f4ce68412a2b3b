//! The terminal: taken over at the start, given back whatever happens.

use std::io::{self, Stdout, Write};
use std::panic;

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::sanitize::Clean;

/// What the dashboard draws on.
type Screen = Terminal<Clean<CrosstermBackend<Stdout>>>;

/// The terminal while the dashboard has it; dropping it gives the terminal back.
pub(super) struct Guard {
    /// To draw on.
    pub(super) screen: Screen,
    mouse: bool,
}

impl Guard {
    /// Takes the terminal over.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // First the terminal, or nobody could read what went wrong.
            let _ = give_back();
            before(info);
        }));
        let screen = Terminal::new(Clean::new(CrosstermBackend::new(io::stdout())));
        let mut guard = Self {
            screen: screen?,
            mouse,
        };
        guard.take_over()?;
        Ok(guard)
    }

    fn take_over(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        self.capture_mouse(self.mouse)
    }

    /// Captures the mouse, or lets it go so that text can be marked.
    pub(super) fn capture_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Gives the terminal back and stops, as the shell expects of Ctrl-Z; returns when the shell
    /// continues the program.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back()?;
        let group = rustix::process::getpgrp();
        rustix::process::kill_process_group(group, rustix::process::Signal::STOP)?;
        self.take_over()?;
        self.screen.clear()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = give_back();
    }
}

fn give_back() -> io::Result<()> {
    let raw = disable_raw_mode();
    let mut out = io::stdout();
    execute!(
        out,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        crossterm::cursor::Show
    )?;
    out.flush()?;
    raw
}
