//! The daemon as a process: starting, stopping, dying, and several of them on one database.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod admin;
mod lifecycle;
mod many;
#[path = "../support/postgres.rs"]
mod postgres;
mod process;
mod processes;
mod readme;
mod reload;
mod streams;
mod systemd;
mod tls;
mod upgrade;
