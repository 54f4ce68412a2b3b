//! Setup, units and packages: what is put onto a host, and what is left when it goes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod database;
#[path = "../support/left_out.rs"]
mod left_out;
mod ordinary;
#[path = "../support/postgres.rs"]
mod postgres;
mod prompts;
mod scripts;
mod setup;
#[path = "../support/small_program.rs"]
mod small_program;
mod supply_chain;
mod tree;
mod units;
