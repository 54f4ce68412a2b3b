//! What comes from the terminal, read on a thread of its own.

use std::{io, thread};

use crossterm::event::{self, Event};
use tokio::sync::mpsc;

/// So many events may wait to be looked at; more stay in the terminal.
const WAITING: usize = 64;

/// Starts to read; the last event is an error where the terminal can't be read any more.
///
/// Nobody waits for the thread: crossterm goes on reading for ever when its terminal is gone, and
/// then the loop still has to hear the signals that tell of it.
///
/// # Errors
/// When no thread can be started.
pub(super) fn start() -> io::Result<mpsc::Receiver<io::Result<Event>>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let read = move || {
        loop {
            let event = event::read();
            let is_last = event.is_err();
            if sender.blocking_send(event).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(read)?;
    Ok(receiver)
}
