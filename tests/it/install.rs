//! Setup, units and packages: what is put onto a host, and what is left when it goes.

use crate::support::{left_out, postgres, small_program};
mod acts;
mod answers;
mod database;
mod download;
mod file_server;
mod manifests;
mod ordinary;
mod prompts;
mod repository;
mod scripts;
mod setup;
mod supply_chain;
mod tree;
mod units;
mod workshop;
