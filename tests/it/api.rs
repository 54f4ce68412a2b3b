//! What the HTTP API promises, on both engines: the router in process where only responses matter,
//! real sockets where the connection does.

use crate::support::{database, left_out, pgbouncer, statement};
mod app;
mod contract;
mod reply;
mod wire;

mod acts;
mod admin;
mod alert_brakes;
mod alert_rules;
mod alerts;
mod audit;
mod audit_list;
mod connections;
mod document;
mod edge;
mod errors;
mod exposition;
mod fleet;
mod fleet_figures;
mod fleet_history;
mod fleet_statistics;
mod forget;
mod future;
mod history;
mod hosts;
mod http;
mod keys;
mod legacy;
mod logs;
mod losses;
mod matrix;
mod meanwhile;
mod network;
mod outage;
mod random;
mod refusals;
mod service;
mod slow;
mod statistics;
mod system;
mod units;
mod unix;
mod users;
