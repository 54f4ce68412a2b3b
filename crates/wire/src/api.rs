//! The wire contract that server and client share: bodies, parameters, errors, cursors.

pub mod acts;
pub mod alerts;
pub mod audit;
pub mod fleet;
pub mod health;
pub mod history;
pub mod keys;
pub mod logs;
pub mod metrics;
pub mod network;
pub mod page;
pub mod problem;
pub mod processes;
pub mod snapshot;
pub mod system;
pub mod units;
pub mod users;
