//! linux-api monitors Linux hosts.
//!
//! The module list is the map; `docs/architecture.md` says who may import whom.

pub mod access_log;
pub mod api;
pub mod auth;
pub mod backup;
pub mod cli;
pub mod client;
pub mod collector;
pub mod config;
pub mod files;
pub mod import;
pub mod model;
pub mod recorder;
pub mod server;
pub mod setup;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod tui;
