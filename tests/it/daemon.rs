//! The daemon as a process: starting, stopping, dying, and several of them on one database.

use crate::support::{left_out, outage, pgpool, postgres};
mod acts;
mod admin;
mod alerts;
mod audited;
mod availability;
mod commands;
mod database;
mod doctor;
mod endurance;
mod ephemeral;
mod fleet;
mod hostile;
mod lifecycle;
mod logs;
mod many;
mod process;
mod processes;
mod reload;
mod remote_admin;
mod revocation;
mod rights;
mod samples;
mod streams;
mod systemd;
mod tls;
mod upgrade;
