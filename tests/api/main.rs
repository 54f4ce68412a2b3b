//! What the HTTP API promises, on both engines: the router in process where only answers matter,
//! real sockets where the connection does.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/left_out.rs"]
mod left_out;
#[path = "../support/pgbouncer.rs"]
mod pgbouncer;
#[path = "../support/postgres.rs"]
mod postgres;

#[macro_use]
#[path = "../support/database.rs"]
mod database;

#[path = "../support/statement.rs"]
mod statement;

mod app;
mod contract;
mod reply;
mod wire;

mod admin;
mod audit;
mod audit_list;
mod connections;
mod document;
mod edge;
mod errors;
mod exposition;
mod fleet;
mod history;
mod http;
mod keys;
mod legacy;
mod losses;
mod matrix;
mod meanwhile;
mod outage;
mod random;
mod refusals;
mod service;
mod slow;
mod statistics;
mod system;
mod unix;
mod users;
