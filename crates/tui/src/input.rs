//! What comes from the terminal, read on a thread of its own.

mod parser;

use std::time::Duration;
use std::{io, thread};

use crossterm::event::Event;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

use parser::{InputParser, TerminalInput};

use super::outbox::Outbox;

/// So many events may wait to be looked at; more stay in the terminal.
const WAITING: usize = 64;
/// How long the rest of a sequence may take on a slow line before its Esc is one.
const PAUSE: Duration = Duration::from_millis(40);

/// Starts to read; the last event is an error where the terminal can't be read any more. Reports of
/// the terminal go to the outbox.
///
/// The thread is never joined: it reads until its terminal is gone.
///
/// # Errors
/// When no thread can be started.
pub(super) fn start(outbox: Outbox) -> io::Result<mpsc::Receiver<io::Result<Event>>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let read = move || {
        let mut parser = InputParser::default();
        loop {
            let inputs = match next(&mut parser) {
                Ok(inputs) => inputs,
                Err(error) => {
                    // The loop may be over already.
                    let _ = sender.blocking_send(Err(error));
                    return;
                }
            };
            for input in inputs {
                match input {
                    TerminalInput::Taken => outbox.taken(),
                    TerminalInput::Event(event) => {
                        // When the loop is over, reports still count: the end waits for them.
                        let _ = sender.blocking_send(Ok(event));
                    }
                }
            }
        }
    };
    thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(read)?;
    Ok(receiver)
}

/// Waits for something from the terminal.
fn next(parser: &mut InputParser) -> io::Result<Vec<TerminalInput>> {
    if parser.is_ambiguous() && !has_more()? {
        return Ok(parser.give_up());
    }
    let mut bytes = [0; 1024];
    match rustix::io::read(rustix::stdio::stdin(), &mut bytes) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => Ok(parser.feed(&bytes[..length])),
        Err(rustix::io::Errno::INTR) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Whether more comes within a moment.
fn has_more() -> io::Result<bool> {
    let stdin = rustix::stdio::stdin();
    let mut waited = [PollFd::new(&stdin, PollFlags::IN)];
    let pause = Timespec::try_from(PAUSE).map_err(io::Error::other)?;
    match poll(&mut waited, Some(&pause)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
