//! linux-api watches and manages Linux hosts.
//!
//! The module list is the map; `docs/architecture.md` says who may import whom.

pub mod cli;
pub mod config;
pub mod model;
