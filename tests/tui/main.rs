//! The dashboard: every screen as text, and the whole program in a real terminal.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/daemon.rs"]
mod daemon;
#[path = "../support/left_out.rs"]
mod left_out;

mod acts;
mod behaviour;
mod hostile;
mod screens;
mod slow;
mod stage;
mod tmux;
mod totals;
mod truth;
mod ways;
