//! The dashboard as the built program: in a real terminal, against real daemons.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/daemon.rs"]
mod daemon;
#[path = "../support/left_out.rs"]
mod left_out;

mod hostile;
mod slow;
mod tmux;
