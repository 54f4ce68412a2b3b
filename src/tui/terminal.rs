//! The terminal: taken over at the start, given back whatever happens.

use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Rect, Size};
use ratatui::{Frame, Terminal};
use tokio::sync::Notify;

use super::sanitize::Clean;

/// How often, and with which pauses, a thread that panics looks whether another one draws.
const DRAWING_TRIES: u32 = 20;
const DRAWING_WAIT: Duration = Duration::from_millis(10);

/// What the dashboard draws on.
type Screen = Terminal<Clean<CrosstermBackend<Stdout>>>;

/// The terminal while the dashboard has it; dropping it gives the terminal back.
pub(super) struct Guard {
    screen: Screen,
    /// Told when any thread panics: a task that fails alone would leave a dashboard that only
    /// seems to work.
    pub(super) broken: Arc<Notify>,
    /// Whether the terminal is ours now. It is given back once: a second time would put the cursor
    /// back over what was written in between.
    ours: Arc<AtomicBool>,
    /// Held while something is drawn.
    drawing: Arc<Mutex<()>>,
    mouse: bool,
}

impl Guard {
    /// Takes the terminal over.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        let before = panic::take_hook();
        let broken = Arc::new(Notify::new());
        let tell = Arc::clone(&broken);
        let ours = Arc::new(AtomicBool::new(false));
        let of_hook = Arc::clone(&ours);
        let drawing = Arc::new(Mutex::new(()));
        let drawn = Arc::clone(&drawing);
        panic::set_hook(Box::new(move |info| {
            // First the terminal, or nobody could read what went wrong.
            wait_until_drawn(&drawn);
            let _ = give_back(&of_hook);
            before(info);
            tell.notify_one();
        }));
        let screen = Terminal::new(Clean::new(CrosstermBackend::new(io::stdout())));
        let mut guard = Self {
            screen: screen?,
            broken,
            ours,
            drawing,
            mouse,
        };
        guard.take_over()?;
        Ok(guard)
    }

    fn take_over(&mut self) -> io::Result<()> {
        self.ours.store(true, Ordering::SeqCst);
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
        give_back(&self.ours)?;
        let group = rustix::process::getpgrp();
        rustix::process::kill_process_group(group, rustix::process::Signal::STOP)?;
        self.take_again()
    }

    /// Takes the terminal over once more and draws everything: the shell had it in between.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        give_back(&self.ours)?;
        self.take_over()?;
        self.redraw()
    }

    /// How large the terminal is.
    pub(super) fn size(&self) -> io::Result<Size> {
        self.screen.size()
    }

    /// Has the next drawing draw everything. `Terminal::clear` would ask the terminal for its
    /// cursor, and the answer would go to whoever waits for keys.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        let size = self.screen.size()?;
        self.screen.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Draws, unless the terminal was given back for good already.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let _drawing = self.drawing.lock();
        if self.ours.load(Ordering::SeqCst) {
            self.screen.draw(draw)?;
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = give_back(&self.ours);
    }
}

/// Waits for a drawing of another thread, so that it does not end on the shell's screen. A thread
/// that panics while it draws itself must not wait for ever.
fn wait_until_drawn(drawing: &Mutex<()>) {
    for _ in 0..DRAWING_TRIES {
        if !matches!(drawing.try_lock(), Err(TryLockError::WouldBlock)) {
            return;
        }
        std::thread::sleep(DRAWING_WAIT);
    }
}

fn give_back(ours: &AtomicBool) -> io::Result<()> {
    if !ours.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
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
