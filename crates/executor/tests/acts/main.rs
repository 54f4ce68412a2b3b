//! The executor over its socket: real processes, a real log, and a fake systemd on a private bus.

#![cfg(test)]

mod automatic;
#[path = "../../../../tests/it/support/bus.rs"]
mod bus;
mod flow;
#[path = "../../../../tests/it/support/left_out.rs"]
mod left_out;
mod meanwhile;
mod messages;
mod support;
mod units;
