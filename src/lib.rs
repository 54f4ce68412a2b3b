//! linux-api watches and manages Linux hosts.
//!
//! The module list is the map; `docs/architecture.md` says who may import whom.

pub mod auth;
pub mod backup;
pub mod model;
pub mod store;
