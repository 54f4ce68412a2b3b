//! The tests that need more than one crate or a whole daemon: one program, so that it is linked once and
//! its modules share one PostgreSQL.

#![cfg(test)]

#[macro_use]
mod support;

mod api;
mod architecture;
mod backup;
mod cli;
mod client;
mod config;
mod daemon;
mod executor;
mod flusher;
mod grafana;
mod guides;
mod install;
mod postgres;
mod ssh;
mod store;
mod tui;
