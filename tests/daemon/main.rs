//! The daemon as a process: starting, stopping, dying, and several of them on one database.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod admin;
mod audited;
mod availability;
mod database;
mod doctor;
mod endurance;
mod hostile;
#[path = "../support/left_out.rs"]
mod left_out;
mod lifecycle;
mod many;
#[path = "../support/outage.rs"]
mod outage;
#[path = "../support/pgpool.rs"]
mod pgpool;
#[path = "../support/postgres.rs"]
mod postgres;
mod process;
mod processes;
mod reload;
mod remote_admin;
mod revocation;
mod samples;
mod streams;
mod systemd;
mod tls;
mod upgrade;
